#pragma once

#include "opencv/onnx_model.hpp"
#include "opencv/toy_models.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

/// The last layers of YOLOv8 and YOLOv5 with the operators that their exports to ONNX have (operator set 12, one picture, a
/// fixed size), for an input of 32x32 and two classes: how red and how green a cell is, by a sigmoid that is 0.5 at one half.
namespace stream_infer::test {

inline constexpr std::int64_t head_size = 32;

/// What goes into the head for one stride: convolution of the cells' means, [1, rows, cells, cells].
/// \param reads  which channel each row follows, from -10 to 10; -1: its bias alone
inline void add_features(OnnxModel& model, std::int64_t stride, const std::vector<int>& reads,
                         const std::vector<float>& biases) {
  std::vector<float> weights;
  for (const int channel : reads)
    for (int c = 0; c < 3; ++c) weights.push_back(c == channel ? 20.F : 0.F);
  const std::string s = std::to_string(stride);
  const auto rows = static_cast<std::int64_t>(reads.size());
  model.constant("weights" + s, {rows, 3, 1, 1}, weights)
      .constant("biases" + s, {rows}, biases)
      .node("AveragePool", {"images"}, "means" + s, {{"kernel_shape", {stride, stride}}, {"strides", {stride, stride}}})
      .node("Conv", {"means" + s, "weights" + s, "biases" + s}, "features" + s, {{"kernel_shape", {1, 1}}});
}

/// Boxes by distributions of the distances to their sides: here all one stride, so that they are twice as large as their cells.
/// \param spread  the last constant has the shape [1, 4, 21]; it is exported as [1, 21], which OpenCV 4.6 cannot multiply by
[[nodiscard]] inline OnnxModel exported_yolov8(bool spread) {
  OnnxModel model;
  model.input("images", {1, 3, head_size, head_size});
  std::vector<int> reads(64, -1);
  std::vector<float> biases(64, 0.F);
  for (std::size_t side = 0; side < 4; ++side) biases[16 * side + 1] = 20;
  for (const int channel : {0, 1}) reads.push_back(channel), biases.push_back(-10);
  model.constant("flat", {1, 66, -1});
  for (const std::int64_t stride : {8, 16, 32}) {
    const std::string s = std::to_string(stride);
    add_features(model, stride, reads, biases);
    model.node("Reshape", {"features" + s, "flat"}, "flat" + s);
  }
  std::vector<float> centres, strides, bins;
  const std::vector<Cell> cells = cells_of(head_size, head_size);
  for (const Cell& cell : cells) centres.push_back(cell.x / cell.size + 0.5F);
  for (const Cell& cell : cells) centres.push_back(cell.y / cell.size + 0.5F);
  for (int i = 0; i < (spread ? 4 : 1); ++i)
    for (const Cell& cell : cells) strides.push_back(cell.size);
  for (int i = 0; i < 16; ++i) bins.push_back(static_cast<float>(i));
  const auto count = static_cast<std::int64_t>(cells.size());
  return model.constant("as_bins", {1, 4, 16, count})
      .constant("as_sides", {1, 4, count})
      .constant("bins", {1, 16, 1, 1}, bins)
      .constant("centres", {1, 2, count}, centres)
      .constant("strides", spread ? Shape{1, 4, count} : Shape{1, count}, strides)
      .constant("two", {}, {2})
      .constant("at_0", {0})
      .constant("at_2", {2})
      .constant("at_4", {4})
      .constant("of_rows", {1})
      .node("Concat", {"flat8", "flat16", "flat32"}, "all", {}, {{"axis", 2}})
      .node_of("Split", {"all"}, {"box", "classes"}, {{"split", {64, 2}}}, {{"axis", 1}})
      .node("Reshape", {"box", "as_bins"}, "distributions")
      .node("Transpose", {"distributions"}, "bins_last", {{"perm", {0, 3, 1, 2}}})
      .node("Softmax", {"bins_last"}, "shares", {}, {{"axis", 3}})
      .node("Transpose", {"shares"}, "bins_first", {{"perm", {0, 3, 2, 1}}})
      .node("Conv", {"bins_first", "bins"}, "means", {{"kernel_shape", {1, 1}}})
      .node("Reshape", {"means", "as_sides"}, "sides")
      .node("Slice", {"sides", "at_0", "at_2", "of_rows"}, "left_top")
      .node("Slice", {"sides", "at_2", "at_4", "of_rows"}, "right_bottom")
      .node("Sub", {"centres", "left_top"}, "first")
      .node("Add", {"right_bottom", "centres"}, "last")
      .node("Add", {"first", "last"}, "sum")
      .node("Div", {"sum", "two"}, "middle")
      .node("Sub", {"last", "first"}, "size")
      .node("Concat", {"middle", "size"}, "in_strides", {}, {{"axis", 1}})
      .node("Mul", {"in_strides", "strides"}, "boxes")
      .node("Sigmoid", {"classes"}, "scores")
      .node("Concat", {"boxes", "scores"}, "output0", {}, {{"axis", 1}})
      .output("output0", {1, 6, count});
}

/// Boxes by anchors: three a cell, as large as it, twice as wide, three times as wide; the first is sure of itself, the
/// others are sure of nothing.
[[nodiscard]] inline OnnxModel exported_yolov5() {
  OnnxModel model;
  model.input("images", {1, 3, head_size, head_size}).constant("two", {}, {2}).constant("as_rows", {1, -1, 7});
  std::vector<int> reads;
  std::vector<float> biases;
  for (int anchor = 0; anchor < 3; ++anchor) {
    reads.insert(reads.end(), {-1, -1, -1, -1, -1, 0, 1});
    biases.insert(biases.end(), {0, 0, 0, 0, anchor == 0 ? 10.F : -10.F, -10, -10});
  }
  for (const std::int64_t stride : {8, 16, 32}) {
    add_features(model, stride, reads, biases);
    const std::string s = std::to_string(stride);
    const std::int64_t side = head_size / stride;
    std::vector<float> grid, anchors;
    for (int anchor = 0; anchor < 3; ++anchor)
      for (std::int64_t y = 0; y < side; ++y)
        for (std::int64_t x = 0; x < side; ++x) {
          grid.insert(grid.end(), {static_cast<float>(x) - 0.5F, static_cast<float>(y) - 0.5F});
          anchors.insert(anchors.end(), {static_cast<float>(stride * (anchor + 1)), static_cast<float>(stride)});
        }
    model.constant("as_anchors" + s, {1, 3, 7, side, side})
        .constant("grid" + s, {1, 3, side, side, 2}, grid)
        .constant("anchors" + s, {1, 3, side, side, 2}, anchors)
        .constant("stride" + s, {}, {static_cast<float>(stride)})
        .node("Reshape", {"features" + s, "as_anchors" + s}, "by_anchor" + s)
        .node("Transpose", {"by_anchor" + s}, "rows_last" + s, {{"perm", {0, 1, 3, 4, 2}}})
        .node("Sigmoid", {"rows_last" + s}, "sigmoid" + s)
        .node_of("Split", {"sigmoid" + s}, {"place" + s, "size" + s, "scores" + s}, {{"split", {2, 2, 3}}},
                 {{"axis", 4}})
        .node("Mul", {"place" + s, "two"}, "place_a" + s)
        .node("Add", {"place_a" + s, "grid" + s}, "place_b" + s)
        .node("Mul", {"place_b" + s, "stride" + s}, "place_c" + s)
        .node("Mul", {"size" + s, "two"}, "size_a" + s)
        .node("Pow", {"size_a" + s, "two"}, "size_b" + s)
        .node("Mul", {"size_b" + s, "anchors" + s}, "size_c" + s)
        .node("Concat", {"place_c" + s, "size_c" + s, "scores" + s}, "boxes" + s, {}, {{"axis", 4}})
        .node("Reshape", {"boxes" + s, "as_rows"}, "rows" + s);
  }
  return model.node("Concat", {"rows8", "rows16", "rows32"}, "output0", {}, {{"axis", 1}})
      .output("output0", {1, 63, 7});
}

}  // namespace stream_infer::test
