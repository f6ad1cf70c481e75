#include "stream_infer/opencv/mat.hpp"

#include "opencv/pictures.hpp"
#include "support/catch.hpp"

#include <cstdint>
#include <optional>
#include <utility>

namespace si = stream_infer;
namespace test = stream_infer::test;

TEST_CASE("A matrix has the frame's own pixels", "[opencv][mat]") {
  si::FramePool<> pool;
  for (const auto& [format, type] : {std::pair{si::PixelFormat::bgr24, CV_8UC3},
                                     {si::PixelFormat::rgb24, CV_8UC3},
                                     {si::PixelFormat::bgra32, CV_8UC4},
                                     {si::PixelFormat::rgba32, CV_8UC4},
                                     {si::PixelFormat::gray8, CV_8UC1}}) {
    const si::Frame frame = test::picture(pool, {.width = 37, .height = 11, .format = format}, 1);
    const cv::Mat mat = si::as_mat(frame);
    CHECK(mat.data == frame.image().data);
    CHECK(mat.type() == type);
    CHECK(mat.cols == 37);
    CHECK(mat.rows == 11);
    CHECK(mat.ptr(7) == frame.image().row(7).data());
  }
  CHECK(si::as_mat(si::Frame{}).empty());
}

TEST_CASE("A matrix keeps the picture alive, and lets go of it", "[opencv][mat]") {
  si::FramePool<> pool;
  const si::ImageSpec spec{.width = 64, .height = 48, .format = si::PixelFormat::bgr24};
  std::optional<si::Frame> frame = test::picture(pool, spec, 5);
  const cv::Mat expected = si::as_mat(*frame).clone();
  cv::Mat mat = si::as_mat(*frame);
  const std::uint8_t* const pixels = mat.data;
  cv::Mat part = mat(cv::Rect{8, 8, 16, 16}), copy = mat;
  frame.reset();
  const si::Frame next = test::picture(pool, spec, 6);  // would be written over it
  CHECK(next.image().data != pixels);
  CHECK(cv::norm(copy, expected, cv::NORM_INF) == 0);
  mat.release();
  copy.release();
  CHECK(cv::norm(part, expected(cv::Rect{8, 8, 16, 16}), cv::NORM_INF) == 0);
  part.release();
  const si::Frame again = test::picture(pool, spec, 7);
  CHECK(again.image().data == pixels);  // it went back to the pool
}

TEST_CASE("A matrix can be given other pixels", "[opencv][mat]") {
  si::FramePool<> pool;
  const si::Frame frame = test::picture(pool, {.width = 20, .height = 10, .format = si::PixelFormat::gray8}, 1);
  cv::Mat mat = si::as_mat(frame);
  mat.create(100, 200, CV_32FC1);
  mat.setTo(1);
  CHECK(cv::sum(mat)[0] == 20'000);
  CHECK(si::as_mat(frame).data == frame.image().data);
  mat = mat * 2 + si::as_mat(frame).size().width;
  CHECK(mat.at<float>(3, 4) == 22);
}

TEST_CASE("An image to draw on is a matrix, too", "[opencv][mat]") {
  si::Image image{si::ImageSpec{.width = 5, .height = 4, .format = si::PixelFormat::bgr24}};
  cv::Mat mat = si::as_mat(image.span());
  mat.setTo(cv::Scalar{1, 2, 3});
  CHECK(image.view().row(3)[13] == 2);
}
