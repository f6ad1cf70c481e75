#pragma once

#include "stream_infer/core/media_time.hpp"
#include "stream_infer/core/queue.hpp"
#include "stream_infer/ffmpeg/compat.hpp"
#include "stream_infer/ffmpeg/handle.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <utility>
#include <vector>

namespace stream_infer::ffmpeg {

/// The streams of a source whose packets are kept.
struct PacketStream {
  int index = 0;  ///< in the source
  AVRational time_base{};
  UniqueParameters parameters;
  std::optional<std::array<std::int32_t, 9>> display_matrix{};

  explicit PacketStream(const AVStream& stream)
      : index{stream.index}, time_base{stream.time_base}, parameters{detail::not_null(avcodec_parameters_alloc())} {
    if (avcodec_parameters_copy(parameters.get(), stream.codecpar) < 0) throw std::bad_alloc{};
    if (stream.sample_aspect_ratio.num > 0) parameters->sample_aspect_ratio = stream.sample_aspect_ratio;
    if (const std::int32_t* const matrix = compat::display_matrix(stream))
      std::copy_n(matrix, 9, display_matrix.emplace().begin());
  }
};

/// Packets that belong together: from one opening of a source, or seek, or jump of its clock, to the next.
struct PacketOrigin {
  std::shared_ptr<const std::vector<PacketStream>> streams{};  ///< that of the video first
  /// From the video's time stamps to media time; known from its first frame on. It does not change: who has seen a packet
  /// after that may read it on any thread.
  std::optional<MediaTime> shift{};

  /// What has that time stamp in the video stream is a frame at that time. Returns false if that does not go with what was
  /// known: it is the first of another origin.
  [[nodiscard]] bool note_shown(std::int64_t timestamp, MediaTime time) {
    const MediaTime now = time - MediaTime{av_rescale_q(timestamp, streams->front().time_base, nanoseconds)};
    if (shift) return now - *shift < jump && *shift - now < jump;
    shift = now;
    return true;
  }

  /// The place in `streams`. \param index  in the source
  [[nodiscard]] std::optional<std::size_t> find(int index) const {
    for (std::size_t i = 0; i < streams->size(); ++i)
      if ((*streams)[i].index == index) return i;
    return {};
  }
  /// Of a time stamp of one of the streams. It must have a shift.
  [[nodiscard]] MediaTime time_of(std::size_t stream, std::int64_t timestamp) const {
    return MediaTime{av_rescale_q(timestamp, (*streams)[stream].time_base, nanoseconds)} + *shift;
  }

  static constexpr AVRational nanoseconds{1, 1'000'000'000};
  static constexpr MediaTime jump{500'000'000};  ///< less than that may be jitter
};

/// A packet of it.
struct KeptPacket {
  UniquePacket packet;
  std::shared_ptr<PacketOrigin> origin;
  std::size_t stream = 0;  ///< its place in the origin's streams

  [[nodiscard]] bool is_key() const { return stream == 0 && (packet->flags & AV_PKT_FLAG_KEY) != 0; }
  /// When it is shown, or decoded if it does not say. Its origin must have a shift.
  [[nodiscard]] MediaTime time() const {
    return origin->time_of(stream, packet->pts != AV_NOPTS_VALUE ? packet->pts : packet->dts);
  }
  /// From when on, in decoding order, nothing is shown earlier.
  [[nodiscard]] MediaTime decoding_time() const {
    return origin->time_of(stream, packet->dts != AV_NOPTS_VALUE ? packet->dts : packet->pts);
  }
  /// The same packet, with a handle of its own. \throws std::bad_alloc
  [[nodiscard]] KeptPacket share() const {
    UniquePacket copy = make_packet();
    if (av_packet_ref(copy.get(), packet.get()) < 0) throw std::bad_alloc{};
    return {std::move(copy), origin, stream};
  }
};

/// The source's clock has jumped, which is known since a frame is shown by it: packets that have been read since then belong
/// to another origin. Streams jump each at a place of its own.
/// \param shown  the frame's time stamp
inline void split_origin(stream_infer::detail::Queue<KeptPacket>& packets, const std::shared_ptr<PacketOrigin>& before,
                         const std::shared_ptr<PacketOrigin>& after, std::int64_t shown) {
  constexpr MediaTime ahead{10'000'000'000};  // of a stream of few pictures, the next one may be
  for (std::size_t stream = 0; stream < before->streams->size(); ++stream) {
    std::size_t cut = packets.size();
    std::optional<MediaTime> later;  // of the packet that comes next
    for (std::size_t i = packets.size(); i > 0 && packets[i - 1].origin == before; --i) {
      const KeptPacket& packet = packets[i - 1];
      if (packet.stream != stream) continue;
      const MediaTime time = packet.decoding_time();
      if (later && (time - *later >= PacketOrigin::jump || *later - time >= ahead)) {
        cut = i;
        break;
      }
      if (stream == 0 && packet.packet->pts == shown) cut = i - 1;
      later = time;
    }
    for (std::size_t i = cut; i < packets.size(); ++i)
      if (packets[i].stream == stream) packets[i].origin = after;
  }
}

/// The latest packets, from a key frame on. For one thread at a time.
class PacketRing {
 public:
  void push(KeptPacket packet) {
    bytes_ += static_cast<std::size_t>(packet.packet->size);
    packets_.push_back(std::move(packet));
  }

  /// As split_origin().
  void split(const std::shared_ptr<PacketOrigin>& before, const std::shared_ptr<PacketOrigin>& after,
             std::int64_t shown) {
    split_origin(packets_, before, after, shown);
  }

  /// Lets go of what is before the last key frame at or before `time`, of the same origin as the newest packet or of others.
  void forget_before(MediaTime time) {
    while (const std::size_t next = next_key()) {
      const KeptPacket& key = packets_[next];
      const bool is_old = key.origin != packets_.back().origin || (key.origin->shift && key.time() <= time);
      if (!is_old) return;
      drop(next);
    }
  }

  /// Lets go of the oldest, up to a key frame, or all. Returns false if there is none.
  bool forget_some() {
    if (packets_.empty()) return false;
    const std::size_t next = next_key();
    drop(next == 0 ? packets_.size() : next);
    return true;
  }

  /// The place of the key frame that what is shown at `time` begins with: the last one at or before it, or else the first of
  /// the same origin. Nothing if no packet there is as late as `reached`.
  [[nodiscard]] std::optional<std::size_t> find(MediaTime time, MediaTime reached) const {
    std::optional<std::size_t> found;
    const PacketOrigin* origin = nullptr;
    for (std::size_t i = packets_.size(); i > 0; --i) {
      const KeptPacket& packet = packets_[i - 1];
      if (packet.stream != 0) continue;
      if (origin != nullptr && packet.origin.get() != origin) break;
      if (!packet.origin->shift) continue;
      if (origin == nullptr && packet.time() <= reached) origin = packet.origin.get();
      if (origin == nullptr || !packet.is_key()) continue;
      found = i - 1;
      if (packet.time() <= time) break;
    }
    return found;
  }

  [[nodiscard]] std::size_t size() const { return packets_.size(); }
  [[nodiscard]] const KeptPacket& operator[](std::size_t i) const { return packets_[i]; }
  /// How many have been let go: the packet in place i is number() + i of all.
  [[nodiscard]] std::uint64_t number() const { return gone_; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  /// The place of the second key frame, or the first if something is before it; 0 if there is none.
  [[nodiscard]] std::size_t next_key() const {
    for (std::size_t i = 1; i < packets_.size(); ++i)
      if (packets_[i].is_key()) return i;
    return 0;
  }
  void drop(std::size_t count) {
    gone_ += count;
    for (; count > 0; --count) bytes_ -= static_cast<std::size_t>(packets_.pop_front().packet->size);
  }

  stream_infer::detail::Queue<KeptPacket> packets_;
  std::size_t bytes_ = 0;
  std::uint64_t gone_ = 0;
};

}  // namespace stream_infer::ffmpeg
