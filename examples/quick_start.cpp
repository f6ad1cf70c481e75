// quick_start VIDEO [offline|realtime]: three small algorithms on one source, a line for each result, then the report.
#include <stream_infer/stream_infer.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <span>
#include <string_view>

namespace si = stream_infer;
using namespace std::chrono_literals;

struct Brightness {  // the mean of one picture's pixels, 0 to 255
  double run(std::span<const si::Frame> frames) {
    const si::ImageView image = frames.back().image();  // decoded already; converted here, on first use
    std::uint64_t sum = 0;
    for (int y = 0; y < image.height; ++y)
      for (const std::uint8_t pixel : image.row(y)) sum += pixel;
    return static_cast<double>(sum) / (static_cast<double>(image.width) * image.height);
  }
};

struct Motion {  // how much the pixels of two pictures differ, on average
  double run(std::span<const si::Frame> frames) {
    const si::ImageView before = frames.front().image();
    const si::ImageView now = frames.back().image();
    std::uint64_t sum = 0;
    for (int y = 0; y < now.height; ++y)
      for (std::size_t x = 0; x < now.row(y).size(); ++x)
        sum += static_cast<std::uint64_t>(std::abs(now.row(y)[x] - before.row(y)[x]));
    return static_cast<double>(sum) / (static_cast<double>(now.width) * now.height);
  }
};

struct BestShot {  // which of five pictures is the sharpest: the index of its frame
  std::uint64_t run(const si::Window<5>& frames) {
    std::uint64_t best = 0;
    std::uint64_t best_edges = 0;
    for (const si::Frame& frame : frames)
      if (const std::uint64_t edges = edges_of(frame.image()); edges >= best_edges)
        best = frame.index(), best_edges = edges;
    return best;
  }

  static std::uint64_t edges_of(const si::ImageView& image) {
    std::uint64_t sum = 0;
    for (int y = 0; y < image.height; ++y)
      for (std::size_t x = 1; x < image.row(y).size(); ++x) {
        const int step = image.row(y)[x] - image.row(y)[x - 1];
        sum += static_cast<std::uint64_t>(step * step);
      }
    return sum;
  }
};

int main(int argc, char** argv) try {
  const std::string_view usage =
      "usage: quick_start VIDEO [offline|realtime]\n"
      "VIDEO is a file, a URL, a device (/dev/video0) or a test pattern (lavfi:testsrc2=duration=10).\n";
  if (argc == 2 && argv[1] == std::string_view{"--help"}) {
    std::cout << usage;
    return 0;
  }
  const std::string_view mode = argc == 3 ? argv[2] : "offline";
  if (argc < 2 || argc > 3 || (mode != "offline" && mode != "realtime")) {
    std::cerr << usage;
    return 2;
  }

  si::FFmpegProducer producer{{.width = 320, .format = si::PixelFormat::gray8}};  // the height follows
  si::FrameTracker tracker;                                                       // holds the last 120 frames
  si::PrintExporter exporter;                                                     // a line on stdout for each result
  si::Inference inference{
      tracker, exporter, si::load_algo("brightness", Brightness{}, si::Schedule{.interval = 1s}),
      si::load_algo("motion", Motion{}, si::Schedule{.frame_count = 2, .frame_step = 15, .interval = 500ms}),
      si::load_algo<si::Sampling{.frame_count = 5, .frame_step = 6}>("best-shot", BestShot{}, 2s)};
  si::Player player{producer, tracker, argv[1]};

  const si::RunReport report =
      inference.start(player, {.mode = mode == "offline" ? si::Mode::offline : si::Mode::realtime,
                               .on_progress = si::ProgressLine{}});  // one line on stderr, if that is a terminal
  std::cout << '\n' << report;
} catch (const si::Error& error) {
  std::cerr << "quick_start: " << error.what() << '\n';
  return 1;
}
