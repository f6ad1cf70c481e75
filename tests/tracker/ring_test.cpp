#include "stream_infer/tracker/ring.hpp"

#include "support/catch.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <latch>
#include <memory>
#include <optional>
#include <semaphore>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using stream_infer::detail::Ring;

namespace {

std::optional<int> read(const Ring<int>& ring, std::uint64_t index) {
  int out = 0;
  return ring.read(index, out) ? std::optional{out} : std::nullopt;
}

}  // namespace

TEST_CASE("An empty ring holds nothing", "[ring]") {
  const Ring<int> ring{3};
  CHECK(ring.capacity() == 3);
  CHECK(ring.end() == 0);
  for (std::uint64_t index = 0; index < 8; ++index) CHECK_FALSE(read(ring, index));
}

TEST_CASE("A ring holds the last values, each under its number", "[ring]") {
  const std::size_t capacity = GENERATE(1U, 2U, 3U, 7U);
  Ring<int> ring{capacity};
  for (std::uint64_t n = 0; n < 20; ++n) {
    REQUIRE(ring.push(static_cast<int>(n) * 10));
    REQUIRE(ring.end() == n + 1);
    const std::uint64_t from = n + 1 > capacity ? n + 1 - capacity : 0;
    REQUIRE(ring.held_from(ring.end()) == from);
    for (std::uint64_t index = 0; index < n + 5; ++index) {
      const bool held = index >= from && index <= n;
      REQUIRE(read(ring, index) == (held ? std::optional{static_cast<int>(index) * 10} : std::nullopt));
    }
  }
}

TEST_CASE("A read of a value that is not held leaves the variable as it was", "[ring]") {
  Ring<int> ring{2};
  ring.push(1);
  int out = 42;
  CHECK_FALSE(ring.read(1, out));
  CHECK(out == 42);
}

TEST_CASE("A cleared ring counts from 0 again", "[ring]") {
  Ring<int> ring{3};
  for (int n = 0; n < 5; ++n) ring.push(n);
  ring.clear();
  CHECK(ring.end() == 0);
  for (std::uint64_t index = 0; index < 6; ++index) CHECK_FALSE(read(ring, index));
  REQUIRE(ring.push(100));
  CHECK(read(ring, 0) == 100);
  CHECK_FALSE(read(ring, 1));
  CHECK_FALSE(read(ring, 3));  // in the same slot, but of before
}

TEST_CASE("A value is let go as soon as it is replaced, cleared or left behind", "[ring]") {
  const auto value = std::make_shared<int>(1);
  std::optional<Ring<std::shared_ptr<int>>> ring{std::in_place, 2};
  ring->push(value);
  ring->push(nullptr);
  REQUIRE(value.use_count() == 2);
  SECTION("replaced") { ring->push(nullptr); }
  SECTION("cleared") { ring->clear(); }
  SECTION("destroyed") { ring.reset(); }
  CHECK(value.use_count() == 1);
}

TEST_CASE("Without a spare node a full ring cannot replace", "[ring]") {
  Ring<int> ring{2, 0};
  REQUIRE(ring.push(0));
  REQUIRE(ring.push(1));
  CHECK_FALSE(ring.push(2));
  CHECK(ring.end() == 2);
  CHECK(read(ring, 0) == 0);
  ring.clear();
  CHECK(ring.push(3));
}

namespace {

/// A value whose copy stops half-way while `stopping` is set, as if its reader had lost the processor there.
struct Slow {
  Slow() = default;
  explicit Slow(int n) : number{n} {}
  Slow(const Slow& other) noexcept { *this = other; }
  Slow(Slow&& other) noexcept = default;
  Slow& operator=(Slow&& other) noexcept = default;
  Slow& operator=(const Slow& other) noexcept {
    if (stopping) {
      stopped.release();
      go_on.acquire();
    }
    number = other.number;
    return *this;
  }

  static inline thread_local bool stopping = false;
  static inline std::counting_semaphore<> stopped{0};
  static inline std::counting_semaphore<> go_on{0};

  int number = -1;
};

}  // namespace

TEST_CASE("The writer goes on while readers are stopped, until they hold every spare", "[ring]") {
  constexpr std::size_t spares = 3;
  Ring<Slow> ring{1, spares};
  std::vector<std::jthread> readers;
  std::array<Slow, spares> read;
  std::array<bool, spares> found{};
  int pushed = 0;
  for (std::size_t i = 0; i < spares; ++i) {
    REQUIRE(ring.push(Slow{pushed++}));
    readers.emplace_back([&, i] {
      Slow::stopping = true;
      found[i] = ring.read(i, read[i]);
    });
    Slow::stopped.acquire();
  }

  // Now the readers hold every node but one.
  REQUIRE(ring.push(Slow{pushed}));
  CHECK_FALSE(ring.push(Slow{100}));
  CHECK(ring.end() == spares + 1);
  Slow newest;
  REQUIRE(ring.read(spares, newest));  // the refused one replaced nothing
  CHECK(newest.number == static_cast<int>(spares));

  Slow::go_on.release(spares);
  readers.clear();
  for (std::size_t i = 0; i < spares; ++i) {
    CHECK(found[i]);
    CHECK(read[i].number == static_cast<int>(i));  // what it held was not reused
  }
  for (int n = 0; n < 20; ++n) CHECK(ring.push(Slow{n}));  // no node is lost
}

TEST_CASE("Stress: readers find whole values of the right number", "[ring][stress]") {
  using Value = std::array<std::uint64_t, 32>;
  Ring<Value> ring{4};
  std::atomic<bool> done{false};
  std::atomic<int> torn{0};
  std::atomic<std::uint64_t> found{0};
  std::uint64_t refused = 0;
  {
    std::vector<std::jthread> readers;
    for (std::uint64_t r = 0; r < 3; ++r)
      readers.emplace_back([&, r] {
        while (!done.load(std::memory_order_relaxed)) {
          const std::uint64_t end = ring.end();
          const std::uint64_t back = 1 + r;
          Value value;
          if (end < back || !ring.read(end - back, value)) continue;
          found.fetch_add(1, std::memory_order_relaxed);
          for (const std::uint64_t part : value)
            if (part != end - back) torn.fetch_add(1, std::memory_order_relaxed);
        }
      });
    const auto until = std::chrono::steady_clock::now() + 1s;
    for (std::uint64_t n = 0; std::chrono::steady_clock::now() < until;) {
      Value value;
      value.fill(n);
      if (ring.push(value))
        ++n;
      else
        ++refused;
    }
    done = true;
  }
  CHECK(torn == 0);
  CHECK(found > 0);
  CHECK(refused == 0);  // three readers cannot hold 32 spares
}
