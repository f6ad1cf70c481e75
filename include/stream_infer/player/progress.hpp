#pragma once

#include "stream_infer/core/callback.hpp"
#include "stream_infer/core/media_time.hpp"
#include "stream_infer/core/min_max.hpp"
#include "stream_infer/player/play_status.hpp"

#include <chrono>
#include <cstdio>
#include <optional>
#include <string>

#include <unistd.h>

namespace stream_infer {

/// How far a long run has come.
struct Progress {
  MediaTime start{};                    ///< media time at which it began
  MediaTime position{};                 ///< media time of the frame played last
  std::optional<MediaTime> duration{};  ///< of the source, if known
  std::chrono::nanoseconds elapsed{};   ///< wall time since it began
  bool finished = false;                ///< the last call
  PlayState state = PlayState::playing;

  /// Media time played for each second of wall time: 1 is real time.
  [[nodiscard]] double speed() const {
    const double wall = to_seconds(elapsed);
    return wall > 0 ? to_seconds(position - start) / wall : 0;
  }

  /// Wall time that the rest will take at this speed, if that can be told.
  [[nodiscard]] std::optional<MediaTime> left() const {
    if (!duration || speed() <= 0) return std::nullopt;
    const MediaTime rest = detail::max(MediaTime{0}, *duration - position);
    return MediaTime{static_cast<std::int64_t>(static_cast<double>(rest.count()) / speed())};
  }
};

/// Hears of progress a few times a second.
using OnProgress = Callback<void(const Progress&)>;

/// Shows progress as one line that is written over again and again, and cleared at the end:
///
///     00:01:12 of 00:10:00   12%   8.4x real time   00:01:03 left
///
/// What else writes lines to that terminal wipes this one first, by "\r\x1b[K", as PrintExporter does.
/// It writes only to a terminal, so a redirected stream gets nothing. Give it to StartOptions::on_progress.
class ProgressLine {
 public:
  explicit ProgressLine(std::FILE* out = stderr) : out_{out}, is_terminal_{::isatty(::fileno(out)) == 1} {}

  void operator()(const Progress& progress) {
    if (!is_terminal_) return;
    if (progress.finished) {
      std::fputs("\r\x1b[K", out_);
    } else {
      std::string line{"\r"};
      line += text(progress);
      line += "\x1b[K";
      std::fputs(line.c_str(), out_);
    }
    std::fflush(out_);
  }

  /// The line's text.
  [[nodiscard]] static std::string text(const Progress& progress) {
    constexpr MediaTime half_a_second{500'000'000};  // to_hms() cuts off
    std::string line = to_hms(progress.position);
    char part[64];
    if (progress.duration) {
      line += " of " + to_hms(*progress.duration);
      const double share = static_cast<double>(progress.position.count()) /
                           static_cast<double>(detail::max<MediaTime::rep>(1, progress.duration->count()));
      std::snprintf(part, sizeof part, "  %3d%%", static_cast<int>(detail::clamp(share, 0.0, 1.0) * 100));
      line += part;
    }
    std::snprintf(part, sizeof part, "   %.1fx real time", progress.speed());
    line += part;
    if (is_active(progress.state) && progress.state != PlayState::playing)
      line.append("   ").append(to_string(progress.state));
    if (const auto left = progress.left()) line += "   " + to_hms(*left + half_a_second) + " left";
    return line;
  }

 private:
  std::FILE* out_;
  bool is_terminal_;
};

}  // namespace stream_infer
