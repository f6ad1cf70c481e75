#pragma once

#include "stream_infer/core/callback.hpp"
#include "stream_infer/core/clock.hpp"
#include "stream_infer/core/error.hpp"
#include "stream_infer/core/media_time.hpp"
#include "stream_infer/core/redact.hpp"
#include "stream_infer/core/stats.hpp"
#include "stream_infer/fwd.hpp"
#include "stream_infer/player/pacer.hpp"
#include "stream_infer/player/play_range.hpp"
#include "stream_infer/player/play_session.hpp"
#include "stream_infer/player/play_status.hpp"
#include "stream_infer/producer/producer.hpp"
#include "stream_infer/schedule/sampling_plan.hpp"

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

namespace stream_infer {

/// Plays a source into a tracker: as a serial loop (play), as fast as it is asked, or on a thread of its own at the
/// stream's pace (play_realtime). One play at a time; producer and tracker outlive the Player.
///
///     si::Player player{producer, tracker, "clip.mp4"};
///     for (auto [frame, number] : player.play(30)) …
template <Producer P, class Tracker, Clock C>
class Player {
 public:
  using Session = detail::PlaySession<P, Tracker>;
  using Range = PlayRange<Session>;

  /// Called on the playing thread after each played frame, with the play's stop token. It must be quick.
  using OnFrame = Callback<void(const Frame&, const std::stop_token&)>;

  using OnStatus = Callback<void(const PlayStatus&)>;

  /// Opens nothing yet. \param source  what the producer opens: a file, URL, device or pattern
  Player(P& producer, Tracker& tracker, std::string source = {}, C clock = C{})
      : producer_{&producer}, tracker_{&tracker}, source_{std::move(source)}, clock_{std::move(clock)} {}

  Player(const Player&) = delete;
  Player& operator=(const Player&) = delete;
  ~Player() { stop(); }

  /// Opens the source and gives the serial loop over its frames; a loop without frames if stop() comes meanwhile.
  /// \param fps       the play rate; none, or one at or above the source's, plays every frame
  /// \param position  where to start, since the source's start
  /// \param plan      what will be looked at; the other frames may come without pixels. None: everything
  /// \throws Error    if the source cannot be opened, and from the loop if it fails for good
  [[nodiscard]] Range play(std::optional<Rational> fps = {}, MediaTime position = {},
                           std::optional<SamplingPlan> plan = {}) {
    const std::lock_guard lock{thread_mutex_};
    const std::stop_token stop = begin(position);
    const PlayingHere here{playing_thread_};  // a listener may call stop()
    try {
      return Range{
          std::make_unique<Session>(*producer_, *tracker_, monitor_,
                                    typename Session::Request{source_, fps, position, stop, std::move(plan), {}}),
          monitor_, stop};
    } catch (const Error& error) {
      finish_failed(error, stop);
      if (!stop.stop_requested()) throw;
      return Range{nullptr, monitor_, stop};
    }
  }

  /// Plays on a thread of its own, at the stream's pace. Returns at once: the source is opened on that thread. If it
  /// cannot be opened or fails, is_active() turns false and status() says why. Parameters as for play(). With a `plan`, what
  /// comes too late because this machine cannot decode a file fast enough may come without pixels too.
  /// \throws Error  if a play is active, or for a rate or position that makes no sense
  void play_realtime(std::optional<Rational> fps = {}, MediaTime position = {}, OnFrame on_frame = {},
                     std::optional<SamplingPlan> plan = {}) {
    const std::lock_guard lock{thread_mutex_};
    const std::stop_token stop = begin(position);
    clock_.begin_work();  // here, so that a clock driven by hand cannot run ahead of a thread that has not begun
    try {
      FrameSelector::check(fps, position, redact(source_));
      const auto media = std::make_shared<MediaClock>(clock_);
      thread_ = std::thread{[this, media,
                             request = typename Session::Request{source_, fps, position, stop, std::move(plan),
                                                                 [media] { return media->now(); }},
                             on_frame = std::move(on_frame)] { run_realtime(request, *media, on_frame); }};
    } catch (...) {
      const Error error = detail::current_error("play", redact(source_));
      clock_.end_work();
      finish_failed(error, stop);
      throw error;
    }
  }

  /// Ends the play, whatever it is doing, and returns when it has ended: within 200 ms. Called from the playing thread,
  /// or about a play() loop, it only asks: the play ends at the next frame. Harmless if nothing plays, and then
  /// without effect on a later play. Any thread.
  void stop() {
    request_stop();
    if (playing_thread_.load() == std::this_thread::get_id()) return;
    const std::lock_guard lock{thread_mutex_};  // no other play can begin from here on
    request_stop();                             // of a play that began since we asked
    if (thread_.joinable()) thread_.join();
  }

  /// Whether the latest play has been asked to end. Any thread.
  [[nodiscard]] bool stop_requested() const {
    const std::lock_guard lock{stop_mutex_};
    return stop_source_.stop_requested();
  }

  /// Sets who hears of every change of status() but the first, `connecting`: on the playing thread, or in play() on the
  /// caller's. It must be quick and must not throw; it may call stop(). The play is active until it has returned. \throws Error  if a play is active
  void on_status(OnStatus listener) {
    const std::lock_guard lock{thread_mutex_};
    if (is_active())
      throw Error{Errc::busy, "on_status", redact(source_), "this Player plays already: stop() it first"};
    monitor_.set_listener(std::move(listener));
  }

  /// Blocks until no play is active. Any thread but the playing one.
  void wait() const { monitor_.wait(); }

  /// Whether a play is opening its source or playing. Any thread.
  [[nodiscard]] bool is_active() const { return stream_infer::is_active(monitor_.state()); }

  /// How the latest play stands, and if it failed, why. Any thread.
  [[nodiscard]] PlayStatus status() const { return monitor_.status(); }

  /// The play rate of the latest play: the one asked for, or the source's. 0 while unknown. Any thread.
  [[nodiscard]] Rational fps() const { return monitor_.rate(); }

  /// Media time of the frame played last. Any thread.
  [[nodiscard]] MediaTime current_time() const {
    return MediaTime{monitor_.position.load(std::memory_order_relaxed)};  // a lone value
  }

  /// The same as "HH:MM:SS". Any thread.
  [[nodiscard]] std::string current_time_str() const { return to_hms(current_time()); }

  /// What is known of the source; empty until it has been opened. Any thread.
  [[nodiscard]] std::optional<SourceInfo> info() const { return monitor_.info(); }

  /// What became of the source in the latest play, so far. Any thread.
  [[nodiscard]] SourceStats stats() const { return monitor_.stats(); }

  /// The source, without credentials.
  [[nodiscard]] std::string source() const { return redact(source_); }

  [[nodiscard]] Tracker& tracker() const { return *tracker_; }
  [[nodiscard]] C clock() const { return clock_; }

 private:
  /// What media time ought to be playing: asked by the reader's thread, which may be left behind when the play ends.
  class MediaClock {
   public:
    explicit MediaClock(C clock) : clock_{std::move(clock)} {}

    void set(std::optional<MediaTime> origin) {
      const std::lock_guard lock{mutex_};
      origin_ = origin;
    }
    /// The smallest time if it is not known.
    [[nodiscard]] MediaTime now() {
      const std::lock_guard lock{mutex_};
      return origin_ ? clock_.now() - *origin_ : MediaTime::min();
    }

   private:
    std::mutex mutex_;
    C clock_;
    std::optional<MediaTime> origin_{};  // Pacer::origin()
  };

  struct PlayingHere {
    explicit PlayingHere(std::atomic<std::thread::id>& which) : thread{which} {
      thread.store(std::this_thread::get_id());
    }
    PlayingHere(const PlayingHere&) = delete;
    PlayingHere& operator=(const PlayingHere&) = delete;
    ~PlayingHere() { thread.store(std::thread::id{}); }
    std::atomic<std::thread::id>& thread;
  };

  /// Asks the latest play to end.
  void request_stop() {
    const std::lock_guard lock{stop_mutex_};
    stop_source_.request_stop();
  }

  /// Makes ready for a new play and gives its stop token. The caller holds thread_mutex_.
  std::stop_token begin(MediaTime position) {
    if (is_active()) throw Error{Errc::busy, "play", redact(source_), "this Player plays already: stop() it first"};
    if (thread_.joinable()) thread_.join();  // it has ended
    std::stop_token stop;
    {
      const std::lock_guard lock{stop_mutex_};
      stop_source_ = std::stop_source{};
      stop = stop_source_.get_token();
    }
    monitor_.begin(position);  // from here on the play is active: a stop() must reach it
    tracker_->begin_play();
    return stop;
  }

  /// An open() that gave up because of a stop has not failed.
  void finish_failed(const Error& error, const std::stop_token& stop) {
    if (stop.stop_requested())
      monitor_.finish(PlayState::stopped);
    else
      monitor_.finish(PlayState::failed, error);
  }

  void run_realtime(const typename Session::Request& request, MediaClock& media, const OnFrame& on_frame) {
    const std::stop_token& stop = request.stop;
    const PlayingHere here{playing_thread_};
    try {
      Session session{*producer_, *tracker_, monitor_, request};
      const ReadStatus last = play_all(session, stop, media, on_frame);
      monitor_.finish(last == ReadStatus::end ? PlayState::ended : PlayState::stopped);
    } catch (...) {
      finish_failed(detail::current_error("play", redact(source_)), stop);
    }
    media.set({});
    clock_.end_work();
    tracker_->interrupt();
  }

  ReadStatus play_all(Session& session, const std::stop_token& stop, MediaClock& media, const OnFrame& on_frame) {
    Pacer<C> pacer{clock_, session.info().live};
    std::optional<MediaTime> origin;
    for (;;) {
      Frame frame;
      const ReadStatus status = session.next(frame);
      if (status != ReadStatus::frame) return status;
      if (!pacer.wait(frame.time(), stop)) {
        session.discard();
        return ReadStatus::stopped;
      }
      if (pacer.origin() != origin) media.set(origin = pacer.origin());  // seldom: it takes a lock
      if (session.publish(frame) && on_frame) on_frame(frame, stop);
    }
  }

  P* producer_;
  Tracker* tracker_;
  std::string source_;
  C clock_;
  detail::PlayMonitor monitor_;

  // Taken at the beginning and end of a play, never per frame.
  mutable std::mutex stop_mutex_;  // guards stop_source_
  std::stop_source stop_source_;
  std::mutex thread_mutex_;  // guards thread_
  std::thread thread_;
  std::atomic<std::thread::id> playing_thread_{};
};

template <class P, class Tracker>
Player(P&, Tracker&) -> Player<P, Tracker, SteadyClock>;
template <class P, class Tracker>
Player(P&, Tracker&, std::string) -> Player<P, Tracker, SteadyClock>;
template <class P, class Tracker, class C>
Player(P&, Tracker&, std::string, C) -> Player<P, Tracker, C>;

}  // namespace stream_infer
