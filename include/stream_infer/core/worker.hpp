#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>
#include <utility>

namespace stream_infer::detail {

/// What a Worker does. It may be left behind, so it owns, or shares, all that it uses.
class Task {
 public:
  Task() = default;
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;
  virtual ~Task() = default;

 private:
  friend class Worker;

  virtual void run() noexcept = 0;
  virtual void stop() noexcept {}  ///< asks run() to end; any thread

  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool done_ = false;
};

/// A thread that its owner waits for, but not for ever: some of what readers wait for cannot be interrupted (a name look-up, a
/// disk or a camera that does not answer). Such work is left behind and ends as soon as it is let.
class Worker {
 public:
  explicit Worker(std::shared_ptr<Task> task) : task_{std::move(task)}, thread_{Work{task_}} {}

  Worker(Worker&&) noexcept = default;
  Worker& operator=(Worker&& other) noexcept {
    leave();
    task_ = std::move(other.task_);
    thread_ = std::move(other.thread_);
    return *this;
  }
  ~Worker() { leave(); }

  /// Waits for the end of the work, or until `stop` is requested. Returns whether the work is done: if so, what it wrote
  /// is the caller's to read.
  [[nodiscard]] bool wait(const std::stop_token& stop) {
    std::unique_lock lock{task_->mutex_};
    return task_->changed_.wait(lock, stop, [this] { return task_->done_; });
  }

  /// The same, but not beyond `grace` after `deadline`; the largest time is never.
  [[nodiscard]] bool wait_until(const std::stop_token& stop, std::chrono::steady_clock::time_point deadline,
                                std::chrono::nanoseconds grace_after) {
    if (deadline == std::chrono::steady_clock::time_point::max()) return wait(stop);
    std::unique_lock lock{task_->mutex_};
    return task_->changed_.wait_until(lock, stop, deadline + grace_after, [this] { return task_->done_; });
  }

  static constexpr std::chrono::nanoseconds grace{80'000'000};

 private:
  struct Work {
    std::shared_ptr<Task> task;

    void operator()() const {
      task->run();
      const std::lock_guard lock{task->mutex_};
      task->done_ = true;
      task->changed_.notify_all();
    }
  };

  /// Asks the work to end, and waits for it, `grace` at most.
  void leave() noexcept {
    if (!thread_.joinable()) return;
    task_->stop();
    std::unique_lock lock{task_->mutex_};
    const bool done = task_->changed_.wait_for(lock, grace, [this] { return task_->done_; });
    lock.unlock();
    if (done)
      thread_.join();
    else
      thread_.detach();
  }

  std::shared_ptr<Task> task_;
  std::thread thread_;
};

}  // namespace stream_infer::detail
