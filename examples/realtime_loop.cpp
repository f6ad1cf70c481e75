// realtime_loop SOURCE: the realtime loop written by hand. The Player plays on a thread of its own, at the source's pace;
// this thread runs what is due, and between the runs it does something else: it keeps a status line up to date.
#include <stream_infer/stream_infer.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <iostream>
#include <span>
#include <string>
#include <string_view>

#include <unistd.h>

namespace si = stream_infer;
using namespace std::chrono_literals;

namespace {

constexpr std::string_view usage =
    "usage: realtime_loop SOURCE\n"
    "Shows the brightness and the contrast of SOURCE (a file, URL, device or test pattern) as it plays. Ctrl-C ends "
    "it.\n";

struct Brightness {
  double run(std::span<const si::Frame> frames) {
    const si::ImageView image = frames.back().image();
    std::uint64_t sum = 0;
    for (int y = 0; y < image.height; ++y)
      for (const std::uint8_t pixel : image.row(y)) sum += pixel;
    return static_cast<double>(sum) / (static_cast<double>(image.width) * image.height);
  }
};

/// From the darkest to the brightest pixel, without the outermost hundredth on either side.
struct Contrast {
  int run(std::span<const si::Frame> frames) {
    const si::ImageView image = frames.back().image();
    std::array<std::int64_t, 256> counts{};
    for (int y = 0; y < image.height; ++y)
      for (const std::uint8_t pixel : image.row(y)) ++counts[pixel];
    const std::int64_t hundredth = std::int64_t{image.width} * image.height / 100;
    const auto first_beyond = [hundredth](auto begin, auto end) {
      std::int64_t sum = 0;
      return std::find_if(begin, end, [&](std::int64_t count) { return (sum += count) > hundredth; }) - begin;
    };
    return static_cast<int>(255 - first_beyond(counts.begin(), counts.end()) -
                            first_beyond(counts.rbegin(), counts.rend()));
  }
};

/// Collects during the runs, and sends when the loop has time for it: here to a status line, else to a socket.
struct Display : si::BaseExporter<Display, double, int> {
  void send(const si::Record<double>& record) { brightness = record.value; }
  void send(const si::Record<int>& record) { contrast = record.value; }

  [[nodiscard]] std::string line(const std::string& time) const {
    char text[96];
    std::snprintf(text, sizeof text, "%s  brightness %5.1f %-16s  contrast %3d", time.c_str(), brightness,
                  std::string(static_cast<std::size_t>(brightness / 16), '#').c_str(), contrast);
    return text;
  }

  double brightness = 0;
  int contrast = 0;
};

// All that a signal handler may do is set a flag, which must be global. A second Ctrl-C ends the program at once.
std::atomic<bool> interrupted{false};  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)
static_assert(std::atomic<bool>::is_always_lock_free);

extern "C" void interrupt(int signal) {
  interrupted = true;
  std::signal(signal, SIG_DFL);
}

void run(const std::string& source) {
  si::FFmpegProducer producer{{.width = 320, .format = si::PixelFormat::gray8}};
  si::FrameTracker tracker{50};  // a capacity chosen at run time
  Display display;
  si::Inference inference{tracker, display, si::load_algo("brightness", Brightness{}, si::Schedule{.interval = 200ms}),
                          si::load_algo("contrast", Contrast{}, si::Schedule{.interval = 500ms})};
  si::Player player{producer, tracker, source};
  std::signal(SIGINT, interrupt);

  const bool terminal = ::isatty(STDOUT_FILENO) == 1;
  std::string shown;
  player.play_realtime();  // returns at once; the source is opened on the playing thread
  while (player.is_active()) {
    if (interrupted) player.stop();  // whatever the player is doing: returns within 200 ms
    inference.run_inference();       // runs what is due; waits up to 20 ms if nothing is
    display.send_all();
    const std::string time = player.current_time_str();
    if (time == shown || player.stats().frames_played == 0) continue;
    shown = time;  // once a second of the source
    std::cout << (terminal ? "\r" : "") << display.line(time) << (terminal ? "" : "\n") << std::flush;
  }
  inference.run_inference();  // what came due at the very end
  display.send_all();
  player.stop();
  if (const si::PlayStatus status = player.status(); status.error) throw *status.error;

  std::cout << (terminal ? "\n\n" : "\n") << to_string(player.status().state) << '\n' << player.stats() << '\n';
  for (const si::AlgoStats& algo : inference.stats()) std::cout << algo << '\n';
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc == 2 && argv[1] == std::string_view{"--help"}) {
    std::cout << usage;
    return 0;
  }
  if (argc != 2) {
    std::cerr << usage;
    return 2;
  }
  run(argv[1]);
} catch (const std::exception& error) {  // such as si::Error
  std::cerr << "realtime_loop: " << error.what() << '\n';
  return 1;
}
