#pragma once

#include "stream_infer/core/min_max.hpp"
#include "stream_infer/core/rational.hpp"

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>

namespace stream_infer {

/// A position on a source's own time line, or a span of it: nanoseconds since the source's start.
using MediaTime = std::chrono::nanoseconds;

/// A moment by this machine's clock: UTC, in nanoseconds since 1970.
using WallTime = std::chrono::sys_time<MediaTime>;

/// `time` in seconds.
[[nodiscard]] constexpr double to_seconds(MediaTime time) { return static_cast<double>(time.count()) * 1e-9; }

/// One period of `rate`, rounded down to the nanosecond; 0 where the rate is unknown (not positive).
[[nodiscard]] constexpr MediaTime period_of(Rational rate) {
  if (!rate.is_positive()) return MediaTime{0};
  return MediaTime{
      static_cast<std::int64_t>(detail::floor_div(detail::int128{1'000'000'000} * rate.den(), rate.num()))};
}

/// The ε of the play and due rules: one unit of the container's time base, at least 1 ms, at most half the source's
/// frame period. It absorbs the rounding of time stamps and can never reach the next frame.
[[nodiscard]] constexpr MediaTime tolerance_of(Rational time_base, Rational source_rate) {
  MediaTime tolerance{1'000'000};
  if (time_base.is_positive())
    tolerance = detail::max(tolerance, MediaTime{static_cast<std::int64_t>(detail::floor_div(
                                           detail::int128{1'000'000'000} * time_base.num(), time_base.den()))});
  const MediaTime period = period_of(source_rate);
  return period > MediaTime{0} ? detail::min(tolerance, period / 2) : tolerance;
}

/// "HH:MM:SS"; hours run past 99 where they must.
[[nodiscard]] inline std::string to_hms(MediaTime time) {
  const std::int64_t seconds = detail::max<std::int64_t>(0, time.count()) / 1'000'000'000;
  char text[32];
  std::snprintf(text, sizeof text, "%02lld:%02d:%02d", static_cast<long long>(seconds / 3600),
                static_cast<int>(seconds / 60 % 60), static_cast<int>(seconds % 60));
  return text;
}

/// "HH:MM:SS.mmm".
[[nodiscard]] inline std::string to_hms_ms(MediaTime time) {
  const std::int64_t count = detail::max<std::int64_t>(0, time.count()) / 1'000'000;
  char milliseconds[8];
  std::snprintf(milliseconds, sizeof milliseconds, ".%03d", static_cast<int>(count % 1000));
  return to_hms(time) + milliseconds;
}

/// Where a played frame stands in time. The due rule needs nothing else, so any thread can apply it to any frame.
struct Timing {
  MediaTime time{};       ///< of this frame
  MediaTime previous{};   ///< of the played frame before it; for the first one, where it would be
  MediaTime start{};      ///< `previous` of the play's first frame: dues at or before it are not this play's
  MediaTime period{};     ///< 1 / play rate; 0 if the rate is unknown
  MediaTime tolerance{};  ///< ε
};

}  // namespace stream_infer
