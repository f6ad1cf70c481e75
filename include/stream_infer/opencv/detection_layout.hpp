#pragma once

#include "stream_infer/vision/detection.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <opencv2/core.hpp>

namespace stream_infer {

/// How a detector's output is laid out, for B pictures, N boxes and C classes. Boxes of the YOLO families are their centre
/// and size, in pixels of the input; their scores are from 0 to 1.
enum class DetectionLayout : std::uint8_t {
  /// What the shape says. It is certain of a YOLO family only where N is what that family gives for this input: YOLOv5 three
  /// boxes a cell, YOLOv8 one, cells being 8, 16 and 32 pixels wide, or 16 and 32, 8 to 64, 4 to 32.
  automatic,
  /// [B,N,5+C]: box, how sure it is that there is something, then of each class, if so: the score is their product. YOLOv5
  /// (https://github.com/ultralytics/yolov5, export.py), YOLOv7, YOLOv6.
  yolov5,
  /// [B,4+C,N]: box, then the score of each class. YOLOv8 and later ones without suppression of their own
  /// (https://docs.ultralytics.com, export to ONNX).
  yolov8,
  /// [1,1,N,7]: picture of the batch, or -1 behind the last, class, score, and left, top, right and bottom in parts of the
  /// input. Often class 0 is the background. The SSD family, by the layer DetectionOutput (https://docs.openvino.ai,
  /// DetectionOutput-8; OpenCV's own layer of that name).
  ssd,
};

namespace detail {

[[nodiscard]] constexpr int yolov5_boxes(int cells) { return 3 * cells; }

/// How many cells the YOLO families look at in an input, for each of their sets of strides.
[[nodiscard]] inline std::array<int, 4> yolo_cells(cv::Size input) {
  const auto cells = [&](std::initializer_list<int> strides) {
    int sum = 0;
    for (const int stride : strides) sum += (input.width / stride) * (input.height / stride);
    return sum;
  };
  return {cells({8, 16, 32}), cells({16, 32}), cells({8, 16, 32, 64}), cells({4, 8, 16, 32})};
}

/// Whether an output may be laid out like that. Where the layout is said, any number of boxes may be.
[[nodiscard]] inline bool fits_layout(DetectionLayout layout, std::span<const int> shape, int batch) {
  switch (layout) {
    case DetectionLayout::yolov5: return shape.size() == 3 && shape[0] == batch && shape[2] > 5;
    case DetectionLayout::yolov8: return shape.size() == 3 && shape[0] == batch && shape[1] > 4;
    case DetectionLayout::ssd: return shape.size() == 4 && shape[0] == 1 && shape[1] == 1 && shape[3] == 7;
    case DetectionLayout::automatic: break;
  }
  return false;
}

/// The only layout that an output of that shape can have; nothing if there is none, or more than one.
[[nodiscard]] inline std::optional<DetectionLayout> layout_of(std::span<const int> shape, int batch, cv::Size input) {
  if (fits_layout(DetectionLayout::ssd, shape, batch)) return DetectionLayout::ssd;
  bool is_yolov5 = false, is_yolov8 = false;
  for (const int cells : yolo_cells(input)) {
    is_yolov5 |= fits_layout(DetectionLayout::yolov5, shape, batch) && shape[1] == yolov5_boxes(cells);
    is_yolov8 |= fits_layout(DetectionLayout::yolov8, shape, batch) && shape[2] == cells;
  }
  if (is_yolov5 == is_yolov8) return {};
  return is_yolov5 ? DetectionLayout::yolov5 : DetectionLayout::yolov8;
}

/// How many classes there are; 0 if the shape does not say.
[[nodiscard]] inline int class_count(DetectionLayout layout, std::span<const int> shape) {
  if (layout == DetectionLayout::yolov5) return shape[2] - 5;
  if (layout == DetectionLayout::yolov8) return shape[1] - 4;
  return 0;
}

[[nodiscard]] inline Box centred_box(float x, float y, float width, float height) {
  return {x - width / 2, y - height / 2, width, height};
}

/// \param output  [B,N,5+C]
[[nodiscard]] inline Detections read_yolov5(const cv::Mat& output, int picture, float confidence) {
  Detections found;
  for (int n = 0; n < output.size[1]; ++n) {
    const std::span<const float> row{output.ptr<float>(picture, n), static_cast<std::size_t>(output.size[2])};
    if (!(row[4] >= confidence)) continue;  // no class can lift it
    const std::span<const float> classes = row.subspan(5);
    const auto best = std::max_element(classes.begin(), classes.end());
    if (row[4] * *best >= confidence)
      found.push_back({.box = centred_box(row[0], row[1], row[2], row[3]),
                       .class_id = static_cast<int>(best - classes.begin()),
                       .score = row[4] * *best});
  }
  return found;
}

/// \param output  [B,4+C,N]
[[nodiscard]] inline Detections read_yolov8(const cv::Mat& output, int picture, float confidence) {
  const auto boxes = static_cast<std::size_t>(output.size[2]);
  const auto row = [&](int i) { return std::span<const float>{output.ptr<float>(picture, i), boxes}; };
  std::vector<float> best(row(4).begin(), row(4).end());  // class by class, as they lie in memory
  std::vector<int> best_class(boxes, 0);
  for (int c = 1; c < output.size[1] - 4; ++c) {
    const std::span<const float> scores = row(4 + c);
    for (std::size_t n = 0; n < boxes; ++n)
      if (scores[n] > best[n]) best[n] = scores[n], best_class[n] = c;
  }
  Detections found;
  for (std::size_t n = 0; n < boxes; ++n)
    if (best[n] >= confidence)
      found.push_back({.box = centred_box(row(0)[n], row(1)[n], row(2)[n], row(3)[n]),
                       .class_id = best_class[n],
                       .score = best[n]});
  return found;
}

/// \param output  [1,1,N,7]
[[nodiscard]] inline Detections read_ssd(const cv::Mat& output, int picture, float confidence, cv::Size input) {
  const auto width = static_cast<float>(input.width), height = static_cast<float>(input.height);
  Detections found;
  for (int n = 0; n < output.size[2]; ++n) {
    const std::span<const float> row{output.ptr<float>(0, 0, n), 7};
    if (row[0] < 0) break;
    const bool is_class = row[1] >= 0 && row[1] < 1e6F;
    if (row[0] != static_cast<float>(picture) || !is_class || !(row[2] >= confidence)) continue;
    found.push_back({.box = {row[3] * width, row[4] * height, (row[5] - row[3]) * width, (row[6] - row[4]) * height},
                     .class_id = static_cast<int>(row[1]),
                     .score = row[2]});
  }
  return found;
}

/// What an output says of one picture, with boxes in pixels of the input. \param layout  not automatic
[[nodiscard]] inline Detections read_detections(DetectionLayout layout, const cv::Mat& output, int picture,
                                                float confidence, cv::Size input) {
  switch (layout) {
    case DetectionLayout::yolov5: return read_yolov5(output, picture, confidence);
    case DetectionLayout::yolov8: return read_yolov8(output, picture, confidence);
    case DetectionLayout::ssd: return read_ssd(output, picture, confidence, input);
    case DetectionLayout::automatic: break;
  }
  return {};
}

/// What is known for such an input, for errors.
[[nodiscard]] inline std::string known_layouts(int batch, cv::Size input) {
  const std::string pictures = std::to_string(batch);
  const int cells = yolo_cells(input)[0];
  return "[" + pictures + "," + std::to_string(yolov5_boxes(cells)) + ",5+C] (YOLOv5), [" + pictures + ",4+C," +
         std::to_string(cells) + "] (YOLOv8) or [1,1,N,7] (SSD)";
}

}  // namespace detail
}  // namespace stream_infer
