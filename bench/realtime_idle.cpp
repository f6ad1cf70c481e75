// realtime_idle VIDEO: plays every frame in realtime with an algorithm that is never due, so that all the CPU time there is
// goes into decoding and keeping the pace. bench/run.sh compares it with FFmpeg's own paced decode.
#include <stream_infer/stream_infer.hpp>

#include <iostream>
#include <span>

namespace si = stream_infer;

struct Never {
  void run(std::span<const si::Frame>) {}
};

int main(int argc, char** argv) try {
  if (argc < 2) {
    std::cerr << "usage: realtime_idle VIDEO\n";
    return 2;
  }
  si::FFmpegProducer producer{{.threads = 1}};
  si::FrameTracker<8> tracker;
  si::PrintExporter exporter{std::cerr};
  si::Inference inference{tracker, exporter,
                          si::load_algo("never", Never{}, si::Schedule{.interval = std::chrono::hours{24}})};
  si::Player player{producer, tracker, argv[1]};
  const si::RunReport report = inference.start(player, {.mode = si::Mode::realtime});
  std::cout << report;
  return report.adds_up() && report.algos[0].dues == 0 ? 0 : 1;
} catch (const si::Error& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
