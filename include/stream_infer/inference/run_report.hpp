#pragma once

#include "stream_infer/core/media_time.hpp"
#include "stream_infer/core/stats.hpp"
#include "stream_infer/player/play_status.hpp"

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <ostream>
#include <string>
#include <vector>

namespace stream_infer {

enum class Mode : std::uint8_t {
  offline,   ///< a serial loop, as fast as the machine goes; every due runs
  realtime,  ///< playing keeps the stream's pace and never waits; every algorithm runs on a thread of its own
};

/// What Inference::start did. All accounts add up, whatever the end was.
struct RunReport {
  Mode mode = Mode::offline;
  PlayState end = PlayState::idle;  ///< ended, stopped or failed
  SourceStats source{};
  std::vector<AlgoStats> algos{};        ///< in the order of loading
  std::uint64_t send_failures = 0;       ///< how often the exporter's send_all() threw
  std::string last_send_error{};         ///< what it said the last time
  std::uint64_t process_skipped = 0;     ///< realtime: played frames that the process hook was too slow to see
  MediaTime media_time{};                ///< media time played through: of the last frame, less the start position
  std::chrono::nanoseconds wall_time{};  ///< from start() to its end, opening included

  [[nodiscard]] bool adds_up() const {
    for (const AlgoStats& algo : algos)
      if (!algo.adds_up()) return false;
    return source.adds_up();
  }
};

inline std::ostream& operator<<(std::ostream& out, const RunReport& report) {
  const double wall = to_seconds(report.wall_time);
  const double media = to_seconds(report.media_time);
  char took[64];
  std::snprintf(took, sizeof took, "%.2f s (%.1fx real time)", wall, wall > 0 ? media / wall : 0);
  out << to_string(report.end) << " after " << to_hms_ms(report.media_time) << " of video in " << took << '\n'
      << report.source << '\n';
  for (const AlgoStats& algo : report.algos) out << algo << '\n';
  if (report.send_failures != 0)
    out << "exporter: sending failed " << report.send_failures << " times (last error: " << report.last_send_error
        << ")\n";
  if (report.process_skipped != 0) out << "process hook: " << report.process_skipped << " frames skipped\n";
  return out;
}

}  // namespace stream_infer
