#pragma once

#include "support/files.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace stream_infer::test {

/// A TCP server on this machine that sends each client the same bytes and then says nothing more, without hanging up.
class SilentServer {
 public:
  explicit SilentServer(Bytes bytes)
      : bytes_{std::move(bytes)}, listener_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const plain = reinterpret_cast<sockaddr*>(&address);
    if (listener_ < 0 || ::bind(listener_, plain, size) != 0 || ::listen(listener_, 64) != 0 ||
        ::getsockname(listener_, plain, &size) != 0)
      throw std::runtime_error{"cannot listen"};
    port_ = ntohs(address.sin_port);
    thread_ = std::thread{[this] { serve(); }};
  }
  SilentServer(const SilentServer&) = delete;
  SilentServer& operator=(const SilentServer&) = delete;
  ~SilentServer() {
    ended_ = true;
    thread_.join();
    ::close(listener_);
    for (std::size_t i = 0; i < clients_; ++i) ::close(client_[i]);
  }

  [[nodiscard]] std::string url() const { return "tcp://127.0.0.1:" + std::to_string(port_); }

 private:
  void serve() {
    while (!ended_ && clients_ < client_.size()) {
      pollfd waiting{listener_, POLLIN, 0};
      if (::poll(&waiting, 1, 20) <= 0) continue;
      const int client = ::accept(listener_, nullptr, nullptr);
      if (client < 0) continue;
      client_[clients_++] = client;
      std::size_t sent = 0;
      while (sent < bytes_.size()) {
        const ssize_t part = ::send(client, bytes_.data() + sent, bytes_.size() - sent, MSG_NOSIGNAL);
        if (part <= 0) break;
        sent += static_cast<std::size_t>(part);
      }
    }
  }

  Bytes bytes_;
  int listener_;
  int port_ = 0;
  std::atomic<bool> ended_{false};
  std::array<int, 64> client_{};
  std::size_t clients_ = 0;
  std::thread thread_;
};

}  // namespace stream_infer::test
