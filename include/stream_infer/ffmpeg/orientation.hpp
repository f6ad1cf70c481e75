#pragma once

#include "stream_infer/core/image.hpp"
#include "stream_infer/ffmpeg/compat.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace stream_infer::ffmpeg {

/// How a decoded picture must be turned to stand upright: transposed first, then mirrored. Any turn by a multiple of 90
/// degrees, with or without a mirror image.
struct Orientation {
  bool transpose = false;  ///< rows become columns
  bool flip_x = false;     ///< left becomes right
  bool flip_y = false;     ///< top becomes bottom

  [[nodiscard]] bool upright() const { return !transpose && !flip_x && !flip_y; }

  /// From a container's display matrix, which sends a decoded pixel (p, q) to (a·p + c·q, b·p + d·q). A turn by up to
  /// about a degree more or less counts as the multiple of 90 degrees next to it; other angles are left alone.
  [[nodiscard]] static Orientation from(const std::int32_t* matrix) {
    if (matrix == nullptr) return {};
    const std::int64_t a = matrix[0], b = matrix[1], c = matrix[3], d = matrix[4];
    const auto nothing_beside = [](std::int64_t small, std::int64_t large) {
      return std::abs(small) * 57 < std::abs(large);
    };
    if (nothing_beside(b, a) && nothing_beside(c, d)) return {.flip_x = a < 0, .flip_y = d < 0};
    if (nothing_beside(a, b) && nothing_beside(d, c)) return {.transpose = true, .flip_x = c < 0, .flip_y = b < 0};
    return {};
  }

  /// Writes `from`, turned upright, into `to`. With transpose, `to` is as wide as `from` is high.
  void apply(ImageView from, ImageSpan to) const {
    switch (channels(from.format)) {
      case 1: return apply_pixels<1>(from, to);
      case 3: return apply_pixels<3>(from, to);
      case 4: return apply_pixels<4>(from, to);
    }
  }

 private:
  template <int Bytes>
  void apply_pixels(ImageView from, ImageSpan to) const {
    for (int y = 0; y < to.height; ++y) {
      std::uint8_t* out = to.data + y * to.stride;
      const int v = flip_y ? to.height - 1 - y : y;
      for (int x = 0; x < to.width; ++x) {
        const int u = flip_x ? to.width - 1 - x : x;
        const std::uint8_t* in = from.data + (transpose ? u : v) * from.stride;
        std::memcpy(out, in + std::ptrdiff_t{transpose ? v : u} * Bytes, Bytes);
        out += Bytes;
      }
    }
  }
};

}  // namespace stream_infer::ffmpeg
