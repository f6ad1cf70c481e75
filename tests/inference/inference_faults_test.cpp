#include "stream_infer/core/manual_clock.hpp"
#include "stream_infer/exporter/base_exporter.hpp"
#include "stream_infer/inference/inference.hpp"
#include "stream_infer/player/player.hpp"
#include "stream_infer/tracker/frame_tracker.hpp"
#include "support/catch.hpp"
#include "support/error_of.hpp"
#include "support/fault_row.hpp"
#include "support/runs.hpp"
#include "support/scripted_producer.hpp"
#include "support/stopwatch.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace si = stream_infer;
using namespace std::chrono_literals;
using stream_infer::test::at_best;
using stream_infer::test::check_adds_up;
using stream_infer::test::error_of;
using stream_infer::test::eventually;
using stream_infer::test::Frames;
using stream_infer::test::Look;
using stream_infer::test::Looks;
using stream_infer::test::RunningTime;
using stream_infer::test::runs_of;
using stream_infer::test::Script;
using stream_infer::test::ScriptedProducer;
using stream_infer::test::steady_script;
using stream_infer::test::Stopwatch;

namespace {

/// Fails at every third frame, each time in another way.
struct Moody {
  Frames run(std::span<const si::Frame> frames) {
    switch (frames.back().index() % 9) {
      case 2: throw std::runtime_error{"no memory on the device"};
      case 5: throw si::Error{si::Errc::unsupported, "infer", "head"};
      case 8: throw 42;
      default: return Look{}.run(frames);
    }
  }
};

/// Keeps what it is told; throws where it is told to.
struct Witness {
  void collect(const si::Record<Frames>& record) {
    if (fails_at && fails_at(record.frame_index)) throw std::runtime_error{"store full"};
    collected.push_back(record.frame_index);
  }
  void on_error(const si::RunError& error) {
    errors.push_back(error);
    if (throws_in_on_error) throw std::runtime_error{"not even that"};
  }
  void send_all() {
    ++sends;
    if (fails_to_send) throw std::runtime_error{"line dead"};
  }

  std::function<bool(std::uint64_t)> fails_at;
  bool fails_to_send = false;
  bool throws_in_on_error = false;
  std::vector<std::uint64_t> collected;
  std::vector<si::RunError> errors;
  int sends = 0;
};

/// An Inference with `exporter` over 27 frames, all of which are due, on a clock without real time.
template <class E, class A>
si::RunReport run(E& exporter, A algo, si::Mode mode) {
  ScriptedProducer producer{steady_script(27, 25)};
  si::FrameTracker<8> tracker;
  si::Inference inference{tracker, exporter, si::load_algo("head", std::move(algo), si::Schedule{})};
  si::ManualClock clock;
  const RunningTime time{clock};
  si::Player player{producer, tracker, "", clock};
  const si::RunReport report = inference.start(player, {.mode = mode});
  check_adds_up(report);
  return report;
}

std::string reason_of(const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const std::exception& error) {
    return error.what();
  } catch (int number) {
    return std::to_string(number);
  }
}

const auto both_modes = {si::Mode::offline, si::Mode::realtime};

}  // namespace

TEST_CASE("An algorithm that throws costs that run alone; it is counted, and handed to on_error",
          "[inference][faults]") {
  si::test::FaultRow row_46{46, "an algorithm throws", "only its run is lost"};
  const si::Mode mode = GENERATE(from_range(both_modes));
  Witness exporter;
  exporter.throws_in_on_error = GENERATE(false, true);
  const si::RunReport report = run(exporter, Moody{}, mode);
  const si::AlgoStats& algo = report.algos[0];
  CHECK(algo.dues == 27);
  CHECK(algo.runs == 18);
  CHECK(algo.failures == 9);
  CHECK(algo.export_failures == 0);
  CHECK(algo.last_error == "something that is not a std::exception");
  CHECK(exporter.collected.size() == 18);
  REQUIRE(exporter.errors.size() == 9);
  const si::RunError& first = exporter.errors[0];
  CHECK(first.algo == "head");
  CHECK(first.frame_index == 2);
  CHECK(first.time == 80ms);
  CHECK(first.message == "no memory on the device");
  CHECK(reason_of(first.exception) == "no memory on the device");
  CHECK(exporter.errors[1].message == "infer 'head': not supported");
  CHECK(reason_of(exporter.errors[2].exception) == "42");
  row_46.happened("counted in failures, handed to on_error; all other runs were made");
}

TEST_CASE("Without on_error failures are counted all the same", "[inference][faults]") {
  const si::Mode mode = GENERATE(from_range(both_modes));
  Looks exporter;
  const si::RunReport report = run(exporter, Moody{}, mode);
  CHECK(report.algos[0].failures == 9);
  CHECK(runs_of(exporter, "head").size() == 18);
}

TEST_CASE("An algorithm that always throws ends no run", "[inference][faults]") {
  struct Broken {
    void run(std::span<const si::Frame>) { throw std::runtime_error{"broken"}; }
  };
  const si::Mode mode = GENERATE(from_range(both_modes));
  Looks exporter;
  const si::RunReport report = run(exporter, Broken{}, mode);
  CHECK(report.end == si::PlayState::ended);
  CHECK(report.algos[0].failures == 27);
  CHECK(report.algos[0].last_error == "broken");
}

TEST_CASE("A record at which the exporter throws is a run all the same, counted beside", "[inference][faults]") {
  const si::Mode mode = GENERATE(from_range(both_modes));
  Witness exporter;
  exporter.fails_at = [](std::uint64_t frame) { return frame % 2 == 0; };
  const si::RunReport report = run(exporter, Look{}, mode);
  CHECK(report.algos[0].runs == 27);
  CHECK(report.algos[0].export_failures == 14);
  CHECK(report.algos[0].last_error == "store full");
  CHECK(exporter.collected.size() == 13);
  REQUIRE(exporter.errors.size() == 14);
  CHECK(exporter.errors[1].frame_index == 2);
  CHECK(exporter.errors[1].message == "store full");
}

TEST_CASE("An exporter that cannot send does not stop the run, and hears of it", "[inference][faults]") {
  const si::Mode mode = GENERATE(from_range(both_modes));
  Witness exporter;
  exporter.fails_to_send = true;
  const si::RunReport report = run(exporter, Look{}, mode);
  CHECK(report.algos[0].runs == 27);
  CHECK(report.algos[0].export_failures == 0);  // the records were collected
  CHECK(exporter.sends > 0);
  REQUIRE(exporter.errors.size() == static_cast<std::size_t>(exporter.sends));
  CHECK(exporter.errors[0].message == "line dead");
}

TEST_CASE("What could not be sent is in the report, also where the exporter has no on_error", "[inference][faults]") {
  struct Silent {
    void collect(const si::Record<Frames>&) {}
    void send_all() { throw std::runtime_error{"disk full"}; }
  };
  const si::Mode mode = GENERATE(from_range(both_modes));
  Silent exporter;
  const si::RunReport report = run(exporter, Look{}, mode);
  CHECK(report.algos[0].runs == 27);
  CHECK(report.send_failures == 28);  // after every run, and at the end
  CHECK(report.last_send_error == "disk full");
  std::ostringstream text;
  text << report;
  CHECK_THAT(text.str(), Catch::Matchers::ContainsSubstring("sending failed 28 times (last error: disk full)"));
}

TEST_CASE("A store that comes back gets everything that was collected meanwhile", "[inference][faults]") {
  struct Store : si::BaseExporter<Store, Frames> {
    void send(const si::Record<Frames>& record) {
      if (record.frame_index >= 5 && calls++ < 10) throw std::runtime_error{"down"};
      sent.push_back(record.frame_index);
    }
    int calls = 0;
    std::vector<std::uint64_t> sent;
  };
  const si::Mode mode = GENERATE(from_range(both_modes));
  Store exporter;
  run(exporter, Look{}, mode);
  REQUIRE(exporter.sent.size() == 27);
  for (std::size_t i = 0; i < 27; ++i) CHECK(exporter.sent[i] == i);
  CHECK(exporter.dropped() == 0);
}

namespace {

/// A result that can be made and moved, but whose copies fail at some frames.
struct Fragile {
  explicit Fragile(std::uint64_t from) : frame{from} {}
  Fragile(const Fragile& other) : frame{other.frame} {
    if (frame % 3 == 0) throw std::runtime_error{"no copy"};
  }
  Fragile(Fragile&&) = default;
  Fragile& operator=(const Fragile& other) { return *this = Fragile{other}; }
  Fragile& operator=(Fragile&&) = default;
  std::uint64_t frame;
};

}  // namespace

TEST_CASE("A result that cannot be copied for the process hook is an export that failed, not a second count",
          "[inference][faults]") {
  struct Makes {
    Fragile run(std::span<const si::Frame> frames) { return Fragile{frames.back().index()}; }
  };
  struct Keeps {
    void collect(const si::Record<Fragile>&) {}
  } exporter;
  ScriptedProducer producer{steady_script(9, 25)};
  si::FrameTracker<8> tracker;
  si::Inference inference{tracker, exporter, si::load_algo("a", Makes{}, si::Schedule{})};
  inference.process([](const si::Frame&, const auto&) {});
  si::Player player{producer, tracker};
  // The hook's own copy may fail too; that ends the run, as what a hook throws does.
  try {
    inference.start(player);
  } catch (const std::runtime_error& error) {
    CHECK(std::string{error.what()} == "no copy");
  }
  check_adds_up(inference.report());
  CHECK(inference.report().algos[0].failures == 0);
  CHECK(inference.report().algos[0].export_failures > 0);
}

// A source that fails

TEST_CASE("start throws what keeps the source from being opened, and reports a run that failed",
          "[inference][faults]") {
  const si::Mode mode = GENERATE(from_range(both_modes));
  const bool with_hook = GENERATE(false, true);
  Script script = steady_script(10, 25);
  script.on_open = [](const si::OpenOptions&) { throw std::runtime_error{"no such camera"}; };
  ScriptedProducer producer{script};
  si::FrameTracker<8> tracker;
  Witness exporter;
  si::Inference inference{tracker, exporter, si::load_algo("a", Look{}, si::Schedule{})};
  if (with_hook) inference.process([](const si::Frame&, const auto&) {});
  si::Player player{producer, tracker, "rtsp://admin:1234@cam/1"};
  const si::Error error = error_of([&] { inference.start(player, {.mode = mode}); });
  CHECK(std::string{error.what()} == "open 'rtsp://***@cam/1': no such camera");
  const si::RunReport& report = inference.report();
  check_adds_up(report);
  CHECK(report.mode == mode);
  CHECK(report.end == si::PlayState::failed);
  CHECK(report.source.frames_seen == 0);
  CHECK(report.algos.at(0).dues == 0);
  CHECK(report.media_time == 0s);
}

TEST_CASE("A source that fails in the middle: start throws, after what came before has run and been exported",
          "[inference][faults]") {
  const si::Mode mode = GENERATE(from_range(both_modes));
  Script script = steady_script(10, 25);
  script.on_read = [](std::size_t next, const std::stop_token&) {
    if (next == 6) throw std::runtime_error{"cable cut"};
  };
  ScriptedProducer producer{script};
  si::FrameTracker<8> tracker;
  Witness exporter;
  si::Inference inference{tracker, exporter, si::load_algo("a", Look{}, si::Schedule{})};
  si::ManualClock clock;
  const RunningTime time{clock};
  si::Player player{producer, tracker, "rtsp://admin:1234@cam/1", clock};
  const si::Error error = error_of([&] { inference.start(player, {.mode = mode}); });
  CHECK(std::string{error.what()} == "read 'rtsp://***@cam/1': cable cut");
  check_adds_up(inference.report());
  CHECK(inference.report().end == si::PlayState::failed);
  CHECK(inference.report().source.frames_played == 6);
  CHECK(inference.report().algos[0].runs == 6);
  CHECK(exporter.collected == std::vector<std::uint64_t>{0, 1, 2, 3, 4, 5});
  CHECK(exporter.sends > 0);
}

TEST_CASE("After a failure the next run is counted from nothing", "[inference][faults]") {
  const si::Mode mode = GENERATE(from_range(both_modes));
  bool broken = true;
  Script script = steady_script(10, 1000);
  script.on_read = [&](std::size_t next, const std::stop_token&) {
    if (next == 6 && broken) throw std::runtime_error{"cable cut"};
  };
  ScriptedProducer producer{script};
  si::FrameTracker<16> tracker;
  Looks exporter;
  si::Inference inference{tracker, exporter, si::load_algo("a", Look{}, si::Schedule{})};
  si::Player player{producer, tracker};
  CHECK_THROWS_AS(inference.start(player, {.mode = mode}), si::Error);
  broken = false;
  const si::RunReport report = inference.start(player, {.mode = mode});
  check_adds_up(report);
  CHECK(report.end == si::PlayState::ended);
  CHECK(report.algos[0].dues == 10);
}

TEST_CASE("A rate or position that makes no sense is a run that failed, not the one of before", "[inference][faults]") {
  const si::Mode mode = GENERATE(from_range(both_modes));
  ScriptedProducer producer{steady_script(10, 1000)};
  si::FrameTracker<16> tracker;
  Looks exporter;
  si::Inference inference{tracker, exporter, si::load_algo("a", Look{}, si::Schedule{})};
  si::Player player{producer, tracker};
  check_adds_up(inference.start(player));
  si::StartOptions options;
  options.mode = mode;
  SECTION("rate 0") { options.fps = 0; }
  SECTION("negative rate") { options.fps = -25; }
  SECTION("negative position") { options.position = -1s; }
  CHECK(error_of([&] { inference.start(player, options); }).code() == si::Errc::invalid_argument);
  check_adds_up(inference.report());
  CHECK(inference.report().end == si::PlayState::failed);
  CHECK(inference.report().source.frames_seen == 0);
  CHECK(inference.report().algos[0].dues == 0);
  check_adds_up(inference.start(player));
}

TEST_CASE("A Player that plays already is busy: start throws, and does not touch that play", "[inference][faults]") {
  const si::Mode mode = GENERATE(from_range(both_modes));
  ScriptedProducer producer{steady_script(100'000, 1000)};
  si::FrameTracker<16> tracker;
  Looks exporter;
  si::Inference inference{tracker, exporter, si::load_algo("a", Look{}, si::Schedule{})};
  si::Player player{producer, tracker, "clip.mp4"};
  player.play_realtime();
  REQUIRE(eventually([&] { return player.stats().frames_played > 5; }));
  const si::Error error = error_of([&] { inference.start(player, {.mode = mode}); });
  CHECK(error.code() == si::Errc::busy);
  CHECK(player.is_active());
  check_adds_up(inference.stats()[0]);
  CHECK(inference.stats()[0].dues == 0);  // that play is not this run's
  const std::uint64_t before = player.stats().frames_played;
  CHECK(eventually([&] { return player.stats().frames_played > before; }));
  player.stop();
}

TEST_CASE("A Player that plays into another tracker is refused", "[inference][faults]") {
  const si::Mode mode = GENERATE(from_range(both_modes));
  ScriptedProducer producer{steady_script(10, 1000)};
  si::FrameTracker<16> tracker, other;
  Looks exporter;
  si::Inference inference{tracker, exporter, si::load_algo("a", Look{}, si::Schedule{})};
  si::Player player{producer, other, "clip.mp4"};
  const si::Error error = error_of([&] { inference.start(player, {.mode = mode}); });
  CHECK(error.code() == si::Errc::invalid_argument);
  CHECK(error.step() == "start");
  CHECK_THAT(error.reason(), Catch::Matchers::ContainsSubstring("another FrameTracker"));
  CHECK(player.stats().frames_seen == 0);
}

// Algorithms that hang

TEST_CASE("While an algorithm hangs the play can still be stopped at once", "[inference][faults][stop]") {
  std::atomic<bool> inside{false}, go_on{false};
  struct Hangs {
    void run(std::span<const si::Frame>) {
      *inside = true;
      static_cast<void>(eventually([this] { return go_on->load(); }));
    }
    std::atomic<bool>* inside;
    std::atomic<bool>* go_on;
  };
  ScriptedProducer producer{steady_script(100'000, 1000)};
  si::FrameTracker<16> tracker;
  Looks exporter;
  si::Inference inference{tracker, exporter, si::load_algo("hangs", Hangs{&inside, &go_on}, si::Schedule{})};
  si::Player player{producer, tracker};
  CHECK(at_best(200ms, [&] {
          inside = go_on = false;
          std::chrono::nanoseconds took{};
          std::jthread stopper{[&] {
            static_cast<void>(eventually([&] { return inside.load(); }));
            const Stopwatch watch;
            player.stop();
            took = watch.elapsed();
            go_on = true;
          }};
          check_adds_up(inference.start(player, {.mode = si::Mode::realtime}));
          stopper.join();
          return took;
        }) < 200ms);
}
