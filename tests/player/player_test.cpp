#include "stream_infer/player/player.hpp"

#include "stream_infer/core/manual_clock.hpp"
#include "stream_infer/tracker/frame_tracker.hpp"
#include "support/catch.hpp"
#include "support/error_of.hpp"
#include "support/jump_clock.hpp"
#include "support/model.hpp"
#include "support/numbered_frames.hpp"
#include "support/random.hpp"
#include "support/random_source.hpp"
#include "support/scripted_producer.hpp"
#include "support/stopwatch.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

namespace si = stream_infer;
namespace model = stream_infer::test::model;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using stream_infer::test::at_best;
using stream_infer::test::error_of;
using stream_infer::test::eventually;
using stream_infer::test::for_random_cases;
using stream_infer::test::Random;
using stream_infer::test::Script;
using stream_infer::test::ScriptedProducer;
using stream_infer::test::source_index;
using stream_infer::test::steady_script;
using stream_infer::test::Stopwatch;
using stream_infer::test::wait_for;

namespace {

constexpr si::MediaTime stop_limit = 200ms;  // what stop() promises

using Tracker = si::FrameTracker<16>;
using Player = si::Player<ScriptedProducer, Tracker, si::SteadyClock>;

struct Fixture {
  explicit Fixture(Script script, std::string source = "rtsp://admin:1234@cam/1?token=abc")
      : producer{std::move(script)}, player{producer, tracker, std::move(source)} {}
  ScriptedProducer producer;
  Tracker tracker;
  Player player;
};

/// Plays it all by the serial loop; gives the numbers that the frames have in their script.
template <class P>
std::vector<std::size_t> play_all(P& player, std::optional<si::Rational> fps = {}, si::MediaTime position = {}) {
  std::vector<std::size_t> out;
  for (const auto& played : player.play(fps, position)) out.push_back(source_index(played.frame));
  return out;
}

void check_adds_up(const si::SourceStats& stats) {
  CHECK(stats.frames_seen == stats.frames_played + stats.skipped.rate + stats.skipped.position + stats.skipped.tracker +
                                 stats.skipped.stopped);
}

}  // namespace

// Beginnings and ends

TEST_CASE("Before its first play a Player knows nothing and is idle", "[player]") {
  Fixture f{steady_script(3, 25)};
  CHECK_FALSE(f.player.is_active());
  CHECK(f.player.status().state == si::PlayState::idle);
  CHECK_FALSE(f.player.status().error.has_value());
  CHECK(f.player.fps() == 0);
  CHECK_FALSE(f.player.info().has_value());
  CHECK(f.player.current_time() == 0s);
  CHECK(f.player.current_time_str() == "00:00:00");
  CHECK(f.player.stats().frames_seen == 0);
  CHECK(f.player.source() == "rtsp://***@cam/1?token=***");
  CHECK(&f.player.tracker() == &f.tracker);
  f.player.wait();  // for nothing
  f.player.stop();
}

TEST_CASE("After a play a Player tells what it was", "[player]") {
  Fixture f{steady_script(100, {30'000, 1001})};
  CHECK(play_all(f.player).size() == 100);
  CHECK(f.player.status().state == si::PlayState::ended);
  CHECK(f.player.fps() == si::Rational{30'000, 1001});
  REQUIRE(f.player.info().has_value());
  CHECK(f.player.info()->width == 8);
  CHECK(f.player.current_time().count() == 99 * 1'001'000'000LL / 30);
  CHECK(f.player.current_time_str() == "00:00:03");
  const si::SourceStats stats = f.player.stats();
  CHECK(stats.frames_seen == 100);
  CHECK(stats.frames_played == 100);
  CHECK(stats.frames_decoded == 100);  // the reader's own count
  check_adds_up(stats);
}

TEST_CASE("The play rate is the one asked for, but never above the source's", "[player]") {
  Fixture f{steady_script(30, 25)};
  CHECK(play_all(f.player, 10).size() == 12);
  CHECK(f.player.fps() == 10);
  check_adds_up(f.player.stats());
  CHECK(f.player.stats().skipped.rate == 18);
  CHECK(play_all(f.player, 100).size() == 30);
  CHECK(f.player.fps() == 25);
  CHECK(play_all(f.player, 12.5).size() == 15);
  CHECK(f.player.fps() == si::Rational{25, 2});
}

TEST_CASE("A play from a position numbers its frames from 0 and counts what lies before", "[player]") {
  Fixture f{steady_script(30, 25)};
  {
    auto range = f.player.play({}, 1s);
    CHECK(f.player.current_time() == 1s);  // until a frame is played
    auto it = range.begin();
    CHECK((*it).frame.index() == 0);
    CHECK((*it).number == 1);
    CHECK((*it).frame.time() == 1s);
  }
  CHECK(play_all(f.player, {}, 1s) == std::vector<std::size_t>{25, 26, 27, 28, 29});
  CHECK(f.player.stats().skipped.position == 25);
  check_adds_up(f.player.stats());
  CHECK(play_all(f.player, {}, 1h).empty());
  CHECK(f.player.status().state == si::PlayState::ended);
  check_adds_up(f.player.stats());
}

TEST_CASE("A second play starts anew, with the tracker empty", "[player]") {
  Fixture f{steady_script(5, 25)};
  CHECK(play_all(f.player).size() == 5);
  CHECK(f.tracker.end() == 5);
  {
    auto range = f.player.play();
    CHECK(f.tracker.end() == 0);
    CHECK(f.tracker.play() == 2);
    CHECK(f.player.stats().frames_seen == 0);
    CHECK(f.player.current_time() == 0s);
  }
  CHECK(play_all(f.player).size() == 5);
  f.player.play_realtime();
  f.player.wait();
  CHECK(f.tracker.end() == 5);
  CHECK(f.player.status().state == si::PlayState::ended);
}

TEST_CASE("A realtime play goes from opening to playing to its end", "[player]") {
  std::atomic<bool> may_open{false}, may_read{false};
  Script script = steady_script(3, 1000);
  script.on_open = [&](const si::OpenOptions&) { static_cast<void>(eventually([&] { return may_open.load(); })); };
  script.on_read = [&](std::size_t, const std::stop_token&) {
    static_cast<void>(eventually([&] { return may_read.load(); }));
  };
  Fixture f{script};

  f.player.play_realtime();  // returns at once
  CHECK(f.player.is_active());
  CHECK(f.player.status().state == si::PlayState::connecting);
  CHECK_FALSE(f.player.info().has_value());
  may_open = true;
  CHECK(eventually([&] { return f.player.status().state == si::PlayState::playing; }));
  CHECK(f.player.is_active());
  CHECK(f.player.info().has_value());
  CHECK(f.player.fps() == 1000);
  may_read = true;
  f.player.wait();
  CHECK_FALSE(f.player.is_active());
  CHECK(f.player.status().state == si::PlayState::ended);
  CHECK(f.player.stats().frames_played == 3);
  check_adds_up(f.player.stats());
}

// The pace

TEST_CASE("In realtime every frame is played at its time", "[player]") {
  si::ManualClock clock;
  ScriptedProducer producer{{.times = {0ms, 40ms, 80ms, 500ms, 501ms, 3s}}};
  Tracker tracker;
  si::Player player{producer, tracker, "", clock};
  std::jthread time{[&](const std::stop_token& stop) { clock.run(stop); }};
  clock.begin_work();  // so that it stands until the play has begun
  const si::MediaTime begin = clock.now();
  std::vector<si::MediaTime> at, times;
  player.play_realtime({}, 0s, [&](const si::Frame& frame, const std::stop_token&) {
    times.push_back(frame.time());
    at.push_back(clock.now() - begin);
  });
  clock.end_work();
  player.wait();
  player.stop();
  CHECK(times == std::vector<si::MediaTime>{0ms, 40ms, 80ms, 500ms, 501ms, 3s});
  CHECK(at == times);
}

TEST_CASE("On a clock driven by hand no time is lost before the playing thread begins", "[player]") {
  ScriptedProducer producer{steady_script(100, 25)};
  for (int round = 0; round < 100; ++round) {
    Tracker tracker;
    si::ManualClock clock;
    si::Player player{producer, tracker, "", clock};
    player.play_realtime();
    clock.advance(1s);
    CHECK(player.stats().frames_played == 26);
  }
}

TEST_CASE("A live source is played as it comes", "[player]") {
  Script script = steady_script(5, si::Rational{1, 3600});  // an hour apart
  script.info.live = true;
  Fixture f{script};
  const Stopwatch watch;
  f.player.play_realtime();
  f.player.wait();
  CHECK(f.player.stats().frames_played == 5);
  CHECK(watch.elapsed() < 1h);
}

TEST_CASE("On the machine's clock a play lasts as long as its frames", "[player]") {
  Fixture f{steady_script(26, 250)};
  const Stopwatch watch;
  f.player.play_realtime();
  f.player.wait();
  CHECK(watch.elapsed() >= 100ms);
  CHECK(f.player.stats().frames_played == 26);
}

TEST_CASE("In realtime the same frames are played as in the serial loop", "[player][property]") {
  for_random_cases(150, [](Random& random) {
    const model::Source source = stream_infer::test::random_source(random, random.between(1, 60));
    const auto fps = stream_infer::test::random_play_rate(random, source);
    const si::MediaTime position = stream_infer::test::random_position(random, source);
    const model::Play play{source, fps, position};
    std::vector<std::size_t> expected;
    for (std::size_t i = 0; i < play.size(); ++i) expected.push_back(play.source_index(i));

    ScriptedProducer producer{stream_infer::test::script_of(source)};
    Tracker tracker;
    si::ManualClock clock;
    si::Player player{producer, tracker, "", clock};
    REQUIRE(play_all(player, fps, position) == expected);
    const si::SourceStats offline = player.stats();
    REQUIRE(offline.frames_seen == source.times.size());
    REQUIRE(offline.adds_up());

    std::jthread time{[&](const std::stop_token& stop) { clock.run(stop); }};
    std::vector<std::size_t> realtime;
    player.play_realtime(fps, position, [&](const si::Frame& frame, const std::stop_token&) {
      realtime.push_back(source_index(frame));
    });
    player.wait();
    player.stop();
    REQUIRE(realtime == expected);
    REQUIRE(player.stats().adds_up());
    REQUIRE(player.stats().skipped == offline.skipped);
  });
}

// One play at a time, and calls that make no sense

TEST_CASE("A Player that plays is busy, and goes on undisturbed", "[player]") {
  Fixture f{steady_script(5, 25)};
  std::vector<std::uint64_t> numbers;
  for (const auto& played : f.player.play()) {
    numbers.push_back(played.number);
    const si::Error error = error_of([&] { static_cast<void>(f.player.play()); });
    CHECK(error.code() == si::Errc::busy);
    CHECK(error.step() == "play");
    CHECK(error.source() == "rtsp://***@cam/1?token=***");
    CHECK(error_of([&] { f.player.play_realtime(); }).code() == si::Errc::busy);
    CHECK(f.player.is_active());
  }
  CHECK(numbers == std::vector<std::uint64_t>{1, 2, 3, 4, 5});
  CHECK(f.player.status().state == si::PlayState::ended);

  f.player.play_realtime();
  CHECK(error_of([&] { static_cast<void>(f.player.play()); }).code() == si::Errc::busy);
  CHECK(error_of([&] { f.player.play_realtime(); }).code() == si::Errc::busy);
  CHECK(f.player.is_active());
  f.player.wait();
  CHECK(f.player.stats().frames_played == 5);
}

TEST_CASE("A rate or position that makes no sense fails the play at once, in both modes alike", "[player]") {
  const bool realtime = GENERATE(false, true);
  Fixture f{steady_script(5, 25)};
  const auto start = [&](std::optional<si::Rational> fps, si::MediaTime position) {
    if (realtime)
      f.player.play_realtime(fps, position);
    else
      static_cast<void>(f.player.play(fps, position));
  };
  CHECK(play_all(f.player).size() == 5);
  CHECK_THAT(error_of([&] { start(0, 0s); }).reason(), ContainsSubstring("must be positive, not 0"));
  CHECK_THAT(error_of([&] { start(si::Rational{-25}, 0s); }).reason(), ContainsSubstring("must be positive, not -25"));
  const si::Error error = error_of([&] { start({}, -1ns); });
  CHECK_THAT(error.reason(), ContainsSubstring("position must not be negative"));
  CHECK(error.code() == si::Errc::invalid_argument);
  CHECK(error.source() == "rtsp://***@cam/1?token=***");

  CHECK_FALSE(f.player.is_active());
  CHECK(f.player.status().state == si::PlayState::failed);
  REQUIRE(f.player.status().error.has_value());
  CHECK(std::string{f.player.status().error->what()} == error.what());
  CHECK(f.player.stats().frames_seen == 0);  // not the play's of before
  CHECK(play_all(f.player).size() == 5);     // and the Player can go on
}

// Failures

namespace {

struct Fault {
  const char* name;
  std::function<void()> raise;
  const char* reason;
};

const std::vector<Fault>& faults() {
  static const std::vector<Fault> all{
      {"a standard exception", [] { throw std::runtime_error{"cable cut"}; }, "cable cut"},
      {"an exception without a message", [] { throw std::runtime_error{""}; }, "an exception without a message"},
      {"something else", [] { throw 42; }, "something that is not a std::exception"},
  };
  return all;
}

void check_fault(const si::Error& error, const Fault& fault, const char* step) {
  CHECK(error.code() == si::Errc::producer_failed);
  CHECK(error.step() == step);
  CHECK(error.source() == "rtsp://***@cam/1?token=***");
  CHECK(error.reason() == fault.reason);
  CHECK(std::string{error.what()} == std::string{step} + " 'rtsp://***@cam/1?token=***': " + fault.reason);
}

}  // namespace

TEST_CASE("A source that cannot be opened throws from play(), with step, source and reason", "[player]") {
  for (const Fault& fault : faults()) {
    INFO(fault.name);
    Script script = steady_script(5, 25);
    script.on_open = [&](const si::OpenOptions&) { fault.raise(); };
    Fixture f{script};
    const si::Error error = error_of([&] { static_cast<void>(f.player.play()); });
    check_fault(error, fault, "open");
    CHECK(f.player.status().state == si::PlayState::failed);
    REQUIRE(f.player.status().error.has_value());
    CHECK(std::string{f.player.status().error->what()} == error.what());
    check_adds_up(f.player.stats());
  }
}

TEST_CASE("In realtime a source that cannot be opened ends the play, and status() says why", "[player]") {
  for (const Fault& fault : faults()) {
    INFO(fault.name);
    Script script = steady_script(5, 25);
    script.on_open = [&](const si::OpenOptions&) { fault.raise(); };
    Fixture f{script};
    f.player.play_realtime();
    f.player.wait();
    CHECK_FALSE(f.player.is_active());
    CHECK(f.player.status().state == si::PlayState::failed);
    REQUIRE(f.player.status().error.has_value());
    check_fault(*f.player.status().error, fault, "open");
  }
}

TEST_CASE("A source that fails in the middle ends the play after its good frames", "[player]") {
  const bool realtime = GENERATE(false, true);
  for (const Fault& fault : faults()) {
    INFO(fault.name << ", realtime " << realtime);
    Script script = steady_script(10, 1000);
    script.on_read = [&](std::size_t next, const std::stop_token&) {
      if (next == 4) fault.raise();
    };
    Fixture f{script};
    if (realtime) {
      f.player.play_realtime();
      f.player.wait();
    } else {
      std::size_t played = 0;
      const si::Error error = error_of([&] {
        for ([[maybe_unused]] const auto& frame : f.player.play()) ++played;
      });
      CHECK(played == 4);
      check_fault(error, fault, "read");
    }
    CHECK(f.player.status().state == si::PlayState::failed);
    REQUIRE(f.player.status().error.has_value());
    check_fault(*f.player.status().error, fault, "read");
    CHECK(f.player.stats().frames_played == 4);
    check_adds_up(f.player.stats());
  }
}

TEST_CASE("A producer's own Error is passed on as it is", "[player]") {
  const bool at_open = GENERATE(false, true);
  const si::Error own{std::make_error_code(std::errc::connection_refused), "connect", "cam", "nobody listens"};
  Script script = steady_script(5, 25);
  if (at_open)
    script.on_open = [&](const si::OpenOptions&) { throw own; };
  else
    script.on_read = [&](std::size_t, const std::stop_token&) { throw own; };
  Fixture f{script};
  const si::Error error = error_of([&] { play_all(f.player); });
  CHECK(error.code() == std::errc::connection_refused);
  CHECK(std::string{error.what()} == own.what());
  CHECK(f.player.status().state == si::PlayState::failed);
}

namespace {

/// Fails where no reader should: in info().
struct InfolessProducer {
  struct Reader {
    si::SourceInfo info() const { throw std::logic_error{"no info"}; }
    si::ReadStatus read(si::Frame&) { return si::ReadStatus::end; }
  };
  Reader open(const std::string&, const si::OpenOptions&) { return {}; }
};

}  // namespace

TEST_CASE("A reader that fails before its first frame leaves no Player that is busy for ever", "[player]") {
  InfolessProducer producer;
  Tracker tracker;
  si::Player player{producer, tracker, "clip.mp4"};
  const si::Error error = error_of([&] { static_cast<void>(player.play()); });
  CHECK(error.code() == si::Errc::producer_failed);
  CHECK(error.source() == "clip.mp4");
  CHECK(error.reason() == "no info");
  CHECK_FALSE(player.is_active());
  CHECK(player.status().state == si::PlayState::failed);

  player.play_realtime();
  player.wait();
  CHECK(player.status().state == si::PlayState::failed);
  REQUIRE(player.status().error.has_value());
  CHECK(player.status().error->reason() == "no info");
}

TEST_CASE("A reader whose times do not increase fails, with both times in the reason", "[player]") {
  const si::MediaTime second = GENERATE(40ms, 39ms, 0ms);
  Fixture f{{.times = {0ms, 40ms, second + 0ns, 80ms}}};
  const si::Error error = error_of([&] { play_all(f.player); });
  CHECK(error.code() == si::Errc::producer_failed);
  CHECK_THAT(error.reason(), ContainsSubstring(si::to_hms_ms(second)) && ContainsSubstring("00:00:00.040"));
  CHECK(f.player.stats().frames_played == 2);
  check_adds_up(f.player.stats());
}

TEST_CASE("A Reader that says it gave a frame and gave none fails", "[player][errors]") {
  struct Empty {
    struct Reader {
      [[nodiscard]] si::SourceInfo info() const { return {}; }
      [[nodiscard]] si::ReadStatus read(si::Frame&) { return si::ReadStatus::frame; }
    };
    Reader open(const std::string&, const si::OpenOptions&) { return {}; }
  };
  Empty producer;
  Tracker tracker;
  si::Player player{producer, tracker};
  const si::Error error = error_of([&] { static_cast<void>(play_all(player)); });
  CHECK(error.code() == si::Errc::producer_failed);
  CHECK_THAT(error.what(), ContainsSubstring("gave none"));
}

TEST_CASE("A Player plays again after a failure", "[player]") {
  bool broken = true;
  Script script = steady_script(5, 25);
  script.on_open = [&](const si::OpenOptions&) {
    if (broken) throw std::runtime_error{"not yet"};
  };
  Fixture f{script};
  CHECK_THROWS_AS(play_all(f.player), si::Error);
  broken = false;
  CHECK(play_all(f.player).size() == 5);
  CHECK(f.player.status().state == si::PlayState::ended);
  CHECK_FALSE(f.player.status().error.has_value());
}

TEST_CASE("What a frame callback throws ends the play as failed", "[player]") {
  Fixture f{steady_script(100, 1000)};
  f.player.play_realtime({}, 0s, [](const si::Frame& frame, const std::stop_token&) {
    if (frame.index() == 3) throw std::runtime_error{"callback"};
  });
  f.player.wait();
  CHECK(f.player.status().state == si::PlayState::failed);
  REQUIRE(f.player.status().error.has_value());
  CHECK(f.player.status().error->reason() == "callback");
  CHECK(f.player.stats().frames_played == 4);
  check_adds_up(f.player.stats());
}

namespace {

/// A tracker whose readers hold every spare node at each third frame.
struct CrowdedTracker : si::FrameTracker<16> {
  bool add_frame(si::Frame frame) { return ++offered % 3 != 0 && FrameTracker::add_frame(std::move(frame)); }
  int offered = 0;
};

}  // namespace

TEST_CASE("A frame that the tracker has no room for is dropped, counted, and takes no number", "[player]") {
  const bool realtime = GENERATE(false, true);
  ScriptedProducer producer{steady_script(9, 1000)};
  CrowdedTracker tracker;
  si::Player player{producer, tracker};
  std::vector<std::size_t> frames;
  std::vector<std::uint64_t> indices;
  const auto note = [&](const si::Frame& frame) {
    frames.push_back(source_index(frame));
    indices.push_back(frame.index());
  };
  if (realtime) {
    player.play_realtime({}, 0s, [&](const si::Frame& frame, const std::stop_token&) { note(frame); });
    player.wait();
    player.stop();
  } else {
    for (const auto& played : player.play()) note(played.frame);
  }
  CHECK(frames == std::vector<std::size_t>{0, 1, 3, 4, 6, 7});
  CHECK(indices == std::vector<std::uint64_t>{0, 1, 2, 3, 4, 5});
  CHECK(player.stats().skipped.tracker == 3);
  check_adds_up(player.stats());
}

// Stopping

namespace {

/// A source that never goes on by itself, in the given phase.
enum class Phase { opening, reading, sleeping, skipping };

Script endless(Phase phase) {
  Script script = steady_script(1000, 1000);
  if (phase == Phase::opening) script.on_open = [](const si::OpenOptions& options) { wait_for(options.stop); };
  if (phase == Phase::reading)
    script.on_read = [](std::size_t next, const std::stop_token& stop) {
      if (next == 3) wait_for(stop);
    };
  if (phase == Phase::sleeping) script.times = {0ms, 1ms, 50s};
  if (phase == Phase::skipping)
    script.on_read = [](std::size_t, const std::stop_token&) { std::this_thread::sleep_for(1ms); };
  return script;
}

/// Begins a play and waits until it is in that phase.
void reach(Phase phase, Player& player) {
  player.play_realtime({}, phase == Phase::skipping ? 1h : 0h);
  if (phase == Phase::opening) {
    std::this_thread::sleep_for(5ms);
    REQUIRE(player.status().state == si::PlayState::connecting);
  } else if (phase == Phase::reading) {
    REQUIRE(eventually([&] { return player.stats().frames_played == 3; }));
  } else {
    REQUIRE(eventually([&] { return player.stats().frames_seen >= 3; }));
  }
}

}  // namespace

TEST_CASE("stop() ends a play within 200 ms, in any state", "[player][stop]") {
  const Phase phase = GENERATE(Phase::opening, Phase::reading, Phase::sleeping, Phase::skipping);
  Fixture f{endless(phase)};
  CHECK(at_best(stop_limit, [&] {
          reach(phase, f.player);
          const Stopwatch watch;
          f.player.stop();
          return watch.elapsed();
        }) < stop_limit);
  CHECK_FALSE(f.player.is_active());
  CHECK(f.player.status().state == si::PlayState::stopped);
  CHECK_FALSE(f.player.status().error.has_value());
  const si::SourceStats stats = f.player.stats();
  check_adds_up(stats);
  CHECK(stats.skipped.stopped == (phase == Phase::sleeping ? 1U : 0U));
  f.player.stop();  // again: harmless
  CHECK(f.player.status().state == si::PlayState::stopped);
}

TEST_CASE("stop() from several threads at once ends the play for all of them", "[player][stop]") {
  const Phase phase = GENERATE(Phase::opening, Phase::reading, Phase::sleeping);
  Fixture f{endless(phase)};
  std::atomic<int> still_active{0};
  CHECK(at_best(stop_limit, [&] {
          reach(phase, f.player);
          const Stopwatch watch;
          std::vector<std::jthread> threads;
          for (int i = 0; i < 4; ++i)
            threads.emplace_back([&] {
              f.player.stop();
              if (f.player.is_active()) ++still_active;
            });
          threads.clear();
          return watch.elapsed();
        }) < stop_limit);
  CHECK(still_active == 0);
}

TEST_CASE("An open() or read() that throws because of a stop has not failed", "[player][stop]") {
  const bool at_open = GENERATE(false, true);
  const bool realtime = GENERATE(false, true);
  INFO("at open " << at_open << ", realtime " << realtime);
  Script script = steady_script(10, 1000);
  std::atomic<bool> there{false};
  const auto give_up = [&](const std::stop_token& stop) {
    there = true;
    wait_for(stop);
    throw std::runtime_error{"interrupted"};
  };
  if (at_open)
    script.on_open = [&](const si::OpenOptions& options) { give_up(options.stop); };
  else
    script.on_read = [&](std::size_t next, const std::stop_token& stop) {
      if (next == 3) give_up(stop);
    };
  Fixture f{script};
  std::jthread stopper{[&] {
    static_cast<void>(eventually([&] { return there.load(); }));
    f.player.stop();
  }};
  if (realtime) {
    f.player.play_realtime();
    f.player.wait();
  } else {
    std::size_t played = 0;
    for ([[maybe_unused]] const auto& frame : f.player.play()) ++played;
    CHECK(played == (at_open ? 0U : 3U));
  }
  stopper.join();
  CHECK(f.player.status().state == si::PlayState::stopped);
  CHECK_FALSE(f.player.status().error.has_value());
  check_adds_up(f.player.stats());
}

TEST_CASE("stop() from another thread ends the serial loop, also while it opens or reads", "[player][stop]") {
  const Phase phase = GENERATE(Phase::opening, Phase::reading);
  Fixture f{endless(phase)};
  CHECK(at_best(stop_limit, [&] {
          std::optional<Stopwatch> watch;
          std::jthread stopper{[&] {
            static_cast<void>(eventually([&] {
              return phase == Phase::opening ? f.player.status().state == si::PlayState::connecting
                                             : f.player.stats().frames_played == 3 && f.player.is_active();
            }));
            watch.emplace();
            f.player.stop();
          }};
          std::size_t played = 0;
          for ([[maybe_unused]] const auto& frame : f.player.play()) ++played;
          CHECK(played == (phase == Phase::opening ? 0U : 3U));
          stopper.join();
          return watch->elapsed();
        }) < stop_limit);
  CHECK(f.player.status().state == si::PlayState::stopped);
  CHECK_FALSE(f.player.is_active());
}

TEST_CASE("stop() from inside the loop ends it at the next frame", "[player][stop]") {
  Fixture f{steady_script(100, 25)};
  std::size_t played = 0;
  for (const auto& frame : f.player.play()) {
    ++played;
    if (frame.number == 4) f.player.stop();
  }
  CHECK(played == 4);
  CHECK(f.player.status().state == si::PlayState::stopped);
  check_adds_up(f.player.stats());
  CHECK(play_all(f.player).size() == 100);
}

TEST_CASE("stop() from the playing thread only asks, and the play ends by itself", "[player][stop]") {
  Fixture f{steady_script(1000, 1000)};
  f.player.play_realtime({}, 0s, [&](const si::Frame& frame, const std::stop_token& stop) {
    if (frame.index() != 4) return;
    f.player.stop();
    if (!stop.stop_requested()) throw std::logic_error{"the token is not the play's"};
  });
  f.player.wait();
  CHECK(f.player.status().state == si::PlayState::stopped);
  CHECK(f.player.stats().frames_played == 5);
  check_adds_up(f.player.stats());
}

TEST_CASE("A stop before the play does not reach into it", "[player][stop]") {
  Fixture f{steady_script(5, 1000)};
  f.player.stop();
  CHECK(play_all(f.player).size() == 5);
  f.player.stop();
  f.player.play_realtime();
  f.player.wait();
  CHECK(f.player.status().state == si::PlayState::ended);
}

TEST_CASE("A stop reaches a play as soon as that is active, whatever still has to be done", "[player][stop]") {
  const bool by_hand = GENERATE(false, true);
  ScriptedProducer producer{steady_script(100'000, 1000)};
  si::FrameTracker tracker{50'000};
  si::Player player{producer, tracker};
  si::FramePool<> pool;
  for (int round = 0; round < 5; ++round) {
    tracker.begin_play();
    for (std::uint64_t i = 0; i < tracker.capacity(); ++i)  // a full tracker takes a while to be cleared
      REQUIRE(tracker.add_frame(stream_infer::test::numbered_frame(pool, i)));
    std::atomic<si::MediaTime> took{};
    std::jthread stopper{[&] {
      while (!player.is_active()) {}
      const Stopwatch watch;
      player.stop();
      took = watch.elapsed();
    }};
    if (by_hand) {
      for (const auto& played : player.play()) REQUIRE(played.number < 100'000);
    } else {
      player.play_realtime();
      player.wait();
    }
    stopper.join();
    CHECK(player.status().state == si::PlayState::stopped);
    CHECK(took.load() < 10s);  // the play would last 100 s
  }
}

TEST_CASE("Stops and plays from two threads at once: no stop waits for a play that it did not end", "[player][stop]") {
  Fixture f{steady_script(100'000, 1000)};
  std::atomic<bool> done{false};
  std::jthread stopper{[&] {
    while (!done) f.player.stop();
  }};
  for (int i = 0; i < 300; ++i) {
    f.player.play_realtime();
    f.player.wait();
    REQUIRE(f.player.status().state == si::PlayState::stopped);
  }
  done = true;
}

TEST_CASE("A Player that plays can be played again right after stop()", "[player][stop]") {
  Fixture f{steady_script(1000, 1000)};
  for (int i = 0; i < 50; ++i) {
    f.player.play_realtime();
    if (i % 3 == 0) REQUIRE(eventually([&] { return f.player.stats().frames_played > 0; }));
    f.player.stop();
    REQUIRE(f.player.status().state == si::PlayState::stopped);
    REQUIRE(f.player.stats().adds_up());
  }
  CHECK(play_all(f.player).size() == 1000);
}

TEST_CASE("A Player can be destroyed at any time", "[player][stop]") {
  const Phase phase = GENERATE(Phase::opening, Phase::reading, Phase::sleeping);
  for (int i = 0; i < 40; ++i) {
    ScriptedProducer producer{endless(phase)};
    Tracker tracker;
    Player player{producer, tracker, "clip.mp4"};
    player.play_realtime();
    if (i % 2 == 0) std::this_thread::sleep_for(std::chrono::microseconds{i * 50});
  }
}

TEST_CASE("Who waits for a play is woken by its end, whatever the end", "[player][stop]") {
  const Phase phase = GENERATE(Phase::opening, Phase::reading, Phase::sleeping);
  Fixture f{endless(phase)};
  reach(phase, f.player);
  std::vector<std::jthread> waiting;
  std::atomic<int> woken{0};
  for (int i = 0; i < 3; ++i)
    waiting.emplace_back([&] {
      f.player.wait();
      ++woken;
    });
  std::this_thread::sleep_for(5ms);
  CHECK(woken == 0);
  f.player.stop();
  waiting.clear();
  CHECK(woken == 3);
}

TEST_CASE("Everything may be asked of a Player while it plays", "[player]") {
  Fixture f{steady_script(200, 2000)};
  f.player.play_realtime();
  si::MediaTime last = 0s;
  while (f.player.is_active()) {
    const si::MediaTime now = f.player.current_time();
    REQUIRE(now >= last);
    last = now;
    static_cast<void>(f.player.current_time_str());
    static_cast<void>(f.player.fps());
    static_cast<void>(f.player.info());
    static_cast<void>(f.player.status());
    static_cast<void>(f.player.stats());
  }
  CHECK(f.player.stats().frames_played == 200);
}

TEST_CASE("A realtime play by plan tells its reader what is too late; no other play does", "[player]") {
  const bool realtime = GENERATE(true, false);
  CAPTURE(realtime);
  si::test::JumpClock clock;
  std::vector<si::PictureNeed> told;
  std::unique_ptr<si::PictureNeeds> needs;
  Script script = steady_script(6, 10);
  script.on_open = [&](const si::OpenOptions& options) { needs = options.needs(si::SourceInfo{.fps = 10}); };
  script.on_read = [&](std::size_t next, const std::stop_token&) {
    needs->begin_group();
    needs->add(next * 100ms);
    told.push_back(needs->take());
    if (next == 3) clock.go_on(2s);  // this one takes its time
  };
  ScriptedProducer producer{script};
  Tracker tracker;
  si::Player player{producer, tracker, "clip", clock};
  const si::SamplingPlan plan{{si::Schedule{}}};
  if (realtime) {
    player.play_realtime({}, {}, {}, plan);
    player.wait();
  } else {
    for (const auto& [frame, number] : player.play({}, {}, plan)) static_cast<void>(frame);
  }
  std::vector<si::PictureNeed> expected(7, si::PictureNeed::needed);
  if (realtime) std::fill(expected.begin() + 4, expected.end(), si::PictureNeed::late);
  CHECK(told == expected);
}

// Status

TEST_CASE("What a reader says of its source is the status of the play, and a listener hears of it", "[player]") {
  using State = si::Connection::State;
  si::Callback<void(const si::Connection&)> tell;
  Script script = steady_script(6, 1000);
  script.on_open = [&](const si::OpenOptions& options) {
    CHECK(options.retry);
    tell = options.on_connection;
  };
  const si::Error lost{si::Errc::producer_failed, "read", "camera", "gone"};
  const auto then = std::chrono::steady_clock::now() + 5s;
  std::vector<si::PlayState> seen;  // by others, at that moment
  std::unique_ptr<Fixture> f;
  script.on_read = [&](std::size_t next, const std::stop_token&) {
    if (next == 2) tell({.state = State::stalled});
    if (next == 3) tell({.state = State::reconnecting, .attempt = 4, .next_attempt = then, .error = lost});
    if (next == 4) tell({.state = State::connecting});
    if (next == 5) tell({.state = State::playing});
    if (next >= 2) seen.push_back(f->player.status().state);
    if (next == 3) {
      const si::PlayStatus status = f->player.status();
      CHECK(status.attempt == 4);
      CHECK(status.next_attempt == then);
      REQUIRE(status.error);
      CHECK(status.error->reason() == "gone");
      CHECK(f->player.is_active());
    }
  };
  f = std::make_unique<Fixture>(script);
  std::vector<si::PlayState> heard;
  f->player.on_status([&](const si::PlayStatus& status) { heard.push_back(status.state); });
  f->player.play_realtime();
  f->player.wait();
  using enum si::PlayState;
  CHECK(seen == std::vector{stalled, reconnecting, connecting, playing, playing});
  CHECK(heard == std::vector{playing, stalled, reconnecting, connecting, playing, ended});
  CHECK_FALSE(f->player.status().error);
}

TEST_CASE("A listener may stop the play, in both modes", "[player]") {
  const bool realtime = GENERATE(false, true);
  Fixture f{steady_script(1000, 25)};
  std::vector<si::PlayState> heard;
  f.player.on_status([&](const si::PlayStatus& status) {
    heard.push_back(status.state);
    f.player.stop();
  });
  if (realtime) {
    f.player.play_realtime();
    f.player.wait();
    f.player.stop();
  } else {
    CHECK(play_all(f.player).size() <= 1);
  }
  CHECK(heard == std::vector{si::PlayState::playing, si::PlayState::stopped});
}

TEST_CASE("A serial loop does not wait for a source that is not there", "[player]") {
  Script script = steady_script(1, 25);
  script.on_open = [](const si::OpenOptions& options) { CHECK_FALSE(options.retry); };
  Fixture f{script};
  CHECK(play_all(f.player).size() == 1);
}

TEST_CASE("Who listens cannot be changed while a play is active", "[player]") {
  Script script = steady_script(1000, 25);
  Fixture f{script};
  f.player.play_realtime();
  CHECK(error_of([&] { f.player.on_status({}); }).code() == si::Errc::busy);
  f.player.stop();
  f.player.on_status({});
}

TEST_CASE("Frames tell which play of which source they come from", "[player]") {
  const auto play = [](bool live) {
    Script script = steady_script(3, 25);
    script.info.live = live;
    Fixture f{script};
    std::vector<si::SourceId> sources;
    for (auto [frame, number] : f.player.play()) sources.push_back(frame.source());
    REQUIRE(sources.size() == 3);
    CHECK(sources[0] == sources[2]);
    CHECK(sources[0].name == "rtsp://***@cam/1?token=***");
    return sources[0].began_at;
  };
  CHECK(play(false) == si::WallTime{});  // a recording gives the same records whenever it is played
  const auto before = std::chrono::system_clock::now();
  const si::WallTime first = play(true), second = play(true);
  CHECK(first >= before - 1s);
  CHECK(second <= std::chrono::system_clock::now());
  CHECK(first < second);
  CHECK(si::Frame{}.source() == si::SourceId{});
}

TEST_CASE("Losses of a live source are counted, with the time that it was away", "[player]") {
  using State = si::Connection::State;
  const si::Error error{si::Errc::unsupported, "read", "cam", "gone"};
  si::detail::PlayMonitor monitor;
  const auto lose = [&] {
    monitor.changed({.state = State::reconnecting, .attempt = 1, .error = error});
    std::this_thread::sleep_for(20ms);
    monitor.changed({.state = State::connecting});
  };
  monitor.begin(0s);
  lose();  // not there yet
  CHECK(monitor.stats().losses == 0);
  CHECK(monitor.stats().lost_for >= 20ms);
  monitor.opened({}, 25, nullptr);
  const si::MediaTime until_there = monitor.stats().lost_for;
  std::this_thread::sleep_for(5ms);
  CHECK(monitor.stats().lost_for == until_there);
  lose();
  lose();  // another attempt is no other loss
  CHECK(monitor.stats().losses == 1);
  CHECK(monitor.stats().lost_for >= until_there + 40ms);
  monitor.changed({.state = State::playing});
  monitor.changed({.state = State::stalled});
  CHECK(monitor.stats().losses == 1);
  lose();
  monitor.finish(si::PlayState::stopped);
  const si::SourceStats stats = monitor.stats();
  CHECK(stats.losses == 2);
  CHECK(stats.last_loss == error.what());
  std::this_thread::sleep_for(5ms);
  CHECK(monitor.stats().lost_for == stats.lost_for);
  monitor.begin(0s);
  CHECK(monitor.stats().losses == 0);
  CHECK(monitor.stats().last_loss.empty());
}
