#pragma once

#include "stream_infer/ffmpeg/bitstream.hpp"
#include "stream_infer/ffmpeg/bytes.hpp"
#include "stream_infer/ffmpeg/compat.hpp"
#include "stream_infer/ffmpeg/nal_units.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace stream_infer::ffmpeg::detail {

/// ISO/IEC 11172-2 and 13818-2, 6.2.
class Mpeg2Bitstream final : public Bitstream {
 public:
  [[nodiscard]] bool flush_at_jump() const override { return true; }  // its decoder keeps two pictures to refer to

  [[nodiscard]] std::optional<PictureTraits> inspect(const AVPacket& packet) override {
    NalUnits units{bytes_of(packet), 0};  // its start codes are the same
    bool sequence = false, group = false, closed = false, broken_link = false;
    int pictures = 0, type = 0, place = 0;
    for (Bytes unit = units.next(); !unit.empty(); unit = units.next()) {
      if (unit[0] == 0xb3) sequence = true;
      if (unit[0] == 0xb3 && !is_as_before(unit, header_)) return {};
      if (unit[0] == 0xb5 && unit.size() > 1 && unit[1] >> 4 == 1 && !is_as_before(unit, extension_)) return {};
      if (unit[0] == 0xb7) return {};  // the end of a sequence
      if (unit[0] == 0xb8 && unit.size() > 4) {
        group = true;
        closed = (unit[4] & 0x40) != 0;
        broken_link = (unit[4] & 0x20) != 0;
      }
      if (unit[0] == 0x00 && unit.size() > 2) {
        ++pictures;
        type = unit[2] >> 3 & 7;
        place = unit[1] << 2 | unit[2] >> 6;
      }
      const bool is_extension = unit[0] == 0xb5 && unit.size() > 1;
      if (is_extension && unit[1] >> 4 == 3) return {};  // matrices for this picture and all after it
      const bool is_field = unit[0] == 0xb5 && unit.size() > 3 && unit[1] >> 4 == 8 && (unit[3] & 3) != 3;
      if (is_field) return {};
    }
    if (pictures != 1 || type < 1 || type > 3 || broken_link || (sequence && type != 1)) return {};
    if (!group && place < latest_place_ - 512) wraps_ += 1024;
    if (group) wraps_ = 0;
    latest_place_ = place;
    using Entry = PictureTraits::Entry;
    Entry entry = Entry::none;
    if (type == 1 && sequence) entry = closed && is_first_ ? Entry::closed : Entry::open;
    is_first_ = false;
    return PictureTraits{.entry = entry, .droppable = type == 3, .place = wraps_ + place, .restarts = group};
  }

 private:
  /// Whether a sequence header, or its extension, says of size and shape what the one before said. Where they change, the
  /// decoder begins anew, and loses a picture.
  static bool is_as_before(Bytes unit, std::array<std::uint8_t, 4>& before) {
    std::array<std::uint8_t, 4> now{};  // with the least that both have, and all that matters
    for (std::size_t i = 0; i < now.size() && i + 1 < unit.size(); ++i) now[i] = unit[i + 1];
    const bool same = before == now || before == std::array<std::uint8_t, 4>{};
    before = now;
    return same;
  }

  std::array<std::uint8_t, 4> header_{};
  std::array<std::uint8_t, 4> extension_{};
  int wraps_ = 0;         // added to the places of pictures
  int latest_place_ = 0;  // as coded
  bool is_first_ = true;  // only then are groups believed to be closed: some say so and are not
};

}  // namespace stream_infer::ffmpeg::detail
