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

/// Applies a SamplingPlan to the frames of a play, one after the other: which of them will some window hold? Whether a
/// frame is needed is known when so many frames have followed that no window can reach back to it any more. One thread.
class PlannedFrames {
 public:
  explicit PlannedFrames(SamplingPlan plan) : plan_{std::move(plan)}, span_{plan_.span()} {}

  /// The next played frame.
  void add(const Timing& timing) {
    needed_.push_back(0);
    ++added_;
    for (const Schedule& schedule : plan_.schedules) {
      if (added_ < schedule.sampling().span() || DueRule{schedule.interval}.dues_at(timing) == 0) continue;
      for (std::size_t i = 0; i < schedule.frame_count; ++i) needed_[needed_.size() - 1 - i * schedule.frame_step] = 1;
    }
  }

  /// How many of the frames not yet taken are known.
  [[nodiscard]] std::size_t known(bool ended) const {
    if (ended) return needed_.size();
    return needed_.size() < span_ ? 0 : needed_.size() - span_ + 1;
  }

  /// Whether the first frame not yet taken is needed. It must be known.
  bool take() { return needed_.pop_front() != 0; }

 private:
  SamplingPlan plan_;
  std::size_t span_;
  detail::Queue<char> needed_;  // of the frames not yet taken, as far as it is known
  std::uint64_t added_ = 0;
};

}  // namespace stream_infer
