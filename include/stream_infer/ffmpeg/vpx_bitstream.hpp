#pragma once

#include "stream_infer/ffmpeg/bitstream.hpp"
#include "stream_infer/ffmpeg/bytes.hpp"
#include "stream_infer/ffmpeg/compat.hpp"

#include <cstddef>
#include <optional>

namespace stream_infer::ffmpeg::detail {

/// RFC 6386, 9.1 to 9.3.
class Vp8Bitstream final : public Bitstream {
 public:
  [[nodiscard]] std::size_t most_reordered() const override { return 0; }

  [[nodiscard]] std::optional<PictureTraits> inspect(const AVPacket& data) override {
    Bytes packet = bytes_of(data);
    if (packet.size() < 10) return {};
    const bool shown = (packet[0] & 0x10) != 0;
    const bool key = (packet[0] & 1) == 0 && shown;
    if (key && keeps_segments(packet.from(10))) return {};
    return PictureTraits{.entry = key ? PictureTraits::Entry::closed : PictureTraits::Entry::none, .hidden = !shown};
  }

 private:
  /// Whether a key frame takes the map of its segments from the picture before it.
  static bool keeps_segments(Bytes header) {
    std::size_t at = 0;
    const auto byte = [&] { return at < header.size() ? unsigned{header[at++]} : 0U; };
    unsigned value = byte() << 8;
    value |= byte();
    unsigned range = 255;
    int shifted = 0;
    const auto bit = [&] {  // 7.3, where both values are as likely
      const unsigned split = 1 + ((range - 1) >> 1);
      const bool one = value >= split << 8;
      if (one) value -= split << 8;
      range = one ? range - split : split;
      for (; range < 128; range <<= 1) {
        value <<= 1;
        if (++shifted == 8) {
          shifted = 0;
          value |= byte();
        }
      }
      return one;
    };
    bit();  // of the colours
    bit();  // of clamping
    const bool has_segments = bit();
    return has_segments && !bit();
  }
};

/// VP9 Bitstream & Decoding Process Specification, 6.2 and annex B.
class Vp9Bitstream final : public Bitstream {
 public:
  [[nodiscard]] std::size_t most_reordered() const override { return 0; }

  [[nodiscard]] std::optional<PictureTraits> inspect(const AVPacket& data) override {
    Bytes packet = bytes_of(data);
    if (packet.empty()) return {};
    const unsigned marker = packet.back();
    std::size_t frames = 1, size_bytes = 0;
    if ((marker & 0xe0) == 0xc0) {  // a superframe, with an index of its frames' sizes at its end
      frames = (marker & 7) + 1;
      size_bytes = (marker >> 3 & 3) + 1;
      const std::size_t index_size = 2 + frames * size_bytes;
      if (packet.size() < index_size || packet[packet.size() - index_size] != marker) return {};
    }
    const Bytes index = size_bytes == 0 ? Bytes{} : packet.from(packet.size() - 1 - frames * size_bytes);
    int shown = 0;
    bool key = false;
    for (std::size_t i = 0; i < frames; ++i) {
      std::size_t size = packet.size();
      if (size_bytes != 0) {
        size = 0;
        for (std::size_t byte = size_bytes; byte > 0; --byte) size = size << 8 | index[i * size_bytes + byte - 1];
        if (size > packet.size()) return {};
      }
      if (size == 0) return {};
      const unsigned head = static_cast<unsigned>(packet[0]) << 8 | (size > 1 ? packet[1] : 0U);
      if (head >> 14 != 2) return {};
      const bool profile_3 = (head >> 12 & 3) == 3;
      const unsigned bits = head << (profile_3 ? 5 : 4);  // from show_existing_frame on, at bit 15
      const bool existing = (bits & 0x8000) != 0;
      const bool is_key = !existing && (bits & 0x4000) == 0;
      const bool is_shown = existing || (bits & 0x2000) != 0;
      if (i == 0) key = is_key && is_shown;
      if (is_shown) ++shown;
      packet = packet.from(size_bytes == 0 ? 0 : size);
    }
    if (shown > 1) return {};
    return PictureTraits{.entry = key ? PictureTraits::Entry::closed : PictureTraits::Entry::none,
                         .hidden = shown == 0};
  }
};

}  // namespace stream_infer::ffmpeg::detail
