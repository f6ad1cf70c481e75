#pragma once

#include "stream_infer/ffmpeg/compat.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>

namespace stream_infer::ffmpeg {

/// The container's index of a stream: where its packets are, and when they are decoded. In the order of decoding. Belongs
/// to the stream, which outlives it.
class StreamIndex {
 public:
  explicit StreamIndex(AVStream& stream) : stream_{&stream} {}

  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(compat::index_entries(*stream_)); }
  [[nodiscard]] AVIndexEntry operator[](std::size_t i) const {
    return compat::index_entry(*stream_, static_cast<int>(i));
  }

  /// How many of its pictures are only decoded, not shown.
  [[nodiscard]] std::size_t hidden() const {
    std::size_t count = 0;
    for (std::size_t i = 0; i < size(); ++i)
      if (((*this)[i].flags & AVINDEX_DISCARD_FRAME) != 0) ++count;
    return count;
  }

  /// The place of a packet, if it is there.
  [[nodiscard]] std::optional<std::size_t> find(const AVPacket& packet) const {
    std::size_t low = 0, high = size();
    while (low < high) {
      const std::size_t middle = (low + high) / 2;
      if ((*this)[middle].timestamp < packet.dts)
        low = middle + 1;
      else
        high = middle;
    }
    return low < size() && is_of((*this)[low], packet) ? std::optional{low} : std::nullopt;
  }

  /// Whether `entry` is the packet's.
  [[nodiscard]] static bool is_of(const AVIndexEntry& entry, const AVPacket& packet) {
    return entry.timestamp == packet.dts && entry.pos == packet.pos;
  }

 private:
  AVStream* stream_;
};

}  // namespace stream_infer::ffmpeg
