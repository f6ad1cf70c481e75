#pragma once

#include "stream_infer/ffmpeg/bitstream.hpp"
#include "stream_infer/ffmpeg/bytes.hpp"
#include "stream_infer/ffmpeg/compat.hpp"

#include <cstddef>
#include <optional>

namespace stream_infer::ffmpeg::detail {

/// AV1 Bitstream & Decoding Process Specification, 5.3 to 5.9.
class Av1Bitstream final : public Bitstream {
 public:
  [[nodiscard]] std::size_t most_reordered() const override { return 0; }

  [[nodiscard]] std::optional<PictureTraits> inspect(const AVPacket& data) override {
    if ((data.flags & AV_PKT_FLAG_DISCARD) != 0) return {};  // some decoders show them all the same
    Bytes packet = bytes_of(data);
    bool sequence = false, key = false, any = false;
    int shown = 0;
    while (!packet.empty()) {
      const unsigned head = packet[0];
      const unsigned type = head >> 3 & 15;
      const bool extended = (head & 4) != 0, sized = (head & 2) != 0;
      if (extended && (packet.size() < 2 || (packet[1] >> 3 & 3) != 0)) return {};  // spatial layers
      packet = packet.from(extended ? 2 : 1);
      std::size_t size = packet.size();
      if (sized && !read_size(packet, size)) return {};
      const Bytes payload = packet.first(size);
      packet = packet.from(size);
      if (type == 1) {
        if (payload.empty() || (payload[0] & 8) != 0) return {};  // a still picture's short header
        sequence = true;
      }
      if (type != 3 && type != 6) continue;
      if (payload.empty()) return {};
      const bool existing = (payload[0] & 0x80) != 0;
      const bool is_key = !existing && (payload[0] & 0x60) == 0;
      const bool is_shown = existing || (payload[0] & 0x10) != 0;
      if (!any) key = is_key && is_shown;
      any = true;
      if (is_shown) ++shown;
    }
    if (!any || shown > 1) return {};
    return PictureTraits{.entry = key && sequence ? PictureTraits::Entry::closed : PictureTraits::Entry::none,
                         .hidden = shown == 0};
  }

 private:
  /// Takes a leb128() number off the front.
  static bool read_size(Bytes& packet, std::size_t& size) {
    size = 0;
    for (unsigned i = 0; i < 5 && i < packet.size(); ++i) {
      size |= static_cast<std::size_t>(packet[i] & 0x7f) << (7 * i);
      if ((packet[i] & 0x80) != 0) continue;
      packet = packet.from(i + 1);
      return size <= packet.size();
    }
    return false;
  }
};

}  // namespace stream_infer::ffmpeg::detail
