#pragma once

#include "stream_infer/core/media_time.hpp"
#include "stream_infer/core/rational.hpp"
#include "stream_infer/inference/run_report.hpp"
#include "stream_infer/inference/run_watch.hpp"
#include "stream_infer/player/progress.hpp"

#include <optional>

namespace stream_infer {

/// How Inference::start plays.
struct StartOptions {
  std::optional<Rational> fps = {};  ///< the play rate; none, or one at or above the source's, plays every frame
  Mode mode = Mode::offline;
  MediaTime position{};         ///< where to start, since the source's start; dues stay absolute
  OnProgress on_progress = {};  ///< hears of progress, on the thread that called start: ProgressLine{}

  /// A run() that lasts longer is counted in AlgoStats::slow_runs, and `on_slow_run` hears of it while it lasts; 0: none is
  /// too long.
  MediaTime run_limit{};
  /// Hears of a run() that exceeds `run_limit`, and, once the play has ended or Player::stop() was called, of one that start()
  /// has been waiting for for 200 ms. On a thread of its own; must not throw, and may call Player::stop().
  OnSlowRun on_slow_run = {};
};

}  // namespace stream_infer
