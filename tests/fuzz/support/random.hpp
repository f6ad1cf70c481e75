#pragma once

#include "support/catch.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

// In place of the real one: the choices are the fuzzer's bytes, and 0 when there are no more.
namespace stream_infer::test {

namespace fuzz {

inline const std::uint8_t* bytes = nullptr;
inline std::size_t left = 0;

inline std::uint64_t next() {
  std::uint64_t value = 0;
  for (int i = 0; i < 2 && left > 0; ++i, --left) value = value << 8 | *bytes++;
  return value;
}

}  // namespace fuzz

class Random {
 public:
  [[nodiscard]] std::int64_t between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(fuzz::next() % (static_cast<std::uint64_t>(high - low) + 1));
  }
  [[nodiscard]] bool chance(int percent) { return between(1, 100) <= percent; }

  template <class T>
  [[nodiscard]] const T& pick(const std::vector<T>& from) {
    return from[static_cast<std::size_t>(between(0, static_cast<std::int64_t>(from.size()) - 1))];
  }
};

/// One case, of the bytes that there are.
template <class Body>
void for_random_cases(std::uint64_t /*cases*/, Body body) {
  fuzz::in_random_case = true;
  Random random;
  body(random);
  fuzz::in_random_case = false;
}

}  // namespace stream_infer::test
