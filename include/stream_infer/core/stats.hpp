#pragma once

#include "stream_infer/core/media_time.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace stream_infer {

/// What a Reader counts while it works; shared with the frames that it made, because pixels are converted when somebody
/// looks at them, which may be after the reader is gone. Any thread may read it at any time.
struct SourceCounters {
  std::atomic<std::uint64_t> packets_read{0};            ///< compressed pictures taken from the container
  std::atomic<std::uint64_t> packets_decoded{0};         ///< of those, handed to the decoder
  std::atomic<std::uint64_t> packets_passed{0};          ///< beside them: not even read, for nobody needs them
  std::atomic<std::uint64_t> left_out_non_reference{0};  ///< LeftOut::non_reference
  std::atomic<std::uint64_t> left_out_tail{0};           ///< LeftOut::tail
  std::atomic<std::uint64_t> left_out_group{0};          ///< LeftOut::group
  std::atomic<std::uint64_t> left_out_late{0};           ///< LeftOut::late
  std::atomic<std::uint64_t> frames_decoded{0};          ///< pictures that came out of it
  std::atomic<std::uint64_t> frames_converted{0};        ///< pictures whose pixels somebody looked at
  std::atomic<std::uint64_t> frames_damaged{0};          ///< decoded with errors concealed, and handed on
  std::atomic<std::uint64_t> decode_errors{0};           ///< packets that the decoder refused
  std::atomic<bool> truncated{false};                    ///< the file ends before its own index says so
};

namespace detail {

/// One more. Relaxed: nothing is published through a count.
inline void count(std::atomic<std::uint64_t>& counter) { counter.fetch_add(1, std::memory_order_relaxed); }

}  // namespace detail

/// Compressed pictures that were not decoded, by what made that possible.
struct LeftOut {
  std::uint64_t non_reference = 0;  ///< no other picture refers to it
  std::uint64_t tail = 0;           ///< nothing that is needed comes after it in its group of pictures
  std::uint64_t group = 0;          ///< its whole group of pictures was left out
  std::uint64_t late = 0;           ///< realtime: somebody needed it, or one that refers to it, but it came too late

  [[nodiscard]] std::uint64_t total() const { return non_reference + tail + group + late; }
  friend bool operator==(const LeftOut&, const LeftOut&) = default;
};

/// Why a frame that came from the reader was not played.
struct Skips {
  std::uint64_t rate = 0;      ///< thinned out by the play rate
  std::uint64_t position = 0;  ///< before the start position (decoding starts at the key frame before it)
  std::uint64_t tracker = 0;   ///< readers of the FrameTracker held every spare node
  std::uint64_t stopped = 0;   ///< it waited for its time when the play was stopped

  [[nodiscard]] std::uint64_t total() const { return rate + position + tracker + stopped; }
  friend bool operator==(const Skips&, const Skips&) = default;
};

/// What became of the source in one play. `frames_seen == frames_played + skipped.total()` at every end.
struct SourceStats {
  std::uint64_t packets_read = 0;
  std::uint64_t packets_decoded = 0;
  std::uint64_t packets_passed = 0;  ///< beside those read: nobody needs them, and the file's index led past them
  LeftOut left_out{};
  std::uint64_t frames_decoded = 0;
  std::uint64_t frames_converted = 0;
  std::uint64_t frames_damaged = 0;
  std::uint64_t decode_errors = 0;
  bool truncated = false;
  std::uint64_t frames_seen = 0;    ///< frames that came from the reader
  std::uint64_t frames_played = 0;  ///< of those, numbered and put into the tracker
  Skips skipped{};
  std::uint64_t losses = 0;  ///< live: how often it was lost while it played
  MediaTime lost_for{};      ///< until it was back, or the end came, in all; and until it was there first
  std::string last_loss{};   ///< why it was lost, or could not be opened, the last time

  void take(const SourceCounters& from) {
    packets_read = from.packets_read.load(std::memory_order_relaxed);  // counts: nothing is published through them
    packets_decoded = from.packets_decoded.load(std::memory_order_relaxed);
    packets_passed = from.packets_passed.load(std::memory_order_relaxed);
    left_out.non_reference = from.left_out_non_reference.load(std::memory_order_relaxed);
    left_out.tail = from.left_out_tail.load(std::memory_order_relaxed);
    left_out.group = from.left_out_group.load(std::memory_order_relaxed);
    left_out.late = from.left_out_late.load(std::memory_order_relaxed);
    frames_decoded = from.frames_decoded.load(std::memory_order_relaxed);
    frames_converted = from.frames_converted.load(std::memory_order_relaxed);
    frames_damaged = from.frames_damaged.load(std::memory_order_relaxed);
    decode_errors = from.decode_errors.load(std::memory_order_relaxed);
    truncated = from.truncated.load(std::memory_order_relaxed);
  }
  [[nodiscard]] bool adds_up() const { return frames_seen == frames_played + skipped.total(); }
};

/// Dues that did not become runs, by cause.
struct Misses {
  std::uint64_t gap = 0;          ///< a gap in the stream made one frame pass several dues, and it ran (or missed) once
  std::uint64_t warm_up = 0;      ///< the play had not yet as many frames as the window needs
  std::uint64_t busy = 0;         ///< passed over: a later due had come before the algorithm was free
  std::uint64_t overwritten = 0;  ///< a frame of the window had left the tracker
  std::uint64_t left_out =
      0;  ///< no pixels of a frame in it: damaged, or, in realtime, too late (a file) or not foreseen (live)

  [[nodiscard]] std::uint64_t total() const { return gap + warm_up + busy + overwritten + left_out; }
  friend bool operator==(const Misses&, const Misses&) = default;
};

/// How old the newest frame of a window was when its run began: since its compressed picture came from a live source.
struct FrameAges {
  std::uint64_t count = 0;  ///< runs on frames of a live source
  MediaTime median{};
  MediaTime p99{};  ///< 99 % were not older
  MediaTime longest{};
};

/// A call of run() that has not returned yet.
struct Running {
  std::uint64_t frame_index = 0;  ///< of the last frame of its window
  MediaTime time{};               ///< likewise
  std::chrono::steady_clock::time_point since{};
};

/// What became of one algorithm's dues. `dues == runs + failures + missed.total()` at every end.
struct AlgoStats {
  std::string name{};
  std::uint64_t dues = 0;
  std::uint64_t runs = 0;      ///< run() returned
  std::uint64_t failures = 0;  ///< run() threw
  Misses missed{};
  std::uint64_t export_failures = 0;  ///< of the runs, those whose record the exporter threw at
  MediaTime run_time{};               ///< wall time spent in run(), summed
  MediaTime longest_run{};            ///< the longest of them
  std::uint64_t slow_runs = 0;        ///< of those that returned or threw, longer than StartOptions::run_limit
  FrameAges ages{};
  std::optional<Running> running{};  ///< now
  std::string last_error{};          ///< what the latest failure said

  [[nodiscard]] bool adds_up() const { return dues == runs + failures + missed.total(); }
};

namespace detail {

/// Prints ", COUNT WHAT" where there is anything to say.
inline void print_count(std::ostream& out, std::uint64_t count, std::string_view what) {
  if (count != 0) out << ", " << count << ' ' << what;
}

}  // namespace detail

inline std::ostream& operator<<(std::ostream& out, const AlgoStats& algo) {
  out << algo.name << ": " << algo.dues << " due, " << algo.runs << " run";
  detail::print_count(out, algo.failures, "failed");
  detail::print_count(out, algo.missed.gap, "missed in gaps");
  detail::print_count(out, algo.missed.warm_up, "missed at warm-up");
  detail::print_count(out, algo.missed.busy, "missed while busy");
  detail::print_count(out, algo.missed.overwritten, "missed as overwritten");
  detail::print_count(out, algo.missed.left_out, "missed as left out");
  detail::print_count(out, algo.export_failures, "not exported");
  detail::print_count(out, algo.slow_runs, "over the run limit");
  if (algo.slow_runs != 0) out << " (longest run: " << algo.longest_run.count() / 1'000'000 << " ms)";
  if (algo.ages.count != 0)
    out << ", on frames " << algo.ages.median.count() / 1'000'000 << '/' << algo.ages.p99.count() / 1'000'000 << '/'
        << algo.ages.longest.count() / 1'000'000 << " ms old (median, 99 %, oldest)";
  if (!algo.last_error.empty()) out << " (last error: " << algo.last_error << ')';
  return out;
}

inline std::ostream& operator<<(std::ostream& out, const SourceStats& source) {
  out << "source: " << source.frames_played << " of " << source.frames_seen << " frames played, "
      << source.frames_converted << " converted, " << source.packets_decoded << " of " << source.packets_read
      << " packets decoded";
  detail::print_count(out, source.packets_passed, "not even read");
  detail::print_count(out, source.left_out.group, "in groups nobody needs");
  detail::print_count(out, source.left_out.tail, "at the ends of groups");
  detail::print_count(out, source.left_out.non_reference, "not referred to");
  detail::print_count(out, source.left_out.late, "too late");
  detail::print_count(out, source.skipped.rate, "frames thinned out by the play rate");
  detail::print_count(out, source.skipped.position, "frames before the position");
  detail::print_count(out, source.skipped.tracker, "frames dropped by the tracker");
  detail::print_count(out, source.skipped.stopped, "frames not reached before the stop");
  detail::print_count(out, source.decode_errors, "packets refused");
  detail::print_count(out, source.frames_damaged, "frames damaged");
  if (source.truncated) out << ", truncated";
  if (!source.last_loss.empty()) {
    if (source.losses == 0)
      out << ", not there at first";
    else
      out << ", lost " << source.losses << (source.losses == 1 ? " time" : " times");
    out << ", away for " << to_hms_ms(source.lost_for) << " (last: " << source.last_loss << ')';
  }
  return out;
}

}  // namespace stream_infer
