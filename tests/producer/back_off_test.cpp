#include "stream_infer/producer/back_off.hpp"

#include "support/catch.hpp"
#include "support/random.hpp"

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>

namespace si = stream_infer;
using namespace std::chrono_literals;

namespace {

const si::Error lost{si::Errc::producer_failed, "read", "camera"};

}  // namespace

TEST_CASE("The limit of a back-off doubles up to its longest", "[producer][back_off]") {
  const si::BackOff back_off;
  CHECK(back_off.limit(1) == 500ms);
  CHECK(back_off.limit(2) == 1s);
  CHECK(back_off.limit(6) == 16s);
  CHECK(back_off.limit(7) == 30s);
  CHECK(back_off.limit(std::numeric_limits<std::uint32_t>::max()) == 30s);
  CHECK(si::BackOff{.first = 10s, .longest = 2s}.limit(1) == 2s);
}

TEST_CASE("A pause lies anywhere below the limit", "[producer][back_off]") {
  const si::BackOff back_off{.first = 1s, .longest = 8s};
  CHECK(*back_off({.error = lost, .attempt = 1, .random = 0}) == 0s);
  CHECK(*back_off({.error = lost, .attempt = 2, .random = std::uint64_t{1} << 63}) == 1s);
  si::MediaTime sum{};
  si::test::Random random{1};
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t bits = static_cast<std::uint64_t>(random.between(0, std::numeric_limits<std::int64_t>::max()))
                               << 1;
    const si::MediaTime pause = *back_off({.error = lost, .attempt = 9, .random = bits});
    REQUIRE(pause >= 0s);
    REQUIRE(pause < 8s);
    sum += pause;
  }
  CHECK(sum > 3800s);
  CHECK(sum < 4200s);
  CHECK(*back_off({.error = lost, .attempt = 9, .random = ~std::uint64_t{0}}) < 8s);
}

TEST_CASE("A permanent loss is given up", "[producer][back_off]") {
  CHECK_FALSE(si::BackOff{}({.error = lost, .permanent = true}));
  CHECK_FALSE(si::NoReconnect{}({.error = lost}));
}

TEST_CASE("A policy may be anything that can be called so", "[producer][back_off]") {
  const si::ReconnectPolicy policy = [](const si::ConnectionLoss& loss) -> std::optional<si::MediaTime> {
    if (loss.attempt > 2) return std::nullopt;
    return 5ms;
  };
  CHECK(policy({.error = lost, .attempt = 2}) == 5ms);
  CHECK_FALSE(policy({.error = lost, .attempt = 3}));
}
