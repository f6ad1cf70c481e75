#include "stream_infer/core/duration_histogram.hpp"

#include "support/catch.hpp"
#include "support/random.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

using namespace std::chrono_literals;
using namespace stream_infer;

TEST_CASE("A histogram of nothing says nothing", "[core]") {
  const DurationHistogram none;
  CHECK(none.count() == 0);
  CHECK(none.longest() == 0ns);
  CHECK(none.quantile(0.5) == 0ns);
}

TEST_CASE("A histogram tells quantiles to within 1/32", "[core]") {
  test::for_random_cases(200, [](test::Random& random) {
    DurationHistogram histogram;
    std::vector<MediaTime> all;
    const std::int64_t bits = random.between(1, 45);
    for (std::int64_t count = random.between(1, 500); count > 0; --count) {
      all.emplace_back(random.between(0, std::int64_t{1} << random.between(0, bits)));
      histogram.add(all.back());
    }
    std::sort(all.begin(), all.end());
    REQUIRE(histogram.count() == all.size());
    REQUIRE(histogram.longest() == all.back());
    for (const double share : {0.0, 0.25, 0.5, 0.99, 1.0}) {
      const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(all.size())));
      const MediaTime exact = all[rank == 0 ? 0 : rank - 1];
      CAPTURE(share, exact.count());
      REQUIRE(histogram.quantile(share) >= exact);
      REQUIRE(histogram.quantile(share) <= exact + exact / 32 + 1us);
    }
  });
}

TEST_CASE("A histogram takes what is beyond its range", "[core]") {
  DurationHistogram histogram;
  histogram.add(-1s);
  CHECK(histogram.quantile(1) == 0s);
  histogram.add(1000h);
  CHECK(histogram.longest() == 1000h);
  CHECK(histogram.quantile(1) > 18h);
  CHECK(histogram.quantile(0.5) <= 1us);
}
