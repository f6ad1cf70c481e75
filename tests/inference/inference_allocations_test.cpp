#include "stream_infer/inference/inference.hpp"
#include "stream_infer/player/player.hpp"
#include "stream_infer/producer/generator_producer.hpp"
#include "stream_infer/tracker/frame_tracker.hpp"
#include "support/catch.hpp"
#include "support/count_allocations.hpp"
#include "support/runs.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <thread>

namespace si = stream_infer;
using namespace std::chrono_literals;
using stream_infer::test::allocations;
using stream_infer::test::check_adds_up;

namespace {

constexpr std::uint64_t from = 200, to = 1200, end = 1250;

/// How many allocations the whole process had made when frame `from` came, and when frame `to` came or had passed.
struct Marks {
  void pass(std::uint64_t frame) {
    if (frame >= from && at_from == 0) at_from = allocations();
    if (frame >= to && at_to == 0) at_to = allocations();
  }
  std::atomic<std::uint64_t> at_from{0};
  std::atomic<std::uint64_t> at_to{0};
};

struct Sum {
  double run(std::span<const si::Frame> frames) {
    double sum = 0;
    for (const si::Frame& frame : frames) sum += frame.image().row(0)[0];
    return sum;
  }
};

struct Difference {
  int run(const si::Window<2>& frames) { return frames[1].image().row(0)[0] - frames[0].image().row(0)[0]; }
};

/// Sees every frame, and reads the marks. At first it holds many frames for a while, as slow algorithms do, so that the
/// pool has grown by then to all it will ever need.
struct Probe {
  std::uint64_t run(const si::Window<1>& window) {
    const std::uint64_t index = window[0].index();
    (*held)[index % held->size()] = index < 100 ? window[0] : si::Frame{};
    marks->pass(index);
    *seen = index + 1;
    return index;
  }
  Marks* marks;
  std::atomic<std::uint64_t>* seen;
  std::shared_ptr<std::array<si::Frame, 32>> held = std::make_shared<std::array<si::Frame, 32>>();
};

}  // namespace

TEST_CASE("A steady run allocates nothing per frame, in neither mode", "[inference][allocations]") {
  const si::Mode mode = GENERATE(si::Mode::offline, si::Mode::realtime);
  const bool with_hook = GENERATE(false, true);
  INFO((mode == si::Mode::offline ? "offline" : "realtime") << (with_hook ? ", with a process hook" : ""));

  std::atomic<std::uint64_t> seen{0};
  si::GeneratorProducer producer{{.width = 64, .height = 32, .format = si::PixelFormat::gray8, .fps = 4000},
                                 [&seen](std::uint64_t index, si::ImageSpan out) {
                                   while (seen < index) std::this_thread::yield();  // the probe misses none
                                   for (int y = 0; y < out.height; ++y)
                                     std::ranges::fill(out.row(y), static_cast<std::uint8_t>(index));
                                   return index < end;
                                 }};
  si::FrameTracker<16> tracker;
  si::MemoryExporter<double, int, std::uint64_t> exporter{64};
  Marks marks;
  si::Inference inference{
      tracker, exporter, si::load_algo("sum", Sum{}, si::Schedule{.frame_count = 4, .frame_step = 2, .interval = 1ms}),
      si::load_algo<si::Sampling{.frame_count = 2, .frame_step = 5}>("difference", Difference{}, 2500us),
      si::load_algo<si::Sampling{}>("probe", Probe{&marks, &seen}, 0s)};
  if (with_hook) inference.process([](const si::Frame&, const auto&) {});
  si::Player player{producer, tracker};
  check_adds_up(inference.start(player, {.mode = mode}));

  REQUIRE(marks.at_from != 0);
  REQUIRE(marks.at_to != 0);
  CHECK(marks.at_to - marks.at_from == 0);
  CHECK(inference.report().algos[0].runs > 0);
}

TEST_CASE("A serial loop by hand allocates nothing per frame", "[inference][allocations]") {
  si::GeneratorProducer producer{{.width = 64, .height = 32, .format = si::PixelFormat::gray8, .fps = 25},
                                 [](std::uint64_t index, si::ImageSpan) { return index < end; }};
  si::FrameTracker<16> tracker;
  si::MemoryExporter<double> exporter{64};
  si::Inference inference{tracker, exporter,
                          si::load_algo("sum", Sum{}, si::Schedule{.frame_count = 4, .frame_step = 2})};
  si::Player player{producer, tracker};
  Marks marks;
  for (const auto& [frame, number] : player.play()) {
    inference.auto_run_specific_inference(player.fps(), number);
    marks.pass(frame.index());
  }
  REQUIRE(marks.at_to != 0);
  CHECK(marks.at_to - marks.at_from == 0);
}
