#pragma once

#include "stream_infer/core/min_max.hpp"

namespace stream_infer {

/// A rectangle of a picture, in its pixels: the left upper corner, where (0, 0) is the corner of the first pixel and not its
/// centre, and the size.
struct Box {
  float x = 0, y = 0, width = 0, height = 0;

  [[nodiscard]] constexpr float right() const { return x + width; }
  [[nodiscard]] constexpr float bottom() const { return y + height; }
  [[nodiscard]] constexpr float area() const { return width * height; }

  friend constexpr bool operator==(const Box&, const Box&) = default;
};

/// What two boxes have in common; an empty box where that is nothing.
[[nodiscard]] constexpr Box intersection(const Box& a, const Box& b) {
  const float x = detail::max(a.x, b.x), y = detail::max(a.y, b.y);
  const float width = detail::min(a.right(), b.right()) - x, height = detail::min(a.bottom(), b.bottom()) - y;
  if (!(width > 0 && height > 0)) return {};
  return {x, y, width, height};
}

/// Intersection over union: 1 for the same box, 0 for boxes that have nothing in common, or are empty.
[[nodiscard]] constexpr float iou(const Box& a, const Box& b) {
  const float common = intersection(a, b).area();
  return common > 0 ? common / (a.area() + b.area() - common) : 0;
}

/// The part of a box that is in a picture of that size.
[[nodiscard]] constexpr Box clipped(const Box& box, int width, int height) {
  return intersection(box, {0, 0, static_cast<float>(width), static_cast<float>(height)});
}

}  // namespace stream_infer
