#include "stream_infer/core/once.hpp"

#include "support/catch.hpp"

#include <atomic>
#include <chrono>
#include <latch>
#include <stdexcept>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using stream_infer::detail::Once;

TEST_CASE("Work is done once", "[once]") {
  Once<> once;
  int done = 0;
  for (int i = 0; i < 3; ++i) once.ensure([&] { ++done; });
  CHECK(done == 1);
  once.reset(false);
  once.ensure([&] { ++done; });
  CHECK(done == 2);
  once.reset(true);
  once.ensure([&] { ++done; });
  CHECK(done == 2);
}

TEST_CASE("Work that throws counts as not done", "[once]") {
  Once<> once;
  int attempts = 0;
  const auto fail_twice = [&] {
    if (++attempts <= 2) throw std::runtime_error{"no"};
  };
  CHECK_THROWS_AS(once.ensure(fail_twice), std::runtime_error);
  CHECK_THROWS_AS(once.ensure(fail_twice), std::runtime_error);
  once.ensure(fail_twice);
  once.ensure(fail_twice);
  CHECK(attempts == 3);
}

TEST_CASE("Who comes while the work is done waits for it", "[once]") {
  Once<> once;
  std::latch begun{1};
  std::atomic<int> done{0};
  std::atomic<int> early{0};
  std::jthread worker{[&] {
    once.ensure([&] {
      begun.count_down();
      std::this_thread::sleep_for(30ms);
      ++done;
    });
  }};
  begun.wait();
  std::vector<std::jthread> others;
  for (int i = 0; i < 4; ++i)
    others.emplace_back([&] {
      once.ensure([&] { ++done; });
      if (done != 1) ++early;
    });
  others.clear();
  CHECK(early == 0);
  CHECK(done == 1);
}

TEST_CASE("When the work throws, one of those who wait takes over", "[once]") {
  Once<> once;
  std::latch begun{1};
  std::atomic<int> attempts{0};
  std::atomic<int> thrown{0};
  const auto work = [&] {
    const int attempt = ++attempts;
    if (attempt == 1) begun.count_down();
    std::this_thread::sleep_for(10ms);
    if (attempt <= 2) throw std::runtime_error{"no"};
  };
  const auto want = [&] {
    try {
      once.ensure(work);
    } catch (const std::runtime_error&) {
      ++thrown;
    }
  };
  std::vector<std::jthread> threads;
  threads.emplace_back(want);
  begun.wait();
  for (int i = 0; i < 5; ++i) threads.emplace_back(want);
  threads.clear();
  CHECK(attempts == 3);
  CHECK(thrown == 2);  // each failure is told to who had it
}

TEST_CASE("Stress: plain data that the work writes is whole for everybody", "[once][stress]") {
  std::atomic<int> wrong{0};
  const auto until = std::chrono::steady_clock::now() + 1s;
  int rounds = 0;
  while (std::chrono::steady_clock::now() < until) {
    Once<> once;
    long value = 0;
    int done = 0;
    {
      std::latch start{3};
      std::vector<std::jthread> threads;
      for (int t = 0; t < 3; ++t)
        threads.emplace_back([&] {
          start.arrive_and_wait();
          once.ensure([&] {
            ++done;
            value = 42;
          });
          if (value != 42) ++wrong;
        });
    }
    if (done != 1) ++wrong;
    ++rounds;
  }
  CHECK(wrong == 0);
  CHECK(rounds > 10);
}
