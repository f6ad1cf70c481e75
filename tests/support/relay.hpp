#pragma once

#include "support/random.hpp"
#include "support/tcp_server.hpp"

#include <atomic>
#include <cstdint>
#include <mutex>

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace stream_infer::test {

/// Stands between clients and a server on this machine. Now and then it lets the server do what the client asked for, and
/// loses the answer together with the connection.
class Relay {
 public:
  /// \param lost  how many of a hundred pieces of answers are lost
  Relay(int port, int lost, std::uint64_t seed)
      : port_{port}, lost_{lost}, random_{seed}, server_{[this](TcpServer::Client& client) { serve(client); }} {}

  [[nodiscard]] int port() const { return server_.port(); }
  [[nodiscard]] int lost() const { return lost_answers_; }
  /// From now on nothing is lost.
  void keep_all() { lost_ = 0; }

 private:
  void serve(const TcpServer::Client& client) {
    const int server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port_));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(server, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0)
      while (pass_on(client.socket(), server)) {}
    ::close(server);
  }

  /// Returns false when one side has hung up, or an answer was lost.
  bool pass_on(int client, int server) {
    pollfd ready[2] = {{client, POLLIN, 0}, {server, POLLIN, 0}};
    ::poll(ready, 2, -1);
    for (int from = 0; from < 2; ++from) {
      if (ready[from].revents == 0) continue;
      char part[65536];
      const ssize_t size = ::recv(ready[from].fd, part, sizeof part, 0);
      if (size <= 0) return false;
      if (from == 1 && loses()) {
        ++lost_answers_;
        return false;
      }
      for (ssize_t sent = 0; sent < size;) {
        const ssize_t more =
            ::send(ready[1 - from].fd, part + sent, static_cast<std::size_t>(size - sent), MSG_NOSIGNAL);
        if (more <= 0) return false;
        sent += more;
      }
    }
    return true;
  }

  bool loses() {
    const std::lock_guard lock{mutex_};
    return random_.between(0, 99) < lost_;
  }

  int port_;
  std::atomic<int> lost_;
  std::atomic<int> lost_answers_{0};
  std::mutex mutex_;
  Random random_;
  TcpServer server_;
};

}  // namespace stream_infer::test
