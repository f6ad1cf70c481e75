// to_stores VIDEO [FOLDER]: how bright the video is, once a second, into a database and two files at once.
#include <stream_infer/exporter/csv_exporter.hpp>
#include <stream_infer/exporter/jsonl_exporter.hpp>
#include <stream_infer/exporter/sqlite_exporter.hpp>
#include <stream_infer/stream_infer.hpp>

#include <chrono>
#include <cstdint>
#include <exception>
#include <iostream>
#include <numeric>
#include <span>
#include <stdexcept>
#include <string>

namespace si = stream_infer;
using namespace std::chrono_literals;

struct Light {
  double mean = 0;
  bool dark = false;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Light, mean, dark)  // makes JSON of it

struct Brightness {
  Light run(std::span<const si::Frame> frames) {
    const si::ImageView image = frames.back().image();
    double sum = 0;
    for (int y = 0; y < image.height; ++y) {
      const std::span<const std::uint8_t> row = image.row(y);
      sum += std::accumulate(row.begin(), row.end(), 0.0);
    }
    const double mean = sum / (image.width * image.height);
    return {mean, mean < 40};
  }
};

int main(int argc, char** argv) try {
  if (argc < 2) throw std::invalid_argument{"usage: to_stores VIDEO [FOLDER]"};
  const std::string folder = argc > 2 ? argv[2] : ".";
  si::FFmpegProducer producer{{.width = 160, .format = si::PixelFormat::gray8}};
  si::FrameTracker tracker;
  auto exporter = si::fan_out(si::SqliteExporter{folder + "/results.db"}, si::JsonlExporter{folder + "/results.jsonl"},
                              si::CsvExporter{folder + "/results.csv", {.bytes = 100'000'000}});
  si::Inference inference{tracker, exporter, si::load_algo("brightness", Brightness{}, si::Schedule{.interval = 1s})};
  si::Player player{producer, tracker, argv[1]};
  std::cout << inference.start(player);
} catch (const std::exception& error) {
  std::cerr << "to_stores: " << error.what() << '\n';
  return 1;
}
