// detect_onnx MODEL VIDEO [LABELS]: what a YOLO or SSD model of yours, an ONNX file, sees in a video: a line for each thing that it
// finds, five times a second, and in the end how many there were of each class.
#include <stream_infer/opencv/dnn_detector.hpp>
#include <stream_infer/stream_infer.hpp>

#include <chrono>
#include <cstddef>
#include <exception>
#include <iostream>
#include <map>
#include <string>
#include <string_view>

namespace si = stream_infer;
using namespace std::chrono_literals;

/// Takes the records: prints them, and counts.
struct Printer {
  void collect(const si::Record<si::Detections>& record) {
    std::cout << si::to_hms_ms(record.time) << "  frame " << record.frame_index << "  " << record.value.size()
              << " found\n";
    for (const si::Detection& one : record.value) {
      const std::string name =
          one.label.view().empty() ? "class " + std::to_string(one.class_id) : std::string{one.label.view()};
      std::cout << "  " << name << ' ' << one.score << ", " << one.box.width << 'x' << one.box.height << " at "
                << one.box.x << ',' << one.box.y << '\n';
      ++totals[name];
    }
  }
  void on_error(const si::RunError& error) { std::cerr << si::to_hms_ms(error.time) << "  " << error.message << '\n'; }

  std::map<std::string, std::size_t> totals;
};

int main(int argc, char** argv) try {
  const std::string_view usage =
      "usage: detect_onnx MODEL VIDEO [LABELS]\n"
      "MODEL is an ONNX file of the YOLOv5, YOLOv8 or SSD family; LABELS has the names of its classes, one a line.\n";
  if (argc == 2 && argv[1] == std::string_view{"--help"}) {
    std::cout << usage;
    return 0;
  }
  if (argc < 3 || argc > 4) {
    std::cerr << usage;
    return 2;
  }

  si::DnnDetectorOptions options;
  if (argc == 4) options.labels = si::read_labels(argv[3]);
  si::FFmpegProducer producer;
  si::FrameTracker tracker;
  Printer printer;
  si::Inference inference{tracker, printer,
                          si::load_algo("things", si::DnnDetector{argv[1], options}, si::Schedule{.interval = 200ms})};
  si::Player player{producer, tracker, argv[2]};
  const si::RunReport report = inference.start(player, {.on_progress = si::ProgressLine{}});
  std::cout << '\n' << report;
  for (const auto& [name, count] : printer.totals) std::cout << name << ": " << count << '\n';
} catch (const std::exception& error) {
  std::cerr << "detect_onnx: " << error.what() << '\n';
  return 1;
}
