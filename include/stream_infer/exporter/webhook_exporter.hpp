#pragma once

#include "stream_infer/core/media_time.hpp"
#include "stream_infer/exporter/http_client.hpp"
#include "stream_infer/exporter/json.hpp"
#include "stream_infer/exporter/record_store.hpp"
#include "stream_infer/exporter/secret.hpp"
#include "stream_infer/exporter/store_settings.hpp"
#include "stream_infer/exporter/stored_record.hpp"
#include "stream_infer/exporter/tls.hpp"

#include <span>
#include <string>
#include <utility>
#include <vector>

namespace stream_infer {

struct WebhookOptions {
  std::string url{};                                      ///< http:// or https://
  std::vector<std::pair<std::string, Secret>> headers{};  ///< sent along: {"Authorization", "Bearer …"}
  Tls tls{};                                              ///< for https
  MediaTime timeout{10'000'000'000};                      ///< for the whole of one request
};

/// Sends records to a web server, as the body of POST requests.
///
///     si::WebhookExporter exporter{{.url = "https://example.com/results",
///                                   .headers = {{"Authorization", si::Secret::from_environment("RESULTS_TOKEN")}}}};
///
/// The body is a JSON array of records (to_json_text()), one or, from reliable(), as many as it has at once, about a megabyte
/// at most. A repeat is possible; each record has its `key`, and a request's header `Idempotency-Key` is that of its one
/// record, or made of the keys of all.
///
/// An answer of 2xx is success. 400, 413 and 422 refuse a record for good; what else there is may pass, and `Retry-After` is
/// obeyed by reliable(). Redirections are not followed. A failure throws, and the record is lost to this exporter unless it is
/// made reliable(). Errors say scheme, host and port: what else is in the URL may be secret.
class WebhookExporter : public detail::CollectsOneByOne<WebhookExporter> {
 public:
  /// Does not connect. \throws Error  if an option makes no sense
  explicit WebhookExporter(WebhookOptions options)
      : client_{{.name = "WebhookOptions",
                 .url = std::move(options.url),
                 .tls = std::move(options.tls),
                 .timeout = options.timeout,
                 .refused = "url, or ::headers"}} {
    headers_.emplace_back("Content-Type: application/json");
    for (const auto& [name, value] : options.headers) {
      const std::string line = name + ": " + value.reveal();
      if (name.empty() || name.find_first_of(": ") != std::string::npos ||
          line.find_first_of("\r\n") != std::string::npos)
        throw detail::wrong_setting("WebhookOptions::headers", "has a name that is none, or a line break");
      headers_.push_back(line);
    }
  }

  /// Returns when the server has taken them. \throws StoreError
  void write(std::span<const StoredRecord> records) {
    detail::in_parts(records, most_bytes, [this](std::span<const StoredRecord> part) { send(part); });
  }

 private:
  static constexpr std::size_t most_bytes = 1'000'000;

  void send(std::span<const StoredRecord> records) {
    std::string body = "[", keys;
    for (const StoredRecord& record : records) {
      if (body.size() > 1) body += ",\n";
      body += to_json_text(record);
      keys += record_key(record);
    }
    body += "]\n";
    std::vector<std::string> headers = headers_;
    headers.push_back("Idempotency-Key: " + (records.size() == 1 ? keys : detail::hash_of({keys})));
    const detail::HttpAnswer answer = client_.post("", body, headers);
    if (answer.status < 200 || answer.status > 299) throw client_.refusal(answer, answer.body);
  }

  detail::HttpClient client_;
  std::vector<std::string> headers_;
};

}  // namespace stream_infer
