#include "stream_infer/schedule/sampling_plan.hpp"

#include "support/catch.hpp"
#include "support/model.hpp"
#include "support/random.hpp"
#include "support/random_source.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace si = stream_infer;
using si::FrameUse;
using namespace std::chrono_literals;
using si::test::Random;

TEST_CASE("The longest window sets how far a plan reaches", "[plan]") {
  CHECK(si::SamplingPlan{}.span() == 1);
  CHECK(si::SamplingPlan{{{.frame_count = 5, .frame_step = 6}, {.frame_count = 2, .frame_step = 15}}}.span() == 25);
}

TEST_CASE("A frame is held if some window holds it that has begun in time", "[plan]") {
  si::test::for_random_cases(500, [](Random& random) {
    const si::test::model::Source source = si::test::random_source(random, random.between(1, 200));
    const si::MediaTime tolerance = si::test::model::epsilon(source);
    const si::MediaTime period = si::period_of(*source.fps);
    si::SamplingPlan plan;
    for (std::int64_t i = random.between(0, 4); i > 0; --i)
      plan.schedules.push_back({.frame_count = static_cast<std::size_t>(random.between(1, 6)),
                                .frame_step = static_cast<std::size_t>(random.between(1, 9)),
                                .interval = si::test::random_interval(random, *source.fps)});

    const int percent_late = random.pick(std::vector<int>{0, 0, 10, 50});
    std::vector<si::MediaTime> too_late_by(source.times.size());
    for (si::MediaTime& by : too_late_by)
      if (random.chance(percent_late)) by = si::MediaTime{random.between(1, 400'000'000)};

    std::vector<FrameUse> expected(source.times.size(), FrameUse::none);
    for (const si::Schedule& schedule : plan.schedules) {
      const auto dues = si::test::model::dues(source.times, *source.fps, tolerance, schedule.interval);
      for (std::size_t n = 0; n < dues.size(); ++n) {
        if (dues[n] == 0 || n + 1 < (schedule.frame_count - 1) * schedule.frame_step + 1) continue;
        const bool begins = too_late_by[n - (schedule.frame_count - 1) * schedule.frame_step] <= schedule.interval / 2;
        for (std::size_t i = 0; i < schedule.frame_count; ++i) {
          FrameUse& use = expected[n - i * schedule.frame_step];
          if (begins || use == FrameUse::none) use = begins ? FrameUse::held : FrameUse::late;
        }
      }
    }

    si::PlannedFrames frames{plan};
    std::vector<FrameUse> uses;
    si::MediaTime previous = -period - tolerance;
    for (std::size_t n = 0; n < source.times.size(); ++n) {
      frames.add({.time = source.times[n], .previous = previous, .period = period, .tolerance = tolerance},
                 too_late_by[n]);
      previous = source.times[n];
      while (frames.known(false) > 0) uses.push_back(frames.take());
      CHECK(n + 1 - uses.size() == std::min(n + 1, plan.span() - 1));  // no later than it can be known
    }
    while (frames.known(true) > 0) uses.push_back(frames.take());
    CHECK(uses == expected);
  });
}
