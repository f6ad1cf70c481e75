#pragma once

#include "stream_infer/core/error.hpp"
#include "stream_infer/exporter/record.hpp"
#include "stream_infer/exporter/stored_record.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include <nlohmann/json.hpp>

namespace stream_infer {

/// Whether the exporters to stores can keep a `T`: nlohmann-json can make JSON of it. For a struct of your own that takes
/// `NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(T, members…)`, or a `to_json`, in its namespace.
template <class T>
concept JsonValue = requires(nlohmann::json& json, const T& value) {
  json = value;
};

}  // namespace stream_infer

namespace nlohmann {

// What nlohmann-json knows from 3.12 on. If you have one of your own, define STREAM_INFER_OWN_JSON_OPTIONAL.
#if !defined(STREAM_INFER_OWN_JSON_OPTIONAL) && NLOHMANN_JSON_VERSION_MAJOR == 3 && NLOHMANN_JSON_VERSION_MINOR < 12
template <class T>
  requires stream_infer::JsonValue<T>
struct adl_serializer<std::optional<T>> {  // the value, or null
  static void to_json(json& to, const std::optional<T>& value) {
    if (value)
      to = *value;
    else
      to = nullptr;
  }
  static void from_json(const json& from, std::optional<T>& value) {
    if (from.is_null())
      value.reset();
    else
      value = from.get<T>();
  }
};
#endif

// If you have one of your own, define STREAM_INFER_OWN_JSON_VARIANT.
#ifndef STREAM_INFER_OWN_JSON_VARIANT
template <class... Ts>
  requires(stream_infer::JsonValue<Ts>&&...)
struct adl_serializer<std::variant<Ts...>> {  // the alternative that it holds
  static void to_json(json& to, const std::variant<Ts...>& value) {
    std::visit([&to](const auto& alternative) { to = alternative; }, value);
  }
};

template <>
struct adl_serializer<std::monostate> {
  static void to_json(json& to, const std::monostate&) { to = nullptr; }
};
#endif

}  // namespace nlohmann

namespace stream_infer {
namespace detail {

/// Whether JSON can hold all of it: it has no infinity, nothing that is not a number, and nothing that was discarded.
[[nodiscard]] inline bool is_finite(const nlohmann::json& json) {
  if (json.is_discarded()) return false;
  if (json.is_number_float()) return std::isfinite(json.get<double>());
  return !json.is_structured() || std::all_of(json.begin(), json.end(), is_finite);
}

/// Where in a value something is, for errors: "value", or "value/boxes/0/score". Empty if it is not there.
template <class Is>
[[nodiscard]] std::string place_in(const nlohmann::json& json, Is is, const std::string& place = "value") {
  if (!json.is_structured()) return is(json) ? place : std::string{};
  for (const auto& item : json.items())
    if (std::string found = place_in(item.value(), is, place + '/' + item.key()); !found.empty()) return found;
  return is(json) ? place : std::string{};  // one of its keys
}

/// A text as JSON has it, in quotes. What is no UTF-8 in it is replaced.
[[nodiscard]] inline std::string quote(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace detail

/// The record as stores keep it. \throws Error  if JSON cannot hold the value: NaN, infinity, or text that is not UTF-8
template <JsonValue T>
[[nodiscard]] StoredRecord to_stored(const Record<T>& record) {
  const auto refuse = [&record](std::string_view reason) {
    return Error{
        Errc::invalid_argument, "export", record.algo.view(),
        "the value of frame " + std::to_string(record.frame_index) + " cannot be JSON: " + std::string{reason}};
  };
  nlohmann::json json;
  json = record.value;
  if (!detail::is_finite(json))
    throw refuse(detail::place_in(json, [](const auto& part) { return !detail::is_finite(part); }) +
                 " is infinite, not a number, or discarded");
  try {
    return {.source = record.source,
            .epoch = record.epoch,
            .algorithm = record.algo,
            .frame_index = record.frame_index,
            .time = record.time,
            .value = json.dump()};
  } catch (const nlohmann::json::exception&) {
    const auto is_broken = [](const auto& part) {
      try {
        return part.dump().empty();
      } catch (const nlohmann::json::exception&) {
        return true;
      }
    };
    throw refuse(detail::place_in(json, is_broken) + " is text that is not UTF-8");
  }
}

/// The record as one JSON object, without line breaks:
///
///     {"schema":1,"key":"…","source":"rtsp://***@cam/1","began_at_ns":1767225600000000000,"epoch":0,
///      "algorithm":"head","frame_index":29,"time_ns":1000000000,"value":[{"x":3,"y":7}]}
[[nodiscard]] inline std::string to_json_text(const StoredRecord& record) {
  std::string text = R"({"schema":)" + std::to_string(StoredRecord::schema);
  text += R"(,"key":")" + record_key(record) + '"';
  text += R"(,"source":)" + detail::quote(record.source.name);
  text += R"(,"began_at_ns":)" + std::to_string(record.began_at_ns());
  text += R"(,"epoch":)" + std::to_string(record.epoch);
  text += R"(,"algorithm":)" + detail::quote(record.algorithm);
  text += R"(,"frame_index":)" + std::to_string(record.frame_index);
  text += R"(,"time_ns":)" + std::to_string(record.time_ns());
  text += R"(,"value":)" + record.value + '}';
  return text;
}

}  // namespace stream_infer
