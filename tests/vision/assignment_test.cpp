#include "stream_infer/vision/assignment.hpp"

#include "support/catch.hpp"
#include "support/random.hpp"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <numeric>
#include <set>
#include <vector>

namespace test = stream_infer::test;
using stream_infer::detail::assign;
using stream_infer::detail::CostMatrix;

namespace {

/// An integer from `low` to `high`.
int pick(test::Random& random, int low, int high) { return static_cast<int>(random.between(low, high)); }

/// The least sum, by trying everything.
double least_sum(const CostMatrix& costs) {
  std::vector<std::size_t> order(std::max(costs.rows, costs.columns));
  std::iota(order.begin(), order.end(), std::size_t{0});
  double least = std::numeric_limits<double>::infinity();
  do {
    double sum = 0;
    for (std::size_t i = 0; i < order.size(); ++i) {
      const std::size_t row = costs.rows <= costs.columns ? i : order[i],
                        column = costs.rows <= costs.columns ? order[i] : i;
      if (row < costs.rows && column < costs.columns) sum += costs.at(row, column);
    }
    least = std::min(least, sum);
  } while (std::next_permutation(order.begin(), order.end()));
  return least;
}

}  // namespace

TEST_CASE("The assignment is the cheapest", "[vision][assignment]") {
  test::for_random_cases(300, [](test::Random& random) {
    CostMatrix costs{static_cast<std::size_t>(pick(random, 1, 6)), static_cast<std::size_t>(pick(random, 1, 6))};
    for (double& cost : costs.costs) cost = pick(random, 0, 4) == 0 ? 1000 : pick(random, 0, 1000) / 1000.0;
    const std::vector<std::size_t> columns = assign(costs);
    REQUIRE(columns.size() == costs.rows);
    double sum = 0;
    std::set<std::size_t> taken;
    for (std::size_t row = 0; row < costs.rows; ++row)
      if (columns[row] < costs.columns) {
        sum += costs.at(row, columns[row]);
        CHECK(taken.insert(columns[row]).second);
      }
    CHECK(taken.size() == std::min(costs.rows, costs.columns));
    CHECK(sum == Approx(least_sum(costs)).margin(1e-9));
  });
}

TEST_CASE("Nothing is assigned to nothing", "[vision][assignment]") {
  CHECK(assign(CostMatrix{0, 3}).empty());
  CHECK(assign(CostMatrix{2, 0}) == std::vector<std::size_t>{0, 0});
}
