#pragma once

#include "stream_infer/ffmpeg/bitstream.hpp"
#include "stream_infer/ffmpeg/bytes.hpp"
#include "stream_infer/ffmpeg/codec_parser.hpp"
#include "stream_infer/ffmpeg/compat.hpp"
#include "stream_infer/ffmpeg/nal_units.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace stream_infer::ffmpeg::detail {

/// ITU-T H.264, 7.3.1 and 7.4.1.2.4.
class H264Bitstream final : public Bitstream {
 public:
  explicit H264Bitstream(const AVCodecParameters& parameters)
      : video_delay_{static_cast<std::size_t>(parameters.video_delay)}, parser_{parameters} {
    const Bytes extra = bytes_of(parameters.extradata, parameters.extradata_size);
    if (extra.size() >= 7 && extra[0] == 1) {
      length_size_ = (extra[4] & 3U) + 1;
      read_configuration(extra);
    } else {
      NalUnits units{extra, 0};
      for (Bytes unit = units.next(); !unit.empty(); unit = units.next())
        if (type_of(unit) == 7) note_sequence(unit);
    }
  }

  [[nodiscard]] std::optional<PictureTraits> inspect(const AVPacket& packet) override {
    parser_.parse(packet);
    if (!parser_.is_frame()) return {};  // of two fields, each may be a packet, and one alone may be referred to
    NalUnits units{bytes_of(packet), length_size_};
    int first_slices = 0, slices = 0, idr_slices = 0, referred = 0;
    SetCount sets;
    for (Bytes unit = units.next(); !unit.empty(); unit = units.next()) {
      const int type = type_of(unit);
      if (type >= 2 && type <= 4) return {};                              // data partitions
      if (type == 6 && has_message(unit.from(1), film_grain)) return {};  // it goes on for pictures after this one
      if (type == 6 && names_old_x264(unit)) return {};
      if (type == 7) note_sequence(unit);
      if (is_set(unit)) sets.add(unit);
      if (type != 1 && type != 5) continue;
      if (unit.size() < 2) return {};
      ++slices;
      if (type == 5) ++idr_slices;
      if ((unit[0] & 0x60) != 0) ++referred;
      if ((unit[1] & 0x80) != 0) ++first_slices;  // first_mb_in_slice is 0
    }
    if (units.broken() || first_slices != 1 || (idr_slices != 0 && idr_slices != slices) || sets.too_many()) return {};
    if (idr_slices != 0 && referred != slices) return {};  // the standard has none
    if (!parser_.place() || std::exchange(other_sequence_, false)) return {};
    return PictureTraits{.entry = idr_slices != 0 ? PictureTraits::Entry::closed : PictureTraits::Entry::none,
                         .droppable = referred == 0,
                         .place = parser_.place(),
                         .restarts = idr_slices != 0};
  }

  /// Where the stream does not tell, FFmpeg finds out, and loses pictures when it learns.
  [[nodiscard]] std::size_t most_reordered() const override { return video_delay_; }

  [[nodiscard]] bool finds_out_order() const override { return true; }

  [[nodiscard]] bool keep_parameter_sets(const AVPacket& packet, std::string& sets) const override {
    return keep_units(bytes_of(packet), length_size_, is_set, sets);
  }

 private:
  static int type_of(Bytes unit) { return unit[0] & 31; }

  static bool is_set(Bytes unit) { return type_of(unit) == 7 || type_of(unit) == 8 || type_of(unit) == 13; }

  /// FFmpeg keeps the colours that a sequence parameter set names for those after it that name none. What one means, then,
  /// is known as long as there is no other.
  void note_sequence(Bytes unit) {
    while (unit.back() == 0 && unit.size() > 1) unit = unit.first(unit.size() - 1);  // of the next start code
    const std::string_view now{reinterpret_cast<const char*>(unit.data()), unit.size()};
    if (!sequence_.empty() && sequence_ != now) other_sequence_ = true;
    sequence_ = now;
  }

  /// ISO/IEC 14496-15, 5.3.3.1: units with their lengths.
  void read_configuration(Bytes extra) {
    Bytes rest = extra.from(6);
    for (int units = extra[5] & 31; units > 0 && rest.size() >= 2; --units) {
      const Bytes unit = rest.from(2).first(static_cast<std::size_t>(rest[0] << 8 | rest[1]));
      if (!unit.empty()) note_sequence(unit);
      rest = rest.from(2 + unit.size());
    }
  }

  /// Whether a message names an x264 whose errors FFmpeg makes up for. Only a stream's first packet has it.
  static bool names_old_x264(Bytes unit) {
    constexpr std::string_view name = "x264 - core ";
    const std::string_view text{reinterpret_cast<const char*>(unit.data()), unit.size()};
    const std::size_t at = text.find(name);
    if (at == std::string_view::npos) return false;
    int build = 0;
    for (std::size_t i = at + name.size(); i < text.size() && text[i] >= '0' && text[i] <= '9' && build < 1000; ++i)
      build = 10 * build + (text[i] - '0');
    return build > 0 && build <= 33;
  }

  std::size_t video_delay_;
  std::size_t length_size_ = 0;
  std::string sequence_;         // the latest sequence parameter set
  bool other_sequence_ = false;  // it is not the one before
  CodecParser parser_;
};

}  // namespace stream_infer::ffmpeg::detail
