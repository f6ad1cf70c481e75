#pragma once

#include "opencv/onnx_model.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

/// Detectors that are small enough to do by hand. They look at a picture in cells of 8, 16 and 32 pixels, row by row, as the
/// YOLO families do: how red a cell is, from 0 to 1, is the score of the first class, how green that of the second, and the
/// box is the cell.
namespace stream_infer::test {

struct Cell {
  float x, y, size;  ///< the left upper corner, and a side
};

[[nodiscard]] inline std::vector<Cell> cells_of(int width, int height) {
  std::vector<Cell> cells;
  for (const int size : {8, 16, 32})
    for (int y = 0; y < height; y += size)
      for (int x = 0; x < width; x += size)
        cells.push_back({static_cast<float>(x), static_cast<float>(y), static_cast<float>(size)});
  return cells;
}

struct ToySize {
  std::int64_t batch = -1;  ///< -1: any
  int width = 32, height = 32;
};

/// The same for each picture of a batch: OpenCV 4.6 adds no constant of one picture to several.
[[nodiscard]] inline std::vector<float> for_each_picture(const ToySize& size, const std::vector<float>& values) {
  std::vector<float> all;
  for (std::int64_t i = 0; i < std::max<std::int64_t>(size.batch, 1); ++i)
    all.insert(all.end(), values.begin(), values.end());
  return all;
}

/// Cells, behind one another `times` times, as "cells": [batch, rows, cells]; `reads` says which channel each row is the mean
/// of, -1 for none.
[[nodiscard]] inline OnnxModel toy_cells(const ToySize& size, const std::vector<int>& reads, int times = 1) {
  const auto rows = static_cast<std::int64_t>(reads.size());
  std::vector<float> weights;
  for (const int channel : reads)
    for (int c = 0; c < 3; ++c) weights.push_back(c == channel ? 1.F : 0.F);
  OnnxModel model;
  model.input("images", {size.batch, 3, size.height, size.width})
      .constant("weights", {rows, 3, 1, 1}, weights)
      .constant("flat", {0, rows, -1})
      .node("Conv", {"images", "weights"}, "read", {{"kernel_shape", {1, 1}}});
  for (const std::int64_t side : {8, 16, 32}) {
    const std::string name = std::to_string(side);
    model.node("AveragePool", {"read"}, "mean" + name, {{"kernel_shape", {side, side}}, {"strides", {side, side}}})
        .node("Reshape", {"mean" + name, "flat"}, "cells" + name);
  }
  std::vector<std::string> all;
  for (int i = 0; i < times; ++i)
    for (const char* const name : {"cells8", "cells16", "cells32"}) all.emplace_back(name);
  return model.node("Concat", all, "cells", {}, {{"axis", 2}});
}

/// [batch, 4 + 2, cells].
[[nodiscard]] inline OnnxModel toy_yolov8(const ToySize& size = {}) {
  const std::vector<Cell> cells = cells_of(size.width, size.height);
  std::vector<float> boxes;
  for (const Cell& cell : cells) boxes.push_back(cell.x + cell.size / 2);
  for (const Cell& cell : cells) boxes.push_back(cell.y + cell.size / 2);
  for (int i = 0; i < 2; ++i)
    for (const Cell& cell : cells) boxes.push_back(cell.size);
  boxes.resize(6 * cells.size());
  const auto count = static_cast<std::int64_t>(cells.size());
  return toy_cells(size, {-1, -1, -1, -1, 0, 1})
      .constant("boxes", {std::max<std::int64_t>(size.batch, 1), 6, count}, for_each_picture(size, boxes))
      .node("Add", {"cells", "boxes"}, "output0")
      .output("output0", {size.batch, 6, count});
}

/// [batch, 3 * cells, 5 + 2]: of the three boxes of a cell the first is the cell, the second half as wide, the third half as
/// high; how sure it is that there is something is 0.75, 0.5 and 0.25.
[[nodiscard]] inline OnnxModel toy_yolov5(const ToySize& size = {}) {
  const std::vector<Cell> cells = cells_of(size.width, size.height);
  std::vector<float> boxes;
  for (int i = 0; i < 3; ++i)
    for (const Cell& cell : cells)
      boxes.insert(boxes.end(), {cell.x + cell.size / 2, cell.y + cell.size / 2, i == 1 ? cell.size / 2 : cell.size,
                                 i == 2 ? cell.size / 2 : cell.size, 0.75F - 0.25F * static_cast<float>(i), 0, 0});
  const auto count = static_cast<std::int64_t>(3 * cells.size());
  return toy_cells(size, {-1, -1, -1, -1, -1, 0, 1}, 3)
      .constant("boxes", {std::max<std::int64_t>(size.batch, 1), count, 7}, for_each_picture(size, boxes))
      .node("Transpose", {"cells"}, "rows", {{"perm", {0, 2, 1}}})
      .node("Add", {"rows", "boxes"}, "output")
      .output("output", {size.batch, count, 7});
}

/// [1, 1, batch * cells, 7]: class 1 for cells in the left half, else 2; how red they are is the score.
[[nodiscard]] inline OnnxModel toy_ssd(const ToySize& size) {
  std::vector<float> boxes;
  const auto width = static_cast<float>(size.width), height = static_cast<float>(size.height);
  for (std::int64_t picture = 0; picture < size.batch; ++picture)
    for (const Cell& cell : cells_of(size.width, size.height))
      boxes.insert(boxes.end(), {static_cast<float>(picture), cell.x < width / 2 ? 1.F : 2.F, 0, cell.x / width,
                                 cell.y / height, (cell.x + cell.size) / width, (cell.y + cell.size) / height});
  const auto count = static_cast<std::int64_t>(boxes.size() / 7);
  return toy_cells(size, {-1, -1, 0, -1, -1, -1, -1})
      .constant("boxes", {1, 1, count, 7}, boxes)
      .constant("as_ssd", {1, 1, -1, 7})
      .node("Transpose", {"cells"}, "rows", {{"perm", {0, 2, 1}}})
      .node("Reshape", {"rows", "as_ssd"}, "all_rows")
      .node("Add", {"all_rows", "boxes"}, "detections")
      .output("detections", {1, 1, count, 7});
}

/// [batch, 3]: how red, green and blue the picture is, from 0 to 1. \param softmax  the model makes probabilities of that
[[nodiscard]] inline OnnxModel toy_classifier(const ToySize& size = {}, bool softmax = true) {
  OnnxModel model;
  model.input("input", {size.batch, 3, size.height, size.width})
      .constant("flat", {0, 3})
      .node("GlobalAveragePool", {"input"}, "mean")
      .node("Reshape", {"mean", "flat"}, softmax ? "logits" : "output");
  if (softmax) model.node("Softmax", {"logits"}, "output", {}, {{"axis", 1}});
  return model.output("output", {size.batch, 3});
}

}  // namespace stream_infer::test
