#include "stream_infer/inference/run_watch.hpp"

#include "stream_infer/exporter/memory_exporter.hpp"
#include "stream_infer/inference/inference.hpp"
#include "stream_infer/player/player.hpp"
#include "stream_infer/tracker/frame_tracker.hpp"
#include "support/catch.hpp"
#include "support/error_of.hpp"
#include "support/fault_row.hpp"
#include "support/scripted_producer.hpp"
#include "support/stopwatch.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

namespace si = stream_infer;
using namespace std::chrono_literals;
using stream_infer::test::eventually;
using stream_infer::test::Script;
using stream_infer::test::ScriptedProducer;
using stream_infer::test::steady_script;

namespace {

/// Does not return from its `at`th run before it is let go.
struct Hanging {
  int run(std::span<const si::Frame>) {
    if (++runs == at)
      while (!*let_go) std::this_thread::sleep_for(1ms);
    return 0;
  }
  std::atomic<bool>* let_go;
  int at = 3;
  int runs = 0;
};

struct Counting {
  int run(std::span<const si::Frame>) { return ++*runs; }
  std::atomic<int>* runs;
};

struct Ignoring {
  template <class T>
  void collect(const si::Record<T>&) {}
};

struct Heard {
  std::string algorithm;
  std::uint64_t frame_index;
  si::MediaTime time, lasting;
  bool awaited;
};

/// What is told, by any thread.
class Listener {
 public:
  void operator()(const si::SlowRun& run) {
    const std::lock_guard lock{mutex_};
    all_.push_back({std::string{run.algorithm}, run.frame_index, run.time, run.lasting, run.awaited});
  }
  [[nodiscard]] std::vector<Heard> all() {
    const std::lock_guard lock{mutex_};
    return all_;
  }

 private:
  std::mutex mutex_;
  std::vector<Heard> all_;
};

/// Many frames, as fast as they are asked for.
ScriptedProducer live_source() {
  Script script = steady_script(100'000, 25);
  script.info.live = true;
  script.on_read = [](std::size_t, const std::stop_token&) { std::this_thread::sleep_for(200us); };
  return ScriptedProducer{script};
}

}  // namespace

TEST_CASE("A run that hangs is told of while it does; the others go on, and so does a stop", "[inference]") {
  si::test::FaultRow row{46, "an algorithm hangs in its third run; stop() meanwhile",
                         "other lanes go on; stop <= 200 ms; what is waited for is named"};
  ScriptedProducer producer = live_source();
  si::FrameTracker<> tracker;
  Ignoring exporter;
  std::atomic<bool> let_go{false};
  std::atomic<int> others{0};
  Listener listener;
  si::Inference inference{tracker, exporter, si::load_algo("hanging", Hanging{&let_go}, si::Schedule{}),
                          si::load_algo("counting", Counting{&others}, si::Schedule{})};
  si::Player player{producer, tracker, "camera"};
  si::RunReport report;
  std::thread runner{[&] {
    report = inference.start(
        player,
        {.mode = si::Mode::realtime, .run_limit = 20ms, .on_slow_run = [&](const si::SlowRun& run) { listener(run); }});
  }};
  CHECK(eventually([&] { return !listener.all().empty(); }));
  const Heard first = listener.all().front();
  CHECK(first.algorithm == "hanging");
  CHECK(first.lasting >= 20ms);
  CHECK_FALSE(first.awaited);
  const auto running = inference.stats()[0].running;
  REQUIRE(running);
  CHECK(running->frame_index == first.frame_index);
  CHECK(running->time == first.time);
  const int before = others;
  CHECK(eventually([&] { return others > before + 10; }));  // not held up

  const si::test::Stopwatch stopwatch;
  player.stop();
  const auto took = stopwatch.elapsed();
  CHECK(took < si::test::soon);
  CHECK(eventually([&] { return !listener.all().empty() && listener.all().back().awaited; }));
  const Heard last = listener.all().back();
  CHECK(last.algorithm == "hanging");
  CHECK(last.frame_index == first.frame_index);
  let_go = true;
  runner.join();
  CHECK(report.adds_up());
  CHECK(report.algos[0].slow_runs == 1);
  CHECK(report.algos[0].longest_run >= 20ms);
  CHECK_FALSE(report.algos[0].running);
  CHECK(report.end == si::PlayState::stopped);
  row.happened("stop took " + si::test::milliseconds(took) + ", named \"" + last.algorithm + "\" after " +
               si::test::milliseconds(last.lasting) + ", the other lane ran on");
}

TEST_CASE("A run that lasts is told of again each time that it has lasted twice as long", "[inference]") {
  ScriptedProducer producer{steady_script(5, 25)};
  si::FrameTracker<> tracker;
  Ignoring exporter;
  std::atomic<bool> let_go{false};
  Listener listener;
  si::Inference inference{tracker, exporter, si::load_algo("hanging", Hanging{&let_go, 1}, si::Schedule{})};
  si::Player player{producer, tracker};
  std::thread runner{[&] {
    static_cast<void>(
        inference.start(player, {.run_limit = 10ms, .on_slow_run = [&](const si::SlowRun& run) { listener(run); }}));
  }};
  CHECK(eventually([&] { return listener.all().size() >= 4; }));
  let_go = true;
  runner.join();
  const std::vector<Heard> all = listener.all();
  for (std::size_t i = 1; i < all.size(); ++i) CHECK(all[i].lasting >= 2 * all[i - 1].lasting);
}

TEST_CASE("Who hears of a run that lasts may stop the play", "[inference]") {
  ScriptedProducer producer{steady_script(100, 25)};
  si::FrameTracker<> tracker;
  Ignoring exporter;
  std::atomic<bool> let_go{false};
  si::Inference inference{tracker, exporter, si::load_algo("hanging", Hanging{&let_go}, si::Schedule{})};
  si::Player player{producer, tracker};
  std::atomic<bool> was_awaited{false};
  const si::RunReport report = inference.start(player, {.run_limit = 10ms, .on_slow_run = [&](const si::SlowRun& run) {
                                                          if (!run.awaited) return player.stop();
                                                          was_awaited = true;
                                                          let_go = true;
                                                        }});
  CHECK(was_awaited);
  CHECK(report.end == si::PlayState::stopped);
  CHECK(report.algos[0].runs == 3);
  CHECK(report.adds_up());
}

TEST_CASE("Nothing is told of runs within the limit, and without a limit of none that is not waited for",
          "[inference]") {
  ScriptedProducer producer{steady_script(300, 25)};
  si::FrameTracker<> tracker;
  Ignoring exporter;
  std::atomic<int> runs{0};
  Listener listener;
  si::Inference inference{tracker, exporter, si::load_algo("counting", Counting{&runs}, si::Schedule{})};
  si::Player player{producer, tracker};
  const auto hear = [&](const si::SlowRun& run) { listener(run); };
  const si::RunReport report = inference.start(player, {.run_limit = 1h, .on_slow_run = hear});
  CHECK(report.algos[0].slow_runs == 0);
  static_cast<void>(inference.start(player, {.on_slow_run = hear}));
  CHECK(listener.all().empty());
}

TEST_CASE("A run limit that makes no sense is refused", "[inference]") {
  ScriptedProducer producer{steady_script(3, 25)};
  si::FrameTracker<> tracker;
  Ignoring exporter;
  std::atomic<int> runs{0};
  si::Inference inference{tracker, exporter, si::load_algo("counting", Counting{&runs}, si::Schedule{})};
  si::Player player{producer, tracker};
  const si::Error error = si::test::error_of([&] { static_cast<void>(inference.start(player, {.run_limit = -1s})); });
  CHECK(error.code() == si::Errc::invalid_argument);
  CHECK(runs == 0);
}
