// How long adding a frame takes while eight readers take windows: FrameTracker against a mutex around a deque.
//
// Timed is the call alone: the frame is made before, and the clock's own time is subtracted. Letting go of the frame that
// is replaced belongs to it. The writer has a processor of its own, the readers share the others: else it is the
// scheduler that is measured. Look at the mean too: a writer that waits for a lock adds few frames meanwhile, so its
// median is of the calm times. Prints a Markdown table.

#include "stream_infer/core/frame_pool.hpp"
#include "stream_infer/tracker/frame_tracker.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <mutex>
#include <numeric>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#ifdef __linux__
#include <sched.h>
#endif

namespace si = stream_infer;
using namespace std::chrono_literals;
using SteadyTime = std::chrono::steady_clock::time_point;

namespace {

constexpr std::size_t capacity = 120;
constexpr std::size_t reader_count = 8;
constexpr std::size_t step = 6;
constexpr auto duration = 1s;  // per row

/// The obvious way to share the last frames.
class MutexTracker {
 public:
  bool add_frame(si::Frame frame) {
    si::Frame replaced;  // let go of outside the lock
    const std::lock_guard lock{mutex_};
    frames_.push_back(std::move(frame));
    ++end_;
    if (frames_.size() > capacity) {
      replaced = std::move(frames_.front());
      frames_.pop_front();
    }
    return true;
  }
  [[nodiscard]] std::uint64_t end() const {
    const std::lock_guard lock{mutex_};
    return end_;
  }
  bool window(std::uint64_t last, std::size_t frame_step, std::span<si::Frame> out) const {
    const std::lock_guard lock{mutex_};
    const std::uint64_t begin = end_ - frames_.size();
    const std::uint64_t reach = (out.size() - 1) * frame_step;
    if (last >= end_ || last < begin + reach) return false;
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = frames_[last - reach + i * frame_step - begin];
    return true;
  }

 private:
  mutable std::mutex mutex_;
  std::deque<si::Frame> frames_;
  std::uint64_t end_ = 0;
};

/// Lets the calling thread, and those that it starts, run on processor 0 alone, or on all others.
void run_on_processor_0([[maybe_unused]] bool alone) {
#ifdef __linux__
  const int processors = static_cast<int>(std::thread::hardware_concurrency());
  if (processors < 2) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  for (int processor = 0; processor < processors; ++processor)
    if ((processor == 0) == alone) CPU_SET(static_cast<unsigned>(processor), &set);
  static_cast<void>(sched_setaffinity(0, sizeof set, &set));  // where it is not allowed, the scheduler chooses
#endif
}

/// How the readers spend their time, and the writer between two frames.
struct Load {
  const char* name;
  std::chrono::nanoseconds reader_pause;  // 0: they never pause
  std::chrono::nanoseconds frame_period;
};

struct Result {
  double median = 0;  // ns
  double p99 = 0;     // ns
  double mean = 0;    // ns
  double windows_per_second = 0;
};

double at(std::vector<double>& sorted, double part) {
  return sorted.empty() ? 0 : sorted[static_cast<std::size_t>(part * static_cast<double>(sorted.size() - 1))];
}

double nanoseconds(SteadyTime begin, SteadyTime end) {
  return std::chrono::duration<double, std::nano>(end - begin).count();
}

/// What two readings of the clock cost, one right after the other.
double clock_cost() {
  std::vector<double> costs(100'000);
  for (double& cost : costs) {
    const SteadyTime begin = std::chrono::steady_clock::now();
    cost = nanoseconds(begin, std::chrono::steady_clock::now());
  }
  std::ranges::sort(costs);
  return at(costs, 0.5);
}

template <class Tracker>
Result measure(const Load& load, double clock) {
  Tracker tracker;
  si::FramePool<> pool;
  // Alone in its cache lines: the readers look at it all the time, and around it are the variables of the writer's loop.
  struct alignas(128) {
    std::atomic<bool> value{false};
  } done;
  std::atomic<std::uint64_t> windows{0};
  std::vector<std::jthread> readers;
  for (std::size_t i = 0; i < reader_count; ++i)
    readers.emplace_back([&] {
      run_on_processor_0(false);
      std::array<si::Frame, 5> window;
      std::uint64_t taken = 0;
      while (!done.value.load(std::memory_order_relaxed)) {
        const std::uint64_t end = tracker.end();
        if (end != 0 && tracker.window(end - 1, step, window)) ++taken;
        if (load.reader_pause > 0ns) std::this_thread::sleep_for(load.reader_pause);
      }
      windows += taken;
    });

  std::vector<double> times;
  times.reserve(4'000'000);
  const SteadyTime start = std::chrono::steady_clock::now();
  SteadyTime next = start;
  for (SteadyTime now = start; now < start + duration;) {
    si::Frame frame = pool.make({64, 36}, 0ns, [](si::ImageSpan) {});
    const SteadyTime begin = std::chrono::steady_clock::now();
    tracker.add_frame(std::move(frame));
    now = std::chrono::steady_clock::now();
    times.push_back(std::max(0.0, nanoseconds(begin, now) - clock));
    next += load.frame_period;
    if (next - now > 100us)
      std::this_thread::sleep_until(next);
    else
      while (std::chrono::steady_clock::now() < next) {}
    next = std::max(next, std::chrono::steady_clock::now());
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  done.value = true;
  readers.clear();

  std::ranges::sort(times);
  const double mean = std::accumulate(times.begin(), times.end(), 0.0) / static_cast<double>(times.size());
  return {at(times, 0.5), at(times, 0.99), mean, static_cast<double>(windows) / seconds};
}

}  // namespace

int main() {
  run_on_processor_0(true);
  const double clock = clock_cost();
  std::printf(
      "%zu readers, windows of 5 frames %zu apart, %zu frames held; %u processors; the clock's %.0f ns subtracted\n\n",
      reader_count, step, capacity, std::thread::hardware_concurrency(), clock);
  std::printf(
      "| readers | frames | add_frame of | median | 99 %% | mean | windows / s |\n|---|---|---|---:|---:|---:|---:|\n");
  constexpr std::array loads{Load{"never pause", 0ns, 5us}, Load{"never pause", 0ns, 1ms}, Load{"pause 1 ms", 1ms, 5us},
                             Load{"pause 1 ms", 1ms, 1ms}};
  for (const Load& load : loads) {
    const Result ours = measure<si::FrameTracker<capacity>>(load, clock);
    const Result rival = measure<MutexTracker>(load, clock);
    const auto row = [&](const char* name, const Result& result) {
      std::printf("| %s | every %lld us | %s | %.0f ns | %.0f ns | %.0f ns | %.0f |\n", load.name,
                  static_cast<long long>(load.frame_period / 1us), name, result.median, result.p99, result.mean,
                  result.windows_per_second);
    };
    row("FrameTracker", ours);
    row("mutex + deque", rival);
    std::printf("| | | **ratio** | **%.1f** | **%.1f** | **%.1f** | |\n", rival.median / std::max(1.0, ours.median),
                rival.p99 / std::max(1.0, ours.p99), rival.mean / std::max(1.0, ours.mean));
    std::fflush(stdout);
  }
}
