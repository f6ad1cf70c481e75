#include "stream_infer/player/play_needs.hpp"

#include "support/catch.hpp"
#include "support/model.hpp"
#include "support/random.hpp"
#include "support/random_source.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <vector>

namespace si = stream_infer;
using si::PictureNeed;
using si::test::for_random_cases;
using si::test::Random;

TEST_CASE("A play needs the pictures that it plays and some window holds", "[play_needs]") {
  for_random_cases(500, [](Random& random) {
    const si::test::model::Source source = si::test::random_source(random, random.between(1, 200));
    const si::SourceInfo info{.fps = source.fps, .time_base = source.time_base};
    const std::optional<si::Rational> fps = si::test::random_play_rate(random, source);
    const si::Schedule schedule{.frame_count = static_cast<std::size_t>(random.between(1, 5)),
                                .frame_step = static_cast<std::size_t>(random.between(1, 9)),
                                .interval = si::test::random_interval(random, fps.value_or(*source.fps))};

    const bool thins = fps && *fps < *source.fps;
    const si::Rational rate = thins ? *fps : *source.fps;
    const std::vector<std::size_t> played = si::test::model::played(source, fps);
    std::vector<si::MediaTime> times;
    for (const std::size_t picture : played) times.push_back(source.times[picture]);
    const auto dues = si::test::model::dues(times, rate, si::test::model::epsilon(source), schedule.interval);
    std::vector<PictureNeed> expected(source.times.size(), PictureNeed::not_needed);
    for (std::size_t n = schedule.sampling().span() - 1; n < dues.size(); ++n)
      for (std::size_t i = 0; dues[n] != 0 && i < schedule.frame_count; ++i)
        expected[played[n - i * schedule.frame_step]] = PictureNeed::needed;

    si::detail::PlayNeeds needs{si::FrameSelector{fps, info, si::MediaTime{0}}, si::SamplingPlan{{schedule}}};
    std::vector<PictureNeed> told;
    const auto take = [&] {
      for (PictureNeed need = needs.take(); need != PictureNeed::unknown; need = needs.take()) told.push_back(need);
    };
    for (const si::MediaTime time : source.times) {
      needs.add(time);
      take();
    }
    needs.end();
    take();
    CHECK(told == expected);
  });
}

namespace {

std::vector<PictureNeed> needs_at(const std::vector<si::MediaTime>& times, si::detail::PlayNeeds needs) {
  for (const si::MediaTime time : times) needs.add(time);
  needs.end();
  std::vector<PictureNeed> told;
  while (told.size() < times.size()) told.push_back(needs.take());
  return told;
}

}  // namespace

TEST_CASE("Pictures that can be passed are not needed, and their times do not matter", "[play_needs]") {
  std::size_t passed = 0;
  for_random_cases(2000, [&](Random& random) {
    const si::test::model::Source source = si::test::random_source(random, random.between(10, 200));
    const std::vector<si::MediaTime>& times = source.times;
    const si::SourceInfo info{.fps = source.fps, .time_base = source.time_base};
    si::SamplingPlan plan;
    for (std::int64_t i = random.between(1, 2); i > 0; --i)
      plan.schedules.push_back({.frame_count = static_cast<std::size_t>(random.between(1, 5)),
                                .frame_step = static_cast<std::size_t>(random.between(1, 9)),
                                .interval = si::MediaTime{random.between(1, times.back().count())}});
    const auto fresh = [&] { return si::FrameSelector{std::nullopt, info, si::MediaTime{0}}; };

    const auto latest = static_cast<std::size_t>(random.between(0, static_cast<std::int64_t>(times.size()) - 3));
    const auto after =  // the first picture after the gap
        static_cast<std::size_t>(
            random.between(static_cast<std::int64_t>(latest) + 2, static_cast<std::int64_t>(times.size()) - 1));
    si::detail::PlayNeeds needs{fresh(), plan};
    for (std::size_t i = 0; i <= latest; ++i) needs.add(times[i]);
    const std::size_t reach = needs.reach();
    si::MediaTime until = times[after] - si::MediaTime{1};
    if (reach > 0) until = std::max(until, times[std::min(after + reach, times.size()) - 1]);
    if (!needs.can_pass(until)) return;
    passed += after - latest - 1;

    std::vector<si::MediaTime> others = times;
    std::set<std::int64_t> anywhere;
    while (anywhere.size() < after - latest - 1)
      anywhere.insert(random.between(times[latest].count() + 1, times[after].count() - 1));
    std::size_t at = latest;
    for (const std::int64_t time : anywhere) others[++at] = si::MediaTime{time};

    const std::vector<PictureNeed> told = needs_at(times, {fresh(), plan});
    for (std::size_t i = latest + 1; i < after; ++i) CHECK(told[i] == PictureNeed::not_needed);
    CHECK(needs_at(others, {fresh(), plan}) == told);
  });
  CHECK(passed > 1000);
}

TEST_CASE("Nothing can be passed where a play rate or the position decides what is played", "[play_needs]") {
  const si::SourceInfo info{.fps = si::Rational{25}};
  const si::SamplingPlan plan{{{.interval = std::chrono::seconds{100}}}};
  const auto can_pass = [&](std::optional<si::Rational> fps, si::MediaTime position, si::MediaTime latest) {
    si::detail::PlayNeeds needs{si::FrameSelector{fps, info, position}, plan};
    needs.add(latest);
    return needs.can_pass(latest + si::MediaTime{1'000'000'000});
  };
  CHECK(can_pass(std::nullopt, si::MediaTime{0}, std::chrono::seconds{4}));
  CHECK(can_pass(std::nullopt, std::chrono::seconds{3}, std::chrono::seconds{4}));
  CHECK_FALSE(can_pass(std::nullopt, std::chrono::seconds{5}, std::chrono::seconds{4}));
  CHECK_FALSE(can_pass(si::Rational{5}, si::MediaTime{0}, std::chrono::seconds{4}));
  CHECK_FALSE(can_pass(std::nullopt, si::MediaTime{0}, std::chrono::seconds{99}));  // due in between
}
