#pragma once

#include "stream_infer/core/error.hpp"
#include "support/catch.hpp"

namespace stream_infer::test {

/// The Error that a call throws; the test fails if it throws none.
template <class Call>
[[nodiscard]] Error error_of(Call call) {
  try {
    call();
  } catch (const Error& error) {
    return error;
  }
  FAIL("it did not throw an Error");
  throw;
}

}  // namespace stream_infer::test
