// offline_dense VIDEO [THREADS]: every frame to 640x360 BGR24 and into an algorithm, offline. To be timed as a whole
// process beside `ffmpeg -i VIDEO -f null -`, which decodes and throws away; bench/run.sh does that.
#include <stream_infer/stream_infer.hpp>

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <span>

namespace si = stream_infer;

struct FirstPixel {
  int run(std::span<const si::Frame> frames) { return frames.back().image().row(0)[0]; }
};

struct Sum {
  template <class T>
  void collect(const si::Record<T>& record) {
    total += static_cast<std::uint64_t>(record.value);
  }
  std::uint64_t total = 0;
};

int main(int argc, char** argv) try {
  if (argc < 2) {
    std::cerr << "usage: offline_dense VIDEO [THREADS]\n";
    return 2;
  }
  si::FFmpegProducer producer{{.width = 640, .height = 360, .threads = argc > 2 ? std::atoi(argv[2]) : 0}};
  si::FrameTracker<8> tracker;
  Sum sum;
  si::Inference inference{tracker, sum, si::load_algo("first-pixel", FirstPixel{}, si::Schedule{})};
  si::Player player{producer, tracker, argv[1]};
  const si::RunReport report = inference.start(player);
  std::cout << report << "sum " << sum.total << '\n';
  return report.adds_up() ? 0 : 1;
} catch (const si::Error& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
