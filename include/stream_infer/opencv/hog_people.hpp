#pragma once

#include "stream_infer/core/error.hpp"
#include "stream_infer/core/frame.hpp"
#include "stream_infer/core/image.hpp"
#include "stream_infer/core/name.hpp"
#include "stream_infer/opencv/mat.hpp"
#include "stream_infer/vision/detection.hpp"
#include "stream_infer/vision/non_maximum_suppression.hpp"

#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include <opencv2/objdetect.hpp>

namespace stream_infer {

struct HogPeopleOptions {
  double hit_threshold = 0;    ///< distance from the classifier's plane, from which it is a person
  int step = 8;                ///< pixels from one window to the next; a multiple of 8
  double scale = 1.05;         ///< from one size to the next
  float most_overlap = 0.45F;  ///< intersection over union from which two are taken for the same
};

/// Finds people who stand or walk, with OpenCV's built-in classifier: histograms of oriented gradients (N. Dalal, B. Triggs,
/// 2005). It needs no model file. A person has to be about 100 pixels high; frames are bgr24 or gray8. The score is
/// 1 / (1 + exp(-d)) of the distance d from the classifier's plane.
///
///     si::load_algo("people", si::HogPeople{}, 200ms)
class HogPeople {
 public:
  /// \throws Error  if the options make no sense
  explicit HogPeople(const HogPeopleOptions& options = {}) : options_{options} {
    if (options.step <= 0 || options.step % 8 != 0 || !(options.scale > 1) || !(options.most_overlap > 0))
      throw Error{Errc::invalid_argument,
                  "hog people",
                  {},
                  "HogPeopleOptions: step is a multiple of 8, scale more than 1, most_overlap more than 0"};
    hog_.setSVMDetector(cv::HOGDescriptor::getDefaultPeopleDetector());
  }

  /// What is in the last frame of the window. \throws Error  for another pixel format
  Detections run(std::span<const Frame> frames) {
    const Frame& frame = frames.back();
    if (frame.format() != PixelFormat::bgr24 && frame.format() != PixelFormat::gray8)
      throw Error{Errc::invalid_argument, "hog people", to_string(frame.format()), "it takes bgr24 and gray8"};
    const cv::Mat picture = as_mat(frame);
    Detections found;
    if (picture.cols < hog_.winSize.width || picture.rows < hog_.winSize.height) return found;
    std::vector<cv::Rect> boxes;
    std::vector<double> distances;
    hog_.detectMultiScale(picture, boxes, distances, options_.hit_threshold, {options_.step, options_.step}, {},
                          options_.scale, 0);  // 0: it gives all, and what overlaps goes below
    for (std::size_t i = 0; i < boxes.size(); ++i) {
      const cv::Rect& box = boxes[i];
      found.push_back({.box = clipped({static_cast<float>(box.x), static_cast<float>(box.y),
                                       static_cast<float>(box.width), static_cast<float>(box.height)},
                                      picture.cols, picture.rows),
                       .class_id = 0,
                       .score = static_cast<float>(1 / (1 + std::exp(-distances[i]))),
                       .label = label_});
    }
    return suppress_non_maxima(std::move(found), options_.most_overlap);
  }

 private:
  HogPeopleOptions options_;
  cv::HOGDescriptor hog_;
  Name label_{"person"};
};

}  // namespace stream_infer
