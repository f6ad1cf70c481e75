#include "stream_infer/core/media_time.hpp"

#include "support/catch.hpp"

#include <limits>

namespace si = stream_infer;
using namespace std::chrono_literals;

static_assert(si::period_of(25) == 40ms);
static_assert(si::period_of({30'000, 1001}) == 33'366'666ns);  // 33'366'666.67
static_assert(si::period_of({1, 10}) == 10s);
static_assert(si::period_of({}) == 0ns && si::period_of(-5) == 0ns);

// One unit of the time base, at least 1 ms, at most half a frame.
static_assert(si::tolerance_of({1, 90'000}, 25) == 1ms);
static_assert(si::tolerance_of({1, 1000}, 25) == 1ms);
static_assert(si::tolerance_of({1, 600}, 25) == 1'666'666ns);
static_assert(si::tolerance_of({1, 25}, 25) == 20ms);
static_assert(si::tolerance_of({1, 90'000}, 1000) == 500us);
static_assert(si::tolerance_of({1, 90'000}, {}) == 1ms);  // of a rate that is unknown half cannot be told
static_assert(si::tolerance_of({1, 100}, {}) == 10ms);
static_assert(si::tolerance_of({}, 25) == 1ms);

TEST_CASE("Times are printed as hours, minutes and seconds", "[media_time]") {
  CHECK(si::to_hms(0s) == "00:00:00");
  CHECK(si::to_hms(59s + 999'999'999ns) == "00:00:59");
  CHECK(si::to_hms(1h + 2min + 3s) == "01:02:03");
  CHECK(si::to_hms(123h + 59min + 59s) == "123:59:59");
  CHECK(si::to_hms(-1ns) == "00:00:00");
  CHECK(si::to_hms(si::MediaTime::max()) == "2562047:47:16");
}

TEST_CASE("Milliseconds are cut off, never rounded up into the next second", "[media_time]") {
  CHECK(si::to_hms_ms(0s) == "00:00:00.000");
  CHECK(si::to_hms_ms(1h + 2min + 3s + 45ms) == "01:02:03.045");
  CHECK(si::to_hms_ms(59s + 999'999'999ns) == "00:00:59.999");
  CHECK(si::to_hms_ms(-5s) == "00:00:00.000");
}
