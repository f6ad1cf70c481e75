#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace stream_infer {
namespace detail {

/// The length of the user info of `rest` (what follows "scheme://"), up to and with its '@'; 0 if there is none.
[[nodiscard]] inline std::size_t user_info_length(std::string_view rest) {
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
  std::size_t at = authority.rfind('@');
  if (at == std::string_view::npos) {
    // A password may hold a '/', '?' or '#' that should have been escaped: then what looks like the port is no number.
    const std::size_t colon = authority.rfind(':');
    const bool looks_like_port = colon == std::string_view::npos || authority.front() == '[' ||
                                 authority.find_first_not_of("0123456789", colon + 1) == std::string_view::npos;
    if (!looks_like_port) at = rest.rfind('@');
  }
  return at == std::string_view::npos ? 0 : at + 1;
}

/// Where the '|' is that ends the first of several sources, as in "concat:A|B", if a URL follows it; else npos.
[[nodiscard]] inline std::size_t end_of_first(std::string_view source) {
  for (std::size_t bar = source.find('|'); bar != std::string_view::npos; bar = source.find('|', bar + 1)) {
    const std::string_view next = source.substr(bar + 1);
    const std::size_t scheme = next.find("://");
    if (scheme == std::string_view::npos) break;
    if (next.substr(0, scheme).find_first_of("/?#@|") == std::string_view::npos) return bar;
  }
  return std::string_view::npos;
}

}  // namespace detail

/// `source` without what could be a secret: a URL's user info and the values of its query and fragment become `***`.
/// A plain path comes back as it is.
///
///     redact("rtsp://admin:1234@cam/1?token=abc")  ->  "rtsp://***@cam/1?token=***"
[[nodiscard]] inline std::string redact(std::string_view source) {
  if (const std::size_t bar = detail::end_of_first(source); bar != std::string_view::npos)
    return redact(source.substr(0, bar)) + '|' + redact(source.substr(bar + 1));
  const std::size_t scheme = source.find("://");
  if (scheme == std::string_view::npos) return std::string{source};

  std::string out{source.substr(0, scheme + 3)};
  std::string_view rest = source.substr(scheme + 3);
  if (const std::size_t length = detail::user_info_length(rest); length != 0) {
    out += "***@";
    rest.remove_prefix(length);
  }
  const std::size_t query = rest.find_first_of("?#");
  out += rest.substr(0, query);
  rest.remove_prefix(query == std::string_view::npos ? rest.size() : query);

  while (!rest.empty()) {  // rest starts with the separator of its next parameter
    out += rest.front();
    rest.remove_prefix(1);
    const std::string_view parameter = rest.substr(0, rest.find_first_of("?#&;"));
    const std::size_t equals = parameter.find('=');
    if (equals != std::string_view::npos) out += parameter.substr(0, equals + 1);
    if (!parameter.empty()) out += "***";  // without '=' the bare word may be the token itself
    rest.remove_prefix(parameter.size());
  }
  return out;
}

}  // namespace stream_infer
