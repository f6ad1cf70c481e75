// offline_loop VIDEO [THRESHOLD]: the serial loop written by hand, because what is to be done depends on the results.
//
// A cheap algorithm looks for motion four times a second. Only where there is some, an expensive one looks at that very
// frame. Between the runs the loop does work of its own: it draws how the motion goes.
#include <stream_infer/stream_infer.hpp>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cmath>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>

namespace si = stream_infer;
using namespace std::chrono_literals;

namespace {

constexpr std::string_view usage =
    "usage: offline_loop VIDEO [THRESHOLD]\n"
    "Draws the motion in VIDEO, and tells where it is when it exceeds THRESHOLD gray levels (4).\n";

/// The mean absolute difference of two pictures.
struct Motion {
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

/// Where the motion is: the middle of all pixels that changed, in per cent of the picture's width and height.
struct Place {
  double x = 0, y = 0;
};

/// Stands for something expensive. Nothing, if no pixel changed by much: then the light did.
struct WhereIsIt {
  std::optional<Place> run(std::span<const si::Frame> frames) {
    const si::ImageView before = frames.front().image();
    const si::ImageView now = frames.back().image();
    double sum = 0, sum_x = 0, sum_y = 0;
    for (int y = 0; y < now.height; ++y)
      for (std::size_t x = 0; x < now.row(y).size(); ++x) {
        const int change = std::abs(now.row(y)[x] - before.row(y)[x]);
        if (change < 20) continue;
        sum += change, sum_x += change * static_cast<double>(x), sum_y += change * static_cast<double>(y);
      }
    if (sum == 0) return std::nullopt;
    return Place{100 * sum_x / sum / now.width, 100 * sum_y / sum / now.height};
  }
};

/// Keeps the latest result of each algorithm for the loop.
struct Latest {
  void collect(const si::Record<double>& record) { motion = record.value; }
  void collect(const si::Record<std::optional<Place>>& record) { place = record.value; }

  double motion = 0;
  std::optional<Place> place;
};

// All that a signal handler may do is set a flag, which must be global. A second Ctrl-C ends the program at once.
std::atomic<bool> interrupted{false};  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)
static_assert(std::atomic<bool>::is_always_lock_free);

extern "C" void interrupt(int signal) {
  interrupted = true;
  std::signal(signal, SIG_DFL);
}

double number_from(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !(value >= 0)) return -1;
  return value;
}

void run(const std::string& video, double threshold) {
  si::FFmpegProducer producer{{.width = 320, .format = si::PixelFormat::gray8}};
  si::FrameTracker<16> tracker;
  Latest latest;
  si::Inference inference{
      tracker, latest, si::load_algo<si::Sampling{.frame_count = 2, .frame_step = 3}>("motion", Motion{}, 250ms),
      // An interval that never comes: this one runs only when it is asked to.
      si::load_algo<si::Sampling{.frame_count = 2, .frame_step = 3}>("where", WhereIsIt{}, si::MediaTime::max())};
  si::Player player{producer, tracker, video};

  // The loop may be waiting for a slow source, so somebody else looks at the flag. stop() may be called by any thread.
  std::signal(SIGINT, interrupt);
  const std::jthread stopper{[&player](const std::stop_token& done) {
    for (; !done.stop_requested(); std::this_thread::sleep_for(50ms))
      if (interrupted) player.stop();
  }};

  for (const auto& [frame, number] : player.play()) {
    if (inference.auto_run_specific_inference(player.fps(), number) == 0) continue;  // nothing was due at this frame
    std::cout << si::to_hms_ms(frame.time()) << "  "
              << std::string(static_cast<std::size_t>(std::min(40.0, latest.motion + 0.5)), '#');
    if (latest.motion > threshold && inference.run_specific_inference("where")) {
      if (latest.place)
        std::cout << "  at " << std::lround(latest.place->x) << " %, " << std::lround(latest.place->y) << " %";
      else
        std::cout << "  everywhere a little";
    }
    std::cout << '\n';
  }

  std::cout << '\n'
            << to_string(player.status().state) << " at " << player.current_time_str() << '\n'
            << player.stats() << '\n';
  for (const si::AlgoStats& algo : inference.stats()) std::cout << algo << '\n';
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc == 2 && argv[1] == std::string_view{"--help"}) {
    std::cout << usage;
    return 0;
  }
  const double threshold = argc == 3 ? number_from(argv[2]) : 4;
  if (argc < 2 || argc > 3 || threshold < 0) {
    std::cerr << usage;
    return 2;
  }
  run(argv[1], threshold);
} catch (const si::Error& error) {
  std::cerr << "offline_loop: " << error.what() << '\n';
  return 1;
}
