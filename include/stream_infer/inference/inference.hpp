#pragma once

#include "stream_infer/algo/load_algo.hpp"
#include "stream_infer/core/callback.hpp"
#include "stream_infer/core/error.hpp"
#include "stream_infer/core/frame.hpp"
#include "stream_infer/core/min_max.hpp"
#include "stream_infer/core/stats.hpp"
#include "stream_infer/exporter/exporter.hpp"
#include "stream_infer/fwd.hpp"
#include "stream_infer/inference/lane_set.hpp"
#include "stream_infer/inference/lane_thread.hpp"
#include "stream_infer/inference/latest_records.hpp"
#include "stream_infer/inference/outlet.hpp"
#include "stream_infer/inference/run_report.hpp"
#include "stream_infer/inference/run_watch.hpp"
#include "stream_infer/inference/start_options.hpp"
#include "stream_infer/player/play_status.hpp"
#include "stream_infer/producer/producer.hpp"
#include "stream_infer/schedule/sampling_plan.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace stream_infer {

/// Runs algorithms on the frames of a tracker and hands their results to an exporter. Tracker and exporter stay with the
/// caller, who keeps them alive; the algorithms are taken over and init()ialised here.
///
///     si::Inference inference{tracker, exporter, si::load_algo(…), si::load_algo(…)};
///     si::RunReport report = inference.start(player, {.mode = si::Mode::offline});
///
/// Either start() does it all, or a loop by hand calls auto_run_specific_inference() (offline) or run_inference()
/// (realtime). One thread at a time runs an Inference; stats() and list_algos() may be called by any.
template <class Tracker, class E, class... Loaded>
class Inference {
 public:
  static_assert(sizeof...(Loaded) > 0, "stream_infer: an Inference needs at least one algorithm: si::load_algo(...)");
  static_assert(
      ((Loaded::Shape::static_span <= Tracker::static_capacity) && ...),
      "stream_infer: a window does not fit the tracker: (frame_count - 1) * frame_step + 1 frames must not be "
      "more than the FrameTracker's capacity");
  static_assert(
      ((std::is_void_v<typename Loaded::Value> || detail::Collects<E, typename Loaded::Value>)&&...),
      "stream_infer: the exporter cannot collect a result type: it needs collect(const si::Record<T>&) for what "
      "each algorithm's run() returns (PrintExporter needs operator<< for it; exporters to files, databases and "
      "servers "
      "need JSON: NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(T, members...), or a to_json, beside T)");

  using Latest = LatestRecords<typename Loaded::Value...>;
  using ProcessHook = Callback<void(const Frame&, const Latest&)>;
  static constexpr std::size_t algo_count = sizeof...(Loaded);

  /// Calls every algorithm's init(), in order.
  /// \throws Error  for two equal names, a window that does not fit the tracker, a schedule that makes no sense, or an
  ///                init() that throws
  Inference(Tracker& tracker, E& exporter, Loaded... algos)
      : tracker_{&tracker}, outlet_{exporter}, lanes_{tracker, std::move(algos)...} {}

  Inference(const Inference&) = delete;
  Inference& operator=(const Inference&) = delete;

  /// The algorithms' names, in the order of loading.
  [[nodiscard]] std::vector<std::string> list_algos() const { return lanes_.names(); }

  /// Sets `hook(frame, latest)` to see every played frame with the latest records, for `start`: to draw, show, record.
  /// It runs on the thread that called start(), where windows may be shown: offline after the algorithms of that frame;
  /// in realtime beside them, and frames that come while it is busy and leave the tracker meanwhile are skipped and
  /// counted. The frame's pixels are shared and cannot be written: draw on an Image{frame.image()}. What it throws ends
  /// the run.
  void process(ProcessHook hook) {
    hook_ = std::move(hook);
    if (hook_) outlet_.keep_latest();
  }

  /// Plays and runs until the source ends or the player is stopped.
  ///
  /// Offline it is serial: every due runs, on this thread, before the next frame. In realtime every algorithm has a
  /// thread of its own, so none delays another or the playing. A run() that has begun is never cut short: start() returns
  /// when the last one has, also after a Player::stop(), which itself does not wait for them.
  /// \throws Error  if the source cannot be opened or fails for good; results made before that have been exported, and
  ///                report() tells of them. Without any effect: if the player plays already, or into another tracker
  template <class PlayerT>
  RunReport start(PlayerT& player, const StartOptions& options = {}) {
    check(player);
    const auto begin = std::chrono::steady_clock::now();
    if (options.run_limit < MediaTime{0})
      throw Error{Errc::invalid_argument, "start", player.source(), "the run_limit must not be negative"};
    lanes_.for_each([&]<std::size_t I>(auto& lane) { lane.reset_stats(options.run_limit); });
    outlet_.begin_run();
    process_skipped_ = 0;
    const auto conclude = [&] {
      outlet_.send_all();
      report_ = RunReport{.mode = options.mode,
                          .end = player.status().state,
                          .source = player.stats(),
                          .algos = stats(),
                          .send_failures = outlet_.send_failures(),
                          .last_send_error = outlet_.last_send_error(),
                          .process_skipped = process_skipped_,
                          .media_time = detail::max(MediaTime{0}, player.current_time() - options.position),
                          .wall_time = std::chrono::steady_clock::now() - begin};
      if (options.on_progress) tell(options, player, begin, true);
    };
    try {
      using Watch = detail::RunWatch<decltype(lanes_)>;
      std::optional<Watch> watch;
      if (options.on_slow_run)
        watch.emplace(lanes_, options.run_limit, options.on_slow_run,
                      [&player] { return player.stop_requested() || !player.is_active(); });
      if (options.mode == Mode::offline)
        run_offline(player, options, begin);
      else
        run_realtime(player, options, begin);
    } catch (...) {
      conclude();
      throw;
    }
    conclude();
    if (const PlayStatus status = player.status(); status.error) throw *status.error;
    return report_;
  }

  /// What the latest start() did; also after it threw.
  [[nodiscard]] const RunReport& report() const { return report_; }

  /// The algorithms' counts so far, in the order of loading. Any thread.
  [[nodiscard]] std::vector<AlgoStats> stats() const { return lanes_.stats(); }

  /// For the serial loop by hand: runs the algorithms that are due at frame `number - 1`.
  /// \param fps     the play rate: player.fps()
  /// \param number  of the played frame, counted from 1
  /// \return        how many algorithms ran
  /// \throws Error  if the tracker does not hold that frame
  std::size_t auto_run_specific_inference(Rational fps, std::uint64_t number) {
    const Frame frame = number == 0 ? Frame{} : tracker_->frame(number - 1);
    if (!frame)
      throw Error{Errc::invalid_argument,
                  "auto_run_specific_inference",
                  {},
                  "the tracker does not hold frame number " + std::to_string(number) + " (numbers count from 1)"};
    Timing timing = frame.timing();
    if (fps.is_positive()) timing.period = period_of(fps);
    return lanes_.run_at(frame, timing, outlet_);
  }

  /// For the realtime loop by hand: runs what has come due since the last call, each algorithm's latest due. If nothing
  /// is due, waits for the next frame, but not longer than 20 ms.
  /// \return  how many algorithms ran
  std::size_t run_inference() {
    const std::uint64_t interrupts = tracker_->interrupts();
    const std::uint64_t seen = tracker_->end();
    const std::size_t ran = lanes_.run_due(outlet_);
    if (ran == 0) tracker_->wait_for_frame(seen, interrupts, std::chrono::milliseconds{20});
    return ran;
  }

  /// run_inference() again and again until `stop` is requested. It sleeps, for as long as it takes, while nothing is due.
  void run_inference_loop(const std::stop_token& stop) {
    const std::stop_callback wake{stop, [this] { tracker_->interrupt(); }};
    while (!stop.stop_requested()) {
      const std::uint64_t interrupts = tracker_->interrupts();
      const std::uint64_t seen = tracker_->end();
      if (lanes_.run_due(outlet_) == 0 && !stop.stop_requested()) tracker_->wait_for_frame(seen, interrupts);
    }
  }

  /// Runs one algorithm now, on the newest frames, due or not. It counts as a due of its own.
  /// \return        whether it ran: false if the tracker has too few frames yet
  /// \throws Error  if no algorithm has that name
  bool run_specific_inference(std::string_view name) { return lanes_.run_now(name, outlet_); }

 private:
  template <class PlayerT>
  void check(const PlayerT& player) const {
    if (player.is_active())
      throw Error{Errc::busy, "start", player.source(), "this Player plays already: stop() it first"};
    if (static_cast<const void*>(&player.tracker()) != static_cast<const void*>(tracker_))
      throw Error{Errc::invalid_argument, "start", player.source(), "this Player plays into another FrameTracker"};
  }

  using TimePoint = std::chrono::steady_clock::time_point;

  /// What will be looked at: the windows of the algorithms, or, with a hook, every frame.
  [[nodiscard]] std::optional<SamplingPlan> plan() const { return hook_ ? std::nullopt : std::optional{lanes_.plan()}; }

  template <class PlayerT>
  void run_offline(PlayerT& player, const StartOptions& options, TimePoint begin) {
    Latest latest;
    std::uint64_t version = 0;
    TimePoint told = begin;
    for (const auto& [frame, number] : player.play(options.fps, options.position, plan())) {
      if (lanes_.run_at(frame, frame.timing(), outlet_) != 0) outlet_.send_all();
      if (hook_) {
        outlet_.latest(latest, version);
        hook_(frame, latest);
      }
      tell_if_time(options, player, begin, told);
    }
  }

  template <class PlayerT>
  void run_realtime(PlayerT& player, const StartOptions& options, TimePoint begin) {
    auto clock = player.clock();
    using Thread = detail::LaneThread<decltype(clock)>;
    std::atomic<bool> discard{false};  // what has come due shall not run any more: a stop must not wait for it
    std::array<std::unique_ptr<Thread>, algo_count> threads;
    lanes_.for_each([&]<std::size_t I>(auto& lane) {
      threads[I] = std::make_unique<Thread>(clock, [this, &lane, &discard] {
        if (discard.load(std::memory_order_relaxed))  // published by the post that called us
          lane.pass_over(*tracker_);
        else if (lane.template catch_up<I>(*tracker_, outlet_))
          outlet_.send_all();
      });
    });
    const auto end_lanes = [&](bool run_the_rest) {
      player.stop();  // first, so that nothing is posted any more
      discard.store(!run_the_rest, std::memory_order_relaxed);
      for (const auto& thread : threads) thread->finish();
    };

    player.play_realtime(
        options.fps, options.position,
        [&](const Frame& frame, const std::stop_token& stop) {
          lanes_.for_each([&]<std::size_t I>(auto& lane) {
            if (!lane.due_at(frame)) return;
            threads[I]->post();
            clock.settle(stop);
          });
        },
        plan());
    try {
      attend(player, options, begin);
    } catch (...) {
      end_lanes(false);
      throw;
    }
    end_lanes(player.status().state != PlayState::stopped);
  }

  /// What the thread that called start() does while others play and run: shows frames to the hook, tells of progress.
  template <class PlayerT>
  void attend(PlayerT& player, const StartOptions& options, TimePoint begin) {
    if (!hook_ && !options.on_progress) return player.wait();
    Latest latest;
    std::uint64_t version = 0;
    std::uint64_t next = 0;
    TimePoint told = begin;
    for (bool active = true; active;) {
      const std::uint64_t interrupts = tracker_->interrupts();
      active = player.is_active();  // before the frames are looked at: after the last look no frame can come
      for (; hook_ && next < tracker_->end(); ++next) {
        const Frame frame = tracker_->frame(next);
        if (!frame) {
          ++process_skipped_;
          continue;
        }
        outlet_.latest(latest, version);
        hook_(frame, latest);
      }
      if (active) tell_if_time(options, player, begin, told);
      const std::uint64_t awaited = hook_ ? next : std::numeric_limits<std::uint64_t>::max();
      if (!active) continue;
      if (options.on_progress)
        tracker_->wait_for_frame(awaited, interrupts, progress_period);
      else
        tracker_->wait_for_frame(awaited, interrupts);
    }
  }

  template <class PlayerT>
  static void tell(const StartOptions& options, const PlayerT& player, TimePoint begin, bool finished) {
    const std::optional<SourceInfo> info = player.info();
    options.on_progress(Progress{.start = options.position,
                                 .position = player.current_time(),
                                 .duration = info ? info->duration : std::nullopt,
                                 .elapsed = std::chrono::steady_clock::now() - begin,
                                 .finished = finished,
                                 .state = player.status().state});
  }

  /// Tells of progress if it has been long enough since `told`.
  template <class PlayerT>
  static void tell_if_time(const StartOptions& options, const PlayerT& player, TimePoint begin, TimePoint& told) {
    if (!options.on_progress) return;
    const TimePoint now = std::chrono::steady_clock::now();
    if (now - told < progress_period) return;
    told = now;
    tell(options, player, begin, false);
  }

  static constexpr std::chrono::milliseconds progress_period{200};

  Tracker* tracker_;
  detail::Outlet<E, typename Loaded::Value...> outlet_;
  detail::LaneSet<Tracker, Loaded...> lanes_;
  ProcessHook hook_;
  std::uint64_t process_skipped_ = 0;
  RunReport report_;
};

}  // namespace stream_infer
