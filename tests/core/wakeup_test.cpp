#include "stream_infer/core/wakeup.hpp"

#include "support/catch.hpp"
#include "support/count_allocations.hpp"
#include "support/stopwatch.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using stream_infer::detail::WakeUp;
using stream_infer::test::Stopwatch;

TEST_CASE("Who waits for what is so already does not sleep", "[wakeup]") {
  WakeUp wakeup;
  const Stopwatch stopwatch;
  wakeup.wait([] { return true; });
  CHECK(wakeup.wait_for(10s, [] { return true; }));
  CHECK(stopwatch.elapsed() < 5s);
}

TEST_CASE("A wait ends with its time-out, not before, and says so", "[wakeup]") {
  WakeUp wakeup;
  for (const auto timeout : {0ms, 1ms, 30ms}) {
    const Stopwatch stopwatch;
    CHECK_FALSE(wakeup.wait_for(timeout, [] { return false; }));
    CHECK(stopwatch.elapsed() >= timeout);
    CHECK(stopwatch.elapsed() < timeout + 500ms);
  }
}

TEST_CASE("A change and a notify wake everybody who waits", "[wakeup]") {
  WakeUp wakeup;
  std::atomic<bool> changed{false};
  std::atomic<int> woken{0};
  std::vector<std::jthread> sleepers;
  for (int i = 0; i < 4; ++i)
    sleepers.emplace_back([&, i] {
      const auto look = [&] { return changed.load(); };
      if (i % 2 == 0)
        wakeup.wait(look);
      else if (!wakeup.wait_for(1min, look))
        return;
      ++woken;
    });
  std::this_thread::sleep_for(20ms);
  wakeup.notify();  // nothing has changed: they sleep on
  std::this_thread::sleep_for(5ms);
  CHECK(woken == 0);
  changed = true;
  wakeup.notify();
  sleepers.clear();
  CHECK(woken == 4);
}

TEST_CASE("The longest time-out is not a short one", "[wakeup]") {
  WakeUp wakeup;
  std::atomic<bool> changed{false};
  std::atomic<bool> returned{false};
  std::jthread sleeper{[&] {
    wakeup.wait_for(std::chrono::nanoseconds::max(), [&] { return changed.load(); });
    returned = true;
  }};
  std::this_thread::sleep_for(20ms);
  CHECK_FALSE(returned);
  changed = true;
  wakeup.notify();
}

TEST_CASE("Neither sleeping nor waking allocates", "[wakeup]") {
  WakeUp wakeup;
  const auto before = stream_infer::test::allocations();
  wakeup.notify();
  wakeup.wait_for(1ms, [] { return false; });
  const auto after = stream_infer::test::allocations();
  CHECK(after == before);
}

TEST_CASE("Stress: no wake-up is lost between two threads that wake each other", "[wakeup][stress]") {
  // Each side sleeps until it is its turn; a wake-up that got lost would leave both asleep.
  std::array<WakeUp, 2> wakeups;
  std::atomic<long> turn{0};
  std::atomic<bool> done{false};
  std::atomic<bool> lost{false};
  const auto play = [&](long side) {
    const auto until = std::chrono::steady_clock::now() + 1s;
    const auto self = static_cast<std::size_t>(side);
    for (long mine = side; !done.load(std::memory_order_relaxed); mine += 2) {
      const auto look = [&] {
        return turn.load(std::memory_order_relaxed) >= mine || done.load(std::memory_order_relaxed);
      };
      if (!wakeups[self].wait_for(10s, look)) lost = true;
      turn.store(mine + 1, std::memory_order_relaxed);
      if (lost || std::chrono::steady_clock::now() >= until) done.store(true, std::memory_order_relaxed);
      wakeups[1 - self].notify();
    }
  };
  std::jthread other{play, 1};
  play(0);
  other.join();
  CHECK_FALSE(lost);
  CHECK(turn > 100);
}
