#pragma once

#include "stream_infer/core/frame.hpp"
#include "stream_infer/core/image.hpp"
#include "stream_infer/core/min_max.hpp"
#include "stream_infer/opencv/mat.hpp"
#include "stream_infer/vision/counters.hpp"
#include "stream_infer/vision/detection.hpp"

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <vector>

#include <opencv2/imgproc.hpp>

namespace stream_infer {

/// A copy of a picture to draw on; the frame's own pixels, which algorithms look at, stay as they are. Lines and letters are
/// as large as suits the picture. Letters are ASCII: others become '?'.
///
///     inference.process([&](const si::Frame& frame, const auto& latest) {
///       si::Overlay overlay{frame};
///       if (const auto* tracks = latest.template find<si::Tracks>("people")) overlay.draw(tracks->value);
///       overlay.text(si::to_hms_ms(frame.time()));
///     });
class Overlay {
 public:
  /// \throws Error  as Frame::image(), or if there is no picture
  explicit Overlay(const Frame& frame) : Overlay{frame.image()} {}
  explicit Overlay(ImageView image) : canvas_{image}, mat_{as_mat(canvas_.span())} {
    unit_ = detail::max(1, static_cast<int>(std::lround(image.height / 360.)));
  }

  /// What was drawn on. It is valid for as long as this lives.
  [[nodiscard]] ImageView image() const { return canvas_.view(); }
  /// The same for OpenCV, to draw more.
  [[nodiscard]] cv::Mat& mat() { return mat_; }

  /// Boxes with label and score, in the colour of their class.
  Overlay& draw(std::span<const Detection> detections) {
    for (const Detection& one : detections)
      box(one.box, one.class_id < 0 ? 0 : static_cast<std::uint64_t>(one.class_id), title(one.label, one.score));
    return *this;
  }
  /// Boxes with number and label, in a colour of their own.
  Overlay& draw(std::span<const Track> tracks) {
    for (const Track& one : tracks) {
      const std::string label{one.label.view()};
      box(one.box, one.id, '#' + std::to_string(one.id) + (label.empty() ? "" : ' ' + label));
    }
    return *this;
  }
  Overlay& draw(const Detections& detections) { return draw(std::span<const Detection>{detections}); }
  Overlay& draw(const Tracks& tracks) { return draw(std::span<const Track>{tracks}); }

  Overlay& line(Point a, Point b, const std::string& title = {}) {
    cv::line(mat_, at(a), at(b), white, 2 * unit_, cv::LINE_AA);
    if (!title.empty()) label(at({(a.x + b.x) / 2, (a.y + b.y) / 2}), title, white);
    return *this;
  }

  Overlay& zone(const std::vector<Point>& corners, const std::string& title = {}) {
    if (corners.empty()) return *this;
    std::vector<cv::Point> points;
    points.reserve(corners.size());
    for (const Point corner : corners) points.push_back(at(corner));
    cv::polylines(mat_, points, true, white, 2 * unit_, cv::LINE_AA);
    if (!title.empty()) label(points.front(), title, white);
    return *this;
  }

  /// A line of text at the left upper corner, each below the one before.
  Overlay& text(const std::string& words) {
    const int height = letters(words).height + 6 * unit_;
    label({4 * unit_, 4 * unit_ + (lines_ + 1) * height}, words, white);
    ++lines_;
    return *this;
  }

 private:
  static inline const cv::Scalar white{255, 255, 255, 255}, black{0, 0, 0, 255};

  static std::string title(const Name& name, float score) {
    char number[16];
    std::snprintf(number, sizeof number, "%.2f", static_cast<double>(score));
    const std::string words{name.view()};
    return words.empty() ? number : words + ' ' + number;
  }

  /// Colours that are far from each other, whatever the numbers.
  [[nodiscard]] cv::Scalar colour(std::uint64_t number) const {
    const double hue = std::fmod(static_cast<double>(number) * 0.618033988749895, 1) * 6;
    const auto part = [hue](double shift) {
      const double place = std::fmod(hue + shift, 6);
      return 255 * detail::clamp(std::abs(place - 3) - 1, 0., 1.);
    };
    const double red = part(0), green = part(4), blue = part(2);
    const PixelFormat format = canvas_.spec().format;
    const bool is_rgb = format == PixelFormat::rgb24 || format == PixelFormat::rgba32;
    return is_rgb ? cv::Scalar{red, green, blue, 255} : cv::Scalar{blue, green, red, 255};
  }

  static cv::Point at(Point point) {
    const auto whole = [](float place) {  // whatever a model makes of it
      return std::isnan(place) ? 0 : static_cast<int>(std::lround(detail::clamp(place, -1e6F, 1e6F)));
    };
    return {whole(point.x), whole(point.y)};
  }

  [[nodiscard]] double size() const { return 0.4 * unit_; }
  [[nodiscard]] cv::Size letters(const std::string& words) const {
    int below = 0;
    return cv::getTextSize(words, cv::FONT_HERSHEY_SIMPLEX, size(), unit_, &below);
  }

  /// Words on a ground of their own, their left lower corner at a point, but in the picture.
  void label(cv::Point corner, const std::string& words, const cv::Scalar& ground) {
    const cv::Size letter = letters(words);
    const int margin = 2 * unit_;
    corner.x = detail::clamp(corner.x, 0, detail::max(0, mat_.cols - letter.width - 2 * margin));
    corner.y = detail::clamp(corner.y, letter.height + 2 * margin, detail::max(letter.height + 2 * margin, mat_.rows));
    cv::rectangle(
        mat_, {corner.x, corner.y - letter.height - 2 * margin, letter.width + 2 * margin, letter.height + 2 * margin},
        ground, cv::FILLED);
    cv::putText(mat_, words, {corner.x + margin, corner.y - margin}, cv::FONT_HERSHEY_SIMPLEX, size(), black, unit_,
                cv::LINE_AA);
  }

  void box(const Box& box, std::uint64_t number, const std::string& words) {
    const cv::Point corner = at({box.x, box.y}), end = at({box.right(), box.bottom()});
    cv::rectangle(mat_, corner, end, colour(number), 2 * unit_);
    label(corner, words, colour(number));
  }

  Image canvas_;
  cv::Mat mat_;
  int unit_ = 1;   // the thickness of thin lines
  int lines_ = 0;  // of text()
};

}  // namespace stream_infer
