#include "stream_infer/exporter/sqlite_exporter.hpp"

#include "support/catch.hpp"
#include "support/error_of.hpp"
#include "support/files.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace si = stream_infer;
namespace test = stream_infer::test;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using test::error_of;

namespace {

using Rows = std::vector<std::vector<std::string>>;

Rows query(const std::string& path, const std::string& sql) {
  sqlite3* database = nullptr;
  REQUIRE(sqlite3_open_v2(path.c_str(), &database, SQLITE_OPEN_READONLY, nullptr) == SQLITE_OK);
  const si::detail::Handle<sqlite3, si::detail::close_sqlite> owner{database};
  Rows rows;
  const auto add = [](void* to, int count, char** values, char**) {
    std::vector<std::string> row;
    for (int i = 0; i < count; ++i) row.emplace_back(values[i] == nullptr ? "NULL" : values[i]);
    static_cast<Rows*>(to)->push_back(std::move(row));
    return 0;
  };
  CHECK(sqlite3_exec(database, sql.c_str(), add, &rows, nullptr) == SQLITE_OK);
  return rows;
}

si::Record<int> record(std::uint64_t frame_index, int value = 1) {
  return {.time = frame_index * 40ms,
          .frame_index = frame_index,
          .algo = si::Name{"count"},
          .value = value,
          .source = {si::Name{"clip.mp4"}, {}}};
}

}  // namespace

TEST_CASE("Records are rows of a table", "[exporter][sqlite]") {
  const test::TemporaryFolder folder;
  const std::string path = folder / "results.db";
  si::SqliteExporter exporter{path};
  exporter.collect(record(29, 7));
  exporter.collect(si::Record<std::string>{
      .algo = si::Name{"text"}, .value = "it's \"x\"", .epoch = 3, .source = {si::Name{"cam"}, si::WallTime{9ns}}});
  CHECK(query(path,
              "SELECT key, source, began_at_ns, epoch, algorithm, frame_index, time_ns, value FROM results "
              "ORDER BY algorithm") ==
        Rows{{si::record_key(si::to_stored(record(29))), "clip.mp4", "0", "0", "count", "29", "1160000000", "7"},
             {si::record_key(si::to_stored(si::Record<int>{
                  .algo = si::Name{"text"}, .value = 0, .epoch = 3, .source = {si::Name{"cam"}, si::WallTime{9ns}}})),
              "cam", "9", "3", "text", "0", "0", "\"it's \\\"x\\\"\""}});
  CHECK(query(path, "SELECT json_extract(value, '$') FROM results WHERE algorithm = 'text'") == Rows{{"it's \"x\""}});
}

TEST_CASE("A repeat adds nothing, and a database is continued", "[exporter][sqlite]") {
  const test::TemporaryFolder folder;
  const std::string path = folder / "results.db";
  si::SqliteExporter{path}.collect(record(1));
  si::SqliteExporter exporter{path};
  exporter.collect(record(1));
  exporter.collect(record(2));
  const std::vector<si::StoredRecord> batch{si::to_stored(record(2)), si::to_stored(record(3)),
                                            si::to_stored(record(3))};
  exporter.write(batch);
  CHECK(query(path, "SELECT frame_index FROM results ORDER BY frame_index") == Rows{{"1"}, {"2"}, {"3"}});
  exporter.collect(record(2, 9));  // run again, with another result
  CHECK(query(path, "SELECT value FROM results ORDER BY frame_index") == Rows{{"1"}, {"9"}, {"1"}});
}

TEST_CASE("A record that nobody played is a row, too", "[exporter][sqlite]") {
  const test::TemporaryFolder folder;
  si::SqliteExporter exporter{folder / "results.db"};
  exporter.collect(si::Record<int>{.frame_index = 1, .value = 7});
  exporter.sync();
  CHECK(query(folder / "results.db", "SELECT source, algorithm, value FROM results") == Rows{{"", "", "7"}});
}

TEST_CASE("Several may open a new database at once", "[exporter][sqlite]") {
  for (int round = 0; round < 10; ++round) {
    const test::TemporaryFolder folder;
    std::vector<std::thread> threads;
    std::atomic<int> failures{0};
    for (std::uint64_t i = 0; i < 6; ++i)
      threads.emplace_back([&, i] {
        try {
          si::SqliteExporter{folder / "results.db"}.collect(record(i));
        } catch (const si::Error&) {
          ++failures;
        }
      });
    for (std::thread& thread : threads) thread.join();
    CHECK(failures == 0);
    CHECK(query(folder / "results.db", "SELECT count(*) FROM results") == Rows{{"6"}});
  }
}

TEST_CASE("The latest results of an algorithm are found by an index", "[exporter][sqlite]") {
  const test::TemporaryFolder folder;
  const std::string path = folder / "results.db";
  si::SqliteExporter{path, {.table = "other_1"}}.collect(record(1));
  const Rows plan = query(
      path, "EXPLAIN QUERY PLAN SELECT value FROM other_1 WHERE algorithm = 'count' ORDER BY time_ns DESC LIMIT 1");
  REQUIRE_FALSE(plan.empty());
  CHECK_THAT(plan[0].back(), ContainsSubstring("USING INDEX other_1_by_time"));
}

TEST_CASE("What cannot be a store is an error at once", "[exporter][sqlite]") {
  const test::TemporaryFolder folder;
  const auto reason = [](const std::string& path, const std::string& table = "results") {
    const si::Error error = error_of([&] { si::SqliteExporter{path, {.table = table}}; });
    CHECK(error.step() == "export");
    CHECK(error.source() == path);
    return error.reason();
  };
  CHECK_THAT(reason(folder / "no/results.db"), ContainsSubstring("unable to open"));
  CHECK_THAT(reason(folder.file("text.db", test::Bytes(5000, 'x'))), ContainsSubstring("not a database"));
  for (const char* const name : {"results; --", "", "1st"})
    CHECK_THAT(error_of([&] {
                 si::SqliteExporter{folder / "a.db", {.table = name}};
               }).what(),
               ContainsSubstring("SqliteOptions::table"));
  {
    si::detail::SqliteDatabase other{folder / "other.db"};
    other.run("CREATE TABLE results (name TEXT)");
    other.run(
        "CREATE TABLE more (key TEXT PRIMARY KEY, source, began_at_ns, epoch, algorithm, frame_index, time_ns, value, "
        "camera TEXT NOT NULL)");
  }
  CHECK_THAT(reason(folder / "other.db", "more"), ContainsSubstring("SqliteOptions::table 'more' has other columns"));
  CHECK_THAT(reason(folder / "other.db"), ContainsSubstring("SqliteOptions::table 'results' has other columns"));
}

TEST_CASE("A database that is deleted while it is open is an error, not a success", "[exporter][sqlite]") {
  const test::TemporaryFolder folder;
  si::SqliteExporter exporter{folder / "results.db"};
  exporter.collect(si::Record<int>{.algo = si::Name{"a"}, .value = 1});
  std::filesystem::remove(folder / "results.db");
  CHECK_THAT(error_of([&] { exporter.collect(si::Record<int>{.algo = si::Name{"a"}, .value = 1}); }).what(),
             ContainsSubstring("moved or deleted"));
}

TEST_CASE("What was not written whole is not written at all", "[exporter][sqlite]") {
  const test::TemporaryFolder folder;
  const std::string path = folder / "results.db";
  si::SqliteExporter exporter{path};
  {
    si::detail::SqliteDatabase other{path};
    other.run(
        "CREATE TRIGGER refuse BEFORE INSERT ON results WHEN NEW.frame_index = 5 "
        "BEGIN SELECT RAISE(ABORT, 'not this one'); END");
  }
  const std::vector<si::StoredRecord> batch{si::to_stored(record(4)), si::to_stored(record(5))};
  try {
    exporter.write(batch);
    FAIL("it was refused");
  } catch (const si::StoreError& error) {
    CHECK(error.kind() == si::StoreError::Kind::poison);
    CHECK_THAT(error.reason(), ContainsSubstring("not this one"));
  }
  CHECK(query(path, "SELECT count(*) FROM results") == Rows{{"0"}});
  exporter.collect(record(6));
  CHECK(query(path, "SELECT frame_index FROM results") == Rows{{"6"}});
}
