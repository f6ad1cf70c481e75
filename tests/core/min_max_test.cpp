#include "stream_infer/core/min_max.hpp"

#include "support/catch.hpp"

namespace detail = stream_infer::detail;

TEST_CASE("The smaller, the larger, and what lies between", "[min_max]") {
  CHECK(detail::min(1, 2) == 1);
  CHECK(detail::min(2, 1) == 1);
  CHECK(detail::max(1, 2) == 2);
  CHECK(detail::max(2, 1) == 2);
  CHECK(detail::clamp(5, 1, 3) == 3);
  CHECK(detail::clamp(-5, 1, 3) == 1);
  CHECK(detail::clamp(2, 1, 3) == 2);
}
