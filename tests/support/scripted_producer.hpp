#pragma once

#include "stream_infer/core/frame_pool.hpp"
#include "stream_infer/producer/producer.hpp"
#include "support/model.hpp"

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace stream_infer::test {

/// What a ScriptedProducer plays, and what goes wrong on the way.
struct Script {
  std::vector<MediaTime> times{};
  SourceInfo info{.width = 8, .height = 1, .fps = 25};
  bool seeks = false;  ///< opens at the last frame at or before the position, as a reader with an index does
  std::function<void(const OpenOptions&)> on_open{};                        ///< may block or throw
  std::function<void(std::size_t next, const std::stop_token&)> on_read{};  ///< likewise, before each frame and the end
};

/// `count` frames at a constant rate.
[[nodiscard]] inline Script steady_script(std::size_t count, Rational fps) {
  Script script;
  script.info.fps = fps;
  for (std::size_t i = 0; i < count; ++i)
    script.times.emplace_back(
        static_cast<std::int64_t>(model::Wide{1'000'000'000} * static_cast<std::int64_t>(i) * fps.den() / fps.num()));
  return script;
}

[[nodiscard]] inline Script script_of(const model::Source& source) {
  Script script{.times = source.times};
  script.info.fps = source.fps;
  script.info.time_base = source.time_base;
  return script;
}

/// Plays a Script. Each frame's pixels are its number in the script: see source_index().
class ScriptedProducer {
 public:
  explicit ScriptedProducer(Script script) : script_{std::make_shared<const Script>(std::move(script))} {}

  class Reader {
   public:
    Reader(std::shared_ptr<const Script> script, const OpenOptions& options)
        : script_{std::move(script)}, stop_{options.stop} {
      const auto& times = script_->times;
      if (script_->seeks)
        while (next_ + 1 < times.size() && times[next_ + 1] <= options.position) ++next_;
    }

    [[nodiscard]] SourceInfo info() const { return script_->info; }

    [[nodiscard]] ReadStatus read(Frame& frame) {
      if (stop_.stop_requested()) return ReadStatus::stopped;
      if (script_->on_read) script_->on_read(next_, stop_);
      if (stop_.stop_requested()) return ReadStatus::stopped;
      if (next_ == script_->times.size()) return ReadStatus::end;
      pool_.counters()->frames_decoded.fetch_add(1, std::memory_order_relaxed);
      frame = pool_.make({8, 1, PixelFormat::gray8}, script_->times[next_], [this](ImageSpan out) {
        const std::uint64_t number = next_;
        std::memcpy(out.row(0).data(), &number, sizeof number);
      });
      ++next_;
      return ReadStatus::frame;
    }

    [[nodiscard]] const std::shared_ptr<SourceCounters>& counters() const { return pool_.counters(); }

   private:
    std::shared_ptr<const Script> script_;
    std::stop_token stop_;
    FramePool<> pool_;
    std::size_t next_ = 0;
  };

  [[nodiscard]] Reader open(const std::string&, const OpenOptions& options) {
    if (script_->on_open) script_->on_open(options);
    return Reader{script_, options};
  }

 private:
  std::shared_ptr<const Script> script_;
};

static_assert(Producer<ScriptedProducer>);

/// The number in its script of a ScriptedProducer's frame, from its pixels.
[[nodiscard]] inline std::size_t source_index(const Frame& frame) {
  std::uint64_t number = 0;
  std::memcpy(&number, frame.image().row(0).data(), sizeof number);
  return static_cast<std::size_t>(number);
}

/// Blocks until `stop` is requested.
inline void wait_for(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any stopped;
  std::unique_lock lock{mutex};
  stopped.wait(lock, stop, [] { return false; });
}

/// Waits until `condition()` holds, at most for a minute; returns whether it holds.
template <class Condition>
[[nodiscard]] bool eventually(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes{1};
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::microseconds{100});
  }
  return true;
}

}  // namespace stream_infer::test
