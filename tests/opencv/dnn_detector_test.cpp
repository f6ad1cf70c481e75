#include "stream_infer/opencv/dnn_detector.hpp"

#include "opencv/exported_heads.hpp"
#include "opencv/pictures.hpp"
#include "opencv/toy_models.hpp"
#include "stream_infer/algo/algo.hpp"
#include "stream_infer/algo/load_algo.hpp"
#include "support/catch.hpp"
#include "support/error_of.hpp"
#include "support/files.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

namespace si = stream_infer;
namespace test = stream_infer::test;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

static_assert(si::Algo<si::DnnDetector> && !std::is_copy_constructible_v<si::DnnDetector>);

namespace {

const std::vector<std::string> red_green{"red", "green"};

struct Patch {
  cv::Rect where;
  cv::Scalar rgb;
};

/// A black frame with patches of colour.
si::Frame frame_with(si::FramePool<>& pool, const si::ImageSpec& spec, const std::vector<Patch>& patches) {
  return pool.make(spec, si::MediaTime{0}, [&](si::ImageSpan out) {
    cv::Mat mat = si::as_mat(out);
    mat.setTo(cv::Scalar::all(0));
    const bool is_rgb = spec.format == si::PixelFormat::rgb24 || spec.format == si::PixelFormat::rgba32;
    for (const Patch& patch : patches) {
      const cv::Scalar& c = patch.rgb;
      mat(patch.where).setTo(is_rgb ? cv::Scalar{c[0], c[1], c[2], 255} : cv::Scalar{c[2], c[1], c[0], 255});
    }
  });
}

const cv::Scalar red{255, 0, 0}, green{0, 255, 0};

bool is_near(const si::Box& a, const si::Box& b) { return si::iou(a, b) > 0.999F; }

/// What goes wrong when a detector is made.
std::string refusal(const std::string& path, const si::DnnDetectorOptions& options = {}) {
  const si::Error error = test::error_of([&] { si::DnnDetector{path, options}; });
  CHECK(error.source() == path);
  return error.what();
}

}  // namespace

TEST_CASE("YOLOv8: boxes, classes, scores and labels are those of the picture", "[opencv][dnn]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("v8.onnx", test::toy_yolov8().bytes());
  si::FramePool<> pool;
  const si::PixelFormat format =
      GENERATE(si::PixelFormat::bgr24, si::PixelFormat::rgb24, si::PixelFormat::bgra32, si::PixelFormat::rgba32);
  const std::vector<si::Frame> window{frame_with(pool, {.width = 32, .height = 32}, {}),
                                      frame_with(pool, {.width = 32, .height = 32, .format = format},
                                                 {{{8, 16, 8, 8}, red}, {{24, 0, 8, 8}, {0, 204, 0}}})};
  si::DnnDetector detector{path, {.labels = red_green, .confidence = 0.5F}};
  const si::Detections found = detector.run(window);  // of the last frame
  REQUIRE(found.size() == 2);
  CHECK(is_near(found[0].box, {8, 16, 8, 8}));
  CHECK(found[0].score == Approx(1));
  CHECK(found[0].class_id == 0);
  CHECK(found[0].label == "red");
  CHECK(is_near(found[1].box, {24, 0, 8, 8}));
  CHECK(found[1].score == Approx(0.8));
  CHECK(found[1].class_id == 1);
  CHECK(found[1].label == "green");
}

TEST_CASE("A grey frame has all three channels", "[opencv][dnn]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("v8.onnx", test::toy_yolov8().bytes());
  si::FramePool<> pool;
  const std::vector<si::Frame> window{
      pool.make({.width = 32, .height = 32, .format = si::PixelFormat::gray8}, si::MediaTime{0}, [](si::ImageSpan out) {
        si::as_mat(out).setTo(0);
        si::as_mat(out)(cv::Rect{0, 0, 8, 8}).setTo(255);
      })};
  const si::Detections found = si::DnnDetector{path, {.confidence = 0.5F}}.run(window);
  REQUIRE(found.size() == 1);
  CHECK(is_near(found[0].box, {0, 0, 8, 8}));
  CHECK(found[0].label == "");
}

TEST_CASE("Boxes come back from bars, distortion and cropping", "[opencv][dnn]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("v8.onnx", test::toy_yolov8().bytes());
  si::FramePool<> pool;
  const auto found_by = [&](si::InputFit fit, int width, int height, const cv::Rect& where) {
    const std::vector<si::Frame> window{frame_with(pool, {.width = width, .height = height}, {{where, red}})};
    si::Detections found = si::DnnDetector{path, {.input = {.fit = fit}, .confidence = 0.9F}}.run(window);
    REQUIRE(found.size() == 1);
    return found[0].box;
  };
  // 64x32 is 32x16 in the input, 8 pixels from above.
  CHECK(is_near(found_by(si::InputFit::letterbox, 64, 32, {16, 16, 16, 16}), {16, 16, 16, 16}));
  CHECK(is_near(found_by(si::InputFit::letterbox, 32, 64, {16, 16, 16, 16}), {16, 16, 16, 16}));
  CHECK(is_near(found_by(si::InputFit::stretch, 64, 32, {32, 8, 16, 8}), {32, 8, 16, 8}));
  // The middle 32x32 of 64x32.
  CHECK(is_near(found_by(si::InputFit::crop, 64, 32, {24, 8, 8, 8}), {24, 8, 8, 8}));
  // The bars are grey 114: that is a score of 0.447, in boxes that are not in the picture.
  const std::vector<si::Frame> black{frame_with(pool, {.width = 64, .height = 32}, {})};
  CHECK(si::DnnDetector{path, {.confidence = 0.4F}}.run(black).empty());
  for (const si::Detection& one : si::DnnDetector{path, {.confidence = 0.2F}}.run(black))
    CHECK(is_near(one.box, si::clipped(one.box, 64, 32)));
}

TEST_CASE("Of boxes that overlap the surest stays", "[opencv][dnn]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("v8.onnx", test::toy_yolov8().bytes());
  si::FramePool<> pool;
  const std::vector<si::Frame> window{
      frame_with(pool, {.width = 32, .height = 32}, {{{0, 0, 8, 8}, red}, {{8, 0, 8, 8}, {0, 255, 0}}})};
  // The cell of 16 pixels is a quarter red: intersection over union with the one of 8 pixels is 1/4. Of its classes the
  // first of equals counts.
  const auto count = [&](float most_overlap) {
    return si::DnnDetector{path, {.confidence = 0.2F, .most_overlap = most_overlap}}.run(window).size();
  };
  CHECK(count(0.3F) == 3);
  CHECK(count(0.25F) == 2);
}

TEST_CASE("YOLOv5: the score is the product", "[opencv][dnn]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("v5.onnx", test::toy_yolov5().bytes());
  si::FramePool<> pool;
  const std::vector<si::Frame> window{
      frame_with(pool, {.width = 32, .height = 32}, {{{8, 16, 8, 8}, red}, {{24, 24, 8, 8}, {0, 204, 0}}})};
  const si::Detections found =
      si::DnnDetector{path, {.labels = red_green, .confidence = 0.3F, .most_overlap = 0.9F}}.run(window);
  // 0.75 and 0.5 of 1 and 0.8; 0.25 of them is too little.
  REQUIRE(found.size() == 4);
  CHECK(found[0].score == Approx(0.75));
  CHECK(found[0].label == "red");
  CHECK(is_near(found[0].box, {8, 16, 8, 8}));
  CHECK(found[1].score == Approx(0.6));
  CHECK(found[1].label == "green");
  CHECK(is_near(found[1].box, {24, 24, 8, 8}));
  CHECK(found[2].score == Approx(0.5));
  CHECK(is_near(found[2].box, {10, 16, 4, 8}));
  CHECK(found[3].score == Approx(0.4));
  CHECK(is_near(found[3].box, {26, 24, 4, 8}));
}

TEST_CASE("The last layers of YOLOv8 and YOLOv5, as they are exported", "[opencv][dnn]") {
  const test::TemporaryFolder folder;
  si::FramePool<> pool;
  const std::vector<si::Frame> window{
      frame_with(pool, {.width = 32, .height = 32}, {{{8, 16, 8, 8}, red}, {{24, 0, 8, 8}, {0, 204, 0}}})};
  const auto found_by = [&](const test::OnnxModel& model) {
    return si::DnnDetector{folder.file("model.onnx", model.bytes()), {.labels = red_green}}.run(window);
  };
  const bool spread = GENERATE(true, false);
  si::Detections found;
  try {
    found = found_by(test::exported_yolov8(spread));
  } catch (const si::Error& error) {  // OpenCV before 4.7
    REQUIRE_FALSE(spread);
    CHECK_THAT(error.what(),
               ContainsSubstring("OpenCV " + cv::getVersionString() + " cannot run it on an input of [1,3,32,32]: "));
    return;
  }
  REQUIRE(found.size() == 2);
  CHECK(found[0].label == "red");
  CHECK(found[0].score == Approx(0.99995).margin(1e-5));
  CHECK(is_near(found[0].box, {4, 12, 16, 16}));
  CHECK(found[1].label == "green");
  CHECK(found[1].score == Approx(1 / (1 + std::exp(-6.))));
  CHECK(is_near(found[1].box, {20, 0, 12, 12}));  // of 16x16; the rest is not in the picture

  found = found_by(test::exported_yolov5());
  REQUIRE(found.size() == 2);
  CHECK(found[0].label == "red");
  CHECK(found[0].score == Approx(0.99991).margin(1e-5));
  CHECK(is_near(found[0].box, {8, 16, 8, 8}));
  CHECK(found[1].label == "green");
  CHECK(is_near(found[1].box, {24, 0, 8, 8}));
}

TEST_CASE("SSD: parts of the input, and the picture of the batch", "[opencv][dnn]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("ssd.onnx", test::toy_ssd({.batch = 2}).bytes());
  si::FramePool<> pool;
  const std::vector<si::Frame> window{frame_with(pool, {.width = 64, .height = 32}, {{{16, 8, 16, 8}, red}}),
                                      frame_with(pool, {.width = 64, .height = 32}, {{{48, 24, 16, 8}, red}}),
                                      frame_with(pool, {.width = 64, .height = 32}, {})};
  si::DnnDetector detector{
      path, {.input = {.fit = si::InputFit::stretch}, .labels = {"background", "left", "right"}, .confidence = 0.5F}};
  const std::vector<si::Detections> found = detector.run_each(window);
  REQUIRE(found.size() == 3);
  REQUIRE(found[0].size() == 1);
  CHECK(is_near(found[0][0].box, {16, 8, 16, 8}));
  CHECK(found[0][0].class_id == 1);
  CHECK(found[0][0].label == "left");
  REQUIRE(found[1].size() == 1);
  CHECK(is_near(found[1][0].box, {48, 24, 16, 8}));
  CHECK(found[1][0].label == "right");
  CHECK(found[2].empty());
  CHECK(detector.run(window).empty());

  si::DnnDetector short_of_labels{
      path, {.input = {.fit = si::InputFit::stretch}, .labels = {"background", "left"}, .confidence = 0.5F}};
  CHECK_THAT(test::error_of([&] { static_cast<void>(short_of_labels.run_each(window)); }).what(),
             ContainsSubstring("labels: expected one for each class, found class 2 and 2 labels"));
}

TEST_CASE("Several frames in one run give what each gives alone", "[opencv][dnn]") {
  const test::TemporaryFolder folder;
  const auto write = [&](bool v8, std::int64_t batch) {
    return folder.file("model.onnx",
                       (v8 ? test::toy_yolov8({.batch = batch}) : test::toy_yolov5({.batch = batch})).bytes());
  };
  for (const bool v8 : {true, false}) {
    si::FramePool<> pool;
    std::vector<si::Frame> window;
    for (std::uint64_t i = 0; i < 7; ++i)  // of different sizes
      window.push_back(test::picture(pool, {.width = 80 + 10 * static_cast<int>(i), .height = 60}, i));
    si::DnnDetector alone{write(v8, -1), {.confidence = 0.3F}};
    for (const int batch : {1, 3, 7, 10}) {
      si::DnnDetector together{write(v8, batch), {.confidence = 0.3F}};
      const std::vector<si::Detections> found = together.run_each(window);
      REQUIRE(found.size() == window.size());
      std::size_t count = 0;
      for (std::size_t i = 0; i < window.size(); ++i) {
        CHECK(found[i] == alone.run(std::span{window}.subspan(i, 1)));
        count += found[i].size();
      }
      CHECK(count > 0);
      CHECK(together.run_each({}).empty());
      CHECK(together.run(window) == found.back());
    }
  }
}

TEST_CASE("Detections are those of OpenCV itself on the same pixels", "[opencv][dnn]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("v8.onnx", test::toy_yolov8({.batch = 1, .width = 96, .height = 64}).bytes());
  si::FramePool<> pool;
  std::size_t count = 0;
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    const std::vector<si::Frame> window{test::picture(pool, {.width = 300, .height = 150}, seed)};
    const si::Detections found = si::DnnDetector{path, {.confidence = 0.46F, .most_overlap = 0.2F}}.run(window);

    cv::Mat small, boxed;  // 300x150 in 96x64: 96x48, bars of 8
    cv::resize(si::as_mat(window[0]), small, {96, 48}, 0, 0, cv::INTER_LINEAR);
    cv::copyMakeBorder(small, boxed, 8, 8, 0, 0, cv::BORDER_CONSTANT, cv::Scalar::all(114));
    cv::dnn::Net net = cv::dnn::readNetFromONNX(path);
    net.setInput(cv::dnn::blobFromImage(boxed, 1 / 255., {}, {}, true));
    const cv::Mat output = net.forward();
    std::vector<cv::Rect2d> boxes;
    std::vector<float> scores;
    std::vector<int> classes;
    for (int n = 0; n < output.size[2]; ++n) {
      const auto at = [&](int row) { return output.ptr<float>(0, row)[n]; };
      boxes.push_back({at(0) - at(2) / 2., at(1) - at(3) / 2., at(2), at(3)});
      classes.push_back(at(5) > at(4) ? 1 : 0);
      scores.push_back(std::max(at(4), at(5)));
    }
    std::vector<cv::Rect2d> apart;  // NMSBoxes knows no classes: each has a place of its own
    for (std::size_t i = 0; i < boxes.size(); ++i) apart.push_back(boxes[i] + cv::Point2d{1000. * classes[i], 0});
    std::vector<int> kept;
    cv::dnn::NMSBoxes(apart, scores, 0.46F, 0.2F, kept);  // the bars have 0.447
    si::Detections theirs;
    for (const int i : kept) {
      const cv::Rect2d& box = boxes[static_cast<std::size_t>(i)];
      const double scale = 300 / 96.;
      const si::Box back = si::clipped({static_cast<float>(box.x * scale), static_cast<float>((box.y - 8) * scale),
                                        static_cast<float>(box.width * scale), static_cast<float>(box.height * scale)},
                                       300, 150);
      if (back.area() > 0)
        theirs.push_back({.box = back,
                          .class_id = classes[static_cast<std::size_t>(i)],
                          .score = scores[static_cast<std::size_t>(i)]});
    }
    REQUIRE(found.size() == theirs.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
      CHECK(found[i].score == Approx(theirs[i].score));
      CHECK(found[i].class_id == theirs[i].class_id);
      CHECK(is_near(found[i].box, theirs[i].box));
    }
    count += found.size();
  }
  CHECK(count > 20);
}

TEST_CASE("Mean, scale and the order of channels", "[opencv][dnn]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("v8.onnx", test::toy_yolov8().bytes());
  si::FramePool<> pool;
  const std::vector<si::Frame> window{
      frame_with(pool, {.width = 32, .height = 32}, {{{0, 0, 32, 32}, {55, 30, 0}}, {{0, 0, 8, 8}, {255, 30, 200}}})};
  // The first channel is blue: (200 - 100) * 0.009.
  const si::Detections blue = si::DnnDetector{
      path,
      {.input = {.channels = si::InputChannels::bgr, .mean = {100, 30, 0}, .scale = {0.009, 1, 1}},
       .confidence = 0.5F}}.run(window);
  REQUIRE(blue.size() == 1);
  CHECK(blue[0].score == Approx(0.9));
  // The first channel is red: (255 - 55) * 0.004.
  const si::Detections red_ones =
      si::DnnDetector{path, {.input = {.mean = {55, 30, 0}, .scale = {0.004, 1, 1}}, .confidence = 0.5F}}.run(window);
  REQUIRE(red_ones.size() == 1);
  CHECK(red_ones[0].score == Approx(0.8));
}

TEST_CASE("A model that takes any size is told one; what is said may also be what it takes", "[opencv][dnn]") {
  const test::TemporaryFolder folder;
  test::OnnxModel any;  // it reads every pixel, and calls it a box
  any.input("images", {-1, 3, -1, -1})
      .constant("weights", {6, 3, 1, 1}, std::vector<float>(18, 0.1F))
      .constant("flat", {0, 6, -1})
      .node("Conv", {"images", "weights"}, "read", {{"kernel_shape", {1, 1}}})
      .node("Reshape", {"read", "flat"}, "output0")
      .output("output0", {-1, 6, -1});
  const std::string path = folder.file("any.onnx", any.bytes());
  CHECK_THAT(refusal(path), ContainsSubstring("input.height: expected a size, as the model takes any, found input "
                                              "'images' of the shape [?,3,?,?]"));
  CHECK_THAT(refusal(path, {.input = {.height = 8}}), ContainsSubstring("input.width: expected a size"));
  CHECK_THAT(refusal(path, {.input = {.width = 16, .height = 16}}),
             ContainsSubstring("layout: expected one output of [1,15,5+C] (YOLOv5), [1,4+C,5] (YOLOv8) or [1,1,N,7] "
                               "(SSD); if it is one of these with another number of boxes, say which, found output "
                               "'output0' of the shape [1,6,256]"));
  si::FramePool<> pool;
  const std::vector<si::Frame> window{frame_with(pool, {.width = 16, .height = 16}, {{{0, 0, 16, 16}, red}})};
  si::DnnDetector said{
      path, {.input = {.width = 16, .height = 16}, .layout = si::DetectionLayout::yolov8, .confidence = 0.05F}};
  const si::Detections found = said.run(window);
  REQUIRE(found.size() == 1);  // all the same
  CHECK(found[0].score == Approx(0.1));

  const std::string fixed = folder.file("fixed.onnx", test::toy_yolov8({.batch = 1}).bytes());
  CHECK_NOTHROW(si::DnnDetector{fixed, {.input = {.width = 32, .height = 32}, .batch = 1}});
}

TEST_CASE("A file that is missing, or no model, is an error at once", "[opencv][dnn]") {
  const test::TemporaryFolder folder;
  const std::string missing = folder / "none.onnx";
  const si::Error error = test::error_of([&] { si::DnnDetector{missing}; });
  CHECK(error.code() == std::errc::no_such_file_or_directory);
  CHECK(error.source() == missing);
  CHECK_THAT(error.what(), ContainsSubstring("expected an ONNX file, found none"));
  CHECK_THAT(refusal("/"), ContainsSubstring("expected an ONNX file, found a folder or a device"));
  CHECK_THAT(refusal(folder.file("text.onnx", test::Bytes(100, 'x'))),
             ContainsSubstring("expected an ONNX file, found 100 bytes that are none"));
  CHECK_THAT(refusal(folder.file("empty.onnx", {})), ContainsSubstring("found 0 bytes that are none"));
  test::Bytes cut = test::toy_yolov8().bytes();
  cut.resize(cut.size() / 2);
  CHECK_THAT(refusal(folder.file("cut.onnx", cut)), ContainsSubstring("bytes that are none"));

  test::OnnxModel unknown;
  unknown.input("images", {1, 3, 32, 32}).node("Frobnicate", {"images"}, "output").output("output", {1, 3, 32, 32});
  CHECK_THAT(refusal(folder.file("unknown.onnx", unknown.bytes())), ContainsSubstring(" cannot read it: "));
}

TEST_CASE("An input that does not fit is an error that says what was found", "[opencv][dnn]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("v8.onnx", test::toy_yolov8({.batch = 1}).bytes());
  const std::string found = ", found input 'images' of the shape [1,3,32,32]";
  CHECK_THAT(refusal(path, {.input = {.width = 64}}),
             ContainsSubstring("input.width: expected a model that takes 64" + found));
  CHECK_THAT(refusal(path, {.input = {.height = 64}}),
             ContainsSubstring("input.height: expected a model that takes 64" + found));
  CHECK_THAT(refusal(path, {.batch = 2}), ContainsSubstring("batch: expected a model that takes 2" + found));
  CHECK_THAT(refusal(path, {.input = {.channels = si::InputChannels::gray}}),
             ContainsSubstring("input.channels: expected a model that takes 1" + found));

  const auto with_input = [&](const test::Shape& shape) {
    test::OnnxModel model;
    model.input("x", shape).node("Relu", {"x"}, "y").output("y", shape);
    return folder.file("input.onnx", model.bytes());
  };
  CHECK_THAT(refusal(with_input({1, 32, 32, 3})),
             ContainsSubstring("with the channels before the pixels, found input 'x' of the shape [1,32,32,3]"));
  CHECK_THAT(refusal(with_input({1, 10})),
             ContainsSubstring("expected an input of [pictures,channels,height,width], found input 'x'"));
  CHECK_THAT(refusal(with_input({1, 4, 32, 32})), ContainsSubstring("input.channels: expected a model that takes 3"));
  CHECK_THAT(refusal(with_input({1, 3, 32, 70'000})), ContainsSubstring("input.width: expected at most 65535"));

  test::OnnxModel two;
  two.input("a", {1, 3, 32, 32}).input("b", {1, 3, 32, 32}).node("Add", {"a", "b"}, "y").output("y", {1, 3, 32, 32});
  CHECK_THAT(refusal(folder.file("two.onnx", two.bytes())),
             ContainsSubstring("expected a model with one input, found 2: a b"));

  test::OnnxModel bytes;
  bytes.input("x", {1, 3, 32, 32}, 2).node("Relu", {"x"}, "y").output("y", {1, 3, 32, 32});
  CHECK_THAT(refusal(folder.file("bytes.onnx", bytes.bytes())),
             ContainsSubstring("expected an input of float or float16, found input 'x' of ONNX's type 2"));
}

TEST_CASE("An output of no known layout, or labels that do not fit it, are an error", "[opencv][dnn]") {
  const test::TemporaryFolder folder;
  const std::string v8 = folder.file("v8.onnx", test::toy_yolov8().bytes());
  const std::string v5 = folder.file("v5.onnx", test::toy_yolov5().bytes());
  const std::string classes = folder.file("classes.onnx", test::toy_classifier().bytes());
  CHECK_THAT(refusal(classes), ContainsSubstring("layout: expected one output of [1,63,5+C] (YOLOv5), [1,4+C,21] "
                                                 "(YOLOv8) or [1,1,N,7] (SSD)"));
  CHECK_THAT(refusal(classes), ContainsSubstring(", found output 'output' of the shape [1,3]"));
  CHECK_THAT(refusal(v8, {.layout = si::DetectionLayout::ssd}), ContainsSubstring(" of that layout, found output "
                                                                                  "'output0' of the shape [1,6,21]"));
  // It is not a YOLOv5, but no shape says so: what would be scores does.
  CHECK_THAT(refusal(v8, {.layout = si::DetectionLayout::yolov5}),
             ContainsSubstring("layout: expected scores from 0 to 1, found "));

  CHECK_THAT(refusal(v8, {.labels = {"one"}}),
             ContainsSubstring("labels: expected 2, one for each class of output 'output0' of the shape [1,6,21], "
                               "found 1"));
  CHECK_THAT(refusal(v5, {.labels = {"a", "b", "c"}}), ContainsSubstring("labels: expected 2, one for each class of "
                                                                         "output 'output' of the shape [1,63,7], "
                                                                         "found 3"));

  // More outputs: one of them has to be it.
  test::OnnxModel more = test::toy_yolov8();
  more.node("Relu", {"read"}, "other").output("other", {-1, 6, 32, 32});
  CHECK_NOTHROW(si::DnnDetector{folder.file("more.onnx", more.bytes())});
  test::OnnxModel same = test::toy_yolov8();
  same.node("Add", {"cells", "boxes"}, "same").output("same", {-1, 6, 21});
  const std::string message = refusal(folder.file("same.onnx", same.bytes()));
  CHECK_THAT(message, ContainsSubstring("expected one output of"));
  CHECK_THAT(message, ContainsSubstring("output 'same' of the shape [1,6,21]"));
  CHECK_THAT(message, ContainsSubstring("output 'output0' of the shape [1,6,21]"));
}

TEST_CASE("Options that make no sense are named", "[opencv][dnn]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("v8.onnx", test::toy_yolov8().bytes());
  CHECK_THAT(refusal(path, {.input = {.width = -1}}), ContainsSubstring("input.width: expected 1 to 65535 pixels, or 0 "
                                                                        "for the model's own, found -1"));
  CHECK_THAT(refusal(path, {.input = {.height = 65'536}}), ContainsSubstring("input.height: expected 1 to 65535"));
  CHECK_THAT(refusal(path, {.input = {.mean = {0, NAN, 0}}}), ContainsSubstring("input.mean: expected finite numbers"));
  CHECK_THAT(refusal(path, {.input = {.scale = {1, 1, 0}}}), ContainsSubstring("input.scale: expected finite numbers "
                                                                               "other than 0"));
  CHECK_THAT(refusal(path, {.confidence = 25}), ContainsSubstring("confidence: expected 0 to 1, found 25"));
  CHECK_THAT(refusal(path, {.confidence = NAN}), ContainsSubstring("confidence: expected 0 to 1"));
  CHECK_THAT(refusal(path, {.most_overlap = 0}), ContainsSubstring("most_overlap: expected more than 0, found 0"));
  CHECK_THAT(refusal(path, {.batch = -2}), ContainsSubstring("batch: expected 1 or more pictures, or 0 for the model's "
                                                             "own, found -2"));
  const std::string engine = refusal(path, {.target = cv::dnn::DNN_TARGET_MYRIAD});
  CHECK_THAT(engine, ContainsSubstring("backend, target: expected what this OpenCV and this machine have: "));
  CHECK_THAT(engine, ContainsSubstring("DNN_BACKEND_OPENCV with DNN_TARGET_CPU"));
  CHECK_THAT(engine, ContainsSubstring(", found DNN_BACKEND_OPENCV with DNN_TARGET_MYRIAD"));
  CHECK_NOTHROW(si::DnnDetector{path, {.backend = cv::dnn::DNN_BACKEND_DEFAULT}});
}

TEST_CASE("A frame without a picture costs its run", "[opencv][dnn]") {
  const test::TemporaryFolder folder;
  si::DnnDetector detector{folder.file("v8.onnx", test::toy_yolov8().bytes())};
  CHECK_THAT(test::error_of([&] { static_cast<void>(detector.run(std::vector<si::Frame>(1))); }).what(),
             ContainsSubstring("a frame without a picture"));
}

TEST_CASE("A detector goes into an Inference", "[opencv][dnn]") {
  const test::TemporaryFolder folder;
  auto loaded = si::load_algo("things", si::DnnDetector{folder.file("v8.onnx", test::toy_yolov8().bytes())},
                              si::Schedule{.interval = 1s});
  static_assert(std::is_same_v<decltype(loaded)::Value, si::Detections>);
  si::FramePool<> pool;
  const std::vector<si::Frame> window{frame_with(pool, {.width = 32, .height = 32}, {{{0, 0, 32, 32}, green}})};
  CHECK(loaded.algo.run(window).size() == 21);
}
