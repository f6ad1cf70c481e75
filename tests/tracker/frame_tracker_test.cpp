#include "stream_infer/tracker/frame_tracker.hpp"

#include "support/catch.hpp"
#include "support/count_allocations.hpp"
#include "support/fault_row.hpp"
#include "support/numbered_frames.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace si = stream_infer;
using namespace std::chrono_literals;
using si::test::is_numbered;
using si::test::numbered_frame;

static_assert(std::is_same_v<decltype(si::FrameTracker{}), si::FrameTracker<120>>);
static_assert(std::is_same_v<decltype(si::FrameTracker{150}), si::FrameTracker<si::dynamic_capacity>>);
static_assert(si::FrameTracker<64>::static_capacity == 64);
static_assert(si::FrameTracker<si::dynamic_capacity>::static_capacity == si::dynamic_capacity);

namespace {

/// Adds frames up to number `end - 1`.
template <class Tracker>
void add_until(Tracker& tracker, si::FramePool<>& pool, std::uint64_t end) {
  while (tracker.end() < end) REQUIRE(tracker.add_frame(numbered_frame(pool, tracker.end())));
}

void let_them_fall_asleep() {
  std::this_thread::sleep_for(20ms);  // long enough in practice; if not, the test still holds, but shows less
}

}  // namespace

TEST_CASE("The capacity is given by the type or at run time", "[frame_tracker]") {
  CHECK(si::FrameTracker{}.capacity() == 120);
  CHECK(si::FrameTracker<64>{}.capacity() == 64);
  CHECK(si::FrameTracker{150}.capacity() == 150);
  CHECK(si::FrameTracker{std::size_t{1}}.capacity() == 1);
}

TEST_CASE("A capacity that makes no sense is refused", "[frame_tracker]") {
  for (const std::size_t capacity : {std::size_t{0}, std::size_t{1'000'001}, static_cast<std::size_t>(-1)}) {
    try {
      const si::FrameTracker tracker{capacity};
      FAIL("accepted " << capacity);
    } catch (const si::Error& error) {
      CHECK(error.code() == si::Errc::invalid_argument);
      CHECK(error.reason() == "its capacity must be from 1 to 1000000 frames");
    }
  }
}

TEST_CASE("An empty tracker has no frames", "[frame_tracker]") {
  const si::FrameTracker<4> tracker;
  CHECK(tracker.size() == 0);
  CHECK(tracker.begin() == 0);
  CHECK(tracker.end() == 0);
  CHECK_FALSE(tracker.latest());
  CHECK_FALSE(tracker.frame(0));
  std::array<si::Frame, 1> window;
  CHECK_FALSE(tracker.window(0, 1, window));
}

TEST_CASE("A tracker holds the last frames, each under its index", "[frame_tracker]") {
  si::FramePool<> pool;
  si::FrameTracker<4> tracker;
  for (std::uint64_t n = 0; n < 10; ++n) {
    add_until(tracker, pool, n + 1);
    REQUIRE(tracker.end() == n + 1);
    REQUIRE(tracker.begin() == (n < 4 ? 0 : n - 3));
    REQUIRE(tracker.size() == std::min<std::uint64_t>(n + 1, 4));
    REQUIRE(is_numbered(tracker.latest(), n));
    for (std::uint64_t index = 0; index < n + 3; ++index) {
      const si::Frame frame = tracker.frame(index);
      REQUIRE(static_cast<bool>(frame) == (index >= tracker.begin() && index <= n));
      if (frame) REQUIRE(is_numbered(frame, index));
    }
  }
}

TEST_CASE("Readers share a frame, they do not copy it", "[frame_tracker]") {
  si::FramePool<> pool;
  si::FrameTracker<4> tracker;
  const si::Frame added = numbered_frame(pool, 0);
  tracker.add_frame(added);
  CHECK(tracker.frame(0) == added);
  CHECK(tracker.latest().image().data == added.image().data);
}

TEST_CASE("A window is its frames, oldest first, a step apart", "[frame_tracker]") {
  si::FramePool<> pool;
  si::FrameTracker<32> tracker;
  add_until(tracker, pool, 50);  // holds 18 … 49
  const std::size_t step = GENERATE(1U, 2U, 6U, 7U);
  for (std::uint64_t last = 0; last < 55; ++last) {
    std::array<si::Frame, 5> window;
    for (si::Frame& frame : window) frame = tracker.latest();
    const bool held = last <= 49 && last >= 18 + 4 * step;
    REQUIRE(tracker.window(last, step, window) == held);
    for (std::size_t i = 0; i < window.size(); ++i) {
      if (held)
        REQUIRE(is_numbered(window[i], last - step * (4 - i)));
      else
        REQUIRE_FALSE(window[i]);  // a window that is not whole is empty
    }
  }
}

TEST_CASE("A window may be as long as the tracker, and no longer", "[frame_tracker]") {
  si::FramePool<> pool;
  si::FrameTracker<5> tracker;
  add_until(tracker, pool, 9);
  std::array<si::Frame, 5> all;
  CHECK(tracker.window(8, 1, all));
  CHECK(is_numbered(all.front(), 4));
  std::array<si::Frame, 6> more;
  CHECK_FALSE(tracker.window(8, 1, more));
  CHECK(tracker.window(8, 1, {}));  // of no frames: whole
}

TEST_CASE("A window before frame 0 is not held", "[frame_tracker]") {
  si::FramePool<> pool;
  si::FrameTracker<8> tracker;
  add_until(tracker, pool, 4);
  std::array<si::Frame, 3> window;
  CHECK(tracker.window(2, 1, window));
  CHECK_FALSE(tracker.window(1, 1, window));
  CHECK_FALSE(tracker.window(3, 2, window));
}

TEST_CASE("A new play starts at frame 0, without the frames of before", "[frame_tracker]") {
  si::FramePool<> pool;
  si::FrameTracker<4> tracker;
  add_until(tracker, pool, 6);
  const std::uint64_t play = tracker.play();
  const std::uint64_t interrupts = tracker.interrupts();
  tracker.begin_play();
  CHECK(tracker.play() == play + 1);
  CHECK(tracker.interrupts() == interrupts + 1);
  CHECK(tracker.end() == 0);
  CHECK(tracker.size() == 0);
  CHECK_FALSE(tracker.latest());
  for (std::uint64_t index = 0; index < 8; ++index) CHECK_FALSE(tracker.frame(index));
  add_until(tracker, pool, 1);
  CHECK(is_numbered(tracker.latest(), 0));
}

TEST_CASE("Who waits for a frame is woken by it", "[frame_tracker]") {
  si::FramePool<> pool;
  si::FrameTracker<4> tracker;
  std::atomic<std::uint64_t> seen{0};
  std::jthread waiter{[&] {
    tracker.wait_for_frame(0, tracker.interrupts());
    seen = tracker.end();
  }};
  let_them_fall_asleep();
  CHECK(seen == 0);
  tracker.add_frame(numbered_frame(pool, 0));
  tracker.notify();
  waiter.join();
  CHECK(seen == 1);
}

TEST_CASE("Who waits for a frame that is there does not wait", "[frame_tracker]") {
  si::FramePool<> pool;
  si::FrameTracker<4> tracker;
  add_until(tracker, pool, 3);
  const auto start = std::chrono::steady_clock::now();
  tracker.wait_for_frame(2, tracker.interrupts());
  tracker.wait_for_frame(2, tracker.interrupts(), 10s);
  CHECK(std::chrono::steady_clock::now() - start < 5s);
}

TEST_CASE("Waiting for a frame ends with its time-out", "[frame_tracker]") {
  si::FramePool<> pool;
  si::FrameTracker<4> tracker;
  add_until(tracker, pool, 3);
  const auto start = std::chrono::steady_clock::now();
  tracker.wait_for_frame(3, tracker.interrupts(), 30ms);
  CHECK(std::chrono::steady_clock::now() - start >= 30ms);
}

TEST_CASE("An interrupt wakes everybody who waits, also who begins to wait after it", "[frame_tracker]") {
  si::FrameTracker<4> tracker;
  const std::uint64_t before = tracker.interrupts();
  std::vector<std::jthread> waiters;
  for (int i = 0; i < 3; ++i) waiters.emplace_back([&] { tracker.wait_for_frame(0, before); });
  let_them_fall_asleep();
  SECTION("by hand") { tracker.interrupt(); }
  SECTION("by a new play") { tracker.begin_play(); }
  waiters.clear();  // joins: hangs if one was not woken
  tracker.wait_for_frame(0, before);
  CHECK(tracker.interrupts() == before + 1);
}

TEST_CASE("Frames outlive tracker and pool", "[frame_tracker]") {
  std::vector<si::Frame> kept;
  {
    std::optional<si::FramePool<>> pool{std::in_place};
    si::FrameTracker<4> tracker;
    add_until(tracker, *pool, 10);
    for (std::uint64_t index = tracker.begin(); index < tracker.end(); ++index) kept.push_back(tracker.frame(index));
    pool.reset();
    CHECK(is_numbered(tracker.latest(), 9));
  }
  REQUIRE(kept.size() == 4);
  for (std::uint64_t i = 0; i < 4; ++i) CHECK(is_numbered(kept[i], 6 + i));
}

TEST_CASE("A reader that never lets go costs the frames that it holds, and nothing else", "[frame_tracker]") {
  si::test::FaultRow row_45{45, "a reader that keeps frames for ever", "bounded memory, counted"};
  si::FramePool<> pool;
  si::FrameTracker<8> tracker;
  std::vector<si::Frame> held;
  for (std::uint64_t n = 0; n < 20; ++n) {
    add_until(tracker, pool, n + 1);
    held.push_back(tracker.latest());
  }
  add_until(tracker, pool, 100);
  const std::uint64_t before = si::test::allocations();
  add_until(tracker, pool, 10'000);  // none is refused, and nothing is added to the 20 + 8 frames there are
  CHECK(si::test::allocations() == before);
  for (std::uint64_t n = 0; n < 20; ++n) CHECK(is_numbered(held[n], n));
  for (std::uint64_t index = tracker.begin(); index < tracker.end(); ++index)
    CHECK(is_numbered(tracker.frame(index), index));
  row_45.happened("so");
}

TEST_CASE("Adding frames and taking windows allocates nothing once the pool is warm", "[frame_tracker]") {
  si::FramePool<> pool;
  si::FrameTracker<30> tracker;
  std::array<si::Frame, 5> window;
  const auto play_until = [&](std::uint64_t end) {
    while (tracker.end() < end) {
      add_until(tracker, pool, tracker.end() + 1);
      tracker.notify();
      if (tracker.end() > 24) REQUIRE(tracker.window(tracker.end() - 1, 6, window));
    }
  };
  play_until(200);
  const std::uint64_t before = si::test::allocations();
  play_until(2000);
  CHECK(si::test::allocations() == before);
}

TEST_CASE("Stress: eight readers take windows while frames are added", "[frame_tracker][stress]") {
  si::test::FaultRow row_43{43, "eight readers, slower than the writer", "writer never waits, drops counted"};
  si::test::FaultRow row_44{44, "the same: every frame is checked", "never torn"};
  const std::uint64_t live_before = si::test::live_allocations();
  {
    const auto counters = std::make_shared<si::SourceCounters>();
    std::optional<si::FramePool<>> pool{std::in_place, counters};
    std::optional<si::FrameTracker<32>> tracker{std::in_place};
    std::atomic<bool> done{false};
    std::atomic<std::uint64_t> wrong{0}, windows{0}, missed{0};
    std::vector<std::vector<si::Frame>> kept(8);
    std::uint64_t added = 0;
    std::uint64_t refused = 0;
    {
      std::vector<std::jthread> readers;
      for (std::size_t reader = 0; reader < kept.size(); ++reader) {
        kept[reader].reserve(20);
        readers.emplace_back([&, reader] {
          const std::size_t step = 1 + reader % 7;  // 5 frames 7 apart reach over 29
          std::array<si::Frame, 5> window;
          std::uint64_t last_seen = 0;
          while (!done.load(std::memory_order_relaxed)) {
            const std::uint64_t interrupts = tracker->interrupts();
            const std::uint64_t end = tracker->end();
            if (end <= 4 * step || end == last_seen) {
              tracker->wait_for_frame(end, interrupts, 1ms);
              continue;
            }
            last_seen = end;
            if (!tracker->window(end - 1, step, window)) {
              missed.fetch_add(1, std::memory_order_relaxed);
              continue;
            }
            windows.fetch_add(1, std::memory_order_relaxed);
            for (std::size_t i = 0; i < window.size(); ++i)
              if (!is_numbered(window[i], end - 1 - step * (4 - i))) wrong.fetch_add(1, std::memory_order_relaxed);
            if (const si::Frame newest = tracker->latest();
                !is_numbered(newest, newest.index()) || newest.index() + 1 < end)
              wrong.fetch_add(1, std::memory_order_relaxed);
            if (end % 64 == reader && kept[reader].size() < kept[reader].capacity()) kept[reader].push_back(window[0]);
          }
        });
      }
      const auto until = std::chrono::steady_clock::now() + 1500ms;
      while (std::chrono::steady_clock::now() < until) {
        if (tracker->add_frame(numbered_frame(*pool, added)))
          ++added;
        else
          ++refused;
        tracker->notify();
        if (added % 16 == 0) std::this_thread::yield();  // where there are fewer processors than threads
      }
      done = true;
    }
    CHECK(wrong == 0);
    CHECK(windows > 100);
    CHECK(added == tracker->end());
    CHECK(refused == 0);                     // eight readers cannot hold 32 spares
    CHECK(counters->frames_converted == 0);  // written when made, not when looked at
    INFO(added << " frames, " << windows << " windows, " << missed << " overwritten meanwhile");

    pool.reset();
    tracker.reset();
    for (const std::vector<si::Frame>& frames : kept)
      for (const si::Frame& frame : frames) CHECK(is_numbered(frame, frame.index()));
  }
  // Threads may cost the C library some that it keeps. A leak would be hundreds.
  CHECK(si::test::live_allocations() < live_before + 20);
  row_43.happened("so");
  row_44.happened("none torn");
}
