// to_everything VIDEO FOLDER [STORE=PORT …]: how bright the video is, once a second, into files in FOLDER and six servers on
// this machine at once: redis, mysql, influx, tdengine, webhook, mqtt, at their usual ports or those that are given. User,
// database and bucket are "video". Passwords come from MYSQL_PASSWORD and TDENGINE_PASSWORD. What a server does not take
// stays in FOLDER/STORE.journal, and the next run delivers it. examples/to_everything.sh starts the servers first.
#include <stream_infer/exporter/csv_exporter.hpp>
#include <stream_infer/exporter/influx_exporter.hpp>
#include <stream_infer/exporter/jsonl_exporter.hpp>
#include <stream_infer/exporter/mqtt_exporter.hpp>
#include <stream_infer/exporter/mysql_exporter.hpp>
#include <stream_infer/exporter/redis_exporter.hpp>
#include <stream_infer/exporter/reliable.hpp>
#include <stream_infer/exporter/sqlite_exporter.hpp>
#include <stream_infer/exporter/tdengine_exporter.hpp>
#include <stream_infer/exporter/webhook_exporter.hpp>
#include <stream_infer/stream_infer.hpp>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <map>
#include <numeric>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>

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
  if (argc < 3) throw std::invalid_argument{"usage: to_everything VIDEO FOLDER [STORE=PORT …]"};
  const std::string folder = argv[2];
  std::map<std::string, std::uint16_t> ports{{"redis", 6379},    {"mysql", 3306},   {"influx", 8086},
                                             {"tdengine", 6041}, {"webhook", 8080}, {"mqtt", 1883}};
  for (const std::string argument : std::span{argv, static_cast<std::size_t>(argc)}.subspan(3)) {
    const auto port = ports.find(argument.substr(0, argument.find('=')));
    if (port == ports.end()) throw std::invalid_argument{"no store: " + argument};
    port->second = static_cast<std::uint16_t>(std::atoi(argument.c_str() + port->first.size() + 1));
  }
  const auto url = [&](const std::string& store) { return "http://127.0.0.1:" + std::to_string(ports.at(store)); };
  const auto password = [](const char* variable) {
    return std::getenv(variable) != nullptr ? si::Secret::from_environment(variable) : si::Secret{};
  };
  const auto journalled = [&](auto store, const std::string& name) {
    return si::reliable(std::move(store), {.journal = folder + '/' + name + ".journal", .end_within = 0s});
  };

  auto sqlite = journalled(si::SqliteExporter{folder + "/results.db"}, "sqlite");
  auto redis = journalled(si::RedisExporter{{.port = ports.at("redis")}}, "redis");
  auto mysql = journalled(
      si::MySqlExporter{
          {.port = ports.at("mysql"), .user = "video", .password = password("MYSQL_PASSWORD"), .database = "video"}},
      "mysql");
  auto influx =
      journalled(si::InfluxExporter{{.url = url("influx"), .to = si::InfluxDatabase{.name = "video"}}}, "influx");
  auto tdengine = journalled(
      si::TdengineExporter{
          {.url = url("tdengine"), .database = "video", .user = "video", .password = password("TDENGINE_PASSWORD")}},
      "tdengine");
  auto webhook = journalled(si::WebhookExporter{{.url = url("webhook") + "/results"}}, "webhook");
  auto mqtt = journalled(si::MqttExporter{{.port = ports.at("mqtt")}}, "mqtt");
  auto everything = si::fan_out(si::JsonlExporter{folder + "/results.jsonl"}, si::CsvExporter{folder + "/results.csv"},
                                sqlite, redis, mysql, influx, tdengine, webhook, mqtt);

  si::FFmpegProducer producer{{.width = 160, .format = si::PixelFormat::gray8}};
  si::FrameTracker tracker;
  si::Inference inference{tracker, everything, si::load_algo("brightness", Brightness{}, si::Schedule{.interval = 1s})};
  si::Player player{producer, tracker, argv[1]};
  std::cout << inference.start(player);

  const auto tell = [](const std::string& name, auto& exporter) {
    exporter.flush(5s);
    const si::ReliableStats stats = exporter.stats();
    std::cout << name << ": " << stats.delivered << " delivered, " << stats.waiting << " waiting";
    if (stats.waiting > 0) std::cout << " (" << stats.last_error << ')';
    std::cout << '\n';
  };
  tell("sqlite", sqlite);
  tell("redis", redis);
  tell("mysql", mysql);
  tell("influx", influx);
  tell("webhook", webhook);
  tell("mqtt", mqtt);
  tell("tdengine", tdengine);
} catch (const std::exception& error) {
  std::cerr << "to_everything: " << error.what() << '\n';
  return 1;
}
