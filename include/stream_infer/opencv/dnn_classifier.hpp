#pragma once

#include "stream_infer/core/error.hpp"
#include "stream_infer/core/frame.hpp"
#include "stream_infer/core/min_max.hpp"
#include "stream_infer/core/name.hpp"
#include "stream_infer/opencv/dnn_input.hpp"
#include "stream_infer/opencv/dnn_model.hpp"
#include "stream_infer/vision/detection.hpp"
#include "stream_infer/vision/labels.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <opencv2/dnn.hpp>

namespace stream_infer {

struct DnnClassifierOptions {
  DnnInput input{.fit = InputFit::crop};
  std::vector<std::string> labels{};  ///< one for each class, as read_labels() gives them; empty: none
  int most = 1;                       ///< how many of the surest classes are given
  float confidence = 0;               ///< the score from which a class is given
  bool softmax = false;               ///< the model ends without a softmax: makes scores of what it gives
  int batch = 0;                      ///< frames in one run of the model, for run_each(); 0: the model's own, or 1
  cv::dnn::Backend backend = cv::dnn::DNN_BACKEND_OPENCV;
  cv::dnn::Target target = cv::dnn::DNN_TARGET_CPU;
};

/// Says what a picture as a whole is of, with a model of yours, an ONNX file, by cv::dnn. The model has one output, [B,C] or
/// [B,C,1,1], for B pictures and C classes. A result is a Detection whose box is the part of the frame that the model has seen.
/// The file, all options, and that they fit each other are checked when it is made, which takes as long as a run.
///
///     si::load_algo("scene", si::DnnClassifier{"scenes.onnx", {.labels = {"day", "night"}}}, 1s)
///
/// Input as most that were trained with PyTorch have it:
///
///     {.input = {.fit = si::InputFit::crop, .mean = {123.675, 116.28, 103.53}, .scale = {1 / 58.395, 1 / 57.12, 1 / 57.375}},
///      .softmax = true}
///
/// It can be moved, not copied. For one thread at a time; OpenCV itself uses as many as cv::getNumThreads() says.
class DnnClassifier {
 public:
  /// \throws Error  that names the option that does not fit, and says what was expected and what was found
  explicit DnnClassifier(const std::string& path, DnnClassifierOptions options = {})
      : options_{std::move(options)},
        model_{path,
               {.input = options_.input,
                .batch = options_.batch,
                .backend = options_.backend,
                .target = options_.target}} {
    if (options_.most < 1) throw model_.error("most: expected 1 or more, found " + std::to_string(options_.most));
    if (!(options_.confidence >= 0 && options_.confidence <= 1))
      throw model_.error("confidence: expected 0 to 1, found " + std::to_string(options_.confidence));
    check_output();
    labels_ = model_.names(options_.labels, classes_, 0);
    for (int picture = 0; picture < model_.batch(); ++picture) static_cast<void>(scores(picture));
  }

  /// The classes of the last frame of the window, the surest first. It takes as long as a whole batch.
  /// \throws Error  as run_each()
  Detections run(std::span<const Frame> frames) { return std::move(run_each(frames.last(1)).front()); }

  /// The classes of each frame, in the order of the frames; the model runs on `batch` frames at once.
  /// \throws Error  as Frame::image(), or if what the model gives are no scores
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
  void check_output() {
    const std::vector<cv::Mat>& outputs = model_.outputs();
    const std::vector<int> shape = detail::shape_of(outputs.front());
    const bool fits = outputs.size() == 1 && shape.size() >= 2 && shape[0] == model_.batch() &&
                      std::all_of(shape.begin() + 2, shape.end(), [](int size) { return size == 1; });
    if (!fits)
      throw model_.error("expected one output of [" + std::to_string(model_.batch()) + ",C], found " +
                         model_.outputs_text());
    classes_ = shape[1];
  }

  /// Of each class. \throws Error  if they are none
  [[nodiscard]] std::vector<float> scores(int picture) const {
    const auto* const row = model_.outputs().front().ptr<float>(picture);
    std::vector<float> scores(row, row + classes_);
    if (options_.softmax) {
      const float highest = *std::max_element(scores.begin(), scores.end());
      for (float& score : scores) score = std::exp(score - highest);
      const float sum = std::accumulate(scores.begin(), scores.end(), 0.F);
      for (float& score : scores) score /= sum;
    }
    for (float& score : scores) {
      if (!(score >= -tolerance && score <= 1 + tolerance))
        throw model_.error("softmax: expected a model that gives scores from 0 to 1, found " + std::to_string(score) +
                           " in " + model_.output_text(0) + "; without a softmax of its own, set it");
      score = detail::clamp(score, 0.F, 1.F);
    }
    return scores;
  }

  [[nodiscard]] Detections read(int picture, const detail::InputPlacement& placement) const {
    const std::vector<float> all = scores(picture);
    std::vector<int> order(all.size());
    std::iota(order.begin(), order.end(), 0);
    const auto score_of = [&](int c) { return all[static_cast<std::size_t>(c)]; };
    std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return score_of(a) > score_of(b); });
    const cv::Rect& seen = placement.from();
    Detections found;
    for (const int c : std::span{order}.first(detail::min(order.size(), static_cast<std::size_t>(options_.most)))) {
      if (score_of(c) < options_.confidence) break;
      found.push_back({.box = {static_cast<float>(seen.x), static_cast<float>(seen.y), static_cast<float>(seen.width),
                               static_cast<float>(seen.height)},
                       .class_id = c,
                       .score = score_of(c),
                       .label = labels_.empty() ? Name{} : labels_[static_cast<std::size_t>(c)]});
    }
    return found;
  }

  static constexpr float tolerance = 0.001F;  // of rounding

  DnnClassifierOptions options_;
  detail::DnnModel model_;
  int classes_ = 0;
  std::vector<Name> labels_;
};

}  // namespace stream_infer
