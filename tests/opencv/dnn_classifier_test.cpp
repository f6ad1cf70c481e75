#include "stream_infer/opencv/dnn_classifier.hpp"

#include "opencv/pictures.hpp"
#include "opencv/toy_models.hpp"
#include "stream_infer/algo/algo.hpp"
#include "support/catch.hpp"
#include "support/error_of.hpp"
#include "support/files.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

namespace si = stream_infer;
namespace test = stream_infer::test;
using Catch::Matchers::ContainsSubstring;

static_assert(si::Algo<si::DnnClassifier> && !std::is_copy_constructible_v<si::DnnClassifier>);

namespace {

const std::vector<std::string> colours{"red", "green", "blue"};

/// What goes wrong when a classifier is made.
std::string refusal(const std::string& path, const si::DnnClassifierOptions& options = {}) {
  const si::Error error = test::error_of([&] { si::DnnClassifier{path, options}; });
  CHECK(error.source() == path);
  return error.what();
}

}  // namespace

TEST_CASE("A picture's classes, the surest first", "[opencv][dnn]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("classes.onnx", test::toy_classifier({}, false).bytes());
  si::FramePool<> pool;
  const std::vector<si::Frame> window{pool.make({.width = 64, .height = 32}, si::MediaTime{0}, [](si::ImageSpan out) {
    si::as_mat(out).setTo(cv::Scalar{51, 204, 102});  // blue, green, red
    si::as_mat(out)(cv::Rect{0, 0, 16, 32}).setTo(cv::Scalar::all(255));
    si::as_mat(out)(cv::Rect{48, 0, 16, 32}).setTo(cv::Scalar::all(255));
  })};
  const si::Box middle{16, 0, 32, 32};  // what it sees
  const si::Detections best = si::DnnClassifier{path, {.labels = colours}}.run(window);
  REQUIRE(best.size() == 1);
  CHECK(best[0].class_id == 1);
  CHECK(best[0].score == Approx(0.8));
  CHECK(best[0].label == "green");
  CHECK(best[0].box == middle);

  const si::Detections all = si::DnnClassifier{path, {.most = 5}}.run(window);
  REQUIRE(all.size() == 3);
  CHECK(all[1].class_id == 0);
  CHECK(all[1].score == Approx(0.4));
  CHECK(all[2].class_id == 2);
  CHECK(all[2].score == Approx(0.2));
  CHECK(all[2].label == "");
  CHECK(si::DnnClassifier{path, {.most = 5, .confidence = 0.3F}}.run(window).size() == 2);
  CHECK(si::DnnClassifier{path, {.confidence = 0.9F}}.run(window).empty());

  const si::Detections sharp = si::DnnClassifier{path, {.softmax = true}}.run(window);
  CHECK(sharp[0].score == Approx(std::exp(0.8) / (std::exp(0.8) + std::exp(0.4) + std::exp(0.2))));
}

TEST_CASE("A classifier says what OpenCV's own says", "[opencv][dnn]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("classes.onnx", test::toy_classifier({.width = 48, .height = 32}).bytes());
  si::FramePool<> pool;
  si::DnnClassifier ours{path, {.input = {.fit = si::InputFit::stretch}}};
  cv::dnn::ClassificationModel theirs{path};
  theirs.setInputParams(1 / 255., {48, 32}, {}, true);
  std::vector<si::Frame> frames;
  for (std::uint64_t seed = 0; seed < 6; ++seed) {
    frames.push_back(test::picture(pool, {.width = 100 + static_cast<int>(seed), .height = 70}, seed));
    const auto [class_id, score] = theirs.classify(si::as_mat(frames.back()));
    const si::Detections found = ours.run(frames);
    REQUIRE(found.size() == 1);
    CHECK(found[0].class_id == class_id);
    CHECK(found[0].score == Approx(score));
  }
  si::DnnClassifier together{path, {.input = {.fit = si::InputFit::stretch}, .batch = 4}};
  const std::vector<si::Detections> each = together.run_each(frames);
  REQUIRE(each.size() == frames.size());
  for (std::size_t i = 0; i < frames.size(); ++i) CHECK(each[i] == ours.run(std::span{frames}.subspan(i, 1)));
}

TEST_CASE("A model of one channel takes grey", "[opencv][dnn]") {
  const test::TemporaryFolder folder;
  test::OnnxModel model;
  model.input("input", {1, 1, 8, 8})
      .constant("flat", {0, 1})
      .node("GlobalAveragePool", {"input"}, "mean")
      .node("Reshape", {"mean", "flat"}, "output")
      .output("output", {1, 1});
  const std::string path = folder.file("grey.onnx", model.bytes());
  CHECK_THAT(refusal(path), ContainsSubstring("input.channels: expected a model that takes 3, found input 'input' of "
                                              "the shape [1,1,8,8]"));
  si::DnnClassifier grey{path, {.input = {.channels = si::InputChannels::gray}}};
  si::FramePool<> pool;
  for (const si::PixelFormat format : {si::PixelFormat::bgr24, si::PixelFormat::rgb24, si::PixelFormat::bgra32,
                                       si::PixelFormat::rgba32, si::PixelFormat::gray8}) {
    const bool is_rgb = format == si::PixelFormat::rgb24 || format == si::PixelFormat::rgba32;
    const std::vector<si::Frame> window{
        pool.make({.width = 8, .height = 8, .format = format}, si::MediaTime{0}, [&](si::ImageSpan out) {
          cv::Scalar red = is_rgb ? cv::Scalar{255, 0, 0, 255} : cv::Scalar{0, 0, 255, 255};
          if (format == si::PixelFormat::gray8) red = cv::Scalar{76};
          si::as_mat(out).setTo(red);
        })};
    CHECK(grey.run(window)[0].score == Approx(76 / 255.));
  }
}

TEST_CASE("What does not fit a classifier is named", "[opencv][dnn]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("classes.onnx", test::toy_classifier().bytes());
  CHECK_THAT(refusal(path, {.labels = {"red"}}), ContainsSubstring("labels: expected 3, one for each class of output "
                                                                   "'output' of the shape [1,3], found 1"));
  CHECK_THAT(refusal(path, {.most = 0}), ContainsSubstring("most: expected 1 or more, found 0"));
  CHECK_THAT(refusal(path, {.confidence = -1}), ContainsSubstring("confidence: expected 0 to 1, found -1"));
  CHECK_THAT(refusal(folder / "none.onnx"), ContainsSubstring("expected an ONNX file, found none"));
  CHECK_THAT(refusal(folder.file("v8.onnx", test::toy_yolov8().bytes())),
             ContainsSubstring("expected one output of [1,C], found output 'output0' of the shape [1,6,21]"));

  // What it gives is not from 0 to 1.
  const std::string logits = folder.file("logits.onnx", test::toy_classifier({}, false).bytes());
  CHECK_THAT(refusal(logits, {.input = {.mean = {0, 0, 0}, .scale = {1, 1, 1}}, .batch = -1}),
             ContainsSubstring("batch: expected 1 or more"));
  si::DnnClassifier raw{logits, {.input = {.scale = {1, 1, 1}}}};
  si::FramePool<> pool;
  const std::vector<si::Frame> window{test::picture(pool, {.width = 32, .height = 32}, 1)};
  CHECK_THAT(test::error_of([&] { static_cast<void>(raw.run(window)); }).what(),
             ContainsSubstring("softmax: expected a model that gives scores from 0 to 1, found "));
}
