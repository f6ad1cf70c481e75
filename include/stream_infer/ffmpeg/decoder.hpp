#pragma once

#include "stream_infer/core/error.hpp"
#include "stream_infer/ffmpeg/error.hpp"
#include "stream_infer/ffmpeg/handle.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <new>
#include <string>
#include <utility>

namespace stream_infer::ffmpeg {

/// Whether the decoder says that a picture is not as it was coded.
[[nodiscard]] inline bool is_damaged(const AVFrame& picture) {
  return (picture.flags & AV_FRAME_FLAG_CORRUPT) != 0 || picture.decode_error_flags != 0;
}

/// Decodes the packets of one stream, on several threads inside FFmpeg. For one thread at a time.
class Decoder {
 public:
  /// \param stream   what it says now is what counts: the decoder may be on another thread than the demuxer
  /// \param threads  decoding threads; 0 is one for each core
  /// \param name     the source, redacted, for errors
  /// \param prompt   no picture waits for later ones to be decoded: threads share a picture, where its slices let them
  /// \throws Error   if this FFmpeg has no decoder for the stream
  Decoder(const AVStream& stream, int threads, std::string name, bool prompt = false)
      : parameters_{detail::not_null(avcodec_parameters_alloc())},
        time_base_{stream.time_base},
        threads_{threads},
        prompt_{prompt},
        name_{std::move(name)} {
    if (avcodec_parameters_copy(parameters_.get(), stream.codecpar) < 0) throw std::bad_alloc{};
    open();
  }

  enum class Status : std::uint8_t {
    frame,   ///< a picture
    hungry,  ///< it wants a packet
    end,     ///< all is out
    error,   ///< a packet, this one or an earlier, could not be decoded; go on
  };

  /// Gives it a packet, or null at the end: then it gives out what it still has. After a receive() that was hungry.
  /// Returns whether the decoder took it.
  [[nodiscard]] bool send(const AVPacket* packet) {
    if (!context_) open();
    ++sent_;
    if (packet != nullptr && (packet->flags & AV_PKT_FLAG_CORRUPT) != 0)
      cut_[next_cut_++ % cut_.size()] = {packet->pts, sent_};
    const bool taken = succeeded(avcodec_send_packet(context_.get(), packet));
    damaged_ = damaged_ || !taken;
    return taken;
  }

  /// The next picture, in the order of display. If its packet may have been incomplete, it carries AV_FRAME_FLAG_CORRUPT; if
  /// it was decoded with errors, decode_error_flags.
  [[nodiscard]] Status receive(AVFrame& frame) {
    if (!context_) return Status::hungry;
    const int code = avcodec_receive_frame(context_.get(), &frame);
    if (code == AVERROR(EAGAIN)) return Status::hungry;
    if (code == AVERROR_EOF) return Status::end;
    if (!succeeded(code)) {
      damaged_ = true;
      return Status::error;
    }
    if ((frame.flags & AV_FRAME_FLAG_CORRUPT) != 0) frame.decode_error_flags |= FF_DECODE_ERROR_MISSING_REFERENCE;
    for (Cut& cut : cut_) {
      if (cut.timestamp == AV_NOPTS_VALUE || cut.timestamp != frame.pts) continue;
      if (sent_ - cut.number <= longest_delay) frame.flags |= AV_FRAME_FLAG_CORRUPT;
      cut = {};  // where time stamps begin anew, another picture may have the same
    }
    damaged_ = damaged_ || is_damaged(frame);
    return Status::frame;
  }

  /// FFmpeg's code of the latest failure; 0 if there was none.
  [[nodiscard]] int last_error() const { return last_error_; }

  /// Forgets everything: packets from another place follow. \throws Error
  void flush() {
    if (!context_) return;
    cut_.fill({});
    // With several threads, H.264 of FFmpeg 5.1 does not forget a picture whose errors it has concealed: it refers to it
    // after the flush, without a word.
    if (damaged_)
      open();
    else
      avcodec_flush_buffers(context_.get());
  }

  /// The same, and gives back its memory until there is another packet.
  void close() { context_.reset(nullptr); }

 private:
  void open() {
    const AVCodecParameters& parameters = *parameters_;
    const std::string codec_name = name_of(parameters);
    compat::Codec* codec = avcodec_find_decoder(parameters.codec_id);
    if (codec == nullptr)
      throw Error{Errc::unsupported, "open decoder", name_, "this FFmpeg has no decoder for " + codec_name};
    context_.reset(detail::not_null(avcodec_alloc_context3(codec)));
    if (const int code = avcodec_parameters_to_context(context_.get(), &parameters); code < 0)
      throw make_error(code, "open decoder", name_, codec_name);
    context_->pkt_timebase = time_base_;
    context_->thread_count = threads_;
    context_->thread_type = prompt_ ? FF_THREAD_SLICE : FF_THREAD_FRAME | FF_THREAD_SLICE;
    context_->flags |= AV_CODEC_FLAG_UNALIGNED;  // else a picture that is cropped on its left would come out too wide
    if (const int code = avcodec_open2(context_.get(), codec, nullptr); code < 0)
      throw make_error(code, "open decoder", name_, codec_name);
    damaged_ = false;
    cut_.fill({});
  }

  [[nodiscard]] bool succeeded(int code) {
    if (code < 0) last_error_ = code;
    return code >= 0;
  }

  static std::string name_of(const AVCodecParameters& parameters) {
    if (parameters.codec_id != AV_CODEC_ID_NONE) return avcodec_get_name(parameters.codec_id);
    char tag[AV_FOURCC_MAX_STRING_SIZE] = {};
    return std::string{"the codec tag "} + av_fourcc_make_string(tag, parameters.codec_tag);
  }

  UniqueParameters parameters_;
  AVRational time_base_;
  int threads_;
  bool prompt_;
  std::string name_;
  UniqueCodecContext context_;
  bool damaged_ = false;  // something could not be decoded as it was coded
  int last_error_ = 0;

  static constexpr std::uint64_t longest_delay = 64;  // packets, until a picture comes out: far more than decoders take
  struct Cut {
    std::int64_t timestamp = AV_NOPTS_VALUE;
    std::uint64_t number = 0;
  };
  std::array<Cut, 32> cut_{};  // the latest incomplete packets: their pictures come out later
  std::size_t next_cut_ = 0;
  std::uint64_t sent_ = 0;  // packets
};

}  // namespace stream_infer::ffmpeg
