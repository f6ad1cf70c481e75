#include "stream_infer/core/bounded_queue.hpp"

#include "support/catch.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using stream_infer::detail::BoundedQueue;

/// Processor time that this thread has used.
std::chrono::nanoseconds processor_time() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds{time.tv_sec} + std::chrono::nanoseconds{time.tv_nsec};
}

}  // namespace

TEST_CASE("A queue gives values in the order they came", "[bounded_queue]") {
  BoundedQueue<int> queue{4};
  for (int round = 0; round < 10; ++round) {
    for (int i = 0; i < 4; ++i) REQUIRE(queue.push(4 * round + i));
    for (int i = 0; i < 4; ++i) {
      int value = -1;
      REQUIRE(queue.pop(value));
      CHECK(value == 4 * round + i);
    }
  }
}

TEST_CASE("A queue holds its capacity, rounded up to a power of two; then push waits", "[bounded_queue]") {
  struct Case {
    std::uint32_t capacity, room;
  };
  const auto [capacity, asked_room] = GENERATE(Case{1, 1}, Case{2, 2}, Case{3, 4}, Case{8, 8}, Case{9, 16});
  const std::uint32_t room = asked_room;  // C++20's lambdas capture it, but not yet clang's a structured binding
  BoundedQueue<std::uint32_t> queue{capacity};
  for (std::uint32_t i = 0; i < room; ++i) REQUIRE(queue.push(i));
  std::atomic<bool> pushed{false};
  std::thread producer{[&] { pushed = queue.push(room); }};
  std::this_thread::sleep_for(30ms);
  CHECK_FALSE(pushed);
  for (std::uint32_t i = 0; i <= room; ++i) {
    std::uint32_t value = ~i;
    CHECK(queue.pop(value));
    CHECK(value == i);
  }
  producer.join();
  CHECK(pushed);
}

TEST_CASE("A closed queue takes nothing and gives nothing", "[bounded_queue]") {
  BoundedQueue<int> queue{4};
  REQUIRE(queue.push(1));
  queue.close();
  queue.close();  // harmless
  int value = -1;
  CHECK_FALSE(queue.push(2));
  CHECK_FALSE(queue.pop(value));
  CHECK(value == -1);
}

TEST_CASE("Closing wakes a producer that waits for room", "[bounded_queue]") {
  BoundedQueue<int> queue{1};
  REQUIRE(queue.push(1));
  std::atomic<bool> taken{true};
  std::thread producer{[&] { taken = queue.push(2); }};
  std::this_thread::sleep_for(20ms);
  queue.close();
  producer.join();
  CHECK_FALSE(taken);
}

TEST_CASE("Closing wakes a consumer that waits for a value", "[bounded_queue]") {
  BoundedQueue<int> queue{1};
  std::atomic<bool> given{true};
  std::thread consumer{[&] {
    int value = 0;
    given = queue.pop(value);
  }};
  std::this_thread::sleep_for(20ms);
  queue.close();
  consumer.join();
  CHECK_FALSE(given);
}

TEST_CASE("Who waits for a queue sleeps", "[bounded_queue]") {
  BoundedQueue<int> queue{1};
  std::chrono::nanoseconds used{};
  std::thread consumer{[&] {
    const std::chrono::nanoseconds before = processor_time();
    int value = 0;
    static_cast<void>(queue.pop(value));
    used = processor_time() - before;
  }};
  std::this_thread::sleep_for(300ms);
  REQUIRE(queue.push(1));
  consumer.join();
  CHECK(used < 100ms);
}

TEST_CASE("A queue keeps nothing of a value that it gave, and lets go of the rest with itself", "[bounded_queue]") {
  const auto shared = std::make_shared<int>(1);
  {
    BoundedQueue<std::shared_ptr<int>> queue{4};
    for (int i = 0; i < 3; ++i) REQUIRE(queue.push(shared));
    CHECK(shared.use_count() == 4);
    std::shared_ptr<int> value;
    REQUIRE(queue.pop(value));
    value.reset();
    CHECK(shared.use_count() == 3);
    queue.close();
    CHECK_FALSE(queue.push(shared));  // dropped
    CHECK(shared.use_count() == 3);
  }
  CHECK(shared.use_count() == 1);
}

TEST_CASE("Values that can only be moved pass through a queue", "[bounded_queue]") {
  BoundedQueue<std::unique_ptr<int>> queue{2};
  REQUIRE(queue.push(std::make_unique<int>(7)));
  std::unique_ptr<int> value;
  REQUIRE(queue.pop(value));
  REQUIRE(value);
  CHECK(*value == 7);
}

TEST_CASE("Two threads pass every value through a queue of any length", "[bounded_queue]") {
  const auto capacity = GENERATE(std::uint32_t{1}, std::uint32_t{2}, std::uint32_t{64});
  constexpr std::uint64_t values = 20'000;
  BoundedQueue<std::array<std::uint64_t, 4>> queue{capacity};  // wide enough to be torn
  std::thread producer{[&] {
    for (std::uint64_t i = 0; i < values; ++i) static_cast<void>(queue.push({i, ~i, i * 3, i ^ 0x5555}));
  }};
  std::uint64_t wrong = 0;
  for (std::uint64_t i = 0; i < values; ++i) {
    std::array<std::uint64_t, 4> value{};
    const bool given = queue.pop(value);
    if (!given || value != std::array<std::uint64_t, 4>{i, ~i, i * 3, i ^ 0x5555}) ++wrong;
  }
  producer.join();
  CHECK(wrong == 0);
}

TEST_CASE("Closing at any moment ends both sides, and what was given was in order", "[bounded_queue]") {
  for (int round = 0; round < 200; ++round) {
    BoundedQueue<int> queue{2};
    bool in_order = true;
    std::thread producer{[&] {
      for (int i = 0; queue.push(i);) ++i;
    }};
    std::thread consumer{[&] {
      int value = 0;
      for (int next = 0; queue.pop(value); ++next) in_order = in_order && value == next;
    }};
    std::this_thread::sleep_for(std::chrono::microseconds{round});
    queue.close();
    producer.join();
    consumer.join();
    REQUIRE(in_order);
  }
}
