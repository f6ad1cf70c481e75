#pragma once

#include "stream_infer/core/error.hpp"
#include "stream_infer/core/media_time.hpp"
#include "stream_infer/exporter/http_client.hpp"
#include "stream_infer/exporter/json.hpp"
#include "stream_infer/exporter/line_protocol.hpp"
#include "stream_infer/exporter/record_store.hpp"
#include "stream_infer/exporter/secret.hpp"
#include "stream_infer/exporter/store_settings.hpp"
#include "stream_infer/exporter/stored_record.hpp"
#include "stream_infer/exporter/tls.hpp"

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace stream_infer {

/// Where InfluxDB 1.x keeps what it is sent.
struct InfluxDatabase {
  std::string name{};
  std::string retention_policy{};  ///< empty: the database's default
  std::string user{};
  Secret password{};
};

/// Where InfluxDB 2.x keeps what it is sent.
struct InfluxBucket {
  std::string organization{};
  std::string name{};
  Secret token{};
};

struct InfluxOptions {
  std::string url = "http://127.0.0.1:8086";
  std::variant<InfluxDatabase, InfluxBucket> to{};
  std::string measurement = "{algorithm}";
  Tls tls{};                          ///< for https
  MediaTime timeout{10'000'000'000};  ///< for the whole of one request
};

namespace detail {

/// A server that takes line protocol over HTTP.
class LineClient {
 public:
  /// \param write  path and query of the address to write to
  LineClient(HttpClient::Options options, std::string write, std::vector<std::string> headers, std::string measurement)
      : client_{std::move(options)},
        write_{std::move(write)},
        headers_{std::move(headers)},
        measurement_{std::move(measurement)} {
    headers_.emplace_back("Content-Type: text/plain; charset=utf-8");
  }

  /// Writes nothing, to see whether that may be. A server that does not answer, or is not ready, is no error. \throws StoreError
  void try_out() {
    try {
      send("");
    } catch (const StoreError& error) {
      if (error.kind() == StoreError::Kind::retry && error.code() == Errc::invalid_argument) throw;
    }
  }

  void write(std::span<const StoredRecord> records) {
    in_parts(records, most_bytes, [this](std::span<const StoredRecord> part) {
      std::string lines;
      for (const StoredRecord& record : part) lines += to_line(record, fill_template(measurement_, record));
      send(lines);
    });
  }

 private:
  static constexpr std::size_t most_bytes = 1'000'000;

  void send(const std::string& lines) {
    const HttpAnswer answer = client_.post(write_, lines, headers_);
    if (answer.status >= 200 && answer.status <= 299) return;
    const nlohmann::json said = nlohmann::json::parse(answer.body, nullptr, false);
    for (const char* const name : {"error", "message", "desc"})
      if (said.is_object() && said.contains(name) && said[name].is_string())
        throw client_.refusal(answer, said[name].get_ref<const std::string&>());
    throw client_.refusal(answer, answer.body);
  }

  HttpClient client_;
  std::string write_;
  std::vector<std::string> headers_;
  std::string measurement_;
};

}  // namespace detail

/// Puts records into an InfluxDB server, 1.x or 2.x, as line protocol over HTTP.
///
///     si::InfluxExporter one{{.to = si::InfluxDatabase{.name = "video", .user = "cam",
///                                                      .password = si::Secret::from_environment("INFLUX_PASSWORD")}}};
///     si::InfluxExporter two{{.url = "https://influx.lan:8086", .to = si::InfluxBucket{
///         .organization = "lab", .name = "video", .token = si::Secret::from_environment("INFLUX_TOKEN")}}};
///
/// to_line() says what becomes of a record. Each algorithm is a measurement of its own: a field of one has one type.
///
///     SELECT value_count FROM head WHERE source = 'clip.mp4' ORDER BY time DESC LIMIT 10
///
/// A repeat has the same series and time, and so adds nothing; one with other values takes the place of the old. The times of
/// recordings are near 1970: keep them where nothing expires. collect() returns when the server has the record. What InfluxDB
/// refuses (a field that had another type before, a time that its retention policy has no place for) is refused for good;
/// any other failure may pass. Both throw, and the record is lost to this exporter unless it is made reliable().
class InfluxExporter : public detail::CollectsOneByOne<InfluxExporter> {
 public:
  /// Asks the server. That it is not there yet is no error: it is asked again at each write().
  /// \throws Error       if an option makes no sense
  /// \throws StoreError  if it says that there is no such database or bucket, or that we may not write to it
  explicit InfluxExporter(InfluxOptions options)
      : client_{std::visit([&](auto& to) { return make_client(options, to); }, options.to)} {
    client_.try_out();
  }

  /// Returns when the server has them. \throws StoreError
  void write(std::span<const StoredRecord> records) { client_.write(records); }

 private:
  static detail::LineClient make_client(const InfluxOptions& options, const InfluxDatabase& to) {
    if (to.name.empty()) throw detail::wrong_setting("InfluxDatabase::name", "is empty");
    std::string write = "/write?db=" + detail::url_encoded(to.name) + "&precision=ns";
    if (!to.retention_policy.empty()) write += "&rp=" + detail::url_encoded(to.retention_policy);
    return make_client(options, std::move(write), to.user, to.password.reveal(), {});
  }
  static detail::LineClient make_client(const InfluxOptions& options, const InfluxBucket& to) {
    if (to.organization.empty()) throw detail::wrong_setting("InfluxBucket::organization", "is empty");
    if (to.name.empty()) throw detail::wrong_setting("InfluxBucket::name", "is empty");
    if (to.token.reveal().find_first_of("\r\n") != std::string::npos)
      throw detail::wrong_setting("InfluxBucket::token", "has a line break");
    return make_client(options,
                       "/api/v2/write?org=" + detail::url_encoded(to.organization) +
                           "&bucket=" + detail::url_encoded(to.name) + "&precision=ns",
                       {}, {}, {"Authorization: Token " + to.token.reveal()});
  }
  static detail::LineClient make_client(const InfluxOptions& options, std::string write, const std::string& user,
                                        const std::string& password, std::vector<std::string> headers) {
    detail::check_template("InfluxOptions::measurement", options.measurement);
    std::string url = options.url;
    if (url.ends_with('/')) url.pop_back();
    return {{.name = "InfluxOptions",
             .url = std::move(url),
             .user = user,
             .password = password,
             .tls = options.tls,
             .timeout = options.timeout,
             .refused = "to (user and password, or token)",
             .missing = "to (database or bucket), or ::url"},
            std::move(write),
            std::move(headers),
            options.measurement};
  }

  detail::LineClient client_;
};

}  // namespace stream_infer
