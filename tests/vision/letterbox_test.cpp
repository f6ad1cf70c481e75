#include "stream_infer/vision/letterbox.hpp"

#include "support/catch.hpp"
#include "support/error_of.hpp"
#include "support/random.hpp"

namespace si = stream_infer;
namespace test = stream_infer::test;
using Catch::Matchers::ContainsSubstring;

namespace {

/// An integer from `low` to `high`.
int pick(test::Random& random, int low, int high) { return static_cast<int>(random.between(low, high)); }

}  // namespace

TEST_CASE("A picture is in the middle of its input, with bars", "[vision][letterbox]") {
  const si::Letterbox wide{1920, 1080, 640, 640};
  CHECK(wide.x() == 0);
  CHECK(wide.y() == 140);
  CHECK(wide.width() == 640);
  CHECK(wide.height() == 360);
  CHECK(wide.to_source({0, 140, 640, 360}) == si::Box{0, 0, 1920, 1080});
  CHECK(wide.to_source({320, 320, 64, 36}) == si::Box{960, 540, 192, 108});
  CHECK(wide.to_source({0, 0, 640, 140}) == si::Box{});  // in the bar
  const si::Letterbox high{100, 200, 64, 64};
  CHECK(high.x() == 16);
  CHECK(high.y() == 0);
  CHECK(high.width() == 32);
  const si::Letterbox larger{10, 10, 640, 320};  // scaled up, too
  CHECK(larger.width() == 320);
  CHECK(larger.x() == 160);
  const si::Letterbox thin{10'000, 1, 64, 64};
  CHECK(thin.height() == 1);
}

TEST_CASE("A box comes back from the input where it was", "[vision][letterbox]") {
  test::for_random_cases(500, [](test::Random& random) {
    const int width = pick(random, 1, 4000), height = pick(random, 1, 4000);
    const si::Letterbox letterbox{width, height, pick(random, 32, 1280), pick(random, 32, 1280)};
    const auto part = [&](int of) { return static_cast<float>(pick(random, 0, of * 10)) / 10; };
    si::Box box;
    box.x = part(width);
    box.y = part(height);
    box.width = part(width) * (1 - box.x / static_cast<float>(width));
    box.height = part(height) * (1 - box.y / static_cast<float>(height));
    const si::Box back = letterbox.to_source(letterbox.to_input(box));
    const float tolerance = 1e-4F * static_cast<float>(width + height);
    if (box.width < 1 || box.height < 1) return;
    CHECK(back.x == Approx(box.x).margin(tolerance));
    CHECK(back.y == Approx(box.y).margin(tolerance));
    CHECK(back.right() == Approx(box.right()).margin(tolerance));
    CHECK(back.bottom() == Approx(box.bottom()).margin(tolerance));
  });
}

TEST_CASE("Sizes that are none are errors", "[vision][letterbox]") {
  CHECK_THAT(test::error_of([] { si::Letterbox(0, 10, 10, 10); }).what(), ContainsSubstring("a width or height of 0"));
  CHECK_THAT(test::error_of([] { si::Letterbox(10, 10, 10, -3); }).what(), ContainsSubstring("-3"));
}
