#pragma once

#include "stream_infer/core/error.hpp"
#include "stream_infer/core/image.hpp"
#include "stream_infer/core/recycler.hpp"
#include "stream_infer/ffmpeg/error.hpp"
#include "stream_infer/ffmpeg/handle.hpp"
#include "stream_infer/ffmpeg/orientation.hpp"

#include <array>
#include <cstddef>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace stream_infer::ffmpeg {

[[nodiscard]] constexpr AVPixelFormat to_av(PixelFormat format) {
  switch (format) {
    case PixelFormat::bgr24: return AV_PIX_FMT_BGR24;
    case PixelFormat::rgb24: return AV_PIX_FMT_RGB24;
    case PixelFormat::bgra32: return AV_PIX_FMT_BGRA;
    case PixelFormat::rgba32: return AV_PIX_FMT_RGBA;
    case PixelFormat::gray8: return AV_PIX_FMT_GRAY8;
  }
  return AV_PIX_FMT_NONE;
}

/// Turns decoded pictures into images: size, format, colours, and upright. It keeps the scaler for the kind of picture
/// that it saw last, and makes another one when size, format, colour space or range change. For one thread at a time.
///
/// Colours follow the picture's own matrix and range; where it names none, BT.601 in limited range, as FFmpeg and OpenCV
/// take it. Grey is the picture's own luma, in full range. A wide gamut or HDR keeps its transfer curve: tones are not
/// mapped. An alpha channel that the image has no place for is left out, not blended.
class Converter {
 public:
  /// \throws Error  for a picture that cannot be converted
  void convert(const AVFrame& from, const Orientation& orientation, ImageSpan to) {
    if (orientation.upright()) return scale(from, to);
    ImageSpec lying = to.spec();
    if (orientation.transpose) std::swap(lying.width, lying.height);
    scratch_.reset(lying);
    scale(from, scratch_.span());
    orientation.apply(std::as_const(scratch_).view(), to);
  }

 private:
  struct Kind {
    int from_width, from_height, from_format, colour_space, range, to_width, to_height, to_format;
    friend bool operator==(const Kind&, const Kind&) = default;
  };

  void scale(const AVFrame& from, ImageSpan to) {
    const Kind kind{from.width, from.height, from.format,     number_in(from.colorspace), number_in(from.color_range),
                    to.width,   to.height,   to_av(to.format)};
    if (!scaler_ || kind != kind_) prepare(kind);
    std::array<std::uint8_t*, 4> planes{to.data};
    std::array<int, 4> strides{static_cast<int>(to.stride)};
    const int rows = sws_scale(scaler_.get(), from.data, from.linesize, 0, from.height, planes.data(), strides.data());
    if (rows < 0) throw make_error(rows, "convert", {}, describe(kind));
  }

  /// Decoders put there what the stream says; C++ lets no enumeration be read that has no such value.
  template <class Enumeration>
  static int number_in(const Enumeration& value) {
    int number = 0;
    static_assert(sizeof number == sizeof value);
    std::memcpy(&number, &value, sizeof number);
    return number;
  }

  void prepare(const Kind& kind) {
    scaler_.reset(sws_getContext(kind.from_width, kind.from_height, static_cast<AVPixelFormat>(kind.from_format),
                                 kind.to_width, kind.to_height, static_cast<AVPixelFormat>(kind.to_format), flags(kind),
                                 nullptr, nullptr, nullptr));
    if (!scaler_) throw Error{Errc::unsupported, "convert", {}, describe(kind)};
    set_colours(kind);
    kind_ = kind;
  }

  static int flags(const Kind& kind) {
    // Else swscale takes the colours of RGB from pairs of pixels: with an odd width, also from one beyond the edge.
    return algorithm(kind) | SWS_FULL_CHR_H_INP;
  }

  /// For smaller pictures the area filter is both the best and the cheapest; for larger ones it shows blocks.
  static int algorithm(const Kind& kind) {
    if (kind.to_width == kind.from_width && kind.to_height == kind.from_height) return SWS_POINT;
    const bool smaller = kind.to_width <= kind.from_width && kind.to_height <= kind.from_height;
    return smaller ? SWS_AREA : SWS_BICUBIC;
  }

  void set_colours(const Kind& kind) {
    int* from_matrix = nullptr;
    int* to_matrix = nullptr;
    int from_range = 0, to_range = 0, brightness = 0, contrast = 0, saturation = 0;
    if (sws_getColorspaceDetails(scaler_.get(), &from_matrix, &from_range, &to_matrix, &to_range, &brightness,
                                 &contrast, &saturation) < 0)
      return;  // not a conversion between YUV and RGB: nothing to set
    if (kind.range != AVCOL_RANGE_UNSPECIFIED) from_range = kind.range == AVCOL_RANGE_JPEG ? 1 : 0;
    const bool named = kind.colour_space != AVCOL_SPC_UNSPECIFIED && kind.colour_space != AVCOL_SPC_RGB;
    const int* matrix = sws_getCoefficients(named ? kind.colour_space : SWS_CS_DEFAULT);
    // on both sides: else grey would be made of colours, with another matrix
    sws_setColorspaceDetails(scaler_.get(), matrix, from_range, matrix, to_range, brightness, contrast, saturation);
  }

  static std::string describe(const Kind& kind) {
    const char* from = av_get_pix_fmt_name(static_cast<AVPixelFormat>(kind.from_format));
    const char* to = av_get_pix_fmt_name(static_cast<AVPixelFormat>(kind.to_format));
    const auto size = [](int width, int height) { return std::to_string(width) + "x" + std::to_string(height); };
    return std::string{"from "} + size(kind.from_width, kind.from_height) + ' ' + (from != nullptr ? from : "unknown") +
           " to " + size(kind.to_width, kind.to_height) + ' ' + (to != nullptr ? to : "unknown");
  }

  UniqueScaler scaler_;
  Kind kind_{};
  Image scratch_;
};

/// A decoded picture waiting to be looked at: what the frames of FFmpegProducer hold.
class DecodedPicture {
 public:
  using Converters = stream_infer::detail::Recycler<Converter, 16>;

  /// Takes what `decoded` refers to, to be converted by one of `converters`.
  void take(AVFrame& decoded, const Orientation& orientation, const std::shared_ptr<Converters>& converters) {
    av_frame_move_ref(frame_.get(), &decoded);
    orientation_ = orientation;
    converters_ = converters;
  }

  void convert(ImageSpan out) {
    if (frame_->buf[0] == nullptr)
      throw Error{Errc::left_out,
                  "convert",
                  {},
                  "nobody had asked for the pixels of this frame, or in realtime it came too late, so it was not "
                  "decoded (with a process() hook, or in play() by hand, every frame has its pixels)"};
    // Frames may be looked at by several threads at once: each takes a converter of its own.
    Handle<Converter> converter = converters_->take();
    if (!converter) converter.reset(new Converter);
    converter->convert(*frame_, orientation_, out);
    converters_->put(std::move(converter));
  }

  void drop() noexcept { av_frame_unref(frame_.get()); }

 private:
  UniqueFrame frame_ = make_frame();
  Orientation orientation_;
  std::shared_ptr<Converters> converters_;
};

}  // namespace stream_infer::ffmpeg
