#pragma once

#include "stream_infer/exporter/record_store.hpp"
#include "support/catch.hpp"

namespace stream_infer::test {

/// The StoreError that a call throws.
template <class Call>
[[nodiscard]] StoreError refusal_of(Call call) {
  try {
    call();
  } catch (const StoreError& error) {
    return error;
  }
  FAIL("it did not throw a StoreError");
  throw;
}

}  // namespace stream_infer::test
