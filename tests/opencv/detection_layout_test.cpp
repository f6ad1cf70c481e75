#include "stream_infer/opencv/detection_layout.hpp"

#include "support/catch.hpp"

#include <cmath>
#include <cstddef>
#include <optional>
#include <vector>

namespace si = stream_infer;
using si::DetectionLayout;
using si::detail::layout_of;

namespace {

using Shape = std::vector<int>;

/// A matrix of many dimensions that looks at `values`.
cv::Mat output_of(const Shape& shape, std::vector<float>& values) { return {shape, CV_32F, values.data()}; }

}  // namespace

TEST_CASE("The shapes of published models tell their layout", "[opencv][layout]") {
  CHECK(layout_of(Shape{1, 25200, 85}, 1, {640, 640}) == DetectionLayout::yolov5);
  CHECK(layout_of(Shape{4, 25200, 6}, 4, {640, 640}) == DetectionLayout::yolov5);
  CHECK(layout_of(Shape{1, 102000, 85}, 1, {1280, 1280}) == DetectionLayout::yolov5);  // strides to 64
  CHECK(layout_of(Shape{1, 15120, 85}, 1, {640, 384}) == DetectionLayout::yolov5);
  CHECK(layout_of(Shape{1, 84, 8400}, 1, {640, 640}) == DetectionLayout::yolov8);
  CHECK(layout_of(Shape{1, 5, 2100}, 1, {320, 320}) == DetectionLayout::yolov8);
  CHECK(layout_of(Shape{1, 84, 34000}, 1, {640, 640}) == DetectionLayout::yolov8);  // strides from 4
  CHECK(layout_of(Shape{1, 1, 100, 7}, 1, {300, 300}) == DetectionLayout::ssd);
  CHECK(layout_of(Shape{1, 1, 400, 7}, 4, {300, 300}) == DetectionLayout::ssd);
}

TEST_CASE("What only looks like one of them is none", "[opencv][layout]") {
  for (const Shape& shape : {
           Shape{1, 300, 6},    // suppressed already: corners, score, class
           Shape{1, 8400, 85},  // one box a cell, perhaps not decoded
           Shape{1, 8400, 84},  // a YOLOv8 on its side
           Shape{1, 4, 8400},   // no class
           Shape{1, 25200, 5},  // likewise
           Shape{2, 84, 8400},  // of two pictures
           Shape{1, 3, 80, 80, 85},
           Shape{25200, 85},
           Shape{1, 1, 100, 6},
       })
    CHECK_FALSE(layout_of(shape, 1, {640, 640}));
  CHECK_FALSE(layout_of(Shape{1, 63, 21}, 1, {32, 32}));  // it may be both
}

TEST_CASE("Rows of an SSD end where the picture is -1; what makes no sense is left out", "[opencv][layout]") {
  constexpr float nan = NAN;
  std::vector<float> rows{0,  1,   0.9F, 0.1F, 0.2F, 0.3F, 0.6F,  // the first picture
                          1,  2,   0.8F, 0,    0,    0.5F, 0.5F,  // the second
                          0,  -1,  0.9F, 0,    0,    1,    1,     // no class
                          0,  nan, 0.9F, 0,    0,    1,    1,     //
                          0,  3,   nan,  0,    0,    1,    1,     // no score
                          0,  3,   0.4F, 0,    0,    1,    1,     // too little
                          -1, 0,   0,    0,    0,    0,    0,     // the end
                          0,  1,   0.9F, 0,    0,    1,    1};
  const cv::Mat output = output_of({1, 1, 8, 7}, rows);
  const si::Detections first = si::detail::read_ssd(output, 0, 0.5F, {100, 200});
  REQUIRE(first.size() == 1);
  CHECK(first[0].class_id == 1);
  CHECK(first[0].score == 0.9F);
  CHECK(si::iou(first[0].box, {10, 40, 20, 80}) == Approx(1));
  const si::Detections second = si::detail::read_ssd(output, 1, 0.5F, {100, 200});
  REQUIRE(second.size() == 1);
  CHECK(second[0].class_id == 2);
  CHECK(si::iou(second[0].box, {0, 0, 50, 100}) == Approx(1));
}

TEST_CASE("Scores at the limit count, what is no number does not", "[opencv][layout]") {
  constexpr float nan = NAN;
  std::vector<float> v5{10, 20, 4, 6, 1,    0.25F, 0.5F,  //
                        10, 20, 4, 6, 0.5F, 0.9F,  0.1F, 10, 20, 4, 6, nan, 1, 1};
  const si::Detections of_v5 = si::detail::read_yolov5(output_of({1, 3, 7}, v5), 0, 0.5F);
  REQUIRE(of_v5.size() == 1);
  CHECK(of_v5[0] == si::Detection{.box = {8, 17, 4, 6}, .class_id = 1, .score = 0.5F});
  std::vector<float> v8{10, 0, 0, 20, 0, 0, 4, 1, 1, 6, 1, 1, 0.25F, 0.4F, nan, 0.5F, 0.3F, nan};
  const si::Detections of_v8 = si::detail::read_yolov8(output_of({1, 6, 3}, v8), 0, 0.5F);
  CHECK(of_v8 == of_v5);
}
