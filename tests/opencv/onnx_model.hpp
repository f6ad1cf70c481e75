#pragma once

#include "support/files.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace stream_infer::test {

/// A message in the wire format of Protocol Buffers (https://protobuf.dev/programming-guides/encoding).
class Message {
 public:
  Message& number(int field, std::int64_t value) {
    varint(static_cast<std::uint64_t>(field) << 3U);
    varint(static_cast<std::uint64_t>(value));
    return *this;
  }
  Message& real(int field, float value) {
    varint(static_cast<std::uint64_t>(field) << 3U | 5U);
    little_endian(std::bit_cast<std::uint32_t>(value));
    return *this;
  }
  Message& text(int field, std::string_view value) {
    varint(static_cast<std::uint64_t>(field) << 3U | 2U);
    varint(value.size());
    bytes_ += value;
    return *this;
  }
  Message& message(int field, const Message& value) { return text(field, value.bytes_); }
  /// What a packed field of floats holds, or a tensor's raw data.
  static std::string floats(const std::vector<float>& values) {
    Message packed;
    for (const float value : values) packed.little_endian(std::bit_cast<std::uint32_t>(value));
    return packed.bytes_;
  }

  [[nodiscard]] const std::string& bytes() const { return bytes_; }

 private:
  void varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7U) bytes_ += static_cast<char>(value | 0x80U);
    bytes_ += static_cast<char>(value);
  }
  void little_endian(std::uint32_t value) {
    for (int i = 0; i < 4; ++i, value >>= 8U) bytes_ += static_cast<char>(value & 0xFFU);
  }

  std::string bytes_;
};

using Shape = std::vector<std::int64_t>;  ///< -1: a dimension that is not fixed

/// Writes an ONNX model; the numbers of fields are those of onnx.proto (https://github.com/onnx/onnx, Apache-2.0).
class OnnxModel {
 public:
  /// \param type  TensorProto.DataType: 1 is float
  OnnxModel& input(const std::string& name, const Shape& shape, int type = 1) {
    graph_.message(11, value_info(name, shape, type));
    return *this;
  }
  OnnxModel& output(const std::string& name, const Shape& shape) {
    graph_.message(12, value_info(name, shape, 1));
    return *this;
  }
  OnnxModel& constant(const std::string& name, const Shape& shape, const std::vector<float>& values) {
    Message tensor = tensor_of(shape, 1);
    graph_.message(5, tensor.text(9, Message::floats(values)).text(8, name));
    return *this;
  }
  OnnxModel& constant(const std::string& name, const std::vector<std::int64_t>& values) {
    Message tensor = tensor_of({static_cast<std::int64_t>(values.size())}, 7);
    for (const std::int64_t value : values) tensor.number(7, value);
    graph_.message(5, tensor.text(8, name));
    return *this;
  }

  using Attributes = std::vector<std::pair<std::string, std::vector<std::int64_t>>>;

  /// A node with several outputs.
  OnnxModel& node_of(const std::string& type, const std::vector<std::string>& inputs,
                     const std::vector<std::string>& outputs, const Attributes& lists = {},
                     const std::vector<std::pair<std::string, std::int64_t>>& numbers = {}) {
    Message node;
    for (const std::string& name : inputs) node.text(1, name);
    for (const std::string& name : outputs) node.text(2, name);
    node.text(3, type + "_" + outputs.front()).text(4, type);
    for (const auto& [name, values] : lists) {
      Message attribute;
      attribute.text(1, name).number(20, 7);
      for (const std::int64_t value : values) attribute.number(8, value);
      node.message(5, attribute);
    }
    for (const auto& [name, value] : numbers) {
      Message attribute;
      node.message(5, attribute.text(1, name).number(20, 2).number(3, value));
    }
    graph_.message(1, node);
    return *this;
  }

  OnnxModel& node(const std::string& type, const std::vector<std::string>& inputs, const std::string& output,
                  const Attributes& lists = {}, const std::vector<std::pair<std::string, std::int64_t>>& numbers = {}) {
    return node_of(type, inputs, std::vector<std::string>{output}, lists, numbers);
  }

  [[nodiscard]] Bytes bytes() const {
    Message opset, model, graph = graph_;
    opset.text(1, "").number(2, 11);
    graph.text(2, "test");
    const std::string all = model.number(1, 6).message(8, opset).message(7, graph).bytes();
    return {all.begin(), all.end()};
  }

 private:
  static Message value_info(const std::string& name, const Shape& shape, int element_type) {
    Message dimensions, tensor, type, info;
    for (const std::int64_t size : shape) {
      Message dimension;
      if (size < 0)
        dimension.text(2, "any");
      else
        dimension.number(1, size);
      dimensions.message(1, dimension);
    }
    return info.text(1, name).message(2, type.message(1, tensor.number(1, element_type).message(2, dimensions)));
  }
  static Message tensor_of(const Shape& shape, std::int64_t type) {
    Message tensor;
    for (const std::int64_t size : shape) tensor.number(1, size);
    return tensor.number(2, type);
  }

  Message graph_;
};

}  // namespace stream_infer::test
