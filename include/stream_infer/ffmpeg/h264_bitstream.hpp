#pragma once

#include "stream_infer/ffmpeg/bitstream.hpp"
#include "stream_infer/ffmpeg/bytes.hpp"
#include "stream_infer/ffmpeg/compat.hpp"
#include "stream_infer/ffmpeg/handle.hpp"
#include "stream_infer/ffmpeg/nal_units.hpp"

#include <cstddef>
#include <cstdint>
#include <new>
#include <optional>
#include <string>

namespace stream_infer::ffmpeg::detail {

/// ITU-T H.264, 7.3.1 and 7.4.1.2.4.
class H264Bitstream final : public Bitstream {
 public:
  explicit H264Bitstream(const AVCodecParameters& parameters)
      : video_delay_{static_cast<std::size_t>(parameters.video_delay)} {
    const Bytes extra = bytes_of(parameters.extradata, parameters.extradata_size);
    if (extra.size() >= 7 && extra[0] == 1) length_size_ = (extra[4] & 3U) + 1;
    context_.reset(not_null(avcodec_alloc_context3(nullptr)));
    if (avcodec_parameters_to_context(context_.get(), &parameters) < 0) throw std::bad_alloc{};
    parser_.reset(not_null(av_parser_init(AV_CODEC_ID_H264)));
    parser_->flags |= PARSER_FLAG_COMPLETE_FRAMES;
  }

  [[nodiscard]] std::optional<PictureTraits> inspect(const AVPacket& packet) override {
    if (!is_whole_frame(packet)) return {};
    NalUnits units{bytes_of(packet), length_size_};
    int first_slices = 0, slices = 0, idr_slices = 0, referred = 0;
    for (Bytes unit = units.next(); !unit.empty(); unit = units.next()) {
      const int type = unit[0] & 31;
      if (type >= 2 && type <= 4) return {};  // data partitions
      if (type != 1 && type != 5) continue;
      if (unit.size() < 2) return {};
      ++slices;
      if (type == 5) ++idr_slices;
      if ((unit[0] & 0x60) != 0) ++referred;
      if ((unit[1] & 0x80) != 0) ++first_slices;  // first_mb_in_slice is 0
    }
    if (units.broken() || first_slices != 1 || (idr_slices != 0 && idr_slices != slices)) return {};
    return PictureTraits{.entry = idr_slices != 0 ? PictureTraits::Entry::closed : PictureTraits::Entry::none,
                         .droppable = referred == 0};
  }

  /// Where the stream does not tell, FFmpeg finds out, and loses pictures when it learns.
  [[nodiscard]] std::size_t most_reordered() const override { return video_delay_; }

  void keep_parameter_sets(const AVPacket& packet, std::string& sets) const override {
    const auto is_one = [](Bytes unit) { return (unit[0] & 31) == 7 || (unit[0] & 31) == 8 || (unit[0] & 31) == 13; };
    keep_units(bytes_of(packet), length_size_, is_one, sets);
  }

 private:
  static void close_parser(AVCodecParserContext* parser) noexcept { av_parser_close(parser); }

  /// Of two fields, each may be a packet, and one alone may be referred to. FFmpeg's parser knows.
  [[nodiscard]] bool is_whole_frame(const AVPacket& packet) {
    std::uint8_t* out = nullptr;
    int size = 0;
    parser_->picture_structure = AV_PICTURE_STRUCTURE_UNKNOWN;
    av_parser_parse2(parser_.get(), context_.get(), &out, &size, packet.data, packet.size, packet.pts, packet.dts, 0);
    return parser_->picture_structure == AV_PICTURE_STRUCTURE_FRAME;
  }

  std::size_t video_delay_;
  std::size_t length_size_ = 0;
  UniqueCodecContext context_;
  Handle<AVCodecParserContext, close_parser> parser_;
};

}  // namespace stream_infer::ffmpeg::detail
