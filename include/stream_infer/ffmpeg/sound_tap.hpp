#pragma once

#include "stream_infer/core/media_time.hpp"
#include "stream_infer/core/queue.hpp"
#include "stream_infer/ffmpeg/handle.hpp"
#include "stream_infer/ffmpeg/packet_ring.hpp"
#include "stream_infer/ffmpeg/packet_tap.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <utility>
#include <vector>

namespace stream_infer::ffmpeg {

/// Keeps the compressed sound of a source until the pictures of the same time have been recorded. Packets are handed on as
/// they are; take() is called by another thread.
class SoundTap final : public PacketTap {
 public:
  void open(AVFormatContext& source, int video) override {
    const int best = av_find_best_stream(&source, AVMEDIA_TYPE_AUDIO, -1, video, nullptr, 0);
    std::vector<PacketStream> streams;
    streams.emplace_back(*source.streams[video]);
    if (best >= 0) streams.emplace_back(*source.streams[best]);
    const std::lock_guard lock{mutex_};
    origin_.reset(new PacketOrigin);
    origin_->streams.reset(new std::vector<PacketStream>{std::move(streams)});
  }

  void packet(const AVPacket& packet) override {
    const std::lock_guard lock{mutex_};
    if (!origin_ || origin_->find(packet.stream_index) != std::size_t{1}) return;
    if (packet.pts == AV_NOPTS_VALUE && packet.dts == AV_NOPTS_VALUE) {
      ++dropped_;
      return;
    }
    KeptPacket kept{make_packet(), origin_, 1};
    if (av_packet_ref(kept.packet.get(), &packet) < 0) throw std::bad_alloc{};
    bytes_ += static_cast<std::size_t>(packet.size);
    packets_.push_back(std::move(kept));
    while (bytes_ > most_bytes) drop();  // nobody takes it
  }

  void shown(std::int64_t timestamp, MediaTime time) override {
    const std::lock_guard lock{mutex_};
    if (!origin_ || origin_->note_shown(timestamp, time)) return;
    const std::shared_ptr<PacketOrigin> before = origin_;
    origin_.reset(new PacketOrigin{.streams = before->streams});
    static_cast<void>(origin_->note_shown(timestamp, time));
    split_origin(packets_, before, origin_, timestamp);
  }

  void cut() override {}
  void played(std::optional<MediaTime>) override {}

  /// The streams of the source that was opened last: its pictures, and its sound if it has some. Null if there was none.
  [[nodiscard]] std::shared_ptr<const std::vector<PacketStream>> streams() const {
    const std::lock_guard lock{mutex_};
    return origin_ ? origin_->streams : nullptr;
  }

  /// The next packet before a media time, if there is one.
  [[nodiscard]] std::optional<KeptPacket> take(MediaTime before) {
    const std::lock_guard lock{mutex_};
    // A source that was lost before its first picture: nobody knows when that was.
    while (!packets_.empty() && !packets_.front().origin->shift && packets_.front().origin != origin_) drop();
    if (packets_.empty() || !packets_.front().origin->shift || packets_.front().time() >= before) return {};
    return pop();
  }

  /// Packets that nobody could take: they have no times, or were too many.
  [[nodiscard]] std::uint64_t dropped() const {
    const std::lock_guard lock{mutex_};
    return dropped_;
  }

 private:
  static constexpr std::size_t most_bytes = 16'000'000;  // minutes of it

  KeptPacket pop() {
    KeptPacket packet = packets_.pop_front();
    bytes_ -= static_cast<std::size_t>(packet.packet->size);
    return packet;
  }

  void drop() {
    static_cast<void>(pop());
    ++dropped_;
  }

  mutable std::mutex mutex_;  // guards what follows, and the origins
  std::shared_ptr<PacketOrigin> origin_;
  stream_infer::detail::Queue<KeptPacket> packets_;
  std::size_t bytes_ = 0;
  std::uint64_t dropped_ = 0;
};

}  // namespace stream_infer::ffmpeg
