#pragma once

#include "stream_infer/core/error.hpp"
#include "stream_infer/core/frame.hpp"
#include "stream_infer/core/image.hpp"
#include "stream_infer/ffmpeg/converter.hpp"
#include "stream_infer/ffmpeg/error.hpp"
#include "stream_infer/ffmpeg/handle.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace stream_infer {

enum class SnapshotFormat : std::uint8_t {
  jpeg,  ///< 4:2:0, BT.601 in full range, as JFIF has it; an alpha channel is left out
  png,   ///< the very pixels
};

struct SnapshotOptions {
  SnapshotFormat format = SnapshotFormat::jpeg;
  int quality = 90;  ///< of a JPEG, from 1 to 100; FFmpeg has 30 steps of it
};

namespace ffmpeg::detail {

[[nodiscard]] inline AVPixelFormat snapshot_pixels(SnapshotFormat format, PixelFormat pixels) {
  if (format == SnapshotFormat::jpeg) return AV_PIX_FMT_YUVJ420P;
  switch (pixels) {
    case PixelFormat::bgr24:
    case PixelFormat::rgb24: return AV_PIX_FMT_RGB24;
    case PixelFormat::bgra32:
    case PixelFormat::rgba32: return AV_PIX_FMT_RGBA;
    case PixelFormat::gray8: return AV_PIX_FMT_GRAY8;
  }
  return AV_PIX_FMT_NONE;
}

}  // namespace ffmpeg::detail

/// An image as the bytes of a file: to save, to send with a webhook, to show in a browser. Any thread.
///
/// \throws Error  for an image without pixels, a quality that makes no sense, or an FFmpeg without the encoder
[[nodiscard]] inline std::vector<std::uint8_t> snapshot(ImageView image, const SnapshotOptions& options = {}) {
  const auto check = [](int code, const char* what) {
    if (code < 0) throw ffmpeg::make_error(code, "snapshot", {}, what);
  };
  if (image.empty()) throw Error{Errc::invalid_argument, "snapshot", {}, "the image has no pixels"};
  if (options.quality < 1 || options.quality > 100)
    throw Error{Errc::invalid_argument, "snapshot", {}, "SnapshotOptions::quality is from 1 to 100"};
  const bool is_jpeg = options.format == SnapshotFormat::jpeg;
  const auto* const codec = avcodec_find_encoder(is_jpeg ? AV_CODEC_ID_MJPEG : AV_CODEC_ID_PNG);
  if (codec == nullptr)
    throw Error{Errc::unsupported, "snapshot", {}, is_jpeg ? "this FFmpeg makes no JPEG" : "this FFmpeg makes no PNG"};

  ffmpeg::UniqueCodecContext encoder{ffmpeg::detail::not_null(avcodec_alloc_context3(codec))};
  encoder->width = image.width;
  encoder->height = image.height;
  encoder->pix_fmt = ffmpeg::detail::snapshot_pixels(options.format, image.format);
  encoder->time_base = {1, 25};
  encoder->thread_count = 1;
  const int step = 2 + (100 - options.quality) * 29 / 99;  // 2 is the best, 31 the worst
  if (is_jpeg) {
    encoder->flags |= AV_CODEC_FLAG_QSCALE;
    encoder->global_quality = step * FF_QP2LAMBDA;
    encoder->color_range = AVCOL_RANGE_JPEG;
  }
  check(avcodec_open2(encoder.get(), codec, nullptr), "the encoder cannot be opened");

  const ffmpeg::UniqueFrame picture = ffmpeg::make_frame();
  picture->width = image.width;
  picture->height = image.height;
  picture->format = encoder->pix_fmt;
  picture->quality = encoder->global_quality;
  picture->pts = 0;
  check(av_frame_get_buffer(picture.get(), 0), "no memory for the picture");
  const ffmpeg::UniqueScaler scaler{sws_getContext(image.width, image.height, ffmpeg::to_av(image.format), image.width,
                                                   image.height, encoder->pix_fmt, SWS_POINT | SWS_ACCURATE_RND,
                                                   nullptr, nullptr, nullptr)};
  if (!scaler) throw Error{Errc::unsupported, "snapshot", {}, "FFmpeg does not convert this image"};
  const std::array<const std::uint8_t*, 4> planes{image.data};
  const std::array<int, 4> strides{static_cast<int>(image.stride)};
  check(sws_scale(scaler.get(), planes.data(), strides.data(), 0, image.height, picture->data, picture->linesize),
        "the image cannot be converted");

  const ffmpeg::UniquePacket packet = ffmpeg::make_packet();
  check(avcodec_send_frame(encoder.get(), picture.get()), "the image cannot be encoded");
  check(avcodec_send_frame(encoder.get(), nullptr), "the image cannot be encoded");
  check(avcodec_receive_packet(encoder.get(), packet.get()), "the image cannot be encoded");
  return {packet->data, packet->data + packet->size};
}

/// The frame's pixels, likewise. \throws Error  as Frame::image(), too
[[nodiscard]] inline std::vector<std::uint8_t> snapshot(const Frame& frame, const SnapshotOptions& options = {}) {
  return snapshot(frame.image(), options);
}

}  // namespace stream_infer
