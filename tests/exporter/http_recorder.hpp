#pragma once

#include "support/tcp_server.hpp"

#include <cstddef>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace stream_infer::test {

/// Takes HTTP requests, keeps them as they came, and answers as it was told: the answers in their order, the last one again
/// and again.
class HttpRecorder {
 public:
  struct Request {
    std::string head;  ///< up to and with the empty line
    std::string body;
  };

  explicit HttpRecorder(std::vector<std::string> answers = {"HTTP/1.1 204 No Content\r\n\r\n"})
      : answers_{std::move(answers)}, server_{[this](TcpServer::Client& client) { serve(client); }} {}

  [[nodiscard]] int port() const { return server_.port(); }
  [[nodiscard]] std::string url() const { return server_.url("http"); }
  [[nodiscard]] int connections() const { return server_.clients(); }
  [[nodiscard]] std::vector<Request> requests() const {
    const std::lock_guard lock{mutex_};
    return requests_;
  }

  /// An answer with a body.
  [[nodiscard]] static std::string answer(const std::string& status, const std::string& body,
                                          const std::string& headers = {}) {
    return "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + headers + "\r\n" +
           body;
  }

 private:
  void serve(TcpServer::Client& client) {
    for (;;) {
      Request request;
      request.head = client.receive_request();
      const std::size_t length = request.head.find("Content-Length: ");
      if (length == std::string::npos) return;
      request.body = client.receive(std::stoul(request.head.substr(length + 16)));
      std::string answer;
      {
        const std::lock_guard lock{mutex_};
        answer = answers_.front();
        if (answers_.size() > 1) answers_.erase(answers_.begin());
        requests_.push_back(std::move(request));
      }
      if (!client.send(answer)) return;
    }
  }

  mutable std::mutex mutex_;
  std::vector<std::string> answers_;
  std::vector<Request> requests_;
  TcpServer server_;
};

}  // namespace stream_infer::test
