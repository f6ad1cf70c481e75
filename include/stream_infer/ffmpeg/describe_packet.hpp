#pragma once

#include "stream_infer/core/media_time.hpp"
#include "stream_infer/ffmpeg/bitstream.hpp"
#include "stream_infer/ffmpeg/compat.hpp"
#include "stream_infer/ffmpeg/demuxer.hpp"
#include "stream_infer/ffmpeg/handle.hpp"
#include "stream_infer/ffmpeg/make_bitstream.hpp"
#include "stream_infer/ffmpeg/packet_planner.hpp"

#include <cstddef>
#include <optional>

namespace stream_infer::ffmpeg {

/// What the pictures of a source are read by, if it can be planned: it must be a recording that says when it starts, and of
/// its codec something must be known. Else null.
[[nodiscard]] inline Handle<Bitstream> make_bitstream_for_planning(const Demuxer& demuxer) {
  if (demuxer.live() || !demuxer.knows_start()) return nullptr;
  return make_bitstream(*demuxer.stream().codecpar);
}

/// What planning must know of a source's next packet; nothing if it cannot be planned.
[[nodiscard]] inline std::optional<PlannedPacket> describe_packet(const AVPacket& packet, const Demuxer& demuxer,
                                                                  Bitstream& bitstream) {
  static_assert(AV_NOPTS_VALUE == PlannedPacket::unknown);  // not every dts is known of a stream's first packets
  if (packet.pts == AV_NOPTS_VALUE || packet.size <= 0) return {};
  if ((packet.flags & AV_PKT_FLAG_CORRUPT) != 0 || compat::changes_parameters(packet)) return {};
  constexpr MediaTime farthest{2'000'000'000'000'000'000};  // so that times can be reckoned with
  const MediaTime time = demuxer.time_of(packet.pts);
  std::optional<PictureTraits> traits = bitstream.inspect(packet);
  if (!traits || time < -farthest || time > farthest) return {};
  if ((packet.flags & AV_PKT_FLAG_DISCARD) != 0) traits->hidden = true;
  return PlannedPacket{.timestamp = packet.pts,
                       .decoded_at = packet.dts,
                       .time = time,
                       .bytes = static_cast<std::size_t>(packet.size),
                       .traits = *traits};
}

}  // namespace stream_infer::ffmpeg
