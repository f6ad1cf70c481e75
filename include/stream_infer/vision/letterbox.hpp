#pragma once

#include "stream_infer/core/error.hpp"
#include "stream_infer/core/min_max.hpp"
#include "stream_infer/vision/box.hpp"

#include <cmath>
#include <string>

namespace stream_infer {

/// How a picture is put into an input of another shape, without distortion: scaled to fit, in the middle, with bars at two
/// sides. It takes boxes that were found there back to the picture.
class Letterbox {
 public:
  /// All in pixels. \throws Error  if one is not positive
  Letterbox(int source_width, int source_height, int input_width, int input_height)
      : source_width_{source_width}, source_height_{source_height} {
    for (const int side : {source_width, source_height, input_width, input_height})
      if (side <= 0)
        throw Error{Errc::invalid_argument, "letterbox", {}, "a width or height of " + std::to_string(side)};
    const double scale =
        detail::min(static_cast<double>(input_width) / source_width, static_cast<double>(input_height) / source_height);
    width_ = detail::clamp(static_cast<int>(std::lround(source_width * scale)), 1, input_width);
    height_ = detail::clamp(static_cast<int>(std::lround(source_height * scale)), 1, input_height);
    x_ = (input_width - width_) / 2;
    y_ = (input_height - height_) / 2;
  }

  // Where the scaled picture is in the input.
  [[nodiscard]] int x() const { return x_; }
  [[nodiscard]] int y() const { return y_; }
  [[nodiscard]] int width() const { return width_; }
  [[nodiscard]] int height() const { return height_; }

  /// A box of the input, in the picture; only what is in the picture.
  [[nodiscard]] Box to_source(const Box& box) const {
    const float x_scale = static_cast<float>(source_width_) / static_cast<float>(width_);
    const float y_scale = static_cast<float>(source_height_) / static_cast<float>(height_);
    return clipped({(box.x - static_cast<float>(x_)) * x_scale, (box.y - static_cast<float>(y_)) * y_scale,
                    box.width * x_scale, box.height * y_scale},
                   source_width_, source_height_);
  }

  /// A box of the picture, in the input.
  [[nodiscard]] Box to_input(const Box& box) const {
    const float x_scale = static_cast<float>(width_) / static_cast<float>(source_width_);
    const float y_scale = static_cast<float>(height_) / static_cast<float>(source_height_);
    return {box.x * x_scale + static_cast<float>(x_), box.y * y_scale + static_cast<float>(y_), box.width * x_scale,
            box.height * y_scale};
  }

 private:
  int source_width_, source_height_;
  int x_ = 0, y_ = 0, width_ = 0, height_ = 0;
};

}  // namespace stream_infer
