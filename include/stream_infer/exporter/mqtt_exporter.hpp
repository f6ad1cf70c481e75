#pragma once

#include "stream_infer/core/error.hpp"
#include "stream_infer/core/handle.hpp"
#include "stream_infer/core/media_time.hpp"
#include "stream_infer/exporter/json.hpp"
#include "stream_infer/exporter/mqtt_client.hpp"
#include "stream_infer/exporter/record_store.hpp"
#include "stream_infer/exporter/secret.hpp"
#include "stream_infer/exporter/store_settings.hpp"
#include "stream_infer/exporter/stored_record.hpp"
#include "stream_infer/exporter/tls.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace stream_infer {

struct MqttOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 1883;
  std::string user{};
  Secret password{};
  std::string client_id{};  ///< empty: one that nobody else has
  std::string topic = "results/{algorithm}/{source}";
  bool retain = false;  ///< whether the broker keeps the last message of each topic for those who come later
  std::optional<MqttWill> will{};
  MqttVersion version = MqttVersion::v5;
  std::optional<Tls> tls{};          ///< none: not encrypted
  MediaTime timeout{5'000'000'000};  ///< to connect, and for the answers to about a megabyte
};

/// Publishes records through an MQTT broker: JSON text (to_json_text()), one message each, with quality of service 1.
///
///     si::MqttExporter exporter{{.host = "broker.lan", .port = 8883, .user = "cam",
///                                .password = si::Secret::from_environment("MQTT_PASSWORD"),
///                                .will = si::MqttWill{.topic = "cameras/1", .payload = "gone"}, .tls = si::Tls{}}};
///
/// In a name that goes into the topic, '/', '+', '#' and what is no character become '_': `results/head/rtsp:__cam_1`. What
/// is published arrives at least once: a repeat is possible, and has the same `key`. With `tls`, the broker's certificate and
/// name are checked.
///
/// collect() returns when the broker has the message. A failure (no broker, no answer, the connection lost) throws, and the
/// record is lost to this exporter unless it is made reliable(); the connection is made anew by the next write(). A broker
/// that does not let us publish to a topic says so in version 5 only; one of version 3.1.1 drops the message without a word.
/// A thread keeps the connection alive. At the end the broker is told, and says no will.
class MqttExporter : public detail::CollectsOneByOne<MqttExporter> {
 public:
  /// Connects. That the broker is not there yet is no error: it is looked for at each write().
  /// \throws Error       if an option makes no sense
  /// \throws StoreError  if the broker refuses the user, the password, the version or the client id, or is not whom `tls`
  ///                     trusts
  explicit MqttExporter(const MqttOptions& options)
      : login_{options.host,      options.port, options.user,    options.password,
               options.client_id, options.will, options.version, options.tls},
        topic_{options.topic},
        retain_{options.retain},
        timeout_{options.timeout},
        address_{(options.tls ? "mqtts://" : "mqtt://") +
                 detail::checked_address("MqttOptions::host", options.host, options.port)} {
    detail::check_timeout("MqttOptions::timeout", timeout_);
    detail::check_template("MqttOptions::topic", topic_);
    if (!is_topic(topic_))
      throw detail::wrong_setting("MqttOptions::topic", "has a '+', a '#' or what is no character");
    if (options.will && (options.will->topic.empty() || !is_topic(options.will->topic)))
      throw detail::wrong_setting("MqttWill::topic", "is empty, or has a '+', a '#' or what is no character");
    if (options.user.empty() && !options.password.empty())
      throw detail::wrong_setting("MqttOptions::user", "is empty, and there is a password");
    try {
      connect();
    } catch (const detail::MqttFailure& failure) {
      const StoreError error = error_of(failure);
      if (error.code() == Errc::invalid_argument) throw error;
    }
  }

  /// Returns when the broker has them. \throws StoreError
  void write(std::span<const StoredRecord> records) {
    try {
      if (client_ == nullptr) connect();
      detail::in_parts(records, most_bytes, [this](std::span<const StoredRecord> part) {
        std::vector<detail::MqttClient::Message> messages;
        for (const StoredRecord& record : part)
          messages.push_back({detail::fill_template(topic_, record, cleaned), to_json_text(record)});
        client_->publish(messages, retain_, timeout_);
      });
    } catch (const detail::MqttFailure& failure) {
      client_.reset(nullptr);  // and what it may still have to send
      throw error_of(failure);
    }
  }

 private:
  static constexpr std::size_t most_bytes = 1'000'000;

  static bool is_control(char character) { return static_cast<unsigned char>(character) < ' ' || character == 0x7f; }
  static bool is_topic(std::string_view text) {
    return std::none_of(text.begin(), text.end(),
                        [](char character) { return character == '+' || character == '#' || is_control(character); });
  }
  /// A name as one level of a topic.
  static std::string cleaned(std::string_view name) {
    std::string level{name};
    for (char& character : level)
      if (character == '/' || character == '+' || character == '#' || is_control(character)) character = '_';
    if (level.starts_with('$')) level.front() = '_';  // topics of the broker's own begin so
    return level;
  }

  void connect() { client_.reset(new detail::MqttClient{login_, timeout_}); }

  [[nodiscard]] StoreError error_of(const detail::MqttFailure& failure) const {
    using Step = detail::MqttFailure::Step;
    const auto wrong = [&](std::string_view setting, std::string_view why) {
      return StoreError{StoreError::Kind::retry, make_error_code(Errc::invalid_argument), address_,
                        "MqttOptions::" + std::string{setting} + ": " + std::string{why}};
    };
    const auto poison = [&](std::string_view why) {
      return StoreError{StoreError::Kind::poison, std::make_error_code(std::errc::invalid_argument), address_, why};
    };
    const bool is_v5 = login_.version == MqttVersion::v5;
    switch (failure.step) {
      case Step::refused: {
        const char* const why = is_v5 ? mosquitto_reason_string(failure.code) : mosquitto_connack_string(failure.code);
        switch (failure.code) {
          case CONNACK_REFUSED_BAD_USERNAME_PASSWORD:
          case CONNACK_REFUSED_NOT_AUTHORIZED:
          case MQTT_RC_BAD_USERNAME_OR_PASSWORD:
          case MQTT_RC_NOT_AUTHORIZED:
          case MQTT_RC_BAD_AUTHENTICATION_METHOD: return wrong("user or ::password", why);
          case CONNACK_REFUSED_PROTOCOL_VERSION:
          case MQTT_RC_UNSUPPORTED_PROTOCOL_VERSION: return wrong("version", why);
          case CONNACK_REFUSED_IDENTIFIER_REJECTED:
          case MQTT_RC_CLIENTID_NOT_VALID: return wrong("client_id", why);
          default: return passing(std::errc::connection_refused, why);
        }
      }
      case Step::publish: {
        const char* const why = mosquitto_reason_string(failure.code);
        switch (failure.code) {
          case MQTT_RC_TOPIC_NAME_INVALID:
          case MQTT_RC_PACKET_TOO_LARGE:
          case MQTT_RC_PAYLOAD_FORMAT_INVALID: return poison(why);
          case MQTT_RC_NOT_AUTHORIZED: return wrong("topic", why);
          default: return passing(std::errc::resource_unavailable_try_again, why);
        }
      }
      case Step::silence: return passing(std::errc::timed_out, "no answer in time (MqttOptions::timeout)");
      case Step::connect:
      case Step::library: break;
    }
    const char* const why = mosquitto_strerror(failure.code);
    if (failure.code == MOSQ_ERR_TLS || failure.code == MOSQ_ERR_TLS_HANDSHAKE) return wrong("tls", why);
    if (failure.step == Step::connect)
      return passing(std::errc::not_connected, "cannot connect: no broker answers there. " + std::string{why});
    switch (failure.code) {
      case MOSQ_ERR_PAYLOAD_SIZE:
      case MOSQ_ERR_OVERSIZE_PACKET:
      case MOSQ_ERR_MALFORMED_UTF8:
      case MOSQ_ERR_INVAL: return poison(why);
      default: return passing(std::errc::not_connected, why);
    }
  }
  [[nodiscard]] StoreError passing(std::errc code, std::string_view why) const {
    return {StoreError::Kind::retry, std::make_error_code(code), address_, why};
  }

  detail::MqttClient::Login login_;
  std::string topic_;
  bool retain_;
  MediaTime timeout_;
  std::string address_;
  detail::Handle<detail::MqttClient> client_;
};

}  // namespace stream_infer
