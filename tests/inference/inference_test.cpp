#include "stream_infer/inference/inference.hpp"

#include "stream_infer/exporter/base_exporter.hpp"
#include "stream_infer/player/player.hpp"
#include "stream_infer/producer/generator_producer.hpp"
#include "stream_infer/tracker/frame_tracker.hpp"
#include "support/catch.hpp"
#include "support/error_of.hpp"
#include "support/model.hpp"
#include "support/random.hpp"
#include "support/random_source.hpp"
#include "support/runs.hpp"
#include "support/scripted_producer.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

namespace si = stream_infer;
namespace model = stream_infer::test::model;
using namespace std::chrono_literals;
using stream_infer::test::check_adds_up;
using stream_infer::test::error_of;
using stream_infer::test::for_random_cases;
using stream_infer::test::Frames;
using stream_infer::test::Look;
using stream_infer::test::Looks;
using stream_infer::test::Random;
using stream_infer::test::RunningTime;
using stream_infer::test::runs_of;
using stream_infer::test::ScriptedProducer;
using stream_infer::test::source_index;
using stream_infer::test::steady_script;

namespace {

using Indices = std::vector<std::uint64_t>;

/// Gives the index of its window's last frame.
struct LastIndex {
  std::uint64_t run(std::span<const si::Frame> frames) { return frames.back().index(); }
};

template <class T>
std::vector<T> values(const si::MemoryExporter<T>& exporter) {
  std::vector<T> out;
  for (const si::Record<T>& record : exporter.results()) out.push_back(record.value);
  return out;
}

}  // namespace

// Composition

TEST_CASE("Algorithms are listed in the order of loading", "[inference]") {
  si::FrameTracker<8> tracker;
  Looks exporter;
  si::Inference inference{tracker, exporter, si::load_algo("b", Look{}, si::Schedule{}),
                          si::load_algo<si::Sampling{}>("a", Look{}, 1s)};
  CHECK(inference.list_algos() == std::vector<std::string>{"b", "a"});
  REQUIRE(inference.stats().size() == 2);
  CHECK(inference.stats()[0].name == "b");
  CHECK(inference.stats()[1].dues == 0);
  CHECK(inference.report().end == si::PlayState::idle);
}

TEST_CASE("Two algorithms of one name are refused", "[inference]") {
  si::FrameTracker<8> tracker;
  Looks exporter;
  const si::Error error = error_of([&] {
    si::Inference inference{tracker, exporter, si::load_algo("head", Look{}, si::Schedule{}),
                            si::load_algo("other", Look{}, si::Schedule{}),
                            si::load_algo<si::Sampling{}>("head", Look{}, 1s)};
  });
  CHECK(error.code() == si::Errc::duplicate_name);
  CHECK(error.source() == "head");
}

TEST_CASE("An algorithm without a name is refused", "[inference]") {
  si::FrameTracker<8> tracker;
  Looks exporter;
  const si::Error error = error_of([&] {
    si::Inference inference{tracker, exporter, si::load_algo("head", Look{}, si::Schedule{}),
                            si::load_algo("", Look{}, si::Schedule{})};
  });
  CHECK(error.code() == si::Errc::invalid_argument);
  CHECK(error.reason() == "algorithm number 2 has no name; records carry it");
}

TEST_CASE("A window that a run-time tracker cannot hold is refused, with both lengths", "[inference]") {
  si::FrameTracker tracker{24};
  Looks exporter;
  const si::Error error = error_of([&] {
    si::Inference inference{tracker, exporter,
                            si::load_algo<si::Sampling{.frame_count = 5, .frame_step = 6}>("emotion", Look{}, 1s)};
  });
  CHECK(error.code() == si::Errc::window_too_long);
  CHECK(error.source() == "emotion");
  CHECK_THAT(error.reason(),
             Catch::Matchers::ContainsSubstring("25 frames") && Catch::Matchers::ContainsSubstring("holds 24"));

  si::FrameTracker large{25};
  CHECK_NOTHROW(si::Inference{large, exporter, si::load_algo("emotion", Look{}, si::Schedule{5, 6, 1s})});
  si::FrameTracker<24> fixed;  // for a schedule known at run time that is checked at run time too
  CHECK(error_of([&] {
          si::Inference inference{fixed, exporter, si::load_algo("emotion", Look{}, si::Schedule{5, 6, 1s})};
        }).code() == si::Errc::window_too_long);
}

TEST_CASE("A schedule that makes no sense is refused when the Inference is made", "[inference]") {
  const si::Schedule schedule =
      GENERATE(si::Schedule{.frame_count = 0}, si::Schedule{.frame_step = 0}, si::Schedule{.interval = -1ns});
  si::FrameTracker<8> tracker;
  Looks exporter;
  const si::Error error = error_of([&] {
    si::Inference inference{tracker, exporter, si::load_algo("head", Look{}, schedule)};
  });
  CHECK(error.code() == si::Errc::invalid_argument);
  CHECK(error.step() == "schedule");
  CHECK(error.source() == "head");
}

namespace {

struct Initialised {
  void init() { ++*inits; }
  int run(std::span<const si::Frame>) { return *inits; }
  std::shared_ptr<int> inits = std::make_shared<int>(0);
};

struct FailsToInit {
  void init() { throw std::runtime_error{"no model file"}; }
  int run(std::span<const si::Frame>) { return 0; }
};

}  // namespace

TEST_CASE("init() is called once, when the Inference is made, before any run", "[inference]") {
  si::FrameTracker<8> tracker;
  si::MemoryExporter<int> exporter;
  const Initialised algo;
  si::Inference inference{tracker, exporter, si::load_algo("a", Initialised{algo}, si::Schedule{})};
  CHECK(*algo.inits == 1);
  ScriptedProducer producer{steady_script(5, 25)};
  si::Player player{producer, tracker};
  check_adds_up(inference.start(player));
  check_adds_up(inference.start(player));
  CHECK(*algo.inits == 1);
  CHECK(values(exporter) == std::vector<int>(10, 1));
}

TEST_CASE("An init() that throws names the algorithm and the reason, and carries the original", "[inference]") {
  si::FrameTracker<8> tracker;
  si::MemoryExporter<int> exporter;
  try {
    si::Inference inference{tracker, exporter, si::load_algo("good", Initialised{}, si::Schedule{}),
                            si::load_algo("head", FailsToInit{}, si::Schedule{})};
    FAIL("it was made");
  } catch (const si::Error& error) {
    CHECK(error.code() == si::Errc::algorithm_failed);
    CHECK(error.step() == "init");
    CHECK(error.source() == "head");
    CHECK(error.reason() == "no model file");
    CHECK(std::string{error.what()} == "init 'head': no model file");
    try {
      std::rethrow_if_nested(error);
      FAIL("the original is not there");
    } catch (const std::runtime_error& original) {
      CHECK(std::string{original.what()} == "no model file");
    }
  }
}

// Offline

TEST_CASE("Offline every due runs on exactly its window", "[inference]") {
  ScriptedProducer producer{steady_script(100, 25)};
  si::FrameTracker<16> tracker;
  Looks exporter;
  si::Inference inference{
      tracker, exporter, si::load_algo<si::Sampling{.frame_count = 2, .frame_step = 10}>("difference", Look{}, 1s),
      si::load_algo("half", Look{}, si::Schedule{.frame_count = 1, .frame_step = 1, .interval = 500ms}),
      si::load_algo("long", Look{}, si::Schedule{.frame_count = 3, .frame_step = 7, .interval = 400ms})};
  si::Player player{producer, tracker, "clip.mp4"};
  const si::RunReport report = inference.start(player);

  check_adds_up(report);
  CHECK(report.mode == si::Mode::offline);
  CHECK(report.end == si::PlayState::ended);
  CHECK(report.media_time == 99 * 40ms);
  CHECK(report.wall_time > 0ns);
  CHECK(report.process_skipped == 0);
  CHECK(runs_of(exporter, "difference") ==
        std::vector<model::Run>{
            {24, 960ms, {14, 24}}, {49, 1960ms, {39, 49}}, {74, 2960ms, {64, 74}}, {99, 3960ms, {89, 99}}});
  CHECK(runs_of(exporter, "half").size() == 8);
  REQUIRE(report.algos.size() == 3);
  CHECK(report.algos[0].name == "difference");
  CHECK(report.algos[0].dues == 4);
  CHECK(report.algos[0].runs == 4);
  CHECK(report.algos[2].dues == 10);
  CHECK(report.algos[2].missed == si::Misses{.warm_up = 1});  // frame 10 has not yet 15 frames behind it
  CHECK(report.algos[0].run_time >= report.algos[0].longest_run);
  CHECK(inference.report().algos[0].runs == 4);
  CHECK(inference.stats()[0].runs == 4);
}

TEST_CASE("A position at the end of a gap has the dues of the full play, also where the reader seeks", "[inference]") {
  stream_infer::test::Script script = steady_script(300, 25);
  for (std::size_t i = 75; i < 300; ++i) script.times[i] += 3s;  // nothing between 2.96 s and 6 s
  script.seeks = true;
  ScriptedProducer producer{script};
  si::FrameTracker<16> tracker;
  si::Player player{producer, tracker};
  Looks all, rest;
  si::Inference whole{tracker, all, si::load_algo("a", Look{}, si::Schedule{.interval = 1s})};
  si::Inference late{tracker, rest, si::load_algo("a", Look{}, si::Schedule{.interval = 1s})};
  whole.start(player);
  const si::MediaTime position = GENERATE(4000ms, 6000ms, 6001ms, 6040ms, 7000ms);
  const si::RunReport report = late.start(player, {.position = position});
  check_adds_up(report);
  std::vector<si::MediaTime> expected, times;
  for (const auto& record : all.results())
    if (record.time >= position - 1ms) expected.push_back(record.time);
  for (const auto& record : rest.results()) times.push_back(record.time);
  CHECK(times == expected);
}

TEST_CASE("Offline runs are what the sentences say, over any stream and any schedules", "[inference][property]") {
  for_random_cases(500, [](Random& random) {
    const model::Source source = stream_infer::test::random_source(random, random.between(1, 100));
    const auto fps = stream_infer::test::random_play_rate(random, source);
    const si::MediaTime position = stream_infer::test::random_position(random, source);
    const model::Play play{source, fps, position};
    const std::int64_t capacity = random.between(5, 30);
    const si::MediaTime interval = stream_infer::test::random_interval(random, play.rate);
    const si::Schedule one = stream_infer::test::random_schedule(random, play.rate, capacity);
    const si::Schedule two = stream_infer::test::random_schedule(random, play.rate, capacity);

    ScriptedProducer producer{stream_infer::test::script_of(source)};
    si::FrameTracker tracker{static_cast<std::size_t>(capacity)};  // not a frame more than the longest window may need
    Looks exporter;
    si::Inference inference{tracker, exporter,
                            si::load_algo<si::Sampling{.frame_count = 3, .frame_step = 2}>("fixed", Look{}, interval),
                            si::load_algo("one", Look{}, one), si::load_algo("two", Look{}, two)};
    si::Player player{producer, tracker};
    const si::RunReport report = inference.start(player, {.fps = fps, .position = position});

    check_adds_up(report);
    REQUIRE(report.source.frames_played == play.size());
    const std::vector<model::Account> expected{model::account(play, {3, 2, interval}), model::account(play, one),
                                               model::account(play, two)};
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const si::AlgoStats& algo = report.algos[i];
      INFO(algo.name);
      REQUIRE(runs_of(exporter, algo.name) == expected[i].runs);
      REQUIRE(algo.dues == expected[i].dues);
      REQUIRE(algo.runs == expected[i].runs.size());
      REQUIRE(algo.missed == si::Misses{.gap = expected[i].gap, .warm_up = expected[i].warm_up});
    }
  });
}

TEST_CASE("Offline records come in the order of frames, and of loading for one frame", "[inference]") {
  ScriptedProducer producer{steady_script(6, 25)};
  si::FrameTracker<8> tracker;
  si::MemoryExporter<std::uint64_t, std::string> exporter;
  struct Text {
    std::string run(const si::Window<1>& window) { return std::to_string(window[0].index()); }
  };
  si::Inference inference{tracker, exporter, si::load_algo<si::Sampling{}>("text", Text{}, 80ms),
                          si::load_algo("index", LastIndex{}, si::Schedule{.interval = 120ms})};
  si::Player player{producer, tracker};
  check_adds_up(inference.start(player));
  std::vector<std::string> order;
  for (const auto& any : exporter.results())
    order.push_back(std::visit(
        [](const auto& record) { return std::string{record.algo.view()} + std::to_string(record.frame_index); }, any));
  CHECK(order == std::vector<std::string>{"text1", "index2", "text3", "text5", "index5"});
}

TEST_CASE("Two runs with one Inference are alike, and their accounts are kept apart", "[inference]") {
  ScriptedProducer producer{steady_script(60, 25)};
  si::FrameTracker<16> tracker;
  Looks exporter;
  si::Inference inference{
      tracker, exporter,
      si::load_algo("a", Look{}, si::Schedule{.frame_count = 3, .frame_step = 2, .interval = 200ms})};
  si::Player player{producer, tracker};
  const si::RunReport first = inference.start(player);
  const auto runs = runs_of(exporter, "a");
  exporter.clear();
  const si::RunReport second = inference.start(player);
  check_adds_up(first);
  check_adds_up(second);
  CHECK(runs_of(exporter, "a") == runs);
  CHECK(first.algos[0].dues == second.algos[0].dues);
  CHECK(first.algos[0].runs == second.algos[0].runs);

  exporter.clear();  // another Player on the same tracker, at another rate
  si::Player other{producer, tracker};
  check_adds_up(inference.start(other, {.fps = 5}));
  CHECK(runs_of(exporter, "a").size() == 12 - 4);  // of 12 frames, 4 in warm-up
}

TEST_CASE("A run over a source without frames is a run without dues", "[inference]") {
  ScriptedProducer producer{{}};
  si::FrameTracker<8> tracker;
  Looks exporter;
  si::Inference inference{tracker, exporter, si::load_algo("a", Look{}, si::Schedule{})};
  si::Player player{producer, tracker};
  for (const si::Mode mode : {si::Mode::offline, si::Mode::realtime}) {
    const si::RunReport report = inference.start(player, {.mode = mode});
    check_adds_up(report);
    CHECK(report.end == si::PlayState::ended);
    CHECK(report.algos[0].dues == 0);
    CHECK(report.media_time == 0s);
  }
}

TEST_CASE("Frames are the user's own to make", "[inference]") {
  // 100 gray frames at 25 fps; frame n is filled with the value n
  si::GeneratorProducer producer{{.width = 8, .height = 8, .format = si::PixelFormat::gray8, .fps = 25},
                                 [](std::uint64_t index, si::ImageSpan out) {
                                   if (index == 100) return false;
                                   for (int y = 0; y < out.height; ++y)
                                     std::ranges::fill(out.row(y), static_cast<std::uint8_t>(index));
                                   return true;
                                 }};
  struct Difference {
    int run(const si::Window<2>& frames) { return frames[1].image().row(7)[7] - frames[0].image().row(7)[7]; }
  };
  si::FrameTracker<16> tracker;
  si::MemoryExporter<int> exporter;
  si::Inference inference{tracker, exporter,
                          si::load_algo<si::Sampling{.frame_count = 2, .frame_step = 10}>("d", Difference{}, 1s)};
  si::Player player{producer, tracker};
  check_adds_up(inference.start(player));
  CHECK(values(exporter) == std::vector<int>(4, 10));
}

// Algorithms of every kind

namespace {

struct CountsOnly {
  void run(std::span<const si::Frame> frames) { *seen += frames.size(); }
  std::shared_ptr<std::size_t> seen = std::make_shared<std::size_t>(0);
};

struct MoveOnly {
  std::uint64_t run(std::span<const si::Frame> frames) { return frames.back().index() + *offset; }
  std::unique_ptr<std::uint64_t> offset = std::make_unique<std::uint64_t>(100);
};

struct CollectsNothing {};

}  // namespace

TEST_CASE("An algorithm without a result runs, and exports nothing", "[inference]") {
  ScriptedProducer producer{steady_script(10, 1000)};
  si::FrameTracker<8> tracker;
  CollectsNothing exporter;  // nothing needs to be collected
  const CountsOnly algo;
  si::Inference inference{tracker, exporter, si::load_algo("count", CountsOnly{algo}, si::Schedule{.frame_count = 2})};
  si::Player player{producer, tracker};
  const si::RunReport report = inference.start(player);
  check_adds_up(report);
  CHECK(report.algos[0].runs == 9);
  CHECK(*algo.seen == 18);
  check_adds_up(inference.start(player, {.mode = si::Mode::realtime}));
}

TEST_CASE("Algorithms may be moved in or stay with the caller", "[inference]") {
  ScriptedProducer producer{steady_script(3, 25)};
  si::FrameTracker<8> tracker;
  si::MemoryExporter<std::uint64_t> exporter;
  MoveOnly mine;
  si::Inference inference{tracker, exporter, si::load_algo("mine", std::ref(mine), si::Schedule{}),
                          si::load_algo("moved", MoveOnly{}, si::Schedule{}),
                          si::load_algo<si::Sampling{}>("fixed", std::ref(mine), 0s)};
  si::Player player{producer, tracker};
  *mine.offset = 1000;  // it is the very object
  check_adds_up(inference.start(player));
  CHECK(values(exporter) == Indices{1000, 100, 1000, 1001, 101, 1001, 1002, 102, 1002});
}

TEST_CASE("A result need not have a default, and a run may give a reference", "[inference]") {
  struct Score {
    explicit Score(int from) : value{from} {}
    int value;
  };
  struct Judge {
    const Score& run(const si::Window<1>& window) { return last = Score{static_cast<int>(window[0].index())}; }
    Score last{0};
  };
  struct Scores {
    void collect(const si::Record<Score>& record) { sum += record.value.value; }
    int sum = 0;
  };
  ScriptedProducer producer{steady_script(4, 25)};
  si::FrameTracker<8> tracker;
  Scores exporter;
  si::Inference inference{tracker, exporter, si::load_algo<si::Sampling{}>("judge", Judge{}, 0s)};
  si::Player player{producer, tracker};
  check_adds_up(inference.start(player));
  CHECK(exporter.sum == 6);
}

TEST_CASE("A result that can only be moved goes to the exporter, and is not kept for the process hook", "[inference]") {
  struct Makes {
    std::unique_ptr<std::uint64_t> run(const si::Window<1>& window) {
      return std::make_unique<std::uint64_t>(window[0].index());
    }
  };
  struct Sums {
    void collect(const si::Record<std::unique_ptr<std::uint64_t>>& record) { sum += *record.value; }
    void collect(const si::Record<std::uint64_t>& record) { sum += record.value; }
    std::uint64_t sum = 0;
  } exporter;
  ScriptedProducer producer{steady_script(4, 25)};
  si::FrameTracker<8> tracker;
  si::Inference inference{tracker, exporter, si::load_algo<si::Sampling{}>("makes", Makes{}, 0s),
                          si::load_algo("index", LastIndex{}, si::Schedule{})};
  std::size_t shown = 0;
  inference.process(
      [&shown](const si::Frame&, const auto& latest) { latest.for_each([&shown](const auto&) { ++shown; }); });
  si::Player player{producer, tracker};
  check_adds_up(inference.start(player));
  CHECK(exporter.sum == 2 * (0 + 1 + 2 + 3));
  CHECK(shown == 4);  // the other one
}

// By hand

TEST_CASE("The serial loop by hand gives the runs that start gives", "[inference][manual]") {
  for_random_cases(100, [](Random& random) {
    const model::Source source = stream_infer::test::random_source(random, random.between(1, 80));
    const auto fps = stream_infer::test::random_play_rate(random, source);
    const si::MediaTime position = stream_infer::test::random_position(random, source);
    const si::Schedule schedule =
        stream_infer::test::random_schedule(random, model::Play{source, fps, position}.rate, 10);

    ScriptedProducer producer{stream_infer::test::script_of(source)};
    si::FrameTracker<10> tracker;
    Looks by_start, by_hand;
    si::Player player{producer, tracker};
    si::Inference first{tracker, by_start, si::load_algo("a", Look{}, schedule)};
    const si::RunReport report = first.start(player, {.fps = fps, .position = position});
    check_adds_up(report);

    si::Inference second{tracker, by_hand, si::load_algo("a", Look{}, schedule)};
    std::size_t ran = 0;
    for (auto [frame, number] : player.play(fps, position))
      ran += second.auto_run_specific_inference(player.fps(), number);
    check_adds_up(player.stats());
    check_adds_up(second.stats()[0]);
    REQUIRE(runs_of(by_hand, "a") == runs_of(by_start, "a"));
    REQUIRE(ran == report.algos[0].runs);
    REQUIRE(second.stats()[0].dues == report.algos[0].dues);
    REQUIRE(second.stats()[0].missed == report.algos[0].missed);
  });
}

TEST_CASE("A number that the tracker does not hold is refused", "[inference][manual]") {
  ScriptedProducer producer{steady_script(20, 25)};
  si::FrameTracker<8> tracker;
  Looks exporter;
  si::Inference inference{tracker, exporter, si::load_algo("a", Look{}, si::Schedule{})};
  CHECK(error_of([&] { inference.auto_run_specific_inference(25, 1); }).code() == si::Errc::invalid_argument);
  si::Player player{producer, tracker};
  for ([[maybe_unused]] const auto& played : player.play()) {}
  const si::Error error = error_of([&] { inference.auto_run_specific_inference(25, 0); });
  CHECK(error.step() == "auto_run_specific_inference");
  CHECK_THAT(error.reason(),
             Catch::Matchers::ContainsSubstring("number 0") && Catch::Matchers::ContainsSubstring("count from 1"));
  CHECK_THROWS_AS(inference.auto_run_specific_inference(25, 12), si::Error);  // has gone
  CHECK_THROWS_AS(inference.auto_run_specific_inference(25, 21), si::Error);  // has not come
  CHECK(inference.auto_run_specific_inference(25, 13) == 1);
  CHECK(inference.auto_run_specific_inference(25, 20) == 1);
  check_adds_up(inference.stats()[0]);
}

TEST_CASE("A serial loop that leaves out numbers still counts every due", "[inference][manual]") {
  ScriptedProducer producer{steady_script(100, 25)};
  si::FrameTracker<8> tracker;
  Looks exporter;
  si::Inference inference{tracker, exporter, si::load_algo("a", Look{}, si::Schedule{.interval = 200ms})};  // every 5th
  si::Player player{producer, tracker};
  for (auto [frame, number] : player.play())
    if (number % 10 == 0) inference.auto_run_specific_inference(player.fps(), number);
  const si::AlgoStats algo = inference.stats()[0];
  check_adds_up(algo);
  CHECK(algo.dues == 20);
  CHECK(algo.runs == 10);
  CHECK(algo.missed == si::Misses{.busy = 10});
}

TEST_CASE("One algorithm can be run now, due or not", "[inference][manual]") {
  ScriptedProducer producer{steady_script(20, 25)};
  si::FrameTracker<8> tracker;
  Looks exporter;
  si::Inference inference{
      tracker, exporter, si::load_algo("pair", Look{}, si::Schedule{.frame_count = 2, .frame_step = 3, .interval = 1h}),
      si::load_algo("other", Look{}, si::Schedule{.interval = 1h})};
  CHECK_FALSE(inference.run_specific_inference("pair"));  // no frame yet
  si::Player player{producer, tracker};
  for (auto [frame, number] : player.play()) {
    if (number == 3) CHECK_FALSE(inference.run_specific_inference("pair"));  // too few
    if (number == 4 || number == 11) CHECK(inference.run_specific_inference("pair"));
  }
  CHECK(runs_of(exporter, "pair") == std::vector<model::Run>{{3, 120ms, {0, 3}}, {10, 400ms, {7, 10}}});
  CHECK(runs_of(exporter, "other").empty());
  const si::AlgoStats algo = inference.stats()[0];
  check_adds_up(algo);
  CHECK(algo.dues == 4);
  CHECK(algo.runs == 2);
  CHECK(algo.missed == si::Misses{.warm_up = 2});
  CHECK(inference.stats()[1].dues == 0);

  const si::Error error = error_of([&] { inference.run_specific_inference("nobody"); });
  CHECK(error.code() == si::Errc::unknown_name);
  CHECK(error.source() == "nobody");
  CHECK_THAT(error.reason(), Catch::Matchers::ContainsSubstring("pair, other"));
}

TEST_CASE("A run in between does not disturb the dues", "[inference][manual]") {
  ScriptedProducer producer{steady_script(50, 25)};
  si::FrameTracker<8> tracker;
  Looks exporter;
  si::Inference inference{tracker, exporter, si::load_algo("a", Look{}, si::Schedule{.interval = 400ms})};
  si::Player player{producer, tracker};
  for (auto [frame, number] : player.play()) {
    inference.auto_run_specific_inference(player.fps(), number);
    if (number == 15) inference.run_specific_inference("a");
  }
  Indices indices;
  for (const model::Run& run : runs_of(exporter, "a")) indices.push_back(run.frame_index);
  CHECK(indices == Indices{9, 14, 19, 29, 39, 49});
  check_adds_up(inference.stats()[0]);
  CHECK(inference.stats()[0].dues == 6);
}

// Exporters that send later

namespace {

struct Outbox : si::BaseExporter<Outbox, std::uint64_t> {
  void send(const si::Record<std::uint64_t>& record) { sent.push_back(record.value); }
  Indices sent;
};

}  // namespace

TEST_CASE("start sends what a BaseExporter collected; a loop by hand leaves that to the user", "[inference]") {
  ScriptedProducer producer{steady_script(50, 25)};
  si::FrameTracker<8> tracker;
  Outbox exporter;
  si::Inference inference{tracker, exporter, si::load_algo("a", LastIndex{}, si::Schedule{.interval = 400ms})};
  si::ManualClock clock;
  const RunningTime time{clock};
  si::Player player{producer, tracker, "", clock};
  const Indices expected{9, 19, 29, 39, 49};
  for (const si::Mode mode : {si::Mode::offline, si::Mode::realtime}) {
    exporter.sent.clear();
    check_adds_up(inference.start(player, {.mode = mode}));
    CHECK(exporter.sent == expected);
  }
  exporter.sent.clear();
  for (auto [frame, number] : player.play()) inference.auto_run_specific_inference(player.fps(), number);
  CHECK(exporter.sent.empty());
  exporter.send_all();
  CHECK(exporter.sent == expected);
}

// The process hook and progress

TEST_CASE("Offline the process hook sees every frame, with the records up to it", "[inference][process]") {
  ScriptedProducer producer{steady_script(30, 25)};
  si::FrameTracker<8> tracker;
  si::MemoryExporter<std::uint64_t, std::string> exporter;
  struct Text {
    std::string run(std::span<const si::Frame> frames) { return std::to_string(frames.back().index()); }
  };
  si::Inference inference{tracker, exporter, si::load_algo("index", LastIndex{}, si::Schedule{.interval = 400ms}),
                          si::load_algo("text", Text{}, si::Schedule{.interval = 200ms}),
                          si::load_algo("nothing", CountsOnly{}, si::Schedule{})};
  std::uint64_t next = 0;
  inference.process([&](const si::Frame& frame, const auto& latest) {
    REQUIRE(frame.index() == next++);
    const auto* index = latest.template find<std::uint64_t>("index");
    const auto* text = latest.template find<std::string>("text");
    REQUIRE((index != nullptr) == (frame.index() >= 9));
    REQUIRE((text != nullptr) == (frame.index() >= 4));
    if (index != nullptr) REQUIRE(index->frame_index == (frame.index() + 1) / 10 * 10 - 1);
    if (text != nullptr) REQUIRE(text->value == std::to_string((frame.index() + 1) / 5 * 5 - 1));
    REQUIRE(latest.template find<std::string>("index") == nullptr);
  });
  si::Player player{producer, tracker};
  check_adds_up(inference.start(player));
  CHECK(next == 30);
  next = 0;
  check_adds_up(inference.start(player));  // begins without the records of before
  CHECK(next == 30);
}

TEST_CASE("Offline a process hook that throws ends the run, which keeps its account", "[inference][process]") {
  ScriptedProducer producer{steady_script(30, 25)};
  si::FrameTracker<8> tracker;
  Looks exporter;
  si::Inference inference{tracker, exporter, si::load_algo("a", Look{}, si::Schedule{})};
  inference.process([](const si::Frame& frame, const auto&) {
    if (frame.index() == 9) throw std::runtime_error{"window closed"};
  });
  si::Player player{producer, tracker};
  CHECK_THROWS_WITH(inference.start(player), "window closed");
  check_adds_up(inference.report());
  CHECK(inference.report().end == si::PlayState::stopped);
  CHECK(inference.report().algos[0].runs == 10);
  CHECK_FALSE(player.is_active());

  inference.process({});  // and it can be taken off
  check_adds_up(inference.start(player));
  CHECK(inference.report().algos[0].runs == 30);
}

TEST_CASE("Progress is told at the end at least, also of a run that fails", "[inference][progress]") {
  const si::Mode mode = GENERATE(si::Mode::offline, si::Mode::realtime);
  const bool fails = GENERATE(false, true);
  auto script = steady_script(20, 1000);
  script.info.duration = 20ms;
  script.on_read = [fails](std::size_t next, const std::stop_token&) {
    if (fails && next == 10) throw std::runtime_error{"cable cut"};
  };
  ScriptedProducer producer{script};
  si::FrameTracker<8> tracker;
  Looks exporter;
  si::Inference inference{tracker, exporter, si::load_algo("a", Look{}, si::Schedule{})};
  si::Player player{producer, tracker};
  std::vector<si::Progress> told;
  si::StartOptions options;
  options.mode = mode;
  options.position = 2ms;
  options.on_progress = [&told](const si::Progress& progress) { told.push_back(progress); };
  if (fails)
    CHECK_THROWS_AS(inference.start(player, options), si::Error);
  else
    inference.start(player, options);
  check_adds_up(inference.report());
  REQUIRE_FALSE(told.empty());
  CHECK(std::ranges::count_if(told, &si::Progress::finished) == 1);
  CHECK(told.back().finished);
  CHECK(told.back().start == 2ms);
  CHECK(told.back().position == (fails ? 9ms : 19ms));
  CHECK(told.back().duration == 20ms);
  CHECK(inference.report().media_time == (fails ? 7ms : 17ms));
}
