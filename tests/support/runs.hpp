#pragma once

#include "stream_infer/core/manual_clock.hpp"
#include "stream_infer/exporter/memory_exporter.hpp"
#include "stream_infer/inference/run_report.hpp"
#include "support/catch.hpp"
#include "support/model.hpp"
#include "support/random.hpp"
#include "support/random_source.hpp"
#include "support/scripted_producer.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <stop_token>
#include <string_view>
#include <thread>
#include <vector>

namespace stream_infer::test {

/// `dues = runs + failures + misses(by cause)`.
inline void check_adds_up(const AlgoStats& algo) {
  INFO(algo);
  REQUIRE(algo.dues == algo.runs + algo.failures + algo.missed.gap + algo.missed.warm_up + algo.missed.busy +
                           algo.missed.overwritten + algo.missed.left_out);
  REQUIRE(algo.adds_up());
  REQUIRE(algo.export_failures <= algo.runs);
}

/// `frames seen = played + skipped(by cause)`.
inline void check_adds_up(const SourceStats& source) {
  INFO(source);
  REQUIRE(source.frames_seen == source.frames_played + source.skipped.rate + source.skipped.position +
                                    source.skipped.tracker + source.skipped.stopped);
  REQUIRE(source.adds_up());
}

/// Both, as they must hold at the end of every run, whatever the end.
inline void check_adds_up(const RunReport& report) {
  check_adds_up(report.source);
  for (const AlgoStats& algo : report.algos) check_adds_up(algo);
  REQUIRE(report.adds_up());
}

using Frames = std::vector<std::size_t>;  ///< the numbers that frames have in their script

/// Sees which frames it was given.
struct Look {
  Frames run(std::span<const Frame> frames) {
    Frames out;
    for (const Frame& frame : frames) out.push_back(source_index(frame));
    return out;
  }
};

using Looks = MemoryExporter<Frames>;

/// The runs of the algorithm `name`, in their order.
[[nodiscard]] inline std::vector<model::Run> runs_of(const Looks& exporter, std::string_view name) {
  std::vector<model::Run> out;
  for (const Record<Frames>& record : exporter.results())
    if (record.algo == name) out.push_back({record.frame_index, record.time, record.value});
  return out;
}

/// Windows of up to `span` frames, at any interval.
[[nodiscard]] inline Schedule random_schedule(Random& random, Rational play_rate, std::int64_t span) {
  Schedule schedule;
  const std::int64_t count = random.between(1, span);
  schedule.frame_count = static_cast<std::size_t>(count);
  schedule.frame_step = count == 1 ? 1 : static_cast<std::size_t>(random.between(1, (span - 1) / (count - 1)));
  schedule.interval = random_interval(random, play_rate);
  return schedule;
}

/// Lets a clock that is driven by hand run, as fast as the work allows, for as long as this lives.
class RunningTime {
 public:
  explicit RunningTime(ManualClock clock)
      : thread_{[clock](const std::stop_token& stop) mutable { clock.run(stop); }} {}

 private:
  std::jthread thread_;
};

}  // namespace stream_infer::test
