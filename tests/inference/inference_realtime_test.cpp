#include "stream_infer/core/manual_clock.hpp"
#include "stream_infer/inference/inference.hpp"
#include "stream_infer/player/player.hpp"
#include "stream_infer/tracker/frame_tracker.hpp"
#include "support/catch.hpp"
#include "support/model.hpp"
#include "support/random.hpp"
#include "support/random_source.hpp"
#include "support/runs.hpp"
#include "support/scripted_producer.hpp"
#include "support/stopwatch.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <functional>
#include <memory>
#include <numeric>
#include <span>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace si = stream_infer;
namespace model = stream_infer::test::model;
using namespace std::chrono_literals;
using stream_infer::test::at_best;
using stream_infer::test::check_adds_up;
using stream_infer::test::eventually;
using stream_infer::test::for_random_cases;
using stream_infer::test::Frames;
using stream_infer::test::Look;
using stream_infer::test::Looks;
using stream_infer::test::Random;
using stream_infer::test::RunningTime;
using stream_infer::test::runs_of;
using stream_infer::test::Script;
using stream_infer::test::ScriptedProducer;
using stream_infer::test::source_index;
using stream_infer::test::steady_script;
using stream_infer::test::Stopwatch;
using stream_infer::test::wait_for;

namespace {

constexpr si::Mode realtime = si::Mode::realtime;

/// Looks, and takes its time on a clock that is driven by hand.
struct SlowLook {
  Frames run(std::span<const si::Frame> frames) {
    clock.sleep_until(clock.now() + takes(frames.back().index()), {});
    return Look{}.run(frames);
  }
  si::ManualClock clock;
  std::function<si::MediaTime(std::uint64_t)> takes;
};

/// How long a run that ends at frame `index` takes: up to twice `mean`, and never a round number.
si::MediaTime duration(std::uint64_t seed, si::MediaTime mean, std::uint64_t index) {
  Random random{seed * 1'000'003 + index};
  return si::MediaTime{random.between(0, 2 * mean.count()) / 2 * 2 + 1};
}

struct Slow {
  std::uint64_t dues = 0;
  si::Misses missed;
  std::vector<model::Run> runs;
};

/// What a lane makes of its dues when a run takes `takes(frame)`, told from the lane's side: "A lane still busy at a due
/// takes the latest due that the tracker still holds; those passed over are misses with cause busy, one no longer held is
/// a miss with cause overwritten."
template <class Takes>
Slow slow_account(const model::Play& play, const si::Schedule& schedule, std::size_t capacity, Takes takes) {
  Slow out;
  const std::vector<std::uint64_t> dues = play.dues_for(schedule.interval);
  const std::size_t span = (schedule.frame_count - 1) * schedule.frame_step + 1;
  std::size_t looked_at = 0;
  bool busy = false;
  si::MediaTime free_at{};
  const auto look = [&](std::size_t played, si::MediaTime now) {
    std::size_t due = played;
    while (due > looked_at && dues[due - 1] == 0) --due;
    if (due == looked_at) return;
    --due;  // the latest
    const std::uint64_t passed = std::accumulate(dues.begin() + static_cast<std::ptrdiff_t>(looked_at),
                                                 dues.begin() + static_cast<std::ptrdiff_t>(due), std::uint64_t{0});
    looked_at = played;
    out.dues += passed + dues[due];
    const auto held = [&](std::size_t frame) { return frame + capacity >= played; };
    if (!held(due)) {
      out.missed.busy += passed + dues[due] - 1;
      ++out.missed.overwritten;
      return;
    }
    out.missed.busy += passed;
    out.missed.gap += dues[due] - 1;
    if (due + 1 < span) {
      ++out.missed.warm_up;
    } else if (!held(due + 1 - span)) {
      ++out.missed.overwritten;
    } else {
      model::Run run{due, play.time(due), {}};
      for (std::size_t back = schedule.frame_count; back-- > 0;)
        run.window.push_back(play.source_index(due - back * schedule.frame_step));
      out.runs.push_back(run);
      busy = true;
      free_at = now + takes(due);
    }
  };
  for (std::size_t n = 0; n < play.size(); ++n) {
    while (busy && free_at <= play.time(n)) {
      busy = false;
      look(n, free_at);
    }
    if (!busy) look(n + 1, play.time(n));
  }
  while (busy) {
    busy = false;
    look(play.size(), free_at);
  }
  return out;
}

/// Everything of a report that a repeated run must give again.
struct Counts {
  explicit Counts(const si::RunReport& report)
      : end{report.end},
        seen{report.source.frames_seen},
        played{report.source.frames_played},
        skipped{report.source.skipped} {
    for (const si::AlgoStats& algo : report.algos) {
      algos.emplace_back(algo.dues, algo.runs);
      missed.push_back(algo.missed);
    }
  }
  si::PlayState end;
  std::uint64_t seen, played;
  si::Skips skipped;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> algos;
  std::vector<si::Misses> missed;

  friend bool operator==(const Counts&, const Counts&) = default;
};

/// All records in the order in which the exporter got them.
std::vector<std::pair<std::string, model::Run>> sequence(const Looks& exporter) {
  std::vector<std::pair<std::string, model::Run>> out;
  for (const auto& record : exporter.results())
    out.emplace_back(std::string{record.algo.view()}, model::Run{record.frame_index, record.time, record.value});
  return out;
}

/// A live source that gives its next frame when all dues so far have been accounted for, so that nothing depends on how
/// fast threads are woken.
Script in_step(Script script, std::vector<std::vector<std::uint64_t>> dues,
               std::function<std::vector<si::AlgoStats>()> stats) {
  script.info.live = true;
  script.on_read = [dues = std::move(dues), stats = std::move(stats)](std::size_t next, const std::stop_token& stop) {
    static_cast<void>(eventually([&] {
      const std::vector<si::AlgoStats> now = stats();
      for (std::size_t lane = 0; lane < dues.size(); ++lane) {
        const auto begin = dues[lane].begin();
        const std::uint64_t expected =
            std::accumulate(begin, begin + static_cast<std::ptrdiff_t>(next), std::uint64_t{0});
        const si::AlgoStats& algo = now[lane];
        if (algo.runs + algo.failures + algo.missed.total() < expected && !stop.stop_requested()) return false;
      }
      return true;
    }));
  };
  return script;
}

}  // namespace

// The same runs as offline

TEST_CASE("In realtime fast algorithms give the very runs of offline, over any stream and any schedules",
          "[inference][realtime][property]") {
  for_random_cases(80, [](Random& random) {
    const model::Source source = stream_infer::test::random_source(random, random.between(1, 60));
    const auto fps = stream_infer::test::random_play_rate(random, source);
    const si::MediaTime position = stream_infer::test::random_position(random, source);
    const model::Play play{source, fps, position};
    const std::int64_t capacity = random.between(5, 30);
    const si::MediaTime interval = stream_infer::test::random_interval(random, play.rate);
    const si::Schedule one = stream_infer::test::random_schedule(random, play.rate, capacity);
    const si::Schedule two = stream_infer::test::random_schedule(random, play.rate, capacity);

    ScriptedProducer producer{stream_infer::test::script_of(source)};
    si::FrameTracker tracker{static_cast<std::size_t>(capacity)};
    Looks exporter;
    si::Inference inference{tracker, exporter,
                            si::load_algo<si::Sampling{.frame_count = 3, .frame_step = 2}>("fixed", Look{}, interval),
                            si::load_algo("one", Look{}, one), si::load_algo("two", Look{}, two)};
    si::ManualClock clock;
    const RunningTime time{clock};
    si::Player player{producer, tracker, "", clock};
    const si::RunReport report = inference.start(player, {.fps = fps, .mode = realtime, .position = position});

    check_adds_up(report);
    REQUIRE(report.mode == realtime);
    const std::vector<model::Account> expected{model::account(play, {3, 2, interval}), model::account(play, one),
                                               model::account(play, two)};
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const si::AlgoStats& algo = report.algos[i];
      INFO(algo);
      REQUIRE(runs_of(exporter, algo.name) == expected[i].runs);
      REQUIRE(algo.dues == expected[i].dues);
      REQUIRE(algo.missed == si::Misses{.gap = expected[i].gap, .warm_up = expected[i].warm_up});
    }
  });
}

TEST_CASE("On real threads fast algorithms give the very runs of offline", "[inference][realtime]") {
  const model::Source source = [] {
    Random random{7};
    return stream_infer::test::random_source(random, 400, true, true);
  }();
  const model::Play play{source, {}, 0s};
  const si::MediaTime period = si::period_of(*source.fps);
  const std::vector<si::Schedule> schedules{{1, 1, 0s}, {2, 3, 4 * period}, {4, 5, 7 * period}};
  std::vector<std::vector<std::uint64_t>> dues;
  for (const si::Schedule& schedule : schedules) dues.push_back(play.dues_for(schedule.interval));

  si::FrameTracker<16> tracker;
  Looks exporter;
  si::Inference inference{tracker, exporter, si::load_algo("0", Look{}, schedules[0]),
                          si::load_algo("1", Look{}, schedules[1]), si::load_algo("2", Look{}, schedules[2])};
  ScriptedProducer producer{in_step(stream_infer::test::script_of(source), dues, [&] { return inference.stats(); })};
  si::Player player{producer, tracker};
  const si::RunReport report = inference.start(player, {.mode = realtime});
  check_adds_up(report);
  for (std::size_t i = 0; i < schedules.size(); ++i) {
    const model::Account expected = model::account(play, schedules[i]);
    CHECK(runs_of(exporter, std::to_string(i)) == expected.runs);
    CHECK(report.algos[i].missed == si::Misses{.gap = expected.gap, .warm_up = expected.warm_up});
  }
}

TEST_CASE("A source that has stalled does not run ahead of the algorithms afterwards", "[inference][realtime]") {
  Script script = steady_script(400, 1000);
  script.on_read = [](std::size_t next, const std::stop_token&) {
    if (next == 20) std::this_thread::sleep_for(300ms);
  };
  ScriptedProducer producer{script};
  std::uint64_t most = 0;
  for (int attempt = 0; attempt < 5 && most < 30; ++attempt) {  // the machine may have other things to do
    si::FrameTracker<16> tracker;
    Looks exporter;
    si::Inference inference{tracker, exporter, si::load_algo("a", Look{}, si::Schedule{.interval = 10ms})};
    si::Player player{producer, tracker};
    const si::RunReport report = inference.start(player, {.mode = realtime});
    check_adds_up(report);
    CHECK(report.algos[0].dues == 40);
    most = std::max(most, report.algos[0].runs);
  }
  CHECK(most >= 30);
}

TEST_CASE("In real time the runs are those of offline, less the misses that are counted", "[inference][realtime]") {
  ScriptedProducer producer{steady_script(400, 1000)};
  si::FrameTracker<32> tracker;
  Looks offline, live;
  struct Lazy {
    Frames run(std::span<const si::Frame> frames) {
      std::this_thread::sleep_for(takes);
      return Look{}.run(frames);
    }
    si::MediaTime takes;
  };
  const auto make = [&](Looks& exporter, bool slow) {
    const auto lazy = [slow](si::MediaTime takes) { return Lazy{slow ? takes : 0ms}; };
    return si::Inference{
        tracker,
        exporter,
        si::load_algo("quick", Look{}, si::Schedule{.interval = 20ms}),
        si::load_algo("every", lazy(3ms), si::Schedule{}),
        si::load_algo("lazy", lazy(25ms), si::Schedule{.frame_count = 4, .frame_step = 3, .interval = 10ms}),
        si::load_algo("hung", lazy(70ms), si::Schedule{.frame_count = 2, .interval = 50ms})};
  };
  si::Player player{producer, tracker};
  auto first = make(offline, false);
  auto second = make(live, true);
  const si::RunReport expected = first.start(player);
  const si::RunReport report = second.start(player, {.mode = realtime});
  check_adds_up(expected);
  check_adds_up(report);
  CHECK(report.end == si::PlayState::ended);
  CHECK(report.source.frames_played == 400);
  for (std::size_t i = 0; i < report.algos.size(); ++i) {
    const si::AlgoStats& algo = report.algos[i];
    INFO(algo);
    const auto all = runs_of(offline, algo.name);
    const auto some = runs_of(live, algo.name);
    CHECK(algo.dues == expected.algos[i].dues);
    CHECK(algo.runs == some.size());
    CHECK_FALSE(some.empty());
    // each a run of offline, on the same window, in the same order
    auto next = all.begin();
    for (const model::Run& run : some) {
      next = std::find(next, all.end(), run);
      REQUIRE(next != all.end());
      ++next;
    }
  }
  CHECK(report.algos[3].missed.busy + report.algos[3].missed.overwritten > 0);
}

// Slowness, to the bit

TEST_CASE("What a slow algorithm misses, and why, is what the sentences say", "[inference][realtime][property]") {
  si::Misses all;
  for_random_cases(120, [&all](Random& random) {
    const model::Source source = stream_infer::test::random_source(random, random.between(1, 70));
    const auto fps = stream_infer::test::random_play_rate(random, source);
    const si::MediaTime position = stream_infer::test::random_position(random, source);
    const model::Play play{source, fps, position};
    const std::int64_t capacity = random.between(3, 16);
    const auto seed = static_cast<std::uint64_t>(random.between(0, 1'000'000));
    const si::MediaTime period = si::period_of(play.rate);
    std::vector<si::Schedule> schedules;
    std::vector<std::function<si::MediaTime(std::uint64_t)>> takes;
    for (std::uint64_t lane = 0; lane < 3; ++lane) {
      schedules.push_back(stream_infer::test::random_schedule(random, play.rate, capacity));
      const si::MediaTime mean = period * random.between(0, 2 * capacity) / 2;
      takes.emplace_back([seed, lane, mean](std::uint64_t frame) { return duration(seed + lane, mean, frame); });
    }

    ScriptedProducer producer{stream_infer::test::script_of(source)};
    si::FrameTracker tracker{static_cast<std::size_t>(capacity)};
    Looks exporter;
    si::ManualClock clock;
    si::Inference inference{tracker, exporter, si::load_algo("0", SlowLook{clock, takes[0]}, schedules[0]),
                            si::load_algo("1", SlowLook{clock, takes[1]}, schedules[1]),
                            si::load_algo("2", SlowLook{clock, takes[2]}, schedules[2])};
    const RunningTime time{clock};
    si::Player player{producer, tracker, "", clock};
    const si::RunReport report = inference.start(player, {.fps = fps, .mode = realtime, .position = position});

    check_adds_up(report);
    REQUIRE(report.end == si::PlayState::ended);
    for (std::size_t i = 0; i < 3; ++i) {
      const Slow expected = slow_account(play, schedules[i], static_cast<std::size_t>(capacity), takes[i]);
      const si::AlgoStats& algo = report.algos[i];
      INFO(algo << "; every " << schedules[i].interval.count() << " ns, window of " << schedules[i].frame_count
                << " by " << schedules[i].frame_step << ", " << capacity << " frames held, " << play.size()
                << " played at " << play.rate);
      REQUIRE(runs_of(exporter, algo.name) == expected.runs);
      REQUIRE(algo.dues == expected.dues);
      REQUIRE(algo.missed == expected.missed);
      all.gap += algo.missed.gap;
      all.warm_up += algo.missed.warm_up;
      all.busy += algo.missed.busy;
      all.overwritten += algo.missed.overwritten;
    }
  });
  CHECK(all.gap > 0);  // every cause did occur
  CHECK(all.warm_up > 0);
  CHECK(all.busy > 0);
  if (si::test::rounds() >= 1) CHECK(all.overwritten > 0);
}

TEST_CASE("With a ManualClock a realtime run is the same to the bit, again and again", "[inference][realtime]") {
  Script script = steady_script(100, 25);
  for (std::size_t i = 50; i < 100; ++i) script.times[i] += 2s;  // with a gap
  ScriptedProducer producer{script};
  si::FrameTracker<16> tracker;

  const auto run = [&] {
    Looks exporter;
    si::ManualClock clock;
    const auto constant = [](si::MediaTime takes) { return [takes](std::uint64_t) { return takes; }; };
    si::Inference inference{
        tracker, exporter,
        // 40 ms and its multiples: everybody's deadlines fall together again and again
        si::load_algo("steady", SlowLook{clock, constant(40ms)}, si::Schedule{.interval = 40ms}),
        si::load_algo("busy", SlowLook{clock, constant(120ms)},
                      si::Schedule{.frame_count = 3, .frame_step = 2, .interval = 80ms}),
        si::load_algo("sleepy", SlowLook{clock, constant(800ms)},
                      si::Schedule{.frame_count = 4, .frame_step = 4, .interval = 200ms}),
        si::load_algo("odd", SlowLook{clock, [](std::uint64_t frame) { return duration(9, 100ms, frame); }},
                      si::Schedule{}),
        si::load_algo<si::Sampling{.frame_count = 2, .frame_step = 5}>("fast", Look{}, 120ms)};
    const RunningTime time{clock};
    si::Player player{producer, tracker, "", clock};
    const si::RunReport report = inference.start(player, {.mode = realtime});
    check_adds_up(report);
    return std::pair{sequence(exporter), Counts{report}};
  };

  const auto first = run();
  si::Misses all;
  for (const si::Misses& missed : first.second.missed) {
    all.gap += missed.gap;
    all.warm_up += missed.warm_up;
    all.busy += missed.busy;
    all.overwritten += missed.overwritten;
  }
  CHECK(all.gap > 0);
  CHECK(all.warm_up > 0);
  CHECK(all.busy > 0);
  if (si::test::rounds() >= 1) CHECK(all.overwritten > 0);
  for (int i = 0; i < 20; ++i) {
    const auto again = run();
    REQUIRE(again.first == first.first);
    REQUIRE(again.second == first.second);
  }
}

// Lanes on their own

TEST_CASE("An algorithm that hangs costs the others nothing, and playing neither", "[inference][realtime]") {
  const model::Source source{steady_script(200, 25).times, si::Rational{25}};
  const model::Play play{source, {}, 0s};
  std::atomic<bool> go_on{false};
  struct Hangs {
    Frames run(std::span<const si::Frame> frames) {
      static_cast<void>(eventually([this] { return go_on->load(); }));
      return Look{}.run(frames);
    }
    std::atomic<bool>* go_on;
  };
  si::FrameTracker<16> tracker;
  Looks exporter;
  si::Inference inference{
      tracker, exporter, si::load_algo("every", Look{}, si::Schedule{}),
      si::load_algo("some", Look{}, si::Schedule{.frame_count = 3, .frame_step = 2, .interval = 120ms}),
      si::load_algo("hangs", Hangs{&go_on}, si::Schedule{.interval = 200ms})};
  ScriptedProducer producer{
      in_step(steady_script(200, 25), {play.dues_for(0s), play.dues_for(120ms)}, [&] { return inference.stats(); })};
  si::Player player{producer, tracker};
  std::jthread helper{[&] {  // it hangs until everything has been played
    static_cast<void>(eventually([&] { return player.stats().frames_played == 200; }));
    static_cast<void>(eventually([&] { return !player.is_active(); }));
    go_on = true;
  }};
  const si::RunReport report = inference.start(player, {.mode = realtime});
  helper.join();
  check_adds_up(report);
  CHECK(report.source.frames_played == 200);
  CHECK(runs_of(exporter, "every") == model::account(play, {1, 1, 0s}).runs);
  CHECK(runs_of(exporter, "some") == model::account(play, {3, 2, 120ms}).runs);
  CHECK(report.algos[0].missed == si::Misses{});
  CHECK(report.algos[1].missed == si::Misses{.warm_up = 1});
  // the one that hung ran at the first due that it was awake for, and at the end took the latest
  Frames hung;
  for (const model::Run& run : runs_of(exporter, "hangs")) hung.push_back(run.window.at(0));
  REQUIRE(hung.size() == 2);
  CHECK(hung[1] == 199);
  CHECK(report.algos[2].dues == 40);
  CHECK(report.algos[2].missed == si::Misses{.busy = 38});
}

TEST_CASE("Calls to the exporter never overlap", "[inference][realtime]") {
  struct Alone {
    void collect(const si::Record<Frames>&) { enter(); }
    void on_error(const si::RunError&) { enter(); }
    void send_all() { enter(); }
    void enter() {
      if (inside.fetch_add(1) != 0) overlapped = true;
      for (int i = 0; i < 100; ++i) inside.load();
      inside.fetch_sub(1);
      ++calls;
    }
    std::atomic<int> inside{0};
    std::atomic<bool> overlapped{false};
    int calls = 0;
  };
  struct ThrowsNowAndThen {
    Frames run(std::span<const si::Frame> frames) {
      if (frames.back().index() % 3 == 0) throw std::runtime_error{"now and then"};
      return {};
    }
  };
  ScriptedProducer producer{steady_script(300, 2000)};
  si::FrameTracker<32> tracker;
  Alone exporter;
  si::Inference inference{tracker,
                          exporter,
                          si::load_algo("a", Look{}, si::Schedule{}),
                          si::load_algo("b", Look{}, si::Schedule{}),
                          si::load_algo("c", ThrowsNowAndThen{}, si::Schedule{}),
                          si::load_algo("d", Look{}, si::Schedule{})};
  si::Player player{producer, tracker};
  check_adds_up(inference.start(player, {.mode = realtime}));
  CHECK_FALSE(exporter.overlapped);
  CHECK(exporter.calls > 0);
}

TEST_CASE("Idle lanes sleep", "[inference][realtime]") {
  Script script = steady_script(3, 25);
  script.info.live = true;
  script.on_read = [](std::size_t next, const std::stop_token&) {
    if (next == 2) std::this_thread::sleep_for(400ms);
  };
  ScriptedProducer producer{script};
  si::FrameTracker<8> tracker;
  Looks exporter;
  const auto lane = [](const char* name) { return si::load_algo(name, Look{}, si::Schedule{.interval = 40ms}); };
  si::Inference inference{tracker, exporter, lane("a"), lane("b"), lane("c"), lane("d")};
  si::Player player{producer, tracker};
  const std::clock_t before = std::clock();  // of the whole process, on all cores
  check_adds_up(inference.start(player, {.mode = realtime}));
  CHECK(static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC < 0.2);
}

// By hand

TEST_CASE("The realtime loop by hand gives the runs that start gives", "[inference][realtime][manual]") {
  const bool by_loop = GENERATE(false, true);
  const model::Source source{steady_script(200, 25).times, si::Rational{25}};
  const model::Play play{source, {}, 0s};
  const std::vector<si::Schedule> schedules{{1, 1, 200ms}, {3, 2, 360ms}};
  si::FrameTracker<16> tracker;
  Looks exporter;
  si::Inference inference{tracker, exporter, si::load_algo("0", Look{}, schedules[0]),
                          si::load_algo("1", Look{}, schedules[1])};
  ScriptedProducer producer{
      in_step(steady_script(200, 25), {play.dues_for(200ms), play.dues_for(360ms)}, [&] { return inference.stats(); })};
  si::Player player{producer, tracker};
  player.play_realtime();
  std::size_t ran = 0;
  if (by_loop) {
    std::jthread loop{[&](const std::stop_token& stop) { inference.run_inference_loop(stop); }};
    player.wait();
  } else {
    while (player.is_active()) ran += inference.run_inference();
  }
  ran += inference.run_inference();  // what was due when the source ended
  player.stop();

  for (std::size_t i = 0; i < 2; ++i) {
    const model::Account expected = model::account(play, schedules[i]);
    CHECK(runs_of(exporter, std::to_string(i)) == expected.runs);
    check_adds_up(inference.stats()[i]);
    CHECK(inference.stats()[i].dues == expected.dues);
  }
  check_adds_up(player.stats());
  if (!by_loop) CHECK(ran == inference.stats()[0].runs + inference.stats()[1].runs);
}

TEST_CASE("A realtime loop by hand that is late takes the latest dues, and counts the rest",
          "[inference][realtime][manual]") {
  ScriptedProducer producer{steady_script(100, 5000)};
  si::FrameTracker<64> tracker;
  Looks exporter;
  si::Inference inference{tracker, exporter, si::load_algo("a", Look{}, si::Schedule{.interval = 2ms})};  // every 10th
  si::Player player{producer, tracker};
  player.play_realtime();
  player.wait();
  CHECK(inference.run_inference() == 1);
  CHECK(inference.run_inference() == 0);
  const si::AlgoStats algo = inference.stats()[0];
  check_adds_up(algo);
  CHECK(algo.dues == 10);
  CHECK(algo.missed == si::Misses{.busy = 9});
  CHECK(runs_of(exporter, "a").at(0).frame_index == 99);
}

TEST_CASE("run_inference() waits briefly while nothing is due, and not when something is",
          "[inference][realtime][manual]") {
  si::FrameTracker<8> tracker;
  Looks exporter;
  si::Inference inference{tracker, exporter, si::load_algo("a", Look{}, si::Schedule{})};
  const Stopwatch idle;
  CHECK(inference.run_inference() == 0);
  CHECK(idle.elapsed() >= 15ms);
}

TEST_CASE("run_inference_loop() returns when it is asked to stop, whatever it waits for",
          "[inference][realtime][manual]") {
  si::FrameTracker<8> tracker;
  Looks exporter;
  si::Inference inference{tracker, exporter, si::load_algo("a", Look{}, si::Schedule{})};
  for (int i = 0; i < 50; ++i) {
    REQUIRE(at_best(200ms, [&] {
              std::jthread loop{[&](const std::stop_token& stop) { inference.run_inference_loop(stop); }};
              if (i % 2 == 0) std::this_thread::sleep_for(std::chrono::microseconds{i * 20});
              const Stopwatch watch;
              loop.request_stop();
              loop.join();
              return watch.elapsed();
            }) < 200ms);
  }
}

// The process hook

TEST_CASE("In realtime the process hook sees every frame, or it is counted", "[inference][realtime][process]") {
  const bool slow = GENERATE(false, true);
  ScriptedProducer producer{steady_script(300, 1000)};
  si::FrameTracker<16> tracker;
  Looks exporter;
  si::Inference inference{tracker, exporter, si::load_algo("a", Look{}, si::Schedule{.interval = 10ms})};
  const std::thread::id here = std::this_thread::get_id();
  std::uint64_t seen = 0, next = 0;
  inference.process([&](const si::Frame& frame, const auto& latest) {
    REQUIRE(std::this_thread::get_id() == here);  // where windows may be shown
    REQUIRE(frame.index() >= next);
    REQUIRE(source_index(frame) == frame.index());
    next = frame.index() + 1;
    ++seen;
    if (const auto* record = latest.template find<Frames>("a")) REQUIRE(record->frame_index % 10 == 9);
    if (slow) std::this_thread::sleep_for(30ms);
  });
  si::Player player{producer, tracker};
  const si::RunReport report = inference.start(player, {.mode = realtime});
  check_adds_up(report);
  CHECK(report.source.frames_played == 300);
  CHECK(seen + report.process_skipped == 300);
  CHECK(next == 300);  // the last one too
  if (slow) CHECK(report.process_skipped > 0);
}

TEST_CASE("In realtime the process hook sees the records that there are", "[inference][realtime][process]") {
  const model::Source source{steady_script(100, 25).times, si::Rational{25}};
  const model::Play play{source, {}, 0s};
  si::FrameTracker<128> tracker;
  Looks exporter;
  si::Inference inference{tracker, exporter, si::load_algo("a", Look{}, si::Schedule{.interval = 400ms})};
  ScriptedProducer producer{in_step(steady_script(100, 25), {play.dues_for(400ms)}, [&] { return inference.stats(); })};
  std::uint64_t seen = 0;
  inference.process([&](const si::Frame& frame, const auto& latest) {
    ++seen;
    const auto* record = latest.template find<Frames>("a");
    if (frame.index() < 10) return;  // before that there may be none
    REQUIRE(record != nullptr);
    REQUIRE(record->frame_index >= frame.index() / 10 * 10 - 1);
  });
  si::Player player{producer, tracker};
  check_adds_up(inference.start(player, {.mode = realtime}));
  CHECK(seen == 100);
}

TEST_CASE("A process hook may stop the play, and what it throws ends the run", "[inference][realtime][process]") {
  const bool throws = GENERATE(false, true);
  ScriptedProducer producer{steady_script(100'000, 1000)};
  si::FrameTracker<16> tracker;
  Looks exporter;
  si::Inference inference{tracker, exporter, si::load_algo("a", Look{}, si::Schedule{})};
  si::Player player{producer, tracker};
  inference.process([&](const si::Frame& frame, const auto&) {
    if (frame.index() < 20) return;
    if (throws) throw std::runtime_error{"window closed"};
    player.stop();
  });
  if (throws)
    CHECK_THROWS_WITH(inference.start(player, {.mode = realtime}), "window closed");
  else
    inference.start(player, {.mode = realtime});
  check_adds_up(inference.report());
  CHECK(inference.report().end == si::PlayState::stopped);
  CHECK_FALSE(player.is_active());
}

TEST_CASE("In realtime progress is told while it goes on", "[inference][realtime][progress]") {
  const bool with_hook = GENERATE(false, true);
  ScriptedProducer producer{steady_script(700, 1000)};
  si::FrameTracker<16> tracker;
  Looks exporter;
  si::Inference inference{tracker, exporter, si::load_algo("a", Look{}, si::Schedule{.interval = 10ms})};
  std::uint64_t seen = 0;
  if (with_hook) inference.process([&](const si::Frame&, const auto&) { ++seen; });
  std::vector<si::Progress> told;
  si::Player player{producer, tracker};
  const si::RunReport report = inference.start(
      player, {.mode = realtime, .on_progress = [&](const si::Progress& progress) { told.push_back(progress); }});
  check_adds_up(report);
  CHECK(told.size() >= 2);   // every 200 ms, and at the end
  CHECK(told.size() < 350);  // not with every frame
  CHECK(std::ranges::is_sorted(told, {}, &si::Progress::position));
  CHECK(std::ranges::count_if(told, &si::Progress::finished) == 1);
  CHECK(told.back().finished);
  if (with_hook) CHECK(seen + report.process_skipped == 700);
}

// Stopping

TEST_CASE("stop() ends a realtime run; what was due and did not run is counted", "[inference][realtime][stop]") {
  std::atomic<bool> inside{false}, go_on{false};
  struct Naps {
    Frames run(std::span<const si::Frame> frames) {
      *inside = true;
      static_cast<void>(eventually([this] { return go_on->load(); }));
      return Look{}.run(frames);
    }
    std::atomic<bool>* inside;
    std::atomic<bool>* go_on;
  };
  ScriptedProducer producer{steady_script(100'000, 1000)};
  si::FrameTracker<64> tracker;
  Looks exporter;
  si::Inference inference{tracker, exporter, si::load_algo("naps", Naps{&inside, &go_on}, si::Schedule{}),
                          si::load_algo("quick", Look{}, si::Schedule{})};
  si::Player player{producer, tracker};
  std::jthread stopper{[&] {
    static_cast<void>(eventually([&] { return inside.load() && player.stats().frames_played > 20; }));
    player.stop();
    std::this_thread::sleep_for(5ms);  // so that start() sees the stop before the run ends
    go_on = true;
  }};
  const si::RunReport report = inference.start(player, {.mode = realtime});
  check_adds_up(report);
  CHECK(report.end == si::PlayState::stopped);
  CHECK(report.algos[0].runs <= 2);  // nothing new is begun for the dues that wait, once start() has seen the stop
  CHECK(report.algos[0].missed.busy > 0);
  CHECK(report.algos[0].dues == report.source.frames_played);
  CHECK(report.algos[1].dues == report.source.frames_played);
}

namespace {

/// Stops the play when it comes to frame `at`.
template <class P>
struct Stops {
  Frames run(std::span<const si::Frame> frames) {
    if (frames.back().index() >= at) player->stop();
    return Look{}.run(frames);
  }
  P* player;
  std::uint64_t at;
};

}  // namespace

TEST_CASE("An algorithm may stop the play that it looks at", "[inference][stop]") {
  const si::Mode mode = GENERATE(si::Mode::offline, si::Mode::realtime);
  ScriptedProducer producer{steady_script(100'000, 1000)};
  si::FrameTracker<16> tracker;
  Looks exporter;
  si::Player player{producer, tracker};
  si::Inference inference{tracker, exporter,
                          si::load_algo("stops", Stops<decltype(player)>{&player, 20}, si::Schedule{.interval = 7ms}),
                          si::load_algo("other", Look{}, si::Schedule{})};
  const si::RunReport report = inference.start(player, {.mode = mode});
  check_adds_up(report);
  CHECK(report.end == si::PlayState::stopped);
  if (mode == si::Mode::offline) CHECK(report.source.frames_played == 21);
}

TEST_CASE("An algorithm may stop a play whose clock is driven by hand", "[inference][realtime][stop]") {
  const bool sleeps = GENERATE(false, true);
  ScriptedProducer producer{steady_script(1000, 25)};
  si::FrameTracker<16> tracker;
  Looks exporter;
  si::ManualClock clock;
  si::Player player{producer, tracker, "", clock};
  si::Inference inference{
      tracker, exporter, si::load_algo("stops", Stops<decltype(player)>{&player, 20}, si::Schedule{.interval = 280ms}),
      si::load_algo("slow", SlowLook{clock, [sleeps](std::uint64_t) { return sleeps ? 500ms : 0ms; }}, si::Schedule{})};
  const RunningTime time{clock};
  const si::RunReport report = inference.start(player, {.mode = realtime});
  check_adds_up(report);
  CHECK(report.end == si::PlayState::stopped);
  CHECK(report.source.frames_played >= 21);
  CHECK(report.source.frames_played < 1000);
}

TEST_CASE("A run can be stopped while its source is still being opened", "[inference][stop]") {
  const si::Mode mode = GENERATE(si::Mode::offline, si::Mode::realtime);
  Script script = steady_script(10, 25);
  std::atomic<bool> opening{false};
  script.on_open = [&](const si::OpenOptions& options) {
    opening = true;
    wait_for(options.stop);
  };
  ScriptedProducer producer{script};
  si::FrameTracker<16> tracker;
  Looks exporter;
  si::Inference inference{tracker, exporter, si::load_algo("a", Look{}, si::Schedule{})};
  si::Player player{producer, tracker};
  std::jthread stopper{[&] {
    static_cast<void>(eventually([&] { return opening.load(); }));
    player.stop();
  }};
  const si::RunReport report = inference.start(player, {.mode = mode});
  check_adds_up(report);
  CHECK(report.end == si::PlayState::stopped);
  CHECK(report.algos[0].dues == 0);
}
