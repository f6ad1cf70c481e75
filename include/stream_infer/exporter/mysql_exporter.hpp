#pragma once

#include "stream_infer/core/error.hpp"
#include "stream_infer/core/media_time.hpp"
#include "stream_infer/exporter/json.hpp"
#include "stream_infer/exporter/mysql_connection.hpp"
#include "stream_infer/exporter/record_store.hpp"
#include "stream_infer/exporter/secret.hpp"
#include "stream_infer/exporter/store_settings.hpp"
#include "stream_infer/exporter/stored_record.hpp"
#include "stream_infer/exporter/tls.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <unistd.h>

namespace stream_infer {

struct MySqlOptions {
  std::string host = "127.0.0.1";  ///< a name or an address
  std::uint16_t port = 3306;
  std::string user{};
  Secret password{};
  std::string database{};
  std::string table = "results";     ///< letters, digits and '_'
  std::optional<Tls> tls{};          ///< `si::Tls{}` encrypts, and checks the server's certificate and name
  MediaTime timeout{5'000'000'000};  ///< for each step of the server, in whole seconds: rounded up
};

/// Puts records into a table of a MySQL or MariaDB (10.2.7 or later) database.
///
///     auto exporter = si::reliable(si::MySqlExporter{{.host = "db.example",
///                                                     .user = "results_writer",
///                                                     .password = si::Secret::from_environment("MYSQL_PASSWORD"),
///                                                     .database = "cameras",
///                                                     .tls = si::Tls{}}},
///                                  {.journal = "results.journal"});
///
/// The table is made if it is not there, with the columns of StoredRecord. Where it is, the right to INSERT is enough:
///
///     CREATE TABLE results (
///       `key` CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
///       source LONGTEXT NOT NULL, began_at_ns BIGINT NOT NULL, epoch INT UNSIGNED NOT NULL,
///       algorithm LONGTEXT NOT NULL, frame_index BIGINT UNSIGNED NOT NULL, time_ns BIGINT NOT NULL,
///       value JSON NOT NULL, INDEX by_time (algorithm(191), time_ns))
///     ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
///
/// A repeat of a record adds nothing; one with another value, as of a recording that is run again, takes the place of the
/// old, if we have the right to UPDATE. The index serves the questions that are asked:
///
///     SELECT time_ns, JSON_EXTRACT(value, '$.count') FROM results
///     WHERE algorithm = 'head' ORDER BY time_ns DESC LIMIT 10;
///
/// - write() is one transaction: all of its records, or none. Bytes of a name that are not UTF-8 are replaced.
/// - A server that is away, or that ends the connection, is no error of the constructor: write() connects anew. While
///   it cannot, it throws a StoreError to be tried again, and collect() loses the record, unless it is made reliable().
/// - A record that the table does not take (too long for it, or for the server's max_allowed_packet, or refused by a
///   constraint or a trigger) is a StoreError of kind poison; reliable() writes it to its dead letters.
/// - write() gives up when the server has been silent for `timeout`. Looking up the host's name is not part of that.
/// - Without `tls` nothing is encrypted. With it the certificate and its name are checked, unless Tls::verify is false.
///
/// One thread at a time, as all stores; it need not be the same.
class MySqlExporter : public detail::CollectsOneByOne<MySqlExporter> {
 public:
  /// \throws Error  if an option makes no sense, or the server is there and refuses the user, the database or the
  ///                table, or the connection cannot be encrypted
  explicit MySqlExporter(const MySqlOptions& options) : table_{options.table}, login_{checked_login(options)} {
    try {
      connect();
    } catch (const detail::MySqlError& error) {
      const std::string_view setting = wrong_setting(error.number());
      if (!setting.empty())
        throw Error{Errc::invalid_argument, "export", login_.address, std::string{setting} + ": " + error.reason()};
    }
  }

  /// All of them, or none. \throws StoreError
  void write(std::span<const StoredRecord> records) {
    if (records.empty()) return;
    std::vector<Row> rows;
    rows.reserve(records.size());
    for (const StoredRecord& record : records) rows.emplace_back(record);
    const bool was_connected = connection_.has_value();
    const auto began = std::chrono::steady_clock::now();
    try {
      insert_all(rows);
    } catch (const detail::MySqlError& error) {
      // A server that has started anew, or that ended an idle connection, is no reason to lose a record. Silence is.
      const bool was_quick = std::chrono::steady_clock::now() - began < std::chrono::milliseconds{500} * login_.seconds;
      if (!was_connected || !error.is_lost() || !was_quick) throw;
      insert_all(rows);
    }
  }

 private:
  static constexpr std::size_t most_rows = 256;            // of one statement
  static constexpr std::size_t most_bytes = 4'000'000;     // of one statement of more than one row, about
  static constexpr std::size_t statement_overhead = 1000;  // bytes of a statement that are of no row
  static constexpr std::size_t row_overhead = 160;         // bytes of a row that are not its texts, with room to spare

  /// A record, as it is handed to the client library.
  struct Row {
    explicit Row(const StoredRecord& record)
        : key{record_key(record)},
          source{utf8(record.source.name)},
          algorithm{utf8(record.algorithm)},
          value{record.value},
          began_at_ns{record.began_at_ns()},
          time_ns{record.time_ns()},
          epoch{record.epoch},
          frame_index{record.frame_index} {}

    static constexpr std::size_t columns = 8;

    void bind(std::span<MYSQL_BIND> to) {
      detail::bind_value(to[0], key);
      detail::bind_value(to[1], source);
      detail::bind_value(to[2], began_at_ns);
      detail::bind_value(to[3], epoch);
      detail::bind_value(to[4], algorithm);
      detail::bind_value(to[5], frame_index);
      detail::bind_value(to[6], time_ns);
      detail::bind_value(to[7], value);
    }

    /// In a statement, at most.
    [[nodiscard]] std::size_t bytes() const {
      return key.size() + source.size() + algorithm.size() + value.size() + row_overhead;
    }

    std::string key, source, algorithm;
    std::string_view value;
    std::int64_t began_at_ns, time_ns;
    std::uint64_t epoch, frame_index;
  };

  [[nodiscard]] static std::string utf8(std::string_view text) {
    const bool is_ascii =
        std::none_of(text.begin(), text.end(), [](char character) { return (character & 0x80) != 0; });
    return is_ascii ? std::string{text} : nlohmann::json::parse(detail::quote(text)).get<std::string>();
  }

  [[nodiscard]] static detail::MySqlLogin checked_login(const MySqlOptions& options) {
    const std::string server = detail::checked_address("MySqlOptions::host", options.host, options.port);
    detail::check_name("MySqlOptions::table", options.table);
    if (options.user.empty()) throw detail::wrong_setting("MySqlOptions::user", "is empty");
    if (options.database.empty()) throw detail::wrong_setting("MySqlOptions::database", "is empty");
    if (options.tls && !options.tls->ca_file.empty() && ::access(options.tls->ca_file.c_str(), R_OK) != 0)
      throw detail::wrong_setting("MySqlOptions::tls", "cannot read the file '" + options.tls->ca_file + '\'');
    detail::check_timeout("MySqlOptions::timeout", options.timeout);
    return {.host = options.host,
            .port = options.port,
            .user = options.user,
            .password = options.password,
            .database = options.database,
            .tls = options.tls,
            .seconds = static_cast<unsigned>(std::chrono::ceil<std::chrono::seconds>(options.timeout).count()),
            .address = "mysql://" + server + '/' + options.database + '/' + options.table};
  }

  /// The setting that an error is about which does not go away by itself; empty for all others.
  [[nodiscard]] static std::string_view wrong_setting(unsigned number) {
    constexpr unsigned mysql_account_locked = 3118, mysql_needs_tls = 3159;
    switch (number) {
      case ER_ACCESS_DENIED_ERROR:
      case ER_ACCESS_DENIED_NO_PASSWORD_ERROR:
      case ER_HOST_NOT_PRIVILEGED:
      case ER_NOT_SUPPORTED_AUTH_MODE:
      case ER_MUST_CHANGE_PASSWORD:
      case ER_MUST_CHANGE_PASSWORD_LOGIN:
      case ER_ACCOUNT_HAS_BEEN_LOCKED:
      case mysql_account_locked:
      case CR_AUTH_PLUGIN_CANNOT_LOAD: return "MySqlOptions::user or ::password";
      case ER_DBACCESS_DENIED_ERROR:
      case ER_BAD_DB_ERROR: return "MySqlOptions::database";
      case ER_TABLEACCESS_DENIED_ERROR:
      case ER_COLUMNACCESS_DENIED_ERROR:
      case ER_BAD_FIELD_ERROR:
      case ER_TOO_LONG_IDENT:
      case ER_WRONG_TABLE_NAME:
      case ER_WRONG_OBJECT:
      case ER_NON_INSERTABLE_TABLE: return "MySqlOptions::table";
      case mysql_needs_tls:
      case CR_SSL_CONNECTION_ERROR: return "MySqlOptions::tls";
      default: return {};
    }
  }

  /// Makes a connection that is ready for insert(). \throws MySqlError
  void connect() {
    detail::MySqlConnection connection{login_};
    // Whom this program has given up must not wait on at the server, for a lock, and be joined by the next one.
    const std::string patience = std::to_string(std::max(1U, login_.seconds / 2));
    connection.run("SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', autocommit = 1, " +
                   ("innodb_lock_wait_timeout = " + patience + ", lock_wait_timeout = " + patience));
    max_packet_ = connection.number("SELECT @@max_allowed_packet");
    detail::MySqlStatement insert;
    try {
      insert = prepare_first(connection);
    } catch (const detail::MySqlError& error) {
      if (error.number() != ER_NO_SUCH_TABLE) throw;
      connection.run(create_table());
      insert = prepare_first(connection);
    }
    inserts_[0] = std::move(insert);
    connection_.emplace(std::move(connection));
  }

  /// The insert of one row.
  [[nodiscard]] detail::MySqlStatement prepare_first(detail::MySqlConnection& connection) {
    ignores_repeats_ = true;
    try {
      return connection.prepare(insert_rows(1));
    } catch (const detail::MySqlError& error) {
      if (error.number() != ER_TABLEACCESS_DENIED_ERROR && error.number() != ER_COLUMNACCESS_DENIED_ERROR) throw;
    }
    ignores_repeats_ = false;  // that needs the right to UPDATE
    return connection.prepare(insert_rows(1));
  }

  [[nodiscard]] std::string create_table() const {
    return "CREATE TABLE IF NOT EXISTS `" + table_ +
           "` (`key` CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY, source LONGTEXT NOT NULL, "
           "began_at_ns BIGINT NOT NULL, epoch INT UNSIGNED NOT NULL, algorithm LONGTEXT NOT NULL, "
           "frame_index BIGINT UNSIGNED NOT NULL, time_ns BIGINT NOT NULL, value JSON NOT NULL, "
           "INDEX by_time (algorithm(191), time_ns)) "
           "ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 COLLATE utf8mb4_bin";
  }

  [[nodiscard]] std::string insert_rows(std::size_t count) const {
    std::string sql = "INSERT INTO `" + table_ +
                      "` (`key`, source, began_at_ns, epoch, algorithm, frame_index, time_ns, value) VALUES ";
    for (std::size_t i = 0; i < count; ++i) sql += i == 0 ? "(?,?,?,?,?,?,?,?)" : ",(?,?,?,?,?,?,?,?)";
    return ignores_repeats_ ? sql + " ON DUPLICATE KEY UPDATE value = VALUES(value)" : sql;
  }

  void insert_all(std::span<Row> rows) {
    if (!connection_) connect();
    try {
      check_sizes(rows);
      if (rows.size() > 1) connection_->run("START TRANSACTION");
      for (std::span<Row> rest = rows; !rest.empty();) {
        const std::size_t count = fitting(rest);
        insert(rest.first(count));
        rest = rest.subspan(count);
      }
      if (rows.size() > 1) connection_->run("COMMIT");
    } catch (const StoreError& error) {
      if (error.kind() != StoreError::Kind::poison || !roll_back()) disconnect();
      throw;
    } catch (...) {
      disconnect();
      throw;
    }
  }

  void check_sizes(std::span<const Row> rows) const {
    for (const Row& row : rows)
      if (row.bytes() + statement_overhead > max_packet_)
        throw StoreError{StoreError::Kind::poison, std::make_error_code(std::errc::message_size), login_.address,
                         "a record of " + std::to_string(row.bytes()) + " bytes: the server's max_allowed_packet is " +
                             std::to_string(max_packet_)};
  }

  /// How many of the first rows are written at once: a power of two.
  [[nodiscard]] std::size_t fitting(std::span<const Row> rows) const {
    const std::size_t limit = std::min(most_bytes, max_packet_) - statement_overhead;
    std::size_t count = 1;
    for (std::size_t bytes = rows[0].bytes(); count < std::min(rows.size(), most_rows); ++count) {
      bytes += rows[count].bytes();
      if (bytes > limit) break;
    }
    return std::bit_floor(count);
  }

  /// \param rows  as many as a power of two
  void insert(std::span<Row> rows) {
    std::vector<MYSQL_BIND> values(rows.size() * Row::columns);
    for (std::size_t i = 0; i < rows.size(); ++i)
      rows[i].bind(std::span{values}.subspan(i * Row::columns, Row::columns));
    detail::MySqlStatement& statement = inserts_.at(static_cast<std::size_t>(std::countr_zero(rows.size())));
    if (!statement) statement = connection_->prepare(insert_rows(rows.size()));
    try {
      connection_->execute(*statement, values);
      return;
    } catch (const detail::MySqlError& error) {
      if (ignores_repeats_ || error.number() != ER_DUP_ENTRY) throw;
    }
    if (rows.size() == 1) return;  // it is there
    insert(rows.first(rows.size() / 2));
    insert(rows.subspan(rows.size() / 2));
  }

  /// Whether the connection can be used on.
  [[nodiscard]] bool roll_back() {
    try {
      connection_->run("ROLLBACK");
      return true;
    } catch (const StoreError&) {
      return false;
    }
  }

  void disconnect() {
    connection_.reset();
    inserts_ = {};
  }

  std::string table_;
  detail::MySqlLogin login_;
  std::size_t max_packet_ = 0;                         // what the server takes at once
  bool ignores_repeats_ = true;                        // the statements do, by themselves
  std::array<detail::MySqlStatement, 9> inserts_;      // of 1, 2, 4 … 256 rows, as they were needed
  std::optional<detail::MySqlConnection> connection_;  // ends before them: they need not say goodbye then
};

}  // namespace stream_infer
