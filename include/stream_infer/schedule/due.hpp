#pragma once

#include "stream_infer/core/media_time.hpp"
#include "stream_infer/core/min_max.hpp"
#include "stream_infer/core/rational.hpp"

#include <cstdint>

namespace stream_infer {

/// The due rule. An algorithm with interval I has its k-th due (k = 1, 2, …) at the first played frame with
///
///     time + 1/fps >= k·I - ε
///
/// so a frame has seen the dues up to floor((time + 1/fps + ε) / I), and the dues *at* a frame are those that the played
/// frame before it had not seen. All terms are whole nanoseconds except 1/fps, and rounding that down cannot change the
/// floor of the quotient: the rule is exact and never drifts.
///
/// Because a frame's Timing holds the time of the frame before it, the rule is a pure function of one frame. A thread
/// that missed frames applies it to the next one it sees and still counts every due.
class DueRule {
 public:
  /// \param interval  at least 0; 0 makes every frame due
  constexpr explicit DueRule(MediaTime interval) : interval_{interval} {}

  /// Whether every frame is one due: the interval is shorter than a frame.
  [[nodiscard]] constexpr bool every_frame(const Timing& timing) const {
    return interval_ == MediaTime{0} || interval_ < timing.period;
  }

  /// How many dues have been reached at a frame at `time` in the play that `timing` is of, since the source's start. Not
  /// for every_frame().
  [[nodiscard]] constexpr std::uint64_t reached(MediaTime time, const Timing& timing) const {
    const detail::int128 end = detail::int128{time.count()} + timing.period.count() + timing.tolerance.count();
    return static_cast<std::uint64_t>(detail::max<detail::int128>(0, detail::floor_div(end, interval_.count())));
  }

  /// How many dues end at the frame of `timing`: mostly 0 or 1; more where a gap in the stream lies before it.
  [[nodiscard]] constexpr std::uint64_t dues_at(const Timing& timing) const {
    if (every_frame(timing)) return 1;
    return reached(timing.time, timing) - reached(timing.previous, timing);
  }

  /// How many dues of this play lie before the frame of `timing`, whose number is `index`.
  [[nodiscard]] constexpr std::uint64_t dues_before(std::uint64_t index, const Timing& timing) const {
    if (every_frame(timing)) return index;
    return reached(timing.previous, timing) - reached(timing.start, timing);
  }

  [[nodiscard]] constexpr MediaTime interval() const { return interval_; }

 private:
  MediaTime interval_;
};

}  // namespace stream_infer
