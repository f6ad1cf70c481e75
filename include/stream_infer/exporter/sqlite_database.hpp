#pragma once

#include "stream_infer/core/handle.hpp"
#include "stream_infer/exporter/record_store.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include <sqlite3.h>

namespace stream_infer::detail {

inline void close_sqlite(sqlite3* database) noexcept { sqlite3_close_v2(database); }
inline void finalize_sqlite(sqlite3_stmt* statement) noexcept { sqlite3_finalize(statement); }
using SqliteStatement = Handle<sqlite3_stmt, finalize_sqlite>;

/// The file is not a database, or not any more.
class SqliteDamage : public StoreError {
 public:
  SqliteDamage(std::string_view path, std::string_view reason)
      : StoreError{Kind::retry, std::make_error_code(std::errc::io_error), path, reason} {}
};

/// An open database, as much of SQLite as stores need. One thread at a time.
class SqliteDatabase {
 public:
  enum class Use : std::uint8_t {
    shared,   ///< others may read and write it too
    alone,    ///< nobody else; what has been written survives a loss of power
    damaged,  ///< to read what can be read of it
  };

  /// Creates it if it is not there. \throws StoreError
  explicit SqliteDatabase(std::string path, Use use = Use::shared) : path_{std::move(path)}, locks_{use == Use::alone} {
    sqlite3* opened = nullptr;
    const int code = sqlite3_open_v2(path_.c_str(), &opened,
                                     SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
    database_.reset(opened);
    if (code != SQLITE_OK) fail(code);
    sqlite3_busy_timeout(opened, use == Use::alone ? 200 : 5000);
    if (use == Use::damaged) {
      run("PRAGMA locking_mode=EXCLUSIVE");  // then it needs no other file, also on a full disk
      run("PRAGMA writable_schema=ON");      // also what is shorter than it should be
      return;
    }
    if (use == Use::alone) run("PRAGMA locking_mode=EXCLUSIVE");
    begin_log();
    run(use == Use::alone ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
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

  /// Returns when what was written survives a loss of power. \throws StoreError
  void sync() {
    sqlite3_file* log = nullptr;
    const int code = sqlite3_file_control(database_.get(), "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
    if (code != SQLITE_OK || log == nullptr || log->pMethods == nullptr)
      return;  // nothing was written, or not to a disk
    if (const int failed = log->pMethods->xSync(log, SQLITE_SYNC_NORMAL); failed != SQLITE_OK)
      fail(failed, sqlite3_errstr(failed));
  }

  /// How many rows the last statement has inserted or deleted.
  [[nodiscard]] std::size_t changes() const { return static_cast<std::size_t>(sqlite3_changes(database_.get())); }

  /// Goes to the next row of a query. Returns whether there is one. \throws StoreError
  [[nodiscard]] bool next_row(sqlite3_stmt& query) {
    const int code = sqlite3_step(&query);
    if (code != SQLITE_ROW && code != SQLITE_DONE) fail(code);
    return code == SQLITE_ROW;
  }

  /// Whether it can be written.
  [[nodiscard]] bool is_writable() const { return sqlite3_db_readonly(database_.get(), "main") == 0; }

  /// Whether it has no damage that can be found.
  [[nodiscard]] bool is_whole() {
    const SqliteStatement check = prepare("PRAGMA quick_check(1)");
    if (!next_row(*check)) return false;
    const auto* said = reinterpret_cast<const char*>(sqlite3_column_text(check.get(), 0));
    return said != nullptr && std::string_view{said} == "ok";
  }

  /// All that `write()` does, or nothing of it.
  template <class Write>
  void transaction(Write write) {
    int has_moved = 0;
    if (sqlite3_file_control(database_.get(), "main", SQLITE_FCNTL_HAS_MOVED, &has_moved) == SQLITE_OK &&
        has_moved != 0)
      throw StoreError{StoreError::Kind::retry, std::make_error_code(std::errc::no_such_file_or_directory), path_,
                       "the file has been moved or deleted while it was open: start the program again"};
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
  /// Where several programs open a new database at once, SQLite does not wait here as it does elsewhere.
  void begin_log() {
    for (int attempt = 0;; ++attempt) {
      try {
        return run("PRAGMA journal_mode=WAL");
      } catch (const SqliteDamage&) {
        throw;
      } catch (const StoreError&) {
        const int code = sqlite3_errcode(database_.get());
        if ((code & 0xff) != SQLITE_BUSY || attempt == 100 || locks_) throw;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds{20});
    }
  }

  [[noreturn]] void fail(int code) const {
    fail(code, database_ ? sqlite3_errmsg(database_.get()) : sqlite3_errstr(code));
  }
  [[noreturn]] void fail(int code, const std::string& why) const {
    const int kind = code & 0xff;
    if (kind == SQLITE_BUSY || kind == SQLITE_LOCKED)
      throw StoreError{StoreError::Kind::retry, std::make_error_code(std::errc::device_or_resource_busy), path_,
                       locks_ ? "ReliableOptions::journal is in use, by another program or another exporter"
                              : "SQLite: " + why + ", by another program or another connection"};
    if (kind == SQLITE_CORRUPT || kind == SQLITE_NOTADB) throw SqliteDamage{path_, "SQLite: " + why};
    throw StoreError{
        kind == SQLITE_TOOBIG || kind == SQLITE_CONSTRAINT ? StoreError::Kind::poison : StoreError::Kind::retry,
        std::make_error_code(condition_of(kind)), path_, "SQLite: " + why};
  }

  [[nodiscard]] static std::errc condition_of(int kind) {
    switch (kind) {
      case SQLITE_FULL: return std::errc::no_space_on_device;
      case SQLITE_NOMEM: return std::errc::not_enough_memory;
      case SQLITE_ERROR: return std::errc::invalid_argument;
      case SQLITE_CANTOPEN: return std::errc::no_such_file_or_directory;
      default: return std::errc::io_error;
    }
  }

  std::string path_;
  bool locks_;
  Handle<sqlite3, close_sqlite> database_;
};

/// What it is given must stay as it is until the next step.
inline void bind_value(sqlite3_stmt& statement, int at, std::string_view text) {
  sqlite3_bind_text64(&statement, at, text.data() == nullptr ? "" : text.data(), text.size(), nullptr, SQLITE_UTF8);
}
inline void bind_value(sqlite3_stmt& statement, int at, std::int64_t number) {
  sqlite3_bind_int64(&statement, at, number);
}

}  // namespace stream_infer::detail
