#pragma once

#include "support/catch.hpp"
#include "support/choices.hpp"

#include <cstddef>
#include <cstdint>

// In place of the real one: the choices are the fuzzer's bytes, and 0 when there are no more.
namespace stream_infer::test {

namespace fuzz {

inline const std::uint8_t* bytes = nullptr;
inline std::size_t left = 0;

struct Next {
  std::uint64_t operator()() const {
    std::uint64_t value = 0;
    for (int i = 0; i < 2 && left > 0; ++i, --left) value = value << 8 | *bytes++;
    return value;
  }
};

}  // namespace fuzz

using Random = Choices<fuzz::Next>;

/// One case, of the bytes that there are.
template <class Body>
void for_random_cases(std::uint64_t /*cases*/, Body body) {
  fuzz::in_random_case = true;
  Random random;
  body(random);
  fuzz::in_random_case = false;
}

}  // namespace stream_infer::test
