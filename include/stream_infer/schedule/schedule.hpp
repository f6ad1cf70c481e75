#pragma once

#include "stream_infer/core/error.hpp"
#include "stream_infer/core/media_time.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>

namespace stream_infer {

/// Which frames an algorithm looks at: `frame_count` frames, `frame_step` frames apart. As a template argument of
/// load_algo it makes the window a Window<frame_count>, checked against the tracker while compiling.
struct Sampling {
  std::size_t frame_count = 1;
  std::size_t frame_step = 1;

  /// How many frames in a row the window reaches over; 0 if it makes no sense or is beyond counting.
  [[nodiscard]] constexpr std::size_t span() const {
    if (frame_count == 0 || frame_step == 0) return 0;
    if ((frame_count - 1) > (std::numeric_limits<std::size_t>::max() - 1) / frame_step) return 0;
    return (frame_count - 1) * frame_step + 1;
  }
  friend constexpr bool operator==(const Sampling&, const Sampling&) = default;
};

/// Sampling at run time, and how often: an algorithm is due every `interval` of media time. An interval of 0, or any
/// that is shorter than a frame's period, makes every played frame due.
struct Schedule {
  std::size_t frame_count = 1;
  std::size_t frame_step = 1;
  MediaTime interval{0};

  [[nodiscard]] constexpr Sampling sampling() const { return {frame_count, frame_step}; }
  friend constexpr bool operator==(const Schedule&, const Schedule&) = default;
};

namespace detail {

/// \throws Error that names the algorithm, if `schedule` makes no sense
inline void check(std::string_view algo, const Schedule& schedule) {
  const auto fail = [&](std::string_view reason) { throw Error{Errc::invalid_argument, "schedule", algo, reason}; };
  if (schedule.frame_count == 0) fail("frame_count must be at least 1");
  if (schedule.frame_step == 0) fail("frame_step must be at least 1");
  if (schedule.sampling().span() == 0) fail("frame_count and frame_step are too large");
  if (schedule.interval < MediaTime{0}) fail("the interval must not be negative");
}

}  // namespace detail
}  // namespace stream_infer
