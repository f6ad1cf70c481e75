#pragma once

#include "stream_infer/exporter/http_client.hpp"
#include "support/catch.hpp"
#include "support/child.hpp"
#include "support/files.hpp"

#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace stream_infer::test {

[[nodiscard]] inline bool has_influx_server() {
  static const bool has = has_program("influxd");
  if (!has) WARN("skipped: needs influxdb");
  return has;
}

/// An InfluxDB server on this machine alone, which keeps what it has over a kill(), with a database "video".
class InfluxServer {
 public:
  /// \param password  of the administrator "admin" and the user "cam", who may write to "video"; empty: anybody may do all
  explicit InfluxServer(std::string password = {}, bool starts = true) : password_{std::move(password)} {
    std::ofstream{folder_ / "influx.conf"}
        << "reporting-disabled = true\n"
           "bind-address = \"127.0.0.1:"
        << backup_port_ << "\"\n[meta]\n  dir = \"" << (folder_ / "meta") << "\"\n[data]\n  dir = \""
        << (folder_ / "data") << "\"\n  wal-dir = \"" << (folder_ / "wal")
        << "\"\n  query-log-enabled = false\n[monitor]\n  store-enabled = false\n"
           "[http]\n  bind-address = \"127.0.0.1:"
        << port_ << "\"\n  log-enabled = false\n  auth-enabled = " << (password_.empty() ? "false" : "true") << '\n';
    if (starts) start();
  }

  void start() {
    child_.emplace(std::vector<std::string>{"influxd", "-config", folder_ / "influx.conf"});
    wait_for_port(port_);
    if (std::exchange(made_, true)) return;
    if (!password_.empty())
      static_cast<void>(ask("CREATE USER admin WITH PASSWORD '" + password_ + "' WITH ALL PRIVILEGES"));
    static_cast<void>(ask("CREATE DATABASE video"));
    if (password_.empty()) return;
    static_cast<void>(ask("CREATE USER cam WITH PASSWORD '" + password_ + '\''));
    static_cast<void>(ask("GRANT ALL ON video TO cam"));
    static_cast<void>(ask("CREATE USER guest WITH PASSWORD '" + password_ + '\''));
  }
  void kill() { child_.reset(); }
  [[nodiscard]] Child& child() { return *child_; }
  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

  /// What it answers to a query of the database.
  [[nodiscard]] nlohmann::json ask(const std::string& query) const {
    stream_infer::detail::HttpClient client{{.name = "test",
                                             .url = url(),
                                             .user = password_.empty() ? std::string{} : std::string{"admin"},
                                             .password = password_,
                                             .timeout = MediaTime{20'000'000'000}}};
    return nlohmann::json::parse(
        client.post("/query?db=video&epoch=ns&q=" + stream_infer::detail::url_encoded(query), "", {}).body);
  }
  /// The rows that a query gives, of its first series.
  [[nodiscard]] nlohmann::json rows(const std::string& query) const {
    const nlohmann::json answer = ask(query);
    const nlohmann::json& result = answer.at("results").at(0);
    return result.contains("series") ? result.at("series").at(0).at("values") : nlohmann::json::array();
  }

 private:
  std::string password_;
  TemporaryFolder folder_;
  int port_ = free_port();
  int backup_port_ = free_port();
  bool made_ = false;
  std::optional<Child> child_;
};

}  // namespace stream_infer::test
