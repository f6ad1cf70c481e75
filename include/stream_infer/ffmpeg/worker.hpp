#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>
#include <utility>

namespace stream_infer::ffmpeg {

/// A thread that its owner waits for, but not for ever: some of what FFmpeg waits for cannot be interrupted (a name
/// look-up, a disk or a camera that does not answer). Such work is left behind and ends as soon as it is let. So it must
/// own, or share, all that it uses, and it must not throw.
class Worker {
 public:
  template <class Work>
  explicit Worker(Work work)
      : progress_{std::make_shared<Progress>()}, thread_{[progress = progress_, work = std::move(work)]() mutable {
          work();
          progress->finish();
        }} {}

  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// Waits for the end of the work, `grace` at most.
  ~Worker() {
    if (progress_->wait_for(grace))
      thread_.join();
    else
      thread_.detach();
  }

  /// Waits for the end of the work, or until `stop` is requested. Returns whether the work is done: if so, what it wrote
  /// is the caller's to read.
  [[nodiscard]] bool wait(const std::stop_token& stop) { return progress_->wait(stop); }

  static constexpr std::chrono::milliseconds grace{80};

 private:
  class Progress {
   public:
    void finish() {
      const std::lock_guard lock{mutex_};
      done_ = true;
      changed_.notify_all();
    }
    bool wait(const std::stop_token& stop) {
      std::unique_lock lock{mutex_};
      return changed_.wait(lock, stop, [this] { return done_; });
    }
    bool wait_for(std::chrono::milliseconds time) {
      std::unique_lock lock{mutex_};
      return changed_.wait_for(lock, time, [this] { return done_; });
    }

   private:
    std::mutex mutex_;
    std::condition_variable_any changed_;
    bool done_ = false;
  };

  std::shared_ptr<Progress> progress_;
  std::thread thread_;
};

}  // namespace stream_infer::ffmpeg
