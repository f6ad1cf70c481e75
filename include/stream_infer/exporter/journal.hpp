#pragma once

#include "stream_infer/core/handle.hpp"
#include "stream_infer/exporter/json.hpp"
#include "stream_infer/exporter/record_store.hpp"
#include "stream_infer/exporter/sqlite_database.hpp"
#include "stream_infer/exporter/stored_record.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <sqlite3.h>

namespace stream_infer::detail {

/// Records that wait to be delivered, in a file that survives the program: an SQLite database, written ahead. What append()
/// has taken is on the disk when it returns. Only one program at a time can have it. One thread at a time.
class Journal {
 public:
  struct Entry {
    std::int64_t id = 0;
    StoredRecord record{};
  };

  /// Opens what is there, or begins a new one. One that is damaged is put aside as `PATH.damaged`, and what can be read of
  /// it is taken over. \throws StoreError
  explicit Journal(const std::string& path) {
    if (open(path)) return;
    const std::string aside = put_aside(path);
    if (!open(path)) throw damaged(path);
    damaged_ = aside;
    take_over(aside);
  }

  /// All of them, or none. \throws StoreError
  template <class Records>
  void append(const Records& records) {
    std::size_t bytes = 0;
    database_->transaction([&] {
      for (const StoredRecord& record : records) {
        bind_value(*insert_, 1, record.source.name);
        bind_value(*insert_, 2, record.began_at_ns());
        bind_value(*insert_, 3, std::int64_t{record.epoch});
        bind_value(*insert_, 4, record.algorithm);
        bind_value(*insert_, 5, static_cast<std::int64_t>(record.frame_index));
        bind_value(*insert_, 6, record.time_ns());
        bind_value(*insert_, 7, record.value);
        bind_value(*insert_, 8, checksum(record));
        database_->step(*insert_);
        bytes += record.bytes();
      }
    });
    bytes_ += bytes;
    count_ += records.size();
  }

  /// The oldest records, at most so many. \throws StoreError
  [[nodiscard]] std::vector<Entry> oldest(std::size_t most) {
    std::vector<Entry> entries;
    bind_value(*select_, 1, static_cast<std::int64_t>(most));
    const Rewind rewind{*select_};
    while (database_->next_row(*select_)) entries.push_back(entry_of(*select_));
    return entries;
  }

  /// Forgets them: some that oldest() gave, one behind the other. \throws StoreError
  void remove(std::span<const Entry> entries) {
    if (entries.empty()) return;
    bind_value(*delete_, 1, entries.front().id);
    bind_value(*delete_, 2, entries.back().id);
    database_->step(*delete_);
    for (const Entry& entry : entries) {
      bytes_ -= entry.record.bytes();
      --count_;
    }
  }

  [[nodiscard]] std::size_t bytes() const { return bytes_; }  ///< about the memory that its records would take
  [[nodiscard]] std::size_t size() const { return count_; }   ///< records
  /// Where one that was damaged has been put; empty if it was not.
  [[nodiscard]] const std::string& damaged() const { return damaged_; }

 private:
  struct Rewind {
    explicit Rewind(sqlite3_stmt& read) : statement{&read} {}
    Rewind(const Rewind&) = delete;
    Rewind& operator=(const Rewind&) = delete;
    ~Rewind() { sqlite3_reset(statement); }
    sqlite3_stmt* statement;
  };

  static StoreError damaged(const std::string& path) {
    return {StoreError::Kind::retry, std::make_error_code(std::errc::io_error), path, "the journal is damaged"};
  }

  /// Returns false if it is damaged.
  [[nodiscard]] bool open(const std::string& path) {
    select_.reset(nullptr);
    insert_.reset(nullptr);
    delete_.reset(nullptr);
    database_.reset(nullptr);
    try {
      database_.reset(new SqliteDatabase{path, SqliteDatabase::Use::alone});
      database_->run(
          "CREATE TABLE IF NOT EXISTS journal (id INTEGER PRIMARY KEY AUTOINCREMENT, source TEXT NOT NULL, began_at_ns "
          "INTEGER NOT NULL, epoch INTEGER NOT NULL, algorithm TEXT NOT NULL, frame_index INTEGER NOT NULL, time_ns "
          "INTEGER NOT NULL, value TEXT NOT NULL, checksum INTEGER NOT NULL)");
      if (!database_->is_whole()) return false;
      insert_ = database_->prepare(
          "INSERT INTO journal (source, began_at_ns, epoch, algorithm, frame_index, time_ns, value, checksum) "
          "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
      select_ = database_->prepare(std::string{columns} + " ORDER BY id LIMIT ?1");
      delete_ = database_->prepare("DELETE FROM journal WHERE id BETWEEN ?1 AND ?2");
      const SqliteStatement all = database_->prepare(std::string{columns} + " ORDER BY id");
      const Rewind rewind{*all};
      bytes_ = count_ = 0;
      while (database_->next_row(*all)) {
        bytes_ += entry_of(*all).record.bytes();
        ++count_;
      }
      return true;
    } catch (const SqliteDamage&) {
      return false;
    }
  }

  /// Gives way to a new one.
  std::string put_aside(const std::string& path) {
    select_.reset(nullptr);
    insert_.reset(nullptr);
    delete_.reset(nullptr);
    database_.reset(nullptr);
    std::string aside = path + ".damaged";
    for (int i = 2; std::filesystem::exists(aside); ++i) aside = path + ".damaged" + std::to_string(i);
    for (const char* const part : {"", "-wal"}) {
      std::error_code missing;
      std::filesystem::rename(path + part, aside + part, missing);
      if (missing && *part == '\0') throw damaged(path);
    }
    return aside;
  }

  /// Reads a damaged one, as far as that goes.
  void take_over(const std::string& aside) {
    std::vector<StoredRecord> found;
    try {
      SqliteDatabase from{aside, SqliteDatabase::Use::alone};
      const SqliteStatement all = from.prepare(std::string{columns} + " ORDER BY id");
      const Rewind rewind{*all};
      while (from.next_row(*all)) {
        StoredRecord record = entry_of(*all).record;
        if (checksum(record) != sqlite3_column_int64(all.get(), 8))
          break;  // where pages are missing, SQLite reads zeros
        found.push_back(std::move(record));
      }
    } catch (const StoreError&) {  // that is as far as it goes
    }
    append(found);
  }

  static std::int64_t checksum(const StoredRecord& record) {
    std::uint64_t hash = 0xcbf29ce484222325U;  // FNV-1a, of 64 bits
    for (const char character : to_json_text(record))
      hash = (hash ^ static_cast<unsigned char>(character)) * 0x100000001b3U;
    return static_cast<std::int64_t>(hash);
  }

  static Entry entry_of(sqlite3_stmt& row) {
    const auto text = [&row](int column) {
      const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(&row, column));
      return std::string{bytes == nullptr ? "" : bytes, static_cast<std::size_t>(sqlite3_column_bytes(&row, column))};
    };
    const auto number = [&row](int column) { return sqlite3_column_int64(&row, column); };
    return {.id = number(0),
            .record = {.source = {Name{text(1)}, WallTime{MediaTime{number(2)}}},
                       .epoch = static_cast<std::uint32_t>(number(3)),
                       .algorithm = Name{text(4)},
                       .frame_index = static_cast<std::uint64_t>(number(5)),
                       .time = MediaTime{number(6)},
                       .value = text(7)}};
  }

  static constexpr const char* columns =
      "SELECT id, source, began_at_ns, epoch, algorithm, frame_index, time_ns, value, checksum FROM journal";

  Handle<SqliteDatabase> database_;
  SqliteStatement insert_, select_, delete_;
  std::size_t bytes_ = 0;
  std::size_t count_ = 0;
  std::string damaged_;
};

}  // namespace stream_infer::detail
