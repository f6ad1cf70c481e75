#include "stream_infer/core/manual_clock.hpp"

#include "support/catch.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <sys/resource.h>

namespace si = stream_infer;
using namespace std::chrono_literals;

static_assert(si::Clock<si::ManualClock>);

namespace {

/// What happened, in order: "name@milliseconds".
class Log {
 public:
  void add(const std::string& name, const si::ManualClock& clock) {
    const std::lock_guard lock{mutex_};
    entries_.push_back(name + '@' +
                       std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(clock.now()).count()));
  }
  [[nodiscard]] std::vector<std::string> entries() const {
    const std::lock_guard lock{mutex_};
    return entries_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> entries_;
};

using Entries = std::vector<std::string>;

/// A thread that works on `clock`, from now on: time stands still until it sleeps.
template <class Body>
std::jthread worker(si::ManualClock clock, Body body) {
  clock.begin_work();
  return std::jthread{[clock, body = std::move(body)](std::stop_token stop) mutable {
    body(clock, stop);
    clock.end_work();
  }};
}

/// Sleeps until `at` and says so.
std::jthread sleeper(si::ManualClock clock, Log& log, std::string name, si::MediaTime at) {
  return worker(std::move(clock),
                [&log, name = std::move(name), at](si::ManualClock& own, const std::stop_token& stop) {
                  if (own.sleep_until(at, stop)) log.add(name, own);
                });
}

}  // namespace

TEST_CASE("Time starts at 0 and moves only when told, for all copies", "[manual_clock]") {
  si::ManualClock clock;
  const si::ManualClock copy = clock;
  CHECK(clock.now() == 0ns);
  std::this_thread::sleep_for(2ms);
  CHECK(clock.now() == 0ns);
  clock.advance(40ms);
  CHECK(clock.now() == 40ms);
  CHECK(copy.now() == 40ms);
  clock.advance(1ns);
  CHECK(copy.now() == 40ms + 1ns);
  CHECK(si::ManualClock{}.now() == 0ns);  // another clock
}

TEST_CASE("Nobody sleeps until a time that has been", "[manual_clock]") {
  si::ManualClock clock;
  clock.advance(10ms);
  clock.begin_work();
  CHECK(clock.sleep_until(10ms, {}));
  CHECK(clock.sleep_until(-1ms, {}));
  CHECK(clock.now() == 10ms);
  clock.end_work();
}

TEST_CASE("Sleepers wake in the order of their deadlines, each at its own time", "[manual_clock]") {
  si::ManualClock clock;
  Log log;
  const std::array threads{sleeper(clock, log, "c", 30ms), sleeper(clock, log, "a", 10ms),
                           sleeper(clock, log, "b", 20ms)};
  clock.advance(100ms);
  CHECK(log.entries() == Entries{"a@10", "b@20", "c@30"});
  CHECK(clock.now() == 100ms);
}

TEST_CASE("Of equal deadlines, who has slept longest wakes first", "[manual_clock]") {
  si::ManualClock clock;
  Log log;
  const std::jthread late = worker(clock, [&](si::ManualClock& own, const std::stop_token& stop) {
    own.sleep_until(10ms, stop);
    own.sleep_until(50ms, stop);
    log.add("since 10", own);
  });
  clock.advance(5ms);
  const std::jthread early = sleeper(clock, log, "since 5", 50ms);
  clock.advance(100ms);
  CHECK(log.entries() == Entries{"since 5@50", "since 10@50"});
}

TEST_CASE("advance() wakes those within its step, again and again, and no others", "[manual_clock]") {
  si::ManualClock clock;
  Log log;
  std::jthread ticker = worker(clock, [&](si::ManualClock& own, const std::stop_token& stop) {
    for (int n = 1; own.sleep_until(n * 10ms, stop); ++n) log.add("tick", own);
  });
  clock.advance(9ms);
  CHECK(log.entries().empty());
  clock.advance(1ms);
  CHECK(log.entries() == Entries{"tick@10"});
  clock.advance(35ms);
  CHECK(log.entries() == Entries{"tick@10", "tick@20", "tick@30", "tick@40"});
  CHECK(clock.now() == 45ms);
}

TEST_CASE("advance() returns when all that happens within its step has happened", "[manual_clock]") {
  si::ManualClock clock;
  std::atomic<si::MediaTime> done_at{0ns};
  const std::jthread slow = worker(clock, [&](si::ManualClock& own, const std::stop_token& stop) {
    own.sleep_until(10ms, stop);
    std::this_thread::sleep_for(30ms);  // work takes real time, but none of this clock's
    done_at = own.now();
  });
  clock.advance(20ms);
  CHECK(done_at.load() == 10ms);
}

TEST_CASE("Only one sleeper at a time is awake", "[manual_clock]") {
  si::ManualClock clock;
  std::atomic<int> awake{0}, most{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t)
      threads.push_back(worker(clock, [&](si::ManualClock& own, const std::stop_token& stop) {
        for (int n = 1; n <= 5; ++n) {
          own.sleep_until(n * 10ms, stop);
          most = std::max(most.load(), ++awake);
          std::this_thread::sleep_for(1ms);
          --awake;
        }
      }));
    clock.advance(50ms);
  }
  CHECK(most == 1);
}

TEST_CASE("A stop ends a sleep, and time goes on without that sleeper", "[manual_clock]") {
  si::ManualClock clock;
  std::atomic<int> stopped{0};
  std::jthread thread = worker(clock, [&](si::ManualClock& own, const std::stop_token& stop) {
    if (!own.sleep_until(1h, stop)) ++stopped;
    if (!own.sleep_until(2h, stop)) ++stopped;  // at once
    if (!own.sleep_until(-1h, stop)) ++stopped;
  });
  clock.advance(10ms);
  CHECK(stopped == 0);
  thread.request_stop();
  thread.join();
  CHECK(stopped == 3);
  CHECK(clock.now() == 10ms);
  clock.advance(3h);
  CHECK(clock.now() == 3h + 10ms);

  std::atomic<bool> done{false};
  const std::jthread next = worker(clock, [&](si::ManualClock&, const std::stop_token&) {
    std::this_thread::sleep_for(20ms);
    done = true;
  });
  clock.advance(1ms);
  CHECK(done);  // the stopped one is not counted any more, this one is
}

TEST_CASE("run() jumps from deadline to deadline until it is stopped", "[manual_clock]") {
  si::ManualClock clock;
  Log log;
  std::jthread time{[&](const std::stop_token& stop) { clock.run(stop); }};
  const auto real = std::chrono::steady_clock::now();
  std::jthread thread = worker(clock, [&](si::ManualClock& own, const std::stop_token& stop) {
    for (int hour = 1; hour <= 3; ++hour) {
      own.sleep_until(hour * 1h, stop);
      log.add("hour", own);
    }
  });
  thread.join();
  CHECK(log.entries() == Entries{"hour@3600000", "hour@7200000", "hour@10800000"});
  CHECK(clock.now() == 3h);  // nobody sleeps: it stands
  time.request_stop();
  time.join();
  CHECK(std::chrono::steady_clock::now() - real < 10s);
}

TEST_CASE("run() wakes nobody after it has been stopped", "[manual_clock]") {
  si::ManualClock clock;
  Log log;
  std::jthread thread = sleeper(clock, log, "woken", 10ms);
  clock.advance(1ms);  // returns when the thread sleeps
  std::stop_source stop;
  stop.request_stop();
  clock.run(stop.get_token());
  CHECK(clock.now() == 1ms);
  thread.request_stop();
  thread.join();
  CHECK(log.entries().empty());
}

TEST_CASE("settle() waits until nobody else works", "[manual_clock]") {
  si::ManualClock clock;
  std::atomic<bool> done{false};
  clock.begin_work();
  const std::jthread other = worker(clock, [&](si::ManualClock&, const std::stop_token&) {
    std::this_thread::sleep_for(20ms);
    done = true;
  });
  clock.settle({});
  CHECK(done);
  clock.settle({});  // again, at once
  clock.end_work();
}

TEST_CASE("settle() counts a sleeper as not working", "[manual_clock]") {
  si::ManualClock clock;
  Log log;
  clock.begin_work();
  std::jthread other = sleeper(clock, log, "woken", 10ms);
  clock.settle({});
  CHECK(log.entries().empty());
  clock.end_work();
  clock.advance(10ms);
  CHECK(log.entries() == Entries{"woken@10"});
}

TEST_CASE("settle() ends with a stop", "[manual_clock]") {
  si::ManualClock clock;
  clock.begin_work();
  clock.begin_work();  // as if for another thread, which never ends
  std::stop_source stop;
  std::jthread stopper{[&] {
    std::this_thread::sleep_for(10ms);
    stop.request_stop();
  }};
  clock.settle(stop.get_token());
  CHECK(stop.stop_requested());
  clock.end_work();
  clock.end_work();
}

TEST_CASE("Two that settle do not wait for each other", "[manual_clock]") {
  si::ManualClock clock;
  std::atomic<int> settled{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 3; ++t)
      threads.push_back(worker(clock, [&](si::ManualClock& own, const std::stop_token& stop) {
        own.settle(stop);
        if (!stop.stop_requested()) ++settled;
      }));
    for (int waited = 0; settled < 3 && waited < 5000; ++waited) std::this_thread::sleep_for(1ms);
  }
  CHECK(settled == 3);
}

TEST_CASE("Time never goes back, whoever advances it", "[manual_clock]") {
  for (int round = 0; round < 50; ++round) {
    si::ManualClock clock;
    clock.begin_work();
    std::vector<std::jthread> threads;
    for (const auto step : {10ms, 100ms, 50ms}) threads.emplace_back([&clock, step] { clock.advance(step); });
    std::this_thread::sleep_for(1ms);  // all three wait for the work to end
    clock.end_work();
    threads.clear();
    REQUIRE(clock.now() >= 100ms);
  }
}

TEST_CASE("The same threads do the same, every time", "[manual_clock]") {
  const auto play = [] {
    si::ManualClock clock;
    Log log;
    std::jthread time{[&](const std::stop_token& stop) { clock.run(stop); }};
    {
      // A player at 25 Hz that hands every third frame to a worker of 130 ms, and goes on when that sleeps.
      std::atomic<bool> busy{false};
      const std::jthread player = worker(clock, [&](si::ManualClock& own, const std::stop_token&) {
        std::vector<std::jthread> runs;
        for (int n = 0; n < 25; ++n) {
          own.sleep_until(n * 40ms, {});
          log.add("frame " + std::to_string(n), own);
          if (n % 3 != 0) continue;
          if (busy.exchange(true)) {
            log.add("busy", own);
            continue;
          }
          runs.push_back(worker(own, [&](si::ManualClock& lane, const std::stop_token&) {
            lane.sleep_until(lane.now() + 130ms, {});
            log.add("result", lane);
            busy = false;
          }));
          own.settle({});
        }
        own.sleep_until(2s, {});  // lets the last one end
      });
    }
    return log.entries();
  };
  const Entries first = play();
  CHECK(first.size() > 30);
  for (int round = 0; round < 20; ++round) REQUIRE(play() == first);
}

TEST_CASE("A step wakes only whose time has come", "[manual_clock]") {
  constexpr int steps = 2000;
  si::ManualClock clock;
  long switches = 0;
  {
    const std::jthread far = worker(clock, [&](si::ManualClock& own, const std::stop_token&) {
      own.sleep_until(1h, {});
      rusage usage{};
      getrusage(RUSAGE_THREAD, &usage);
      switches = usage.ru_nvcsw;
    });
    const std::jthread near = worker(clock, [](si::ManualClock& own, const std::stop_token&) {
      for (int i = 1; i <= steps; ++i) own.sleep_until(i * 1ms, {});
    });
    clock.advance(1h);
  }
  CHECK(switches < steps / 10);
}
