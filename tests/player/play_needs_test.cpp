#include "stream_infer/player/play_needs.hpp"

#include "support/catch.hpp"
#include "support/model.hpp"
#include "support/random.hpp"
#include "support/random_source.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
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
