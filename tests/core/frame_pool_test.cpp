#include "stream_infer/core/frame_pool.hpp"

#include "support/catch.hpp"
#include "support/count_allocations.hpp"
#include "support/numbered_frames.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace si = stream_infer;
using namespace std::chrono_literals;
using si::test::is_numbered;
using si::test::numbered_frame;

namespace {

struct Text {
  std::string text;
  void convert(si::ImageSpan out) { out.row(0)[0] = static_cast<std::uint8_t>(text.size()); }
  void drop() noexcept { text.clear(); }
};
struct NoDrop {
  void convert(si::ImageSpan) {}
};
struct NoConvert {
  void drop() noexcept {}
};
struct DropMayThrow {
  void convert(si::ImageSpan) {}
  void drop() {}
};
struct NotMovable {
  NotMovable(NotMovable&&) = delete;
  void convert(si::ImageSpan) {}
  void drop() noexcept {}
};

constexpr si::ImageSpec spec{.width = 8, .height = 2, .format = si::PixelFormat::gray8};
const auto write_nothing = [](si::ImageSpan) {};

}  // namespace

static_assert(si::Picture<si::NoPicture> && si::Picture<Text>);
static_assert(!si::Picture<NoDrop> && !si::Picture<NoConvert> && !si::Picture<DropMayThrow> &&
              !si::Picture<NotMovable>);

TEST_CASE("A frame is made with its pixels", "[frame_pool]") {
  si::FramePool<> pool;
  const si::Frame frame = pool.make(spec, 80ms, [](si::ImageSpan out) {
    CHECK(out.spec() == spec);
    out.row(1)[7] = 42;
  });
  CHECK(frame.time() == 80ms);
  CHECK(frame.index() == 0);
  CHECK(frame.image().row(1)[7] == 42);
  CHECK(pool.counters()->frames_converted == 0);  // it was written, not converted
}

TEST_CASE("That a frame was left out is forgotten when it is used for another", "[frame_pool]") {
  si::FramePool<> pool;
  CHECK_FALSE(si::Frame{}.left_out());
  for (int i = 0; i < 3; ++i) {
    si::Frame frame = pool.make(spec, 80ms, write_nothing);
    CHECK_FALSE(frame.left_out());
    si::detail::FrameAccess::leave_out(frame);
    const si::Frame copy = frame;
    CHECK(copy.left_out());
  }
}

TEST_CASE("A frame is made from a picture that is converted when somebody looks", "[frame_pool]") {
  si::FramePool<Text> pool;
  const si::Frame frame = pool.make_lazy(spec, 0ms, [](Text& picture) { picture.text = "four"; });
  CHECK(frame.image().row(0)[0] == 4);
}

TEST_CASE("The pool reuses its pictures", "[frame_pool]") {
  si::FramePool<Text> pool;
  const Text* first = nullptr;
  static_cast<void>(pool.make_lazy(spec, 0ms, [&](Text& picture) {
    picture.text = "used";
    first = &picture;
  }));
  static_cast<void>(pool.make_lazy(spec, 0ms, [&](Text& picture) {
    CHECK(&picture == first);
    CHECK(picture.text.empty());  // after its drop()
  }));
}

TEST_CASE("Frames share the counters that the pool was given", "[frame_pool]") {
  const auto counters = std::make_shared<si::SourceCounters>();
  si::FramePool<Text> first{counters};
  si::FramePool<Text> second{counters};
  CHECK(first.counters() == counters);
  static_cast<void>(first.make_lazy(spec, 0ms, [](Text&) {}).image());
  static_cast<void>(second.make_lazy(spec, 0ms, [](Text&) {}).image());
  CHECK(counters->frames_converted == 2);
  CHECK(si::FramePool<>{}.counters() != nullptr);
}

TEST_CASE("A frame's memory is reused when the last handle is gone", "[frame_pool]") {
  si::FramePool<> pool;
  const std::uint8_t* const memory = numbered_frame(pool, 1).image().data;
  const si::Frame second = numbered_frame(pool, 2);
  CHECK(second.image().data == memory);
  const si::Frame third = numbered_frame(pool, 3);
  CHECK(third.image().data != memory);
  CHECK(is_numbered(second, 2));
}

TEST_CASE("A reused frame has its own size, format, index and time", "[frame_pool]") {
  si::FramePool<> pool;
  const std::array<si::ImageSpec, 4> specs{{{64, 48, si::PixelFormat::bgra32},
                                            {3, 200, si::PixelFormat::gray8},
                                            {1, 1, si::PixelFormat::rgb24},
                                            {640, 360, si::PixelFormat::bgr24}}};
  for (int round = 0; round < 8; ++round) {
    const si::ImageSpec& wanted = specs[static_cast<std::size_t>(round) % specs.size()];
    si::Frame frame = pool.make(wanted, round * 1ms, [&](si::ImageSpan out) {
      for (int y = 0; y < out.height; ++y)
        for (std::uint8_t& byte : out.row(y)) byte = static_cast<std::uint8_t>(round);  // all of it is ours to write
    });
    CHECK(frame.spec() == wanted);
    CHECK(frame.image().spec() == wanted);
    CHECK(frame.time() == round * 1ms);
    CHECK(frame.index() == 0);  // not the one that it had before
    si::detail::FrameAccess::number(frame, 77, {.time = 1s});
  }
}

TEST_CASE("A steady play allocates nothing", "[frame_pool]") {
  si::FramePool<Text> pool;
  std::deque<si::Frame> playing;
  const auto play = [&](int frames) {
    for (int n = 0; n < frames; ++n) {
      playing.push_back(pool.make_lazy(spec, n * 1ms, [](Text&) {}));
      if (n % 3 == 0) static_cast<void>(playing.back().image());
      if (playing.size() > 40) playing.pop_front();
    }
  };
  play(200);
  const std::uint64_t before = si::test::allocations();
  const std::size_t blocks = 1000 * sizeof(si::Frame) / 512 + 1;  // the deque's own
  play(1000);
  CHECK(si::test::allocations() - before <= blocks);
}

TEST_CASE("What fails while a frame is made leaves nothing behind", "[frame_pool]") {
  si::FramePool<> pool;
  static_cast<void>(pool.make(spec, 0ms, write_nothing));
  const std::uint64_t live = si::test::live_allocations();
  const auto fail = [](auto&&) { throw std::runtime_error{"no"}; };
  for (int i = 0; i < 10; ++i) {
    try {
      static_cast<void>(pool.make(spec, 0ms, fail));
      FAIL("made");
    } catch (const std::runtime_error&) {}
    try {
      static_cast<void>(pool.make_lazy(spec, 0ms, fail));
      FAIL("made");
    } catch (const std::runtime_error&) {}
    try {
      static_cast<void>(pool.make({.width = 0, .height = 5}, 0ms, write_nothing));
      FAIL("made");
    } catch (const si::Error&) {}
  }
  CHECK(si::test::live_allocations() <= live);  // less: an image that could not be made was given back
  CHECK(is_numbered(numbered_frame(pool, 5), 5));
}

TEST_CASE("More frames at once than a pool keeps are all there, and freed in the end", "[frame_pool]") {
  const std::uint64_t before = si::test::live_allocations();
  {
    si::FramePool<> pool;
    std::vector<si::Frame> frames;
    for (std::uint64_t n = 0; n < 500; ++n) frames.push_back(numbered_frame(pool, n));
    for (std::uint64_t n = 0; n < 500; ++n) REQUIRE(is_numbered(frames[n], n));
  }
  CHECK(si::test::live_allocations() == before);
}

TEST_CASE("Stress: one thread makes frames, others let them go", "[frame_pool][stress]") {
  const std::uint64_t before = si::test::live_allocations();
  {
    si::FramePool<> pool;
    std::uint64_t made = 0;
    std::uint64_t wrong = 0;
    const auto until = std::chrono::steady_clock::now() + 1s;
    while (std::chrono::steady_clock::now() < until) {
      std::vector<si::Frame> frames;
      for (int i = 0; i < 150; ++i) {
        frames.push_back(numbered_frame(pool, made));
        if (!is_numbered(frames.back(), made++)) ++wrong;
      }
      std::array<std::jthread, 2> threads;
      for (std::jthread& thread : threads) thread = std::jthread{[mine = frames]() mutable { mine.clear(); }};
      frames.clear();
      for (int i = 0; i < 50; ++i)  // meanwhile
        if (!is_numbered(numbered_frame(pool, made), made)) ++wrong;
    }
    CHECK(wrong == 0);
    CHECK(made > 0);
  }
  // Threads may cost the C library some that it keeps. A leak would be thousands.
  CHECK(si::test::live_allocations() < before + 10);
}
