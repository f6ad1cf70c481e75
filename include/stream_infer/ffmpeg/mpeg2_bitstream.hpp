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
  explicit Mpeg2Bitstream(const AVCodecParameters& parameters) {
    const Bytes extra = bytes_of(parameters.extradata, parameters.extradata_size);
    Sequence sequence;
    NalUnits units{extra, 0};
    for (Bytes unit = units.next(); !unit.empty(); unit = units.next()) sequence.read(unit);
    if (sequence.begun) latest_ = sequence;
  }

  [[nodiscard]] bool flush_at_jump() const override { return true; }  // its decoder keeps two pictures to refer to

  [[nodiscard]] std::optional<PictureTraits> inspect(const AVPacket& packet) override {
    NalUnits units{bytes_of(packet), 0};  // its start codes are the same
    Sequence sequence;
    bool group = false, closed = false, broken_link = false;
    int pictures = 0, type = 0, place = 0;
    for (Bytes unit = units.next(); !unit.empty(); unit = units.next()) {
      sequence.read(unit);
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
    if (sequence.begun && latest_.begun && sequence != latest_) return {};
    if (sequence.begun) latest_ = sequence;
    const bool begins = sequence.begun || group;
    if (pictures != 1 || type < 1 || type > 3 || broken_link || (begins && type != 1)) return {};
    if (!group && place < latest_place_ - 512) wraps_ += 1024;
    if (group) wraps_ = 0;
    latest_place_ = place;
    using Entry = PictureTraits::Entry;
    Entry entry = Entry::none;
    if (type == 1 && sequence.begun) entry = closed && is_first_ ? Entry::closed : Entry::open;
    is_first_ = false;
    return PictureTraits{.entry = entry, .droppable = type == 3, .place = wraps_ + place, .restarts = group};
  }

 private:
  /// What is said of a sequence's size, shape, order and colours. Where size or shape change, the decoder begins anew, and
  /// loses a picture; colours that are not said are those said last.
  struct Sequence {
    bool begun = false;
    std::array<std::uint8_t, 4> header{};
    std::array<std::uint8_t, 6> extension{};
    std::array<std::uint8_t, 8> display{};

    void read(Bytes unit) {
      if (unit[0] == 0xb3) {
        begun = true;
        copy(unit, header);
      }
      const int extends = unit[0] == 0xb5 && unit.size() > 1 ? unit[1] >> 4 : 0;
      if (extends == 1) copy(unit, extension);
      if (extends == 2) copy(unit, display);
    }

    friend bool operator==(const Sequence&, const Sequence&) = default;

   private:
    template <std::size_t Size>
    static void copy(Bytes unit, std::array<std::uint8_t, Size>& to) {
      for (std::size_t i = 0; i < Size; ++i) to[i] = i + 1 < unit.size() ? unit[i + 1] : std::uint8_t{0};
    }
  };

  Sequence latest_;
  int wraps_ = 0;         // added to the places of pictures
  int latest_place_ = 0;  // as coded
  bool is_first_ = true;  // only then are groups believed to be closed: some say so and are not
};

}  // namespace stream_infer::ffmpeg::detail
