#pragma once

#include "stream_infer/core/callback.hpp"
#include "stream_infer/core/frame.hpp"
#include "stream_infer/core/media_time.hpp"
#include "stream_infer/core/name.hpp"
#include "stream_infer/core/redact.hpp"
#include "stream_infer/core/source_id.hpp"
#include "stream_infer/core/stats.hpp"
#include "stream_infer/player/frame_selector.hpp"
#include "stream_infer/player/play_needs.hpp"
#include "stream_infer/player/play_status.hpp"
#include "stream_infer/producer/producer.hpp"
#include "stream_infer/schedule/sampling_plan.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

namespace stream_infer::detail {

/// What others may see of a play while it runs. Written by the thread that plays, read by any.
class PlayMonitor {
 public:
  /// Hears of every change but the first, on the thread that makes it. Not while a play is active.
  void set_listener(Callback<void(const PlayStatus&)> listener) { listener_ = std::move(listener); }

  void begin(MediaTime start) {
    const std::lock_guard lock{mutex_};
    info_.reset();
    source_counters_.reset();
    for (auto* count : {&seen, &played, &skipped_rate, &skipped_position, &skipped_tracker, &skipped_stopped})
      count->store(0, std::memory_order_relaxed);
    position.store(start.count(), std::memory_order_relaxed);
    set_rate(Rational{});
    losses_ = 0;
    lost_for_ = {};
    lost_since_.reset();
    last_loss_.clear();
    status_ = {.state = PlayState::connecting};
    publish(PlayState::connecting);
  }

  void opened(const SourceInfo& info, Rational rate, std::shared_ptr<const SourceCounters> counters) {
    {
      const std::lock_guard lock{mutex_};
      info_ = info;
      source_counters_ = std::move(counters);
      set_rate(rate);
    }
    change({.state = PlayState::playing});
  }

  /// How the reader stands with its source.
  void changed(const Connection& connection) {
    change({.state = state_of(connection.state),
            .error = connection.error,
            .attempt = connection.attempt,
            .next_attempt = connection.next_attempt});
  }

  void finish(PlayState state, std::optional<Error> error = {}) { change({.state = state, .error = std::move(error)}); }

  [[nodiscard]] PlayState state() const { return state_.load(std::memory_order_acquire); }

  /// Blocks while a play is active.
  void wait() const {
    for (PlayState now = state(); is_active(now); now = state()) state_.wait(now);
  }

  [[nodiscard]] PlayStatus status() const {
    const std::lock_guard lock{mutex_};
    return status_;
  }

  [[nodiscard]] std::optional<SourceInfo> info() const {
    const std::lock_guard lock{mutex_};
    return info_;
  }

  [[nodiscard]] Rational rate() const {
    const std::uint64_t packed = rate_.load(std::memory_order_relaxed);
    return {static_cast<std::int64_t>(packed >> 32), static_cast<std::int64_t>(packed & 0xffff'ffffU)};
  }

  [[nodiscard]] SourceStats stats() const {
    SourceStats stats;
    {
      const std::lock_guard lock{mutex_};
      if (source_counters_) stats.take(*source_counters_);
      stats.losses = losses_;
      stats.lost_for = lost_for_;
      if (lost_since_) stats.lost_for += std::chrono::steady_clock::now() - *lost_since_;
      stats.last_loss = last_loss_;
    }
    stats.frames_seen = seen.load(std::memory_order_relaxed);
    stats.frames_played = played.load(std::memory_order_relaxed);
    stats.skipped.rate = skipped_rate.load(std::memory_order_relaxed);
    stats.skipped.position = skipped_position.load(std::memory_order_relaxed);
    stats.skipped.tracker = skipped_tracker.load(std::memory_order_relaxed);
    stats.skipped.stopped = skipped_stopped.load(std::memory_order_relaxed);
    return stats;
  }

  // Counts, relaxed throughout: nothing is published through them. Before the end they may be one frame apart.
  std::atomic<std::uint64_t> seen{0}, played{0};
  std::atomic<std::uint64_t> skipped_rate{0}, skipped_position{0}, skipped_tracker{0}, skipped_stopped{0};
  std::atomic<std::int64_t> position{0};  ///< media time of the frame played last, in nanoseconds

 private:
  static PlayState state_of(Connection::State state) {
    switch (state) {
      case Connection::State::connecting: return PlayState::connecting;
      case Connection::State::stalled: return PlayState::stalled;
      case Connection::State::reconnecting: return PlayState::reconnecting;
      case Connection::State::playing: break;
    }
    return PlayState::playing;
  }

  void publish(PlayState state) {
    state_.store(state);  // seq_cst, for the waiters that notify_all() looks for
    state_.notify_all();
  }

  /// The listener first: who waits for the end may let go of it then. noexcept: what it throws has nowhere to go.
  void change(const PlayStatus& status) noexcept {
    {
      const std::lock_guard lock{mutex_};
      note_loss(status);
      status_ = status;
    }
    if (listener_) listener_(status);
    publish(status.state);
  }

  /// With the mutex held, before the change.
  void note_loss(const PlayStatus& next) {
    const auto now = std::chrono::steady_clock::now();
    if (next.state == PlayState::reconnecting) {
      if (status_.state == PlayState::playing || status_.state == PlayState::stalled) ++losses_;
      if (!lost_since_) lost_since_ = now;
      if (next.error) last_loss_ = next.error->what();
    } else if (lost_since_ && next.state != PlayState::connecting) {
      lost_for_ += now - *lost_since_;
      lost_since_.reset();
    }
  }

  /// Both halves in one word, so that readers never see one of an old and one of a new rate.
  void set_rate(Rational rate) {
    const bool fits = rate.num() >= 0 && rate.num() <= 0xffff'ffff && rate.den() <= 0xffff'ffff;
    const Rational kept = fits ? rate : Rational{static_cast<std::int64_t>(rate.to_double())};
    rate_.store(static_cast<std::uint64_t>(kept.num()) << 32 | static_cast<std::uint64_t>(kept.den()),
                std::memory_order_relaxed);
  }

  std::atomic<PlayState> state_{PlayState::idle};
  std::atomic<std::uint64_t> rate_{1};  // 0/1: unknown
  Callback<void(const PlayStatus&)> listener_;
  mutable std::mutex mutex_;  // guards what follows; not taken per frame
  PlayStatus status_;
  std::uint64_t losses_ = 0;
  MediaTime lost_for_{};
  std::optional<std::chrono::steady_clock::time_point> lost_since_;
  std::string last_loss_;
  std::optional<SourceInfo> info_;
  std::shared_ptr<const SourceCounters> source_counters_;
};

/// One play, from opening the source to its end, on one thread: reads, selects, numbers and publishes frames.
template <Producer P, class Tracker>
class PlaySession {
 public:
  struct Request {
    std::string source;
    std::optional<Rational> fps;
    MediaTime position{};
    std::stop_token stop;
    std::optional<SamplingPlan> plan;  ///< what will be looked at; none: everything
    PaceKeeper::Now now{};             ///< realtime: with a plan, what comes too late may be left out
  };

  /// Opens the source. \throws Error
  PlaySession(P& producer, Tracker& tracker, PlayMonitor& monitor, const Request& request) try
      : tracker_{&tracker},
        monitor_{&monitor},
        name_{redact(request.source)},
        reader_{open(producer, monitor, request)},
        info_{reader_.info()},
        selector_{request.fps, info_, request.position} {
    source_.name = Name{name_};
    std::shared_ptr<const SourceCounters> counters;
    if constexpr (requires { counters = reader_.counters(); }) counters = reader_.counters();
    monitor.opened(info_, selector_.rate(), std::move(counters));
  } catch (...) {
    throw current_error("open", redact(request.source));
  }

  /// Waits for the next frame that is to be played. \throws Error
  [[nodiscard]] ReadStatus next(Frame& frame) try {
    for (;;) {
      const ReadStatus status = reader_.read(frame);
      if (status != ReadStatus::frame) return status;
      if (!frame)
        throw Error{Errc::producer_failed, "read", name_, "the Reader said that it gave a frame, and gave none"};
      check_order(frame);
      count(monitor_->seen);
      switch (selector_.offer(frame.time())) {
        case FrameSelector::Verdict::play: return status;
        case FrameSelector::Verdict::skip_rate: count(monitor_->skipped_rate); break;
        case FrameSelector::Verdict::skip_position: count(monitor_->skipped_position); break;
      }
    }
  } catch (...) {
    throw current_error("read", name_);
  }

  /// Numbers the frame that next() gave and puts it into the tracker. Returns false if the tracker had to drop it.
  bool publish(Frame& frame) {
    const Timing timing = selector_.timing(frame.time());
    FrameAccess::number(frame, monitor_->played.load(std::memory_order_relaxed), timing);
    if (info_.live && source_.began_at == WallTime{})
      source_.began_at = std::chrono::time_point_cast<MediaTime>(std::chrono::system_clock::now()) - frame.time();
    FrameAccess::set_source(frame, source_);
    if (!tracker_->add_frame(frame)) {
      count(monitor_->skipped_tracker);
      return false;
    }
    selector_.played(timing);
    monitor_->position.store(timing.time.count(), std::memory_order_relaxed);
    count(monitor_->played);
    tracker_->notify();
    return true;
  }

  /// The frame that next() gave will not be played: a stop came first.
  void discard() { count(monitor_->skipped_stopped); }

  [[nodiscard]] const SourceInfo& info() const { return info_; }
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  /// The due rule stands on times that increase. A frame that breaks this is not seen, and ends the play.
  void check_order(const Frame& frame) {
    if (last_time_ && frame.time() <= *last_time_)
      throw Error{Errc::producer_failed, "read", name_,
                  "a frame at " + to_hms_ms(frame.time()) + " came after one at " + to_hms_ms(*last_time_) +
                      ": the times that a Reader gives must increase"};
    last_time_ = frame.time();
  }

  static ReaderOf<P> open(P& producer, PlayMonitor& monitor, const Request& request) {
    FrameSelector::check(request.fps, request.position, redact(request.source));
    OpenOptions options{.position = FrameSelector::open_at(request.fps, request.position),
                        .stop = request.stop,
                        .retry = static_cast<bool>(request.now),
                        .on_connection = [&monitor](const Connection& change) { monitor.changed(change); }};
    if (request.plan)
      options.needs = [fps = request.fps, position = request.position, plan = *request.plan,
                       now = request.now](const SourceInfo& info) -> std::unique_ptr<PictureNeeds> {
        return std::make_unique<PlayNeeds>(FrameSelector{fps, info, position}, plan, now);
      };
    return producer.open(request.source, options);
  }

  Tracker* tracker_;
  PlayMonitor* monitor_;
  std::string name_;
  SourceId source_;
  ReaderOf<P> reader_;
  SourceInfo info_;
  FrameSelector selector_;
  std::optional<MediaTime> last_time_;
};

}  // namespace stream_infer::detail
