#pragma once

#include "stream_infer/core/error.hpp"
#include "stream_infer/core/media_time.hpp"
#include "stream_infer/core/min_max.hpp"
#include "stream_infer/producer/producer.hpp"

#include <cstdint>
#include <limits>
#include <optional>
#include <string>

namespace stream_infer {

/// Which of a source's frames are played. Without a play rate, or with one at or above the source's, all of them.
/// Otherwise tick k is at k / fps and plays the first frame with PTS >= tick - ε that no earlier tick played and that
/// comes before the next tick; a tick without one plays nothing. Frames before the start position are not played, and
/// what is played from there on is what a play from the start would have played.
class FrameSelector {
 public:
  enum class Verdict : std::uint8_t { play, skip_rate, skip_position };

  FrameSelector(std::optional<Rational> fps, const SourceInfo& info, MediaTime position)
      : position_{position}, tolerance_{tolerance_of(info.time_base, info.fps.value_or(Rational{}))} {
    thins_ = fps && (!info.fps || *fps < *info.fps);
    rate_ = thins_ ? *fps : info.fps.value_or(Rational{});
    period_ = period_of(rate_);
    previous_ = -period_ - tolerance_;  // no due lies before the start of the source
  }

  /// \throws Error for a rate or position that makes no sense
  static void check(std::optional<Rational> fps, MediaTime position, const std::string& source) {
    if (fps && !fps->is_positive())
      throw Error{Errc::invalid_argument, "play", source,
                  "the play rate must be positive, not " + to_string(*fps) + "; leave fps out to play every frame"};
    if (position < MediaTime{0})
      throw Error{Errc::invalid_argument, "play", source, "the position must not be negative"};
  }

  /// Where the reader should start: far enough before the position that the frame played before the first one is seen,
  /// without which a gap that ends at the position would be taken for a period. With a play rate that is one tick before
  /// the tick that the position falls into, so that both are seen from their beginning.
  [[nodiscard]] static MediaTime open_at(std::optional<Rational> fps, MediaTime position) {
    if (!fps) return detail::max(MediaTime{0}, position - MediaTime{1'000'000'000});  // more than any ε
    const detail::int128 tick = detail::floor_div(detail::int128{position.count()} * fps->num(), scale(*fps)) - 1;
    const detail::int128 start = detail::floor_div(tick * scale(*fps), fps->num());
    return detail::max(MediaTime{0}, MediaTime{static_cast<std::int64_t>(start)});
  }

  /// The play rate: the given one, or the source's; 0 if neither is known.
  [[nodiscard]] Rational rate() const { return rate_; }

  /// What to do with the next frame of the source, at `time`.
  [[nodiscard]] Verdict offer(MediaTime time) {
    bool chosen = true;
    if (thins_) {
      const detail::int128 slot =
          detail::floor_div((detail::int128{time.count()} + tolerance_.count()) * rate_.num(), scale(rate_));
      chosen = slot > last_slot_ && slot >= 0;  // tick 0 is the first: leading pictures may lie before the start
      if (chosen) last_slot_ = slot;
    }
    if (position_ > MediaTime{0} && time < position_ - tolerance_) {
      if (chosen) previous_ = time, seen_before_position_ = true;
      return Verdict::skip_position;
    }
    return chosen ? Verdict::play : Verdict::skip_rate;
  }

  /// Whether all frames from here on are played.
  [[nodiscard]] bool plays_all() const { return started_ && !thins_; }

  /// The Timing of a frame at `time` if it is played now.
  [[nodiscard]] Timing timing(MediaTime time) const {
    Timing timing{.time = time, .previous = previous_, .start = start_, .period = period_, .tolerance = tolerance_};
    if (!started_) {
      // From a position on, the frame before it would have been played a period earlier, unless we saw it.
      if (position_ > MediaTime{0} && !seen_before_position_)
        timing.previous = detail::max(previous_, detail::min(time, position_ + period_) - period_);
      timing.start = timing.previous;
    }
    return timing;
  }

  /// The frame of `timing` was played.
  void played(const Timing& timing) {
    started_ = true;
    start_ = timing.start;
    previous_ = timing.time;
  }

 private:
  [[nodiscard]] static detail::int128 scale(Rational rate) { return detail::int128{1'000'000'000} * rate.den(); }

  MediaTime position_;
  MediaTime tolerance_;
  bool thins_ = false;
  Rational rate_;
  MediaTime period_{};
  MediaTime previous_{};
  MediaTime start_{};
  detail::int128 last_slot_ =
      std::numeric_limits<std::int64_t>::min();  // of the frame chosen last: before any there is
  bool seen_before_position_ = false;
  bool started_ = false;
};

}  // namespace stream_infer
