#pragma once

#include "stream_infer/exporter/json.hpp"
#include "stream_infer/exporter/store_settings.hpp"
#include "stream_infer/exporter/stored_record.hpp"

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

namespace stream_infer {
namespace detail {

/// A measurement, a tag's value or a field's key as it stands in a line. What cannot stand there becomes '_' or '/'.
[[nodiscard]] inline std::string line_name(std::string_view text) {
  std::string name;
  for (const char character : text) {
    if (character == ',' || character == '=' || character == ' ') name += '\\';
    name += character == '\\' ? '/' : static_cast<unsigned char>(character) < ' ' ? '_' : character;
  }
  return name;
}

[[nodiscard]] inline std::string line_string(std::string_view text) {
  std::string quoted = "\"";
  for (const char character : text) {
    if (character == '"' || character == '\\') quoted += '\\';
    quoted += character;
  }
  return quoted + '"';
}

/// Appends a value as fields: a number, text or bool as `name`, an object's members as `name_member`, an array as JSON text,
/// null as none.
inline void append_line_fields(std::string& line, const std::string& name, const nlohmann::json& value) {
  const auto field = [&](const std::string& text) { line += ',' + name + '=' + text; };
  constexpr auto largest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (value.is_object())
    for (const auto& [member, of_member] : value.items())
      append_line_fields(line, name + '_' + line_name(member), of_member);
  else if (value.is_boolean())
    field(value.get<bool>() ? "true" : "false");
  else if (value.is_number_unsigned() && value.get<std::uint64_t>() > largest)
    field(nlohmann::json(static_cast<double>(value.get<std::uint64_t>())).dump());
  else if (value.is_number_integer())
    field(value.dump() + 'i');
  else if (value.is_number_float())
    field(value.dump());
  else if (value.is_string())
    field(line_string(value.get_ref<const std::string&>()));
  else if (value.is_array())
    field(line_string(value.dump()));
}

}  // namespace detail

/// A record as one line of InfluxDB's line protocol, with a line break: measurement, tags `algorithm` and `source`, fields
/// `key`, `began_at_ns`, `epoch`, `frame_index` and those of the value, and the time in ns (live: since 1970; else since
/// the recording's start). A number, text or bool is the field `value`; the members of an object are `value_NAME`, of those
/// within `value_NAME_NAME`; an array is JSON text; null is no field. Reference: "Line protocol", InfluxData's documentation.
///
///     head,algorithm=head,source=clip.mp4 key="…",began_at_ns=0i,epoch=0i,frame_index=29i,value_count=3i 1160000000
[[nodiscard]] inline std::string to_line(const StoredRecord& record, std::string_view measurement) {
  std::string line = detail::line_name(measurement);
  line += ",algorithm=" + detail::line_name(record.algorithm);
  if (!record.source.name.view().empty()) line += ",source=" + detail::line_name(record.source.name);
  line += " key=\"" + record_key(record) + '"';
  line += ",began_at_ns=" + std::to_string(record.began_at_ns()) + 'i';
  line += ",epoch=" + std::to_string(record.epoch) + 'i';
  line += ",frame_index=" + std::to_string(record.frame_index) + 'i';
  detail::append_line_fields(line, "value", nlohmann::json::parse(record.value));
  line += ' ' + std::to_string(record.began_at_ns() + record.time_ns()) + '\n';
  return line;
}

}  // namespace stream_infer
