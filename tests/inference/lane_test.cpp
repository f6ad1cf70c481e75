#include "stream_infer/inference/lane.hpp"

#include "stream_infer/core/frame_pool.hpp"
#include "stream_infer/inference/outlet.hpp"
#include "stream_infer/player/player.hpp"
#include "stream_infer/tracker/frame_tracker.hpp"
#include "support/catch.hpp"
#include "support/model.hpp"
#include "support/runs.hpp"
#include "support/scripted_producer.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace si = stream_infer;
namespace model = stream_infer::test::model;
using namespace std::chrono_literals;
using stream_infer::test::check_adds_up;
using stream_infer::test::Frames;
using stream_infer::test::Look;
using stream_infer::test::Looks;
using stream_infer::test::runs_of;
using stream_infer::test::Script;
using stream_infer::test::ScriptedProducer;
using stream_infer::test::steady_script;

namespace {

using Loaded = decltype(si::load_algo("a", Look{}, si::Schedule{}));

/// One lane, and a play whose frames come when the test says so.
struct Fixture {
  explicit Fixture(const si::Schedule& schedule, std::size_t capacity = 16, Script script = steady_script(200, 25))
      : producer{std::move(script)}, tracker{capacity}, lane{si::load_algo("a", Look{}, schedule), tracker} {
    begin();
  }

  void begin() {
    it.reset();
    range.reset();
    range.emplace(player.play());
  }

  /// Plays on until frame `index` has been played.
  void play_to(std::uint64_t index) {
    if (!it) it = range->begin();
    while ((**it).frame.index() < index) ++*it;
  }

  /// Shows the lane the frame played last, as offline.
  bool take() {
    const si::Frame frame = tracker.latest();
    return lane.take<0>(frame, frame.timing(), tracker, outlet);
  }
  bool catch_up() { return lane.catch_up<0>(tracker, outlet); }

  [[nodiscard]] std::vector<std::uint64_t> run_indices() const {
    std::vector<std::uint64_t> out;
    for (const model::Run& run : runs_of(exporter, "a")) out.push_back(run.frame_index);
    return out;
  }

  /// Checks the whole account, and that it adds up.
  void check(std::uint64_t dues, std::uint64_t runs, const si::Misses& missed) const {
    const si::AlgoStats stats = lane.stats();
    check_adds_up(stats);
    CHECK(stats.dues == dues);
    CHECK(stats.runs == runs);
    CHECK(stats.missed == missed);
  }

  ScriptedProducer producer;
  si::FrameTracker<si::dynamic_capacity> tracker;
  Looks exporter;
  si::detail::Outlet<Looks, Frames> outlet{exporter};
  si::detail::Lane<Loaded> lane;
  si::Player<ScriptedProducer, si::FrameTracker<si::dynamic_capacity>, si::SteadyClock> player{producer, tracker};
  std::optional<decltype(player)::Range> range;
  std::optional<std::ranges::iterator_t<decltype(player)::Range>> it;
};

using Indices = std::vector<std::uint64_t>;
constexpr si::Schedule every_fifth{.interval = 200ms};  // due at frames 4, 9, 14 …

}  // namespace

TEST_CASE("A lane runs at its dues and at no other frame", "[lane]") {
  Fixture f{every_fifth};
  for (std::uint64_t i = 0; i < 20; ++i) {
    f.play_to(i);
    CHECK(f.lane.due_at(f.tracker.latest()) == (i % 5 == 4));
    CHECK(f.take() == (i % 5 == 4));
  }
  CHECK(f.run_indices() == Indices{4, 9, 14, 19});
  f.check(4, 4, {});
}

TEST_CASE("A lane that was away takes the latest due, and those before it are missed while busy", "[lane]") {
  Fixture f{every_fifth};
  CHECK_FALSE(f.catch_up());  // nothing has been played
  f.play_to(3);
  CHECK_FALSE(f.catch_up());
  f.check(0, 0, {});
  f.play_to(5);
  CHECK(f.catch_up());
  CHECK_FALSE(f.catch_up());  // once
  CHECK(f.run_indices() == Indices{4});
  f.play_to(17);
  CHECK(f.catch_up());
  CHECK(f.run_indices() == Indices{4, 14});
  f.check(3, 2, {.busy = 1});
  f.play_to(30);
  CHECK(f.catch_up());
  CHECK(f.run_indices() == Indices{4, 14, 29});
  f.check(6, 3, {.busy = 3});
}

TEST_CASE("The latest due is looked for behind newer frames, down to the oldest that is held", "[lane]") {
  Fixture f{{.interval = 400ms}, 8};  // due at 9, 19, …
  f.play_to(16);                      // holds 9 … 16
  CHECK(f.catch_up());
  CHECK(f.run_indices() == Indices{9});
  f.check(1, 1, {});
}

TEST_CASE("A due that the tracker holds no more is missed as overwritten, those before it while busy", "[lane]") {
  Fixture f{{.interval = 400ms}, 8};
  f.play_to(17);  // holds 10 … 17
  CHECK_FALSE(f.catch_up());
  f.check(1, 0, {.overwritten = 1});
  CHECK_FALSE(f.catch_up());  // counted once
  f.check(1, 0, {.overwritten = 1});
  f.play_to(18);
  CHECK_FALSE(f.catch_up());
  f.play_to(19);
  CHECK(f.catch_up());
  f.check(2, 1, {.overwritten = 1});

  f.play_to(48);  // 29 and 39 have passed, and are gone: 41 … 48 are held
  CHECK_FALSE(f.catch_up());
  f.check(4, 1, {.busy = 1, .overwritten = 2});
  f.play_to(49);
  CHECK(f.catch_up());
  f.check(5, 2, {.busy = 1, .overwritten = 2});
}

TEST_CASE("A due that is held, with a window that is not, is missed as overwritten", "[lane]") {
  Fixture f{{.frame_count = 2, .frame_step = 6, .interval = 400ms}, 8};
  f.play_to(10);  // holds 3 … 10: frame 9 needs 3
  CHECK(f.catch_up());
  f.play_to(21);  // holds 14 … 21: frame 19 needs 13
  CHECK_FALSE(f.catch_up());
  f.check(2, 1, {.overwritten = 1});
  CHECK(runs_of(f.exporter, "a") == std::vector<model::Run>{{9, 360ms, {3, 9}}});
}

TEST_CASE("Too few frames for the window are a warm-up, however the lane comes to it", "[lane]") {
  Fixture f{{.frame_count = 3, .frame_step = 4, .interval = 200ms}};  // 9 frames
  f.play_to(4);
  const bool offline = GENERATE(false, true);
  CHECK_FALSE((offline ? f.take() : f.catch_up()));
  f.check(1, 0, {.warm_up = 1});
  f.play_to(9);
  CHECK((offline ? f.take() : f.catch_up()));
  f.check(2, 1, {.warm_up = 1});
  CHECK(runs_of(f.exporter, "a") == std::vector<model::Run>{{9, 360ms, {1, 5, 9}}});
}

TEST_CASE("Dues that one frame passes in a gap are missed, but for one", "[lane]") {
  Script script = steady_script(20, 25);
  for (std::size_t i = 10; i < 20; ++i) script.times[i] += 1s;
  SECTION("when the lane is there") {
    Fixture f{every_fifth, 16, script};
    for (std::uint64_t i = 0; i < 20; ++i) {
      f.play_to(i);
      f.take();
    }
    CHECK(f.run_indices() == Indices{4, 9, 10, 14, 19});  // frame 10 passes five
    f.check(9, 5, {.gap = 4});
  }
  SECTION("when it comes later, to that frame") {
    Fixture f{every_fifth, 16, script};
    f.play_to(12);
    CHECK(f.catch_up());
    CHECK(f.run_indices() == Indices{10});
    f.check(7, 1, {.gap = 4, .busy = 2});
  }
  SECTION("when it comes later still, they are passed over like all others") {
    Fixture f{every_fifth, 16, script};
    f.play_to(15);
    CHECK(f.catch_up());
    CHECK(f.run_indices() == Indices{14});
    f.check(8, 1, {.busy = 7});
  }
}

TEST_CASE("Every frame is a due where the interval is shorter than a frame", "[lane]") {
  Fixture f{{.interval = 10ms}, 8};
  f.play_to(0);
  CHECK(f.catch_up());
  f.play_to(3);
  CHECK(f.catch_up());
  f.check(4, 2, {.busy = 2});
  f.play_to(50);
  CHECK(f.catch_up());
  CHECK(f.run_indices() == Indices{0, 3, 50});
  f.check(51, 3, {.busy = 48});
}

TEST_CASE("What comes due when a run is being stopped is passed over, and counted", "[lane]") {
  Fixture f{every_fifth};
  f.lane.pass_over(f.tracker);
  f.check(0, 0, {});
  f.play_to(12);
  f.lane.pass_over(f.tracker);
  f.check(2, 0, {.busy = 2});
  f.lane.pass_over(f.tracker);
  f.check(2, 0, {.busy = 2});

  Fixture late{{.interval = 400ms}, 8};
  late.play_to(17);
  late.lane.pass_over(late.tracker);
  late.check(1, 0, {.overwritten = 1});
}

TEST_CASE("A lane starts over with each play, and goes on counting", "[lane]") {
  Fixture f{every_fifth};
  f.play_to(11);
  CHECK(f.catch_up());
  f.check(2, 1, {.busy = 1});
  f.begin();
  CHECK_FALSE(f.catch_up());
  f.play_to(4);
  CHECK(f.catch_up());
  CHECK(f.run_indices() == Indices{9, 4});
  f.check(3, 2, {.busy = 1});

  f.lane.reset_stats({});
  f.check(0, 0, {});
  CHECK(f.lane.stats().name == "a");
  f.play_to(9);
  CHECK(f.catch_up());
  f.check(1, 1, {});
}

TEST_CASE("A window with a frame that was not decoded is a miss, wherever in it that is", "[lane]") {
  const std::uint64_t without = GENERATE(3U, 5U, 7U, 6U);
  Fixture f{
      {.frame_count = 3, .frame_step = 2, .interval = 320ms}};  // due at 7 with 3, 5 and 7, at 15 with 11, 13 and 15
  f.play_to(without);
  si::Frame frame = f.tracker.latest();
  si::detail::FrameAccess::leave_out(frame);
  f.play_to(7);
  const bool in_window = without != 6;
  CHECK(f.catch_up() != in_window);
  if (in_window)
    f.check(1, 0, {.left_out = 1});
  else
    f.check(1, 1, {});
  f.play_to(15);
  CHECK(f.catch_up());
  CHECK(f.run_indices().back() == 15);
}

TEST_CASE("Where the latest dues were left out, the one before them runs", "[lane]") {
  Fixture f{every_fifth};
  const auto play_left_out = [&](std::uint64_t index) {
    f.play_to(index);
    si::Frame frame = f.tracker.latest();
    si::detail::FrameAccess::leave_out(frame);
  };
  f.play_to(9);
  play_left_out(14);
  play_left_out(19);
  f.play_to(21);
  CHECK(f.catch_up());
  CHECK(f.run_indices() == Indices{9});
  f.check(4, 1, {.busy = 1, .left_out = 2});
  CHECK_FALSE(f.catch_up());
  play_left_out(24);
  CHECK_FALSE(f.catch_up());
  f.check(5, 1, {.busy = 1, .left_out = 3});
  play_left_out(29);
  f.lane.pass_over(f.tracker);
  f.check(6, 1, {.busy = 1, .left_out = 4});
  for (std::uint64_t index = 34; index <= 64; index += 5) play_left_out(index);  // some are overwritten meanwhile
  CHECK_FALSE(f.catch_up());
  f.check(13, 1, {.busy = 3, .overwritten = 1, .left_out = 8});
  f.play_to(69);
  CHECK(f.catch_up());
  CHECK(f.run_indices() == Indices{9, 69});
  f.check(14, 2, {.busy = 3, .overwritten = 1, .left_out = 8});
}

TEST_CASE("A run now counts as a due of its own and leaves the others alone", "[lane]") {
  Fixture f{every_fifth};
  CHECK_FALSE(f.lane.run_now<0>(f.tracker, f.outlet));
  f.check(1, 0, {.warm_up = 1});
  f.play_to(2);
  CHECK(f.lane.run_now<0>(f.tracker, f.outlet));
  f.play_to(6);
  CHECK(f.catch_up());
  CHECK(f.run_indices() == Indices{2, 4});
  f.check(3, 2, {.warm_up = 1});
}

namespace {

/// Tells how many pictures are held.
struct Held {
  void convert(si::ImageSpan) {}
  void drop() noexcept { count.reset(); }
  std::shared_ptr<int> count;
};

struct Throws {
  int run(std::span<const si::Frame>) { throw 42; }
};

}  // namespace

TEST_CASE("Between runs a lane keeps no frame alive, also after one that threw", "[lane]") {
  const auto count = std::make_shared<int>();
  si::FramePool<Held> pool;
  si::FrameTracker<4> tracker;
  si::MemoryExporter<int> exporter;
  si::detail::Outlet<si::MemoryExporter<int>, int> outlet{exporter};
  si::detail::Lane<decltype(si::load_algo("a", Throws{}, si::Schedule{}))> lane{
      si::load_algo("a", Throws{}, si::Schedule{.frame_count = 3}), tracker};
  for (int i = 0; i < 4; ++i)
    tracker.add_frame([&] {
      si::Frame frame =
          pool.make_lazy({1, 1, si::PixelFormat::gray8}, i * 40ms, [&](Held& held) { held.count = count; });
      si::detail::FrameAccess::number(frame, static_cast<std::uint64_t>(i), {.time = i * 40ms});
      return frame;
    }());
  CHECK(count.use_count() == 1 + 4);
  CHECK(lane.run_now<0>(tracker, outlet));
  CHECK(lane.stats().failures == 1);
  check_adds_up(lane.stats());
  tracker.begin_play();
  CHECK(count.use_count() == 1);
}
