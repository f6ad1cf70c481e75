#pragma once

#include "stream_infer/ffmpeg/av1_bitstream.hpp"
#include "stream_infer/ffmpeg/bitstream.hpp"
#include "stream_infer/ffmpeg/codec_parser.hpp"
#include "stream_infer/ffmpeg/compat.hpp"
#include "stream_infer/ffmpeg/h264_bitstream.hpp"
#include "stream_infer/ffmpeg/handle.hpp"
#include "stream_infer/ffmpeg/hevc_bitstream.hpp"
#include "stream_infer/ffmpeg/intra_bitstream.hpp"
#include "stream_infer/ffmpeg/mpeg2_bitstream.hpp"
#include "stream_infer/ffmpeg/vpx_bitstream.hpp"

namespace stream_infer::ffmpeg {
namespace detail {

template <class B, class... Args>
Handle<Bitstream> make(const Args&... arguments) {
  return Handle<Bitstream>{new B{arguments...}};
}

}  // namespace detail

/// What can be read of the pictures of a stream; null where nothing can be relied on.
[[nodiscard]] inline Handle<Bitstream> make_bitstream(const AVCodecParameters& parameters) {
  switch (parameters.codec_id) {
    case AV_CODEC_ID_H264:
      // FFmpeg makes up for an old encoder's errors in 4:4:4, which it knows by a comment in the first packet.
      if (parameters.profile == 244 || parameters.profile == 44) return nullptr;
      if (!CodecParser::has(AV_CODEC_ID_H264)) return nullptr;
      return detail::make<detail::H264Bitstream>(parameters);
    case AV_CODEC_ID_HEVC:
      if (!CodecParser::has(AV_CODEC_ID_HEVC)) return nullptr;
      return detail::make<detail::HevcBitstream>(parameters);
    case AV_CODEC_ID_MPEG1VIDEO:
    case AV_CODEC_ID_MPEG2VIDEO: return detail::make<detail::Mpeg2Bitstream>(parameters);
    case AV_CODEC_ID_VP8: return detail::make<detail::Vp8Bitstream>();
    case AV_CODEC_ID_VP9: return detail::make<detail::Vp9Bitstream>();
    case AV_CODEC_ID_AV1: return detail::make<detail::Av1Bitstream>();
    case AV_CODEC_ID_MJPEG:
    case AV_CODEC_ID_PRORES:
    case AV_CODEC_ID_DNXHD:
    case AV_CODEC_ID_JPEG2000:
    case AV_CODEC_ID_HUFFYUV:
    case AV_CODEC_ID_UTVIDEO:
    case AV_CODEC_ID_V210: return detail::make<detail::IntraBitstream>(parameters.codec_id);
    case AV_CODEC_ID_RAWVIDEO:
      if (parameters.format == AV_PIX_FMT_PAL8) return nullptr;  // a palette may come with an earlier picture
      return detail::make<detail::IntraBitstream>(parameters.codec_id);
    default: return nullptr;
  }
}

}  // namespace stream_infer::ffmpeg
