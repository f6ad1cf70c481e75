#pragma once

#include "stream_infer/core/media_time.hpp"
#include "stream_infer/core/min_max.hpp"
#include "stream_infer/schedule/due.hpp"
#include "stream_infer/schedule/sampling_plan.hpp"
#include "stream_infer/schedule/schedule.hpp"

#include <cstddef>
#include <utility>

namespace stream_infer {

/// Foresees, of a live stream, which of the frames to come some window may hold. A file's frames can be waited for; here
/// it must be said before it is known when those after a frame will come: the rule of dues gives the earliest moment of the
/// next one, and the frames of late how far its window will reach back. Both are taken generously. One thread.
class DueForecast {
 public:
  /// Whose gaps say how far frames lie apart. Before there have been as many, everything may be needed.
  static constexpr std::size_t frames_of_late = 32;

  static constexpr MediaTime longest_gap{60'000'000'000};  ///< one that is longer is taken for this

  static constexpr MediaTime farthest = MediaTime::max() / 2;  ///< later frames may all be held

  explicit DueForecast(SamplingPlan plan) : plan_{std::move(plan)} {}

  /// The next played frame.
  void add(const Timing& timing) {
    if (frames_ > 0) {
      const detail::int128 gap = detail::int128{timing.time.count()} - latest_.time.count();
      if (gap > gap_.count())
        gap_ = MediaTime{static_cast<MediaTime::rep>(detail::min<detail::int128>(gap, longest_gap.count()))};
    }
    if (frames_++ % frames_of_late == 0) gap_before_ = std::exchange(gap_, MediaTime{0});
    latest_ = timing;
  }

  /// Whether nothing is due after the frames added up to `time`, whatever frames come until then.
  [[nodiscard]] bool is_quiet_until(MediaTime time) const {
    bool quiet = frames_ > 0 && time <= farthest;
    for (const Schedule& schedule : plan_.schedules) {
      const DueRule rule{schedule.interval};
      quiet = quiet && !rule.every_frame(latest_) && rule.reached(time, latest_) == rule.reached(latest_.time, latest_);
    }
    return quiet;
  }

  /// Whether a window may hold a frame at `time`, which will come after those added.
  [[nodiscard]] bool may_hold(MediaTime time) const {
    if (frames_ <= frames_of_late || time > farthest) return true;
    bool may = false;
    for (const Schedule& schedule : plan_.schedules) may = may || may_hold(schedule, time);
    return may;
  }

 private:
  [[nodiscard]] bool may_hold(const Schedule& schedule, MediaTime time) const {
    const DueRule rule{schedule.interval};
    if (rule.every_frame(latest_)) return true;
    const MediaTime gap = detail::max(gap_, gap_before_);
    const MediaTime reach = gap * static_cast<MediaTime::rep>(schedule.sampling().span() - 1);
    // Frames come late, or are lost on their way: the window then reaches further back, by time.
    const MediaTime margin = reach / 2 + 2 * gap;
    return rule.reached(time + reach + margin, latest_) > rule.reached(latest_.time, latest_);
  }

  SamplingPlan plan_;
  std::size_t frames_ = 0;
  Timing latest_{};
  MediaTime gap_{};         // the longest of the latest frames, of up to frames_of_late
  MediaTime gap_before_{};  // of as many before those
};

}  // namespace stream_infer
