#pragma once

#include "support/catch.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <vector>

namespace stream_infer::test {

/// Random numbers that are the same with every standard library.
class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_{seed} {}

  /// From `low` to `high`, both included.
  [[nodiscard]] std::int64_t between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(engine_() % (static_cast<std::uint64_t>(high - low) + 1));
  }
  [[nodiscard]] bool chance(int percent) { return between(1, 100) <= percent; }

  template <class T>
  [[nodiscard]] const T& pick(const std::vector<T>& from) {
    return from[static_cast<std::size_t>(between(0, static_cast<std::int64_t>(from.size()) - 1))];
  }

 private:
  std::mt19937_64 engine_;
};

/// The seed of the first random case: fixed, unless the environment variable STREAM_INFER_TEST_SEED gives another.
[[nodiscard]] inline std::uint64_t first_seed() {
  const char* const given = std::getenv("STREAM_INFER_TEST_SEED");
  return given == nullptr ? 20'240'229 : std::strtoull(given, nullptr, 10);
}

/// How many times as many random cases as usual: the environment variable STREAM_INFER_TEST_ROUNDS, or 1.
[[nodiscard]] inline std::uint64_t rounds() {
  const char* const given = std::getenv("STREAM_INFER_TEST_ROUNDS");
  return given == nullptr ? 1 : std::strtoull(given, nullptr, 10);
}

/// Calls `body(random)` for `cases` seeds in a row, times rounds(). A failure names its seed; with that one in STREAM_INFER_TEST_SEED the
/// case comes first.
template <class Body>
void for_random_cases(std::uint64_t cases, Body body) {
  for (std::uint64_t i = 0; i < cases * rounds(); ++i) {
    const std::uint64_t seed = first_seed() + i;
    INFO("STREAM_INFER_TEST_SEED=" << seed);
    Random random{seed};
    body(random);
  }
}

}  // namespace stream_infer::test
