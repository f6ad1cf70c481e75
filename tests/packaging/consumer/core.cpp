// Without FFmpeg: frames from a callable, through the scheduler, into memory.
#include <stream_infer/algo/load_algo.hpp>
#include <stream_infer/exporter/memory_exporter.hpp>
#include <stream_infer/inference/inference.hpp>
#include <stream_infer/player/player.hpp>
#include <stream_infer/producer/generator_producer.hpp>
#include <stream_infer/tracker/frame_tracker.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <span>

namespace si = stream_infer;
using namespace std::chrono_literals;

struct LastIndex {
  std::uint64_t run(std::span<const si::Frame> frames) { return frames.back().index(); }
};

int main() {
  si::GeneratorProducer producer{{.width = 8, .height = 8, .format = si::PixelFormat::gray8, .fps = 25},
                                 [](std::uint64_t index, si::ImageSpan out) {
                                   for (int y = 0; y < out.height; ++y) std::ranges::fill(out.row(y), std::uint8_t{1});
                                   return index < 50;
                                 }};
  si::FrameTracker<16> tracker;
  si::MemoryExporter<std::uint64_t> exporter;
  si::Inference inference{tracker, exporter, si::load_algo("last", LastIndex{}, si::Schedule{.interval = 1s})};
  si::Player player{producer, tracker};
  inference.start(player, {.mode = si::Mode::offline});
  return exporter.results().size() == 2 ? 0 : 1;  // frames 24 and 49
}
