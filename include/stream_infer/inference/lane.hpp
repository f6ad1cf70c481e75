#pragma once

#include "stream_infer/algo/load_algo.hpp"
#include "stream_infer/core/duration_histogram.hpp"
#include "stream_infer/core/error.hpp"
#include "stream_infer/core/frame.hpp"
#include "stream_infer/core/min_max.hpp"
#include "stream_infer/core/name.hpp"
#include "stream_infer/core/stats.hpp"
#include "stream_infer/exporter/record.hpp"
#include "stream_infer/schedule/due.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace stream_infer::detail {

/// One algorithm's runs: finds its dues, takes their windows, calls it, and keeps account. Used by one thread at a time;
/// only stats() and due_at() may be called by any.
///
/// Frames need not be shown to it one by one. Every frame's Timing tells how many dues lie before it, so a lane that was
/// away counts what it passed over when it comes back.
template <class Loaded>
class Lane {
 public:
  using Value = typename Loaded::Value;

  /// Calls the algorithm's init(). \throws Error if that throws, or for a schedule that makes no sense
  template <class Tracker>
  Lane(Loaded&& loaded, const Tracker& tracker)
      : name_{std::move(loaded.name)},
        algo_{std::forward<typename Loaded::Algorithm>(loaded.algo)},
        sampling_{loaded.schedule.sampling()},
        rule_{loaded.schedule.interval},
        window_{(check(name_, loaded.schedule), Loaded::Shape::storage(loaded.schedule))} {
    if (sampling_.span() > tracker.capacity())
      throw Error{Errc::window_too_long, "load_algo", name_,
                  "its window reaches over " + std::to_string(sampling_.span()) +
                      " frames, and the FrameTracker holds " + std::to_string(tracker.capacity()) +
                      ": make the tracker larger, or the window shorter"};
    stats_.name = std::string{name_.view()};
  }

  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  void init() {
    if constexpr (requires { algo_.init(); }) {
      try {
        algo_.init();
      } catch (...) {
        std::throw_with_nested(Error{Errc::algorithm_failed, "init", name_, message_of(std::current_exception())});
      }
    }
  }

  /// Whether a due ends at this frame. Any thread.
  [[nodiscard]] bool due_at(const Frame& frame) const { return rule_.dues_at(frame.timing()) > 0; }

  /// Runs the due that ends at `frame`, if there is one; what lies before it and was not shown counts as passed over.
  /// `timing` is the frame's, or one with another play rate. Returns whether the algorithm ran.
  template <std::size_t I, class Tracker, class Outlet>
  bool take(const Frame& frame, const Timing& timing, const Tracker& tracker, Outlet& outlet) {
    follow_play(tracker);
    const std::uint64_t here = rule_.dues_at(timing);
    if (here == 0) return false;
    account(frame.index(), timing, here);
    return run_due<I>(frame, tracker, outlet);
  }

  /// Runs the latest due that has come up since the last call and has all its pixels; those before it are passed over.
  /// Returns whether the algorithm ran.
  template <std::size_t I, class Tracker, class Outlet>
  bool catch_up(const Tracker& tracker, Outlet& outlet) {
    const Found found = find_latest(tracker);
    return found.due && run_window<I>(found.due, found.window, outlet);
  }

  /// Counts the dues that have come up since the last call as passed over.
  template <class Tracker>
  void pass_over(const Tracker& tracker) {
    if (!find_latest(tracker).due) return;
    drop_window();
    edit([](AlgoStats& stats) { ++stats.missed.busy; });
  }

  /// Runs now, on the newest frames, due or not; counts as a due of its own.
  template <std::size_t I, class Tracker, class Outlet>
  bool run_now(const Tracker& tracker, Outlet& outlet) {
    edit([](AlgoStats& stats) { ++stats.dues; });
    return run_due<I>(tracker.latest(), tracker, outlet);
  }

  [[nodiscard]] const Name& name() const { return name_; }
  [[nodiscard]] Schedule schedule() const { return {sampling_.frame_count, sampling_.frame_step, rule_.interval()}; }

  /// The counts so far. Any thread.
  [[nodiscard]] AlgoStats stats() const {
    const std::lock_guard lock{stats_mutex_};
    AlgoStats stats = stats_;
    stats.ages = {ages_.count(), ages_.quantile(0.5), ages_.quantile(0.99), ages_.longest()};
    return stats;
  }
  /// What run() is working on now. Any thread.
  [[nodiscard]] std::optional<Running> running() const {
    const std::lock_guard lock{stats_mutex_};
    return stats_.running;
  }
  /// \param run_limit  what lasts longer is counted as slow; 0: nothing is
  void reset_stats(MediaTime run_limit) {
    edit([&](AlgoStats& stats) {
      stats = AlgoStats{};
      stats.name = std::string{name_.view()};
      ages_ = {};
      run_limit_ = run_limit;
    });
  }

 private:
  template <class F>
  void edit(F change) {
    const std::lock_guard lock{stats_mutex_};  // per due, not per frame; contended only by stats()
    change(stats_);
  }

  /// Forgets the play of before, if the tracker is in another one; the counts go on.
  template <class Tracker>
  void follow_play(const Tracker& tracker) {
    if (const std::uint64_t play = tracker.play(); play != play_) {
      play_ = play;
      next_ = 0;
      accounted_ = 0;
    }
  }

  enum class WindowState : std::uint8_t { complete, warm_up, overwritten, left_out };

  struct Found {
    Frame due;                                      ///< empty: there is none
    WindowState window = WindowState::overwritten;  ///< window_ holds it if it is complete
  };

  /// Finds the latest due among those not yet looked at whose window was not left out, and counts all others as missed;
  /// where none is in the tracker any more, also what was overwritten unseen.
  template <class Tracker>
  Found find_latest(const Tracker& tracker) {
    std::uint64_t end = 0, left_out = 0;
    Found found;
    Frame oldest, latest_left_out;
    do {
      follow_play(tracker);
      end = tracker.end();
      left_out = 0;
      drop_window();
      found = {};
      oldest = latest_left_out = Frame{};
      for (std::uint64_t i = end; i > next_; --i) {
        Frame frame = tracker.frame(i - 1);
        if (!frame) break;
        if (due_at(frame)) {
          found.window = take_window(frame, tracker);
          if (found.window != WindowState::left_out) {
            found.due = std::move(frame);
            break;
          }
          if (left_out++ == 0) latest_left_out = frame;
        }
        oldest = std::move(frame);
      }
    } while (tracker.play() != play_);  // another play began meanwhile: frames of both may have been seen
    if (found.due)
      account(found.due.index(), found.due.timing(), rule_.dues_at(found.due.timing()));
    else if (oldest)
      account_overwritten(oldest);
    else
      return found;  // nothing new, or the writer laps us: the next look will find frames
    if (latest_left_out) account_left_out(latest_left_out, left_out);
    next_ = end;
    return found;
  }

  /// Counts the dues before `oldest`, the first frame that is still there.
  void account_overwritten(const Frame& oldest) {
    const std::uint64_t before = rule_.dues_before(oldest.index(), oldest.timing());
    if (before <= accounted_) return;
    edit([lost = before - accounted_](AlgoStats& stats) {
      stats.dues += lost;
      stats.missed.overwritten += 1;
      stats.missed.busy += lost - 1;
    });
    accounted_ = before;
  }

  /// Counts the dues up to `last`, which end at `frames` frames and were left out: one at each of these frames, and the others
  /// fell into the same gap.
  void account_left_out(const Frame& last, std::uint64_t frames) {
    const std::uint64_t up_to = rule_.dues_before(last.index(), last.timing()) + rule_.dues_at(last.timing());
    if (up_to < accounted_ + frames) return;
    edit([frames, passed = up_to - accounted_](AlgoStats& stats) {
      stats.dues += passed;
      stats.missed.left_out += frames;
      stats.missed.gap += passed - frames;
    });
    accounted_ = up_to;
  }

  /// Counts the dues up to the frame of `timing`, of which `here` end at it: all but one of those are misses.
  void account(std::uint64_t index, const Timing& timing, std::uint64_t here) {
    const std::uint64_t before = rule_.dues_before(index, timing);
    const std::uint64_t passed = before > accounted_ ? before - accounted_ : 0;
    edit([&](AlgoStats& stats) {
      stats.dues += passed + here;
      stats.missed.busy += passed;
      stats.missed.gap += here - 1;
    });
    accounted_ = before + here;
    next_ = index + 1;
  }

  template <std::size_t I, class Tracker, class Outlet>
  bool run_due(const Frame& last, const Tracker& tracker, Outlet& outlet) {
    return run_window<I>(last, last ? take_window(last, tracker) : WindowState::warm_up, outlet);
  }

  /// Runs on window_, which ends at `last`, if it is complete; else counts why not.
  template <std::size_t I, class Outlet>
  bool run_window(const Frame& last, WindowState state, Outlet& outlet) {
    if (state == WindowState::complete) run<I>(last, outlet);
    drop_window();
    if (state == WindowState::complete) return true;
    edit([state](AlgoStats& stats) {
      ++(state == WindowState::warm_up       ? stats.missed.warm_up
         : state == WindowState::overwritten ? stats.missed.overwritten
                                             : stats.missed.left_out);
    });
    return false;
  }

  /// Puts the window that ends at `last` into window_.
  template <class Tracker>
  [[nodiscard]] WindowState take_window(const Frame& last, const Tracker& tracker) {
    if (last.index() + 1 < sampling_.span()) return WindowState::warm_up;
    if (last.left_out()) return WindowState::left_out;
    if (!tracker.window(last.index(), sampling_.frame_step, window_)) return WindowState::overwritten;
    bool complete = true;
    for (const Frame& frame : window_) complete = complete && !frame.left_out();
    if (!complete) drop_window();
    return complete ? WindowState::complete : WindowState::left_out;
  }

  void drop_window() {
    for (Frame& frame : window_) frame = Frame{};  // keep no pixels alive between runs
  }

  template <std::size_t I, class Outlet>
  void run(const Frame& last, Outlet& outlet) {
    const auto begin = std::chrono::steady_clock::now();
    edit([&](AlgoStats& stats) {
      stats.running = Running{last.index(), last.time(), begin};
      if (const auto arrived = last.arrived()) ages_.add(begin - *arrived);
    });
    try {
      if constexpr (std::is_void_v<Value>) {
        algo_.run(Loaded::Shape::argument(window_));
        ran(begin);
      } else {
        const Record<Value> record{last.time(),  last.index(), name_, algo_.run(Loaded::Shape::argument(window_)),
                                   last.epoch(), last.source()};
        ran(begin);
        if (std::string message = outlet.template collect<I>(record); !message.empty())
          edit([&](AlgoStats& stats) {
            ++stats.export_failures;
            stats.last_error = std::move(message);
          });
      }
    } catch (...) {
      RunError error{last.time(), last.index(), name_, {}, std::current_exception(), last.epoch()};
      edit([&](AlgoStats& stats) {
        ++stats.failures;
        stats.last_error = message_of(error.exception);
        end_run(stats, std::chrono::steady_clock::now() - begin);
      });
      outlet.fail(std::move(error));
    }
  }

  void ran(std::chrono::steady_clock::time_point begin) {
    const MediaTime took = std::chrono::steady_clock::now() - begin;
    edit([&](AlgoStats& stats) {
      ++stats.runs;
      stats.run_time += took;
      stats.longest_run = detail::max(stats.longest_run, took);
      end_run(stats, took);
    });
  }

  void end_run(AlgoStats& stats, MediaTime took) const {
    stats.running.reset();
    if (run_limit_ > MediaTime{0} && took > run_limit_) ++stats.slow_runs;
  }

  Name name_;
  typename Loaded::Algorithm algo_;
  Sampling sampling_;
  DueRule rule_;
  typename Loaded::Shape::Storage window_;

  std::uint64_t play_ = 0;       // the tracker's number of the play that the next two are of
  std::uint64_t next_ = 0;       // the first frame not yet looked at
  std::uint64_t accounted_ = 0;  // dues of the play that have been counted

  mutable std::mutex stats_mutex_;  // guards what follows
  AlgoStats stats_;                 // without its ages
  DurationHistogram ages_;
  MediaTime run_limit_{};
};

}  // namespace stream_infer::detail
