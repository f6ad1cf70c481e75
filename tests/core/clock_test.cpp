#include "stream_infer/core/clock.hpp"

#include "support/catch.hpp"
#include "support/count_allocations.hpp"
#include "support/stopwatch.hpp"

#include <chrono>
#include <stop_token>
#include <thread>

namespace si = stream_infer;
using namespace std::chrono_literals;
using si::test::Stopwatch;

namespace {

struct NoSettle {
  si::MediaTime now() const;
  bool sleep_until(si::MediaTime, const std::stop_token&);
  void begin_work();
  void end_work();
};
struct TellsNoStop : si::SteadyClock {
  void sleep_until(si::MediaTime, const std::stop_token&);
};
struct NotCopyable : si::SteadyClock {
  NotCopyable(const NotCopyable&) = delete;
};

}  // namespace

static_assert(si::Clock<si::SteadyClock>);
static_assert(!si::Clock<NoSettle> && !si::Clock<TellsNoStop> && !si::Clock<NotCopyable>);

TEST_CASE("The steady clock goes as time does", "[clock]") {
  const si::SteadyClock clock;
  const si::SteadyClock copy = clock;
  const si::MediaTime before = clock.now();
  std::this_thread::sleep_for(10ms);
  CHECK(copy.now() >= before + 10ms);
}

TEST_CASE("It sleeps until the time has come, and not much longer", "[clock]") {
  si::SteadyClock clock;
  for (const auto span : {1ms, 5ms, 30ms}) {
    const si::MediaTime until = clock.now() + span;
    CHECK(clock.sleep_until(until, {}));
    CHECK(clock.now() >= until);
    CHECK(clock.now() < until + 500ms);
  }
}

TEST_CASE("It does not sleep until a time that has been", "[clock]") {
  si::SteadyClock clock;
  const Stopwatch stopwatch;
  CHECK(clock.sleep_until(clock.now(), {}));
  CHECK(clock.sleep_until(clock.now() - 1h, {}));
  CHECK(stopwatch.elapsed() < 500ms);
}

TEST_CASE("A stop ends its sleep at once", "[clock]") {
  si::SteadyClock clock;
  std::stop_source stop;
  const Stopwatch stopwatch;
  std::jthread stopper{[&] {
    std::this_thread::sleep_for(20ms);
    stop.request_stop();
  }};
  CHECK_FALSE(clock.sleep_until(clock.now() + 1h, stop.get_token()));
  CHECK(stopwatch.elapsed() >= 20ms);
  CHECK(stopwatch.elapsed() < 1s);
}

TEST_CASE("After a stop it does not sleep at all", "[clock]") {
  si::SteadyClock clock;
  std::stop_source stop;
  stop.request_stop();
  const Stopwatch stopwatch;
  CHECK_FALSE(clock.sleep_until(clock.now() + 1h, stop.get_token()));
  CHECK_FALSE(clock.sleep_until(clock.now() - 1h, stop.get_token()));
  CHECK(stopwatch.elapsed() < 1s);
}

TEST_CASE("Sleeping allocates nothing", "[clock]") {
  si::SteadyClock clock;
  const std::stop_source stop;
  const auto before = si::test::allocations();
  clock.sleep_until(clock.now() + 2ms, stop.get_token());
  const auto after = si::test::allocations();
  CHECK(after == before);
}

TEST_CASE("Stress: stops that come as the sleep ends", "[clock][stress]") {
  si::SteadyClock clock;
  const auto until = std::chrono::steady_clock::now() + 1s;
  int stopped = 0;
  int rounds = 0;
  for (; std::chrono::steady_clock::now() < until; ++rounds) {
    std::stop_source stop;
    const si::MediaTime deadline = clock.now() + 200us;
    std::jthread stopper{[&] {
      while (clock.now() < deadline - 20us + (rounds % 40) * 1us) {}
      stop.request_stop();
    }};
    if (!clock.sleep_until(deadline, stop.get_token())) ++stopped;
  }
  INFO(stopped << " of " << rounds << " stopped");
  CHECK(rounds > 10);
}
