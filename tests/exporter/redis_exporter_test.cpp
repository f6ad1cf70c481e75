#include "stream_infer/exporter/redis_exporter.hpp"

#include "exporter/redis_server.hpp"
#include "stream_infer/exporter/exporter.hpp"
#include "support/catch.hpp"
#include "support/error_of.hpp"
#include "support/refusal_of.hpp"
#include "support/stopwatch.hpp"

#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace si = stream_infer;
namespace test = stream_infer::test;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using test::error_of;
using test::refusal_of;
using Words = std::vector<std::string>;

namespace {

si::Record<int> record(std::uint64_t frame_index, int value = 1, const std::string& source = "clip.mp4") {
  return {.time = frame_index * 40ms,
          .frame_index = frame_index,
          .algo = si::Name{"count"},
          .value = value,
          .source = {si::Name{source}, {}}};
}

std::vector<si::StoredRecord> records(std::uint64_t begin, std::uint64_t end) {
  std::vector<si::StoredRecord> all;
  for (std::uint64_t i = begin; i < end; ++i) all.push_back(si::to_stored(record(i)));
  return all;
}

si::RedisOptions options(const test::RedisServer& server) {
  return {.port = static_cast<std::uint16_t>(server.port()), .timeout = 1s};
}

const std::string stream = "results:count:clip.mp4";

}  // namespace

static_assert(si::Exporter<si::RedisExporter, int, std::string>);
static_assert(!si::Exporter<si::RedisExporter, std::thread>);

TEST_CASE("Records are entries of a stream", "[exporter][redis]") {
  if (!test::has_redis_server()) return;
  const test::RedisServer server;
  si::RedisExporter exporter{options(server)};
  exporter.collect(record(0, 5));
  exporter.collect(record(29, 7));
  exporter.collect(
      si::Record<std::string>{.time = 1500us,
                              .frame_index = 3,
                              .algo = si::Name{"text"},
                              .value = "it's \"x\"\r\n",
                              .epoch = 2,
                              .source = {si::Name{"rtsp://***@cam/1"}, si::WallTime{1'000'000'000'123ms}}});
  CHECK(server.ask({"XRANGE", stream, "-", "+"}) == Words{"0-1",
                                                          "schema",
                                                          "1",
                                                          "key",
                                                          si::record_key(si::to_stored(record(0))),
                                                          "source",
                                                          "clip.mp4",
                                                          "began_at_ns",
                                                          "0",
                                                          "epoch",
                                                          "0",
                                                          "algorithm",
                                                          "count",
                                                          "frame_index",
                                                          "0",
                                                          "time_ns",
                                                          "0",
                                                          "value",
                                                          "5",
                                                          "1160-30",
                                                          "schema",
                                                          "1",
                                                          "key",
                                                          si::record_key(si::to_stored(record(29))),
                                                          "source",
                                                          "clip.mp4",
                                                          "began_at_ns",
                                                          "0",
                                                          "epoch",
                                                          "0",
                                                          "algorithm",
                                                          "count",
                                                          "frame_index",
                                                          "29",
                                                          "time_ns",
                                                          "1160000000",
                                                          "value",
                                                          "7"});
  const Words live = server.ask({"XRANGE", "results:text:rtsp://***@cam/1", "-", "+"});
  REQUIRE(live.size() == 19);
  CHECK(live.front() == "1000000000124-4");
  CHECK(live.back() == "\"it's \\\"x\\\"\\r\\n\"");
}

TEST_CASE("A repeat adds no entry, and one that is late is added once", "[exporter][redis]") {
  if (!test::has_redis_server()) return;
  const test::RedisServer server;
  si::RedisExporter exporter{options(server)};
  exporter.write(records(10, 20));
  exporter.write(records(10, 25));
  CHECK(server.ask({"XLEN", stream}) == Words{"15"});
  for (int repeat = 0; repeat < 3; ++repeat) {
    exporter.write(records(5, 12));  // five of them are older than what is there
    CHECK(server.ask({"XLEN", stream}) == Words{"20"});
  }
  const si::StoredRecord same_id = si::to_stored(si::Record<int>{.time = 24 * 40ms,
                                                                 .frame_index = 24,
                                                                 .algo = si::Name{"count"},
                                                                 .value = 8,
                                                                 .epoch = 1,
                                                                 .source = {si::Name{"clip.mp4"}, {}}});
  for (int repeat = 0; repeat < 2; ++repeat) exporter.write({&same_id, 1});  // another record, at the same time
  CHECK(server.ask({"XLEN", stream}) == Words{"21"});
  CHECK(server.ask({"XREVRANGE", stream, "+", "-", "COUNT", "1"}).back() == "8");
}

TEST_CASE("A stream keeps about as many entries as it may", "[exporter][redis]") {
  if (!test::has_redis_server()) return;
  const test::RedisServer server;
  si::RedisOptions bounded = options(server);
  bounded.form = si::RedisStreams{.key = "all", .max_len = 1000};
  si::RedisExporter exporter{bounded};
  exporter.write(records(0, 5000));
  const int length = std::stoi(server.ask({"XLEN", "all"}).front());
  CHECK(length >= 1000);
  CHECK(length < 1300);
  exporter.write(records(0, 10));  // late ones are counted, too
  CHECK(std::stoi(server.ask({"XLEN", "all"}).front()) < 1300);
}

TEST_CASE("A repeat of what a short stream has let go adds nothing", "[exporter][redis]") {
  if (!test::has_redis_server()) return;
  const test::RedisServer server;
  si::RedisOptions bounded = options(server);
  bounded.form = si::RedisStreams{.max_len = 100};
  si::RedisExporter exporter{bounded};
  exporter.write(records(0, 500));
  const std::string last = server.ask({"XREVRANGE", stream, "+", "-", "COUNT", "1"}).front();
  const std::string length = server.ask({"XLEN", stream}).front();
  exporter.write(records(0, 500));
  CHECK(server.ask({"XREVRANGE", stream, "+", "-", "COUNT", "1"}).front() == last);
  CHECK(server.ask({"XLEN", stream}).front() == length);
  CHECK(server.ask({"DBSIZE"}).front() == "1");
}

TEST_CASE("Records are members of a sorted set, by time", "[exporter][redis]") {
  if (!test::has_redis_server()) return;
  const test::RedisServer server;
  si::RedisOptions sets = options(server);
  sets.database = 3;
  sets.form = si::RedisSortedSets{.max_len = 50};
  si::RedisExporter exporter{sets};
  exporter.write(records(0, 100));
  exporter.write(records(0, 100));
  exporter.collect(record(10, 1, "other.mp4"));
  const auto ask = [&](std::initializer_list<std::string> words) {
    return server.ask({"EVAL", "redis.call('SELECT', 3) return redis.call(unpack(ARGV))", "0", words.begin()[0],
                       words.begin()[1], words.begin()[2], words.begin()[3]});
  };
  CHECK(ask({"ZCOUNT", "results:count", "-inf", "+inf"}) == Words{"50"});
  CHECK(ask({"ZRANGEBYSCORE", "results:count", "3.56", "3.6"}) ==
        Words{si::to_json_text(si::to_stored(record(89))), si::to_json_text(si::to_stored(record(90)))});
}

TEST_CASE("All of a batch is written, whatever its size", "[exporter][redis]") {
  if (!test::has_redis_server()) return;
  const test::RedisServer server;
  si::RedisExporter exporter{options(server)};
  std::vector<si::StoredRecord> large = records(0, 20);
  for (si::StoredRecord& one : large) one.value = '"' + std::string(700'000, 'x') + '"';
  exporter.write(large);
  exporter.write({});
  CHECK(server.ask({"XLEN", stream}) == Words{"20"});
  CHECK(server.ask({"XRANGE", stream, "0", "0"}).back().size() == 700'002);
}

TEST_CASE("A server that is not there yet is looked for, and one that was lost", "[exporter][redis]") {
  if (!test::has_redis_server()) return;
  struct sigaction before {};
  ::sigaction(SIGPIPE, nullptr, &before);
  REQUIRE(before.sa_handler == SIG_DFL);  // or this test shows nothing of SIGPIPE
  test::RedisServer server{{}, false};
  si::RedisExporter exporter{options(server)};
  const si::StoreError absent = refusal_of([&] { exporter.collect(record(1)); });
  CHECK(absent.kind() == si::StoreError::Kind::retry);
  CHECK(absent.code() == std::errc::connection_refused);
  CHECK(absent.source() == "redis://127.0.0.1:" + std::to_string(server.port()) + "/0");
  server.start();
  exporter.collect(record(1));
  for (std::uint64_t round = 2; round < 5; ++round) {
    server.kill();
    CHECK(refusal_of([&] { exporter.collect(record(round)); }).kind() == si::StoreError::Kind::retry);
    server.start();
    exporter.collect(record(round));
  }
  auto moved = std::move(exporter);
  moved.collect(record(9));
  CHECK(server.ask({"XLEN", stream}) == Words{"5"});
}

TEST_CASE("A server that does not answer is given up in time", "[exporter][redis]") {
  if (!test::has_redis_server()) return;
  test::RedisServer server;
  si::RedisExporter exporter{options(server)};
  exporter.collect(record(1));
  server.child().freeze();
  for (std::uint64_t i = 2; i < 4; ++i) {  // once on the old connection, once on a new one
    const test::Stopwatch stopwatch;
    const si::StoreError error = refusal_of([&] { exporter.collect(record(i)); });
    CHECK(stopwatch.elapsed() < 1500ms);
    CHECK(error.code() == std::errc::timed_out);
    CHECK_THAT(error.reason(), ContainsSubstring("RedisOptions::timeout"));
  }
  server.child().signal(SIGCONT);
  exporter.write(records(1, 5));
  CHECK(server.ask({"XLEN", stream}) == Words{"4"});
}

TEST_CASE("Of a batch that a full server refuses nothing is written, and later all", "[exporter][redis]") {
  if (!test::has_redis_server()) return;
  const test::RedisServer server;
  si::RedisExporter exporter{options(server)};
  exporter.write(records(0, 10));
  REQUIRE(server.ask({"CONFIG", "SET", "maxmemory", "1"}) == Words{"OK"});
  const si::StoreError full = refusal_of([&] { exporter.write(records(10, 20)); });
  CHECK(full.kind() == si::StoreError::Kind::retry);
  CHECK_THAT(full.reason(), ContainsSubstring("OOM"));
  CHECK(server.ask({"XLEN", stream}) == Words{"10"});
  REQUIRE(server.ask({"CONFIG", "SET", "maxmemory", "0"}) == Words{"OK"});
  exporter.write(records(10, 20));
  CHECK(server.ask({"XLEN", stream}) == Words{"20"});
}

TEST_CASE("A key that holds something else, or may not be written, is said", "[exporter][redis]") {
  if (!test::has_redis_server()) return;
  const test::RedisServer server;
  REQUIRE(server.ask({"SET", stream, "a text"}) == Words{"OK"});
  si::RedisExporter exporter{options(server)};
  CHECK_THAT(refusal_of([&] { exporter.collect(record(1)); }).reason(), ContainsSubstring("WRONGTYPE"));

  REQUIRE(server.ask({"ACL", "SETUSER", "cam", "on", ">a secret", "~mine:*", "+@all"}) == Words{"OK"});
  si::RedisOptions limited = options(server);
  limited.user = "cam";
  limited.password = "a secret";
  si::RedisExporter other{limited};
  CHECK_THAT(refusal_of([&] { other.collect(record(1)); }).reason(), ContainsSubstring("NOPERM"));
  limited.form = si::RedisStreams{.key = "mine:{algorithm}"};
  si::RedisExporter{limited}.collect(record(1));
  CHECK(server.ask({"XLEN", "mine:count"}) == Words{"1"});
}

TEST_CASE("A server that knows no passwords does not have ours said", "[exporter][redis]") {
  if (!test::has_redis_server()) return;
  const test::RedisServer server{{"--rename-command", "AUTH", ""}};
  si::RedisOptions with = options(server);
  with.password = si::Secret{"hunter2secret"};
  const std::string said = error_of([&] { si::RedisExporter{with}; }).what();
  CHECK_THAT(said, ContainsSubstring("unknown command"));
  CHECK_THAT(said, !ContainsSubstring("hunter2"));
}

TEST_CASE("Wrong options are errors at once, and say which", "[exporter][redis]") {
  if (!test::has_redis_server()) return;
  const test::RedisServer server{{"--requirepass", "a secret"}};
  const auto what = [](const si::RedisOptions& wrong) {
    const std::string text = error_of([&] { si::RedisExporter{wrong}; }).what();
    CHECK(text.find("a secret") == std::string::npos);
    CHECK(text.find("hunter2") == std::string::npos);
    return text;
  };
  const auto with = [&](auto change) {
    si::RedisOptions changed = options(server);
    changed.password = "a secret";
    change(changed);
    return changed;
  };
  CHECK_NOTHROW(si::RedisExporter{with([](auto&) {})});
  CHECK_THAT(what(options(server)), ContainsSubstring("RedisOptions::user or ::password: NOAUTH"));
  CHECK_THAT(what(with([](auto& o) { o.password = "hunter2"; })),
             ContainsSubstring("RedisOptions::user or ::password: WRONGPASS"));
  CHECK_THAT(what(with([](auto& o) { o.user = "nobody"; })),
             ContainsSubstring("RedisOptions::user or ::password: WRONGPASS"));
  CHECK_THAT(what(with([](auto& o) { o.database = 99; })), ContainsSubstring("RedisOptions::database: ERR DB index"));
  CHECK_THAT(what(with([](auto& o) { o.database = -1; })), ContainsSubstring("RedisOptions::database"));
  CHECK_THAT(what(with([](auto& o) { o.user = "x", o.password = ""; })), ContainsSubstring("RedisOptions::password"));
  CHECK_THAT(what(with([](auto& o) { o.port = 0; })), ContainsSubstring("RedisOptions::host"));
  CHECK_THAT(what(with([](auto& o) { o.timeout = 0s; })), ContainsSubstring("RedisOptions::timeout"));
  for (const char* const host : {"", "redis://:hunter2@localhost", "localhost:6379"})
    CHECK_THAT(what(with([&](auto& o) { o.host = host; })), ContainsSubstring("RedisOptions::host"));
  for (const char* const key : {"", "results:{algo}", "results:{algorithm"})
    CHECK_THAT(what(with([&](auto& o) { o.form = si::RedisStreams{.key = key}; })),
               ContainsSubstring("RedisStreams::key"));
  CHECK_THAT(what(with([](auto& o) { o.form = si::RedisSortedSets{.key = "{}"}; })),
             ContainsSubstring("RedisSortedSets::key"));
  CHECK_THAT(what(with([](auto& o) { o.form = si::RedisSortedSets{.max_len = 0}; })),
             ContainsSubstring("RedisSortedSets::max_len"));
  ::unsetenv("STREAM_INFER_TEST_PASSWORD");
  CHECK_THAT(error_of([] { static_cast<void>(si::Secret::from_environment("STREAM_INFER_TEST_PASSWORD")); }).what(),
             ContainsSubstring("STREAM_INFER_TEST_PASSWORD"));
  ::setenv("STREAM_INFER_TEST_PASSWORD", "a secret", 1);
  CHECK_NOTHROW(si::RedisExporter{
      with([](auto& o) { o.password = si::Secret::from_environment("STREAM_INFER_TEST_PASSWORD"); })});
}
