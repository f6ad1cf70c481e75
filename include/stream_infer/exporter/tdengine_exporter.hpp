#pragma once

#include "stream_infer/core/error.hpp"
#include "stream_infer/core/media_time.hpp"
#include "stream_infer/exporter/http_client.hpp"
#include "stream_infer/exporter/influx_exporter.hpp"
#include "stream_infer/exporter/json.hpp"
#include "stream_infer/exporter/record_store.hpp"
#include "stream_infer/exporter/secret.hpp"
#include "stream_infer/exporter/store_settings.hpp"
#include "stream_infer/exporter/stored_record.hpp"
#include "stream_infer/exporter/tls.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <variant>

namespace stream_infer {

/// The PRECISION that a TDengine database was made with.
enum class TimePrecision : std::uint8_t { milliseconds, microseconds, nanoseconds };

/// Rows of a supertable, with a table for each algorithm of each source.
struct TdengineSql {
  std::string table = "results";
  TimePrecision precision = TimePrecision::nanoseconds;  ///< of the database
};

/// Lines of InfluxDB's line protocol, as by to_line(): TDengine makes the tables.
struct TdengineLines {
  std::string measurement = "{algorithm}";
};

struct TdengineOptions {
  std::string url = "http://127.0.0.1:6041";  ///< of taosAdapter
  std::string database{};
  std::string user = "root";
  Secret password = "taosdata";
  std::variant<TdengineSql, TdengineLines> form{};
  Tls tls{};                          ///< for https
  MediaTime timeout{10'000'000'000};  ///< for the whole of one request
};

/// Puts records into TDengine (3.x), through its REST interface.
///
///     // CREATE DATABASE video PRECISION 'ns' KEEP 36500
///     si::TdengineExporter exporter{{.url = "http://tdengine.lan:6041", .database = "video", .user = "cam",
///                                    .password = si::Secret::from_environment("TDENGINE_PASSWORD")}};
///
/// SQL (the default): the supertable is made if it is not there. Its columns are `ts` (live: the moment; else the time since
/// the recording's start, from 1970 on, for which the database must KEEP long enough) and those of StoredRecord, `value` as
/// JSON text of up to 4000 characters; `algorithm` and `source` are its tags.
///
///     SELECT ts, `value` FROM results WHERE algorithm = 'head' ORDER BY ts DESC LIMIT 10
///
/// A repeat has the same table and time, and so adds nothing. In a database of milliseconds that holds for two frames of the
/// same millisecond, too: make it PRECISION 'ns'. collect() returns when the server has the record. What TDengine refuses for
/// what it is (too long a value, a time that is not kept) is refused for good; any other failure may pass. Both throw, and
/// the record is lost to this exporter unless it is made reliable().
///
/// References: "REST API", "Data Ingestion", "Schemaless Ingestion" and "Escape Characters", TDengine's documentation.
class TdengineExporter : public detail::CollectsOneByOne<TdengineExporter> {
 public:
  /// Asks the server. That it is not there yet is no error: it is asked again at each write().
  /// \throws Error       if an option makes no sense
  /// \throws StoreError  if it refuses user and password, or there is no such database
  explicit TdengineExporter(const TdengineOptions& options)
      : form_{std::visit([&](const auto& form) -> Form { return make(options, form); }, options.form)} {
    std::visit([](auto& form) { form.try_out(); }, form_);
  }

  /// Returns when the server has them. \throws StoreError
  void write(std::span<const StoredRecord> records) {
    std::visit([&](auto& form) { form.write(records); }, form_);
  }

 private:
  /// The way of SQL.
  class SqlClient {
   public:
    SqlClient(detail::HttpClient::Options options, const std::string& database, const TdengineSql& form)
        : client_{std::move(options)},
          path_{"/rest/sql/" + database},
          table_{form.table},
          divisor_{form.precision == TimePrecision::milliseconds   ? 1'000'000
                   : form.precision == TimePrecision::microseconds ? 1'000
                                                                   : 1} {}

    void try_out() {
      try {
        make_table();
      } catch (const StoreError& error) {
        if (error.kind() == StoreError::Kind::retry && error.code() == Errc::invalid_argument) throw;
      }
    }

    void write(std::span<const StoredRecord> records) {
      if (!has_table_) make_table();
      detail::in_parts(records, most_bytes, [this](std::span<const StoredRecord> part) {
        std::string sql = "INSERT INTO";
        for (const StoredRecord& record : part) append(sql, record);
        run(sql);
      });
    }

   private:
    static constexpr std::size_t most_bytes = 300'000;  // a statement has up to 1 MB, with what is escaped in it

    void make_table() {
      run("CREATE STABLE IF NOT EXISTS `" + table_ +
          "` (ts TIMESTAMP, `key` VARCHAR(32), began_at_ns BIGINT, epoch INT UNSIGNED, frame_index BIGINT UNSIGNED, "
          "time_ns BIGINT, `value` NCHAR(4000)) TAGS (algorithm NCHAR(200), source NCHAR(2000))");
      has_table_ = true;
    }

    void append(std::string& sql, const StoredRecord& record) const {
      sql += " `r_" + detail::hash_of({table_, record.algorithm, record.source.name}) + "` USING `" + table_ +
             "` TAGS (" + quoted(record.algorithm) + ',' + quoted(record.source.name) + ") VALUES (" +
             std::to_string((record.began_at_ns() + record.time_ns()) / divisor_) + ",'" + record_key(record) + "'," +
             std::to_string(record.began_at_ns()) + ',' + std::to_string(record.epoch) + ',' +
             std::to_string(record.frame_index) + ',' + std::to_string(record.time_ns()) + ',' + quoted(record.value) +
             ')';
    }

    static std::string quoted(std::string_view text) {
      std::string sql = "'";
      for (const char character : text) {
        if (character == '\'' || character == '"' || character == '\\') sql += '\\';
        sql += character;
      }
      return sql + '\'';
    }

    void run(const std::string& sql) {
      const detail::HttpAnswer answer = client_.post(path_, sql, {"Content-Type: text/plain; charset=utf-8"});
      const nlohmann::json said = nlohmann::json::parse(answer.body, nullptr, false);
      const bool has_code = said.is_object() && said.contains("code") && said["code"].is_number_integer();
      if (!has_code) throw client_.refusal(answer, answer.body);
      const auto code = said["code"].get<std::int64_t>();
      if (code == 0 && answer.status == 200) return;
      const std::string why =
          (said.contains("desc") && said["desc"].is_string() ? said["desc"].get<std::string>() : "an error") +
          " (code " + std::to_string(code) + ')';
      const auto is_one_of = [code](const auto& codes) {
        return std::find(codes.begin(), codes.end(), code) != codes.end();
      };
      if (answer.status == 401) throw wrong("user or ::password", why);
      if (is_one_of(no_database)) throw wrong("database", why);
      if (answer.status != 200 && answer.status != 400 && answer.status != 500) throw client_.refusal(answer, why);
      const bool is_poison = answer.status == 400 || is_one_of(refused_values);
      throw StoreError{is_poison ? StoreError::Kind::poison : StoreError::Kind::retry,
                       std::make_error_code(std::errc::io_error), client_.origin(), why, answer.retry_after};
    }

    [[nodiscard]] StoreError wrong(std::string_view setting, const std::string& why) const {
      return {StoreError::Kind::retry, make_error_code(Errc::invalid_argument), client_.origin(),
              "TdengineOptions::" + std::string{setting} + ": " + why};
    }

    // Of TDengine's taoserror.h.
    static constexpr std::array<std::int64_t, 2> no_database{0x0381, 0x0388};
    static constexpr std::array<std::int64_t, 5> refused_values{0x0216, 0x0224, 0x060b, 0x2600, 0x2653};

    detail::HttpClient client_;
    std::string path_;
    std::string table_;
    std::int64_t divisor_;
    bool has_table_ = false;
  };
  using Form = std::variant<SqlClient, detail::LineClient>;

  static detail::HttpClient::Options http(const TdengineOptions& options) {
    detail::check_name("TdengineOptions::database", options.database);
    if (options.user.empty()) throw detail::wrong_setting("TdengineOptions::user", "is empty");
    std::string url = options.url;
    if (url.ends_with('/')) url.pop_back();
    return {.name = "TdengineOptions",
            .url = std::move(url),
            .user = options.user,
            .password = options.password.reveal(),
            .tls = options.tls,
            .timeout = options.timeout,
            .refused = "user or ::password",
            .missing = "database, or ::url"};
  }
  static Form make(const TdengineOptions& options, const TdengineSql& form) {
    detail::check_name("TdengineSql::table", form.table);
    return Form{std::in_place_type<SqlClient>, http(options), options.database, form};
  }
  static Form make(const TdengineOptions& options, const TdengineLines& form) {
    detail::check_template("TdengineLines::measurement", form.measurement);
    return Form{std::in_place_type<detail::LineClient>, http(options),
                "/influxdb/v1/write?db=" + options.database + "&precision=ns", std::vector<std::string>{},
                form.measurement};
  }

  Form form_;
};

}  // namespace stream_infer
