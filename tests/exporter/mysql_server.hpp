#pragma once

#include "support/catch.hpp"
#include "support/child.hpp"
#include "support/files.hpp"

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace stream_infer::test {

/// Whether a test can be made. Says loudly if not.
[[nodiscard]] inline bool has_mysql_server() {
  static const bool has = has_program("mariadbd") && has_program("mariadb-install-db") && has_program("mariadb");
  if (!has) WARN("skipped: needs mariadb-server mariadb-client");
  return has;
}

/// A MariaDB server, on this machine alone, with the database `si` and a user of that name with all rights there.
class MySqlServer {
 public:
  static constexpr const char* password = "a secret";

  /// \param settings  more of the server's arguments
  explicit MySqlServer(std::vector<std::string> settings = {}) : settings_{std::move(settings)} {
    Child install{{"mariadb-install-db", "--no-defaults", "--user=root", "--datadir=" + data(),
                   "--auth-root-authentication-method=normal", "--tmpdir=" + folder_ / "", "--skip-test-db",
                   "--innodb-log-file-size=8M", "--innodb-buffer-pool-size=16M"}};
    if (install.wait() != 0) throw std::runtime_error{"mariadb-install-db: " + install.said()};
    start();
    sql("CREATE DATABASE si; CREATE USER si@'%' IDENTIFIED BY '" + std::string{password} +
        "'; GRANT ALL ON si.* TO si@'%'");
  }

  void start() {
    std::vector<std::string> command{"mariadbd",
                                     "--no-defaults",
                                     "--user=root",
                                     "--datadir=" + data(),
                                     "--tmpdir=" + folder_ / "",  // servers tidy up what others have in a shared one
                                     "--socket=" + socket(),
                                     "--pid-file=" + folder_ / "my.pid",
                                     "--log-error=" + folder_ / "my.log",
                                     "--bind-address=127.0.0.1",
                                     "--port=" + std::to_string(port_),
                                     "--skip-name-resolve",
                                     "--skip-log-bin",
                                     "--performance-schema=OFF",
                                     "--innodb-log-file-size=8M",
                                     "--innodb-buffer-pool-size=16M"};
    command.insert(command.end(), settings_.begin(), settings_.end());
    server_.emplace(std::move(command));
    wait_for_port(port_);
  }
  void kill() { server_.reset(); }
  /// Ends it as its administrator would.
  void stop() {
    sql("SHUTDOWN");
    server_->wait();
    server_.reset();
  }

  [[nodiscard]] Child& child() { return *server_; }
  [[nodiscard]] std::uint16_t port() const { return static_cast<std::uint16_t>(port_); }

  /// Runs a statement as root. Returns its rows, a line each, with tabs between the values.
  std::string sql(const std::string& statement) const {
    Child client{client_command(statement)};
    if (client.wait() != 0) throw std::runtime_error{"mariadb: " + client.said()};
    return client.said();
  }

  /// The program that does that, for one that goes on beside the test.
  [[nodiscard]] std::vector<std::string> client_command(const std::string& statement) const {
    return {
        "mariadb", "--no-defaults", "--user=root",         "--socket=" + socket(), "--default-character-set=utf8mb4",
        "--batch", "--raw",         "--skip-column-names", "--unbuffered",         "--execute=" + statement};
  }

 private:
  [[nodiscard]] std::string data() const { return folder_ / "my"; }
  [[nodiscard]] std::string socket() const { return folder_ / "my.sock"; }

  TemporaryFolder folder_;
  std::vector<std::string> settings_;
  int port_ = free_port();
  std::optional<Child> server_;
};

}  // namespace stream_infer::test
