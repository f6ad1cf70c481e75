#include "stream_infer/schedule/schedule.hpp"

#include "support/catch.hpp"

#include <cstddef>
#include <limits>

namespace si = stream_infer;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {
constexpr std::size_t huge = std::numeric_limits<std::size_t>::max();
}

static_assert(si::Sampling{}.span() == 1);
static_assert(si::Sampling{.frame_count = 5, .frame_step = 6}.span() == 25);
static_assert(si::Sampling{.frame_count = 1, .frame_step = 1000}.span() == 1);
static_assert(si::Sampling{.frame_count = 0}.span() == 0);
static_assert(si::Sampling{.frame_count = 2, .frame_step = 0}.span() == 0);
static_assert(si::Sampling{.frame_count = 2, .frame_step = huge - 1}.span() == huge);
static_assert(si::Sampling{.frame_count = 2, .frame_step = huge}.span() == 0);
static_assert(si::Sampling{.frame_count = huge, .frame_step = 1}.span() == huge);
static_assert(si::Sampling{.frame_count = huge, .frame_step = 2}.span() == 0);
static_assert(si::Schedule{.frame_count = 3, .frame_step = 4, .interval = 1s}.sampling() ==
              si::Sampling{.frame_count = 3, .frame_step = 4});

TEST_CASE("A schedule that makes sense passes the check", "[schedule]") {
  CHECK_NOTHROW(si::detail::check("head", si::Schedule{}));
  CHECK_NOTHROW(si::detail::check("head", {.frame_count = 1000, .frame_step = 1000, .interval = 24h}));
  CHECK_NOTHROW(si::detail::check("head", {.interval = 1ns}));
}

TEST_CASE("A schedule that makes no sense is refused, with the algorithm's name and the reason", "[schedule]") {
  const auto refuse = [](const si::Schedule& schedule, const char* reason) {
    try {
      si::detail::check("head", schedule);
      FAIL("not refused: " << reason);
    } catch (const si::Error& error) {
      CHECK(error.code() == si::Errc::invalid_argument);
      CHECK(error.step() == "schedule");
      CHECK(error.source() == "head");
      CHECK_THAT(error.reason(), ContainsSubstring(reason));
    }
  };
  refuse({.frame_count = 0}, "frame_count must be at least 1");
  refuse({.frame_step = 0}, "frame_step must be at least 1");
  refuse({.frame_count = huge, .frame_step = 2}, "too large");
  refuse({.interval = -1ns}, "the interval must not be negative");
}
