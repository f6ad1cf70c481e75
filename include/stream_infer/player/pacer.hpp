#pragma once

#include "stream_infer/core/clock.hpp"
#include "stream_infer/core/media_time.hpp"
#include "stream_infer/core/min_max.hpp"

#include <optional>
#include <stop_token>
#include <utility>

namespace stream_infer {

/// Keeps a stream's pace: media time goes by as the clock does, from the first frame on. After a stall frames come faster
/// until the pace is what it would have been, but not more than `most_hurry` times as fast: who watches them must have a
/// chance to see each. A gap longer than `longest_gap` is not waited for (recordings jump, clocks of cameras are set). A live
/// source sets its own pace: its frames never wait.
template <Clock C>
class Pacer {
 public:
  static constexpr MediaTime longest_gap{60'000'000'000};  ///< one minute
  static constexpr int most_hurry = 10;

  Pacer(C clock, bool live) : clock_{std::move(clock)}, live_{live} {}

  /// Sleeps until a frame at `time` is to be played. Returns false if `stop` is requested before that.
  [[nodiscard]] bool wait(MediaTime time, const std::stop_token& stop) {
    if (live_) return !stop.stop_requested();
    const MediaTime now = clock_.now();
    MediaTime earliest = played_ + (time - previous_) / most_hurry;
    if (!started_ || time - previous_ > longest_gap) {
      offset_ = now - time;
      earliest = now;
    }
    started_ = true;
    previous_ = time;
    const MediaTime due = detail::max(offset_ + time, earliest);
    played_ = detail::max(due, now);
    return clock_.sleep_until(due, stop);
  }

  /// What the clock shows, or has shown, at media time 0, by the frame that was waited for last; none before the first
  /// frame, and of a live source.
  [[nodiscard]] std::optional<MediaTime> origin() const {
    return live_ || !started_ ? std::nullopt : std::optional{offset_};
  }

 private:
  C clock_;
  bool live_;
  bool started_ = false;
  MediaTime previous_{};  // of the frame before
  MediaTime played_{};    // when that was to be played, by the clock
  MediaTime offset_{};    // of the clock's time from media time
};

}  // namespace stream_infer
