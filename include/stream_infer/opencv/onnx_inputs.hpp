#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace stream_infer::detail {

/// Goes through the fields of a Protocol Buffers message (https://protobuf.dev/programming-guides/encoding). It looks at
/// bytes that somebody else owns.
class ProtobufFields {
 public:
  explicit ProtobufFields(std::string_view message) : rest_{message} {}

  /// Goes to the next field. False at the end, and where the bytes are no message: then is_broken().
  [[nodiscard]] bool next() {
    if (rest_.empty() || is_broken_) return false;
    const std::uint64_t key = varint();
    field_ = static_cast<int>(key >> 3U & 0x1FFFFFFFU);
    bytes_ = {};
    number_ = 0;
    switch (key & 7U) {
      case 0: number_ = varint(); break;
      case 1: bytes_ = take(8); break;
      case 2: bytes_ = take(varint()); break;
      case 5: bytes_ = take(4); break;
      default: is_broken_ = true;
    }
    if (field_ == 0) is_broken_ = true;
    return !is_broken_;
  }

  [[nodiscard]] int field() const { return field_; }               ///< its number in the .proto file
  [[nodiscard]] std::uint64_t number() const { return number_; }   ///< where the field is an integer
  [[nodiscard]] std::string_view bytes() const { return bytes_; }  ///< where it is a text or a message
  [[nodiscard]] bool is_broken() const { return is_broken_; }

 private:
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      value |= static_cast<std::uint64_t>(byte & 0x7FU) << shift;
      if (byte < 0x80) return value;
    }
    is_broken_ = true;
    return 0;
  }

  std::string_view take(std::uint64_t size) {
    if (size > rest_.size()) {
      is_broken_ = true;
      return {};
    }
    const std::string_view taken = rest_.substr(0, static_cast<std::size_t>(size));
    rest_.remove_prefix(taken.size());
    return taken;
  }

  std::string_view rest_, bytes_;
  std::uint64_t number_ = 0;
  int field_ = 0;
  bool is_broken_ = false;
};

/// What an ONNX model says about one of its inputs.
struct OnnxInput {
  std::string name{};
  int element_type = 0;               ///< TensorProto.DataType: 1 is float, 2 uint8, 10 float16
  std::vector<std::int64_t> shape{};  ///< -1: a size that the model leaves open
};

/// A ValueInfoProto. Nothing if it is broken, or no tensor.
[[nodiscard]] inline std::optional<OnnxInput> onnx_input(std::string_view value_info) {
  OnnxInput input;
  std::string_view type, tensor, shape;
  ProtobufFields info{value_info};
  while (info.next()) {
    if (info.field() == 1) input.name = info.bytes();
    if (info.field() == 2) type = info.bytes();
  }
  ProtobufFields types{type};
  while (types.next())
    if (types.field() == 1) tensor = types.bytes();
  ProtobufFields tensors{tensor};
  while (tensors.next()) {
    if (tensors.field() == 1) input.element_type = static_cast<int>(tensors.number());
    if (tensors.field() == 2) shape = tensors.bytes();
  }
  ProtobufFields dimensions{shape};
  while (dimensions.next()) {
    if (dimensions.field() != 1) continue;
    ProtobufFields dimension{dimensions.bytes()};
    std::int64_t size = -1;
    while (dimension.next())
      if (dimension.field() == 1 && dimension.number() > 0) size = static_cast<std::int64_t>(dimension.number());
    input.shape.push_back(size);
  }
  const bool is_broken = info.is_broken() || types.is_broken() || tensors.is_broken() || dimensions.is_broken();
  if (is_broken || input.element_type == 0) return {};
  return input;
}

/// The inputs of an ONNX model, without those that are its weights: OpenCV reads them, but tells nobody. Nothing if the bytes
/// are no model. The numbers of the fields are those of onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).
[[nodiscard]] inline std::optional<std::vector<OnnxInput>> onnx_inputs(std::string_view model) {
  std::string_view graph;
  ProtobufFields models{model};
  while (models.next())
    if (models.field() == 7) graph = models.bytes();
  if (models.is_broken() || graph.empty()) return {};

  std::vector<OnnxInput> inputs;
  std::vector<std::string_view> weights;
  ProtobufFields parts{graph};
  while (parts.next()) {
    if (parts.field() == 5) {  // a TensorProto
      ProtobufFields tensor{parts.bytes()};
      while (tensor.next())
        if (tensor.field() == 8) weights.push_back(tensor.bytes());
    }
    if (parts.field() != 11) continue;
    std::optional<OnnxInput> input = onnx_input(parts.bytes());
    if (!input) return {};
    inputs.push_back(std::move(*input));
  }
  if (parts.is_broken()) return {};
  for (const std::string_view weight : weights)
    std::erase_if(inputs, [&](const OnnxInput& input) { return input.name == weight; });
  return inputs;
}

}  // namespace stream_infer::detail
