#pragma once

#include "stream_infer/core/error.hpp"
#include "stream_infer/core/frame.hpp"
#include "stream_infer/core/name.hpp"
#include "stream_infer/opencv/dnn_input.hpp"
#include "stream_infer/opencv/onnx_inputs.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <opencv2/dnn.hpp>

namespace stream_infer::detail {

/// "[1,3,640,640]"; what is left open is a question mark.
template <class Sizes>
[[nodiscard]] std::string shape_text(const Sizes& shape) {
  std::string text{"["};
  for (const auto size : shape) {
    if (text.size() > 1) text += ',';
    text += size < 0 ? "?" : std::to_string(size);
  }
  return text += ']';
}

[[nodiscard]] inline std::vector<int> shape_of(const cv::Mat& mat) { return {mat.size.p, mat.size.p + mat.dims}; }

/// "DNN_BACKEND_OPENCV with DNN_TARGET_CPU".
[[nodiscard]] inline std::string engine_text(cv::dnn::Backend backend, cv::dnn::Target target) {
  constexpr std::array backends{"DEFAULT", "HALIDE", "INFERENCE_ENGINE", "OPENCV", "VKCOM", "CUDA", "WEBNN",
                                "TIMVX",   "CANN"};
  constexpr std::array targets{"CPU",  "OPENCL",    "OPENCL_FP16", "MYRIAD", "VULKAN",  "FPGA",
                               "CUDA", "CUDA_FP16", "HDDL",        "NPU",    "CPU_FP16"};
  const auto name = [](const auto& names, int number) {
    const auto i = static_cast<std::size_t>(number);
    return i < names.size() ? std::string{names[i]} : std::to_string(number);
  };
  return "DNN_BACKEND_" + name(backends, backend) + " with DNN_TARGET_" + name(targets, target);
}

/// What an exception of OpenCV's says, in one line.
[[nodiscard]] inline std::string one_line(const cv::Exception& exception) {
  std::string text{exception.err};
  std::replace(text.begin(), text.end(), '\n', ' ');
  const std::size_t begin = text.find_first_not_of("> "), end = text.find_last_not_of(' ');
  return begin == std::string::npos ? "without a reason" : text.substr(begin, end - begin + 1);
}

/// What a model is to be run with.
struct DnnSettings {
  DnnInput input{};
  int batch = 0;
  cv::dnn::Backend backend = cv::dnn::DNN_BACKEND_OPENCV;
  cv::dnn::Target target = cv::dnn::DNN_TARGET_CPU;
};

/// An ONNX model, loaded and tried: it has run once, on an input of zeros. For one thread at a time.
class DnnModel {
 public:
  /// Takes as long as loading and a run do. \throws Error  that names the option that does not fit
  DnnModel(std::string path, const DnnSettings& settings) : path_{std::move(path)}, batch_{settings.batch} {
    check(settings);
    size_ = {settings.input.width, settings.input.height};
    const OnnxInput declared = declared_input();
    fit_input(declared, settings.input);
    writer_.emplace(settings.input, size_);
    input_ = cv::Mat{std::vector<int>{batch_, count_of(settings.input.channels), size_.height, size_.width}, CV_32F,
                     cv::Scalar{0}};
    try {
      net_ = cv::dnn::readNetFromONNX(path_);
    } catch (const cv::Exception& exception) {
      throw error("OpenCV " + cv::getVersionString() + " cannot read it: " + one_line(exception));
    }
    net_.setPreferableBackend(settings.backend);
    net_.setPreferableTarget(settings.target);
    output_names_ = net_.getUnconnectedOutLayersNames();
    try {
      forward();
    } catch (const cv::Exception& exception) {
      throw error("OpenCV " + cv::getVersionString() + " cannot run it on an input of " + shape_text(shape_of(input_)) +
                  ": " + one_line(exception));
    }
    for (const cv::Mat& output : outputs_)
      if (output.depth() != CV_32F) throw error("expected outputs of float, found " + cv::typeToString(output.type()));
  }
  DnnModel(DnnModel&&) noexcept = default;
  DnnModel& operator=(DnnModel&&) noexcept = default;
  DnnModel(const DnnModel&) = delete;  // copies of a cv::dnn::Net are the same net
  DnnModel& operator=(const DnnModel&) = delete;
  ~DnnModel() = default;

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const cv::Size& size() const { return size_; }  ///< of the input, in pixels
  [[nodiscard]] int batch() const { return batch_; }            ///< how many pictures one run takes

  /// Runs up to batch() frames at once. `outputs()` is then theirs, until the next run; a picture of the batch that is not
  /// there has any values. Returns where each is in its input. \throws Error  as Frame::image()
  std::vector<InputPlacement> run(std::span<const Frame> frames) {
    std::vector<InputPlacement> placements;
    for (const Frame& frame : frames)
      placements.push_back(writer_->write(frame, input_, static_cast<int>(placements.size())));
    forward();
    return placements;
  }

  /// Of the last run, at first of that on zeros.
  [[nodiscard]] const std::vector<cv::Mat>& outputs() const { return outputs_; }

  /// "output 'name' of the shape [1,84,8400]", for errors.
  [[nodiscard]] std::string output_text(std::size_t i) const {
    return "output '" + output_names_[i] + "' of the shape " + shape_text(shape_of(outputs_[i]));
  }

  /// The same of all of them.
  [[nodiscard]] std::string outputs_text() const {
    std::string text;
    for (std::size_t i = 0; i < outputs_.size(); ++i) text.append(i == 0 ? "" : ", ").append(output_text(i));
    return text;
  }

  /// An Error about this model.
  [[nodiscard]] Error error(std::string_view reason) const {
    return Error{Errc::invalid_argument, "dnn model", path_, reason};
  }

  /// The labels as they go into results. \throws Error  if they are there, but not as many as classes
  [[nodiscard]] std::vector<Name> names(const std::vector<std::string>& labels, int classes, std::size_t output) const {
    if (!labels.empty() && labels.size() != static_cast<std::size_t>(classes))
      throw error("labels: expected " + std::to_string(classes) + ", one for each class of " + output_text(output) +
                  ", found " + std::to_string(labels.size()));
    return {labels.begin(), labels.end()};
  }

 private:
  void check(const DnnSettings& settings) const {
    const DnnInput& input = settings.input;
    constexpr int largest = 65535;
    for (const auto& [option, size] : {std::pair{"input.width", input.width}, std::pair{"input.height", input.height}})
      if (size < 0 || size > largest)
        throw error(std::string{option} + ": expected 1 to 65535 pixels, or 0 for the model's own, found " +
                    std::to_string(size));
    if (settings.batch < 0 || settings.batch > largest)
      throw error("batch: expected 1 or more pictures, or 0 for the model's own, found " +
                  std::to_string(settings.batch));
    for (const double mean : input.mean)
      if (!std::isfinite(mean)) throw error("input.mean: expected finite numbers, found " + std::to_string(mean));
    for (const double scale : input.scale)
      if (!std::isfinite(scale) || scale == 0)
        throw error("input.scale: expected finite numbers other than 0, found " + std::to_string(scale));
    const std::vector<cv::dnn::Target> targets = cv::dnn::getAvailableTargets(settings.backend);
    if (std::find(targets.begin(), targets.end(), settings.target) == targets.end()) {
      std::string there;
      for (const auto& [backend, target] : cv::dnn::getAvailableBackends())
        there.append(there.empty() ? "" : ", ").append(engine_text(backend, target));
      throw error("backend, target: expected what this OpenCV and this machine have: " + there + ", found " +
                  engine_text(settings.backend, settings.target));
    }
  }

  /// The model's only input, as the file has it.
  [[nodiscard]] OnnxInput declared_input() const {
    std::error_code failure;
    if (!std::filesystem::exists(path_, failure))
      throw Error{std::make_error_code(std::errc::no_such_file_or_directory), "dnn model", path_,
                  "expected an ONNX file, found none"};
    if (!std::filesystem::is_regular_file(path_, failure))
      throw error("expected an ONNX file, found a folder or a device");
    std::ifstream file{path_, std::ios::binary};
    const std::string bytes{std::istreambuf_iterator<char>{file}, {}};
    if (!file) throw error("it cannot be read");
    std::optional<std::vector<OnnxInput>> inputs = onnx_inputs(bytes);
    if (!inputs) throw error("expected an ONNX file, found " + std::to_string(bytes.size()) + " bytes that are none");
    if (inputs->size() != 1) {
      std::string names;
      for (const OnnxInput& input : *inputs) names += ' ' + input.name;
      throw error("expected a model with one input, found " + std::to_string(inputs->size()) + ':' + names);
    }
    return std::move(inputs->front());
  }

  /// Takes from the declared input what the options leave open, and checks the rest.
  void fit_input(const OnnxInput& declared, const DnnInput& options) {
    const std::string found = ", found input '" + declared.name + "' of the shape " + shape_text(declared.shape);
    constexpr int type_float = 1, type_float16 = 10;
    if (declared.element_type != type_float && declared.element_type != type_float16)
      throw error("expected an input of float or float16, found input '" + declared.name + "' of ONNX's type " +
                  std::to_string(declared.element_type));
    if (declared.shape.size() != 4) throw error("expected an input of [pictures,channels,height,width]" + found);
    const std::int64_t channels = declared.shape[1], last = declared.shape[3];
    if ((last == 1 || last == 3) && channels > 3)
      throw error("expected an input of [pictures,channels,height,width], with the channels before the pixels" + found);
    if (channels > 0 && channels != count_of(options.channels))
      throw error("input.channels: expected a model that takes " + std::to_string(count_of(options.channels)) + found);
    take("input.height", declared.shape[2], size_.height, found);
    take("input.width", last, size_.width, found);
    if (batch_ == 0 && declared.shape[0] < 0) batch_ = 1;
    take("batch", declared.shape[0], batch_, found);
  }

  /// \param option  0: takes what is declared
  void take(std::string_view name, std::int64_t declared, int& option, const std::string& found) const {
    const std::string text{name};
    if (declared > 65535) throw error(text + ": expected at most 65535" + found);
    if (option == 0 && declared < 0) throw error(text + ": expected a size, as the model takes any" + found);
    if (option == 0) option = static_cast<int>(declared);
    if (declared > 0 && declared != option)
      throw error(text + ": expected a model that takes " + std::to_string(option) + found);
  }

  void forward() {
    net_.setInput(input_);
    net_.forward(outputs_, output_names_);
  }

  std::string path_;
  int batch_;
  cv::Size size_;
  cv::Mat input_;
  cv::dnn::Net net_;
  std::vector<std::string> output_names_;
  std::vector<cv::Mat> outputs_;
  std::optional<InputWriter> writer_;
};

}  // namespace stream_infer::detail
