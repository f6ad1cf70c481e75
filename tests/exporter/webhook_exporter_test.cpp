#include "stream_infer/exporter/webhook_exporter.hpp"

#include "exporter/http_recorder.hpp"
#include "exporter/web_server.hpp"
#include "stream_infer/exporter/exporter.hpp"
#include "support/catch.hpp"
#include "support/error_of.hpp"
#include "support/refusal_of.hpp"
#include "support/stopwatch.hpp"

#include <chrono>
#include <csignal>
#include <cstdint>
#include <ctime>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace si = stream_infer;
namespace test = stream_infer::test;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using Kind = si::StoreError::Kind;
using test::error_of;
using test::refusal_of;

namespace {

si::Record<int> record(std::uint64_t frame_index) {
  return {.time = frame_index * 40ms,
          .frame_index = frame_index,
          .algo = si::Name{"count"},
          .value = 1,
          .source = {si::Name{"clip.mp4"}, {}}};
}

std::vector<si::StoredRecord> records(std::uint64_t end) {
  std::vector<si::StoredRecord> all;
  for (std::uint64_t i = 0; i < end; ++i) all.push_back(si::to_stored(record(i)));
  return all;
}

std::string key(std::uint64_t frame_index) { return si::record_key(si::to_stored(record(frame_index))); }

}  // namespace

static_assert(si::Exporter<si::WebhookExporter, int, std::string>);
static_assert(!si::Exporter<si::WebhookExporter, std::thread>);

TEST_CASE("A request has a JSON array, the key, and the headers that were asked for", "[exporter][webhook]") {
  const test::HttpRecorder server;
  si::WebhookExporter exporter{{.url = server.url() + "/hook?token=1", .headers = {{"X-Api-Key", "a secret"}}}};
  exporter.collect(record(29));
  exporter.write(records(2));
  exporter.write(records(2));
  exporter.write({});
  const auto requests = server.requests();
  REQUIRE(requests.size() == 3);
  CHECK(requests[0].head.starts_with("POST /hook?token=1 HTTP/1.1\r\n"));
  CHECK_THAT(requests[0].head, ContainsSubstring("\r\nContent-Type: application/json\r\n"));
  CHECK_THAT(requests[0].head, ContainsSubstring("\r\nX-Api-Key: a secret\r\n"));
  CHECK_THAT(requests[0].head, ContainsSubstring("\r\nIdempotency-Key: " + key(29) + "\r\n"));
  CHECK(requests[0].body == "[" + si::to_json_text(si::to_stored(record(29))) + "]\n");
  const auto header_of = [&](std::size_t i) {
    const std::size_t at = requests[i].head.find("Idempotency-Key: ") + 17;
    return requests[i].head.substr(at, requests[i].head.find("\r\n", at) - at);
  };
  CHECK(header_of(1).size() == 32);
  CHECK(header_of(1) != key(0));
  CHECK(header_of(1) == header_of(2));
  CHECK(nlohmann::json::parse(requests[1].body).size() == 2);
  CHECK(server.connections() == 1);
}

TEST_CASE("Large batches are several requests", "[exporter][webhook]") {
  if (!test::has_web_server()) return;
  const test::WebServer server;
  si::WebhookExporter exporter{{.url = server.url()}};
  std::vector<si::StoredRecord> large = records(10);
  for (si::StoredRecord& one : large) one.value = '"' + std::string(700'000, 'x') + '"';
  exporter.write(large);
  CHECK(server.records().size() == 10);
}

TEST_CASE("What an answer means", "[exporter][webhook]") {
  if (!test::has_web_server()) return;
  const test::WebServer server;
  const auto refusal = [&](const std::string& url) {
    si::WebhookExporter exporter{{.url = url}};
    const si::StoreError error = refusal_of([&] { exporter.write(records(20)); });
    CHECK(error.source() == "http://127.0.0.1:" + std::to_string(server.port()));
    return error;
  };
  CHECK(refusal(server.url("/nowhere")).kind() == Kind::retry);
  CHECK_THAT(refusal(server.url("/nowhere")).reason(), ContainsSubstring("WebhookOptions::url: HTTP 404"));
  CHECK_THAT(refusal(server.url("/moved")).reason(), ContainsSubstring("redirects"));
  CHECK_THAT(refusal(server.url("/users")).reason(), ContainsSubstring("WebhookOptions::url, or ::headers: HTTP 401"));
  CHECK(refusal(server.url("/small")).kind() == Kind::poison);
  CHECK_THAT(refusal(server.url("/small")).reason(), ContainsSubstring("HTTP 413"));
  for (const char* const state : {"busy", "limited"}) {
    server.turn(state, true);
    const si::StoreError error = refusal(server.url());
    CHECK(error.kind() == Kind::retry);
    CHECK(error.retry_after() == 1s);
    server.turn(state, false);
  }
  std::string with_user = server.url("/users");
  with_user.insert(7, "cam:a%20secret@");
  si::WebhookExporter{{.url = with_user}}.collect(record(1));
  with_user.replace(with_user.find("cam"), 3, "cat");
  const si::StoreError wrong = refusal(with_user);
  CHECK(std::string{wrong.what()}.find("secret") == std::string::npos);
}

TEST_CASE("The date of Retry-After is understood, too", "[exporter][webhook]") {
  char date[64];
  const std::time_t then = std::time(nullptr) + 100;
  std::strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", std::gmtime(&then));
  const test::HttpRecorder server{
      {test::HttpRecorder::answer("503 Busy", "later", "Retry-After: " + std::string{date} + "\r\n"),
       test::HttpRecorder::answer("503 Busy", "", "Retry-After: nonsense\r\n"),
       test::HttpRecorder::answer("503 Busy", "", "Retry-After: 999999999999\r\n")}};
  si::WebhookExporter exporter{{.url = server.url()}};
  const auto after = [&] { return refusal_of([&] { exporter.collect(record(1)); }).retry_after(); };
  const auto dated = after();
  REQUIRE(dated);
  CHECK(*dated > 90s);
  CHECK(*dated <= 100s);
  CHECK_FALSE(after());
  CHECK(after() == 24h);
}

TEST_CASE("A web server that is away, silent, or not whom it says to be", "[exporter][webhook]") {
  if (!test::has_web_server()) return;
  struct sigaction before {};
  ::sigaction(SIGPIPE, nullptr, &before);
  REQUIRE(before.sa_handler == SIG_DFL);
  test::WebServer server{false};
  si::WebhookExporter exporter{{.url = server.url(), .timeout = 500ms}};
  CHECK(refusal_of([&] { exporter.collect(record(1)); }).kind() == Kind::retry);
  server.start();
  exporter.collect(record(1));
  server.child().freeze();
  const test::Stopwatch stopwatch;
  CHECK(refusal_of([&] { exporter.collect(record(2)); }).code() == std::errc::timed_out);
  CHECK(stopwatch.elapsed() < 1s);
  server.child().signal(SIGCONT);
  exporter.collect(record(2));
  server.kill();
  CHECK(refusal_of([&] { exporter.collect(record(3)); }).kind() == Kind::retry);
  server.start();

  const auto tls = [&](const std::string& url, const si::Tls& options) {
    si::WebhookExporter{{.url = url, .tls = options}}.collect(record(4));
  };
  CHECK_NOTHROW(tls(server.tls_url(), {.ca_file = server.certificate()}));
  CHECK_NOTHROW(tls(server.tls_url("127.0.0.1"), {.verify = false}));
  for (const si::StoreError& error : {refusal_of([&] { tls(server.tls_url(), {}); }), refusal_of([&] {
                                        tls(server.tls_url("127.0.0.1"), {.ca_file = server.certificate()});
                                      }),
                                      refusal_of([&] { tls(server.tls_url(), {.ca_file = "/nowhere.pem"}); })}) {
    CHECK(error.kind() == Kind::retry);
    CHECK_THAT(error.reason(), ContainsSubstring("WebhookOptions::tls"));
  }
}

TEST_CASE("Wrong options of WebhookExporter are errors at once, and say which", "[exporter][webhook]") {
  const auto what = [](si::WebhookOptions wrong) {
    const std::string text = error_of([&] { si::WebhookExporter{std::move(wrong)}; }).what();
    CHECK(text.find("hunter2") == std::string::npos);
    return text;
  };
  for (const char* const url : {"", "example.com/hunter2", "ftp://hunter2@example.com", "http://", "http:///hunter2",
                                "http://exa mple/hunter2"})
    CHECK_THAT(what({.url = url}), ContainsSubstring("WebhookOptions::url"));
  CHECK_THAT(what({.url = "http://a", .timeout = -1s}), ContainsSubstring("WebhookOptions::timeout"));
  for (const auto& [name, value] : {std::pair{"", "hunter2"}, {"A: b", "hunter2"}, {"A", "hunter2\r\nB: c"}})
    CHECK_THAT(what({.url = "http://a", .headers = {{name, value}}}), ContainsSubstring("WebhookOptions::headers"));
}
