#pragma once

#include "stream_infer/core/media_time.hpp"
#include "stream_infer/ffmpeg/compat.hpp"
#include "stream_infer/ffmpeg/output.hpp"
#include "stream_infer/ffmpeg/packet_ring.hpp"
#include "stream_infer/ffmpeg/sound_tap.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace stream_infer::ffmpeg {

/// The sound that a SoundTap keeps, as a stream of an Output beside the pictures. One thread.
class SoundTrack {
 public:
  explicit SoundTrack(std::shared_ptr<SoundTap> tap) : tap_{std::move(tap)} {}

  /// Before Output::begin(): adds a stream, if the source that was opened last has sound that the container holds.
  void add_to(Output& output) {
    stream_ = nullptr;
    last_ = MediaTime{-1};
    streams_ = tap_->streams();
    if (!streams_ || streams_->size() < 2) return;
    const AVCodecID codec = streams_->back().parameters->codec_id;
    if (!output.holds(codec)) {
      left_out_ = output.not_held(codec, "sound");
      return;
    }
    stream_ = &streams_->back();
    place_ = output.add_stream(*stream_->parameters, stream_->time_base);
  }

  /// The media time that is time 0 in the output.
  void begin(MediaTime time) { begin_ = time; }

  /// Writes what comes before a media time, and after what has been written. \throws Error
  void write(Output& output, MediaTime before) {
    while (std::optional<KeptPacket> kept = tap_->take(before)) {
      const PacketStream& from = kept->origin->streams->back();
      const MediaTime time = kept->time() - begin_;
      if (time < MediaTime{0}) continue;  // before the first picture
      if (stream_ == nullptr || !is_same(from, *stream_) || time <= last_) {
        ++dropped_;
        continue;
      }
      AVPacket& packet = *kept->packet;
      packet.pts = packet.dts = av_rescale_q(time.count(), PacketOrigin::nanoseconds, from.time_base);
      output.write(packet, place_, from.time_base);
      last_ = time;
    }
  }

  /// Packets that were not written, although there were pictures.
  [[nodiscard]] std::uint64_t dropped() const { return dropped_ + tap_->dropped(); }
  /// Why the container has no sound of the source's, if it does not hold it.
  [[nodiscard]] const std::string& left_out() const { return left_out_; }

 private:
  /// Whether one goes on where the other ended: a source that was opened again may have another sound.
  [[nodiscard]] static bool is_same(const PacketStream& a, const PacketStream& b) {
    const AVCodecParameters &x = *a.parameters, &y = *b.parameters;
    return x.codec_id == y.codec_id && x.sample_rate == y.sample_rate && compat::channels(x) == compat::channels(y) &&
           x.extradata_size == y.extradata_size && std::equal(x.extradata, x.extradata + x.extradata_size, y.extradata);
  }

  std::shared_ptr<SoundTap> tap_;
  std::shared_ptr<const std::vector<PacketStream>> streams_;  // of the source, when the track was added
  const PacketStream* stream_ = nullptr;                      // of them; null: there is none
  int place_ = 0;                                             // in the output
  MediaTime begin_{}, last_{-1};
  std::uint64_t dropped_ = 0;
  std::string left_out_;
};

}  // namespace stream_infer::ffmpeg
