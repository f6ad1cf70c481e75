#pragma once

#include "stream_infer/core/error.hpp"
#include "stream_infer/core/media_time.hpp"
#include "stream_infer/core/min_max.hpp"
#include "stream_infer/vision/assignment.hpp"
#include "stream_infer/vision/box.hpp"
#include "stream_infer/vision/box_filter.hpp"
#include "stream_infer/vision/detection.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace stream_infer {

struct ObjectTrackerOptions {
  float sure = 0.5F;    ///< detections of that score and more begin tracks
  float unsure = 0.1F;  ///< those of less than that are left out; between the two, they go on with tracks
  MediaTime forget_after{1'000'000'000};  ///< how long a track that nothing was found of is looked for
  bool across_classes = false;            ///< a track may go on with a detection of another class
};

/// Follows detections from picture to picture: which of them are the same thing. The method is that of ByteTrack (Y. Zhang et
/// al., "ByteTrack: Multi-Object Tracking by Associating Every Detection Box", 2022): where each track should be by now
/// (a Kalman filter) is compared with what was found, the sure detections first, then the unsure ones, and the pairs that
/// overlap most in sum are taken for the same (the Hungarian method). Times need not be evenly spaced.
///
///     si::ObjectTracker tracker;
///     si::Tracks tracks = tracker.update(detections, frame.time());
///
/// One thread at a time.
class ObjectTracker {
 public:
  /// \throws Error  if the options make no sense
  explicit ObjectTracker(const ObjectTrackerOptions& options = {}) : options_{options} {
    if (!(options.unsure >= 0 && options.unsure <= options.sure && options.sure <= 1))
      throw Error{Errc::invalid_argument, "object tracker", {}, "ObjectTrackerOptions: 0 <= unsure <= sure <= 1"};
    if (options.forget_after < MediaTime{0})
      throw Error{Errc::invalid_argument, "object tracker", {}, "ObjectTrackerOptions::forget_after is negative"};
  }

  /// \param detections  boxes without an area are left out, and scores that are no numbers
  /// \param time  of the picture; not less than that of the one before
  /// Returns what is followed and was found in this picture, by its id. A thing has to be found in two pictures in a row,
  /// unless it is there in the first one.
  Tracks update(const Detections& detections, MediaTime time) {
    const double steps = last_time_ ? to_seconds(detail::max(MediaTime{0}, time - *last_time_)) * 30 : 0;
    const bool is_first = !std::exchange(last_time_, time).has_value();
    for (Followed& one : followed_) {
      if (!one.is_found) one.filter.hold_size();
      one.filter.predict(steps);
      one.was_found = std::exchange(one.is_found, false);
    }

    std::vector<const Detection*> sure, unsure;
    for (const Detection& one : detections) {
      if (!has_area(one.box)) continue;
      if (one.score >= options_.sure)
        sure.push_back(&one);
      else if (one.score >= options_.unsure)
        unsure.push_back(&one);
    }

    std::vector<Followed*> known, fresh;
    for (Followed& one : followed_) (one.track.id != 0 ? known : fresh).push_back(&one);
    match(known, sure, 0.2F, time);
    std::erase_if(known, [](const Followed* one) { return one->is_found || !one->was_found; });
    match(known, unsure, 0.5F, time);
    match(fresh, sure, 0.3F, time);

    std::erase_if(followed_, [&](const Followed& one) {
      return !one.is_found && (one.track.id == 0 || time - one.last_found > options_.forget_after);
    });
    for (const Detection* one : sure) begin(*one, time, is_first);

    Tracks tracks;
    for (const Followed& one : followed_)
      if (one.is_found && one.track.id != 0) {
        tracks.push_back(one.track);
        tracks.back().box = one.filter.box();
      }
    std::sort(tracks.begin(), tracks.end(), [](const Track& a, const Track& b) { return a.id < b.id; });
    return tracks;
  }

  /// Forgets all, as before a new epoch of a live source. Ids go on.
  void reset() {
    followed_.clear();
    last_time_.reset();
  }

 private:
  struct Followed {
    detail::BoxFilter filter;
    Track track{};  ///< id 0: it has been found once only
    MediaTime last_found{};
    bool is_found = true, was_found = true;  ///< in this picture, and in the one before
  };

  /// Not so what a model makes of numbers that are none.
  [[nodiscard]] static bool has_area(const Box& box) {
    return std::isfinite(box.x) && std::isfinite(box.y) && std::isfinite(box.area()) && box.width > 0 && box.height > 0;
  }

  /// Finds which detections go on with which tracks, and takes those away from `detections`.
  void match(const std::vector<Followed*>& tracks, std::vector<const Detection*>& detections, float least_overlap,
             MediaTime time) {
    if (tracks.empty() || detections.empty()) return;
    constexpr double never = 1;  // no more: one pair that fits is not given up for two that fit less
    detail::CostMatrix costs{tracks.size(), detections.size()};
    for (std::size_t i = 0; i < tracks.size(); ++i) {
      const Box predicted = tracks[i]->filter.box();
      for (std::size_t j = 0; j < detections.size(); ++j) {
        const float overlap = iou(predicted, detections[j]->box);
        const bool may = overlap >= least_overlap &&
                         (options_.across_classes || tracks[i]->track.class_id == detections[j]->class_id);
        costs.at(i, j) = may ? 1 - static_cast<double>(overlap) : never;
      }
    }
    const std::vector<std::size_t> found = detail::assign(costs);
    std::vector<char> taken(detections.size());
    for (std::size_t i = 0; i < tracks.size(); ++i) {
      if (found[i] == detections.size() || costs.at(i, found[i]) >= never) continue;
      go_on(*tracks[i], *detections[found[i]], time);
      taken[found[i]] = 1;
    }
    std::size_t at = 0;
    std::erase_if(detections, [&](const Detection*) { return taken[at++] != 0; });
  }

  void go_on(Followed& one, const Detection& detection, MediaTime time) {
    one.filter.correct(detection.box);
    one.last_found = time;
    one.is_found = true;
    if (one.track.id == 0) one.track.id = ++last_id_;
    one.track.class_id = detection.class_id;
    one.track.score = detection.score;
    one.track.label = detection.label;
  }

  void begin(const Detection& detection, MediaTime time, bool is_first) {
    followed_.push_back({detail::BoxFilter{detection.box},
                         {.id = is_first ? ++last_id_ : 0,
                          .box = {},
                          .class_id = detection.class_id,
                          .score = detection.score,
                          .label = detection.label},
                         time});
  }

  ObjectTrackerOptions options_;
  std::vector<Followed> followed_;
  std::optional<MediaTime> last_time_;
  std::uint64_t last_id_ = 0;
};

}  // namespace stream_infer
