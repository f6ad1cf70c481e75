#pragma once

#include "stream_infer/core/callback.hpp"
#include "stream_infer/core/media_time.hpp"
#include "stream_infer/core/min_max.hpp"
#include "stream_infer/core/stats.hpp"

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>

namespace stream_infer {

/// A call of run() that lasts.
struct SlowRun {
  std::string_view algorithm{};   ///< for as long as the call that brings it
  std::uint64_t frame_index = 0;  ///< of the last frame of its window
  MediaTime time{};               ///< likewise
  MediaTime lasting{};            ///< for how long it has been running, by the machine's clock
  bool awaited = false;           ///< the play has ended, or is to: start() returns when this run has
};

/// Hears of runs that last, on a thread of its own, while they do.
using OnSlowRun = Callback<void(const SlowRun&)>;

namespace detail {

/// Looks at what the lanes are running, now and then, and tells of what lasts: when it exceeds the limit, when it becomes what
/// is waited for, and each time that it has lasted twice as long.
template <class Lanes>
class RunWatch {
 public:
  static constexpr MediaTime longest_wait{200'000'000};  ///< for what is waited for, before that is said

  /// \param lanes     outlive this
  /// \param limit     0: only what is waited for
  /// \param listener  must not throw
  /// \param ends      whether the play has ended, or is to. Any thread
  RunWatch(const Lanes& lanes, MediaTime limit, OnSlowRun listener, Callback<bool()> ends)
      : lanes_{&lanes}, limit_{limit}, listener_{std::move(listener)}, ends_{std::move(ends)} {
    thread_ = std::thread{[this] { watch(); }};  // last: the thread uses all of the above
  }

  RunWatch(const RunWatch&) = delete;
  RunWatch& operator=(const RunWatch&) = delete;
  ~RunWatch() {
    {
      const std::lock_guard lock{mutex_};
      done_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }

 private:
  using Clock = std::chrono::steady_clock;

  void watch() {
    const MediaTime shortest = limit_ > MediaTime{0} ? detail::min(limit_, longest_wait) : longest_wait;
    const MediaTime period = detail::max(shortest / 4, MediaTime{1'000'000});
    std::unique_lock lock{mutex_};
    while (!wake_.wait_for(lock, period, [this] { return done_; })) {
      lock.unlock();
      look();
      lock.lock();
    }
  }

  void look() noexcept {
    const bool ends = ends_();
    lanes_->for_each([&]<std::size_t I>(const auto& lane) {
      const std::optional<Running> run = lane.running();
      if (!run) return;
      const MediaTime lasting = Clock::now() - run->since;
      MediaTime limit = limit_;
      if (ends && (limit == MediaTime{0} || limit > longest_wait)) limit = longest_wait;
      if (limit == MediaTime{0} || lasting < limit) return;
      Told& told = told_[I];
      if (told.since == run->since && told.awaited == ends && lasting < 2 * told.lasting) return;
      told = {run->since, lasting, ends};
      listener_(SlowRun{lane.name().view(), run->frame_index, run->time, lasting, ends});
    });
  }

  struct Told {
    Clock::time_point since{};
    MediaTime lasting{};
    bool awaited = false;
  };

  const Lanes* lanes_;
  MediaTime limit_;
  OnSlowRun listener_;
  Callback<bool()> ends_;
  std::array<Told, Lanes::size> told_{};
  std::mutex mutex_;
  std::condition_variable wake_;
  bool done_ = false;
  std::thread thread_;
};

}  // namespace detail
}  // namespace stream_infer
