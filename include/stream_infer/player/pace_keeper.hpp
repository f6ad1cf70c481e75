#pragma once

#include "stream_infer/core/callback.hpp"
#include "stream_infer/core/media_time.hpp"
#include "stream_infer/core/min_max.hpp"

#include <utility>

namespace stream_infer::detail {

/// Says which pictures come too late for a window to begin with them, in a realtime play of a file that the machine cannot
/// decode fast enough. A window that has begun is never given up, so that nothing is decoded in vain.
///
/// Pictures are too late once they come `tolerance` after their time while the next group is due already (it is expected to
/// be as long as the one before): it is as well to go on from there. They are until a group begins in time.
class PaceKeeper {
 public:
  /// The media time that should be playing at this moment; the smallest time if that is not known. Any thread.
  using Now = Callback<MediaTime()>;

  static constexpr MediaTime tolerance{1'000'000'000};
  /// If pictures are still late when nothing has been decoded for so long, it is not decoding that makes them so, and the
  /// next group is tried.
  static constexpr MediaTime patience{10'000'000'000};

  explicit PaceKeeper(Now now = {}) : now_{std::move(now)} {}

  [[nodiscard]] bool has_clock() const { return static_cast<bool>(now_); }

  /// The next picture begins a group.
  void begin_group() { begins_ = true; }

  /// The next picture, in the order of showing. By how much it is too late for a window to begin with it; 0 if it is not.
  [[nodiscard]] MediaTime too_late_by(MediaTime time) {
    const bool begins = std::exchange(begins_, false);
    if (begins) {
      if (in_group_) length_ = time - group_;
      in_group_ = true;
      group_ = time;
    }
    if (!in_group_ || !now_) return {};  // nothing is ever late: the clock need not be asked for each picture
    const MediaTime now = now_();
    if (now == MediaTime::min()) return {};
    const MediaTime next = group_ + length_;
    if (admitting_) {
      busy_until_ = now;
      if (begins) has_chance_ = false;
      admitting_ = has_chance_ || time >= now - tolerance || time >= next || next > now;
    } else {
      has_chance_ = begins && now - busy_until_ >= patience;
      admitting_ = has_chance_ || (time >= now && (begins || time >= next));
    }
    return admitting_ ? MediaTime{} : detail::max(now - time, MediaTime{1});
  }

  /// Something is to be decoded.
  void decodes() {
    if (!admitting_) busy_until_ = now_();
  }

 private:
  Now now_;
  bool begins_ = false;
  bool in_group_ = false;  // a group has begun
  MediaTime group_{};      // when the latest one did
  MediaTime length_{};     // of the group before; 0: not known
  bool admitting_ = true;
  bool has_chance_ = false;  // this group, though it is late
  MediaTime busy_until_{};   // by now_: when something was decoded last, or might have been
};

}  // namespace stream_infer::detail
