#pragma once

#include "stream_infer/core/error.hpp"
#include "stream_infer/core/frame.hpp"
#include "stream_infer/core/wakeup.hpp"
#include "stream_infer/fwd.hpp"
#include "stream_infer/tracker/ring.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace stream_infer {

/// The last `capacity()` played frames, from which algorithms take their windows. One thread adds frames (the player's);
/// any number of threads read, at any time. No reader ever makes the writer wait, and frames are shared, not copied. Frames
/// hold the decoded picture, about 1.5 bytes for a pixel: 120 of 1080p take 400 MB, so let a tracker of large pictures be
/// no longer than the longest window (and what a slow algorithm may be late).
///
///     si::FrameTracker tracker;         // 120 frames
///     si::FrameTracker<64> tracker;     // 64 frames; windows that cannot fit do not compile
///     si::FrameTracker tracker{150};    // chosen at run time; windows are checked when an Inference is made
template <std::size_t Capacity>
class FrameTracker {
 public:
  static_assert(Capacity > 0, "stream_infer: a FrameTracker needs a capacity of at least 1 frame");
  /// The capacity, where it is known while compiling; else dynamic_capacity.
  static constexpr std::size_t static_capacity = Capacity;

  FrameTracker() requires(Capacity != dynamic_capacity) : FrameTracker{Checked{Capacity}} {}

  /// \throws Error if `capacity` is 0 or above 1'000'000 frames
  explicit FrameTracker(std::size_t capacity) requires(Capacity == dynamic_capacity)
      : FrameTracker{Checked{capacity}} {}

  FrameTracker(const FrameTracker&) = delete;
  FrameTracker& operator=(const FrameTracker&) = delete;

  /// Frames held at most.
  [[nodiscard]] std::size_t capacity() const noexcept { return ring_.capacity(); }

  /// Frames held now. Any thread.
  [[nodiscard]] std::size_t size() const noexcept {
    const std::uint64_t frames = end();
    return static_cast<std::size_t>(frames - ring_.held_from(frames));
  }

  /// One more than the newest frame's index; 0 if there is none. Any thread.
  [[nodiscard]] std::uint64_t end() const noexcept { return ring_.end(); }

  /// The index of the oldest frame that is held now. Any thread.
  [[nodiscard]] std::uint64_t begin() const noexcept { return ring_.held_from(ring_.end()); }

  /// Frame `index`, or an empty Frame if it is not held. Lock-free. Any thread.
  [[nodiscard]] Frame frame(std::uint64_t index) const {
    Frame out;
    ring_.read(index, out);
    return out;
  }

  /// The newest frame, or an empty Frame if there is none. Lock-free. Any thread.
  [[nodiscard]] Frame latest() const {
    Frame out;
    for (std::uint64_t frames = end(); frames != 0; frames = end())
      if (ring_.read(frames - 1, out)) break;  // else the writer went all the way round meanwhile
    return out;
  }

  /// Fills `out` with the frames `last - step·(n-1) … last - step, last`, n = out.size(): a window, oldest first. Returns
  /// false if any of them is not held; `out` is then empty frames. Lock-free; copies handles, not pixels. Any thread.
  bool window(std::uint64_t last, std::size_t step, std::span<Frame> out) const {
    // Oldest first: it is the next to be replaced.
    for (std::size_t i = 0; i < out.size(); ++i) {
      const std::uint64_t back = static_cast<std::uint64_t>(out.size() - 1 - i) * step;
      if (back > last || !ring_.read(last - back, out[i])) {
        for (Frame& frame : out) frame = Frame{};
        return false;
      }
    }
    return true;
  }

  /// Sleeps until frame `index` has been added, an interrupt() has come since `interrupts` was read, or the time-out.
  /// Any thread.
  void wait_for_frame(std::uint64_t index, std::uint64_t interrupts, std::chrono::nanoseconds timeout) {
    wakeup_.wait_for(timeout, [&] { return end() > index || this->interrupts() != interrupts; });
  }

  /// The same without a time-out. Any thread.
  void wait_for_frame(std::uint64_t index, std::uint64_t interrupts) {
    wakeup_.wait([&] { return end() > index || this->interrupts() != interrupts; });
  }

  /// How often interrupt() has been called. Any thread.
  [[nodiscard]] std::uint64_t interrupts() const noexcept { return interrupts_.load(std::memory_order_acquire); }

  /// Wakes everybody who waits for a frame: the play has ended, or begins anew. Any thread.
  void interrupt() noexcept {
    interrupts_.fetch_add(1, std::memory_order_release);  // release/acquire: what was done before is seen by the woken
    wakeup_.notify();
  }

  /// How many plays have begun. A reader that finds another number than before starts over at frame 0. Any thread.
  [[nodiscard]] std::uint64_t play() const noexcept { return play_.load(std::memory_order_acquire); }

  // The writer's part: the thread that plays.

  /// Adds the next frame, whose index must be end(). When full, it replaces the oldest. Wait-free, allocates nothing.
  /// Returns false, and drops the frame, if readers hold every spare node.
  bool add_frame(Frame frame) { return ring_.push(std::move(frame)); }

  /// Wakes those who wait for a frame. Separate from add_frame(), which never touches a lock.
  void notify() noexcept { wakeup_.notify(); }

  /// Forgets all frames: a new play begins, whose first frame has index 0 again.
  void begin_play() {
    ring_.clear();
    play_.fetch_add(1, std::memory_order_release);  // release: who sees the new play sees the old frames gone
    interrupt();
  }

 private:
  struct Checked {
    explicit Checked(std::size_t wanted) : capacity{wanted} {
      if (wanted == 0 || wanted > 1'000'000)
        throw Error{Errc::invalid_argument, "frame tracker", {}, "its capacity must be from 1 to 1000000 frames"};
    }
    std::size_t capacity;
  };
  explicit FrameTracker(Checked checked) : ring_{checked.capacity} {}

  detail::Ring<Frame> ring_;
  std::atomic<std::uint64_t> play_{0};
  std::atomic<std::uint64_t> interrupts_{0};
  mutable detail::WakeUp wakeup_;
};

FrameTracker()->FrameTracker<default_capacity>;
FrameTracker(std::size_t)->FrameTracker<dynamic_capacity>;
FrameTracker(int)->FrameTracker<dynamic_capacity>;

}  // namespace stream_infer
