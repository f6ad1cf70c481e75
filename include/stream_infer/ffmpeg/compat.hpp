#pragma once

// Every difference between the supported versions of FFmpeg, 4.4 to 8, behind a named function or type.

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavcodec/bsf.h>
#include <libavdevice/avdevice.h>
#include <libavfilter/avfilter.h>
#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
#include <libavformat/avformat.h>
#include <libavutil/avstring.h>
#include <libavutil/avutil.h>
#include <libavutil/display.h>
#include <libavutil/frame.h>
#include <libavutil/imgutils.h>
#include <libavutil/opt.h>
#include <libavutil/parseutils.h>
#include <libswscale/swscale.h>
}

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <type_traits>

namespace stream_infer::ffmpeg::compat {

/// `const AVInputFormat` since 5.0, `AVInputFormat` before; as avformat_open_input() wants it.
using InputFormat = std::remove_pointer_t<decltype(av_find_input_format(""))>;

/// Likewise for what av_find_best_stream() and avcodec_find_decoder() give.
using Codec = std::remove_pointer_t<decltype(avcodec_find_decoder(AV_CODEC_ID_NONE))>;

/// The container's display matrix of a stream (nine numbers), or null.
[[nodiscard]] inline const std::int32_t* display_matrix(const AVStream& stream) {
#if LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(60, 31, 102)  // FFmpeg 6.1
  const AVPacketSideData* data = av_packet_side_data_get(
      stream.codecpar->coded_side_data, stream.codecpar->nb_coded_side_data, AV_PKT_DATA_DISPLAYMATRIX);
  if (data == nullptr || data->size < 9 * sizeof(std::int32_t)) return nullptr;
  return reinterpret_cast<const std::int32_t*>(data->data);
#else
  std::conditional_t<(LIBAVFORMAT_VERSION_MAJOR >= 59), std::size_t, int> size = 0;  // int before FFmpeg 5
  const std::uint8_t* data = av_stream_get_side_data(&stream, AV_PKT_DATA_DISPLAYMATRIX, &size);
  if (data == nullptr || static_cast<std::size_t>(size) < 9 * sizeof(std::int32_t)) return nullptr;
  return reinterpret_cast<const std::int32_t*>(data);
#endif
}

/// Gives a stream that is to be written a display matrix. \throws std::bad_alloc
inline void set_display_matrix(AVStream& stream, const std::array<std::int32_t, 9>& matrix) {
#if LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(60, 31, 102)
  AVCodecParameters& parameters = *stream.codecpar;
  AVPacketSideData* const made = av_packet_side_data_new(&parameters.coded_side_data, &parameters.nb_coded_side_data,
                                                         AV_PKT_DATA_DISPLAYMATRIX, sizeof matrix, 0);
  std::uint8_t* const data = made != nullptr ? made->data : nullptr;
#else
  std::uint8_t* const data = av_stream_new_side_data(&stream, AV_PKT_DATA_DISPLAYMATRIX, sizeof matrix);
#endif
  if (data == nullptr) throw std::bad_alloc{};
  std::memcpy(data, matrix.data(), sizeof matrix);
}

/// How many channels a sound has.
template <class Parameters>
[[nodiscard]] int channels(const Parameters& parameters) {
  if constexpr (requires { parameters.ch_layout; })  // FFmpeg 5.1
    return parameters.ch_layout.nb_channels;
  else
    return parameters.channels;
}

/// Whether a packet brings new settings for the decoder, beside its picture.
[[nodiscard]] inline bool changes_parameters(const AVPacket& packet) {
  return av_packet_get_side_data(&packet, AV_PKT_DATA_NEW_EXTRADATA, nullptr) != nullptr ||
         av_packet_get_side_data(&packet, AV_PKT_DATA_PARAM_CHANGE, nullptr) != nullptr;
}

/// Whether the decoder calls a picture a key frame.
[[nodiscard]] inline bool is_key_frame(const AVFrame& frame) {
#ifdef AV_FRAME_FLAG_KEY  // FFmpeg 6.1
  return (frame.flags & AV_FRAME_FLAG_KEY) != 0;
#else
  return frame.key_frame != 0;
#endif
}

/// How many entries the container's index of a stream has, as far as it has been read.
[[nodiscard]] inline int index_entries(const AVStream& stream) {
#if LIBAVFORMAT_VERSION_INT >= AV_VERSION_INT(58, 78, 100)  // FFmpeg 5
  return avformat_index_get_entries_count(&stream);
#else
  return stream.nb_index_entries;
#endif
}

/// One of them.
[[nodiscard]] inline AVIndexEntry index_entry(AVStream& stream, int i) {
#if LIBAVFORMAT_VERSION_INT >= AV_VERSION_INT(58, 78, 100)
  return *avformat_index_get_entry(&stream, i);
#else
  return stream.index_entries[i];
#endif
}

/// The pixel formats that an encoder takes, up to AV_PIX_FMT_NONE; null: it does not say.
[[nodiscard]] inline const AVPixelFormat* pixel_formats(const AVCodec& codec) {
#if LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(61, 13, 100)  // FFmpeg 7.1
  const void* formats = nullptr;
  avcodec_get_supported_config(nullptr, &codec, AV_CODEC_CONFIG_PIX_FORMAT, 0, &formats, nullptr);
  return static_cast<const AVPixelFormat*>(formats);
#else
  return codec.pix_fmts;
#endif
}

/// The frame rates that an encoder takes, up to 0/0; null: any.
[[nodiscard]] inline const AVRational* frame_rates(const AVCodec& codec) {
#if LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(61, 13, 100)
  const void* rates = nullptr;
  avcodec_get_supported_config(nullptr, &codec, AV_CODEC_CONFIG_FRAME_RATE, 0, &rates, nullptr);
  return static_cast<const AVRational*>(rates);
#else
  return codec.supported_framerates;
#endif
}

/// Sets what closes the files that a muxer opens itself: int (AVFormatContext*, AVIOContext*). Before FFmpeg 5.1 nobody gets
/// what it returns.
template <auto close, class Context>
void set_io_close(Context& context) {
  if constexpr (requires { context.io_close2; })
    context.io_close2 = close;
  else
    context.io_close = [](Context* self, AVIOContext* file) { static_cast<void>(close(self, file)); };
}

/// RTSP's option for how long a server may say nothing. Before FFmpeg 5 its `timeout` meant to listen.
inline constexpr const char* rtsp_timeout = LIBAVFORMAT_VERSION_MAJOR >= 59 ? "timeout" : "stimeout";

}  // namespace stream_infer::ffmpeg::compat
