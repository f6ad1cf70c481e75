#include "stream_infer/core/frame.hpp"

#include "stream_infer/core/frame_pool.hpp"

#include "support/catch.hpp"
#include "support/numbered_frames.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <latch>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace si = stream_infer;
using namespace std::chrono_literals;

static_assert(std::is_nothrow_copy_constructible_v<si::Frame> && std::is_nothrow_move_constructible_v<si::Frame>);
static_assert(std::is_nothrow_copy_assignable_v<si::Frame> && std::is_nothrow_move_assignable_v<si::Frame>);

namespace {

/// What became of the pictures of a test.
struct Pictures {
  std::atomic<int> conversions{0};
  std::atomic<int> drops{0};          // of those that held something
  std::atomic<int> failures_left{0};  // that many conversions throw
  std::chrono::milliseconds takes{0};
};

/// A decoded picture whose pixels are all `shade`.
struct Shade {
  Pictures* seen = nullptr;
  int shade = -1;

  void convert(si::ImageSpan out) {
    if (seen->takes > 0ms) std::this_thread::sleep_for(seen->takes);
    ++seen->conversions;
    for (int y = 0; y < out.height; ++y) std::ranges::fill(out.row(y), static_cast<std::uint8_t>(shade));
    if (seen->failures_left.fetch_sub(1) > 0) throw std::runtime_error{"cannot convert"};
  }
  void drop() noexcept {
    if (std::exchange(shade, -1) != -1) ++seen->drops;
  }
};

constexpr si::ImageSpec spec{.width = 5, .height = 3, .format = si::PixelFormat::bgr24};

si::Frame lazy(si::FramePool<Shade>& pool, Pictures& seen, int shade) {
  return pool.make_lazy(spec, 40ms, [&](Shade& picture) { picture = {&seen, shade}; });
}

bool all_are(si::ImageView image, int shade) {
  if (image.empty()) return false;
  for (int y = 0; y < image.height; ++y)
    for (const std::uint8_t byte : image.row(y))
      if (byte != shade) return false;
  return true;
}

}  // namespace

TEST_CASE("An empty frame has no picture", "[frame]") {
  const si::Frame frame;
  CHECK_FALSE(frame);
  CHECK(frame.index() == 0);
  CHECK(frame.time() == 0ns);
  CHECK(frame.timing().period == 0ns);
  CHECK(frame.spec() == si::ImageSpec{});
  CHECK(frame.width() == 0);
  CHECK(frame.height() == 0);
  CHECK(frame.image().empty());
  CHECK(frame == si::Frame{});
}

TEST_CASE("A frame tells its size and format without converting, and its pixels after", "[frame]") {
  Pictures seen;
  si::FramePool<Shade> pool;
  const si::Frame frame = lazy(pool, seen, 7);
  CHECK(frame);
  CHECK(frame.time() == 40ms);
  CHECK(frame.spec() == spec);
  CHECK(frame.width() == 5);
  CHECK(frame.height() == 3);
  CHECK(frame.format() == si::PixelFormat::bgr24);
  CHECK(seen.conversions == 0);
  CHECK(frame.image().spec() == spec);
  CHECK(all_are(frame.image(), 7));
  CHECK(seen.conversions == 1);
  CHECK(pool.counters()->frames_converted == 1);
}

TEST_CASE("Copies of a frame share one picture", "[frame]") {
  Pictures seen;
  si::FramePool<Shade> pool;
  const si::Frame frame = lazy(pool, seen, 7);
  si::Frame copy = frame;
  CHECK(copy == frame);
  CHECK(copy.image().data == frame.image().data);
  CHECK(seen.conversions == 1);

  const si::Frame other = lazy(pool, seen, 7);
  CHECK(other != frame);  // as good, but not the same
  copy = other;
  CHECK(copy == other);
  copy = std::move(copy);
  CHECK(copy == other);
  const si::Frame moved = std::move(copy);
  CHECK(moved == other);
  CHECK_FALSE(copy);  // NOLINT(bugprone-use-after-move): that is the promise
}

TEST_CASE("The decoded picture is dropped when it has been converted, or with the last handle", "[frame]") {
  Pictures seen;
  si::FramePool<Shade> pool;
  si::Frame frame = lazy(pool, seen, 7);
  si::Frame copy = frame;
  SECTION("converted") {
    CHECK(all_are(frame.image(), 7));
    CHECK(seen.drops == 1);
    frame = si::Frame{};
    copy = si::Frame{};
    CHECK(seen.drops == 1);
  }
  SECTION("never looked at") {
    frame = si::Frame{};
    CHECK(seen.drops == 0);
    copy = si::Frame{};
    CHECK(seen.drops == 1);
    CHECK(seen.conversions == 0);
  }
}

TEST_CASE("A frame's pixels stay while any copy lives, whatever else is made", "[frame]") {
  Pictures seen;
  si::FramePool<Shade> pool;
  si::Frame first = lazy(pool, seen, 1);
  const si::ImageView image = first.image();
  const si::Frame copy = first;
  first = si::Frame{};
  for (int shade = 2; shade < 50; ++shade) CHECK(all_are(lazy(pool, seen, shade).image(), shade));
  CHECK(all_are(image, 1));
  CHECK(copy.image().data == image.data);
}

TEST_CASE("A frame outlives its pool, converted or not", "[frame]") {
  Pictures seen;
  std::optional<si::FramePool<Shade>> pool{std::in_place};
  const si::Frame converted = lazy(*pool, seen, 1);
  const si::Frame raw = lazy(*pool, seen, 2);
  const auto counters = pool->counters();
  CHECK(all_are(converted.image(), 1));
  pool.reset();
  CHECK(all_are(converted.image(), 1));
  CHECK(all_are(raw.image(), 2));
  CHECK(counters->frames_converted == 2);
}

TEST_CASE("A conversion that throws is tried again by the next who looks", "[frame]") {
  Pictures seen;
  seen.failures_left = 1;
  si::FramePool<Shade> pool;
  const si::Frame frame = lazy(pool, seen, 7);
  CHECK_THROWS_WITH(frame.image(), "cannot convert");
  CHECK(pool.counters()->frames_converted == 0);
  CHECK(seen.drops == 0);  // still needed
  CHECK(all_are(frame.image(), 7));
  CHECK(seen.conversions == 2);
  CHECK(pool.counters()->frames_converted == 1);
}

TEST_CASE("Many who look at once share one conversion", "[frame]") {
  Pictures seen;
  seen.takes = 20ms;
  si::FramePool<Shade> pool;
  const si::Frame frame = lazy(pool, seen, 7);
  std::atomic<int> wrong{0};
  {
    std::latch start{8};
    std::vector<std::jthread> threads;
    for (int t = 0; t < 8; ++t)
      threads.emplace_back([&, frame] {
        start.arrive_and_wait();
        if (!all_are(frame.image(), 7)) ++wrong;
      });
  }
  CHECK(wrong == 0);
  CHECK(seen.conversions == 1);
  CHECK(seen.drops == 1);
  CHECK(pool.counters()->frames_converted == 1);
}

TEST_CASE("When the first conversion throws, one who waited makes the second, and all others get it", "[frame]") {
  Pictures seen;
  seen.takes = 20ms;
  seen.failures_left = 1;
  si::FramePool<Shade> pool;
  const si::Frame frame = lazy(pool, seen, 7);
  std::atomic<int> thrown{0}, wrong{0};
  {
    std::latch start{8};
    std::vector<std::jthread> threads;
    for (int t = 0; t < 8; ++t)
      threads.emplace_back([&, frame] {
        start.arrive_and_wait();
        try {
          if (!all_are(frame.image(), 7)) ++wrong;
        } catch (const std::runtime_error&) {
          ++thrown;
        }
      });
  }
  CHECK(thrown == 1);
  CHECK(wrong == 0);
  CHECK(seen.conversions == 2);
}

TEST_CASE("Stress: handles are copied and let go on many threads", "[frame][stress]") {
  Pictures seen;
  std::atomic<int> wrong{0};
  long rounds = 0;
  {
    si::FramePool<Shade> pool;
    const auto until = std::chrono::steady_clock::now() + 1s;
    while (std::chrono::steady_clock::now() < until) {
      const int shade = static_cast<int>(rounds % 200);
      si::Frame frame = lazy(pool, seen, shade);
      std::vector<std::jthread> threads;
      for (int t = 0; t < 3; ++t)
        threads.emplace_back([&wrong, shade, mine = frame]() mutable {
          for (int i = 0; i < 20; ++i) {
            const si::Frame copy = mine;
            if (!all_are(copy.image(), shade)) ++wrong;
          }
          mine = si::Frame{};
        });
      frame = si::Frame{};  // the threads hold the last handles
      ++rounds;
    }
    CHECK(pool.counters()->frames_converted == static_cast<std::uint64_t>(rounds));
  }
  CHECK(wrong == 0);
  CHECK(seen.conversions == rounds);
  CHECK(seen.drops == rounds);
}
