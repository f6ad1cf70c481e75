// camera_health SOURCE [offline|realtime]: tells when a camera's picture is black, frozen or blurred, and where it cuts.
// camera_health --help lists the options. The detectors, which say how they work, are in camera_health/.
#include "camera_health/black.hpp"
#include "camera_health/blurred.hpp"
#include "camera_health/condition.hpp"
#include "camera_health/cuts.hpp"
#include "camera_health/frozen.hpp"
#include "camera_health/monitor.hpp"
#include "camera_health/options.hpp"

#include <stream_infer/stream_infer.hpp>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>

#include <unistd.h>

namespace si = stream_infer;
using namespace std::chrono_literals;

namespace {

// All that a signal handler may do is set a flag, which must be global. A second Ctrl-C ends the program at once.
std::atomic<bool> interrupted{false};  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)
static_assert(std::atomic<bool>::is_always_lock_free);

extern "C" void interrupt(int signal) {
  interrupted = true;
  std::signal(signal, SIG_DFL);
}

template <class... Values>
std::string format(const char* text, Values... values) {
  char line[160];
  std::snprintf(line, sizeof line, text, values...);
  return line;
}

double seconds(si::MediaTime time) { return camera_health::Seconds{time}.count(); }

/// Shows events as lines on stdout.
class Terminal {
 public:
  explicit Terminal(std::optional<bool> colour)
      : is_terminal_{::isatty(STDOUT_FILENO) == 1}, colour_{colour.value_or(is_terminal_ && !wants_no_colour())} {}

  void operator()(const camera_health::Event& event) const {
    using Kind = camera_health::Event::Kind;
    const std::string name{name_of(event.fault)};
    switch (event.kind) {
      case Kind::begins: return line(event.at, red, name + " begins  " + detail(event));
      case Kind::ends: return line(event.at, green, name + format(" for %.1f s", seconds(event.lasted)));
      case Kind::cut: return line(event.at, yellow, format("cut  (%.0f %% of the histogram)", event.measure * 100));
    }
  }

  void line(si::MediaTime time, std::string_view colour, std::string_view text) const {
    if (is_terminal_) std::cout << "\r\x1b[K";  // the progress line may stand here
    std::cout << si::to_hms_ms(time) << "  " << (colour_ ? colour : "") << text << (colour_ ? "\x1b[0m" : "")
              << std::endl;
  }

  static constexpr std::string_view red = "\x1b[31m";
  static constexpr std::string_view green = "\x1b[32m";
  static constexpr std::string_view yellow = "\x1b[33m";

 private:
  static bool wants_no_colour() {                // https://no-color.org
    const char* wish = std::getenv("NO_COLOR");  // NOLINT(concurrency-mt-unsafe): before any thread is started
    return wish != nullptr && *wish != '\0';
  }

  static std::string detail(const camera_health::Event& event) {
    switch (event.fault) {
      case camera_health::Fault::black: return format("(%.1f %% dark)", event.measure * 100);
      case camera_health::Fault::frozen: return format("(change %.2f gray levels)", event.measure);
      case camera_health::Fault::blurred: return format("(%.0f %% of the usual detail)", event.measure * 100);
    }
    return {};
  }

  bool is_terminal_;
  bool colour_;
};

void print_summary(const camera_health::Monitor& monitor, const si::RunReport& report, const std::string& source) {
  const double watched = seconds(report.media_time);
  std::cout << '\n'
            << si::to_hms_ms(report.media_time) << " of " << source << ", "
            << (report.mode == si::Mode::offline ? "offline" : "realtime") << ", " << to_string(report.end)
            << format(", %.1fx real time\n\n", watched / camera_health::Seconds{report.wall_time}.count())
            << "          events     time    share  longest\n";
  for (const auto fault : {camera_health::Fault::black, camera_health::Fault::frozen, camera_health::Fault::blurred}) {
    const camera_health::Totals& totals = monitor.totals(fault);
    std::cout << format("%-8s %7llu %6.1f s %6.1f %% %6.1f s\n", std::string{name_of(fault)}.c_str(),
                        static_cast<unsigned long long>(totals.events), seconds(totals.time),
                        watched > 0 ? seconds(totals.time) / watched * 100 : 0, seconds(totals.longest));
  }
  std::cout << format("%-8s %7llu\n", "cuts", static_cast<unsigned long long>(monitor.cuts()));
  for (const si::AlgoStats& algo : report.algos)
    if (algo.failures + algo.missed.busy + algo.missed.overwritten + algo.missed.left_out != 0)
      std::cout << "note: " << algo << '\n';
  if (report.source.frames_damaged + report.source.decode_errors != 0 || report.source.truncated)
    std::cout << "note: " << report.source << '\n';
}

int watch(const camera_health::Options& options) {
  const Terminal terminal{options.colour};
  camera_health::Monitor monitor{terminal, [&](const si::RunError& error) {
                                   terminal.line(error.time, Terminal::red,
                                                 std::string{error.algo.view()} + " failed: " + error.message);
                                 }};

  // Small and gray is enough to see all of it, and quick.
  si::FFmpegProducer producer{{.width = 320, .height = 180, .format = si::PixelFormat::gray8}};
  si::FrameTracker<16> tracker;
  si::Inference inference{
      tracker,
      monitor,
      si::load_algo("black", camera_health::BlackDetector{options.black}, si::Schedule{}),  // every frame
      si::load_algo("frozen", camera_health::FrozenDetector{options.frozen}, si::Schedule{.interval = 100ms}),
      si::load_algo("blurred", camera_health::BlurDetector{options.blur}, si::Schedule{.interval = 200ms}),
      si::load_algo<si::Sampling{.frame_count = 8}>("cuts", camera_health::CutDetector{options.cut}, 0ms)};
  si::Player player{producer, tracker, options.source};

  std::signal(SIGINT, interrupt);
  std::signal(SIGTERM, interrupt);
  const std::jthread stopper{[&player](const std::stop_token& done) {
    for (; !done.stop_requested(); std::this_thread::sleep_for(50ms))
      if (interrupted) player.stop();  // any thread may: also while the source is still being opened
  }};

  std::optional<si::Error> error;
  try {
    inference.start(player, {.fps = options.fps, .mode = options.mode, .on_progress = si::ProgressLine{}});
  } catch (const si::Error& failure) {
    error = failure;  // what was seen until then is worth a summary
  }
  monitor.finish(player.current_time());
  if (inference.report().source.frames_played != 0) print_summary(monitor, inference.report(), player.source());
  if (error) throw *error;
  return 0;
}

}  // namespace

int main(int argc, char** argv) try {
  const camera_health::Options options = camera_health::parse({argv + 1, argv + argc});
  if (options.help) {
    std::cout << camera_health::usage;
    return 0;
  }
  return watch(options);
} catch (const camera_health::UsageError& error) {
  std::cerr << "camera_health: " << error.what() << " (camera_health --help tells more)\n";
  return 2;
} catch (const si::Error& error) {
  std::cerr << "camera_health: " << error.what() << '\n';
  return 1;
}
