#pragma once

#include "stream_infer/core/handle.hpp"
#include "stream_infer/core/media_time.hpp"
#include "stream_infer/exporter/no_sigpipe.hpp"
#include "stream_infer/exporter/record_store.hpp"
#include "stream_infer/exporter/store_settings.hpp"
#include "stream_infer/exporter/tls.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <curl/curl.h>

namespace stream_infer::detail {

/// A transfer of libcurl's, which calls it void.
struct Curl {
  Curl() : handle{curl_easy_init()} {}
  Curl(const Curl&) = delete;
  Curl& operator=(const Curl&) = delete;
  ~Curl() { curl_easy_cleanup(handle); }
  CURL* handle;
  char why[CURL_ERROR_SIZE] = "";  // libcurl may write into it until the handle is gone
};
inline void free_curl_list(curl_slist* list) noexcept { curl_slist_free_all(list); }

/// A text as it stands in a URL's query.
[[nodiscard]] inline std::string url_encoded(std::string_view text) {
  constexpr std::string_view plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string encoded;
  for (const char character : text) {
    if (plain.find(character) != std::string_view::npos) {
      encoded += character;
    } else {
      const auto byte = static_cast<unsigned char>(character);
      encoded += '%';
      encoded += digits[byte >> 4U];
      encoded += digits[byte & 15U];
    }
  }
  return encoded;
}

struct HttpAnswer {
  long status = 0;
  std::string body{};  ///< no more of it than an error needs
  std::optional<MediaTime> retry_after{};
};

/// Sends requests to one web server, with libcurl. One thread at a time.
class HttpClient {
 public:
  struct Options {
    std::string name;  ///< of the exporter's options, for errors: "WebhookOptions"
    std::string url;   ///< http:// or https://; may have a user and a password
    std::string user{};
    std::string password{};
    Tls tls{};
    MediaTime timeout{};
    std::string_view refused = "url";  ///< the option that is wrong where the server lets nobody in (401, 403)
    std::string_view missing = "url";  ///< and where it knows no such thing (404)
  };

  /// Does not connect. \throws Error  if the URL is none, or the time makes no sense
  explicit HttpClient(Options options) : options_{std::move(options)}, origin_{origin_of(options_.name, options_.url)} {
    check_timeout(options_.name + "::timeout", options_.timeout);
    static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
    curl_.reset(ready == CURLE_OK ? new Curl : nullptr);
    if (curl_ == nullptr || curl_->handle == nullptr)
      throw Error{Errc::unsupported, "export", origin_, "libcurl does not start"};
  }

  /// Scheme, host and port; what follows may be secret.
  [[nodiscard]] const std::string& origin() const { return origin_; }

  /// Sends `body`, and waits for the answer. \param path  behind the URL
  /// \throws StoreError  if there is none in time; Errc::invalid_argument if it is because of an option
  [[nodiscard]] HttpAnswer post(const std::string& path, const std::string& body,
                                const std::vector<std::string>& headers) {
    CURL* const curl = curl_->handle;
    HttpAnswer answer;
    Handle<curl_slist, free_curl_list> list;
    const auto add_header = [&list](const std::string& header) {
      if (curl_slist* const longer = curl_slist_append(list.get(), header.c_str())) {
        static_cast<void>(list.release());
        list.reset(longer);
      }
    };
    add_header("Expect:");  // some servers never say "100 Continue"
    for (const std::string& header : headers) add_header(header);

    curl_easy_reset(curl);  // keeps the connection
    const auto milliseconds = static_cast<long>(options_.timeout.count() / 1'000'000);
    curl_easy_setopt(curl, CURLOPT_URL, (options_.url + path).c_str());
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, milliseconds);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, milliseconds);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, curl_->why);
    *curl_->why = '\0';
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "stream_infer");
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list.get());
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.data());
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &keep);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer.body);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, options_.tls.verify ? 1L : 0L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, options_.tls.verify ? 2L : 0L);
    if (!options_.tls.ca_file.empty()) curl_easy_setopt(curl, CURLOPT_CAINFO, options_.tls.ca_file.c_str());
    if (!options_.user.empty()) {
      curl_easy_setopt(curl, CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC));
      curl_easy_setopt(curl, CURLOPT_USERNAME, options_.user.c_str());
      curl_easy_setopt(curl, CURLOPT_PASSWORD, options_.password.c_str());
    }
    const CURLcode code = [&] {
      const NoSigpipe guard;
      return curl_easy_perform(curl);
    }();
    if (code != CURLE_OK) fail(code, *curl_->why != '\0' ? curl_->why : curl_easy_strerror(code));
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer.status);
    curl_off_t seconds = 0;
    curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &seconds);
    if (seconds > 0) answer.retry_after = MediaTime{1'000'000'000} * detail::min<std::int64_t>(seconds, 86'400);
    return answer;
  }

  /// What an answer other than 2xx means. \param said  what the server says, for the reason
  [[nodiscard]] StoreError refusal(const HttpAnswer& answer, std::string_view said) const {
    const long status = answer.status;
    std::string reason = "HTTP " + std::to_string(status);
    if (!said.empty()) reason += ": " + std::string{said.substr(0, 500)};
    const auto wrong = [&](std::string_view setting) {
      return StoreError{StoreError::Kind::retry, make_error_code(Errc::invalid_argument), origin_,
                        options_.name + "::" + std::string{setting} + ": " + reason};
    };
    if (status == 400 || status == 413 || status == 422)
      return {StoreError::Kind::poison, make_error_code(Errc::invalid_argument), origin_, reason};
    if (status == 401 || status == 403) return wrong(options_.refused);
    if (status == 404) return wrong(options_.missing);
    if (status == 405 || status == 410) return wrong("url");
    if (status >= 300 && status < 400) return wrong("url (it redirects elsewhere, which is not followed)");
    return {StoreError::Kind::retry, std::make_error_code(std::errc::resource_unavailable_try_again), origin_, reason,
            answer.retry_after};
  }

 private:
  static std::string origin_of(const std::string& name, const std::string& url) {
    const std::size_t scheme = url.find("://");
    const std::string_view rest =
        scheme == std::string::npos ? std::string_view{} : std::string_view{url}.substr(scheme + 3);
    const bool is_web = url.starts_with("http://") || url.starts_with("https://");
    if (!is_web || rest.empty() || rest.find_first_of(" \r\n") != std::string_view::npos)
      throw wrong_setting(name + "::url", "takes a URL that begins with http:// or https://");
    const std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
    const std::size_t at = authority.rfind('@');
    const std::string_view host = at == std::string_view::npos ? authority : authority.substr(at + 1);
    if (host.empty()) throw wrong_setting(name + "::url", "has no host");
    return url.substr(0, scheme + 3) + std::string{host};
  }

  static std::size_t keep(char* data, std::size_t size, std::size_t count, void* to) noexcept {
    constexpr std::size_t enough = 65'536;
    auto& body = *static_cast<std::string*>(to);
    try {
      if (body.size() < enough) body.append(data, detail::min(size * count, enough - body.size()));
    } catch (...) {
      return 0;
    }
    return size * count;
  }

  [[noreturn]] void fail(CURLcode code, std::string_view why) const {
    std::error_code error = std::make_error_code(std::errc::not_connected);
    std::string reason{why};
    switch (code) {
      case CURLE_OPERATION_TIMEDOUT: error = std::make_error_code(std::errc::timed_out); break;
      case CURLE_PEER_FAILED_VERIFICATION:
      case CURLE_SSL_CACERT_BADFILE:
      case CURLE_SSL_ISSUER_ERROR:
        error = make_error_code(Errc::invalid_argument);
        reason = options_.name + "::tls: " + reason;
        break;
      case CURLE_SSL_CONNECT_ERROR: reason = options_.name + "::url: no TLS with what answers there: " + reason; break;
      case CURLE_URL_MALFORMAT:
        error = make_error_code(Errc::invalid_argument);
        reason = options_.name + "::url: " + reason;
        break;
      default: break;
    }
    throw StoreError{StoreError::Kind::retry, error, origin_, reason};
  }

  Options options_;
  std::string origin_;
  Handle<Curl> curl_;
};

}  // namespace stream_infer::detail
