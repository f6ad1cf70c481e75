#pragma once

#include "stream_infer/core/error.hpp"
#include "stream_infer/core/frame.hpp"
#include "stream_infer/core/min_max.hpp"
#include "stream_infer/core/name.hpp"
#include "stream_infer/opencv/detection_layout.hpp"
#include "stream_infer/opencv/dnn_input.hpp"
#include "stream_infer/opencv/dnn_model.hpp"
#include "stream_infer/vision/detection.hpp"
#include "stream_infer/vision/labels.hpp"
#include "stream_infer/vision/non_maximum_suppression.hpp"

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <opencv2/dnn.hpp>

namespace stream_infer {

struct DnnDetectorOptions {
  DnnInput input{};
  DetectionLayout layout = DetectionLayout::automatic;
  std::vector<std::string> labels{};  ///< one for each class, as read_labels() gives them; empty: none
  float confidence = 0.25F;           ///< the score from which a detection counts
  float most_overlap = 0.45F;         ///< intersection over union from which two of a class are taken for the same
  int batch = 0;                      ///< frames in one run of the model, for run_each(); 0: the model's own, or 1
  cv::dnn::Backend backend = cv::dnn::DNN_BACKEND_OPENCV;
  cv::dnn::Target target = cv::dnn::DNN_TARGET_CPU;
};

/// Finds things with a model of yours, an ONNX file, by cv::dnn. Boxes are in pixels of the frame. The file, all options, and
/// that they fit each other are checked when it is made, which takes as long as a run.
///
///     si::load_algo("things", si::DnnDetector{"yolov8n.onnx", {.labels = si::read_labels("coco.names")}}, 200ms)
///
/// Several frames in one run of the model, and the results of each:
///
///     struct EachFrame {
///       std::vector<si::Detections> run(std::span<const si::Frame> frames) { return detector.run_each(frames); }
///       si::DnnDetector detector{"yolov8n.onnx", {.batch = 4}};
///     };
///
/// What OpenCV can run depends on its version: YOLOv8 as it is exported takes 4.7 or later, YOLOv5 an export with opset=12.
/// It can be moved, not copied. For one thread at a time; OpenCV itself uses as many as cv::getNumThreads() says.
class DnnDetector {
 public:
  /// \throws Error  that names the option that does not fit, and says what was expected and what was found
  explicit DnnDetector(const std::string& path, DnnDetectorOptions options = {})
      : options_{std::move(options)},
        model_{path,
               {.input = options_.input,
                .batch = options_.batch,
                .backend = options_.backend,
                .target = options_.target}} {
    if (!(options_.confidence >= 0 && options_.confidence <= 1))
      throw model_.error("confidence: expected 0 to 1, found " + std::to_string(options_.confidence));
    if (!(options_.most_overlap > 0))
      throw model_.error("most_overlap: expected more than 0, found " + std::to_string(options_.most_overlap));
    find_output();
    const int classes = detail::class_count(layout_, detail::shape_of(model_.outputs()[output_]));
    labels_ = classes == 0 ? std::vector<Name>{options_.labels.begin(), options_.labels.end()}
                           : model_.names(options_.labels, classes, output_);
    for (int picture = 0; picture < model_.batch(); ++picture)
      static_cast<void>(read(picture, {InputFit::stretch, model_.size(), model_.size()}));
  }

  /// What is in the last frame of the window, the surest first. It takes as long as a whole batch.
  /// \throws Error  as run_each()
  Detections run(std::span<const Frame> frames) { return std::move(run_each(frames.last(1)).front()); }

  /// What is in each frame, in the order of the frames; the model runs on `batch` frames at once.
  /// \throws Error  as Frame::image(), or if what the model gives is no score, or a class without a label
  std::vector<Detections> run_each(std::span<const Frame> frames) {
    std::vector<Detections> found;
    while (!frames.empty()) {
      const std::size_t count = detail::min(frames.size(), static_cast<std::size_t>(model_.batch()));
      const std::vector<detail::InputPlacement> placements = model_.run(frames.first(count));
      for (const detail::InputPlacement& placement : placements)
        found.push_back(read(static_cast<int>(&placement - placements.data()), placement));
      frames = frames.subspan(count);
    }
    return found;
  }

 private:
  /// Takes the one output that has a known layout.
  void find_output() {
    const std::vector<cv::Mat>& outputs = model_.outputs();
    std::vector<std::size_t> fitting;
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      const std::vector<int> shape = detail::shape_of(outputs[i]);
      const std::optional<DetectionLayout> layout = options_.layout == DetectionLayout::automatic
                                                        ? detail::layout_of(shape, model_.batch(), model_.size())
                                                        : options_.layout;
      if (!layout || !detail::fits_layout(*layout, shape, model_.batch())) continue;
      fitting.push_back(i);
      layout_ = *layout;
    }
    if (fitting.size() == 1) {
      output_ = fitting.front();
      return;
    }
    const std::string hint = options_.layout == DetectionLayout::automatic
                                 ? "; if it is one of these with another number of boxes, say which"
                                 : " of that layout";
    throw model_.error("layout: expected one output of " + detail::known_layouts(model_.batch(), model_.size()) + hint +
                       ", found " + model_.outputs_text());
  }

  [[nodiscard]] Detections read(int picture, const detail::InputPlacement& placement) const {
    const cv::Mat& output = model_.outputs()[output_];
    Detections all = detail::read_detections(layout_, output, picture, options_.confidence, model_.size());
    for (const Detection& one : all)
      if (one.score > most_score)
        throw model_.error("layout: expected scores from 0 to 1, found " + std::to_string(one.score) + " in " +
                           model_.output_text(output_));
    Detections found;
    for (Detection& one : suppress_non_maxima(std::move(all), options_.most_overlap)) {
      one.box = placement.to_source(one.box);
      if (!(one.box.area() > 0)) continue;  // it was in the bars
      one.score = detail::min(one.score, 1.F);
      if (!labels_.empty()) one.label = label(one.class_id);
      found.push_back(std::move(one));
    }
    return found;
  }

  [[nodiscard]] const Name& label(int class_id) const {
    const auto i = static_cast<std::size_t>(class_id);
    if (i < labels_.size()) return labels_[i];
    throw model_.error("labels: expected one for each class, found class " + std::to_string(class_id) + " and " +
                       std::to_string(labels_.size()) + " labels");
  }

  static constexpr float most_score = 1.001F;  // a sigmoid may be rounded up

  DnnDetectorOptions options_;
  detail::DnnModel model_;
  DetectionLayout layout_ = DetectionLayout::automatic;
  std::size_t output_ = 0;
  std::vector<Name> labels_;
};

}  // namespace stream_infer
