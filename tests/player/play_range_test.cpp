#include "stream_infer/player/play_range.hpp"

#include "stream_infer/core/clock.hpp"
#include "stream_infer/player/player.hpp"
#include "stream_infer/tracker/frame_tracker.hpp"
#include "support/catch.hpp"
#include "support/scripted_producer.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <ranges>
#include <type_traits>
#include <utility>
#include <vector>

namespace si = stream_infer;
using namespace std::chrono_literals;
using stream_infer::test::ScriptedProducer;
using stream_infer::test::source_index;
using stream_infer::test::steady_script;

using Player = si::Player<ScriptedProducer, si::FrameTracker<>, si::SteadyClock>;
using Range = Player::Range;

static_assert(std::ranges::input_range<Range> && !std::ranges::forward_range<Range>);
static_assert(std::ranges::viewable_range<Range>);      // play() | std::views::take(3)
static_assert(!std::ranges::input_range<const Range>);  // looking at it reads frames
static_assert(std::movable<Range> && !std::copyable<Range>);
static_assert(std::input_iterator<std::ranges::iterator_t<Range>>);
static_assert(std::same_as<std::ranges::sentinel_t<Range>, std::default_sentinel_t>);
static_assert(std::same_as<std::ranges::range_value_t<Range>, si::PlayedFrame>);

namespace {

using Numbers = std::vector<std::uint64_t>;

struct Fixture {
  explicit Fixture(std::size_t frames = 10) : producer{steady_script(frames, 25)} {}
  ScriptedProducer producer;
  si::FrameTracker<> tracker;
  Player player{producer, tracker};
};

}  // namespace

TEST_CASE("The loop gives every frame with its number, which counts from 1", "[play_range]") {
  Fixture f;
  std::uint64_t count = 0;
  for (auto [frame, number] : f.player.play()) {
    CHECK(number == ++count);
    CHECK(frame.index() + 1 == number);
    CHECK(source_index(frame) == frame.index());
    CHECK(frame.time() == frame.index() * 40ms);
    CHECK(f.tracker.end() == number);  // it is in the tracker already
    CHECK(f.tracker.latest() == frame);
    CHECK(f.player.current_time() == frame.time());
    CHECK(f.player.stats().frames_played == number);
    CHECK(f.player.status().state == si::PlayState::playing);
  }
  CHECK(count == 10);
  CHECK(f.player.status().state == si::PlayState::ended);
}

#if !defined(__clang__) || __clang_major__ >= 16  // earlier ones cannot compile libstdc++'s views, of whatever range
TEST_CASE("The loop works with the standard's views and algorithms", "[play_range]") {
  Fixture f;
  Numbers numbers;
  for (const auto& [frame, number] : f.player.play() | std::views::take(3)) numbers.push_back(number);
  CHECK(numbers == Numbers{1, 2, 3});
  CHECK(f.player.status().state == si::PlayState::stopped);

  numbers.clear();
  for (const std::uint64_t number : f.player.play() | std::views::transform(&si::PlayedFrame::number) |
                                        std::views::filter([](std::uint64_t n) { return n % 4 == 0; }))
    numbers.push_back(number);
  CHECK(numbers == Numbers{4, 8});
  CHECK(f.player.status().state == si::PlayState::ended);

  CHECK(std::ranges::count_if(f.player.play(), [](const si::PlayedFrame& played) { return played.number > 2; }) == 8);
}
#endif

TEST_CASE("Leaving the loop early ends the play", "[play_range]") {
  Fixture f;
  for (const auto& [frame, number] : f.player.play())
    if (number == 3) break;
  CHECK_FALSE(f.player.is_active());
  CHECK(f.player.status().state == si::PlayState::stopped);
  CHECK(f.player.stats().frames_played == 3);
  CHECK(f.player.stats().adds_up());

  CHECK_THROWS_AS(
      [&] {
        for (const auto& played : f.player.play())
          if (played.number == 2) throw 42;
      }(),
      int);
  CHECK(f.player.status().state == si::PlayState::stopped);
  CHECK_FALSE(f.player.status().error.has_value());
}

TEST_CASE("A loop that is never begun reads nothing, and its end is a stop", "[play_range]") {
  Fixture f;
  {
    const auto range = f.player.play();
    CHECK(f.player.is_active());
  }
  CHECK(f.player.status().state == si::PlayState::stopped);
  CHECK(f.player.stats().frames_seen == 0);
}

TEST_CASE("A source without frames is an empty loop", "[play_range]") {
  Fixture f{0};
  for ([[maybe_unused]] const auto& played : f.player.play()) FAIL("there is no frame");
  CHECK(f.player.status().state == si::PlayState::ended);
}

TEST_CASE("A range can be moved before and in the middle of its loop", "[play_range]") {
  Fixture f;
  Range first = f.player.play();
  Range range = std::move(first);
  auto it = range.begin();
  CHECK((*it).number == 1);
  ++it;
  Range moved = std::move(range);
  CHECK(f.player.is_active());
  auto there = moved.begin();  // where it was
  CHECK((*there).number == 2);
  ++there;
  CHECK((*there).number == 3);
}

TEST_CASE("A range can be assigned", "[play_range]") {
  Fixture a, b;
  Range range = a.player.play();
  for ([[maybe_unused]] const auto& played : range) {}
  range = b.player.play();  // the new one has not begun
  Numbers numbers;
  for (const auto& played : range) numbers.push_back(played.number);
  CHECK(numbers.size() == 10);
  CHECK(numbers.front() == 1);
  CHECK(b.player.status().state == si::PlayState::ended);

  range = a.player.play();
  auto it = range.begin();
  ++it;
  range = b.player.play();  // ends the one of before
  CHECK(a.player.status().state == si::PlayState::stopped);
  CHECK(b.player.is_active());
}

TEST_CASE("The loop lets go of a frame when it takes the next", "[play_range]") {
  Fixture f;
  auto range = f.player.play();
  auto it = range.begin();
  const si::Frame first = (*it).frame;
  ++it;
  CHECK((*it).frame != first);
  CHECK(source_index(first) == 0);  // who wants it keeps it
}
