#include "stream_infer/opencv/background_motion.hpp"

#include "opencv/pictures.hpp"
#include "support/catch.hpp"
#include "support/error_of.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace si = stream_infer;
namespace test = stream_infer::test;
using Catch::Matchers::ContainsSubstring;

namespace {

/// A grey picture with a bright square.
si::Frame square(si::FramePool<>& pool, int x, const si::ImageSpec& spec = {.width = 320, .height = 240}) {
  return pool.make(spec, si::MediaTime{0}, [&](si::ImageSpan out) {
    for (int row = 0; row < out.height; ++row)
      for (std::size_t i = 0; i < out.row(row).size(); ++i) {
        const int column = static_cast<int>(i) / channels(spec.format);
        const bool is_square = x >= 0 && row >= 100 && row < 140 && column >= x && column < x + 40;
        out.row(row)[i] = static_cast<std::uint8_t>(is_square ? 230 : 90);
      }
  });
}

}  // namespace

TEST_CASE("What moves is found, and what stays is not", "[opencv][motion]") {
  si::FramePool<> pool;
  si::BackgroundMotion motion;
  for (int i = 0; i < 20; ++i) {
    const std::vector<si::Frame> still{square(pool, -1)};
    CHECK(motion.run(still).regions.empty());
  }
  for (int x = 0; x < 200; x += 50) {
    const std::vector<si::Frame> moving{square(pool, x)};
    const si::Motion found = motion.run(moving);
    REQUIRE(found.regions.size() == 1);
    CHECK(si::iou(found.regions[0].box, {static_cast<float>(x), 100, 40, 40}) > 0.8F);
    CHECK(found.share == Approx(1600.0 / (320 * 240)).epsilon(0.2));
    CHECK(found.regions[0].label == "motion");
  }
}

TEST_CASE("Another size or format begins anew", "[opencv][motion]") {
  si::FramePool<> pool;
  si::BackgroundMotion motion;
  for (const si::ImageSpec& spec : {si::ImageSpec{.width = 320, .height = 240},
                                    {.width = 160, .height = 200},
                                    {.width = 160, .height = 200, .format = si::PixelFormat::gray8}}) {
    for (int i = 0; i < 5; ++i) {
      const std::vector<si::Frame> still{square(pool, -1, spec)};
      CHECK(motion.run(still).share == 0);
    }
    const std::vector<si::Frame> moving{square(pool, 50, spec)};
    CHECK(motion.run(moving).regions.size() == 1);
  }
  for (const si::BackgroundMotionOptions& wrong :
       {si::BackgroundMotionOptions{.history = 0}, {.threshold = 0}, {.smallest = 2}})
    CHECK_THAT(test::error_of([&] { si::BackgroundMotion{wrong}; }).what(),
               ContainsSubstring("BackgroundMotionOptions"));
}
