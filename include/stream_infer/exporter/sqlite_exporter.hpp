#pragma once

#include "stream_infer/core/error.hpp"
#include "stream_infer/exporter/record_store.hpp"
#include "stream_infer/exporter/sqlite_database.hpp"
#include "stream_infer/exporter/store_settings.hpp"
#include "stream_infer/exporter/stored_record.hpp"

#include <cstdint>
#include <span>
#include <string>

namespace stream_infer {

struct SqliteOptions {
  std::string table = "results";  ///< letters, digits and '_'
};

/// Puts records into a table of an SQLite database, one file that needs no server: the default for a single machine.
///
///     si::SqliteExporter exporter{"results.db"};
///
/// The table is made if it is not there, with the columns of StoredRecord, `value` as JSON text. `key` is its primary key: a
/// repeat of a record adds nothing; one with another value, as of a recording that is run again, takes the place of the old.
/// An index on algorithm and time serves the questions that are asked:
///
///     SELECT time_ns, json_extract(value, '$.count') FROM results WHERE algorithm = 'head' ORDER BY time_ns DESC LIMIT 10;
///
/// It is written ahead (WAL), so that others may read meanwhile. collect() is one transaction: when it returns, the record
/// survives the end of this program; after a loss of power, the latest may be missing (not so with reliable()), and the
/// database is whole. A failure (a full disk, a lock that is held for more than 5 s) throws, and the record is lost to this
/// exporter unless it is made reliable().
class SqliteExporter : public detail::CollectsOneByOne<SqliteExporter> {
 public:
  /// \throws Error       if the table's name makes no sense
  /// \throws StoreError  if it cannot be opened, or is no database, or has a table of that name with other columns
  explicit SqliteExporter(const std::string& path, const SqliteOptions& options = {}) : database_{path} {
    const std::string& table = options.table;
    detail::check_name("SqliteOptions::table", table);
    database_.run(
        "CREATE TABLE IF NOT EXISTS \"" + table +
        "\" (key TEXT PRIMARY KEY, source TEXT NOT NULL, began_at_ns INTEGER NOT NULL, epoch INTEGER NOT NULL, "
        "algorithm TEXT NOT NULL, frame_index INTEGER NOT NULL, time_ns INTEGER NOT NULL, value TEXT NOT NULL) "
        "WITHOUT ROWID");
    if (!has_columns(table))
      throw StoreError{StoreError::Kind::retry, make_error_code(Errc::invalid_argument), path,
                       "SqliteOptions::table '" + table + "' has other columns than those of StoredRecord"};
    database_.run("CREATE INDEX IF NOT EXISTS \"" + table + "_by_time\" ON \"" + table + "\" (algorithm, time_ns)");
    insert_ = database_.prepare(
        "INSERT INTO \"" + table +
        "\" (key, source, began_at_ns, epoch, algorithm, frame_index, time_ns, value) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (key) DO UPDATE SET value = excluded.value");
  }

  /// All of them, or none. \throws StoreError
  void write(std::span<const StoredRecord> records) {
    database_.transaction([&] {
      for (const StoredRecord& record : records) {
        const std::string key = record_key(record);
        detail::bind_value(*insert_, 1, key);
        detail::bind_value(*insert_, 2, record.source.name);
        detail::bind_value(*insert_, 3, record.began_at_ns());
        detail::bind_value(*insert_, 4, std::int64_t{record.epoch});
        detail::bind_value(*insert_, 5, record.algorithm);
        detail::bind_value(*insert_, 6, static_cast<std::int64_t>(record.frame_index));
        detail::bind_value(*insert_, 7, record.time_ns());
        detail::bind_value(*insert_, 8, record.value);
        database_.step(*insert_);
      }
    });
  }

  /// Returns when what was written survives a loss of power. \throws StoreError
  void sync() { database_.sync(); }

 private:
  /// Whether it has ours, and no others that want a value.
  [[nodiscard]] bool has_columns(const std::string& table) {
    const detail::SqliteStatement count = database_.prepare(
        "SELECT sum(is_ours), sum(NOT is_ours AND \"notnull\" AND dflt_value IS NULL) FROM (SELECT *, name IN ('key', "
        "'source', 'began_at_ns', 'epoch', 'algorithm', 'frame_index', 'time_ns', 'value') AS is_ours FROM "
        "pragma_table_info('" +
        table + "'))");
    return database_.next_row(*count) && sqlite3_column_int(count.get(), 0) == 8 &&
           sqlite3_column_int(count.get(), 1) == 0;
  }

  detail::SqliteDatabase database_;
  detail::SqliteStatement insert_;
};

}  // namespace stream_infer
