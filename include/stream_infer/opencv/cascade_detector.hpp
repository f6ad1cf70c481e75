#pragma once

#include "stream_infer/core/error.hpp"
#include "stream_infer/core/frame.hpp"
#include "stream_infer/core/image.hpp"
#include "stream_infer/core/name.hpp"
#include "stream_infer/opencv/mat.hpp"
#include "stream_infer/vision/detection.hpp"

#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <opencv2/imgproc.hpp>
#include <opencv2/objdetect.hpp>

namespace stream_infer {

struct CascadeOptions {
  std::string label{};  ///< what it finds, in words
  double scale = 1.1;   ///< from one size to the next
  int neighbours = 3;   ///< how many finds have to agree
  int smallest = 0;     ///< pixels of a side; 0: the cascade's own size
};

/// Finds faces, eyes and the like with a cascade of simple features (P. Viola, M. Jones, 2001) that comes with OpenCV as an
/// XML file. The score is 1 / (1 + exp(-w)) of the last stage's weight w.
class CascadeDetector {
 public:
  /// \throws Error  if the file is not there, or no cascade, or the options make no sense
  explicit CascadeDetector(const std::string& path, CascadeOptions options = {})
      : options_{std::move(options)}, label_{options_.label} {
    if (!(options_.scale > 1) || options_.neighbours < 0 || options_.smallest < 0)
      throw Error{Errc::invalid_argument, "cascade", path,
                  "CascadeOptions: scale is more than 1, neighbours and smallest are not negative"};
    try {
      if (cascade_.load(path)) return;
    } catch (const cv::Exception&) {  // what is no XML
    }
    throw Error{Errc::invalid_argument, "cascade", path, "there is no cascade that OpenCV can read"};
  }

  /// What is in the last frame of the window.
  Detections run(std::span<const Frame> frames) {
    const Frame& frame = frames.back();
    cv::Mat grey = as_mat(frame);
    switch (frame.format()) {
      case PixelFormat::bgr24: cv::cvtColor(grey, grey, cv::COLOR_BGR2GRAY); break;
      case PixelFormat::rgb24: cv::cvtColor(grey, grey, cv::COLOR_RGB2GRAY); break;
      case PixelFormat::bgra32: cv::cvtColor(grey, grey, cv::COLOR_BGRA2GRAY); break;
      case PixelFormat::rgba32: cv::cvtColor(grey, grey, cv::COLOR_RGBA2GRAY); break;
      case PixelFormat::gray8: break;
    }
    std::vector<cv::Rect> boxes;
    std::vector<int> levels;
    std::vector<double> weights;
    cascade_.detectMultiScale(grey, boxes, levels, weights, options_.scale, options_.neighbours, 0,
                              {options_.smallest, options_.smallest}, {}, true);
    Detections found;
    for (std::size_t i = 0; i < boxes.size(); ++i)
      found.push_back({.box = {static_cast<float>(boxes[i].x), static_cast<float>(boxes[i].y),
                               static_cast<float>(boxes[i].width), static_cast<float>(boxes[i].height)},
                       .class_id = 0,
                       .score = static_cast<float>(1 / (1 + std::exp(-weights[i]))),
                       .label = label_});
    return found;
  }

 private:
  CascadeOptions options_;
  cv::CascadeClassifier cascade_;
  Name label_;
};

}  // namespace stream_infer
