#include "stream_infer/opencv/mat_picture.hpp"

#include "support/catch.hpp"
#include "support/error_of.hpp"

#include <cstdint>
#include <optional>

namespace si = stream_infer;
namespace test = stream_infer::test;
using Catch::Matchers::ContainsSubstring;

namespace {

/// A picture of one colour: grey 76 is what this red is.
cv::Mat red(int channels, cv::Size size) {
  if (channels == 1) return {size, CV_8UC1, cv::Scalar{76}};
  return {size, CV_MAKETYPE(CV_8U, channels), cv::Scalar{0, 0, 255, 255}};
}

}  // namespace

TEST_CASE("A matrix becomes frames of every format and size", "[opencv][mat_picture]") {
  const int from = GENERATE(1, 3, 4);
  const si::PixelFormat format = GENERATE(si::PixelFormat::bgr24, si::PixelFormat::rgb24, si::PixelFormat::bgra32,
                                          si::PixelFormat::rgba32, si::PixelFormat::gray8);
  const cv::Size size = GENERATE(cv::Size{40, 30}, cv::Size{17, 11}, cv::Size{80, 90}, cv::Size{80, 11});
  si::FramePool<si::MatPicture> pool;
  const cv::Mat picture = red(from, {40, 30});
  const si::Frame frame = pool.make_lazy({.width = size.width, .height = size.height, .format = format},
                                         si::MediaTime{0}, [&](si::MatPicture& held) { held.hold(picture); });
  cv::Scalar expected{0, 0, 255, 255};
  if (format == si::PixelFormat::rgb24 || format == si::PixelFormat::rgba32) expected = {255, 0, 0, 255};
  if (format == si::PixelFormat::gray8) expected = cv::Scalar::all(76);
  if (from == 1) expected = {76, 76, 76, 255};
  const cv::Mat got = si::as_mat(frame);
  CHECK(got.size() == size);
  CHECK(cv::norm(got, cv::Mat{got.size(), got.type(), expected}, cv::NORM_INF) == 0);
  CHECK(pool.counters()->frames_converted == 1);
}

TEST_CASE("What is not 8 bits a channel is refused", "[opencv][mat_picture]") {
  si::MatPicture picture;
  CHECK_THAT(test::error_of([&] { picture.hold(cv::Mat(4, 4, CV_16UC1)); }).what(),
             ContainsSubstring("expected pictures of CV_8UC1, CV_8UC3 or CV_8UC4, found CV_16UC1"));
  CHECK_THAT(test::error_of([&] { picture.hold(cv::Mat(4, 4, CV_8UC2)); }).what(), ContainsSubstring("CV_8UC2"));
}
