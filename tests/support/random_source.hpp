#pragma once

#include "support/model.hpp"
#include "support/random.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace stream_infer::test {

/// The rates that are met in the field, and any fraction.
[[nodiscard]] inline Rational random_rate(Random& random) {
  static const std::vector<Rational> common{
      {30000, 1001}, {24000, 1001}, {60000, 1001}, {25, 2}, 5, 10, 15, 24, 25, 30, 50, 60, 120, 1};
  if (random.chance(60)) return random.pick(common);
  return {random.between(1, 120'000), random.between(500, 2000)};
}

/// A source of `count` frames, its time stamps rounded to the container's time base. `jitter` moves frames apart and
/// together, `gaps` leaves out some.
[[nodiscard]] inline model::Source random_source(Random& random, std::int64_t count, bool jitter, bool gaps) {
  static const std::vector<Rational> time_bases{{1, 1'000'000'000}, {1, 90'000}, {1, 1000}, {1, 600}, {1, 12'800}};
  model::Source source{{}, random_rate(random), random.pick(time_bases)};
  if (random.chance(10)) source.time_base = Rational{source.fps->den(), source.fps->num()};  // AVI: one unit a frame
  const std::int64_t period = period_of(*source.fps).count();

  std::int64_t drift = 0;  // from the constant rate
  for (std::int64_t i = 0; i < count; ++i) {
    if (jitter && i > 0) drift += random.between(-period * 7 / 10, period * 15 / 10);
    if (gaps && i > 0 && random.chance(4)) drift += random.between(period, 40 * period);
    const model::Wide exact = model::Wide{1'000'000'000} * i * source.fps->den() / source.fps->num() + drift;
    // to the nearest unit of the time base, and that to the nanosecond below
    const model::Wide scale = model::Wide{1'000'000'000} * source.time_base.num();
    const model::Wide units = (exact * source.time_base.den() + scale / 2) / scale;
    MediaTime time{static_cast<std::int64_t>(units * scale / source.time_base.den())};
    if (!source.times.empty() && time <= source.times.back()) time = source.times.back() + MediaTime{1'000};
    source.times.push_back(time);
  }
  return source;
}

/// At a constant or variable rate, with or without gaps.
[[nodiscard]] inline model::Source random_source(Random& random, std::int64_t count) {
  const bool jitter = random.chance(40);
  const bool gaps = random.chance(40);
  return random_source(random, count, jitter, gaps);
}

/// None, one that thins out, or one above the source's.
[[nodiscard]] inline std::optional<Rational> random_play_rate(Random& random, const model::Source& source) {
  if (random.chance(40)) return std::nullopt;
  if (random.chance(40)) return random_rate(random);
  return Rational{source.fps->num() * random.between(1, 110), source.fps->den() * 100};
}

/// The start, a frame's own time, or anywhere up to a little behind the end.
[[nodiscard]] inline MediaTime random_position(Random& random, const model::Source& source) {
  if (random.chance(40)) return MediaTime{0};
  if (random.chance(30)) return random.pick(source.times);
  return MediaTime{random.between(0, source.times.back().count() * 11 / 10)};
}

/// Shorter than a frame of the play, as long as one, a multiple, or anything.
[[nodiscard]] inline MediaTime random_interval(Random& random, Rational play_rate) {
  const std::int64_t period = period_of(play_rate).count();
  switch (random.between(0, 6)) {
    case 0: return MediaTime{0};
    case 1: return MediaTime{random.between(1, period)};
    case 2: return MediaTime{period};
    case 3: return MediaTime{period * random.between(2, 20)};
    case 4: return MediaTime{random.between(1, 60) * 50'000'000};
    case 5: return MediaTime{random.between(1, 5) * 1'000'000'000};
    default: return MediaTime{random.between(period, 30 * period)};
  }
}

}  // namespace stream_infer::test
