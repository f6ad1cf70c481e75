#pragma once

#include "stream_infer/ffmpeg/compat.hpp"
#include "stream_infer/ffmpeg/handle.hpp"

#include <climits>
#include <cstdint>
#include <new>
#include <optional>

namespace stream_infer::ffmpeg {

/// FFmpeg's own parser of a codec, for packets that hold whole pictures.
class CodecParser {
 public:
  explicit CodecParser(const AVCodecParameters& parameters)
      : context_{detail::not_null(avcodec_alloc_context3(nullptr))},
        parser_{detail::not_null(av_parser_init(parameters.codec_id))} {
    if (avcodec_parameters_to_context(context_.get(), &parameters) < 0) throw std::bad_alloc{};
    parser_->flags |= PARSER_FLAG_COMPLETE_FRAMES;
  }

  /// Whether this FFmpeg has one.
  [[nodiscard]] static bool has(AVCodecID codec) {
    const Handle<AVCodecParserContext, close_parser> parser{av_parser_init(codec)};
    return parser != nullptr;
  }

  /// Reads the next packet of the stream.
  void parse(const AVPacket& packet) {
    std::uint8_t* out = nullptr;
    int size = 0;
    parser_->picture_structure = AV_PICTURE_STRUCTURE_UNKNOWN;
    parser_->output_picture_number = INT_MIN;
    av_parser_parse2(parser_.get(), context_.get(), &out, &size, packet.data, packet.size, packet.pts, packet.dts, 0);
  }

  /// H.264: whether the packet read last is a frame, and not a field of one.
  [[nodiscard]] bool is_frame() const { return parser_->picture_structure == AV_PICTURE_STRUCTURE_FRAME; }

  /// The place of its picture in the order of showing, if it says so.
  [[nodiscard]] std::optional<std::int64_t> place() const {
    const int number = parser_->output_picture_number;
    return number == INT_MIN ? std::nullopt : std::optional<std::int64_t>{number};
  }

 private:
  static void close_parser(AVCodecParserContext* parser) noexcept { av_parser_close(parser); }

  UniqueCodecContext context_;
  Handle<AVCodecParserContext, close_parser> parser_;
};

}  // namespace stream_infer::ffmpeg
