#pragma once

#include "stream_infer/vision/box.hpp"
#include "stream_infer/vision/detection.hpp"

#include <algorithm>
#include <utility>

namespace stream_infer {

/// Keeps, of detections that overlap, the one with the highest score: the usual greedy non-maximum suppression. What is kept
/// comes in the order of its score, the first of equals first.
/// \param most_overlap  the intersection over union from which two are taken for the same
/// \param across_classes  also detections of different classes suppress each other
[[nodiscard]] inline Detections suppress_non_maxima(Detections detections, float most_overlap,
                                                    bool across_classes = false) {
  std::stable_sort(detections.begin(), detections.end(),
                   [](const Detection& a, const Detection& b) { return a.score > b.score; });
  Detections kept;
  for (Detection& one : detections) {
    const bool is_suppressed = std::any_of(kept.begin(), kept.end(), [&](const Detection& better) {
      return (across_classes || better.class_id == one.class_id) && iou(better.box, one.box) >= most_overlap;
    });
    if (!is_suppressed) kept.push_back(std::move(one));
  }
  return kept;
}

}  // namespace stream_infer
