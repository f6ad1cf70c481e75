#include "stream_infer/player/frame_selector.hpp"

#include "stream_infer/schedule/due.hpp"
#include "support/catch.hpp"
#include "support/model.hpp"
#include "support/random.hpp"
#include "support/random_source.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace si = stream_infer;
namespace model = stream_infer::test::model;
using namespace std::chrono_literals;
using Verdict = si::FrameSelector::Verdict;
using stream_infer::test::for_random_cases;
using stream_infer::test::Random;

namespace {

struct Selected {
  std::vector<std::size_t> frames;  ///< the played ones
  std::vector<si::Timing> timings;  ///< of those
  std::size_t skipped_rate = 0;
  std::size_t skipped_position = 0;
};

/// Shows a selector the source's frames from `first` on.
Selected select(const model::Source& source, std::optional<si::Rational> fps, si::MediaTime position = {},
                std::size_t first = 0) {
  si::SourceInfo info{.fps = source.fps};
  info.time_base = source.time_base;
  si::FrameSelector selector{fps, info, position};
  Selected out;
  for (std::size_t i = first; i < source.times.size(); ++i) {
    switch (selector.offer(source.times[i])) {
      case Verdict::skip_rate: ++out.skipped_rate; break;
      case Verdict::skip_position: ++out.skipped_position; break;
      case Verdict::play:
        out.frames.push_back(i);
        out.timings.push_back(selector.timing(source.times[i]));
        selector.played(out.timings.back());
    }
  }
  return out;
}

model::Source steady(si::Rational fps, std::int64_t count) {
  model::Source source{{}, fps, {1, 1'000'000'000}};
  for (std::int64_t i = 0; i < count; ++i)
    source.times.emplace_back(static_cast<std::int64_t>(model::Wide{1'000'000'000} * i * fps.den() / fps.num()));
  return source;
}

using Indices = std::vector<std::size_t>;

}  // namespace

TEST_CASE("Without a rate, or at one not below the source's, every frame is played", "[frame_selector]") {
  const auto fps = GENERATE(as<std::optional<si::Rational>>{}, std::nullopt, si::Rational{25}, si::Rational{30},
                            si::Rational{1'000'000});
  const Selected selected = select(steady(25, 10), fps);
  CHECK(selected.frames.size() == 10);
  CHECK(selected.timings[0].period == 40ms);  // the source's: nothing plays faster than the source
}

TEST_CASE("A lower rate plays the first frame at or after each tick", "[frame_selector]") {
  CHECK(select(steady(30, 12), 10).frames == Indices{0, 3, 6, 9});
  CHECK(select(steady(25, 26), 10).frames == Indices{0, 3, 5, 8, 10, 13, 15, 18, 20, 23, 25});
  CHECK(select(steady({30'000, 1001}, 31), 1).frames == Indices{0, 30});
  CHECK(select(steady(25, 200), si::Rational{1, 2}).frames == Indices{0, 50, 100, 150});
  CHECK(select(steady(30, 12), 10).timings[0].period == 100ms);
}

TEST_CASE("A time stamp that was rounded down still belongs to its tick", "[frame_selector]") {
  model::Source source{{0ms, 33ms, 66ms, 99ms, 133ms, 166ms, 199ms}, si::Rational{30}, {1, 1000}};
  CHECK(select(source, 10).frames == Indices{0, 3, 6});  // 99 and 199 ms stand for 100 and 200
  source.times[3] = 98ms;
  CHECK(select(source, 10).frames == Indices{0, 4, 6});
}

TEST_CASE("A tick without a new frame plays nothing, and nothing is played twice or in a burst", "[frame_selector]") {
  const model::Source source{{0s, 3200ms, 3300ms, 3400ms, 3500ms, 4s, 4100ms, 5s}, si::Rational{10}, {1, 1000}};
  CHECK(select(source, 1).frames == Indices{0, 1, 5, 7});
}

TEST_CASE("A source whose rate is unknown is thinned out by time alone", "[frame_selector]") {
  const model::Source source{{0ms, 10ms, 400ms, 500ms, 990ms, 1s, 1001ms}, std::nullopt, {1, 1000}};
  CHECK(select(source, 2).frames == Indices{0, 3, 5});
  CHECK(select(source, std::nullopt).frames.size() == 7);
  CHECK(select(source, std::nullopt).timings[0].period == 0s);
  CHECK(select(source, 2).timings[0].period == 500ms);
}

TEST_CASE("Leading pictures before the start are played, but belong to no tick", "[frame_selector]") {
  const model::Source source{{-80ms, -40ms, 0ms, 40ms, 80ms, 120ms, 160ms, 200ms}, si::Rational{25}, {1, 90'000}};
  CHECK(select(source, {}).frames.size() == 8);
  CHECK(select(source, 5).frames == Indices{2, 7});
  CHECK(select(source, 5).skipped_rate == 6);
}

TEST_CASE("What is played from a position on is what the full play shows from there on", "[frame_selector]") {
  CHECK(select(steady(25, 26), 10, 310ms).frames == Indices{8, 10, 13, 15, 18, 20, 23, 25});
  CHECK(select(steady(25, 26), 10, 320ms).frames == Indices{8, 10, 13, 15, 18, 20, 23, 25});
  CHECK(select(steady(25, 26), 10, 330ms).frames == Indices{10, 13, 15, 18, 20, 23, 25});
  CHECK(select(steady(25, 10), {}, 321ms - 1ns).frames == Indices{8, 9});  // ε
  CHECK(select(steady(25, 10), {}, 321ms + 1ns).frames == Indices{9});
  CHECK(select(steady(25, 10), {}, 1h).frames.empty());
}

TEST_CASE("A rate or position that makes no sense is refused", "[frame_selector]") {
  const auto refused = [](std::optional<si::Rational> fps, si::MediaTime position) {
    try {
      si::FrameSelector::check(fps, position, "clip.mp4");
    } catch (const si::Error& error) {
      CHECK(error.code() == si::Errc::invalid_argument);
      CHECK(error.step() == "play");
      CHECK(error.source() == "clip.mp4");
      return error.reason();
    }
    return std::string{};
  };
  CHECK(refused({}, 0s).empty());
  CHECK(refused(si::Rational{1, 1000}, 100h).empty());
  CHECK(refused(0, 0s) == "the play rate must be positive, not 0; leave fps out to play every frame");
  CHECK(refused(si::Rational{-25, 2}, 0s) ==
        "the play rate must be positive, not -25/2; leave fps out to play every frame");
  CHECK(refused({}, -1ns) == "the position must not be negative");
}

TEST_CASE("Frames are selected as the sentences say, whatever the stream", "[frame_selector][property]") {
  for_random_cases(6000, [](Random& random) {
    const model::Source source = stream_infer::test::random_source(random, random.between(1, 100));
    const auto fps = stream_infer::test::random_play_rate(random, source);
    const si::MediaTime position = stream_infer::test::random_position(random, source);
    const model::Play play{source, fps, position};
    INFO("source " << *source.fps << ", time base " << source.time_base << ", played at " << play.rate << " from "
                   << position.count() << " ns");

    const Selected selected = select(source, fps, position);
    REQUIRE(selected.frames == Indices(play.all.begin() + static_cast<std::ptrdiff_t>(play.first), play.all.end()));
    REQUIRE(selected.skipped_position + selected.skipped_rate + selected.frames.size() == source.times.size());

    // … and have the same dues as in the full play, by the same rule.
    const si::MediaTime interval = stream_infer::test::random_interval(random, play.rate);
    INFO("interval " << interval.count() << " ns");
    const si::DueRule rule{interval};
    std::vector<std::uint64_t> dues;
    std::uint64_t before = 0;
    for (const si::Timing& timing : selected.timings) {
      REQUIRE(rule.dues_before(dues.size(), timing) == before);
      dues.push_back(rule.dues_at(timing));
      before += dues.back();
    }
    REQUIRE(dues == play.dues_for(interval));
  });
}

TEST_CASE("At a constant rate a reader that seeks gives the same play as one that reads from the start",
          "[frame_selector][property]") {
  for_random_cases(6000, [](Random& random) {
    const model::Source source = stream_infer::test::random_source(random, random.between(1, 100), false, false);
    const auto fps = stream_infer::test::random_play_rate(random, source);
    const si::MediaTime position = stream_infer::test::random_position(random, source);
    const si::MediaTime interval = stream_infer::test::random_interval(random, source.fps.value());
    INFO("source " << *source.fps << ", time base " << source.time_base << ", play rate "
                   << fps.value_or(si::Rational{}) << ", from " << position.count() << " ns, interval "
                   << interval.count() << " ns");
    std::size_t first = 0;  // the last frame at or before the point that is asked for
    const si::MediaTime start = si::FrameSelector::open_at(fps, position);
    REQUIRE(start <= position);
    while (first + 1 < source.times.size() && source.times[first + 1] <= start) ++first;

    const Selected selected = select(source, fps, position, first);
    const model::Play play{source, fps, position};
    REQUIRE(selected.frames == Indices(play.all.begin() + static_cast<std::ptrdiff_t>(play.first), play.all.end()));
    std::vector<std::uint64_t> dues;
    for (const si::Timing& timing : selected.timings) dues.push_back(si::DueRule{interval}.dues_at(timing));
    REQUIRE(dues == play.dues_for(interval));
  });
}
