// stores_bench [RECORDS [RUNS [PORT]]]: how long collect() takes while the store is down, and records a second from the first
// collect() until the last is in the store, beside a plain loop of the client library that writes the same in the same
// batches: into SQLite, and into the Redis server at 127.0.0.1:PORT, which is emptied.
#include <stream_infer/exporter/reliable.hpp>
#include <stream_infer/exporter/sqlite_exporter.hpp>
#ifdef STREAM_INFER_BENCH_REDIS
#include <stream_infer/exporter/redis_exporter.hpp>
#endif

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <span>
#include <string>
#include <system_error>
#include <vector>

namespace si = stream_infer;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

constexpr std::size_t batch = 500;

si::Record<double> record(std::uint64_t index) {
  static const si::SourceId source{si::Name{"rtsp://***@camera/1"}, si::WallTime{1ns}};
  static const si::Name name{"brightness"};
  return {.time = index * 40ms,
          .frame_index = index,
          .algo = name,
          .value = 0.5 * static_cast<double>(index),
          .source = source};
}

struct Down {
  void write(std::span<const si::StoredRecord>) {
    throw si::StoreError{si::StoreError::Kind::retry, std::make_error_code(std::errc::connection_refused), "down",
                         "down"};
  }
};

template <class Work>
double seconds(Work work) {
  const auto begin = Clock::now();
  work();
  return std::chrono::duration<double>{Clock::now() - begin}.count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

#ifdef STREAM_INFER_BENCH_REDIS
void flush_redis(std::uint16_t port) {
  redisContext* const redis = redisConnect("127.0.0.1", port);
  freeReplyObject(redisCommand(redis, "FLUSHALL"));
  redisFree(redis);
}

/// What one writes who has hiredis: the same fields, batches in a pipeline.
void plain_redis(std::uint16_t port, std::uint64_t records) {
  redisContext* const redis = redisConnect("127.0.0.1", port);
  std::size_t waiting = 0;
  for (std::uint64_t i = 0; i < records; ++i) {
    const si::StoredRecord row = si::to_stored(record(i));
    const std::string key = si::record_key(row), source{row.source.name.view()}, algorithm{row.algorithm.view()};
    const std::string id =
        std::to_string((row.began_at_ns() + row.time_ns()) / 1'000'000) + '-' + std::to_string(i + 1);
    redisAppendCommand(redis,
                       "XADD results:%b:%b MAXLEN ~ 1000000 %b schema 1 key %b source %b began_at_ns %lld epoch %u "
                       "algorithm %b frame_index %llu time_ns %lld value %b",
                       algorithm.data(), algorithm.size(), source.data(), source.size(), id.data(), id.size(),
                       key.data(), key.size(), source.data(), source.size(), static_cast<long long>(row.began_at_ns()),
                       row.epoch, algorithm.data(), algorithm.size(), static_cast<unsigned long long>(row.frame_index),
                       static_cast<long long>(row.time_ns()), row.value.data(), row.value.size());
    if (++waiting < batch && i + 1 < records) continue;
    for (; waiting > 0; --waiting) {
      void* reply = nullptr;
      if (redisGetReply(redis, &reply) != REDIS_OK || static_cast<redisReply*>(reply)->type == REDIS_REPLY_ERROR)
        std::abort();
      freeReplyObject(reply);
    }
  }
  redisFree(redis);
}
#endif

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t records = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 100'000;
  const int runs = argc > 2 ? std::atoi(argv[2]) : 5;
  const std::filesystem::path folder = std::filesystem::temp_directory_path() / "stream_infer_stores_bench";
  const auto fresh = [&] {
    std::filesystem::remove_all(folder);
    std::filesystem::create_directory(folder);
    return folder.string() + "/";
  };

  std::vector<std::int64_t> took;
  {
    auto exporter = si::reliable(Down{}, {.journal = fresh() + "journal", .end_within = 0s});
    for (std::uint64_t i = 0; i < records; ++i) {
      const si::Record<double> next = record(i);
      const auto begin = Clock::now();
      exporter.collect(next);
      took.push_back(std::chrono::nanoseconds{Clock::now() - begin}.count());
    }
  }
  std::sort(took.begin(), took.end());
  std::printf("collect() with the store down: median %lld ns, 99 %% %lld ns, longest %lld ns\n",
              static_cast<long long>(took[took.size() / 2]), static_cast<long long>(took[took.size() * 99 / 100]),
              static_cast<long long>(took.back()));

  const auto compare = [&](const char* store, auto reliable_loop, auto plain_loop) {
    std::vector<double> ours, theirs;
    for (int run = 0; run < runs; ++run) {
      ours.push_back(seconds([&] { reliable_loop(fresh()); }));
      theirs.push_back(seconds([&] { plain_loop(fresh()); }));
    }
    const double rate = static_cast<double>(records) / median(ours),
                 plain = static_cast<double>(records) / median(theirs);
    std::printf("into %s: reliable %.0f records a second, a plain loop %.0f: %.2f of it\n", store, rate, plain,
                rate / plain);
  };
  const auto through = [&](auto&& store, const std::string& path) {
    auto exporter = si::reliable(store, {.journal = path + "journal", .batch = batch});
    for (std::uint64_t i = 0; i < records; ++i) exporter.collect(record(i));
    if (!exporter.flush(10min)) std::abort();
  };

  compare(
      "SQLite",
      [&](const std::string& path) {
        si::SqliteExporter store{path + "a.db"};
        through(store, path);
      },
      [&](const std::string& path) {
        si::SqliteExporter plain{path + "a.db"};
        std::vector<si::StoredRecord> rows;
        for (std::uint64_t i = 0; i < records; ++i) {
          rows.push_back(si::to_stored(record(i)));
          if (rows.size() < batch && i + 1 < records) continue;
          plain.write(rows);
          rows.clear();
        }
      });
#ifdef STREAM_INFER_BENCH_REDIS
  if (argc > 3) {
    const auto port = static_cast<std::uint16_t>(std::atoi(argv[3]));
    compare(
        "Redis",
        [&](const std::string& path) {
          flush_redis(port);
          si::RedisExporter store{{.port = port}};
          through(store, path);
        },
        [&](const std::string&) {
          flush_redis(port);
          plain_redis(port, records);
        });
  }
#endif
  std::filesystem::remove_all(folder);
}
