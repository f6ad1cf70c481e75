#pragma once

#include "stream_infer/ffmpeg/ffmpeg_producer.hpp"
#include "stream_infer/player/player.hpp"
#include "stream_infer/tracker/frame_tracker.hpp"
#include "support/catch.hpp"
#include "support/stopwatch.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace stream_infer::test {

/// A play of a live source, and what it tells.
struct Watched {
  /// \param keep  the frames, too
  explicit Watched(const std::string& source, FFmpegOptions options, bool keep = true)
      : keeps{keep}, producer{std::move(options)}, player{producer, tracker, source} {
    player.on_status([this](const PlayStatus& status) {
      const std::lock_guard lock{mutex};
      changes.push_back(status);
      changed_at.push_back(std::chrono::steady_clock::now());
    });
  }

  void play() {
    player.play_realtime({}, {}, [this](const Frame& frame, const std::stop_token&) {
      const std::lock_guard lock{mutex};
      if (last_time && frame.time() <= *last_time) went_back = true;
      if (last_time) longest_gap = std::max(longest_gap, frame.time() - *last_time);
      last_time = frame.time();
      last_epoch = frame.epoch();
      damaged += frame.damaged() ? 1U : 0U;
      if (keeps) frames.push_back(frame);
    });
  }

  [[nodiscard]] std::vector<PlayState> states() {
    const std::lock_guard lock{mutex};
    std::vector<PlayState> all;
    for (const PlayStatus& change : changes) all.push_back(change.state);
    return all;
  }
  [[nodiscard]] std::size_t count(PlayState state) {
    const std::vector<PlayState> all = states();
    return static_cast<std::size_t>(std::count(all.begin(), all.end(), state));
  }
  /// Of the latest change to reconnecting or failed.
  [[nodiscard]] std::optional<Error> error() {
    const std::lock_guard lock{mutex};
    for (auto change = changes.rbegin(); change != changes.rend(); ++change)
      if (change->error) return change->error;
    return {};
  }
  /// Whether `a` has been followed by `b` at once, since the `from`th change.
  [[nodiscard]] bool saw(PlayState a, PlayState b) {
    const std::vector<PlayState> all = states();
    for (std::size_t i = 1; i < all.size(); ++i)
      if (all[i - 1] == a && all[i] == b) return true;
    return false;
  }
  [[nodiscard]] std::uint32_t epoch() {
    const std::lock_guard lock{mutex};
    return last_epoch;
  }
  [[nodiscard]] std::uint64_t played() const { return player.stats().frames_played; }

  /// Ends the play; returns how long that took.
  std::chrono::nanoseconds stop() {
    const Stopwatch stopwatch;
    player.stop();
    const std::chrono::nanoseconds took = stopwatch.elapsed();
    CHECK(player.status().state == PlayState::stopped);
    CHECK(player.stats().adds_up());
    CHECK_FALSE(went_back);
    return took;
  }

  bool keeps;
  FFmpegProducer producer;
  FrameTracker<> tracker;
  std::mutex mutex;
  std::vector<PlayStatus> changes;
  std::vector<std::chrono::steady_clock::time_point> changed_at;
  std::vector<Frame> frames;
  std::optional<MediaTime> last_time;
  std::uint32_t last_epoch = 0;
  std::uint64_t damaged = 0;
  bool went_back = false;
  MediaTime longest_gap{};
  Player<FFmpegProducer, FrameTracker<>, SteadyClock> player;
};

}  // namespace stream_infer::test
