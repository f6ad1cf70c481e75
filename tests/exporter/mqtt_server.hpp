#pragma once

#include "stream_infer/exporter/no_sigpipe.hpp"
#include "support/catch.hpp"
#include "support/child.hpp"
#include "support/files.hpp"
#include "support/process.hpp"

#include <atomic>
#include <csignal>
#include <cstddef>
#include <fstream>
#include <map>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <mosquitto.h>
#include <nlohmann/json.hpp>

namespace stream_infer::test {

[[nodiscard]] inline bool has_mqtt_server() {
  static const bool has =
      (has_program("mosquitto") || has_program("/usr/sbin/mosquitto")) && has_program("mosquitto_sub");
  if (!has) WARN("skipped: needs mosquitto");
  return has;
}

/// mosquitto on this machine alone.
class MqttServer {
 public:
  /// \param settings  more lines of its configuration; FOLDER in them becomes folder()
  explicit MqttServer(std::string settings = {}, bool starts = true) {
    const std::string here = folder_ / "";
    for (std::size_t at = 0; (at = settings.find("FOLDER")) != std::string::npos;) settings.replace(at, 6, here);
    std::ofstream{folder_ / "mosquitto.conf"}
        << "user root\nper_listener_settings false\npersistence false\npersistence_location " << here << "\n"
        << "max_queued_messages 0\nlistener " << port_ << " 127.0.0.1\n"
        << (settings.find("allow_anonymous") == std::string::npos ? "allow_anonymous true\n" : "") << settings;
    if (starts) start();
  }

  void start() {
    child_.emplace(std::vector<std::string>{has_program("mosquitto") ? "mosquitto" : "/usr/sbin/mosquitto", "-c",
                                            folder_ / "mosquitto.conf"});
    wait_for_port(port_);
  }
  void kill() { child_.reset(); }
  [[nodiscard]] Child& child() { return *child_; }
  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] const TemporaryFolder& folder() const { return folder_; }

 private:
  TemporaryFolder folder_;
  int port_ = free_port();
  std::optional<Child> child_;
};

/// Receives what a broker passes on.
class MqttSubscriber {
 public:
  explicit MqttSubscriber(int port) {
    mosquitto_lib_init();
    struct sigaction pipe {};
    ::sigaction(SIGPIPE, nullptr, &pipe);
    client_ = mosquitto_new("subscriber", false, this);
    ::sigaction(SIGPIPE, &pipe, nullptr);  // it has the program ignore it
    mosquitto_connect_callback_set(client_,
                                   [](mosquitto* client, void*, int) { mosquitto_subscribe(client, nullptr, "#", 1); });
    mosquitto_disconnect_callback_set(
        client_, [](mosquitto*, void* self, int) { static_cast<MqttSubscriber*>(self)->subscribed_ = false; });
    mosquitto_subscribe_callback_set(client_, [](mosquitto*, void* self, int, int, const int*) {
      static_cast<MqttSubscriber*>(self)->subscribed_ = true;
    });
    mosquitto_message_callback_set(client_, [](mosquitto*, void* self, const mosquitto_message* message) {
      auto& me = *static_cast<MqttSubscriber*>(self);
      const std::lock_guard lock{me.mutex_};
      me.messages_.emplace_back(message->topic, std::string{static_cast<const char*>(message->payload),
                                                            static_cast<std::size_t>(message->payloadlen)});
    });
    mosquitto_reconnect_delay_set(client_, 1, 1, false);
    const stream_infer::detail::NoSigpipe guard;  // for its thread
    mosquitto_connect(client_, "127.0.0.1", port, 60);
    mosquitto_loop_start(client_);
    wait();
  }
  MqttSubscriber(const MqttSubscriber&) = delete;
  MqttSubscriber& operator=(const MqttSubscriber&) = delete;
  ~MqttSubscriber() {
    mosquitto_disconnect(client_);
    mosquitto_loop_stop(client_, false);
    mosquitto_destroy(client_);
  }

  /// Waits until it has found a broker that was started again.
  void wait() {
    if (!eventually([this] { return subscribed_.load(); })) throw std::runtime_error{"no subscription"};
  }

  /// Topics and payloads, in their order.
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> messages() const {
    const std::lock_guard lock{mutex_};
    return messages_;
  }
  /// How often each record, by its key.
  [[nodiscard]] std::map<std::string, int> records() const {
    std::map<std::string, int> times;
    for (const auto& [topic, payload] : messages())
      ++times[nlohmann::json::parse(payload).at("key").get<std::string>()];
    return times;
  }

 private:
  mosquitto* client_;
  std::atomic<bool> subscribed_{false};
  mutable std::mutex mutex_;
  std::vector<std::pair<std::string, std::string>> messages_;
};

}  // namespace stream_infer::test
