#pragma once

#include "stream_infer/core/handle.hpp"
#include "stream_infer/core/media_time.hpp"
#include "stream_infer/exporter/no_sigpipe.hpp"
#include "stream_infer/exporter/secret.hpp"
#include "stream_infer/exporter/tls.hpp"

#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <mosquitto.h>
#include <mqtt_protocol.h>

namespace stream_infer {

/// What the broker says for us when we are gone without a word.
struct MqttWill {
  std::string topic{};
  std::string payload{};
  bool retain = true;
};

enum class MqttVersion : std::uint8_t { v311, v5 };

namespace detail {

inline void free_mosquitto(mosquitto* client) noexcept { mosquitto_destroy(client); }

/// What the broker, or the client library, says went wrong.
struct MqttFailure {
  enum class Step : std::uint8_t {
    refused,  ///< `code` is the broker's answer to CONNECT
    publish,  ///< `code` is the broker's answer to PUBLISH, of version 5
    connect,  ///< `code` is libmosquitto's, before the broker has answered
    library,  ///< `code` is libmosquitto's, later
    silence,  ///< nothing came in time
  };
  Step step = Step::library;
  int code = 0;
};

/// One connection to a broker, with libmosquitto and a thread of its own, which keeps it alive while nothing is sent. It is
/// not made anew: whoever lost it makes another client, so that what the library has not sent goes with it. What goes wrong
/// is thrown as MqttFailure.
class MqttClient {
 public:
  struct Login {
    std::string host;
    std::uint16_t port;
    std::string user;
    Secret password;
    std::string client_id;
    std::optional<MqttWill> will;
    MqttVersion version;
    std::optional<Tls> tls;
  };
  struct Message {
    std::string topic;
    std::string payload;
  };

  /// Connects.
  MqttClient(const Login& login, MediaTime timeout) {
    static const int ready = mosquitto_lib_init();
    check(ready, MqttFailure::Step::connect);
    const char* const id = login.client_id.empty() ? nullptr : login.client_id.c_str();
    struct sigaction pipe {};
    ::sigaction(SIGPIPE, nullptr, &pipe);
    client_.reset(mosquitto_new(id, true, this));  // which has the program ignore SIGPIPE
    ::sigaction(SIGPIPE, &pipe, nullptr);
    if (client_ == nullptr) throw MqttFailure{MqttFailure::Step::connect, MOSQ_ERR_NOMEM};
    prepare(login);
    const auto until = std::chrono::steady_clock::now() + timeout;
    {
      const NoSigpipe guard;  // the thread never gets that signal
      check(mosquitto_connect_async(client_.get(), login.host.c_str(), login.port, keep_alive),
            MqttFailure::Step::connect);
      thread_ = std::thread{[this] { work(); }};
    }
    std::unique_lock lock{mutex_};
    const bool answered = changed_.wait_until(lock, until, [this] { return connected_ || ended_; });
    const std::optional<MqttFailure> failure = failure_;
    lock.unlock();
    if (answered && !failure) return;
    stop();
    throw failure.value_or(MqttFailure{MqttFailure::Step::silence, 0});
  }
  MqttClient(const MqttClient&) = delete;
  MqttClient& operator=(const MqttClient&) = delete;
  ~MqttClient() { stop(); }

  /// Sends all, and waits until the broker has acknowledged all.
  void publish(const std::vector<Message>& messages, bool retain, MediaTime timeout) {
    const auto until = std::chrono::steady_clock::now() + timeout;
    std::vector<int> ids;
    for (const Message& message : messages) {
      const NoSigpipe guard;
      int id = 0;
      check(mosquitto_publish_v5(client_.get(), &id, message.topic.c_str(), static_cast<int>(message.payload.size()),
                                 message.payload.data(), 1, retain, nullptr),
            MqttFailure::Step::library);
      ids.push_back(id);
    }
    std::unique_lock lock{mutex_};
    for (const int id : ids) {
      const bool answered = changed_.wait_until(lock, until, [&] { return acknowledged_.contains(id) || ended_; });
      if (!answered) throw MqttFailure{MqttFailure::Step::silence, 0};
      const auto answer = acknowledged_.find(id);
      if (answer == acknowledged_.end())
        throw failure_.value_or(MqttFailure{MqttFailure::Step::library, MOSQ_ERR_CONN_LOST});
      const int code = answer->second;
      acknowledged_.erase(answer);
      if (code >= 0x80) throw MqttFailure{MqttFailure::Step::publish, code};
    }
  }

 private:
  static constexpr int keep_alive = 30;  // s

  static void check(int code, MqttFailure::Step step) {
    if (code != MOSQ_ERR_SUCCESS) throw MqttFailure{step, code};
  }
  /// With mutex_ held.
  [[nodiscard]] MqttFailure failure_of(int code) const {
    return {connected_ ? MqttFailure::Step::library : MqttFailure::Step::connect, code};
  }

  void prepare(const Login& login) {
    mosquitto* const client = client_.get();
    const auto check = [](int code) { MqttClient::check(code, MqttFailure::Step::connect); };
    check(mosquitto_threaded_set(client, true));
    check(mosquitto_int_option(client, MOSQ_OPT_PROTOCOL_VERSION,
                               login.version == MqttVersion::v5 ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311));
    check(mosquitto_max_inflight_messages_set(client, 1000));
    if (!login.user.empty())
      check(mosquitto_username_pw_set(client, login.user.c_str(), login.password.reveal().c_str()));
    if (login.will)
      check(mosquitto_will_set_v5(client, login.will->topic.c_str(), static_cast<int>(login.will->payload.size()),
                                  login.will->payload.data(), 1, login.will->retain, nullptr));
    if (login.tls) {
      if (login.tls->ca_file.empty())
        check(mosquitto_int_option(client, MOSQ_OPT_TLS_USE_OS_CERTS, 1));
      else if (mosquitto_tls_set(client, login.tls->ca_file.c_str(), nullptr, nullptr, nullptr, nullptr) !=
               MOSQ_ERR_SUCCESS)
        throw MqttFailure{MqttFailure::Step::connect, MOSQ_ERR_TLS};
      if (!login.tls->verify) {
        check(mosquitto_tls_opts_set(client, 0, nullptr, nullptr));
        check(mosquitto_tls_insecure_set(client, true));
      }
    }
    mosquitto_connect_v5_callback_set(client, &on_connect);
    mosquitto_disconnect_v5_callback_set(client, &on_disconnect);
    mosquitto_publish_v5_callback_set(client, &on_publish);
  }

  void work() {
    for (;;) {
      const int code = mosquitto_loop(client_.get(), 100, 1);
      const std::lock_guard lock{mutex_};
      if (code == MOSQ_ERR_SUCCESS && !stops_) continue;
      if (!failure_ && !stops_) failure_ = failure_of(code);
      ended_ = true;
      changed_.notify_all();
      return;
    }
  }

  /// Says goodbye, so that there is no will, if the broker hears it soon.
  void stop() {
    if (!thread_.joinable()) return;
    {
      const NoSigpipe guard;
      mosquitto_disconnect(client_.get());
    }
    {
      std::unique_lock lock{mutex_};
      changed_.wait_for(lock, std::chrono::milliseconds{500}, [this] { return ended_; });
      stops_ = true;
    }
    thread_.join();
  }

  static void on_connect(mosquitto* /*client*/, void* self, int code, int /*flags*/,
                         const mosquitto_property* /*more*/) {
    auto& me = *static_cast<MqttClient*>(self);
    const std::lock_guard lock{me.mutex_};
    if (code == 0)
      me.connected_ = true;
    else
      me.failure_ = MqttFailure{MqttFailure::Step::refused, code}, me.ended_ = true;
    me.changed_.notify_all();
  }
  static void on_disconnect(mosquitto* /*client*/, void* self, int code, const mosquitto_property* /*more*/) {
    auto& me = *static_cast<MqttClient*>(self);
    const std::lock_guard lock{me.mutex_};
    if (code != 0 && !me.failure_) me.failure_ = me.failure_of(MOSQ_ERR_CONN_LOST);
  }
  static void on_publish(mosquitto* /*client*/, void* self, int id, int code, const mosquitto_property* /*more*/) {
    auto& me = *static_cast<MqttClient*>(self);
    const std::lock_guard lock{me.mutex_};
    me.acknowledged_[id] = code;
    me.changed_.notify_all();
  }

  Handle<mosquitto, free_mosquitto> client_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  bool connected_ = false, ended_ = false, stops_ = false;
  std::optional<MqttFailure> failure_;
  std::map<int, int> acknowledged_;  // by message id, the broker's answer
  std::thread thread_;
};

}  // namespace detail
}  // namespace stream_infer
