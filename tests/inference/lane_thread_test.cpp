#include "stream_infer/inference/lane_thread.hpp"

#include "stream_infer/core/manual_clock.hpp"
#include "support/catch.hpp"

#include <atomic>
#include <chrono>
#include <thread>

namespace si = stream_infer;
using namespace std::chrono_literals;

namespace {

/// Counts who works, and takes its time about it.
struct SlowCount : si::SteadyClock {
  void begin_work() const {
    std::this_thread::sleep_for(2ms);
    ++*working;
  }
  void end_work() const { --*working; }
  std::atomic<int>* working;
};

}  // namespace

TEST_CASE("a lane works only when it was told to, and once more at its end") {
  std::atomic<int> calls{0};
  {
    si::detail::LaneThread lane{si::SteadyClock{}, [&calls] { ++calls; }};
    std::this_thread::sleep_for(20ms);
    CHECK(calls == 0);
  }
  CHECK(calls == 1);
}

TEST_CASE("a lane sees everything that was done before a post, however posts and work interleave") {
  std::atomic<int> posted{0};
  std::atomic<int> seen{0};
  {
    si::detail::LaneThread lane{si::SteadyClock{}, [&] { seen = posted.load(); }};
    for (int i = 1; i <= 100'000; ++i) {
      posted = i;
      lane.post();
      if (i % 1000 == 0)
        while (seen != i) std::this_thread::yield();  // without any further post
    }
  }
  CHECK(seen == 100'000);
}

TEST_CASE("a post does not wait for the work") {
  std::atomic<bool> go_on{false};
  std::atomic<int> calls{0};
  {
    si::detail::LaneThread lane{si::SteadyClock{}, [&] {
                                  ++calls;
                                  while (!go_on) std::this_thread::sleep_for(1ms);
                                }};
    lane.post();
    while (calls == 0) std::this_thread::yield();
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < 1000; ++i) lane.post();
    CHECK(std::chrono::steady_clock::now() - begin < 1s);
    CHECK(calls == 1);
    go_on = true;
  }
  CHECK(calls >= 2);  // what was posted meanwhile
  CHECK(calls <= 3);  // however often: it is one look
}

TEST_CASE("on a clock driven by hand, time stands still while a lane works") {
  si::ManualClock clock;
  std::atomic<bool> working{false};
  std::atomic<bool> go_on{false};
  si::detail::LaneThread lane{clock, [&] {
                                working = true;
                                while (!go_on) std::this_thread::sleep_for(1ms);
                                working = false;
                              }};
  lane.post();
  bool worked_after = true;
  std::jthread time{[&] {
    clock.advance(1s);
    worked_after = working;
  }};
  std::this_thread::sleep_for(20ms);
  CHECK(clock.now() == 0s);
  go_on = true;
  time.join();
  CHECK_FALSE(worked_after);
  CHECK(clock.now() == 1s);
}

TEST_CASE("on a clock driven by hand, a lane that ends while it works is no longer counted as working") {
  for (int i = 0; i < 20; ++i) {
    std::atomic<int> working{0};
    {
      si::detail::LaneThread lane{SlowCount{{}, &working}, [] {}};
      lane.post();
    }
    REQUIRE(working == 0);
  }
}
