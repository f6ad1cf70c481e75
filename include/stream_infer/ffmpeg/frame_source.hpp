#pragma once

#include "stream_infer/core/frame_pool.hpp"
#include "stream_infer/core/media_time.hpp"
#include "stream_infer/core/stats.hpp"
#include "stream_infer/ffmpeg/converter.hpp"
#include "stream_infer/ffmpeg/decoder.hpp"
#include "stream_infer/ffmpeg/demuxer.hpp"
#include "stream_infer/ffmpeg/ffmpeg_options.hpp"
#include "stream_infer/ffmpeg/packet.hpp"
#include "stream_infer/producer/producer.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace stream_infer::ffmpeg {

/// Demuxer, decoder and frames put together: the pictures of a source in the order of their time. For one thread at a
/// time; the counters may be read by any.
class FrameSource {
 public:
  /// Opens the source. Pictures from `options.position` on will come, perhaps after some before it. \throws Error
  FrameSource(const std::string& source, const FFmpegOptions& settings, const OpenOptions& options)
      : settings_{settings},
        demuxer_{source, settings, options.stop},
        decoder_{demuxer_.stream(), settings.threads, demuxer_.name()},
        orientation_{settings.rotate ? demuxer_.orientation() : Orientation{}},
        info_{demuxer_.info(orientation_)},
        period_{info_.fps ? period_of(*info_.fps) : MediaTime{0}},
        counters_{std::make_shared<SourceCounters>()},
        pool_{counters_, [converters = std::make_shared<DecodedPicture::Converters>()] { return DecodedPicture{converters}; }} {
    if (options.position > MediaTime{0} && !demuxer_.live()) seek(options.position, options.position);
  }

  [[nodiscard]] const SourceInfo& info() const { return info_; }
  [[nodiscard]] const std::shared_ptr<SourceCounters>& counters() const { return counters_; }

  /// The next picture, not yet converted. \throws Error  if the source fails for good
  [[nodiscard]] ReadStatus read(Frame& frame) {
    for (;;) {
      switch (decoder_.receive(*decoded_)) {
        case Decoder::Status::frame:
          if (!take(frame)) break;  // decoding starts again, further back
          return ReadStatus::frame;
        case Decoder::Status::end:
          if (demuxer_.is_truncated(sought_ ? ~std::uint64_t{0} : packets_, last_time_)) set_truncated();
          return ReadStatus::end;
        case Decoder::Status::error: count(counters_->decode_errors); break;
        case Decoder::Status::hungry:
          if (!feed()) return ReadStatus::stopped;
          break;
      }
    }
  }

 private:
  static void count(std::atomic<std::uint64_t>& counter) { counter.fetch_add(1, std::memory_order_relaxed); }
  void set_truncated() { counters_->truncated.store(true, std::memory_order_relaxed); }

  /// Gives the decoder its next packet. Returns false if stop was requested.
  bool feed() {
    switch (demuxer_.read(packet_)) {
      case Demuxer::Status::stopped: return false;
      case Demuxer::Status::end: static_cast<void>(decoder_.send(nullptr)); return true;
      case Demuxer::Status::packet: break;
    }
    ++packets_;
    count(counters_->packets_read);
    // After a seek some containers begin between key frames; decoding from there would make up pixels.
    if (await_key_ && (packet_->flags & AV_PKT_FLAG_KEY) == 0) return true;
    await_key_ = false;
    count(counters_->packets_decoded);
    if (!decoder_.send(packet_.get())) count(counters_->decode_errors);
    return true;
  }

  /// Makes a frame of the decoded picture. Returns false if it shows that the seek went too far.
  bool take(Frame& frame) {
    const MediaTime time = next_time();
    if (first_after_seek_ && !reached_back(time)) return false;
    first_after_seek_.reset();
    last_time_ = time;
    has_last_time_ = true;
    count(counters_->frames_decoded);
    if ((decoded_->flags & AV_FRAME_FLAG_CORRUPT) != 0 || decoded_->decode_error_flags != 0)
      count(counters_->frames_damaged);
    frame = pool_.make_lazy(image_spec(), time, [this](DecodedPicture& picture) { picture.take(*decoded_, orientation_); });
    return true;
  }

  /// The picture's time. One without a time stamp, or not later than the one before, comes a period after that.
  [[nodiscard]] MediaTime next_time() {
    const MediaTime follows = has_last_time_ ? last_time_ + std::max(period_, MediaTime{1'000'000}) : MediaTime{0};
    const std::int64_t timestamp = decoded_->best_effort_timestamp;
    if (timestamp == AV_NOPTS_VALUE) return follows;
    demuxer_.start_at(timestamp);
    const MediaTime time = demuxer_.time_of(timestamp);
    return has_last_time_ && time <= last_time_ ? follows : time;
  }

  [[nodiscard]] ImageSpec image_spec() const {
    int width = decoded_->width;
    int height = decoded_->height;
    if (orientation_.transpose) std::swap(width, height);
    const auto in_proportion = [](int side, int to, int of) {
      return std::max(1, static_cast<int>((std::int64_t{side} * to + of / 2) / of));
    };
    ImageSpec spec{settings_.width, settings_.height, settings_.format};
    if (spec.width == 0 && spec.height == 0) return {width, height, spec.format};
    if (spec.width == 0) spec.width = in_proportion(width, spec.height, height);
    if (spec.height == 0) spec.height = in_proportion(height, spec.width, width);
    return spec;
  }

  /// Goes to the key frame before `to`, so that decoding reaches `position`. A source that cannot seek is read from
  /// where it is.
  void seek(MediaTime to, MediaTime position) {
    if (!demuxer_.seek(std::max(to, MediaTime{0}))) return;
    decoder_.flush();
    sought_ = true;
    await_key_ = true;
    has_last_time_ = false;
    first_after_seek_ = Sought{to, position};
  }

  /// Containers may seek inexactly, and a decoder may give nothing until it has recovered. If the first picture after a
  /// seek is already past the position, there may have been one before it: start further back.
  bool reached_back(MediaTime time) {
    const auto [to, position] = *first_after_seek_;
    if (time <= position || to <= MediaTime{0}) return true;
    const MediaTime back = std::max(2 * (position - to), MediaTime{2'000'000'000});
    seek(position - back, position);
    return false;
  }

  struct Sought {
    MediaTime to;
    MediaTime position;
  };

  FFmpegOptions settings_;
  Demuxer demuxer_;
  Decoder decoder_;
  Orientation orientation_;
  SourceInfo info_;
  MediaTime period_;
  std::shared_ptr<SourceCounters> counters_;
  FramePool<DecodedPicture> pool_;

  Packet packet_;
  UniqueFrame decoded_ = make_frame();
  std::uint64_t packets_ = 0;
  MediaTime last_time_{};
  bool has_last_time_ = false;
  bool sought_ = false;
  bool await_key_ = false;
  std::optional<Sought> first_after_seek_;
};

}  // namespace stream_infer::ffmpeg
