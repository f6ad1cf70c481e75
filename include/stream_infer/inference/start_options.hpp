#pragma once

#include "stream_infer/core/media_time.hpp"
#include "stream_infer/core/rational.hpp"
#include "stream_infer/inference/run_report.hpp"
#include "stream_infer/player/progress.hpp"

#include <optional>

namespace stream_infer {

/// How Inference::start plays.
struct StartOptions {
  std::optional<Rational> fps = {};  ///< the play rate; none, or one at or above the source's, plays every frame
  Mode mode = Mode::offline;
  MediaTime position{};         ///< where to start, since the source's start; dues stay absolute
  OnProgress on_progress = {};  ///< hears of progress, on the thread that called start: ProgressLine{}
};

}  // namespace stream_infer
