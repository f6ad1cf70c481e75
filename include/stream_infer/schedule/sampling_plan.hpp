#pragma once

#include "stream_infer/core/media_time.hpp"
#include "stream_infer/core/min_max.hpp"
#include "stream_infer/core/queue.hpp"
#include "stream_infer/schedule/due.hpp"
#include "stream_infer/schedule/schedule.hpp"

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace stream_infer {

/// All the schedules of a run: what is needed is the union of the windows of their dues.
struct SamplingPlan {
  std::vector<Schedule> schedules;

  /// How many frames in a row the longest window reaches over.
  [[nodiscard]] std::size_t span() const {
    std::size_t longest = 1;
    for (const Schedule& schedule : schedules) longest = detail::max(longest, schedule.sampling().span());
    return longest;
  }
};

/// Applies a SamplingPlan to the frames of a play, one after the other: which of them will some window hold? That a frame
/// is needed is known with the due of a window that holds it; that it is not, when so many frames have followed that no
/// window can reach back to it any more. One thread.
class PlannedFrames {
 public:
  explicit PlannedFrames(SamplingPlan plan) : plan_{std::move(plan)}, span_{plan_.span()} {}

  /// The next played frame.
  void add(const Timing& timing) {
    needed_.push_back(0);
    ++added_;
    for (const Schedule& schedule : plan_.schedules) {
      if (added_ < schedule.sampling().span() || DueRule{schedule.interval}.dues_at(timing) == 0) continue;
      // one that has been taken already was known to be needed
      for (std::size_t back = 0; back < schedule.sampling().span() && back < needed_.size();
           back += schedule.frame_step)
        needed_[needed_.size() - 1 - back] = 1;
    }
  }

  /// Whether there is a frame not yet taken, and it is known whether it is needed. \param ended  no frame will follow
  [[nodiscard]] bool knows_first(bool ended) const {
    return !needed_.empty() && (ended || needed_.front() != 0 || needed_.size() >= span_);
  }

  /// Takes the first frame; whether it is needed. It must be known.
  bool take() { return needed_.pop_front() != 0; }

 private:
  SamplingPlan plan_;
  std::size_t span_;
  detail::Queue<char> needed_;  // of the frames not yet taken, as far as it is known
  std::uint64_t added_ = 0;
};

}  // namespace stream_infer
