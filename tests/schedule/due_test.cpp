#include "stream_infer/schedule/due.hpp"

#include "support/catch.hpp"
#include "support/model.hpp"
#include "support/random.hpp"
#include "support/random_source.hpp"

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

namespace si = stream_infer;
namespace model = stream_infer::test::model;
using namespace std::chrono_literals;
using stream_infer::test::for_random_cases;
using stream_infer::test::Random;

namespace {

/// The timings of frames at `times`, as a player gives them.
std::vector<si::Timing> timings(const std::vector<si::MediaTime>& times, si::MediaTime period,
                                si::MediaTime tolerance) {
  std::vector<si::Timing> out;
  const si::MediaTime before_the_first = -period - tolerance;
  si::MediaTime previous = before_the_first;
  for (const si::MediaTime time : times) {
    out.push_back(
        {.time = time, .previous = previous, .start = before_the_first, .period = period, .tolerance = tolerance});
    previous = time;
  }
  return out;
}

std::vector<si::MediaTime> steady_times(si::Rational fps, std::int64_t count) {
  std::vector<si::MediaTime> out;
  for (std::int64_t i = 0; i < count; ++i)
    out.emplace_back(static_cast<std::int64_t>(model::Wide{1'000'000'000} * i * fps.den() / fps.num()));
  return out;
}

std::vector<std::uint64_t> dues_at(const si::DueRule& rule, const std::vector<si::Timing>& frames) {
  std::vector<std::uint64_t> out;
  for (const si::Timing& frame : frames) out.push_back(rule.dues_at(frame));
  return out;
}

/// The numbers, counted from 1, of the frames with a due.
std::vector<std::size_t> due_numbers(const std::vector<std::uint64_t>& dues) {
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < dues.size(); ++i)
    if (dues[i] != 0) out.push_back(i + 1);
  return out;
}

using Numbers = std::vector<std::size_t>;

}  // namespace

TEST_CASE("Every second at 25 frames a second is due at frames 25, 50, 75 …", "[due]") {
  const auto frames = timings(steady_times(25, 100), 40ms, 1ms);
  CHECK(due_numbers(dues_at(si::DueRule{1s}, frames)) == Numbers{25, 50, 75, 100});
  CHECK(due_numbers(dues_at(si::DueRule{500ms}, frames)) == Numbers{13, 25, 38, 50, 63, 75, 88, 100});
}

TEST_CASE("At 29.97 frames a second nothing drifts", "[due]") {
  constexpr si::Rational ntsc{30000, 1001};
  const auto frames = timings(steady_times(ntsc, 110'000), si::period_of(ntsc), 1ms);
  const si::DueRule rule{1s};
  std::uint64_t dues = 0;
  for (std::size_t n = 0; n < frames.size(); ++n) {
    const std::uint64_t here = rule.dues_at(frames[n]);
    if (here == 0) continue;
    REQUIRE(here == 1);
    ++dues;
    // ⌈k·I·fps⌉, with the ε of 1 ms that may make it one less
    const std::uint64_t number = n + 1;
    const auto exact = model::Wide{30'000} * static_cast<std::int64_t>(dues);  // k·fps in 1/1001 frames
    const auto rounded_up = static_cast<std::uint64_t>((exact + 1000) / 1001);
    const auto less_epsilon = static_cast<std::uint64_t>((exact - 30 + 1000) / 1001);
    REQUIRE((number == rounded_up || number == less_epsilon));
  }
  CHECK(dues == 3670);  // 110'000 frames last 3670.3 s
}

TEST_CASE("An interval shorter than a frame makes every frame one due", "[due]") {
  const si::MediaTime interval =
      GENERATE(si::MediaTime{0}, si::MediaTime{1}, si::MediaTime{10ms}, si::MediaTime{39'999'999});
  auto times = steady_times(25, 20);
  for (std::size_t i = 10; i < times.size(); ++i) times[i] += 3s;  // a gap changes nothing
  const auto frames = timings(times, 40ms, 1ms);
  const si::DueRule rule{interval};
  CHECK(dues_at(rule, frames) == std::vector<std::uint64_t>(20, 1));
  for (std::size_t i = 0; i < frames.size(); ++i) {
    CHECK(rule.every_frame(frames[i]));
    CHECK(rule.dues_before(i, frames[i]) == i);
  }
}

TEST_CASE("An interval of exactly one frame makes every frame due, and gaps count", "[due]") {
  auto times = steady_times(25, 20);
  for (std::size_t i = 10; i < times.size(); ++i) times[i] += 400ms;
  const auto dues = dues_at(si::DueRule{40ms}, timings(times, 40ms, 1ms));
  std::vector<std::uint64_t> expected(20, 1);
  expected[10] = 11;
  CHECK(dues == expected);
}

TEST_CASE("A source whose rate is unknown is due by its time stamps alone", "[due]") {
  const auto frames = timings({0ms, 300ms, 600ms, 900ms, 998ms, 999ms, 1200ms, 2100ms}, 0ms, 1ms);
  CHECK(dues_at(si::DueRule{1s}, frames) == std::vector<std::uint64_t>{0, 0, 0, 0, 0, 1, 0, 1});
  CHECK(dues_at(si::DueRule{0s}, frames) == std::vector<std::uint64_t>(8, 1));
}

TEST_CASE("The tolerance takes a time stamp that was rounded down", "[due]") {
  // The frame at 960 ms ends the first second. A millisecond less still does, more than that does not.
  const auto due_at = [](si::MediaTime time) {
    return si::DueRule{1s}.dues_at({.time = time, .previous = 920ms, .start = -41ms, .period = 40ms, .tolerance = 1ms});
  };
  CHECK(due_at(960ms) == 1);
  CHECK(due_at(959ms) == 1);
  CHECK(due_at(959ms - 1ns) == 0);
}

TEST_CASE("Days of nanoseconds do not overflow", "[due]") {
  const si::MediaTime late = 24h * 365 * 100;
  const si::DueRule rule{1ms};
  const si::Timing frame{.time = late + 5ms, .previous = late, .start = -1ms, .period = 0ms, .tolerance = 1ms};
  CHECK(rule.dues_at(frame) == 5);
  CHECK(rule.dues_before(7, frame) == static_cast<std::uint64_t>(late / 1ms) + 1);
}

TEST_CASE("The due rule gives what its sentences say, whatever the stream", "[due][property]") {
  for_random_cases(6000, [](Random& random) {
    const model::Source source = stream_infer::test::random_source(random, random.between(1, 100));
    const model::Play play{source, stream_infer::test::random_play_rate(random, source), 0s};
    const si::MediaTime interval = stream_infer::test::random_interval(random, play.rate);
    INFO("fps " << play.rate << ", interval " << interval.count() << " ns, ε " << play.tolerance.count() << " ns");

    const si::DueRule rule{interval};
    const auto frames = timings(play.all_times, si::period_of(play.rate), play.tolerance);
    const std::vector<std::uint64_t> dues = dues_at(rule, frames);
    REQUIRE(dues == play.dues_for(interval));

    // A thread that saw none of the frames before counts the same.
    std::uint64_t before = 0;
    for (std::size_t i = 0; i < frames.size(); ++i) {
      REQUIRE(rule.dues_before(i, frames[i]) == before);
      before += dues[i];
    }
  });
}

TEST_CASE("At a constant rate due k is frame number ⌈k·I·fps⌉, up to ε", "[due][property]") {
  for_random_cases(3000, [](Random& random) {
    const si::Rational fps = stream_infer::test::random_rate(random);
    const si::MediaTime period = si::period_of(fps);
    const si::MediaTime interval{random.between(period.count() + 1, 40 * period.count())};
    const si::MediaTime tolerance = si::tolerance_of({1, 90'000}, fps);
    INFO("fps " << fps << ", interval " << interval.count() << " ns");

    std::uint64_t k = 0;
    const auto dues = dues_at(si::DueRule{interval}, timings(steady_times(fps, 200), period, tolerance));
    for (std::size_t n = 0; n < dues.size(); ++n) {
      REQUIRE(dues[n] <= 1);
      if (dues[n] == 0) continue;
      ++k;
      const auto number = [&](si::MediaTime less) {  // ⌈(k·I - less)·fps⌉
        const model::Wide scale = model::Wide{1'000'000'000} * fps.den();
        const model::Wide end = model::Wide{static_cast<std::int64_t>(k) * interval.count() - less.count()} * fps.num();
        return static_cast<std::uint64_t>((end + scale - 1) / scale);
      };
      // ε minus a nanosecond: time stamps are rounded down to the nanosecond here
      REQUIRE(n + 1 <= number(0ns));
      REQUIRE(n + 1 >= number(tolerance));
    }
  });
}
