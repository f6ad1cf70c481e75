#pragma once

#include "stream_infer/core/media_time.hpp"
#include "stream_infer/core/rational.hpp"
#include "stream_infer/schedule/schedule.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

/// The rules of playing, of dues and of windows once more, written from the sentences that define them: slow, without
/// any state that moves along, and using nothing of the library but its plain types.
namespace stream_infer::test::model {

__extension__ using Wide = __int128;

/// An exact number of seconds.
struct Seconds {
  Wide num = 0;
  Wide den = 1;

  static Seconds of(MediaTime time) { return {time.count(), 1'000'000'000}; }
  static Seconds period(Rational rate) { return {rate.den(), rate.num()}; }

  friend Seconds operator+(Seconds a, Seconds b) { return {a.num * b.den + b.num * a.den, a.den * b.den}; }
  friend Seconds operator-(Seconds a, Seconds b) { return {a.num * b.den - b.num * a.den, a.den * b.den}; }
  friend bool operator<(Seconds a, Seconds b) { return a.num * b.den < b.num * a.den; }
  friend bool operator>=(Seconds a, Seconds b) { return !(a < b); }
};

struct Source {
  std::vector<MediaTime> times;  ///< of all its frames
  std::optional<Rational> fps;
  Rational time_base{1, 1'000'000'000};
};

/// "one unit of the container's time base, at least 1 ms, at most half the source's frame period", in whole nanoseconds.
inline MediaTime epsilon(const Source& source) {
  Seconds exact{source.time_base.num(), source.time_base.den()};
  if (exact < Seconds{1, 1000}) exact = {1, 1000};
  if (source.fps) {
    const Seconds half{source.fps->den(), Wide{2} * source.fps->num()};
    if (half < exact) exact = half;
  }
  return MediaTime{static_cast<std::int64_t>(exact.num * 1'000'000'000 / exact.den)};
}

/// "Without fps, or with fps >= the source's, every frame is played. Otherwise tick k is at k/fps and plays the first
/// not-yet-played frame with PTS >= tick - ε. A tick with no new frame plays nothing." Gives indices into source.times.
inline std::vector<std::size_t> played(const Source& source, std::optional<Rational> fps) {
  std::vector<std::size_t> out;
  const bool every_frame = !fps || (source.fps && *fps >= *source.fps);
  if (every_frame || source.times.empty()) {
    for (std::size_t i = 0; i < source.times.size(); ++i) out.push_back(i);
    return out;
  }
  const Seconds tolerance = Seconds::of(epsilon(source));
  for (std::int64_t k = 0;; ++k) {
    const Seconds tick{Wide{k} * fps->den(), fps->num()};
    std::size_t first = 0;
    while (first < source.times.size() && Seconds::of(source.times[first]) < tick - tolerance) ++first;
    if (first == source.times.size()) return out;
    if (out.empty() || out.back() != first) out.push_back(first);
  }
}

/// How many dues end at each of the frames played at `times`: "the k-th due (k = 1, 2, …) at the first played frame with
/// time + 1/fps >= k·I - ε", and "an interval shorter than a frame means that every frame is one due"; here a frame is as
/// long as its whole nanoseconds.
inline std::vector<std::uint64_t> dues(const std::vector<MediaTime>& times, Rational play_rate, MediaTime tolerance,
                                       MediaTime interval) {
  const Seconds period = play_rate.num() > 0 ? Seconds::period(play_rate) : Seconds{};
  if (interval == MediaTime{0} || (play_rate.num() > 0 && interval < period_of(play_rate)))
    return std::vector<std::uint64_t>(times.size(), 1);
  std::vector<std::uint64_t> out(times.size(), 0);
  for (std::int64_t k = 1;; ++k) {
    const Seconds due = Seconds::of(k * interval - tolerance);
    std::size_t first = 0;
    while (first < times.size() && Seconds::of(times[first]) + period < due) ++first;
    if (first == times.size()) return out;
    ++out[first];
  }
}

/// A play: which frames it shows, and what an algorithm finds in it.
struct Play {
  Play(const Source& from, std::optional<Rational> fps, MediaTime position)
      : tolerance{epsilon(from)},
        rate{fps && (!from.fps || *fps < *from.fps) ? *fps : from.fps.value_or(Rational{})},
        all{played(from, fps)} {
    for (const std::size_t i : all) all_times.push_back(from.times[i]);
    // what is played from a position on is what the full play shows from there on
    while (first < all.size() && position > MediaTime{0} && all_times[first] < position - tolerance) ++first;
  }

  [[nodiscard]] std::size_t size() const { return all.size() - first; }
  [[nodiscard]] std::size_t source_index(std::size_t i) const { return all[first + i]; }
  [[nodiscard]] MediaTime time(std::size_t i) const { return all_times[first + i]; }

  /// The dues at each frame: absolute, so those of the full play.
  [[nodiscard]] std::vector<std::uint64_t> dues_for(MediaTime interval) const {
    const std::vector<std::uint64_t> full = dues(all_times, rate, tolerance, interval);
    return {full.begin() + static_cast<std::ptrdiff_t>(first), full.end()};
  }

  MediaTime tolerance;
  Rational rate;
  std::vector<std::size_t> all;
  std::vector<MediaTime> all_times;
  std::size_t first = 0;
};

/// One run: the frames of its window, as indices into the source's frames, and the number and time of the last.
struct Run {
  std::uint64_t frame_index = 0;
  MediaTime time{};
  std::vector<std::size_t> window;

  friend bool operator==(const Run&, const Run&) = default;
};

/// What becomes of an algorithm's dues where nothing is ever late.
struct Account {
  std::uint64_t dues = 0;
  std::uint64_t gap = 0;
  std::uint64_t warm_up = 0;
  std::vector<Run> runs;
};

inline Account account(const Play& play, const Schedule& schedule) {
  Account out;
  const std::vector<std::uint64_t> at = play.dues_for(schedule.interval);
  for (std::size_t n = 0; n < at.size(); ++n) {
    if (at[n] == 0) continue;
    out.dues += at[n];
    out.gap += at[n] - 1;  // "where one frame passes several dues it runs once; the rest are misses with cause gap"
    if (n + 1 < (schedule.frame_count - 1) * schedule.frame_step + 1) {
      ++out.warm_up;
      continue;
    }
    Run run{n, play.time(n), {}};
    for (std::size_t back = schedule.frame_count; back-- > 0;)
      run.window.push_back(play.source_index(n - back * schedule.frame_step));
    out.runs.push_back(run);
  }
  return out;
}

}  // namespace stream_infer::test::model
