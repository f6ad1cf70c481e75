#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace stream_infer::test {

/// Choices that are the same with every standard library, from the numbers that an `Engine` gives.
template <class Engine>
class Choices {
 public:
  Choices() = default;
  explicit Choices(std::uint64_t seed) : engine_{seed} {}

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
  Engine engine_;
};

}  // namespace stream_infer::test
