#pragma once

#include "support/catch.hpp"
#include "support/child.hpp"
#include "support/files.hpp"

#include <cstddef>
#include <initializer_list>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <hiredis/hiredis.h>

namespace stream_infer::test {

[[nodiscard]] inline bool has_redis_server() {
  static const bool has = has_program("redis-server");
  if (!has) WARN("skipped: needs redis-server");
  return has;
}

/// A Redis server on this machine alone, which keeps what it has over a kill().
class RedisServer {
 public:
  /// \param options  more of the command line
  explicit RedisServer(std::vector<std::string> options = {}, bool starts = true) : options_{std::move(options)} {
    if (starts) start();
  }

  void start() {
    std::vector<std::string> command{"redis-server",
                                     "--bind",
                                     "127.0.0.1",
                                     "--port",
                                     std::to_string(port_),
                                     "--dir",
                                     folder_ / "",
                                     "--appendonly",
                                     "yes",
                                     "--appendfsync",
                                     "always",
                                     "--save",
                                     "",
                                     "--daemonize",
                                     "no"};
    command.insert(command.end(), options_.begin(), options_.end());
    child_.emplace(std::move(command));
    child_->wait_for("eady to accept connections");
  }
  void kill() { child_.reset(); }
  [[nodiscard]] Child& child() { return *child_; }
  [[nodiscard]] int port() const { return port_; }

  /// What it answers to a command, with all that is nested in a row. An error begins with "ERROR ".
  [[nodiscard]] std::vector<std::string> ask(std::initializer_list<std::string> words) const {
    const std::unique_ptr<redisContext, void (*)(redisContext*)> context{redisConnect("127.0.0.1", port_), redisFree};
    if (!context || context->err != 0) throw std::runtime_error{"no redis-server"};
    std::vector<const char*> texts;
    std::vector<std::size_t> lengths;
    for (const std::string& word : words) {
      texts.push_back(word.data());
      lengths.push_back(word.size());
    }
    auto* const reply = static_cast<redisReply*>(
        redisCommandArgv(context.get(), static_cast<int>(texts.size()), texts.data(), lengths.data()));
    if (reply == nullptr) throw std::runtime_error{"no answer of redis-server"};
    std::vector<std::string> answer;
    flatten(*reply, answer);
    freeReplyObject(reply);
    return answer;
  }

 private:
  static void flatten(const redisReply& reply, std::vector<std::string>& into) {
    if (reply.type == REDIS_REPLY_ARRAY)
      for (std::size_t i = 0; i < reply.elements; ++i) flatten(*reply.element[i], into);
    else if (reply.type == REDIS_REPLY_INTEGER)
      into.push_back(std::to_string(reply.integer));
    else if (reply.type == REDIS_REPLY_NIL)
      into.emplace_back("nil");
    else
      into.push_back((reply.type == REDIS_REPLY_ERROR ? "ERROR " : "") + std::string{reply.str, reply.len});
  }

  std::vector<std::string> options_;
  TemporaryFolder folder_;
  int port_ = free_port();
  std::optional<Child> child_;
};

}  // namespace stream_infer::test
