#include "stream_infer/opencv/overlay.hpp"

#include "opencv/pictures.hpp"
#include "support/catch.hpp"
#include "support/error_of.hpp"

#include <limits>
#include <string>
#include <vector>

namespace si = stream_infer;
namespace test = stream_infer::test;

namespace {

/// How many pixels differ, in a part of the picture.
int changed(const si::Frame& frame, const si::Overlay& overlay, const cv::Rect& part) {
  const si::ImageView image = overlay.image();
  const cv::Mat now{image.height, image.width, si::detail::mat_type(image.format),
                    const_cast<std::uint8_t*>(image.data), static_cast<std::size_t>(image.stride)};
  cv::Mat difference;
  cv::absdiff(si::as_mat(frame)(part), now(part), difference);
  std::vector<cv::Mat> planes;
  cv::split(difference, planes);
  cv::Mat any = planes[0] > 0;
  for (const cv::Mat& plane : planes) any |= plane > 0;
  return cv::countNonZero(any);
}

}  // namespace

TEST_CASE("What is drawn is on a copy, where it should be", "[opencv][overlay]") {
  si::FramePool<> pool;
  for (const si::PixelFormat format :
       {si::PixelFormat::bgr24, si::PixelFormat::rgb24, si::PixelFormat::bgra32, si::PixelFormat::gray8}) {
    const si::Frame frame = test::picture(pool, {.width = 640, .height = 360, .format = format}, 3);
    const cv::Mat before = si::as_mat(frame).clone();
    si::Overlay overlay{frame};
    CHECK(changed(frame, overlay, {0, 0, 640, 360}) == 0);
    overlay.draw(si::Detections{{.box = {100, 100, 80, 60}, .class_id = 1, .score = 0.5F, .label = si::Name{"cat"}}});
    CHECK(changed(frame, overlay, {98, 98, 85, 65}) > 400);
    CHECK(changed(frame, overlay, {110, 110, 60, 40}) == 0);  // within the box
    CHECK(changed(frame, overlay, {300, 0, 340, 360}) == 0);
    overlay.draw(si::Tracks{{.id = 7, .box = {400, 200, 50, 50}}});
    CHECK(changed(frame, overlay, {398, 198, 60, 60}) > 200);
    overlay.line({300, 0}, {300, 360}, "in 3");
    CHECK(changed(frame, overlay, {290, 0, 20, 360}) > 500);
    overlay.zone({{500, 20}, {620, 20}, {560, 100}}, "zone");
    CHECK(changed(frame, overlay, {490, 0, 150, 110}) > 300);
    overlay.text("00:00:01").text("second line");
    CHECK(changed(frame, overlay, {0, 0, 90, 50}) > 500);
    CHECK(cv::norm(si::as_mat(frame), before, cv::NORM_INF) == 0);
  }
}

TEST_CASE("Drawing beyond the edges, and on small pictures, does no harm", "[opencv][overlay]") {
  si::FramePool<> pool;
  for (const int width : {1, 8, 640})
    for (const int height : {1, 8, 2160}) {
      const si::Frame frame = test::picture(pool, {.width = width, .height = height}, 1);
      si::Overlay overlay{frame};
      overlay.draw(
          si::Detections{{.box = {-1000, -1000, 5000, 5000}, .class_id = -1, .label = si::Name{std::string(200, 'x')}},
                         {.box = {2000, 2000, 0, 0}}});
      constexpr float far = std::numeric_limits<float>::max(), nan = std::numeric_limits<float>::quiet_NaN();
      overlay.draw(si::Tracks{{.id = 1, .box = {-far, -far, far, far}}, {.id = 2, .box = {nan, 1, 1, nan}}});
      overlay.line({-far, far}, {far, -far}).zone({{far, 0}, {nan, far}, {0, -far}});
      overlay.zone({}).line({-5, -5}, {5000, 5000}, "line").text(std::string(300, 'y'));
      CHECK(overlay.image().width == width);
    }
  CHECK(test::error_of([] { si::Overlay{si::Frame{}}; }).code() == si::Errc::invalid_argument);
}
