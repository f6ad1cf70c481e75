#pragma once

#include "stream_infer/core/error.hpp"
#include "stream_infer/ffmpeg/error.hpp"
#include "stream_infer/ffmpeg/handle.hpp"

#include <cstdint>
#include <string>

namespace stream_infer::ffmpeg {

/// Decodes the packets of one stream, on several threads inside FFmpeg. For one thread at a time.
class Decoder {
 public:
  /// \param threads  decoding threads; 0 is one for each core
  /// \param name     the source, redacted, for errors
  /// \throws Error   if this FFmpeg has no decoder for the stream
  Decoder(const AVStream& stream, int threads, const std::string& name) {
    const AVCodecParameters& parameters = *stream.codecpar;
    const std::string codec_name = avcodec_get_name(parameters.codec_id);
    compat::Codec* codec = avcodec_find_decoder(parameters.codec_id);
    if (codec == nullptr)
      throw Error{Errc::unsupported, "open decoder", name, "this FFmpeg has no decoder for " + codec_name};
    context_ = detail::not_null<UniqueCodecContext>(avcodec_alloc_context3(codec));
    if (const int code = avcodec_parameters_to_context(context_.get(), &parameters); code < 0)
      throw make_error(code, "open decoder", name, codec_name);
    context_->pkt_timebase = stream.time_base;
    context_->thread_count = threads;
    context_->thread_type = FF_THREAD_FRAME | FF_THREAD_SLICE;
    if (const int code = avcodec_open2(context_.get(), codec, nullptr); code < 0)
      throw make_error(code, "open decoder", name, codec_name);
  }

  enum class Status : std::uint8_t {
    frame,   ///< a picture
    hungry,  ///< it wants a packet
    end,     ///< all is out
    error,   ///< a packet, this one or an earlier, could not be decoded; go on
  };

  /// Gives it a packet, or null at the end: then it gives out what it still has. After a receive() that was hungry.
  /// Returns whether the decoder took it.
  [[nodiscard]] bool send(const AVPacket* packet) { return avcodec_send_packet(context_.get(), packet) >= 0; }

  /// The next picture, in the order of display.
  [[nodiscard]] Status receive(AVFrame& frame) {
    const int code = avcodec_receive_frame(context_.get(), &frame);
    if (code >= 0) return Status::frame;
    if (code == AVERROR(EAGAIN)) return Status::hungry;
    return code == AVERROR_EOF ? Status::end : Status::error;
  }

  /// Forgets everything: packets from another place follow.
  void flush() { avcodec_flush_buffers(context_.get()); }

 private:
  UniqueCodecContext context_;
};

}  // namespace stream_infer::ffmpeg
