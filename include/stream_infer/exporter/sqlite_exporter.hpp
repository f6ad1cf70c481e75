#pragma once

#include "stream_infer/core/handle.hpp"
#include "stream_infer/exporter/record_store.hpp"
#include "stream_infer/exporter/stored_record.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <sqlite3.h>

namespace stream_infer {

struct SqliteOptions {
  std::string table = "results";  ///< letters, digits and '_'
};

namespace detail {

inline void close_sqlite(sqlite3* database) noexcept { sqlite3_close_v2(database); }
inline void finalize_sqlite(sqlite3_stmt* statement) noexcept { sqlite3_finalize(statement); }
using SqliteStatement = Handle<sqlite3_stmt, finalize_sqlite>;

/// An open database, as much of SQLite as stores need. One thread at a time.
class SqliteDatabase {
 public:
  /// Creates it if it is not there. \throws StoreError
  explicit SqliteDatabase(std::string path) : path_{std::move(path)} {
    sqlite3* opened = nullptr;
    const int code = sqlite3_open_v2(path_.c_str(), &opened,
                                     SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
    database_.reset(opened);
    if (code != SQLITE_OK) fail(code);
    sqlite3_busy_timeout(opened, 5000);
    run("PRAGMA journal_mode=WAL");
    run("PRAGMA synchronous=NORMAL");
  }

  void run(const std::string& sql) {
    if (const int code = sqlite3_exec(database_.get(), sql.c_str(), nullptr, nullptr, nullptr); code != SQLITE_OK)
      fail(code);
  }

  [[nodiscard]] SqliteStatement prepare(const std::string& sql) {
    sqlite3_stmt* statement = nullptr;
    const int code =
        sqlite3_prepare_v3(database_.get(), sql.c_str(), -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    if (code != SQLITE_OK) fail(code);
    return SqliteStatement{statement};
  }

  /// Runs a statement that gives no rows, and makes it ready for the next time.
  void step(sqlite3_stmt& statement) {
    const int code = sqlite3_step(&statement);
    const std::string why = code == SQLITE_DONE ? std::string{} : sqlite3_errmsg(database_.get());
    sqlite3_reset(&statement);
    if (code != SQLITE_DONE) fail(code, why);
  }

  /// All that `write()` does, or nothing of it.
  template <class Write>
  void transaction(Write write) {
    run("BEGIN IMMEDIATE");
    try {
      write();
      run("COMMIT");
    } catch (...) {
      sqlite3_exec(database_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
      throw;
    }
  }

 private:
  [[noreturn]] void fail(int code) const {
    fail(code, database_ ? sqlite3_errmsg(database_.get()) : sqlite3_errstr(code));
  }
  [[noreturn]] void fail(int code, const std::string& why) const {
    const int kind = code & 0xff;
    throw StoreError{
        kind == SQLITE_TOOBIG || kind == SQLITE_CONSTRAINT ? StoreError::Kind::poison : StoreError::Kind::retry,
        std::make_error_code(std::errc::io_error), path_, "SQLite: " + why};
  }

  std::string path_;
  Handle<sqlite3, close_sqlite> database_;
};

/// What it is given must stay as it is until the next step.
inline void bind(sqlite3_stmt& statement, int at, std::string_view text) {
  sqlite3_bind_text64(&statement, at, text.data(), text.size(), nullptr, SQLITE_UTF8);
}
inline void bind(sqlite3_stmt& statement, int at, std::int64_t number) { sqlite3_bind_int64(&statement, at, number); }

}  // namespace detail

/// Puts records into a table of an SQLite database, one file that needs no server: the default for a single machine.
///
///     si::SqliteExporter exporter{"results.db"};
///
/// The table is made if it is not there, with the columns of StoredRecord, `value` as JSON text. `key` is its primary key: a
/// repeat of a record replaces nothing and adds nothing. An index on algorithm and time serves the questions that are asked:
///
///     SELECT time_ns, json_extract(value, '$.count') FROM results WHERE algorithm = 'head' ORDER BY time_ns DESC LIMIT 10;
///
/// It is written ahead (WAL), so that others may read meanwhile. collect() is one transaction: when it returns, the record
/// survives the end of this program; after a loss of power, the latest may be missing, and the database is whole. A failure
/// (a full disk, a lock that is held for more than 5 s) throws, and the record is lost to this exporter unless it is made
/// reliable().
class SqliteExporter : public detail::CollectsOneByOne<SqliteExporter> {
 public:
  /// \throws Error       if the table's name makes no sense
  /// \throws StoreError  if it cannot be opened, or is no database, or has a table of that name with other columns
  explicit SqliteExporter(const std::string& path, const SqliteOptions& options = {}) : database_{path} {
    const std::string& table = options.table;
    const bool is_name = !table.empty() && table.find_first_not_of(
                                               "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0"
                                               "123456789_") == std::string::npos;
    if (!is_name)
      throw Error{Errc::invalid_argument, "export", path, "SqliteOptions::table '" + table + "' is not a table's name"};
    database_.run(
        "CREATE TABLE IF NOT EXISTS \"" + table +
        "\" (key TEXT PRIMARY KEY, source TEXT NOT NULL, began_at_ns INTEGER NOT NULL, epoch INTEGER NOT NULL, "
        "algorithm TEXT NOT NULL, frame_index INTEGER NOT NULL, time_ns INTEGER NOT NULL, value TEXT NOT NULL) "
        "WITHOUT ROWID");
    database_.run("CREATE INDEX IF NOT EXISTS \"" + table + "_by_time\" ON \"" + table + "\" (algorithm, time_ns)");
    insert_ = database_.prepare("INSERT OR IGNORE INTO \"" + table +
                                "\" (key, source, began_at_ns, epoch, algorithm, frame_index, time_ns, value) "
                                "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
  }

  /// All of them, or none. \throws StoreError
  void write(std::span<const StoredRecord> records) {
    database_.transaction([&] {
      for (const StoredRecord& record : records) {
        const std::string key = record_key(record);
        detail::bind(*insert_, 1, key);
        detail::bind(*insert_, 2, record.source.name);
        detail::bind(*insert_, 3, record.began_at_ns());
        detail::bind(*insert_, 4, std::int64_t{record.epoch});
        detail::bind(*insert_, 5, record.algorithm);
        detail::bind(*insert_, 6, static_cast<std::int64_t>(record.frame_index));
        detail::bind(*insert_, 7, record.time_ns());
        detail::bind(*insert_, 8, record.value);
        database_.step(*insert_);
      }
    });
  }

 private:
  detail::SqliteDatabase database_;
  detail::SqliteStatement insert_;
};

}  // namespace stream_infer
