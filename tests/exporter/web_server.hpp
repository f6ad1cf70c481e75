#pragma once

#include "exporter/certificate.hpp"
#include "support/catch.hpp"
#include "support/child.hpp"
#include "support/files.hpp"

#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace stream_infer::test {

[[nodiscard]] inline bool has_web_server() {
  static const bool has = has_program("nginx") && has_program("openssl");
  if (!has) WARN("skipped: needs nginx-light and openssl");
  return has;
}

/// nginx on this machine alone. It takes requests at /results and keeps their bodies.
class WebServer {
 public:
  explicit WebServer(bool starts = true) : certificate_{folder_, "DNS:localhost"} {
    std::filesystem::create_directories(folder_ / "bodies");
    std::ofstream{folder_ / "users"} << "cam:{PLAIN}a secret\n";
    std::ofstream{folder_ / "nginx.conf"}
        << "daemon off;\nmaster_process off;\nerror_log stderr;\npid nginx.pid;\nevents { worker_connections 64; }\n"
           "http { access_log off; client_body_temp_path bodies; proxy_temp_path t2; fastcgi_temp_path t3; "
           "uwsgi_temp_path t4;\n  scgi_temp_path t5; client_max_body_size 100m; server { listen 127.0.0.1:"
        << port_ << "; listen 127.0.0.1:" << tls_port_ << " ssl; ssl_certificate " << certificate_.file
        << "; ssl_certificate_key " << certificate_.key << ";\n  location /sink { return 204; }\n"
        << "  location /results { client_body_in_file_only on; proxy_pass http://127.0.0.1:" << port_ << "/sink;\n"
        << "    if (-f " << (folder_ / "busy") << ") { add_header Retry-After 1 always; return 503; }\n"
        << "    if (-f " << (folder_ / "limited") << ") { add_header Retry-After 1 always; return 429; } }\n"
        << "  location /moved { return 301 /results; }\n"
        << "  location /small { client_max_body_size 1k; proxy_pass http://127.0.0.1:" << port_ << "/sink; }\n"
        << "  location /users { auth_basic x; auth_basic_user_file " << (folder_ / "users")
        << "; proxy_pass http://127.0.0.1:" << port_ << "/sink; }\n} }\n";
    if (starts) start();
  }

  void start() {
    child_.emplace(std::vector<std::string>{"nginx", "-p", folder_ / "", "-c", folder_ / "nginx.conf"});
    wait_for_port(port_);
  }
  void kill() { child_.reset(); }
  [[nodiscard]] Child& child() { return *child_; }
  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] std::string url(const std::string& path = "/results") const {
    return "http://127.0.0.1:" + std::to_string(port_) + path;
  }
  [[nodiscard]] std::string tls_url(const std::string& host = "localhost") const {
    return "https://" + host + ':' + std::to_string(tls_port_) + "/results";
  }
  [[nodiscard]] const std::string& certificate() const { return certificate_.file; }

  /// Makes it answer 503 ("busy") or 429 ("limited"), or not any more.
  void turn(const std::string& state, bool on) const {
    if (on)
      std::ofstream{folder_ / state};
    else
      std::filesystem::remove(folder_ / state);
  }

  /// How often it got each record, by key.
  [[nodiscard]] std::map<std::string, int> records() const {
    std::map<std::string, int> times;
    for (const auto& file : std::filesystem::directory_iterator{folder_ / "bodies"}) {
      const nlohmann::json body = nlohmann::json::parse(std::ifstream{file.path()}, nullptr, false);
      if (!body.is_array()) continue;  // it was cut off
      for (const nlohmann::json& record : body) ++times[record.at("key").get<std::string>()];
    }
    return times;
  }

 private:
  TemporaryFolder folder_;
  Certificate certificate_;
  int port_ = free_port();
  int tls_port_ = free_port();
  std::optional<Child> child_;
};

}  // namespace stream_infer::test
