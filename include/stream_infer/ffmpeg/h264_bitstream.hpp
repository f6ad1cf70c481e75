#pragma once

#include "stream_infer/ffmpeg/bitstream.hpp"
#include "stream_infer/ffmpeg/bytes.hpp"
#include "stream_infer/ffmpeg/codec_parser.hpp"
#include "stream_infer/ffmpeg/compat.hpp"
#include "stream_infer/ffmpeg/nal_units.hpp"

#include <cstddef>
#include <optional>
#include <string>

namespace stream_infer::ffmpeg::detail {

/// ITU-T H.264, 7.3.1 and 7.4.1.2.4.
class H264Bitstream final : public Bitstream {
 public:
  explicit H264Bitstream(const AVCodecParameters& parameters)
      : video_delay_{static_cast<std::size_t>(parameters.video_delay)}, parser_{parameters} {
    const Bytes extra = bytes_of(parameters.extradata, parameters.extradata_size);
    if (extra.size() >= 7 && extra[0] == 1) length_size_ = (extra[4] & 3U) + 1;
  }

  [[nodiscard]] std::optional<PictureTraits> inspect(const AVPacket& packet) override {
    parser_.parse(packet);
    if (!parser_.is_frame()) return {};  // of two fields, each may be a packet, and one alone may be referred to
    NalUnits units{bytes_of(packet), length_size_};
    int first_slices = 0, slices = 0, idr_slices = 0, referred = 0;
    SetCount sets;
    for (Bytes unit = units.next(); !unit.empty(); unit = units.next()) {
      const int type = unit[0] & 31;
      if (type >= 2 && type <= 4) return {};                              // data partitions
      if (type == 6 && has_message(unit.from(1), film_grain)) return {};  // it goes on for pictures after this one
      if (is_set(unit)) sets.add(unit);
      if (type != 1 && type != 5) continue;
      if (unit.size() < 2) return {};
      ++slices;
      if (type == 5) ++idr_slices;
      if ((unit[0] & 0x60) != 0) ++referred;
      if ((unit[1] & 0x80) != 0) ++first_slices;  // first_mb_in_slice is 0
    }
    if (units.broken() || first_slices != 1 || (idr_slices != 0 && idr_slices != slices) || sets.too_many()) return {};
    if (!parser_.place()) return {};
    return PictureTraits{.entry = idr_slices != 0 ? PictureTraits::Entry::closed : PictureTraits::Entry::none,
                         .droppable = referred == 0,
                         .place = parser_.place(),
                         .restarts = idr_slices != 0};
  }

  /// Where the stream does not tell, FFmpeg finds out, and loses pictures when it learns.
  [[nodiscard]] std::size_t most_reordered() const override { return video_delay_; }

  [[nodiscard]] bool keep_parameter_sets(const AVPacket& packet, std::string& sets) const override {
    return keep_units(bytes_of(packet), length_size_, is_set, sets);
  }

 private:
  static bool is_set(Bytes unit) { return (unit[0] & 31) == 7 || (unit[0] & 31) == 8 || (unit[0] & 31) == 13; }

  std::size_t video_delay_;
  std::size_t length_size_ = 0;
  CodecParser parser_;
};

}  // namespace stream_infer::ffmpeg::detail
