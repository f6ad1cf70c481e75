#include "stream_infer/exporter/jsonl_exporter.hpp"

#include "stream_infer/algo/load_algo.hpp"
#include "stream_infer/inference/inference.hpp"
#include "stream_infer/player/player.hpp"
#include "stream_infer/producer/generator_producer.hpp"
#include "stream_infer/tracker/frame_tracker.hpp"
#include "support/catch.hpp"
#include "support/files.hpp"

#include <chrono>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <set>
#include <span>
#include <string>
#include <vector>

namespace si = stream_infer;
namespace test = stream_infer::test;
using namespace std::chrono_literals;

namespace {

std::vector<nlohmann::json> lines_of(const std::string& path) {
  std::vector<nlohmann::json> lines;
  std::ifstream in{path};
  for (std::string line; std::getline(in, line);) lines.push_back(nlohmann::json::parse(line));
  return lines;
}

struct Index {
  double run(std::span<const si::Frame> frames) {
    return frames.back().index() == 74 ? std::nan("") : static_cast<double>(frames.back().index());
  }
};

}  // namespace

TEST_CASE("A run's records are lines of JSON, and what cannot be is counted", "[exporter][jsonl]") {
  const test::TemporaryFolder folder;
  si::GeneratorProducer producer{{.width = 2, .height = 2, .fps = 25},
                                 [](std::uint64_t index, si::ImageSpan) { return index < 100; }};
  si::FrameTracker<8> tracker;
  si::JsonlExporter exporter{folder / "results.jsonl"};
  si::Inference inference{tracker, exporter, si::load_algo("index", Index{}, si::Schedule{.interval = 1s})};
  si::Player player{producer, tracker, "http://user:secret@camera/1"};
  const si::RunReport report = inference.start(player);
  CHECK(report.algos[0].runs == 4);
  CHECK(report.algos[0].export_failures == 1);
  const std::vector<nlohmann::json> lines = lines_of(folder / "results.jsonl");
  REQUIRE(lines.size() == 3);
  CHECK(lines[0].at("frame_index") == 24);
  CHECK(lines[0].at("value") == 24.0);
  CHECK(lines[0].at("time_ns") == 960'000'000);
  CHECK(lines[0].at("source") == "http://***@camera/1");
  std::set<std::string> keys;
  for (const nlohmann::json& line : lines) keys.insert(line.at("key").get<std::string>());
  CHECK(keys.size() == 3);
}

TEST_CASE("Records that are written together are lines too", "[exporter][jsonl]") {
  const test::TemporaryFolder folder;
  si::JsonlExporter exporter{folder / "a.jsonl", {.bytes = 1'000'000}};
  const std::vector<si::StoredRecord> records{{.frame_index = 1, .value = "[1]"}, {.frame_index = 2, .value = "null"}};
  exporter.write(records);
  exporter.write({});
  const std::vector<nlohmann::json> lines = lines_of(folder / "a.jsonl");
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].at("value") == nlohmann::json::array({1}));
  CHECK(lines[1].at("value").is_null());
}
