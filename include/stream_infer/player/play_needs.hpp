#pragma once

#include "stream_infer/core/media_time.hpp"
#include "stream_infer/core/queue.hpp"
#include "stream_infer/player/frame_selector.hpp"
#include "stream_infer/player/pace_keeper.hpp"
#include "stream_infer/producer/producer.hpp"
#include "stream_infer/schedule/due_forecast.hpp"
#include "stream_infer/schedule/sampling_plan.hpp"

#include <cstddef>
#include <utility>

namespace stream_infer::detail {

/// What a play needs of its source: of the pictures that it plays, those in some window. It goes by the play's own rules:
/// FrameSelector says which are played, a SamplingPlan what becomes of those, and a PaceKeeper which windows come too late;
/// of a live source a DueForecast says what will become of those to come.
class PlayNeeds final : public PictureNeeds {
 public:
  PlayNeeds(const FrameSelector& selector, SamplingPlan plan, PaceKeeper::Now now = {})
      : selector_{selector}, pace_{std::move(now)}, forecast_{plan}, frames_{std::move(plan)} {}

  void begin_group() override { pace_.begin_group(); }

  void add(MediaTime time) override {
    const MediaTime too_late_by = pace_.too_late_by(time);
    const bool played = selector_.offer(time) == FrameSelector::Verdict::play;
    played_.push_back(played ? 1 : 0);
    if (!played) return;
    const Timing timing = selector_.timing(time);
    frames_.add(timing, too_late_by);
    forecast_.add(timing);
    selector_.played(timing);
  }

  void end() override { ended_ = true; }

  [[nodiscard]] bool keeps_pace() const override { return pace_.has_clock(); }

  [[nodiscard]] bool may_need(MediaTime time) const override { return forecast_.may_hold(time); }

  [[nodiscard]] bool can_pass(MediaTime time) const override {
    return selector_.plays_all() && forecast_.is_quiet_until(time);
  }

  [[nodiscard]] std::size_t reach() const override { return frames_.span() - 1; }

  PictureNeed take() override {
    if (played_.empty() || (played_.front() != 0 && frames_.known(ended_) == 0)) return PictureNeed::unknown;
    if (played_.pop_front() == 0) return PictureNeed::not_needed;
    switch (frames_.take()) {
      case FrameUse::none: return PictureNeed::not_needed;
      case FrameUse::late: return PictureNeed::late;
      case FrameUse::held: break;
    }
    pace_.decodes();
    return PictureNeed::needed;
  }

 private:
  FrameSelector selector_;
  PaceKeeper pace_;
  DueForecast forecast_;
  PlannedFrames frames_;
  detail::Queue<char> played_;  // the pictures not yet taken
  bool ended_ = false;
};

}  // namespace stream_infer::detail
