#pragma once

#include "stream_infer/core/error.hpp"
#include "stream_infer/core/handle.hpp"
#include "stream_infer/core/media_time.hpp"
#include "stream_infer/exporter/json.hpp"
#include "stream_infer/exporter/record_store.hpp"
#include "stream_infer/exporter/redis_connection.hpp"
#include "stream_infer/exporter/secret.hpp"
#include "stream_infer/exporter/store_settings.hpp"
#include "stream_infer/exporter/stored_record.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

namespace stream_infer {

/// Records as entries of streams, with the fields of StoredRecord.
struct RedisStreams {
  std::string key = "results:{algorithm}:{source}";  ///< one stream for each algorithm of each source
  std::optional<std::uint64_t> max_len = 1'000'000;  ///< about how many entries a stream keeps, the newest; none: all
};

/// Records as members of sorted sets, as JSON text (to_json_text()); the score is the time in seconds.
struct RedisSortedSets {
  std::string key = "results:{algorithm}";
  std::optional<std::uint64_t> max_len = 1'000'000;  ///< how many members a set keeps, the latest; none: all
};

struct RedisOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 6379;
  std::string user{};  ///< of Redis 6 and later; empty: its default user
  Secret password{};
  int database = 0;
  std::variant<RedisStreams, RedisSortedSets> form{};
  MediaTime timeout{5'000'000'000};  ///< for the server's answer to about a megabyte
};

/// Puts records into a Redis server (5 or later).
///
///     si::RedisExporter exporter{{.host = "redis.lan", .password = si::Secret::from_environment("REDIS_PASSWORD")}};
///
/// Streams (the default): the id of an entry is the record's time in ms (live: since 1970; else since the recording's
/// start) and its frame index + 1, so that a repeat of a record adds nothing, and ids can be asked for by time:
///
///     XRANGE results:head:clip.mp4 1000 2000          the second second of clip.mp4
///     XREAD BLOCK 0 STREAMS results:head:rtsp://cam/1 $
///
/// A record that is older than the newest of its stream gets an id of the server's, and a key `STREAM:late:KEY` that lives
/// for a week and keeps it from being added again. So a stream is best left to one source; a `key` without `{source}` costs
/// that for many records. Sorted sets (`.form = si::RedisSortedSets{}`) do not mind the order; a repeat adds nothing either:
///
///     ZRANGEBYSCORE results:head 1 2
///
/// A recording that is run again with another result keeps the old entries in streams, and has both in sorted sets.
///
/// collect() returns when the server has the record; about a megabyte at a time is one transaction. A failure (no server,
/// no answer, out of memory) throws, and the record is lost to this exporter unless it is made reliable(). The connection is
/// made anew after a failure. It is not encrypted: put Redis behind a tunnel where others can listen.
class RedisExporter : public detail::CollectsOneByOne<RedisExporter> {
 public:
  /// Connects. That the server is not there yet is no error: it is looked for at each write().
  /// \throws Error       if an option makes no sense
  /// \throws StoreError  if the server refuses the user, the password or the database
  explicit RedisExporter(RedisOptions options = {})
      : options_{std::move(options)},
        address_{"redis://" + detail::checked_address("RedisOptions::host", options_.host, options_.port) + '/' +
                 std::to_string(options_.database)} {
    detail::check_timeout("RedisOptions::timeout", options_.timeout);
    if (options_.database < 0) throw detail::wrong_setting("RedisOptions::database", "is negative");
    if (!options_.user.empty() && options_.password.empty())
      throw detail::wrong_setting("RedisOptions::password", "is empty, and there is a user");
    std::visit([](const auto& form) { check(form); }, options_.form);
    try {
      connect();
    } catch (const StoreError& error) {
      connection_.reset(nullptr);
      if (error.code() == Errc::invalid_argument) throw;
    }
  }

  /// Returns when the server has them. \throws StoreError
  void write(std::span<const StoredRecord> records) {
    try {
      if (connection_ == nullptr) connect();
      detail::in_parts(records, most_bytes, [this](std::span<const StoredRecord> part) {
        std::visit([&](const auto& form) { send(form, part); }, options_.form);
      });
    } catch (...) {
      connection_.reset(nullptr);
      throw;
    }
  }

 private:
  static constexpr std::size_t most_bytes = 1'000'000;       // of one transaction
  static constexpr std::size_t longest_value = 500'000'000;  // what a server takes is 512 MB by default

  static void check(const RedisStreams& form) {
    detail::check_template("RedisStreams::key", form.key);
    if (form.max_len == 0U) throw detail::wrong_setting("RedisStreams::max_len", "is 0: nothing would be kept");
  }
  static void check(const RedisSortedSets& form) {
    detail::check_template("RedisSortedSets::key", form.key);
    if (form.max_len == 0U) throw detail::wrong_setting("RedisSortedSets::max_len", "is 0: nothing would be kept");
  }

  void connect() {
    connection_.reset(new detail::RedisConnection{address_, options_.host, options_.port});
    const bool has_password = !options_.password.empty();
    if (has_password && options_.user.empty())
      connection_->add({"AUTH", options_.password.reveal()});
    else if (has_password)
      connection_->add({"AUTH", options_.user, options_.password.reveal()});
    connection_->add({"PING"});
    if (options_.database != 0) connection_->add({"SELECT", std::to_string(options_.database)});
    const std::vector<detail::RedisReply> replies = connection_->exchange(options_.timeout);
    for (std::size_t i = 0; i < replies.size(); ++i)
      if (replies[i]->type == REDIS_REPLY_ERROR)
        refused(detail::redis_text(*replies[i]), options_.database != 0 && i + 1 == replies.size()
                                                     ? "RedisOptions::database"
                                                     : "RedisOptions::user or ::password");
  }

  /// What is said while connecting: wrong options, or a server that is not ready.
  [[noreturn]] void refused(std::string_view why, std::string_view setting) const {
    for (const std::string_view passing : {"LOADING", "BUSY", "MASTERDOWN", "MISCONF", "ERR max number of clients"})
      if (why.starts_with(passing)) fail(why);
    why = why.substr(0, why.find(", with args"));  // what follows is what it was sent: the password
    throw StoreError{StoreError::Kind::retry, make_error_code(Errc::invalid_argument), address_,
                     std::string{setting} + ": " + std::string{why}};
  }
  [[noreturn]] void fail(std::string_view why) const {
    throw StoreError{StoreError::Kind::retry, std::make_error_code(std::errc::resource_unavailable_try_again), address_,
                     why};
  }
  void check_length(std::size_t length) const {
    if (length > longest_value)
      throw StoreError{StoreError::Kind::poison, make_error_code(Errc::limit_exceeded), address_,
                       "the value is too long"};
  }

  /// In ns, since 1970 or since the recording's start.
  [[nodiscard]] static std::int64_t moment(const StoredRecord& record) {
    return detail::max<std::int64_t>(0, record.began_at_ns() + record.time_ns());
  }

  /// All that was added since MULTI, or nothing of it. Returns what became of each.
  [[nodiscard]] detail::RedisReply execute() {
    connection_->add({"EXEC"});
    std::vector<detail::RedisReply> replies = connection_->exchange(options_.timeout);
    for (const detail::RedisReply& reply : replies)
      if (reply->type == REDIS_REPLY_ERROR) fail(detail::redis_text(*reply));
    if (replies.back()->type != REDIS_REPLY_ARRAY) fail("an answer that is none to EXEC");
    return std::move(replies.back());
  }

  void send(const RedisStreams& form, std::span<const StoredRecord> records) {
    connection_->add({"MULTI"});
    for (const StoredRecord& record : records) {
      const Entry entry{form, record};
      check_length(record.value.size());
      std::vector<std::string_view> words{"XADD", entry.stream};
      if (form.max_len) words.insert(words.end(), {"MAXLEN", "~", entry.max_len});
      words.push_back(entry.id);
      entry.append_fields(words);
      connection_->add(words);
    }
    const detail::RedisReply done = execute();
    std::vector<const StoredRecord*> late;
    for (std::size_t i = 0; i < done->elements; ++i) {
      const redisReply& reply = *done->element[i];
      if (reply.type != REDIS_REPLY_ERROR) continue;
      if (detail::redis_text(reply).find("equal or smaller") == std::string_view::npos) fail(detail::redis_text(reply));
      late.push_back(&records[i]);
    }
    if (!late.empty()) send_late(form, late);
  }

  /// Those whose ids are not above the stream's last one: it has them already, or they are older than what it has. One that
  /// is older than all of a stream that is as long as it may be would be the first to go, or is gone already.
  void send_late(const RedisStreams& form, const std::vector<const StoredRecord*>& records) {
    static constexpr std::string_view script =
        "local there = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])[1] "
        "if there then for i = 1, #there[2], 2 do "
        "if there[2][i] == 'key' and there[2][i + 1] == ARGV[2] then return 0 end end end "
        "if ARGV[3] ~= '' and redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[3]) "
        "and not redis.call('XRANGE', KEYS[1], '-', ARGV[1], 'COUNT', 1)[1] then return 0 end "
        "if not redis.call('SET', KEYS[2], '1', 'NX', 'EX', 604800) then return 0 end "
        "local add = {'XADD', KEYS[1]} "
        "if ARGV[3] ~= '' then for _, word in ipairs({'MAXLEN', '~', ARGV[3]}) do add[#add + 1] = word end end "
        "add[#add + 1] = '*' "
        "for i = 4, #ARGV do add[#add + 1] = ARGV[i] end "
        "redis.call(unpack(add)) return 1";
    for (const StoredRecord* record : records) {
      const Entry entry{form, *record};
      const std::string marker = entry.stream + ":late:" + entry.key;
      std::vector<std::string_view> words{"EVAL", script,   "2",       entry.stream,
                                          marker, entry.id, entry.key, entry.max_len};
      entry.append_fields(words);
      connection_->add(words);
    }
    for (const detail::RedisReply& reply : connection_->exchange(options_.timeout))
      if (reply->type == REDIS_REPLY_ERROR) fail(detail::redis_text(*reply));
  }

  /// A record as texts.
  struct Entry {
    Entry(const RedisStreams& form, const StoredRecord& record)
        : value{&record},
          stream{detail::fill_template(form.key, record)},
          key{record_key(record)},
          id{std::to_string(moment(record) / 1'000'000) + '-' + std::to_string(record.frame_index + 1)},
          max_len{form.max_len ? std::to_string(*form.max_len) : std::string{}},
          schema{std::to_string(StoredRecord::schema)},
          began_at_ns{std::to_string(record.began_at_ns())},
          epoch{std::to_string(record.epoch)},
          frame_index{std::to_string(record.frame_index)},
          time_ns{std::to_string(record.time_ns())} {}

    void append_fields(std::vector<std::string_view>& words) const {
      words.insert(words.end(), {"schema", schema, "key", key, "source", value->source.name.view(), "began_at_ns",
                                 began_at_ns, "epoch", epoch, "algorithm", value->algorithm.view(), "frame_index",
                                 frame_index, "time_ns", time_ns, "value", value->value});
    }

    const StoredRecord* value;
    std::string stream, key, id, max_len, schema, began_at_ns, epoch, frame_index, time_ns;
  };

  void send(const RedisSortedSets& form, std::span<const StoredRecord> records) {
    std::set<std::string> keys;
    connection_->add({"MULTI"});
    for (const StoredRecord& record : records) {
      const std::string key = detail::fill_template(form.key, record), member = to_json_text(record);
      check_length(member.size());
      char score[40];
      std::snprintf(score, sizeof score, "%lld.%06lld", static_cast<long long>(moment(record) / 1'000'000'000),
                    static_cast<long long>(moment(record) / 1'000 % 1'000'000));
      connection_->add({"ZADD", key, score, member});
      keys.insert(key);
    }
    if (form.max_len)
      for (const std::string& key : keys)
        connection_->add({"ZREMRANGEBYRANK", key, "0", '-' + std::to_string(*form.max_len + 1)});
    const detail::RedisReply done = execute();
    for (std::size_t i = 0; i < done->elements; ++i)
      if (done->element[i]->type == REDIS_REPLY_ERROR) fail(detail::redis_text(*done->element[i]));
  }

  RedisOptions options_;
  std::string address_;
  detail::Handle<detail::RedisConnection> connection_;
};

}  // namespace stream_infer
