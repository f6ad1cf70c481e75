#pragma once

#include "stream_infer/core/error.hpp"
#include "stream_infer/core/frame.hpp"
#include "stream_infer/core/media_time.hpp"
#include "stream_infer/core/name.hpp"
#include "stream_infer/opencv/mat.hpp"
#include "stream_infer/vision/detection.hpp"

#include <span>
#include <vector>

#include <opencv2/imgproc.hpp>
#include <opencv2/video/background_segm.hpp>

namespace stream_infer {

struct BackgroundMotionOptions {
  int history = 200;        ///< runs that the background is learned from
  double threshold = 16;    ///< squared Mahalanobis distance from which a pixel is not the background
  float smallest = 0.001F;  ///< part of the picture that moves together, from which it counts
  bool shadows = true;      ///< shadows are told from what casts them, and left out; takes longer
};

/// What moves in front of a background that stays: boxes around it, and how much of the picture that is.
struct Motion {
  Detections regions{};  ///< score: the part of the box that moves
  float share = 0;       ///< of all pixels, from 0 to 1
};

/// Finds what moves, by a mixture of Gaussians for each pixel (Z. Zivkovic, 2004; OpenCV's MOG2). It learns the background
/// while it runs: the first run finds nothing, and a new size or format begins anew.
class BackgroundMotion {
 public:
  /// \throws Error  if the options make no sense
  explicit BackgroundMotion(const BackgroundMotionOptions& options = {}) : options_{options} {
    if (options.history <= 0 || !(options.threshold > 0) || !(options.smallest >= 0 && options.smallest <= 1))
      throw Error{Errc::invalid_argument,
                  "background motion",
                  {},
                  "BackgroundMotionOptions: history and threshold are positive, smallest is from 0 to 1"};
  }

  /// What moves in the last frame of the window.
  Motion run(std::span<const Frame> frames) {
    const cv::Mat picture = as_mat(frames.back());
    const bool is_new = model_.empty() || picture.size() != size_ || picture.type() != type_;
    if (is_new) {
      model_ = cv::createBackgroundSubtractorMOG2(options_.history, options_.threshold, options_.shadows);
      size_ = picture.size();
      type_ = picture.type();
    }
    model_->apply(picture, mask_);
    Motion motion;
    if (is_new) return motion;
    cv::threshold(mask_, mask_, 200, 255, cv::THRESH_BINARY);  // shadows have 127
    cv::morphologyEx(mask_, mask_, cv::MORPH_OPEN, kernel_);
    const auto all = static_cast<float>(mask_.total());
    motion.share = static_cast<float>(cv::countNonZero(mask_)) / all;
    cv::morphologyEx(mask_, mask_, cv::MORPH_CLOSE, wide_kernel_);
    std::vector<std::vector<cv::Point>> outlines;
    cv::findContours(mask_, outlines, cv::RETR_EXTERNAL, cv::CHAIN_APPROX_SIMPLE);
    for (const std::vector<cv::Point>& outline : outlines) {
      const cv::Rect box = cv::boundingRect(outline);
      const float moving = static_cast<float>(cv::countNonZero(mask_(box)));
      if (moving < options_.smallest * all) continue;
      motion.regions.push_back({.box = {static_cast<float>(box.x), static_cast<float>(box.y),
                                        static_cast<float>(box.width), static_cast<float>(box.height)},
                                .class_id = 0,
                                .score = moving / static_cast<float>(box.area()),
                                .label = label_});
    }
    return motion;
  }

 private:
  BackgroundMotionOptions options_;
  cv::Ptr<cv::BackgroundSubtractorMOG2> model_;
  cv::Size size_;
  int type_ = 0;
  cv::Mat mask_;
  cv::Mat kernel_ = cv::getStructuringElement(cv::MORPH_ELLIPSE, {3, 3});
  cv::Mat wide_kernel_ = cv::getStructuringElement(cv::MORPH_ELLIPSE, {9, 9});
  Name label_{"motion"};
};

}  // namespace stream_infer
