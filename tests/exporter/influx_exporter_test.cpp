#include "stream_infer/exporter/influx_exporter.hpp"

#include "exporter/http_recorder.hpp"
#include "exporter/influx_server.hpp"
#include "stream_infer/exporter/exporter.hpp"
#include "support/catch.hpp"
#include "support/error_of.hpp"
#include "support/refusal_of.hpp"
#include "support/stopwatch.hpp"

#include <chrono>
#include <csignal>
#include <cstdint>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace si = stream_infer;
namespace test = stream_infer::test;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using Kind = si::StoreError::Kind;
using test::error_of;
using test::refusal_of;

namespace {

template <class T>
si::Record<T> record(std::uint64_t frame_index, T value, const std::string& algorithm = "count") {
  return {.time = frame_index * 40ms,
          .frame_index = frame_index,
          .algo = si::Name{algorithm},
          .value = std::move(value),
          .source = {si::Name{"clip one.mp4"}, {}}};
}

si::InfluxOptions options(const test::InfluxServer& server) {
  return {.url = server.url(), .to = si::InfluxDatabase{.name = "video"}, .timeout = 2s};
}

}  // namespace

static_assert(si::Exporter<si::InfluxExporter, int, std::string>);
static_assert(!si::Exporter<si::InfluxExporter, std::thread>);

TEST_CASE("Records are points of a measurement", "[exporter][influx]") {
  if (!test::has_influx_server()) return;
  const test::InfluxServer server;
  si::InfluxExporter exporter{options(server)};
  exporter.collect(record(29, 7));
  exporter.collect(record(30, std::string{"a \"b\"\\c, d=e\nf"}, "te xt,=1"));
  exporter.collect(record(31, std::map<std::string, double>{{"x", 0.5}, {"y z", 2}}, "pair"));
  exporter.collect(record(32, std::vector<int>{1, 2}, "list"));
  CHECK(server.rows("SELECT algorithm, source, \"key\", began_at_ns, epoch, frame_index, value FROM count") ==
        nlohmann::json::array(
            {{1'160'000'000, "count", "clip one.mp4", si::record_key(si::to_stored(record(29, 7))), 0, 0, 29, 7}}));
  CHECK(server.rows("SELECT value FROM \"te xt,=1\" WHERE source = 'clip one.mp4'") ==
        nlohmann::json::array({{1'200'000'000, "a \"b\"\\c, d=e\nf"}}));
  CHECK(server.rows("SELECT value_x, \"value_y z\" FROM pair") == nlohmann::json::array({{1'240'000'000, 0.5, 2}}));
  CHECK(server.rows("SELECT value FROM list") == nlohmann::json::array({{1'280'000'000, "[1,2]"}}));
}

TEST_CASE("A repeat adds no point", "[exporter][influx]") {
  if (!test::has_influx_server()) return;
  const test::InfluxServer server;
  si::InfluxExporter exporter{options(server)};
  std::vector<si::StoredRecord> many;
  for (std::uint64_t i = 0; i < 2000; ++i) many.push_back(si::to_stored(record(i, std::string(1000, 'x'))));
  for (int repeat = 0; repeat < 2; ++repeat) exporter.write(many);
  CHECK(server.rows("SELECT count(value) FROM count") == nlohmann::json::array({{0, 2000}}));
}

TEST_CASE("A field of another type is refused for good, and only it", "[exporter][influx]") {
  if (!test::has_influx_server()) return;
  const test::InfluxServer server;
  si::InfluxExporter exporter{options(server)};
  exporter.collect(record(1, 7));
  const si::StoreError error = refusal_of([&] { exporter.collect(record(2, std::string{"seven"})); });
  CHECK(error.kind() == Kind::poison);
  CHECK_THAT(error.reason(), ContainsSubstring("field type conflict"));
  exporter.collect(record(3, 7));
  CHECK(server.rows("SELECT value FROM count").size() == 2);
}

TEST_CASE("An InfluxDB that is away, or does not answer, is said to be", "[exporter][influx]") {
  if (!test::has_influx_server()) return;
  test::InfluxServer server{"", false};
  si::InfluxExporter exporter{options(server)};
  CHECK(refusal_of([&] { exporter.collect(record(1, 1)); }).kind() == Kind::retry);
  server.start();
  exporter.collect(record(1, 1));
  server.child().freeze();
  const test::Stopwatch stopwatch;
  CHECK(refusal_of([&] { exporter.collect(record(2, 1)); }).code() == std::errc::timed_out);
  CHECK(stopwatch.elapsed() < 3s);
  server.child().signal(SIGCONT);
  exporter.collect(record(2, 1));
  server.kill();
  CHECK(refusal_of([&] { exporter.collect(record(3, 1)); }).kind() == Kind::retry);
  server.start();
  exporter.collect(record(3, 1));
  CHECK(server.rows("SELECT value FROM count").size() == 3);
}

TEST_CASE("Wrong options of InfluxExporter are errors at once, and say which", "[exporter][influx]") {
  if (!test::has_influx_server()) return;
  const test::InfluxServer server{"a secret"};
  const auto what = [](const si::InfluxOptions& wrong) {
    const std::string text = error_of([&] { si::InfluxExporter{wrong}; }).what();
    CHECK(text.find("a secret") == std::string::npos);
    CHECK(text.find("hunter2") == std::string::npos);
    return text;
  };
  const auto with = [&](const std::string& user, const std::string& password, const std::string& name = "video") {
    si::InfluxOptions changed = options(server);
    changed.to = si::InfluxDatabase{.name = name, .user = user, .password = password};
    return changed;
  };
  si::InfluxExporter right{with("cam", "a secret")};
  right.collect(record(1, 1));
  CHECK(server.rows("SELECT value FROM count").size() == 1);
  CHECK_THAT(what(options(server)), ContainsSubstring("InfluxOptions::to (user and password, or token): HTTP 401"));
  CHECK_THAT(what(with("cam", "hunter2")), ContainsSubstring("token): HTTP 401: authorization failed"));
  CHECK_THAT(what(with("guest", "a secret")), ContainsSubstring("token): HTTP 403"));
  CHECK_THAT(
      what(with("admin", "a secret", "other")),
      ContainsSubstring("InfluxOptions::to (database or bucket), or ::url: HTTP 404: database not found: \"other\""));
  CHECK_THAT(what(with("admin", "a secret", "")), ContainsSubstring("InfluxDatabase::name"));
  CHECK_THAT(what({.url = "influx:8086", .to = si::InfluxDatabase{.name = "a"}}),
             ContainsSubstring("InfluxOptions::url"));
  CHECK_THAT(what({.url = server.url() + "/nowhere", .to = si::InfluxDatabase{.name = "a"}}),
             ContainsSubstring("or ::url: HTTP 404"));
  CHECK_THAT(what({.to = si::InfluxDatabase{.name = "a"}, .timeout = 0s}), ContainsSubstring("InfluxOptions::timeout"));
  CHECK_THAT(what({.to = si::InfluxDatabase{.name = "a"}, .measurement = "{alg}"}),
             ContainsSubstring("InfluxOptions::measurement"));
  CHECK_THAT(what({.to = si::InfluxBucket{.name = "b"}}), ContainsSubstring("InfluxBucket::organization"));
  CHECK_THAT(what({.to = si::InfluxBucket{.organization = "b"}}), ContainsSubstring("InfluxBucket::name"));
}

TEST_CASE("InfluxDB 2 is written to as its documentation says", "[exporter][influx]") {
  const test::HttpRecorder server{
      {test::HttpRecorder::answer("400 Bad Request", R"({"code":"invalid","message":"no points"})"),
       "HTTP/1.1 204 No Content\r\n\r\n"}};
  si::InfluxExporter exporter{{.url = server.url() + '/',
                               .to = si::InfluxBucket{.organization = "my lab", .name = "vid&eo", .token = "a secret"},
                               .timeout = 2s}};
  exporter.collect(record(29, 7));
  const auto requests = server.requests();
  REQUIRE(requests.size() == 2);
  CHECK(requests[1].head.starts_with("POST /api/v2/write?org=my%20lab&bucket=vid%26eo&precision=ns HTTP/1.1\r\n"));
  CHECK_THAT(requests[1].head, ContainsSubstring("\r\nAuthorization: Token a secret\r\n"));
  CHECK(requests[1].body == "count,algorithm=count,source=clip\\ one.mp4 key=\"" +
                                si::record_key(si::to_stored(record(29, 7))) +
                                "\",began_at_ns=0i,epoch=0i,frame_index=29i,value=7i 1160000000\n");
  CHECK(server.connections() == 1);
}
