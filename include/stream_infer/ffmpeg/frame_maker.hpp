#pragma once

#include "stream_infer/core/frame_pool.hpp"
#include "stream_infer/core/media_time.hpp"
#include "stream_infer/core/min_max.hpp"
#include "stream_infer/core/rational.hpp"
#include "stream_infer/core/stats.hpp"
#include "stream_infer/ffmpeg/converter.hpp"
#include "stream_infer/ffmpeg/decoder.hpp"
#include "stream_infer/ffmpeg/demuxer.hpp"
#include "stream_infer/ffmpeg/ffmpeg_options.hpp"
#include "stream_infer/ffmpeg/handle.hpp"
#include "stream_infer/ffmpeg/orientation.hpp"
#include "stream_infer/producer/producer.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

namespace stream_infer::ffmpeg {

/// Makes frames of decoded pictures: their size, their way up, and their time, which always increases. One thread.
class FrameMaker {
  using Clock = std::chrono::steady_clock;

 public:
  static constexpr int largest_side = 65535;

  explicit FrameMaker(FFmpegOptions settings) : settings_{std::move(settings)} {}

  [[nodiscard]] const std::shared_ptr<SourceCounters>& counters() const { return counters_; }

  /// A source has been opened, for the first time or again. Its pictures will be turned so, and are likely to be as `info`
  /// says. Returns what will become of them.
  const ImageSpec& set(const Orientation& orientation, const SourceInfo& info) {
    orientation_ = orientation;
    if (info.fps) fps_ = info.fps;
    live_ = info.live;
    begins_ = info.live;
    if (last_time_) ++origin_.epoch;
    for (Arrival& arrival : arrivals_) arrival = {};
    return spec_ = spec_of(info.width, info.height);
  }

  /// Live: the packet of a picture with this time stamp has come, now.
  void note_arrival(std::int64_t timestamp) {
    arrivals_[next_arrival_++ % arrivals_.size()] = {timestamp, Clock::now()};
  }

  /// The frame of a picture that the decoder gave; takes what it refers to.
  [[nodiscard]] Frame make(Demuxer& demuxer, AVFrame& picture) {
    const std::int64_t timestamp = picture.best_effort_timestamp;
    last_time_ = next_time(demuxer, timestamp, picture.pts == AV_NOPTS_VALUE);
    demuxer.note_shown(timestamp, *last_time_);
    origin_.damaged = is_damaged(picture);
    if (live_) note_time();
    spec_ = orientation_.transpose ? spec_of(picture.height, picture.width) : spec_of(picture.width, picture.height);
    Frame frame = pool_.make_lazy(spec_, *last_time_,
                                  [&](DecodedPicture& held) { held.take(picture, orientation_, converters_); });
    set_origin(frame, timestamp);
    return frame;
  }

  /// The frame of a picture that has been left out.
  [[nodiscard]] Frame make_left_out(Demuxer& demuxer, std::int64_t timestamp) {
    last_time_ = next_time(demuxer, timestamp, false);
    demuxer.note_shown(timestamp, *last_time_);
    origin_.damaged = false;
    if (live_) note_time();
    Frame frame = pool_.make_lazy(spec_, *last_time_, [](DecodedPicture&) {});
    set_origin(frame, timestamp);
    stream_infer::detail::FrameAccess::leave_out(frame);
    return frame;
  }

  /// A frame without pixels, in place of one that has been made.
  [[nodiscard]] Frame without_pixels(const Frame& made) {
    using stream_infer::detail::FrameAccess;
    Frame frame = pool_.make_lazy(made.spec(), made.time(), [](DecodedPicture&) {});
    FrameAccess::set_origin(frame, FrameAccess::origin(FrameAccess::state(made)));
    FrameAccess::leave_out(frame);
    return frame;
  }

  /// Whether there has been a frame.
  [[nodiscard]] bool made_any() const { return last_time_.has_value(); }

  /// What becomes of an upright picture of this size.
  [[nodiscard]] ImageSpec spec_of(int width, int height) const {
    const auto in_proportion = [](int side, int to, int of) {
      return static_cast<int>(
          stream_infer::detail::clamp<std::int64_t>((std::int64_t{side} * to + of / 2) / of, 1, largest_side + 1));
    };
    ImageSpec spec{settings_.width, settings_.height, settings_.format};
    if (spec.width == 0 && spec.height == 0) return {width, height, spec.format};
    if (spec.width == 0) spec.width = in_proportion(width, spec.height, height);
    if (spec.height == 0) spec.height = in_proportion(height, spec.width, width);
    return spec;
  }

 private:
  static constexpr MediaTime farthest_back{1'000'000'000};    // that time may go for a few pictures
  static constexpr MediaTime farthest_ahead{10'000'000'000};  // that it may go beyond what has passed
  static constexpr std::int64_t most_half_periods_back = 32;

  /// The picture's time. One without a time stamp comes a period after the one before. So do those whose time stamps are not
  /// later, but the first of them comes half a period earlier: if it is one too many, those after it keep their times. Where
  /// the time stamps of a live source begin anew, its times go on.
  /// \param guessed  the time stamp is of decoding, or made up
  [[nodiscard]] MediaTime next_time(Demuxer& demuxer, std::int64_t timestamp, bool guessed) {
    if (timestamp != AV_NOPTS_VALUE) {
      // In an AVI, say, the stream's start is that of decoding; its first picture is shown later, and that is our start.
      if (!last_time_ && (guessed || !demuxer.knows_start())) demuxer.start_at(timestamp);
      MediaTime time = demuxer.time_of(timestamp);
      if (live_) time = go_on(time);
      if (!last_time_ || time > *last_time_) {
        timed_ = time;
        half_periods_since_ = 0;
        return time;
      }
    } else if (begins_ && last_time_) {
      half_periods_since_ = 0;
      return timed_ = after_pause();
    }
    if (!last_time_) return MediaTime{0};
    half_periods_since_ += timestamp != AV_NOPTS_VALUE && half_periods_since_ == 0 ? 1 : 2;
    return timed_ + half_periods(half_periods_since_);
  }

  [[nodiscard]] MediaTime half_periods(std::int64_t count) const {
    const Rational rate = fps_.value_or(Rational{1000});
    return MediaTime{static_cast<std::int64_t>(
        stream_infer::detail::floor_div(stream_infer::detail::int128{500'000'000} * count * rate.den(), rate.num()))};
  }

  /// The time of a live source's picture that would be at `time` if the source's clock had run on since its start. Where it
  /// has not, what has passed by ours is what has passed.
  [[nodiscard]] MediaTime go_on(MediaTime time) {
    const MediaTime shifted{av_sat_add64(time.count(), shift_)};
    const MediaTime next = after_pause();
    const MediaTime last = last_time_.value_or(MediaTime{0});
    const bool jumps = last_time_ && (shifted < last - farthest_back || shifted > next + farthest_ahead ||
                                      half_periods_since_ > most_half_periods_back);
    if (!begins_ && !jumps) return shifted;
    if (!begins_) ++origin_.epoch;
    begins_ = false;
    shift_ = av_sat_sub64(next.count(), time.count());
    return next;
  }

  /// The time of a picture that comes now, by our clock, but at least a period after the one before.
  [[nodiscard]] MediaTime after_pause() const {
    if (!last_time_) return MediaTime{0};
    return stream_infer::detail::max(MediaTime{Clock::now() - started_at_}, *last_time_ + half_periods(2));
  }

  /// The latest frame has come now. Frames may be late, and none is early.
  void note_time() {
    const Clock::time_point start = Clock::now() - *last_time_;
    if (started_at_ == Clock::time_point{} || start < started_at_) started_at_ = start;
  }

  void set_origin(Frame& frame, std::int64_t timestamp) {
    origin_.arrived = {};
    for (const Arrival& arrival : arrivals_)
      if (arrival.at != Clock::time_point{} && arrival.timestamp == timestamp) origin_.arrived = arrival.at;
    stream_infer::detail::FrameAccess::set_origin(frame, origin_);
  }

  struct Arrival {
    std::int64_t timestamp = AV_NOPTS_VALUE;
    Clock::time_point at{};
  };

  FFmpegOptions settings_;
  Orientation orientation_;
  std::optional<Rational> fps_;
  ImageSpec spec_;  // of the latest frame
  std::shared_ptr<SourceCounters> counters_{new SourceCounters};
  std::shared_ptr<DecodedPicture::Converters> converters_{new DecodedPicture::Converters};
  FramePool<DecodedPicture> pool_{counters_};

  std::optional<MediaTime> last_time_;
  MediaTime timed_{};  // the latest time that a time stamp gave
  std::int64_t half_periods_since_ = 0;

  bool live_ = false;
  bool begins_ = false;             // live: the next time stamp is the first of a connection
  std::int64_t shift_ = 0;          // live: of times from the source's own
  Clock::time_point started_at_{};  // live: when time 0 was, by our clock
  stream_infer::detail::FrameOrigin origin_;
  std::array<Arrival, 32> arrivals_{};  // of the latest packets
  std::size_t next_arrival_ = 0;
};

}  // namespace stream_infer::ffmpeg
