#pragma once

#include "stream_infer/core/handle.hpp"
#include "stream_infer/exporter/record_store.hpp"
#include "stream_infer/exporter/sqlite_database.hpp"
#include "stream_infer/exporter/stored_record.hpp"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <sqlite3.h>
#include <unistd.h>

namespace stream_infer::detail {

/// Records that wait to be delivered, in a file that survives the program: an SQLite database, written ahead. What write()
/// has taken is on the disk when it returns. Only one program at a time can have it. One thread at a time.
class Journal {
 public:
  struct Entry {
    std::int64_t id = 0;  ///< greater than that of the one before
    StoredRecord record{};
  };
  /// Entries from one id to another.
  struct Range {
    std::int64_t first = 0, last = 0;
  };

  /// Opens what is there, or begins a new one. One that is damaged is put aside as `PATH.damaged`, and what can be read of
  /// it is taken over. \throws StoreError  also if it is no journal, but something else
  explicit Journal(const std::string& path) {
    const std::string recovered = path + ".recovered";
    if (exists(recovered)) put_in_place(path, recovered);  // a program ended meanwhile
    if (open(path)) return;
    close();
    if (is_text(path)) throw foreign(path);  // to look before would take our lock off it where somebody here has it
    write_salvaged(path, recovered);
    put_in_place(path, recovered);
    if (!open(path)) throw damaged(path);
  }

  /// Forgets some entries, and takes records: both, or neither. Returns the id of the first record; the others' follow.
  /// \throws StoreError
  template <class Records>
  std::int64_t write(std::span<const Range> forgotten, const Records& records) {
    const std::int64_t first = last_id_ + 1;
    std::size_t size = size_, bytes = bytes_;
    std::int64_t id = first;
    database_->transaction([&] {
      for (const Range& range : forgotten) {
        bind_value(*delete_, 1, range.first);
        bind_value(*delete_, 2, range.last);
        database_->step(*delete_);
        size -= database_->changes();
      }
      for (const StoredRecord& record : records) {
        bind_value(*insert_, 1, id);
        bind_value(*insert_, 2, record.source.name);
        bind_value(*insert_, 3, record.began_at_ns());
        bind_value(*insert_, 4, std::int64_t{record.epoch});
        bind_value(*insert_, 5, record.algorithm);
        bind_value(*insert_, 6, static_cast<std::int64_t>(record.frame_index));
        bind_value(*insert_, 7, record.time_ns());
        bind_value(*insert_, 8, record.value);
        bind_value(*insert_, 9, checksum(record));
        database_->step(*insert_);
        ++id;
        ++size;
        bytes += record.bytes();
      }
    });
    last_id_ = id - 1;
    size_ = size;
    bytes_ = bytes;
    return first;
  }

  /// The oldest entries behind an id, at most so many, and about so many bytes. \throws StoreError
  [[nodiscard]] std::vector<Entry> read(std::int64_t behind, std::size_t most, std::size_t most_bytes) {
    std::vector<Entry> entries;
    bind_value(*select_, 1, behind);
    bind_value(*select_, 2, static_cast<std::int64_t>(most));
    const Rewind rewind{*select_};
    for (std::size_t bytes = 0; bytes < most_bytes && database_->next_row(*select_);) {
      entries.push_back(entry_of(*select_));
      bytes += entries.back().record.bytes();
    }
    return entries;
  }

  [[nodiscard]] std::size_t size() const { return size_; }  ///< entries
  /// About the memory that all records would take that were there when it was opened, or came since.
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
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

  static StoreError foreign(const std::string& path) {
    return {StoreError::Kind::retry, make_error_code(Errc::invalid_argument), path,
            "ReliableOptions::journal takes the path of a file of its own: this is no journal, and is left as it is"};
  }
  /// Whether it is somebody's text.
  [[nodiscard]] static bool is_text(const std::string& path) {
    constexpr std::string_view database = "SQLite format 3";
    std::string head(512, '\0');
    std::ifstream file{path, std::ios::binary};
    file.read(head.data(), static_cast<std::streamsize>(head.size()));
    head.resize(static_cast<std::size_t>(file.gcount()));
    return !head.empty() && head.substr(0, database.size()) != database.substr(0, head.size()) &&
           std::all_of(head.begin(), head.end(), [](char character) {
             const auto byte = static_cast<unsigned char>(character);
             return (byte >= ' ' && byte < 0xf8) || byte == '\n' || byte == '\r' || byte == '\t';  // UTF-8 has no more
           });
  }
  /// Whether it is somebody's database.
  [[nodiscard]] bool has_other_tables() {
    const SqliteStatement other = database_->prepare("SELECT 1 FROM sqlite_master WHERE tbl_name <> 'journal' LIMIT 1");
    return database_->next_row(*other);
  }

  static StoreError damaged(const std::string& path) {
    return {StoreError::Kind::retry, std::make_error_code(std::errc::io_error), path, "the journal is damaged"};
  }

  /// Returns false if it is damaged.
  [[nodiscard]] bool open(const std::string& path) {
    close();
    try {
      database_.reset(new SqliteDatabase{path, SqliteDatabase::Use::alone});
      if (!database_->is_writable()) {
        if (::access(path.c_str(), W_OK) == 0) return false;
        throw StoreError{StoreError::Kind::retry, std::error_code{errno, std::generic_category()}, path,
                         "ReliableOptions::journal cannot be written"};
      }
      if (has_other_tables()) throw foreign(path);
      database_->run(
          "CREATE TABLE IF NOT EXISTS journal (id INTEGER PRIMARY KEY, source TEXT NOT NULL, began_at_ns "
          "INTEGER NOT NULL, epoch INTEGER NOT NULL, algorithm TEXT NOT NULL, frame_index INTEGER NOT NULL, time_ns "
          "INTEGER NOT NULL, value TEXT NOT NULL, checksum INTEGER NOT NULL)");
      if (!database_->is_whole()) return false;
      insert_ = database_->prepare(
          "INSERT INTO journal (id, source, began_at_ns, epoch, algorithm, frame_index, time_ns, value, checksum) "
          "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)");
      select_ = database_->prepare(std::string{columns} + " WHERE id > ?1 ORDER BY id LIMIT ?2");
      delete_ = database_->prepare("DELETE FROM journal WHERE id BETWEEN ?1 AND ?2");
      const SqliteStatement all = database_->prepare(std::string{columns} + " ORDER BY id");
      bytes_ = size_ = 0;
      last_id_ = 0;
      while (database_->next_row(*all)) {
        const Entry entry = entry_of(*all);
        if (!is_intact(entry, *all)) return false;
        last_id_ = entry.id;
        bytes_ += entry.record.bytes();
        ++size_;
      }
      return true;
    } catch (const SqliteDamage&) {
      return false;
    } catch (const StoreError& error) {
      if (error.code() == std::make_error_code(std::errc::invalid_argument))
        return false;  // what it says makes no sense
      throw;
    }
  }

  void close() {
    select_.reset(nullptr);
    insert_.reset(nullptr);
    delete_.reset(nullptr);
    database_.reset(nullptr);
  }

  /// Makes a journal of what can be read of a damaged one. It gets its name once it is whole.
  void write_salvaged(const std::string& path, const std::string& recovered) {
    const std::string part = path + ".part";
    std::error_code ignored;
    for (const char* const file : {"", "-wal", "-shm"}) std::filesystem::remove(part + file, ignored);
    const std::vector<StoredRecord> found = salvaged(path);
    if (!open(part)) throw damaged(part);
    write({}, found);
    database_->run("PRAGMA journal_mode=DELETE");  // all of it is in the one file that gets the name, or it throws
    close();
    rename(part, recovered);
  }

  /// The damaged one gives way to what was salvaged of it.
  void put_in_place(const std::string& path, const std::string& recovered) {
    damaged_ = path + ".damaged";
    for (int i = 2; exists(damaged_) || exists(damaged_ + "-wal"); ++i)
      damaged_ = path + ".damaged" + std::to_string(i);
    for (const char* const file : {"-wal", ""})
      if (exists(path + file)) rename(path + file, damaged_ + file);
    rename(recovered, path);
  }
  [[nodiscard]] static bool exists(const std::string& path) {
    std::error_code ignored;
    return std::filesystem::exists(path, ignored);
  }
  static void rename(const std::string& from, const std::string& to) {
    std::error_code error;
    std::filesystem::rename(from, to, error);
    if (error) throw StoreError{StoreError::Kind::retry, error, from, "cannot be renamed to " + to};
  }

  /// What can be read of a damaged one: from its beginning to the first damage, and from its end.
  static std::vector<StoredRecord> salvaged(const std::string& path) {
    std::map<std::int64_t, StoredRecord> found;
    for (const char* const order : {" ORDER BY id", " ORDER BY id DESC"}) {
      try {
        SqliteDatabase from{path, SqliteDatabase::Use::damaged};
        const SqliteStatement all = from.prepare(std::string{columns} + order);
        while (from.next_row(*all)) {
          Entry entry = entry_of(*all);
          if (is_intact(entry, *all)) found.emplace(entry.id, std::move(entry.record));
        }
      } catch (const StoreError& error) {  // that is as far as it goes, unless it is for another reason
        for (const std::errc passing : {std::errc::no_space_on_device, std::errc::not_enough_memory,
                                        std::errc::no_such_file_or_directory, std::errc::device_or_resource_busy})
          if (error.code() == std::make_error_code(passing)) throw;
      }
    }
    std::vector<StoredRecord> records;
    records.reserve(found.size());
    for (auto& [id, record] : found) records.push_back(std::move(record));
    return records;
  }

  /// Where pages are missing, SQLite reads zeros; a bit that has changed it does not see.
  static bool is_intact(const Entry& entry, sqlite3_stmt& row) {
    return checksum(entry.record) == sqlite3_column_int64(&row, 8);
  }

  static std::int64_t checksum(const StoredRecord& record) {
    std::uint64_t hash = 0xcbf29ce484222325U;  // FNV-1a, of 64 bits
    const auto add = [&hash](std::string_view bytes) {
      for (const char byte : bytes) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3U;
    };
    add(record.source.name);
    add(record.algorithm);
    add(record.value);
    const std::int64_t numbers[] = {record.began_at_ns(), record.epoch, static_cast<std::int64_t>(record.frame_index),
                                    record.time_ns()};
    add({reinterpret_cast<const char*>(numbers), sizeof numbers});
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
  std::int64_t last_id_ = 0;
  std::size_t size_ = 0, bytes_ = 0;
  std::string damaged_;
};

}  // namespace stream_infer::detail
