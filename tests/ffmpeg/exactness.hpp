#pragma once

#include "ffmpeg/reference.hpp"
#include "stream_infer/ffmpeg/ffmpeg_producer.hpp"
#include "stream_infer/player/play_needs.hpp"
#include "support/catch.hpp"
#include "support/random.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

/// Random plays by plan, held against full decodes.
namespace stream_infer::test {

/// What a play needs, asked of all its pictures at once.
[[nodiscard]] inline std::map<MediaTime, bool> needs_of(const std::vector<Print>& prints, detail::PlayNeeds needs) {
  std::map<MediaTime, bool> needed;
  for (const Print& print : prints) needs.add(print.time);
  needs.end();
  for (const Print& print : prints) needed[print.time] = needs.take() == PictureNeed::needed;
  return needed;
}

struct Case {
  std::optional<Rational> fps{};
  MediaTime position{};
  SamplingPlan plan{};
  detail::PaceKeeper::Now now{};

  [[nodiscard]] OpenOptions options() const {
    OpenOptions options{.position = FrameSelector::open_at(fps, position)};
    options.needs = [*this](const SourceInfo& info) -> std::unique_ptr<PictureNeeds> {
      return std::make_unique<detail::PlayNeeds>(FrameSelector{fps, info, position}, plan, now);
    };
    return options;
  }
};

[[nodiscard]] inline Case random_case(Random& random, MediaTime duration) {
  Case made;
  if (random.chance(30)) made.fps = Rational{random.between(1, 30), random.between(1, 3)};
  if (random.chance(30)) made.position = MediaTime{random.between(0, duration.count())};
  for (std::int64_t i = random.between(1, 3); i > 0; --i)
    made.plan.schedules.push_back({.frame_count = static_cast<std::size_t>(random.between(1, 4)),
                                   .frame_step = static_cast<std::size_t>(random.between(1, 6)),
                                   .interval = random.chance(20)
                                                   ? MediaTime{random.between(0, 100'000'000)}
                                                   : MediaTime{random.between(40'000'000, duration.count())}});
  return made;
}

/// Whether a frame has pixels.
[[nodiscard]] inline bool has_pixels(const Frame& frame) {
  try {
    return !frame.image().empty();
  } catch (const Error& error) {
    if (error.code() != Errc::left_out) throw;
    return false;
  }
}

struct Outcome {
  SourceStats source{};
  std::size_t idle_pixels = 0;  ///< frames that nobody needs and that have pixels all the same
  std::size_t late = 0;         ///< frames that somebody needs and that were left out
};

/// Reads the source as the case wants it, and compares with `prints`, those of a full decode.
inline Outcome check_exact(const std::string& path, const Case& made, const std::vector<Print>& prints) {
  const FFmpegProducer producer{{.width = 48, .height = 32}};
  FFmpegReader reader = producer.open(path, made.options());
  const std::map<MediaTime, bool> needed =
      needs_of(prints, {FrameSelector{made.fps, reader.info(), made.position}, made.plan});
  std::optional<std::size_t> at;
  Outcome outcome;
  for (Frame frame; reader.read(frame) == ReadStatus::frame;) {
    if (!at) {
      at = 0;
      while (*at < prints.size() && prints[*at].time < frame.time()) ++*at;
      CHECK(frame.time() <= std::max(made.options().position, prints.front().time));
    }
    REQUIRE(*at < prints.size());
    const bool is_needed = needed.at(prints[*at].time);
    // the time of a packet that was never read is only known to lie in its gap
    const bool passed = frame.left_out() && reader.counters()->packets_passed.load() > 0;
    CHECK((passed || frame.time() == prints[*at].time));
    if (is_needed && made.now && frame.left_out())
      ++outcome.late;
    else if (is_needed)
      CHECK(print_of(frame) == prints[*at]);
    else if (has_pixels(frame))
      ++outcome.idle_pixels;
    ++*at;
  }
  CHECK(at.value_or(0) == prints.size());
  SourceStats& stats = outcome.source;
  stats.take(*reader.counters());
  CHECK(stats.packets_read >= stats.packets_decoded + stats.left_out.total());  // before the position, in plain reading
  return outcome;
}

}  // namespace stream_infer::test
