#pragma once

#include "support/files.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace stream_infer::test {

/// A TCP server on this machine: each client is served by a function, on a thread of its own, and then hung up on.
class TcpServer {
 public:
  /// What the serving function has of its client.
  class Client {
   public:
    Client(TcpServer& server, int socket, int number) : server_{&server}, socket_{socket}, number_{number} {}

    /// Counted from 0.
    [[nodiscard]] int number() const { return number_; }
    /// For what the functions below do not do; it is closed by the server.
    [[nodiscard]] int socket() const { return socket_; }

    /// Returns false if the client, or the server, is gone.
    bool send(const Bytes& bytes) { return send(bytes.data(), bytes.size()); }
    bool send(std::string_view text) { return send(text.data(), text.size()); }
    bool send(const void* data, std::size_t size) {
      const char* from = static_cast<const char*>(data);
      while (size > 0) {
        const ssize_t part = ::send(socket_, from, size, MSG_NOSIGNAL);
        if (part <= 0) return false;
        from += part;
        size -= static_cast<std::size_t>(part);
      }
      return true;
    }

    /// What the client says, up to an empty line.
    std::string receive_request() {
      std::string text;
      for (char letter = 0; text.find("\r\n\r\n") == std::string::npos && ::recv(socket_, &letter, 1, 0) == 1;)
        text += letter;
      return text;
    }

    /// So many bytes of what the client says; fewer if it hangs up.
    std::string receive(std::size_t size) {
      std::string text(size, '\0');
      std::size_t have = 0;
      for (ssize_t part = 1; have < size && part > 0; have += part > 0 ? static_cast<std::size_t>(part) : 0U)
        part = ::recv(socket_, text.data() + have, size - have, 0);
      text.resize(have);
      return text;
    }

    /// Returns false if the server ends meanwhile.
    bool sleep(std::chrono::nanoseconds time) const {
      std::unique_lock lock{server_->mutex_};
      return !server_->changed_.wait_for(lock, time, [this] { return server_->ended_; });
    }
    /// Until the server ends.
    void say_nothing() const {
      std::unique_lock lock{server_->mutex_};
      server_->changed_.wait(lock, [this] { return server_->ended_; });
    }

    /// Hangs up with a reset instead of an orderly end.
    void reset() {
      const linger now{1, 0};
      ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
      const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
      ::dup2(nothing, socket_);  // closes it, and keeps its number from being another's
      ::close(nothing);
    }

   private:
    TcpServer* server_;
    int socket_;
    int number_;
  };

  /// \param port  0 for any
  explicit TcpServer(std::function<void(Client&)> serve, int port = 0)
      : serve_{std::move(serve)}, listener_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
    const int on = 1;
    ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const plain = reinterpret_cast<sockaddr*>(&address);
    if (listener_ < 0 || ::bind(listener_, plain, size) != 0 || ::listen(listener_, 64) != 0 ||
        ::getsockname(listener_, plain, &size) != 0)
      throw std::runtime_error{"cannot listen"};
    port_ = ntohs(address.sin_port);
    thread_ = std::thread{[this] { accept_all(); }};
  }
  TcpServer(const TcpServer&) = delete;
  TcpServer& operator=(const TcpServer&) = delete;
  ~TcpServer() {
    {
      const std::lock_guard lock{mutex_};
      ended_ = true;
    }
    changed_.notify_all();
    thread_.join();
    for (const int socket : sockets_) ::shutdown(socket, SHUT_RDWR);
    for (std::thread& client : clients_) client.join();
    for (const int socket : sockets_) ::close(socket);
    ::close(listener_);
  }

  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] std::string url(const std::string& scheme = "tcp") const {
    return scheme + "://127.0.0.1:" + std::to_string(port_);
  }
  /// How many clients there have been.
  [[nodiscard]] int clients() const { return count_; }

 private:
  void accept_all() {
    for (;;) {
      {
        const std::lock_guard lock{mutex_};
        if (ended_) return;
      }
      pollfd waiting{listener_, POLLIN, 0};
      if (::poll(&waiting, 1, 10) <= 0) continue;
      const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (socket < 0) continue;
      sockets_.push_back(socket);
      clients_.emplace_back([this, socket, number = count_++] {
        Client client{*this, socket, number};
        serve_(client);
        ::shutdown(socket, SHUT_RDWR);
      });
    }
  }

  std::function<void(Client&)> serve_;
  int listener_;
  int port_ = 0;
  std::atomic<int> count_{0};
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ended_ = false;
  std::vector<int> sockets_;
  std::vector<std::thread> clients_;
  std::thread thread_;
};

}  // namespace stream_infer::test
