#include "stream_infer/opencv/hog_people.hpp"

#include "opencv/pictures.hpp"
#include "stream_infer/algo/algo.hpp"
#include "support/catch.hpp"
#include "support/error_of.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace si = stream_infer;
namespace test = stream_infer::test;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("People are found as OpenCV itself finds them", "[opencv][hog]") {
  si::FramePool<> pool;
  std::size_t found = 0;
  for (const si::PixelFormat format : {si::PixelFormat::bgr24, si::PixelFormat::gray8})
    for (const int x : {-80, 0, 60}) {
      const std::vector<si::Frame> window{test::person(pool, {.width = 320, .height = 240, .format = format}, x)};
      si::HogPeople people{{.hit_threshold = -0.5}};
      const si::Detections detections = people.run(window);
      found += detections.size();

      cv::HOGDescriptor hog;
      hog.setSVMDetector(cv::HOGDescriptor::getDefaultPeopleDetector());
      std::vector<cv::Rect> boxes;
      std::vector<double> distances;
      hog.detectMultiScale(si::as_mat(window[0]), boxes, distances, -0.5, {8, 8}, {}, 1.05, 0);
      CHECK(detections.empty() == boxes.empty());
      for (const si::Detection& one : detections) {
        const bool is_one_of_them = std::any_of(boxes.begin(), boxes.end(), [&](const cv::Rect& box) {
          const auto i = static_cast<std::size_t>(&box - boxes.data());
          return si::clipped({static_cast<float>(box.x), static_cast<float>(box.y), static_cast<float>(box.width),
                              static_cast<float>(box.height)},
                             320, 240) == one.box &&
                 one.score == Approx(1 / (1 + std::exp(-distances[i])));
        });
        CHECK(is_one_of_them);
        CHECK(one.label == "person");
      }
      const double best = distances.empty() ? 0 : *std::max_element(distances.begin(), distances.end());
      if (!boxes.empty()) CHECK(detections[0].score == Approx(1 / (1 + std::exp(-best))));
    }
  CHECK(found > 0);
}

TEST_CASE("A picture that is too small for a person has none; one of another format is refused", "[opencv][hog]") {
  si::FramePool<> pool;
  si::HogPeople people;
  const std::vector<si::Frame> small{test::picture(pool, {.width = 60, .height = 60}, 1)};
  CHECK(people.run(small).empty());
  const std::vector<si::Frame> rgb{
      test::picture(pool, {.width = 160, .height = 160, .format = si::PixelFormat::rgb24}, 1)};
  CHECK_THAT(test::error_of([&] { static_cast<void>(people.run(rgb)); }).what(), ContainsSubstring("bgr24"));
  for (const si::HogPeopleOptions& wrong : {si::HogPeopleOptions{.step = 5}, {.scale = 1}, {.most_overlap = 0}})
    CHECK_THAT(test::error_of([&] { si::HogPeople{wrong}; }).what(), ContainsSubstring("HogPeopleOptions"));
}
