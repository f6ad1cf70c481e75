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

/// What windows have of a frame.
enum class FrameUse : std::uint8_t {
  none,
  late,  ///< some would hold it if they had begun in time
  held,
};

/// Applies a SamplingPlan to the frames of a play, one after the other: which of them will some window hold? Whether a
/// frame is needed is known when so many frames have followed that no window can reach back to it any more. One thread.
class PlannedFrames {
 public:
  explicit PlannedFrames(SamplingPlan plan) : plan_{std::move(plan)}, span_{plan_.span()} {}

  /// The next played frame, which is too late by so much for a window to begin with it. That of an algorithm which is due
  /// seldom does all the same, up to half its interval late: it costs little, and there is no other for long.
  void add(const Timing& timing, MediaTime too_late_by = {}) {
    frames_.push_back({too_late_by, FrameUse::none});
    ++added_;
    for (const Schedule& schedule : plan_.schedules) {
      const std::size_t span = schedule.sampling().span();
      if (added_ < span || DueRule{schedule.interval}.dues_at(timing) == 0) continue;
      const bool begins = frames_[frames_.size() - span].too_late_by <= schedule.interval / 2;
      const FrameUse use = begins ? FrameUse::held : FrameUse::late;
      for (std::size_t i = 0; i < schedule.frame_count; ++i) {
        FrameUse& of_frame = frames_[frames_.size() - 1 - i * schedule.frame_step].use;
        if (of_frame < use) of_frame = use;
      }
    }
  }

  /// How many frames in a row the longest window reaches over.
  [[nodiscard]] std::size_t span() const { return span_; }

  /// How many of the frames not yet taken are known.
  [[nodiscard]] std::size_t known(bool ended) const {
    if (ended) return frames_.size();
    return frames_.size() < span_ ? 0 : frames_.size() - span_ + 1;
  }

  /// Takes the first frame not yet taken, which must be known: what windows have of it.
  FrameUse take() { return frames_.pop_front().use; }

 private:
  struct Frame {
    MediaTime too_late_by;
    FrameUse use;
  };

  SamplingPlan plan_;
  std::size_t span_;
  detail::Queue<Frame> frames_;  // not yet taken, and their use as far as it is known
  std::uint64_t added_ = 0;
};

}  // namespace stream_infer
