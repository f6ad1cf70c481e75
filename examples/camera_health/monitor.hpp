#pragma once

#include "camera_health/condition.hpp"
#include "camera_health/cuts.hpp"

#include <stream_infer/exporter/record.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>

namespace camera_health {

/// Something that happened to the picture.
struct Event {
  enum class Kind { begins, ends, cut };
  Kind kind{};
  Fault fault{};       ///< not of a cut
  MediaTime at{};      ///< when it happened
  MediaTime lasted{};  ///< of an end
  double measure = 0;  ///< the detector's, when it was noticed
};

/// What came of a whole play.
struct Totals {
  std::uint64_t events = 0;
  MediaTime time{};     ///< summed
  MediaTime longest{};  ///< of one event
};

/// The exporter: takes what the detectors say of single frames, and makes events that begin and end of it.
class Monitor {
 public:
  using OnEvent = std::function<void(const Event&)>;
  using OnError = std::function<void(const stream_infer::RunError&)>;

  explicit Monitor(OnEvent on_event, OnError on_failure = {})
      : on_event_{std::move(on_event)}, on_failure_{std::move(on_failure)} {}

  void collect(const stream_infer::Record<Condition>& record) {
    const Condition& condition = record.value;
    std::optional<MediaTime>& began = began_[index(condition.fault)];
    if (condition.present && !began) {
      began = condition.since;
      on_event_({Event::Kind::begins, condition.fault, condition.since, {}, condition.measure});
    } else if (!condition.present && began) {
      end(condition.fault, record.time);
    }
  }

  void collect(const stream_infer::Record<CutCheck>& record) {
    if (!record.value.cut) return;
    ++cuts_;
    on_event_({Event::Kind::cut, {}, record.value.at, {}, record.value.change});
  }

  void on_error(const stream_infer::RunError& error) {
    if (on_failure_) on_failure_(error);
  }

  /// The play has ended at `time`: so has whatever was going on.
  void finish(MediaTime time) {
    for (const Fault fault : {Fault::black, Fault::frozen, Fault::blurred})
      if (began_[index(fault)]) end(fault, time);
  }

  [[nodiscard]] const Totals& totals(Fault fault) const { return totals_[index(fault)]; }
  [[nodiscard]] std::uint64_t cuts() const { return cuts_; }

 private:
  static std::size_t index(Fault fault) { return static_cast<std::size_t>(fault); }

  void end(Fault fault, MediaTime time) {
    const MediaTime lasted = time - *std::exchange(began_[index(fault)], std::nullopt);
    Totals& totals = totals_[index(fault)];
    ++totals.events;
    totals.time += lasted;
    totals.longest = std::max(totals.longest, lasted);
    on_event_({Event::Kind::ends, fault, time, lasted, 0});
  }

  OnEvent on_event_;
  OnError on_failure_;
  std::array<std::optional<MediaTime>, 3> began_;
  std::array<Totals, 3> totals_;
  std::uint64_t cuts_ = 0;
};

}  // namespace camera_health
