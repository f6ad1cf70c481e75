#pragma once

#include "stream_infer/core/error.hpp"
#include "stream_infer/core/frame.hpp"
#include "stream_infer/core/image.hpp"
#include "stream_infer/core/min_max.hpp"
#include "stream_infer/opencv/mat.hpp"
#include "stream_infer/vision/box.hpp"
#include "stream_infer/vision/letterbox.hpp"

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include <opencv2/imgproc.hpp>

namespace stream_infer {

/// How a picture is brought into the size of a model's input.
enum class InputFit : std::uint8_t {
  letterbox,  ///< as a whole, in its proportion, in the middle, with grey bars at two sides: the YOLO families
  stretch,    ///< as a whole, out of its proportion: most SSD models
  crop,       ///< in its proportion, the middle of it, without what is too much at two sides: most classifiers
};

/// The channels that a model takes. Frames may have any PixelFormat: what has to change places does.
enum class InputChannels : std::uint8_t { rgb, bgr, gray };

/// What a model's input is made of: (pixel - mean) * scale, of pixels from 0 to 255. Scaling is linear.
struct DnnInput {
  int width = 0;   ///< pixels; 0: the model's own. To be said for a model that takes any size
  int height = 0;  ///< likewise
  InputFit fit = InputFit::letterbox;
  InputChannels channels = InputChannels::rgb;
  std::array<double, 3> mean{};                               ///< in the order of `channels`; gray takes the first
  std::array<double, 3> scale{1 / 255., 1 / 255., 1 / 255.};  ///< likewise
};

namespace detail {

[[nodiscard]] constexpr int count_of(InputChannels channels) { return channels == InputChannels::gray ? 1 : 3; }

/// Where which part of a picture is in the input. All in pixels.
class InputPlacement {
 public:
  /// The sizes are positive.
  InputPlacement(InputFit fit, cv::Size source, cv::Size input)
      : source_{source}, from_{{0, 0}, source}, to_{{0, 0}, input} {
    if (fit == InputFit::letterbox) {
      const Letterbox box{source.width, source.height, input.width, input.height};
      to_ = {box.x(), box.y(), box.width(), box.height()};
    }
    if (fit == InputFit::crop) {
      const double scale = detail::max(static_cast<double>(input.width) / source.width,
                                       static_cast<double>(input.height) / source.height);
      from_.width = detail::clamp(static_cast<int>(std::lround(input.width / scale)), 1, source.width);
      from_.height = detail::clamp(static_cast<int>(std::lround(input.height / scale)), 1, source.height);
      from_.x = (source.width - from_.width) / 2;
      from_.y = (source.height - from_.height) / 2;
    }
  }

  [[nodiscard]] const cv::Rect& from() const { return from_; }  ///< the part of the picture
  [[nodiscard]] const cv::Rect& to() const { return to_; }      ///< where it is in the input

  /// A box of the input, in the picture; only what is in the picture.
  [[nodiscard]] Box to_source(const Box& box) const {
    const float x_scale = static_cast<float>(from_.width) / static_cast<float>(to_.width);
    const float y_scale = static_cast<float>(from_.height) / static_cast<float>(to_.height);
    return clipped({(box.x - static_cast<float>(to_.x)) * x_scale + static_cast<float>(from_.x),
                    (box.y - static_cast<float>(to_.y)) * y_scale + static_cast<float>(from_.y), box.width * x_scale,
                    box.height * y_scale},
                   source_.width, source_.height);
  }

 private:
  cv::Size source_;
  cv::Rect from_, to_;
};

/// Writes frames into the input of a model, one at a time. For one thread.
class InputWriter {
 public:
  /// \param size  of the input, in pixels
  InputWriter(const DnnInput& options, cv::Size size) : options_{options}, size_{size} {}

  /// Writes the frame as picture `number` of `input`, which is [pictures, channels, height, width] of CV_32F.
  /// \throws Error  as Frame::image(), or if there is no picture
  InputPlacement write(const Frame& frame, cv::Mat& input, int number) {
    cv::Mat picture = as_mat(frame);
    if (picture.empty()) throw Error{Errc::invalid_argument, "dnn input", {}, "a frame without a picture"};
    const InputPlacement placement{options_.fit, picture.size(), size_};
    picture = fitted(picture(placement.from()), placement.to());
    const bool is_rgb = frame.format() == PixelFormat::rgb24 || frame.format() == PixelFormat::rgba32;
    if (options_.channels == InputChannels::gray && picture.channels() > 1) {
      cv::cvtColor(picture, grey_, conversion_to_grey(picture.channels(), is_rgb));
      picture = grey_;
    }
    for (int c = 0; c < count_of(options_.channels); ++c) {
      cv::Mat plane = picture;
      if (picture.channels() > 1) {
        const bool same_order = is_rgb == (options_.channels == InputChannels::rgb);
        cv::extractChannel(picture, plane_, same_order ? c : 2 - c);
        plane = plane_;
      }
      const auto i = static_cast<std::size_t>(c);
      cv::Mat out{size_, CV_32F, input.ptr<float>(number, c)};
      plane.convertTo(out, CV_32F, options_.scale[i], -options_.mean[i] * options_.scale[i]);
    }
    return placement;
  }

 private:
  /// The part of a picture in the size of the input.
  [[nodiscard]] cv::Mat fitted(const cv::Mat& part, const cv::Rect& to) {
    if (part.size() == size_) return part;
    canvas_.create(size_, part.type());
    if (to.size() != size_) canvas_.setTo(cv::Scalar::all(bars));
    cv::Mat target = canvas_(to);
    cv::resize(part, target, to.size(), 0, 0, cv::INTER_LINEAR);  // it writes into the canvas: the size is right
    return canvas_;
  }

  [[nodiscard]] static int conversion_to_grey(int channels, bool is_rgb) {
    if (channels == 4) return is_rgb ? cv::COLOR_RGBA2GRAY : cv::COLOR_BGRA2GRAY;
    return is_rgb ? cv::COLOR_RGB2GRAY : cv::COLOR_BGR2GRAY;
  }

  static constexpr double bars = 114;  // the grey that the YOLO families are trained with

  DnnInput options_;
  cv::Size size_;
  cv::Mat canvas_, grey_, plane_;
};

}  // namespace detail
}  // namespace stream_infer
