#include "stream_infer/exporter/mysql_exporter.hpp"

#include "exporter/mysql_server.hpp"
#include "stream_infer/exporter/reliable.hpp"
#include "support/catch.hpp"
#include "support/child.hpp"
#include "support/error_of.hpp"
#include "support/files.hpp"
#include "support/stopwatch.hpp"
#include "support/tcp_server.hpp"

#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace si = stream_infer;
namespace test = stream_infer::test;
using namespace std::chrono_literals;
using namespace std::string_view_literals;
using Catch::Matchers::ContainsSubstring;
using Kind = si::StoreError::Kind;
using test::error_of;

static_assert(si::RecordStore<si::MySqlExporter>);
static_assert(std::is_move_constructible_v<si::MySqlExporter> && std::is_move_assignable_v<si::MySqlExporter>);

namespace {

/// The one that most tests share; those that end it have their own.
test::MySqlServer& shared_server() {
  static test::MySqlServer server;
  return server;
}

si::MySqlOptions options(const test::MySqlServer& server, const std::string& table, si::MediaTime timeout = 5s) {
  return {.port = server.port(),
          .user = "si",
          .password = test::MySqlServer::password,
          .database = "si",
          .table = table,
          .timeout = timeout};
}

si::StoredRecord record(std::uint64_t frame_index, std::string value = "1") {
  return {.source = {si::Name{"clip.mp4"}, {}},
          .algorithm = si::Name{"count"},
          .frame_index = frame_index,
          .time = frame_index * 40ms,
          .value = std::move(value)};
}

std::vector<si::StoredRecord> batch(std::uint64_t first, std::size_t count) {
  std::vector<si::StoredRecord> records;
  for (std::size_t i = 0; i < count; ++i) records.push_back(record(first + i));
  return records;
}

void write(si::MySqlExporter& exporter, const si::StoredRecord& one) { exporter.write(std::span{&one, 1}); }

/// As reliable() does: a server that has just come to life again has much to do.
void write_in_the_end(si::MySqlExporter& exporter, const si::StoredRecord& one) {
  for (int attempt = 1;; ++attempt) {
    try {
      return write(exporter, one);
    } catch (const si::StoreError& error) {
      if (error.kind() == Kind::poison || attempt == 10) throw;
    }
  }
}

/// The StoreError that writing throws.
si::StoreError refusal(si::MySqlExporter& exporter, const std::vector<si::StoredRecord>& records) {
  try {
    exporter.write(records);
  } catch (const si::StoreError& error) {
    CHECK_THAT(error.what(), !ContainsSubstring(test::MySqlServer::password));
    return error;
  }
  FAIL("it was taken");
  throw;
}

std::string count(const test::MySqlServer& server, const std::string& table) {
  return server.sql("SELECT count(*), count(DISTINCT frame_index) FROM si." + table);
}

/// A certificate that its owner has made, for the name "localhost" alone.
class Certificate {
 public:
  Certificate() {
    test::Child openssl{{"openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                         "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key(), "-out", file()}};
    if (openssl.wait() != 0) throw std::runtime_error{"openssl: " + openssl.said()};
  }
  [[nodiscard]] std::string file() const { return folder_ / "certificate.pem"; }
  [[nodiscard]] std::string key() const { return folder_ / "key.pem"; }
  [[nodiscard]] std::vector<std::string> settings() const { return {"--ssl-cert=" + file(), "--ssl-key=" + key()}; }

 private:
  test::TemporaryFolder folder_;
};

}  // namespace

TEST_CASE("Records are rows of a MySQL table", "[exporter][mysql]") {
  if (!test::has_mysql_server()) return;
  const test::MySqlServer& server = shared_server();
  si::MySqlExporter exporter{options(server, "kept")};
  exporter.collect(si::Record<int>{
      .time = 1160ms, .frame_index = 29, .algo = si::Name{"count"}, .value = 7, .source = {si::Name{"clip.mp4"}, {}}});
  exporter.collect(
      si::Record<std::string>{.algo = si::Name{"b"},
                              .value = "it's \"x\" \\ \n \xf0\x9f\x8e\xa5 ?",
                              .epoch = UINT32_MAX,
                              .source = {si::Name{"it's `a` \"cam\" \\ \xf0\x9f\x8e\xa5"}, si::WallTime{9ns}}});
  si::StoredRecord extreme = record(UINT64_MAX, R"({"x":[1,2.5,null,true]})");
  extreme.source = {si::Name{std::string(2000, 's')}, si::WallTime{si::MediaTime::min()}};
  extreme.algorithm = si::Name{"d" + std::string(1000, 'a')};
  extreme.time = si::MediaTime::min();
  write(exporter, extreme);
  CHECK(server.sql("SELECT `key`, source, began_at_ns, epoch, algorithm, frame_index, time_ns, value FROM si.kept "
                   "WHERE algorithm = 'count'") ==
        si::record_key(record(29)) + "\tclip.mp4\t0\t0\tcount\t29\t1160000000\t7\n");
  CHECK(server.sql("SELECT source, began_at_ns, epoch, value FROM si.kept WHERE algorithm = 'b'") ==
        "it's `a` \"cam\" \\ \xf0\x9f\x8e\xa5\t9\t4294967295\t\"it's \\\"x\\\" \\\\ \\n \xf0\x9f\x8e\xa5 ?\"\n");
  CHECK(server.sql("SELECT JSON_VALUE(value, '$') FROM si.kept WHERE algorithm = 'b'") ==
        "it's \"x\" \\ \n \xf0\x9f\x8e\xa5 ?\n");
  CHECK(server.sql("SELECT source, began_at_ns, algorithm, frame_index, time_ns, JSON_EXTRACT(value, '$.x[1]') "
                   "FROM si.kept WHERE algorithm > 'd'") == std::string(2000, 's') + "\t-9223372036854775808\td" +
                                                                std::string(1000, 'a') +
                                                                "\t18446744073709551615\t-9223372036854775808\t2.5\n");
}

TEST_CASE("Names that are not UTF-8 are kept as well as they can be", "[exporter][mysql]") {
  if (!test::has_mysql_server()) return;
  const test::MySqlServer& server = shared_server();
  si::MySqlExporter exporter{options(server, "names")};
  for (const char* const name : {"caf\xe9.mp4", "caf\xe8.mp4"}) {
    si::StoredRecord named = record(1);
    named.source.name = si::Name{name};
    write(exporter, named);
  }
  CHECK(server.sql("SELECT source FROM si.names") == "caf\xef\xbf\xbd.mp4\ncaf\xef\xbf\xbd.mp4\n");
}

TEST_CASE("A repeat adds nothing to a MySQL table, and the table is continued", "[exporter][mysql]") {
  if (!test::has_mysql_server()) return;
  const test::MySqlServer& server = shared_server();
  {
    si::MySqlExporter exporter{options(server, "repeats")};
    write(exporter, record(1));
  }
  si::MySqlExporter first{options(server, "repeats")};
  write(first, record(1, "2"));
  si::MySqlExporter exporter{std::move(first)};
  exporter.write({});
  exporter.write(std::vector{record(1), record(2), record(3), record(3)});
  CHECK(server.sql("SELECT frame_index, value FROM si.repeats ORDER BY frame_index") == "1\t1\n2\t1\n3\t1\n");
  std::thread{[&exporter] { write(exporter, record(4)); }}.join();
  CHECK(count(server, "repeats") == "4\t4\n");
}

TEST_CASE("Batches of any size are written whole", "[exporter][mysql]") {
  if (!test::has_mysql_server()) return;
  const test::MySqlServer& server = shared_server();
  si::MySqlExporter exporter{options(server, "batches")};
  std::uint64_t written = 0;
  for (const std::size_t size : std::array<std::size_t, 8>{1, 2, 3, 255, 256, 257, 1000, 257}) {
    exporter.write(batch(written, size));
    written += size;
    const std::string all = std::to_string(written);
    CHECK(count(server, "batches") == all + '\t' + all + '\n');
  }
}

TEST_CASE("What was not written whole to MySQL is not written at all", "[exporter][mysql]") {
  if (!test::has_mysql_server()) return;
  const test::MySqlServer& server = shared_server();
  si::MySqlExporter exporter{options(server, "whole")};
  server.sql(
      "DELIMITER //\nCREATE TRIGGER si.refuse BEFORE INSERT ON si.whole FOR EACH ROW IF NEW.frame_index = 290 THEN "
      "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not this one'; END IF//");
  const si::StoreError error = refusal(exporter, batch(0, 300));
  CHECK(error.kind() == Kind::poison);
  CHECK(error.step() == "export");
  CHECK(error.source() == "mysql://127.0.0.1:" + std::to_string(server.port()) + "/si/whole");
  CHECK_THAT(error.reason(), ContainsSubstring("not this one"));
  CHECK(count(server, "whole") == "0\t0\n");
  exporter.write(batch(0, 290));
  CHECK(count(server, "whole") == "290\t290\n");
}

TEST_CASE("The right to INSERT is enough for a table that is there", "[exporter][mysql]") {
  if (!test::has_mysql_server()) return;
  const test::MySqlServer& server = shared_server();
  { si::MySqlExporter{options(server, "insert_only")}; }
  server.sql("CREATE USER inserter@'%' IDENTIFIED BY 'other'; GRANT INSERT ON si.insert_only TO inserter@'%'");
  si::MySqlOptions rights = options(server, "insert_only");
  rights.user = "inserter";
  rights.password = "other";
  si::MySqlExporter exporter{rights};
  write(exporter, record(7));
  write(exporter, record(7));
  exporter.write(batch(0, 300));
  exporter.write(batch(100, 300));
  CHECK(count(server, "insert_only") == "400\t400\n");
  server.sql("ALTER TABLE si.insert_only ADD CHECK (frame_index <> 500)");
  CHECK(refusal(exporter, batch(390, 200)).kind() == Kind::poison);
  CHECK(count(server, "insert_only") == "400\t400\n");
}

TEST_CASE("The latest results of an algorithm are found by an index of MySQL", "[exporter][mysql]") {
  if (!test::has_mysql_server()) return;
  const test::MySqlServer& server = shared_server();
  si::MySqlExporter exporter{options(server, "indexed")};
  exporter.write(batch(0, 1000));
  server.sql("UPDATE si.indexed SET algorithm = 'head' WHERE frame_index % 3 = 0; ANALYZE TABLE si.indexed");
  const std::string plan = server.sql(
      "EXPLAIN SELECT JSON_EXTRACT(value, '$.count') FROM si.indexed WHERE algorithm = 'head' "
      "ORDER BY time_ns DESC LIMIT 10");
  CHECK_THAT(plan, ContainsSubstring("\tby_time\tby_time\t"));
  CHECK_THAT(plan, !ContainsSubstring("filesort"));
}

TEST_CASE("Settings of MySQL that make no sense are errors", "[exporter][mysql]") {
  const auto setting = [](const auto& change) {
    si::MySqlOptions wrong{.user = "si", .password = test::MySqlServer::password, .database = "si"};
    change(wrong);
    const si::Error error = error_of([&] { si::MySqlExporter{wrong}; });
    CHECK(error.code() == si::Errc::invalid_argument);
    CHECK_THAT(error.what(), !ContainsSubstring("secret"));
    return error.source();
  };
  CHECK(setting([](si::MySqlOptions& wrong) { wrong.host = "si:a secret@127.0.0.1"; }) == "MySqlOptions::host");
  CHECK(setting([](si::MySqlOptions& wrong) { wrong.host = ""; }) == "MySqlOptions::host");
  CHECK(setting([](si::MySqlOptions& wrong) { wrong.port = 0; }) == "MySqlOptions::host");
  CHECK(setting([](si::MySqlOptions& wrong) { wrong.user = ""; }) == "MySqlOptions::user");
  CHECK(setting([](si::MySqlOptions& wrong) { wrong.database = ""; }) == "MySqlOptions::database");
  CHECK(setting([](si::MySqlOptions& wrong) { wrong.table = "results; --"; }) == "MySqlOptions::table");
  CHECK(setting([](si::MySqlOptions& wrong) { wrong.table = ""; }) == "MySqlOptions::table");
  CHECK(setting([](si::MySqlOptions& wrong) { wrong.timeout = 0s; }) == "MySqlOptions::timeout");
  CHECK(setting([](si::MySqlOptions& wrong) { wrong.tls = si::Tls{.ca_file = "/no/such/file"}; }) ==
        "MySqlOptions::tls");
}

TEST_CASE("What a MySQL server will never take is an error at once", "[exporter][mysql]") {
  if (!test::has_mysql_server()) return;
  const test::MySqlServer& server = shared_server();
  server.sql(
      "CREATE USER nothing@'%' IDENTIFIED BY 'a secret'; CREATE USER reader@'%' IDENTIFIED BY 'a secret'; "
      "GRANT SELECT ON si.* TO reader@'%'; CREATE TABLE si.others (name TEXT)");
  { si::MySqlExporter{options(server, "readable")}; }
  const auto reason = [&server](const auto& change) {
    si::MySqlOptions wrong = options(server, "results");
    change(wrong);
    const si::Error error = error_of([&] { si::MySqlExporter{wrong}; });
    CHECK(error.code() == si::Errc::invalid_argument);
    CHECK(error.source() ==
          "mysql://127.0.0.1:" + std::to_string(server.port()) + '/' + wrong.database + '/' + wrong.table);
    CHECK_THAT(error.what(), !ContainsSubstring("secret") && !ContainsSubstring('\'' + wrong.user + "'@"));
    return error.reason();
  };
  CHECK_THAT(reason([](si::MySqlOptions& wrong) { wrong.password = "another secret"; }),
             ContainsSubstring("MySqlOptions::user or ::password: ") && ContainsSubstring("Access denied"));
  CHECK_THAT(reason([](si::MySqlOptions& wrong) { wrong.user = "nobody"; }),
             ContainsSubstring("MySqlOptions::user or ::password: "));
  CHECK_THAT(reason([](si::MySqlOptions& wrong) {
               wrong.user = "reader";
               wrong.database = "nowhere";
             }),
             ContainsSubstring("MySqlOptions::database: "));
  CHECK_THAT(reason([](si::MySqlOptions& wrong) { wrong.user = "nothing"; }),
             ContainsSubstring("MySqlOptions::database: "));
  CHECK_THAT(reason([](si::MySqlOptions& wrong) { wrong.user = "reader"; }),
             ContainsSubstring("MySqlOptions::table: "));
  CHECK_THAT(reason([](si::MySqlOptions& wrong) {
               wrong.user = "reader";
               wrong.table = "readable";
             }),
             ContainsSubstring("MySqlOptions::table: "));
  CHECK_THAT(reason([](si::MySqlOptions& wrong) { wrong.table = "others"; }),
             ContainsSubstring("MySqlOptions::table: ") && ContainsSubstring("Unknown column"));
  CHECK_THAT(reason([](si::MySqlOptions& wrong) { wrong.table = std::string(65, 't'); }),
             ContainsSubstring("MySqlOptions::table: "));
  CHECK_THAT(reason([](si::MySqlOptions& wrong) { wrong.database = "si2"; }),
             ContainsSubstring("MySqlOptions::database: "));
}

TEST_CASE("A table or a right that goes is tried for again", "[exporter][mysql]") {
  if (!test::has_mysql_server()) return;
  const test::MySqlServer& server = shared_server();
  si::MySqlExporter exporter{options(server, "goes")};
  write(exporter, record(1));
  server.sql("DROP TABLE si.goes");
  CHECK(refusal(exporter, {record(2)}).kind() == Kind::retry);
  write(exporter, record(2));
  CHECK(count(server, "goes") == "1\t1\n");

  server.sql("ALTER TABLE si.goes RENAME COLUMN epoch TO era");
  CHECK(refusal(exporter, {record(3)}).kind() == Kind::retry);
  CHECK(refusal(exporter, {record(3)}).kind() == Kind::retry);
  server.sql("ALTER TABLE si.goes RENAME COLUMN era TO epoch");
  write(exporter, record(3));

  server.sql("SET GLOBAL read_only = 1");
  CHECK(refusal(exporter, {record(4)}).kind() == Kind::retry);
  si::MySqlExporter later{options(server, "made_later")};
  server.sql("SET GLOBAL read_only = 0");
  write(exporter, record(4));
  write(later, record(4));
  CHECK(count(server, "goes") == "3\t3\n");
  CHECK(count(server, "made_later") == "1\t1\n");
}

TEST_CASE("A MySQL server that is full is tried again", "[exporter][mysql]") {
  if (!test::has_mysql_server()) return;
  const test::MySqlServer& server = shared_server();
  server.sql("SET GLOBAL max_connections = 10");
  std::vector<si::MySqlExporter> others;
  for (int i = 0; i < 10; ++i) others.emplace_back(options(server, "full"));
  si::MySqlExporter exporter{options(server, "full")};
  const si::StoreError error = refusal(exporter, {record(1)});
  CHECK(error.kind() == Kind::retry);
  CHECK_THAT(error.reason(), ContainsSubstring("Too many connections"));
  server.sql("SET GLOBAL max_connections = 100");
  write(exporter, record(1));
  CHECK(count(server, "full") == "1\t1\n");
}

TEST_CASE("A table that somebody has locked is tried again, in time", "[exporter][mysql]") {
  if (!test::has_mysql_server()) return;
  const test::MySqlServer& server = shared_server();
  si::MySqlExporter exporter{options(server, "locked", 2s)};
  {
    test::Child other{server.client_command("LOCK TABLES si.locked WRITE; SELECT 'has it'; SELECT SLEEP(60)")};
    other.wait_for("has it");
    const test::Stopwatch watch;
    CHECK(refusal(exporter, batch(0, 3)).kind() == Kind::retry);
    CHECK(refusal(exporter, {record(1)}).kind() == Kind::retry);
    CHECK(watch.elapsed() < 2 * 3500ms);
    server.sql("KILL " + server.sql("SELECT id FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP%'"));
  }
  exporter.write(batch(0, 3));
  CHECK(count(server, "locked") == "3\t3\n");
}

TEST_CASE("A record that is too long for its column is poison, and the others are not", "[exporter][mysql]") {
  if (!test::has_mysql_server()) return;
  const test::MySqlServer& server = shared_server();
  server.sql(
      "CREATE TABLE si.short_values (`key` CHAR(32) PRIMARY KEY, source TEXT, began_at_ns BIGINT, epoch INT, "
      "algorithm TEXT, frame_index BIGINT, time_ns BIGINT, value VARCHAR(10))");
  si::MySqlExporter exporter{options(server, "short_values")};
  const std::vector<si::StoredRecord> records{record(1), record(2, "\"" + std::string(20, 'x') + "\""), record(3)};
  CHECK(refusal(exporter, records).kind() == Kind::poison);
  CHECK(count(server, "short_values") == "0\t0\n");
  write(exporter, records[0]);
  CHECK(refusal(exporter, {records[1]}).kind() == Kind::poison);
  write(exporter, records[2]);
  CHECK(refusal(exporter, {record(UINT64_MAX)}).kind() == Kind::poison);  // a number that does not fit
  CHECK(server.sql("SELECT frame_index FROM si.short_values ORDER BY 1") == "1\n3\n");

  si::MySqlExporter json{options(server, "json_values")};
  CHECK(refusal(json, {record(1, "{no JSON")}).kind() == Kind::poison);
}

TEST_CASE("A record that does not fit max_allowed_packet is poison, and the others are not", "[exporter][mysql]") {
  if (!test::has_mysql_server()) return;
  const test::MySqlServer& server = shared_server();
  constexpr std::size_t most = 1 << 20;
  server.sql("SET GLOBAL max_allowed_packet = " + std::to_string(most));
  si::MySqlExporter exporter{options(server, "packets")};
  server.sql("SET GLOBAL max_allowed_packet = 16777216");
  const auto long_record = [](std::uint64_t frame_index, std::size_t size) {
    return record(frame_index, '"' + std::string(size - 2, 'x') + '"');
  };
  const si::StoreError error = refusal(exporter, {record(1), long_record(2, most), record(3)});
  CHECK(error.kind() == Kind::poison);
  CHECK_THAT(error.reason(), ContainsSubstring("max_allowed_packet"));
  CHECK(count(server, "packets") == "0\t0\n");
  exporter.write(std::vector{record(1), record(3)});

  std::size_t fits = most - 2000, does_not = most;  // the longest that we send is one that the server takes
  while (fits + 1 < does_not) {
    const std::size_t middle = (fits + does_not) / 2;
    const si::StoredRecord next = long_record(middle, middle);
    try {
      write(exporter, next);
      fits = middle;
    } catch (const si::StoreError& refused) {
      CHECK_THAT(refused.reason(), ContainsSubstring("a record of"));
      does_not = middle;
    }
  }
  CHECK(most - fits < 1500);

  std::vector<si::StoredRecord> many;
  for (std::uint64_t i = 0; i < 40; ++i) many.push_back(long_record(10 + i, 100'000));
  exporter.write(many);
  CHECK(server.sql("SELECT count(*) FROM si.packets WHERE frame_index < 100") == "42\n");
}

TEST_CASE("A MySQL server that comes later is no error", "[exporter][mysql]") {
  if (!test::has_mysql_server()) return;
  test::MySqlServer server;
  server.kill();
  si::MySqlExporter exporter{options(server, "results")};
  const si::StoreError error = refusal(exporter, {record(1)});
  CHECK(error.kind() == Kind::retry);
  CHECK(error.source() == "mysql://127.0.0.1:" + std::to_string(server.port()) + "/si/results");
  server.start();
  write(exporter, record(1));
  CHECK(count(server, "results") == "1\t1\n");

  server.kill();
  CHECK(refusal(exporter, {record(2)}).kind() == Kind::retry);
  server.start();
  exporter.write(batch(2, 300));
  CHECK(count(server, "results") == "301\t301\n");

  server.kill();  // and nobody noticed
  server.start();
  write(exporter, record(400));
  server.stop();
  server.start();
  exporter.write(batch(401, 300));
  server.sql("KILL " + server.sql("SELECT id FROM information_schema.processlist WHERE user = 'si'"));
  write(exporter, record(1000));
  CHECK(count(server, "results") == "603\t603\n");
}

TEST_CASE("What is wrong with the user after the start is tried again", "[exporter][mysql]") {
  if (!test::has_mysql_server()) return;
  test::MySqlServer server;
  server.sql("ALTER USER si@'%' IDENTIFIED BY 'another'");
  server.kill();
  si::MySqlExporter exporter{options(server, "results")};
  server.start();
  const si::StoreError error = refusal(exporter, {record(1)});
  CHECK(error.kind() == Kind::retry);
  CHECK_THAT(error.what(), ContainsSubstring("Access denied") && !ContainsSubstring("'si'"));
  server.sql("ALTER USER si@'%' IDENTIFIED BY 'a secret'");
  write(exporter, record(1));
  CHECK(count(server, "results") == "1\t1\n");
}

TEST_CASE("A MySQL server that does not answer is given up in time", "[exporter][mysql]") {
  if (!test::has_mysql_server()) return;
  test::MySqlServer server;
  const bool is_new = GENERATE(false, true);
  const std::size_t value_bytes = GENERATE(std::size_t{10}, std::size_t{15'000'000});
  const si::StoredRecord sent = record(1, '"' + std::string(value_bytes, 'x') + '"');
  std::optional<si::MySqlExporter> exporter;
  if (!is_new) exporter.emplace(options(server, "results", 1s));
  server.child().freeze();
  if (is_new) {
    const test::Stopwatch watch;
    exporter.emplace(options(server, "results", 1s));
    CHECK(watch.elapsed() < 2500ms);
  }
  for (int i = 0; i < 2; ++i) {
    const test::Stopwatch watch;
    CHECK(refusal(*exporter, {sent}).kind() == Kind::retry);
    CHECK(watch.elapsed() < 2500ms);
  }
  server.child().signal(SIGCONT);
  write_in_the_end(*exporter, sent);
  write_in_the_end(*exporter, record(2));
  CHECK(count(server, "results") == "2\t2\n");
}

TEST_CASE("A MySQL server that answers byte by byte, or not at all, is given up in time", "[exporter][mysql]") {
  const bool sends = GENERATE(true, false);
  test::TcpServer server{[sends](test::TcpServer::Client& client) {
    if (!sends) return client.say_nothing();
    if (!client.send("\xc8\0\0\0\x0a"sv)) return;  // a greeting of 200 bytes
    while (client.sleep(100ms) && client.send("5"))
      ;
  }};
  const test::Stopwatch watch;
  si::MySqlExporter exporter{{.port = static_cast<std::uint16_t>(server.port()),
                              .user = "si",
                              .password = test::MySqlServer::password,
                              .database = "si",
                              .timeout = 1s}};
  CHECK(refusal(exporter, {record(1)}).kind() == Kind::retry);
  CHECK(watch.elapsed() < 2 * 2500ms);
}

TEST_CASE("A MySQL server that is gone does not end the program", "[exporter][mysql]") {
  if (!test::has_mysql_server()) return;
  const Certificate certificate;
  test::MySqlServer server{certificate.settings()};
  auto* const before = std::signal(SIGPIPE, SIG_DFL);
  const bool encrypts = GENERATE(false, true);
  si::MySqlOptions to = options(server, "results");
  if (encrypts) to.tls = si::Tls{.verify = false};
  const si::StoredRecord sent = record(1, '"' + std::string(15'000'000, 'x') + '"');
  {
    si::MySqlExporter exporter{to};
    write(exporter, record(2));
    server.kill();
    CHECK(refusal(exporter, {sent}).kind() == Kind::retry);
    CHECK(refusal(exporter, {sent}).kind() == Kind::retry);
    server.start();
    write(exporter, sent);
    server.kill();
  }
  std::signal(SIGPIPE, before);
}

TEST_CASE("A connection to MySQL is encrypted and checked", "[exporter][mysql]") {
  if (!test::has_mysql_server()) return;
  const Certificate certificate;
  test::MySqlServer server{certificate.settings()};
  const auto exporter = [&server](const std::string& host, const std::optional<si::Tls>& tls) {
    si::MySqlOptions to = options(server, "results", 1s);
    to.host = host;
    to.tls = tls;
    return si::MySqlExporter{to};
  };
  const auto reason = [&exporter](const std::string& host, const si::Tls& tls) {
    return error_of([&] { static_cast<void>(exporter(host, tls)); }).reason();
  };
  exporter("localhost", {});
  CHECK_THAT(reason("localhost", {}), ContainsSubstring("MySqlOptions::tls: "));
  CHECK_THAT(reason("127.0.0.1", {.ca_file = certificate.file()}), ContainsSubstring("MySqlOptions::tls: "));
  CHECK_THAT(reason("localhost", {.ca_file = Certificate{}.file()}), ContainsSubstring("MySqlOptions::tls: "));
  server.sql("ALTER USER si@'%' REQUIRE SSL");
  CHECK_THAT(error_of([&] { exporter("localhost", {}); }).reason(),
             ContainsSubstring("::password: "));  // not encrypted
  {
    si::MySqlExporter checked = exporter("localhost", si::Tls{.ca_file = certificate.file()});
    write(checked, record(2));
    server.kill();
    CHECK(refusal(checked, {record(3)}).kind() == Kind::retry);
    server.start();
    write(checked, record(3));
    server.kill();
    server.start();
    write(checked, record(4));
    server.child().freeze();
    CHECK(refusal(checked, {record(5)}).kind() == Kind::retry);
    CHECK(refusal(checked, {record(5)}).kind() == Kind::retry);
    si::MySqlExporter frozen = exporter("localhost", si::Tls{.ca_file = certificate.file()});
    server.child().signal(SIGCONT);
    write_in_the_end(frozen, record(5));
  }
  si::MySqlExporter unchecked = exporter("127.0.0.1", si::Tls{.verify = false});
  write(unchecked, record(6));
  CHECK(count(server, "results") == "5\t5\n");
}

TEST_CASE("A MySQL server without TLS is refused where it is asked for", "[exporter][mysql]") {
  if (!test::has_mysql_server()) return;
  si::MySqlOptions to = options(shared_server(), "results");
  to.tls = si::Tls{.verify = GENERATE(true, false)};
  CHECK_THAT(error_of([&] { si::MySqlExporter{to}; }).reason(), ContainsSubstring("MySqlOptions::tls: "));
}

TEST_CASE("Nothing is lost when MySQL is away, and what it never takes is a dead letter", "[exporter][mysql]") {
  if (!test::has_mysql_server()) return;
  const test::TemporaryFolder folder;
  test::MySqlServer server;
  server.kill();
  auto exporter = si::reliable(
      si::MySqlExporter{options(server, "results")},
      {.journal = folder / "journal", .retry = {.first = 20ms, .longest = 100ms}, .dead_letters = folder / "dead"});
  const auto collect = [&exporter](std::uint64_t frame_index, const std::string& value) {
    exporter.collect(si::Record<std::string>{
        .frame_index = frame_index, .algo = si::Name{"a"}, .value = value, .source = {si::Name{"clip.mp4"}, {}}});
  };
  for (std::uint64_t i = 0; i < 700; ++i) {
    collect(i, i == 350 ? std::string(17'000'000, 'x') : "short");
    if (i == 100) server.start();
  }
  CHECK(exporter.flush(60s));
  server.kill();
  collect(700, "short");
  server.start();
  CHECK(exporter.flush(60s));
  CHECK(count(server, "results") == "700\t700\n");
  const si::ReliableStats stats = exporter.stats();
  CHECK(stats.delivered == 700);
  CHECK(stats.dead_letters == 1);
}
