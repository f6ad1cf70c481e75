// reliable() before real servers that go wrong.
#include "exporter/influx_server.hpp"
#include "exporter/mqtt_server.hpp"
#include "exporter/mysql_server.hpp"
#include "exporter/redis_server.hpp"
#include "exporter/web_server.hpp"
#include "stream_infer/exporter/influx_exporter.hpp"
#include "stream_infer/exporter/mqtt_exporter.hpp"
#include "stream_infer/exporter/mysql_exporter.hpp"
#include "stream_infer/exporter/redis_exporter.hpp"
#include "stream_infer/exporter/reliable.hpp"
#include "stream_infer/exporter/webhook_exporter.hpp"
#include "support/catch.hpp"
#include "support/fault_row.hpp"
#include "support/files.hpp"
#include "support/process.hpp"
#include "support/random.hpp"
#include "support/relay.hpp"
#include "support/sanitizers.hpp"
#include "support/stopwatch.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

namespace si = stream_infer;
namespace test = stream_infer::test;
using namespace std::chrono_literals;

namespace {

constexpr si::BackOff soon{.first = 5ms, .longest = 100ms};

// The stores: how each is started, written to, and asked what it has: how often each record, by its key.

struct Redis {
  static constexpr const char* name = "Redis";
  static constexpr bool once = true;  // it has no record twice
  using Server = test::RedisServer;
  static bool is_there() { return test::has_redis_server(); }
  static Server make() { return Server{}; }
  static si::RedisExporter exporter(int port) {
    return si::RedisExporter{{.port = static_cast<std::uint16_t>(port), .timeout = 1s}};
  }
  static std::map<std::string, int> records(Server& server) {
    std::map<std::string, int> times;
    const std::vector<std::string> words = server.ask({"XRANGE", "results:count:cam", "-", "+"});
    for (std::size_t i = 3; i < words.size(); i += 19) ++times[words[i + 1]];
    return times;
  }
};

struct Influx {
  static constexpr const char* name = "InfluxDB";
  static constexpr bool once = true;
  using Server = test::InfluxServer;
  static bool is_there() { return test::has_influx_server(); }
  static Server make() { return Server{}; }
  static si::InfluxExporter exporter(int port) {
    return si::InfluxExporter{
        {.url = "http://127.0.0.1:" + std::to_string(port), .to = si::InfluxDatabase{.name = "video"}, .timeout = 1s}};
  }
  static std::map<std::string, int> records(Server& server) {
    std::map<std::string, int> times;
    for (int offset = 0;; offset += 500) {
      const nlohmann::json rows = server.rows("SELECT \"key\" FROM count LIMIT 500 OFFSET " + std::to_string(offset));
      for (const nlohmann::json& row : rows) ++times[row.at(1).get<std::string>()];
      if (rows.empty()) break;
    }
    return times;
  }
};

struct Webhook {
  static constexpr const char* name = "webhook";
  static constexpr bool once = false;
  using Server = test::WebServer;
  static bool is_there() { return test::has_web_server(); }
  static Server make() { return Server{}; }
  static si::WebhookExporter exporter(int port) {
    return si::WebhookExporter{{.url = "http://127.0.0.1:" + std::to_string(port) + "/results", .timeout = 1s}};
  }
  static std::map<std::string, int> records(Server& server) { return server.records(); }
};

struct MySql {
  static constexpr const char* name = "MariaDB";
  static constexpr bool once = true;
  using Server = test::MySqlServer;
  static bool is_there() { return test::has_mysql_server(); }
  static Server make() { return Server{}; }
  static si::MySqlExporter exporter(int port) {
    return si::MySqlExporter{{.port = static_cast<std::uint16_t>(port),
                              .user = "si",
                              .password = Server::password,
                              .database = "si",
                              .timeout = 2s}};
  }
  static std::map<std::string, int> records(Server& server) {
    std::map<std::string, int> times;
    std::istringstream keys{server.sql("SELECT `key` FROM si.results")};
    for (std::string key; keys >> key;) ++times[key];
    return times;
  }
};

/// A broker passes on what it has: the subscriber is a part of it here.
struct Mqtt {
  static constexpr const char* name = "MQTT";
  static constexpr bool once = false;
  class Server : public test::MqttServer {
   public:
    Server() { subscriber_.emplace(port()); }
    void start() {
      test::MqttServer::start();
      subscriber_->wait();
    }
    std::map<std::string, int> records() {
      std::size_t before = 0;  // wait until nothing more comes
      while (std::exchange(before, subscriber_->messages().size()) != subscriber_->messages().size() || before == 0)
        std::this_thread::sleep_for(200ms);
      return subscriber_->records();
    }

   private:
    std::optional<test::MqttSubscriber> subscriber_;
  };
  static bool is_there() { return test::has_mqtt_server(); }
  static Server make() { return Server{}; }
  static si::MqttExporter exporter(int port) {
    return si::MqttExporter{{.port = static_cast<std::uint16_t>(port), .timeout = 1s}};
  }
  static std::map<std::string, int> records(Server& server) { return server.records(); }
};

/// Calls `check` with each store that is there, and puts together what it says.
template <class... Stores, class Check>
std::string for_each_store(Check check) {
  std::string all;
  const auto one = [&](auto store) {
    if (!store.is_there()) return;
    INFO(store.name);
    all += (all.empty() ? "" : "; ") + std::string{store.name} + ": " + check(store);
  };
  (one(Stores{}), ...);
  return all;
}

/// Brings numbered records to an exporter, and looks at the longest that it took.
class Lane {
 public:
  template <class Exporter>
  void collect(Exporter& exporter, std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i, ++next_) {
      const si::Record<std::uint64_t> record{.time = next_ * 40ms,
                                             .frame_index = next_,
                                             .algo = si::Name{"count"},
                                             .value = next_,
                                             .source = {si::Name{"cam"}, {}}};
      keys_.insert(si::record_key(si::to_stored(record)));
      const test::Stopwatch stopwatch;
      exporter.collect(record);
      longest_ = std::max(longest_, stopwatch.elapsed());
    }
  }
  [[nodiscard]] std::chrono::nanoseconds longest() const { return longest_; }
  [[nodiscard]] std::uint64_t next() const { return next_; }

  /// Checks that the store has all of them, and nothing else, and says so.
  template <class Store>
  std::string check(Store, typename Store::Server& server) const {
    const std::map<std::string, int> times = Store::records(server);
    std::size_t missing = 0, twice = 0;
    for (const std::string& key : keys_) missing += times.count(key) == 0 ? 1U : 0U;
    for (const auto& [key, count] : times) twice += count > 1 ? 1U : 0U;
    CHECK(missing == 0);
    CHECK(times.size() == keys_.size());
    if (Store::once) CHECK(twice == 0);
    return std::to_string(keys_.size()) + " collected, " + std::to_string(missing) + " lost, " + std::to_string(twice) +
           " twice";
  }

 private:
  std::uint64_t next_ = 0;
  std::set<std::string> keys_;
  std::chrono::nanoseconds longest_{0};
};

/// No lane is kept waiting, whatever the store does.
constexpr auto at_most = test::is_sanitized ? 500ms : 100ms;

}  // namespace

TEST_CASE("A store that is absent at the start gets all later", "[exporter][reliable][faults]") {
  test::FaultRow row{47, "result stores not started, the program run twice without them, then started",
                     "starts and journals; video unaffected; none lost"};
  row.happened(for_each_store<Redis, MySql, Influx, Webhook, Mqtt>([](auto store) {
    using Store = decltype(store);
    const test::TemporaryFolder folder;
    auto server = Store::make();
    server.kill();
    Lane lane;
    for (int run = 0; run < 2; ++run) {
      auto exporter = si::reliable(Store::exporter(server.port()),
                                   {.journal = folder / "journal", .retry = soon, .end_within = 50ms});
      lane.collect(exporter, 200);
      CHECK_FALSE(exporter.flush(20ms));
      CHECK(exporter.stats().waiting == lane.next());
      CHECK(test::eventually([&] { return exporter.stats().failures > 0; }));
    }
    CHECK(lane.longest() < at_most);
    server.start();
    auto exporter = si::reliable(Store::exporter(server.port()), {.journal = folder / "journal", .retry = soon});
    CHECK(exporter.flush(20s));
    return lane.check(store, server) + ", longest collect " + test::milliseconds(lane.longest());
  }));
}

TEST_CASE("A store that stalls keeps nobody waiting, and gets all later", "[exporter][reliable][faults]") {
  test::FaultRow row{48, "result stores stopped by SIGSTOP for 2 s, 5000 records meanwhile",
                     "video unaffected; none lost"};
  row.happened(for_each_store<Redis, MySql, Influx, Webhook, Mqtt>([](auto store) {
    using Store = decltype(store);
    const test::TemporaryFolder folder;
    auto server = Store::make();
    auto exporter = si::reliable(Store::exporter(server.port()), {.journal = folder / "journal", .retry = soon});
    Lane lane;
    lane.collect(exporter, 100);
    CHECK(exporter.flush(10s));
    server.child().freeze();
    const test::Stopwatch stopped;
    while (stopped.elapsed() < 2s) {
      lane.collect(exporter, 25);
      std::this_thread::sleep_for(10ms);
    }
    CHECK(exporter.stats().waiting > 0);
    CHECK(lane.longest() < at_most);
    server.child().signal(SIGCONT);
    CHECK(exporter.flush(20s));
    return lane.check(store, server) + ", longest collect " + test::milliseconds(lane.longest());
  }));
}

TEST_CASE("A store that is killed and started again has all in the end", "[exporter][reliable][faults]") {
  test::FaultRow row{49, "result stores killed (SIGKILL) and started again, five times", "none lost"};
  row.happened(for_each_store<Redis, MySql, Influx, Webhook>([](auto store) {
    using Store = decltype(store);
    const test::TemporaryFolder folder;
    auto server = Store::make();
    auto exporter =
        si::reliable(Store::exporter(server.port()), {.journal = folder / "journal", .batch = 20, .retry = soon});
    Lane lane;
    std::atomic<bool> ends = false;
    std::thread thread{[&] {
      while (!ends) {
        lane.collect(exporter, 5);
        std::this_thread::sleep_for(2ms);
      }
    }};
    test::Random random{test::first_seed()};
    for (int round = 0; round < 5; ++round) {
      std::this_thread::sleep_for(std::chrono::milliseconds{random.between(20, 120)});
      server.kill();
      std::this_thread::sleep_for(std::chrono::milliseconds{random.between(0, 80)});
      server.start();
    }
    ends = true;
    thread.join();
    CHECK(exporter.flush(20s));
    CHECK(lane.longest() < at_most);
    return lane.check(store, server) + ", " + std::to_string(exporter.stats().failures) + " failures";
  }));
}

TEST_CASE("An answer that is lost does no harm to a store that knows keys", "[exporter][reliable][faults]") {
  test::FaultRow row{51, "8 of 100 answers lost, with the connection, after the store did its work",
                     "none lost; none doubled in keyed stores"};
  row.happened(for_each_store<Redis, MySql, Influx, Webhook, Mqtt>([](auto store) {
    using Store = decltype(store);
    const test::TemporaryFolder folder;
    auto server = Store::make();
    test::Relay relay{server.port(), 8, test::first_seed()};
    auto exporter = si::reliable(Store::exporter(relay.port()),
                                 {.journal = folder / "journal", .batch = 5, .retry = {.first = 1ms, .longest = 5ms}});
    Lane lane;
    lane.collect(exporter, 1000);
    CHECK(exporter.flush(60s));
    CHECK(relay.lost() > 10);
    return lane.check(store, server) + ", " + std::to_string(relay.lost()) + " answers lost";
  }));
}

TEST_CASE("A server that asks for patience gets it", "[exporter][reliable][faults]") {
  if (!test::has_web_server()) return;
  test::FaultRow row{55, "nginx answers 429, then 503, with Retry-After: 1, 1.5 s each", "Retry-After, jitter"};
  const test::TemporaryFolder folder;
  test::WebServer server;
  auto exporter = si::reliable(Webhook::exporter(server.port()),
                               {.journal = folder / "journal", .retry = {.first = 1ms, .longest = 2ms}});
  Lane lane;
  std::string happened;
  for (const char* const state : {"limited", "busy"}) {
    server.turn(state, true);
    const std::uint64_t before = exporter.stats().failures;
    lane.collect(exporter, 100);
    std::this_thread::sleep_for(1500ms);
    const std::uint64_t asked = exporter.stats().failures - before;
    CHECK(asked >= 1);
    CHECK(asked <= 2);
    server.turn(state, false);
    CHECK(exporter.flush(10s));
    happened += std::string{state} + ": asked " + std::to_string(asked) + " times; ";
  }
  row.happened(happened + lane.check(Webhook{}, server));
}

TEST_CASE("An outage of an hour takes no more room than it may", "[exporter][reliable][faults]") {
  if (!test::has_redis_server()) return;
  test::FaultRow row{56, "an hour's records, 30 a second, while Redis is away, for 8 MB of room",
                     "bounded memory and disk"};
  const test::TemporaryFolder folder;
  test::RedisServer server{{}, false};
  constexpr std::size_t room = 8'000'000;
  auto exporter =
      si::reliable(Redis::exporter(server.port()), {.journal = folder / "journal", .max_bytes = room, .retry = soon});
  const std::size_t memory = test::resident_memory();
  const si::Record<std::string> large{
      .algo = si::Name{"count"}, .value = std::string(200, 'x'), .source = {si::Name{"cam"}, {}}};
  constexpr std::uint64_t hour = 3600 * 30;
  for (std::uint64_t i = 0; i < hour; ++i) {
    si::Record<std::string> record = large;
    record.frame_index = i;
    record.time = i * 33ms;
    exporter.collect(record);
    if (i % 500 == 0) CHECK(test::eventually([&] { return exporter.stats().unwritten < 5000; }));
  }
  CHECK(test::eventually([&] { return exporter.stats().unwritten == 0; }));
  const std::size_t grown = test::resident_memory() - std::min(memory, test::resident_memory());
  std::uintmax_t disk = 0;
  for (const auto& file : std::filesystem::directory_iterator{folder / ""}) disk += file.file_size();
  if (test::measures_memory) CHECK(grown < 60'000'000);
  CHECK(disk < 40'000'000);
  const si::ReliableStats stats = exporter.stats();
  CHECK(stats.waiting * (sizeof(si::StoredRecord) + 202) <= room);
  CHECK(stats.waiting + stats.dropped == hour);
  server.start();
  CHECK(exporter.flush(20s));
  CHECK(std::stoull(server.ask({"XLEN", "results:count:cam"}).front()) == stats.waiting);
  row.happened(std::to_string(stats.waiting) + " kept and delivered, the latest; " + std::to_string(stats.dropped) +
               " dropped and counted; memory grew by " + std::to_string(grown / 1'000'000) + " MB, the journal had " +
               std::to_string(disk / 1'000'000) + " MB");
}

TEST_CASE("A Redis that is full gets all once it has room", "[exporter][reliable][faults]") {
  if (!test::has_redis_server()) return;
  test::FaultRow row{57, "Redis with maxmemory reached (OOM), then not any more", "retried"};
  const test::TemporaryFolder folder;
  test::RedisServer server;
  auto exporter = si::reliable(Redis::exporter(server.port()), {.journal = folder / "journal", .retry = soon});
  Lane lane;
  lane.collect(exporter, 100);
  CHECK(exporter.flush(10s));
  static_cast<void>(server.ask({"CONFIG", "SET", "maxmemory", "1"}));
  lane.collect(exporter, 100);
  CHECK_FALSE(exporter.flush(300ms));
  const si::ReliableStats full = exporter.stats();
  CHECK(full.waiting == 100);
  CHECK(full.dead_letters == 0);
  CHECK(full.last_error.find("OOM") != std::string::npos);
  static_cast<void>(server.ask({"CONFIG", "SET", "maxmemory", "0"}));
  CHECK(exporter.flush(10s));
  row.happened(lane.check(Redis{}, server));
}

TEST_CASE("What the journal had when the program was killed is delivered to servers, and once",
          "[exporter][reliable][faults]") {
  test::FaultRow row{50, "kill -9 at a random moment, again and again, with servers as stores",
                     "none lost that the journal had, none twice"};
  row.happened(for_each_store<Redis, MySql>([](auto store) {
    using Store = decltype(store);
    const test::TemporaryFolder folder;
    auto server = Store::make();
    const auto rounds = static_cast<std::uint64_t>(20 * std::max(1.0, test::rounds()));
    test::Random random{test::first_seed()};
    std::set<std::string> promised;
    std::uint64_t delivered_before_end = 0;
    const auto record = [](std::uint64_t index) {
      return si::Record<std::uint64_t>{.time = index * 1ms,
                                       .frame_index = index,
                                       .algo = si::Name{"count"},
                                       .value = index,
                                       .source = {si::Name{"cam"}, {}}};
    };
    for (std::uint64_t round = 0; round < rounds; ++round) {
      int pipe[2];
      REQUIRE(::pipe(pipe) == 0);
      const pid_t child = ::fork();
      REQUIRE(child >= 0);
      if (child == 0) {  // tells how many of its records the journal has
        ::close(pipe[0]);
        auto exporter =
            si::reliable(Store::exporter(server.port()), {.journal = folder / "journal", .batch = 20, .retry = soon});
        const std::uint64_t before = exporter.stats().collected;
        for (std::uint64_t i = 0;; ++i) {
          exporter.collect(record(1'000'000 * round + i));
          const si::ReliableStats stats = exporter.stats();
          const std::uint64_t in_journal = stats.collected - stats.unwritten - before;
          if (::write(pipe[1], &in_journal, sizeof in_journal) != sizeof in_journal) ::_exit(1);
        }
      }
      ::close(pipe[1]);
      std::thread killer{[child, wait = random.between(1, 60)] {
        std::this_thread::sleep_for(std::chrono::milliseconds{wait});
        ::kill(child, SIGKILL);
      }};
      std::uint64_t in_journal = 0;
      for (std::uint64_t next = 0; ::read(pipe[0], &next, sizeof next) == sizeof next;) in_journal = next;
      killer.join();
      ::close(pipe[0]);
      int status = 0;
      REQUIRE(::waitpid(child, &status, 0) == child);
      REQUIRE(WIFSIGNALED(status));
      for (std::uint64_t i = 0; i < in_journal; ++i)
        promised.insert(si::record_key(si::to_stored(record(1'000'000 * round + i))));
    }
    delivered_before_end = Store::records(server).size();
    {
      auto exporter = si::reliable(Store::exporter(server.port()), {.journal = folder / "journal", .retry = soon});
      CHECK(exporter.flush(60s));
    }
    const std::map<std::string, int> times = Store::records(server);
    std::size_t missing = 0, twice = 0;
    for (const std::string& key : promised) missing += times.count(key) == 0 ? 1U : 0U;
    for (const auto& [key, count] : times) twice += count > 1 ? 1U : 0U;
    CHECK(missing == 0);
    if (Store::once) CHECK(twice == 0);
    CHECK(promised.size() > 100);
    CHECK(delivered_before_end > 0);
    return "killed " + std::to_string(rounds) + " times, of " + std::to_string(promised.size()) +
           " records in the journal " + std::to_string(missing) + " lost, " + std::to_string(twice) + " twice";
  }));
}
