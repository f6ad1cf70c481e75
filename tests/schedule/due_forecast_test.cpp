#include "stream_infer/schedule/due_forecast.hpp"

#include "support/catch.hpp"
#include "support/model.hpp"
#include "support/random.hpp"
#include "support/random_source.hpp"
#include "support/runs.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace si = stream_infer;
using namespace std::chrono_literals;
using si::test::Random;

namespace {

/// Frames at these times, at a nominal rate of 25 a second.
class Frames {
 public:
  explicit Frames(std::vector<si::MediaTime> times, si::Rational fps = si::Rational{25})
      : times_{std::move(times)}, period_{si::period_of(fps)} {}

  [[nodiscard]] si::Timing timing(std::size_t n) const {
    return {.time = times_[n], .previous = n == 0 ? -period_ : times_[n - 1], .start = -period_, .period = period_};
  }
  [[nodiscard]] const std::vector<si::MediaTime>& times() const { return times_; }
  [[nodiscard]] std::size_t size() const { return times_.size(); }

 private:
  std::vector<si::MediaTime> times_;
  si::MediaTime period_;
};

/// Of each frame, whether it may be held, as it is foreseen when those up to `behind` before it have been shown.
std::vector<bool> foresee(const Frames& frames, const si::SamplingPlan& plan, std::size_t behind = 1) {
  si::DueForecast forecast{plan};
  std::vector<bool> out;
  for (std::size_t n = 0; n < frames.size(); ++n) {
    if (n >= behind) forecast.add(frames.timing(n - behind));
    out.push_back(forecast.may_hold(frames.times()[n]));
  }
  return out;
}

std::vector<si::MediaTime> steady(std::size_t count, si::MediaTime period = 40ms) {
  std::vector<si::MediaTime> times;
  for (std::size_t n = 0; n < count; ++n) times.push_back(static_cast<si::MediaTime::rep>(n) * period);
  return times;
}

}  // namespace

TEST_CASE("Of a stream with some jitter and loss, every frame that a window holds is foreseen", "[forecast]") {
  si::test::for_random_cases(400, [](Random& random) {
    const si::Rational fps{random.between(5, 60)};
    const si::MediaTime period = si::period_of(fps);
    const int percent_lost = random.pick(std::vector<int>{0, 0, 3, 10});
    std::vector<si::MediaTime> times;
    for (std::int64_t n = 0; n < 400; ++n)
      if (!random.chance(percent_lost))
        times.push_back(n * period + si::MediaTime{random.between(0, period.count() * 2 / 3)});
    const Frames frames{std::move(times), fps};

    si::SamplingPlan plan;
    for (std::int64_t i = random.between(1, 3); i > 0; --i)
      plan.schedules.push_back(si::test::random_schedule(random, fps, 40));
    const std::vector<bool> foreseen = foresee(frames, plan, static_cast<std::size_t>(random.between(1, 8)));

    si::PlannedFrames uses{plan};
    for (std::size_t n = 0; n < frames.size(); ++n) uses.add(frames.timing(n));
    for (std::size_t n = 0; n < frames.size(); ++n) {
      CAPTURE(n);
      if (uses.take() == si::FrameUse::held) REQUIRE(foreseen[n]);
    }
  });
}

TEST_CASE("What is far from every due is foreseen not to be held", "[forecast]") {
  const Frames frames{steady(25 * 60)};
  const auto count = [&](const si::SamplingPlan& plan) {
    const std::vector<bool> foreseen = foresee(frames, plan);
    return std::count(foreseen.begin() + 50, foreseen.end(), true);
  };
  CHECK(count({}) == 0);
  CHECK(count({{{}}}) == 25 * 60 - 50);
  CHECK(count({{{.interval = 1s}}}) <= 58 * 4);                                      // two periods more than needed
  CHECK(count({{{.frame_count = 5, .frame_step = 6, .interval = 20s}}}) <= 3 * 40);  // half as much again
  CHECK(count({{{.frame_count = 5, .frame_step = 6, .interval = 20s}}}) >= 3 * 25);
}

TEST_CASE("Until it is known how far frames lie apart, each may be held", "[forecast]") {
  const std::vector<bool> foreseen = foresee(Frames{steady(200)}, {{{.interval = 60s}}});
  CHECK(std::all_of(foreseen.begin(), foreseen.begin() + si::DueForecast::frames_of_late + 1,
                    [](bool may) { return may; }));
  CHECK_FALSE(foreseen[60]);
}

TEST_CASE("The frame that is due after a gap is foreseen, however long that is", "[forecast]") {
  for (const si::MediaTime gap : std::vector<si::MediaTime>{300ms, 2s, 50s, 2000s, 1'000'000s}) {
    std::vector<si::MediaTime> times = steady(100);
    for (const si::MediaTime time : steady(100)) times.push_back(times[99] + gap + time);
    const Frames frames{times};
    for (const si::MediaTime interval : std::vector<si::MediaTime>{500ms, 3s, 40s}) {
      const std::vector<bool> foreseen = foresee(frames, {{{.interval = interval}}});
      for (std::size_t n = 0; n < frames.size(); ++n)
        if (si::DueRule{interval}.dues_at(frames.timing(n)) > 0) CHECK(foreseen[n]);
    }
  }
}
