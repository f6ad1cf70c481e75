#pragma once

#include "stream_infer/core/handle.hpp"
#include "stream_infer/core/media_time.hpp"
#include "stream_infer/core/min_max.hpp"
#include "stream_infer/exporter/no_sigpipe.hpp"
#include "stream_infer/exporter/record_store.hpp"

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <hiredis/hiredis.h>
#include <poll.h>
#include <sys/socket.h>

namespace stream_infer::detail {

inline void free_redis(redisContext* context) noexcept { redisFree(context); }
inline void free_redis_reply(redisReply* reply) noexcept { freeReplyObject(reply); }
using RedisReply = Handle<redisReply, free_redis_reply>;

[[nodiscard]] inline std::string_view redis_text(const redisReply& reply) {
  const bool has_text =
      reply.type == REDIS_REPLY_STRING || reply.type == REDIS_REPLY_STATUS || reply.type == REDIS_REPLY_ERROR;
  return has_text ? std::string_view{reply.str, reply.len} : std::string_view{};
}

/// A connection to a Redis server, as much of hiredis as stores need, with a limit for all that is waited for: hiredis' own
/// begins anew with each byte. One thread at a time.
class RedisConnection {
 public:
  /// Begins to connect. \param address  for errors
  /// \throws StoreError  if the name cannot be looked up, or there are no descriptors left
  RedisConnection(std::string address, const std::string& host, std::uint16_t port)
      : address_{std::move(address)}, context_{redisConnectNonBlock(host.c_str(), port)} {
    if (context_ == nullptr) fail(std::make_error_code(std::errc::not_enough_memory), "no memory");
    if (context_->err != 0) fail_as_context();
  }

  /// Adds a command to those that go with the next exchange().
  void add(const std::vector<std::string_view>& words) {
    words_.clear();
    lengths_.clear();
    for (const std::string_view word : words) {
      words_.push_back(word.data());
      lengths_.push_back(word.size());
    }
    if (redisAppendCommandArgv(context_.get(), static_cast<int>(words.size()), words_.data(), lengths_.data()) !=
        REDIS_OK)
      fail_as_context();
    ++waiting_;
  }

  /// Sends what was added, and waits for the answers, one for each command. \throws StoreError
  std::vector<RedisReply> exchange(MediaTime timeout) {
    const auto until = std::chrono::steady_clock::now() + timeout;
    std::vector<RedisReply> replies;
    replies.reserve(waiting_);
    int all_sent = 0;
    while (replies.size() < waiting_) {
      pollfd ready{context_->fd, static_cast<short>(all_sent != 0 ? POLLIN : POLLIN | POLLOUT), 0};
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
      const int count = left.count() <= 0 ? 0 : ::poll(&ready, 1, static_cast<int>(left.count()));
      if (count == 0) fail(std::make_error_code(std::errc::timed_out), "no answer in time (RedisOptions::timeout)");
      if (count < 0) continue;  // a signal
      if (!connected_) check_connected();
      if ((ready.revents & POLLOUT) != 0) {
        const NoSigpipe guard;
        if (redisBufferWrite(context_.get(), &all_sent) != REDIS_OK) fail_as_context();
      }
      if ((ready.revents & (POLLIN | POLLERR | POLLHUP)) != 0) receive(replies);
    }
    waiting_ = 0;
    return replies;
  }

 private:
  void check_connected() {
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(context_->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) {
      const std::error_code code{error, std::generic_category()};
      fail(code, code.message());
    }
    connected_ = true;
  }

  void receive(std::vector<RedisReply>& replies) {
    if (redisBufferRead(context_.get()) != REDIS_OK) fail_as_context();
    for (;;) {
      void* reply = nullptr;
      if (redisGetReplyFromReader(context_.get(), &reply) != REDIS_OK) fail_as_context();
      if (reply == nullptr) return;
      replies.emplace_back(static_cast<redisReply*>(reply));
    }
  }

  [[noreturn]] void fail_as_context() const {
    const bool is_system = context_->err == REDIS_ERR_IO && errno != 0;
    fail(is_system ? std::error_code{errno, std::generic_category()}
                   : std::make_error_code(std::errc::connection_aborted),
         context_->errstr);
  }
  [[noreturn]] void fail(std::error_code code, std::string_view reason) const {
    throw StoreError{StoreError::Kind::retry, code, address_, reason};
  }

  std::string address_;
  Handle<redisContext, free_redis> context_;
  bool connected_ = false;
  std::size_t waiting_ = 0;
  std::vector<const char*> words_;
  std::vector<std::size_t> lengths_;
};

}  // namespace stream_infer::detail
