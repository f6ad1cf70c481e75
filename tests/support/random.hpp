#pragma once

#include "support/catch.hpp"
#include "support/choices.hpp"
#include "support/sanitizers.hpp"

#include <cstdint>
#include <cstdlib>
#include <random>

namespace stream_infer::test {

/// Begun with a seed.
using Random = Choices<std::mt19937_64>;

/// The seed of the first random case: fixed, unless the environment variable STREAM_INFER_TEST_SEED gives another.
[[nodiscard]] inline std::uint64_t first_seed() {
  const char* const given = std::getenv("STREAM_INFER_TEST_SEED");
  return given == nullptr ? 20'240'229 : std::strtoull(given, nullptr, 10);
}

/// How many times as many random cases as usual: the environment variable STREAM_INFER_TEST_ROUNDS ("20", "0.25"), or 1.
[[nodiscard]] inline double rounds() {
  const char* const given = std::getenv("STREAM_INFER_TEST_ROUNDS");
  return given == nullptr ? 1 : std::strtod(given, nullptr);
}

/// Of what the usual number of cases is sure to bring `count` times, how often fewer rounds() do.
[[nodiscard]] inline std::uint64_t share_of(std::uint64_t count) {
  const double share = rounds();
  return share < 1 ? static_cast<std::uint64_t>(static_cast<double>(count) * share) : count;
}

/// A quarter of as many cases under ThreadSanitizer, which looks for something else.
[[nodiscard]] constexpr std::uint64_t few(std::uint64_t cases) {
  return has_thread_sanitizer ? (cases + 3) / 4 : cases;
}

/// Calls `body(random)` for `cases` seeds in a row, times rounds(). A failure names its seed; with that one in
/// STREAM_INFER_TEST_SEED the case comes first.
template <class Body>
void for_random_cases(std::uint64_t cases, Body body) {
  const auto wanted = static_cast<std::uint64_t>(static_cast<double>(cases) * rounds() + 0.5);
  for (std::uint64_t i = 0; i < wanted; ++i) {
    const std::uint64_t seed = first_seed() + i;
    INFO("STREAM_INFER_TEST_SEED=" << seed);
    Random random{seed};
    body(random);
  }
}

}  // namespace stream_infer::test
