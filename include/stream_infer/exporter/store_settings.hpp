#pragma once

#include "stream_infer/core/error.hpp"
#include "stream_infer/core/media_time.hpp"
#include "stream_infer/exporter/stored_record.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

/// What the exporters to servers check of their options, all in the same words.
namespace stream_infer::detail {

[[nodiscard]] inline Error wrong_setting(std::string_view setting, std::string_view reason) {
  return Error{Errc::invalid_argument, "export", setting, reason};
}

/// `host:port`, for errors. \throws Error  if the host is something else; what it was is not said: it may hold a password
[[nodiscard]] inline std::string checked_address(std::string_view setting, const std::string& host,
                                                 std::uint16_t port) {
  const bool is_v6 = host.find(':') != host.rfind(':');
  if (host.empty() || host.find_first_of("/@?# ") != std::string::npos ||
      (!is_v6 && host.find(':') != std::string::npos))
    throw wrong_setting(setting, "takes a host's name or address alone, without scheme, user and port");
  if (port == 0) throw wrong_setting(setting, "has the port 0");
  return (is_v6 ? '[' + host + ']' : host) + ':' + std::to_string(port);
}

/// A time limit that is at least 1 ms and at most a day. \throws Error
inline void check_timeout(std::string_view setting, MediaTime timeout) {
  if (timeout < MediaTime{1'000'000} || timeout > MediaTime{86'400'000'000'000})
    throw wrong_setting(setting, "takes a time from 1 ms to a day");
}

/// The name of a table or measurement, or the like, of letters, digits and '_', with a letter or '_' first. \throws Error
inline void check_name(std::string_view setting, const std::string& name) {
  const bool is_name =
      !name.empty() && !(name.front() >= '0' && name.front() <= '9') &&
      name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == std::string::npos;
  if (!is_name) throw wrong_setting(setting, '\'' + name + "' is no name: letters, digits and '_', and no digit first");
}

/// A text that says `{algorithm}` and `{source}` where those of the record are to stand. \throws Error
inline void check_template(std::string_view setting, const std::string& text) {
  std::string rest = text;
  for (const std::string_view word : {"{algorithm}", "{source}"})
    for (std::size_t at = 0; (at = rest.find(word)) != std::string::npos;) rest.erase(at, word.size());
  if (text.empty() || rest.find_first_of("{}") != std::string::npos)
    throw wrong_setting(setting, '\'' + text + "' is empty, or has braces other than {algorithm} and {source}");
}

/// The template's text for a record. \param clean  what is done to a name before it is put there
template <class Clean>
[[nodiscard]] std::string fill_template(std::string_view text, const StoredRecord& record, Clean clean) {
  std::string filled;
  while (!text.empty()) {
    const std::size_t brace = text.find('{');
    filled += text.substr(0, brace);
    if (brace == std::string_view::npos) break;
    const bool is_algorithm = text.substr(brace).starts_with("{algorithm}");
    filled += clean(is_algorithm ? record.algorithm.view() : record.source.name.view());
    text.remove_prefix(text.find('}', brace) + 1);
  }
  return filled;
}

[[nodiscard]] inline std::string fill_template(std::string_view text, const StoredRecord& record) {
  return fill_template(text, record, [](std::string_view name) { return name; });
}

}  // namespace stream_infer::detail
