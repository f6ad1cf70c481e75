#include "stream_infer/exporter/tdengine_exporter.hpp"

#include "exporter/http_recorder.hpp"
#include "exporter/influx_server.hpp"
#include "stream_infer/exporter/exporter.hpp"
#include "support/catch.hpp"
#include "support/error_of.hpp"
#include "support/refusal_of.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>
#include <utility>
#include <vector>

// TDengine itself is not here: its requests are compared with what its documentation says, byte for byte.

namespace si = stream_infer;
namespace test = stream_infer::test;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using Kind = si::StoreError::Kind;
using test::error_of;
using test::HttpRecorder;
using test::refusal_of;

namespace {

si::Record<std::string> record(std::uint64_t frame_index, const std::string& value = "x") {
  return {.time = frame_index * 40ms + 7ns,
          .frame_index = frame_index,
          .algo = si::Name{"it's"},
          .value = value,
          .source = {si::Name{"rtsp://***@cam/1"}, si::WallTime{1'000'000'000s}}};
}

const std::string created =
    HttpRecorder::answer("200 OK", R"({"code":0,"column_meta":[["affected_rows","INT",4]],"data":[[0]],"rows":1})");

si::TdengineOptions options(const HttpRecorder& server) {
  return {.url = server.url(), .database = "video", .timeout = 2s};
}

std::string failure(int code, const std::string& desc) {
  return HttpRecorder::answer("200 OK", R"({"code":)" + std::to_string(code) + R"(,"desc":")" + desc + "\"}");
}

}  // namespace

static_assert(si::Exporter<si::TdengineExporter, int, std::string>);
static_assert(!si::Exporter<si::TdengineExporter, std::thread>);

TEST_CASE("TDengine is asked in SQL as its documentation says", "[exporter][tdengine]") {
  const HttpRecorder server{{created}};
  si::TdengineExporter exporter{options(server)};
  exporter.collect(record(1, "a 'b'\\\"\n"));
  const std::vector<si::StoredRecord> two{si::to_stored(record(2)), si::to_stored(record(3))};
  exporter.write(two);
  const auto requests = server.requests();
  REQUIRE(requests.size() == 3);
  for (const auto& request : requests) {
    CHECK(request.head.starts_with("POST /rest/sql/video HTTP/1.1\r\n"));
    CHECK_THAT(request.head, ContainsSubstring("\r\nAuthorization: Basic cm9vdDp0YW9zZGF0YQ==\r\n"));  // root:taosdata
  }
  CHECK(
      requests[0].body ==
      "CREATE STABLE IF NOT EXISTS `results` (ts TIMESTAMP, `key` VARCHAR(32), began_at_ns BIGINT, epoch INT UNSIGNED, "
      "frame_index BIGINT UNSIGNED, time_ns BIGINT, `value` NCHAR(4000)) TAGS (algorithm NCHAR(200), source "
      "NCHAR(2000))");
  const std::string table = " `r_" + si::detail::hash_of({"results", "it's", "rtsp://***@cam/1"}) +
                            "` USING `results` TAGS ('it\\'s','rtsp://***@cam/1') VALUES (";
  const auto key = [](std::uint64_t index) { return si::record_key(si::to_stored(record(index))); };
  CHECK(requests[1].body == "INSERT INTO" + table + "1000000000040000007,'" + key(1) +
                                R"(',1000000000000000000,0,1,40000007,'\"a \'b\'\\\\\\\"\\n\"'))");
  CHECK(requests[2].body == "INSERT INTO" + table + "1000000000080000007,'" + key(2) +
                                "',1000000000000000000,0,2,80000007,'\\\"x\\\"')" + table + "1000000000120000007,'" +
                                key(3) + "',1000000000000000000,0,3,120000007,'\\\"x\\\"')");
}

TEST_CASE("The database's precision, and a table's name, are those that were told", "[exporter][tdengine]") {
  for (const auto& [precision, time] : {std::pair{si::TimePrecision::milliseconds, "(1000000000040,"},
                                        {si::TimePrecision::microseconds, "(1000000000040000,"}}) {
    const HttpRecorder server{{created}};
    si::TdengineOptions other = options(server);
    other.user = "cam";
    other.password = "a secret";
    other.form = si::TdengineSql{.table = "mine", .precision = precision};
    si::TdengineExporter{other}.collect(record(1));
    const auto requests = server.requests();
    REQUIRE(requests.size() == 2);
    CHECK_THAT(requests[0].head, ContainsSubstring("\r\nAuthorization: Basic Y2FtOmEgc2VjcmV0\r\n"));
    CHECK_THAT(requests[0].body, ContainsSubstring("`mine`"));
    CHECK_THAT(requests[1].body, ContainsSubstring(time));
  }
}

TEST_CASE("Statements stay below TDengine's limit", "[exporter][tdengine]") {
  const HttpRecorder server{{created}};
  si::TdengineExporter exporter{options(server)};
  std::vector<si::StoredRecord> many;
  for (std::uint64_t i = 0; i < 500; ++i) many.push_back(si::to_stored(record(i, std::string(4000, '"'))));
  exporter.write(many);
  std::size_t rows = 0;
  for (const auto& request : server.requests()) {
    CHECK(request.body.size() < (1U << 20U));
    for (std::size_t at = 0; (at = request.body.find(" VALUES (", at)) != std::string::npos; ++at) ++rows;
  }
  CHECK(rows == 500);
}

TEST_CASE("What TDengine's answers mean", "[exporter][tdengine]") {
  const auto refusal = [](const std::string& answer) {
    const HttpRecorder server{{created, answer}};
    si::TdengineExporter exporter{options(server)};
    const si::StoreError error = refusal_of([&] { exporter.collect(record(1)); });
    CHECK(error.source() == server.url());
    return error;
  };
  CHECK(refusal(failure(0x2653, "Value too long for column/tag")).kind() == Kind::poison);
  CHECK(refusal(failure(0x060b, "Timestamp data out of range")).kind() == Kind::poison);
  CHECK(refusal(HttpRecorder::answer("400 Bad Request", R"({"code":9728,"desc":"syntax error"})")).kind() ==
        Kind::poison);
  CHECK_THAT(refusal(failure(0x060b, "Timestamp data out of range")).reason(),
             ContainsSubstring("Timestamp data out of range (code 1547)"));
  CHECK(refusal(failure(0x000b, "Unable to establish connection")).kind() == Kind::retry);
  CHECK(refusal(HttpRecorder::answer("503 Busy", R"({"code":65535,"desc":"busy"})", "Retry-After: 3\r\n"))
            .retry_after() == 3s);
  CHECK(refusal(HttpRecorder::answer("200 OK", "not JSON")).kind() == Kind::retry);
  CHECK_THAT(refusal(failure(0x0388, "Database not exist")).reason(), ContainsSubstring("TdengineOptions::database"));
}

TEST_CASE("Wrong options of TdengineExporter are errors at once, and say which", "[exporter][tdengine]") {
  const auto what = [](si::TdengineOptions wrong) {
    wrong.password = "hunter2";
    const std::string text = error_of([&] { si::TdengineExporter{wrong}; }).what();
    CHECK(text.find("hunter2") == std::string::npos);
    return text;
  };
  CHECK_THAT(what({}), ContainsSubstring("TdengineOptions::database"));
  CHECK_THAT(what({.database = "a b"}), ContainsSubstring("TdengineOptions::database"));
  CHECK_THAT(what({.url = "td:6041", .database = "video"}), ContainsSubstring("TdengineOptions::url"));
  CHECK_THAT(what({.database = "video", .user = ""}), ContainsSubstring("TdengineOptions::user"));
  CHECK_THAT(what({.database = "video", .form = si::TdengineSql{.table = "`"}}),
             ContainsSubstring("TdengineSql::table"));
  CHECK_THAT(what({.database = "video", .form = si::TdengineLines{.measurement = ""}}),
             ContainsSubstring("TdengineLines::measurement"));
  const HttpRecorder refuses{
      {HttpRecorder::answer("401 Unauthorized", R"({"code":855,"desc":"Authentication failure"})")}};
  CHECK_THAT(what(options(refuses)),
             ContainsSubstring("TdengineOptions::user or ::password: Authentication failure (code 855)"));
  const HttpRecorder empty{{failure(0x0388, "Database not exist")}};
  CHECK_THAT(what(options(empty)), ContainsSubstring("TdengineOptions::database: Database not exist (code 904)"));
  const HttpRecorder busy{{failure(0x000b, "Unable to establish connection"), created}};
  si::TdengineExporter later{options(busy)};
  later.collect(record(1));
  CHECK(busy.requests().size() == 3);
}

TEST_CASE("TDengine's line protocol is InfluxDB's", "[exporter][tdengine]") {
  const HttpRecorder server{{"HTTP/1.1 204 No Content\r\n\r\n"}};
  si::TdengineOptions lines = options(server);
  lines.form = si::TdengineLines{};
  si::TdengineExporter{lines}.collect(record(1));
  const auto requests = server.requests();
  REQUIRE(requests.size() == 2);
  CHECK(requests[1].head.starts_with("POST /influxdb/v1/write?db=video&precision=ns HTTP/1.1\r\n"));
  CHECK_THAT(requests[1].head, ContainsSubstring("\r\nAuthorization: Basic cm9vdDp0YW9zZGF0YQ==\r\n"));
  CHECK(requests[1].body == si::to_line(si::to_stored(record(1)), "it's"));

  if (!test::has_influx_server()) return;
  const test::InfluxServer influx;  // takes the same lines
  static_cast<void>(si::detail::HttpClient{{.name = "test", .url = influx.url(), .timeout = 5s}}.post(
      "/write?db=video&precision=ns", requests[1].body, {}));
  CHECK(influx.rows("SELECT value FROM \"it's\"") == nlohmann::json::array({{1'000'000'000'040'000'007, "x"}}));
}
