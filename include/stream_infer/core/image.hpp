#pragma once

#include "stream_infer/core/error.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

namespace stream_infer {

/// How an image's bytes are laid out: interleaved, 8 bits a channel.
enum class PixelFormat : std::uint8_t { bgr24, rgb24, bgra32, rgba32, gray8 };

/// Bytes per pixel, which is also the number of channels.
[[nodiscard]] constexpr int channels(PixelFormat format) {
  switch (format) {
    case PixelFormat::bgr24:
    case PixelFormat::rgb24: return 3;
    case PixelFormat::bgra32:
    case PixelFormat::rgba32: return 4;
    case PixelFormat::gray8: return 1;
  }
  return 0;
}

[[nodiscard]] constexpr std::string_view to_string(PixelFormat format) {
  switch (format) {
    case PixelFormat::bgr24: return "bgr24";
    case PixelFormat::rgb24: return "rgb24";
    case PixelFormat::bgra32: return "bgra32";
    case PixelFormat::rgba32: return "rgba32";
    case PixelFormat::gray8: return "gray8";
  }
  return "unknown";
}

/// The size and layout of an image.
struct ImageSpec {
  int width = 0;   ///< pixels
  int height = 0;  ///< pixels
  PixelFormat format = PixelFormat::bgr24;

  friend bool operator==(const ImageSpec&, const ImageSpec&) = default;
};

/// A look at pixels that somebody else owns: `height` rows of `width` pixels, `stride` bytes from one row to the next.
/// `stride` may be larger than `width * channels(format)`: go by row(), or check contiguous() first.
template <class Byte>
struct BasicImageView {
  Byte* data = nullptr;
  int width = 0;
  int height = 0;
  std::ptrdiff_t stride = 0;
  PixelFormat format = PixelFormat::bgr24;

  /// The bytes of row `y`, 0 at the top, without padding: `width * channels(format)` of them.
  [[nodiscard]] std::span<Byte> row(int y) const {
    return {data + y * stride, static_cast<std::size_t>(width) * static_cast<std::size_t>(channels(format))};
  }
  [[nodiscard]] bool empty() const { return data == nullptr; }
  [[nodiscard]] bool contiguous() const { return stride == std::ptrdiff_t{width} * channels(format); }
  [[nodiscard]] ImageSpec spec() const { return {width, height, format}; }

  operator BasicImageView<const Byte>() const  // NOLINT(google-explicit-constructor): as span<T> to span<const T>
      requires(!std::is_const_v<Byte>) {
    return {data, width, height, stride, format};
  }
};

using ImageView = BasicImageView<const std::uint8_t>;  ///< read only
using ImageSpan = BasicImageView<std::uint8_t>;        ///< writable

/// An image that owns its pixels, for example a copy of a frame to draw on. Rows start at multiples of 64 bytes, and
/// 64 bytes behind the last row may be written, as FFmpeg's vector code does.
class Image {
 public:
  Image() = default;

  /// \throws Error if the size is not positive
  explicit Image(ImageSpec spec) { reset(spec); }

  /// A copy. A template, so that `Image{{.width = 640, .height = 360}}` is a size.
  template <class Byte>
  explicit Image(BasicImageView<Byte> from) : Image{from.spec()} {
    const std::size_t row_bytes =
        static_cast<std::size_t>(from.width) * static_cast<std::size_t>(channels(from.format));
    for (int y = 0; y < from.height; ++y) std::memcpy(bytes() + y * stride_, from.data + y * from.stride, row_bytes);
  }

  /// Takes another size and layout; the pixels are then undefined. Memory is kept where it suffices.
  void reset(ImageSpec spec) {
    if (spec.width <= 0 || spec.height <= 0 || spec.width > max_side || spec.height > max_side)
      throw Error{Errc::invalid_argument, "image", {}, "its width and height must be from 1 to 65535"};
    const std::size_t blocks_per_row =
        (static_cast<std::size_t>(spec.width) * static_cast<std::size_t>(channels(spec.format)) + 63) / 64;
    const std::size_t blocks = blocks_per_row * static_cast<std::size_t>(spec.height) + 1;
    if (blocks_.size() < blocks) blocks_ = std::vector<Block>(blocks);
    spec_ = spec;
    stride_ = static_cast<std::ptrdiff_t>(blocks_per_row * 64);
  }

  [[nodiscard]] ImageSpan span() { return {bytes(), spec_.width, spec_.height, stride_, spec_.format}; }
  [[nodiscard]] ImageView view() const { return {bytes(), spec_.width, spec_.height, stride_, spec_.format}; }
  operator ImageView() const { return view(); }  // NOLINT(google-explicit-constructor): as string to string_view
  [[nodiscard]] const ImageSpec& spec() const { return spec_; }

 private:
  static constexpr int max_side = 65535;
  struct alignas(64) Block {
    std::uint8_t bytes[64];
  };

  [[nodiscard]] std::uint8_t* bytes() { return blocks_.empty() ? nullptr : blocks_.data()->bytes; }
  [[nodiscard]] const std::uint8_t* bytes() const { return blocks_.empty() ? nullptr : blocks_.data()->bytes; }

  ImageSpec spec_;
  std::ptrdiff_t stride_ = 0;
  std::vector<Block> blocks_;
};

}  // namespace stream_infer
