#pragma once

#include "stream_infer/core/min_max.hpp"
#include "stream_infer/ffmpeg/bitstream.hpp"
#include "stream_infer/ffmpeg/bytes.hpp"
#include "stream_infer/ffmpeg/codec_parser.hpp"
#include "stream_infer/ffmpeg/compat.hpp"
#include "stream_infer/ffmpeg/nal_units.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace stream_infer::ffmpeg::detail {

/// ITU-T H.265, 7.3.1, 7.4.2.2 and 8.1.3.
class HevcBitstream final : public Bitstream {
 public:
  explicit HevcBitstream(const AVCodecParameters& parameters) : parser_{parameters} {
    const Bytes extra = bytes_of(parameters.extradata, parameters.extradata_size);
    if (extra.size() > 22 && (extra[0] != 0 || extra[1] != 0 || extra[2] > 1)) {
      length_size_ = (extra[21] & 3U) + 1;
      read_configuration(extra);
    } else {
      NalUnits units{extra, 0};
      for (Bytes unit = units.next(); !unit.empty(); unit = units.next()) read_set(unit);
    }
  }

  [[nodiscard]] bool keep_parameter_sets(const AVPacket& packet, std::string& sets) const override {
    return keep_units(bytes_of(packet), length_size_, is_set, sets);
  }

  [[nodiscard]] bool flush_at_jump() const override { return true; }  // the numbers of pictures count on

  [[nodiscard]] std::optional<PictureTraits> inspect(const AVPacket& packet) override {
    NalUnits units{bytes_of(packet), length_size_};
    PictureTraits traits;
    SetCount sets;
    int first_slices = 0;
    parser_.parse(packet);
    for (Bytes unit = units.next(); !unit.empty(); unit = units.next()) {
      if (unit.size() < 3) return {};
      if (((unit[0] & 1) << 5 | unit[1] >> 3) != 0) continue;  // another layer: not decoded
      const int type = type_of(unit);
      if (is_set(unit)) {
        read_set(unit);
        sets.add(unit);
      }
      if (type == 39 && has_message(unit.from(2), film_grain)) return {};  // it goes on for pictures after this one
      if (type == 36 || type == 37) return {};  // an end of sequence changes what comes after it
      if (type > 31) continue;
      if (type >= 10 && (type < 16 || type > 21)) return {};  // reserved
      if (type >= 16 && type <= 18) return {};                // a broken link: what leads it is not shown
      if ((unit[2] & 0x80) == 0) continue;                    // not the picture's first slice
      ++first_slices;
      if (type >= 16 && (unit[2] & 0x40) != 0) return {};  // pictures before it that were not shown yet never are
      if (type == 19 || type == 20) traits.entry = PictureTraits::Entry::closed;
      if (type == 21) traits.entry = PictureTraits::Entry::open;
      // even types: no picture of the same temporal layer refers to it; of a higher layer, if there is one, it may
      const int layer = (unit[1] & 7) - 1;
      if (layer < 0 || layer > highest_layer_) return {};
      traits.droppable = type < 10 && type % 2 == 0 && layer == highest_layer_;
      traits.sure_of_before = type == 6 || type == 7;  // RADL
    }
    if (units.broken() || first_slices != 1 || sets.too_many() || may_hide_) return {};
    traits.place = parser_.place();
    traits.restarts = traits.entry == PictureTraits::Entry::closed;
    if (!traits.place) return {};
    return traits;
  }

 private:
  static int type_of(Bytes unit) { return unit[0] >> 1 & 63; }

  static bool is_set(Bytes unit) { return type_of(unit) >= 32 && type_of(unit) <= 34; }

  void read_set(Bytes unit) {
    if (unit.size() < 5) return;
    if (type_of(unit) == 32) highest_layer_ = stream_infer::detail::max(highest_layer_, unit[3] >> 1 & 7);
    if (type_of(unit) == 34 && has_output_flag(unit.from(2))) may_hide_ = true;
  }

  /// Whether the slices of a picture parameter set say of each picture whether it is shown. That is after the numbers of
  /// this set and of another one, and one more bit.
  static bool has_output_flag(Bytes set) {
    std::size_t at = 0;
    const auto bit = [&] {
      const bool one = at / 8 < set.size() && (set[at / 8] >> (7 - at % 8) & 1) != 0;
      ++at;
      return one;
    };
    for (int numbers = 0; numbers < 2; ++numbers) {  // Exp-Golomb
      std::size_t zeros = 0;
      while (zeros < 32 && !bit()) ++zeros;
      at += zeros;
    }
    ++at;
    return bit();
  }

  /// ISO/IEC 14496-15, 8.3.3.1: arrays of units with their lengths.
  void read_configuration(Bytes extra) {
    std::size_t at = 23;
    for (int arrays = extra[22]; arrays > 0 && at + 3 <= extra.size(); --arrays) {
      int units = extra[at + 1] << 8 | extra[at + 2];
      for (at += 3; units > 0 && at + 2 <= extra.size(); --units) {
        const auto size = static_cast<std::size_t>(extra[at] << 8 | extra[at + 1]);
        at += 2;
        if (size > extra.size() - at) return;
        read_set(extra.from(at).first(size));
        at += size;
      }
    }
  }

  std::size_t length_size_ = 0;
  int highest_layer_ = 0;
  bool may_hide_ = false;  // some pictures say that they are not shown
  CodecParser parser_;
};

}  // namespace stream_infer::ffmpeg::detail
