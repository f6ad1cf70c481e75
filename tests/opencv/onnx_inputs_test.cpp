#include "stream_infer/opencv/onnx_inputs.hpp"

#include "opencv/toy_models.hpp"
#include "support/catch.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace si = stream_infer;
namespace test = stream_infer::test;

namespace {

std::string text(const test::OnnxModel& model) {
  const test::Bytes bytes = model.bytes();
  return {bytes.begin(), bytes.end()};
}

}  // namespace

TEST_CASE("A model's inputs are those that are not its weights", "[opencv][onnx]") {
  const auto inputs = si::detail::onnx_inputs(text(test::toy_yolov8({.batch = 2, .width = 64, .height = 32})));
  REQUIRE(inputs);
  REQUIRE(inputs->size() == 1);
  CHECK(inputs->front().name == "images");
  CHECK(inputs->front().element_type == 1);
  CHECK(inputs->front().shape == std::vector<std::int64_t>{2, 3, 32, 64});

  test::OnnxModel old;  // weights that are inputs too, as before version 4 of the format
  old.input("weights", {1}).input("a", {-1, 3}).input("b", {}).constant("weights", {1}, {1});
  const auto two = si::detail::onnx_inputs(text(old));
  REQUIRE(two);
  REQUIRE(two->size() == 2);
  CHECK(two->at(0).shape == std::vector<std::int64_t>{-1, 3});
  CHECK(two->at(1).shape.empty());
}

TEST_CASE("What is no model has no inputs, however it is cut or changed", "[opencv][onnx]") {
  for (const std::string_view none : {"", "x", "PK\x03\x04", "no model, but a text of some length"})
    CHECK_FALSE(si::detail::onnx_inputs(none));
  const std::string model = text(test::toy_yolov8());
  for (std::size_t size = 0; size < model.size(); ++size)
    CHECK_FALSE(si::detail::onnx_inputs(std::string_view{model}.substr(0, size)));
  for (std::size_t i = 0; i < model.size(); ++i)
    for (const char other : {'\0', '\x7f', '\xff'}) {
      std::string changed = model;
      changed[i] = other;
      static_cast<void>(si::detail::onnx_inputs(changed));  // any answer, but an answer
    }
}
