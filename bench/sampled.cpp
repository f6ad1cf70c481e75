// sampled VIDEO SCHEDULE…: algorithms that look at the first pixel of each frame of their windows, 640x360 BGR24, offline.
// A SCHEDULE is COUNT,STEP,MILLISECONDS. To be timed as a whole process; bench/compare_all.py does that.
#include <stream_infer/stream_infer.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <span>
#include <string>
#include <utility>

namespace si = stream_infer;

namespace {

struct FirstPixels {
  int run(std::span<const si::Frame> frames) {
    int sum = 0;
    for (const si::Frame& frame : frames) sum += frame.image().row(0)[0];
    return sum;
  }
};

struct Sum {
  template <class T>
  void collect(const si::Record<T>& record) {
    total += record.value;
  }
  std::int64_t total = 0;
};

si::Schedule parse(const char* text) {
  unsigned long count = 0, step = 0, milliseconds = 0;
  if (std::sscanf(text, "%lu,%lu,%lu", &count, &step, &milliseconds) != 3)
    throw si::Error{si::Errc::invalid_argument, "sampled", text, "a schedule is COUNT,STEP,MILLISECONDS"};
  return {.frame_count = count, .frame_step = step, .interval = std::chrono::milliseconds{milliseconds}};
}

template <class... Loaded>
int run(const char* video, Loaded... loaded) {
  si::FFmpegProducer producer{{.width = 640, .height = 360}};
  si::FrameTracker<32> tracker;
  Sum sum;
  si::Inference inference{tracker, sum, std::move(loaded)...};
  si::Player player{producer, tracker, video};
  const si::RunReport report = inference.start(player);
  std::cout << report << "sum " << sum.total << '\n';
  return report.adds_up() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc == 3) return run(argv[1], si::load_algo("first", FirstPixels{}, parse(argv[2])));
  if (argc == 4)
    return run(argv[1], si::load_algo("first", FirstPixels{}, parse(argv[2])),
               si::load_algo("second", FirstPixels{}, parse(argv[3])));
  std::cerr << "usage: sampled VIDEO SCHEDULE [SCHEDULE]\n";
  return 2;
} catch (const si::Error& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
