#include "stream_infer/exporter/reliable.hpp"

#include "stream_infer/exporter/exporter.hpp"
#include "stream_infer/exporter/jsonl_exporter.hpp"
#include "stream_infer/exporter/sqlite_exporter.hpp"
#include "support/catch.hpp"
#include "support/error_of.hpp"
#include "support/fault_row.hpp"
#include "support/files.hpp"
#include "support/full_disk.hpp"
#include "support/process.hpp"
#include "support/random.hpp"
#include "support/sanitizers.hpp"
#include "support/stopwatch.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

namespace si = stream_infer;
namespace test = stream_infer::test;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using Kind = si::StoreError::Kind;

namespace {

si::Record<std::uint64_t> record(std::uint64_t index) {
  return {.time = index * 40ms,
          .frame_index = index,
          .algo = si::Name{"count"},
          .value = index,
          .source = {si::Name{"cam"}, {}}};
}

si::StoreError refusal(Kind kind, std::optional<si::MediaTime> after = {}) {
  return {kind, std::make_error_code(std::errc::connection_refused), "store", "refused", after};
}

/// Notes what it is given, unless `on_write` throws. Looked at from another thread.
struct Store {
  struct State {
    std::mutex mutex;
    std::vector<std::uint64_t> written;
    std::size_t calls = 0;
    std::function<void(std::span<const si::StoredRecord>)> on_write = [](auto) {};
  };
  void write(std::span<const si::StoredRecord> records) {
    const std::lock_guard lock{state->mutex};
    ++state->calls;
    state->on_write(records);
    for (const si::StoredRecord& one : records) state->written.push_back(one.frame_index);
  }
  [[nodiscard]] std::vector<std::uint64_t> written() const {
    const std::lock_guard lock{state->mutex};
    return state->written;
  }
  std::shared_ptr<State> state = std::make_shared<State>();
};

std::vector<std::uint64_t> up_to(std::uint64_t end, std::uint64_t begin = 0) {
  std::vector<std::uint64_t> numbers;
  for (std::uint64_t i = begin; i < end; ++i) numbers.push_back(i);
  return numbers;
}

constexpr si::BackOff at_once{.first = 1ms, .longest = 5ms};

bool adds_up(const si::ReliableStats& stats) {
  return stats.collected == stats.delivered + stats.dead_letters + stats.dropped + stats.waiting;
}

}  // namespace

static_assert(si::Exporter<si::Reliable<si::SqliteExporter>, int, std::string>);
static_assert(si::Exporter<si::Reliable<si::JsonlExporter&>, int>);
static_assert(!si::Exporter<si::Reliable<si::SqliteExporter>, std::thread>);

TEST_CASE("What is collected is delivered, in order", "[exporter][reliable]") {
  const test::TemporaryFolder folder;
  Store store;
  {
    auto exporter = si::reliable(store, {.journal = folder / "journal", .batch = 7});
    for (std::uint64_t i = 0; i < 100; ++i) exporter.collect(record(i));
    CHECK(exporter.flush(10s));
    const si::ReliableStats stats = exporter.stats();
    CHECK(stats.collected == 100);
    CHECK(stats.delivered == 100);
    CHECK(stats.waiting == 0);
    CHECK(stats.failures == 0);
    CHECK(exporter.flush(0s));
    auto moved = std::move(exporter);
    moved.collect(record(100));
  }  // its end delivers, too
  CHECK(store.written() == up_to(101));
}

TEST_CASE("A store that fails is tried again until it does not", "[exporter][reliable]") {
  const test::TemporaryFolder folder;
  Store store;
  std::size_t left = 20;
  store.state->on_write = [&](auto) {
    if (left > 0 && --left % 2 == 0) throw refusal(Kind::retry);
    if (left > 0 && left % 3 == 0) throw 42;
    if (left > 0) throw std::runtime_error{"not even that"};
  };
  auto exporter = si::reliable(store, {.journal = folder / "journal", .retry = at_once});
  for (std::uint64_t i = 0; i < 50; ++i) exporter.collect(record(i));
  CHECK(exporter.flush(10s));
  CHECK(store.written() == up_to(50));
  const si::ReliableStats stats = exporter.stats();
  CHECK(stats.failures >= 19);
  CHECK(adds_up(stats));
  CHECK_FALSE(stats.last_error.empty());
}

TEST_CASE("A store is left alone for as long as it asks", "[exporter][reliable]") {
  const test::TemporaryFolder folder;
  Store store;
  std::atomic<bool> asked = false;
  store.state->on_write = [&](auto) {
    if (!asked.exchange(true)) throw refusal(Kind::retry, 200ms);
  };
  auto exporter = si::reliable(store, {.journal = folder / "journal", .retry = at_once});
  const test::Stopwatch stopwatch;
  exporter.collect(record(0));
  CHECK(exporter.flush(10s));
  CHECK(stopwatch.elapsed() >= 200ms);
}

TEST_CASE("What a store never takes goes to the dead letters, and the others on", "[exporter][reliable]") {
  test::FaultRow row{54, "records that the store never takes", "dead-letter file, go on"};
  const test::TemporaryFolder folder;
  Store store;
  store.state->on_write = [](std::span<const si::StoredRecord> records) {
    for (const si::StoredRecord& one : records)
      if (one.frame_index % 10 == 3) throw refusal(Kind::poison);
  };
  auto exporter = si::reliable(store, {.journal = folder / "journal", .batch = 16});
  for (std::uint64_t i = 0; i < 40; ++i) exporter.collect(record(i));
  CHECK(exporter.flush(10s));
  CHECK(store.written().size() == 36);
  const si::ReliableStats stats = exporter.stats();
  CHECK(stats.dead_letters == 4);
  CHECK(stats.delivered == 36);
  CHECK(adds_up(stats));
  std::vector<std::uint64_t> dead;
  std::ifstream in{folder / "journal.dead.jsonl"};
  for (std::string line; std::getline(in, line);) {
    const nlohmann::json json = nlohmann::json::parse(line);
    dead.push_back(json.at("frame_index").get<std::uint64_t>());
    CHECK(json.at("error") == "export 'store': refused");
  }
  CHECK(dead == std::vector<std::uint64_t>{3, 13, 23, 33});
  row.happened("4 of 40 in the dead letters, 36 delivered");
}

TEST_CASE("What could not be delivered before the end is delivered by the next", "[exporter][reliable]") {
  const test::TemporaryFolder folder;
  const si::ReliableOptions options{.journal = folder / "journal", .retry = at_once, .end_within = 50ms};
  Store down, up;
  down.state->on_write = [](auto) { throw refusal(Kind::retry); };
  for (std::uint64_t round = 0; round < 3; ++round) {
    auto exporter = si::reliable(down, options);
    for (std::uint64_t i = 0; i < 10; ++i) exporter.collect(record(10 * round + i));
    CHECK_FALSE(exporter.flush(20ms));
    CHECK(exporter.stats().waiting == 10 * (round + 1));
    CHECK(adds_up(exporter.stats()));
  }
  auto exporter = si::reliable(up, options);
  CHECK(exporter.stats().collected == 30);
  CHECK(exporter.flush(10s));
  CHECK(up.written() == up_to(30));
}

TEST_CASE("No more waits than may, and what gives way is counted", "[exporter][reliable]") {
  const test::TemporaryFolder folder;
  const std::size_t each = si::to_stored(record(100)).bytes();
  Store store;
  std::atomic<bool> down = true;
  store.state->on_write = [&](auto) {
    if (down) throw refusal(Kind::retry);
  };
  const auto options = [&](si::Overflow overflow) {
    return si::ReliableOptions{.journal = folder / "journal",
                               .max_bytes = 10 * each,
                               .overflow = overflow,
                               .retry = at_once,
                               .end_within = 0s};
  };
  SECTION("the oldest") {
    auto exporter = si::reliable(store, options(si::Overflow::drop_oldest));
    for (std::uint64_t i = 100; i < 200; ++i) {
      exporter.collect(record(i));
      if (i % 8 == 0) CHECK(test::eventually([&] { return exporter.stats().unwritten == 0; }));
    }
    CHECK(test::eventually([&] { return exporter.stats().unwritten == 0; }));
    CHECK(exporter.stats().waiting == 10);
    CHECK(exporter.stats().dropped == 90);
    down = false;
    CHECK(exporter.flush(10s));
    CHECK(store.written() == up_to(200, 190));
    CHECK(adds_up(exporter.stats()));
  }
  SECTION("the newest") {
    auto exporter = si::reliable(store, options(si::Overflow::drop_newest));
    for (std::uint64_t i = 100; i < 200; ++i) exporter.collect(record(i));
    CHECK(exporter.stats().dropped == 90);
    down = false;
    CHECK(exporter.flush(10s));
    CHECK(store.written() == up_to(110, 100));
    CHECK(adds_up(exporter.stats()));
  }
  SECTION("none") {
    auto exporter = si::reliable(store, options(si::Overflow::block));
    std::atomic<std::uint64_t> collected = 0;
    std::thread lane{[&] {
      for (std::uint64_t i = 100; i < 200; ++i, ++collected) exporter.collect(record(i));
    }};
    CHECK(test::eventually([&] { return collected == 10; }));
    std::this_thread::sleep_for(20ms);
    CHECK(collected == 10);
    down = false;
    lane.join();
    CHECK(exporter.flush(10s));
    CHECK(store.written() == up_to(200, 100));
    CHECK(exporter.stats().dropped == 0);
  }
}

TEST_CASE("While the journal's disk is full the store is given what waits in memory", "[exporter][reliable]") {
  test::FaultRow row{52, "the journal's disk full, the store first there, then not", "stated policy, Clean"};
  for (const std::size_t batch : {10U, 500U}) {
    const test::TemporaryFolder folder;
    Store store;
    std::atomic<bool> down = false;
    store.state->on_write = [&](auto) {
      if (!down) return;
      std::this_thread::sleep_for(30ms);  // most of the time they are on their way
      throw refusal(Kind::retry);
    };
    {
      auto exporter = si::reliable(store, {.journal = folder / "journal", .batch = batch, .retry = at_once});
      for (std::uint64_t i = 0; i < 50; ++i) exporter.collect(record(i));
      CHECK(exporter.flush(10s));
      {
        const test::FullDisk full{1};
        for (std::uint64_t i = 50; i < 100; ++i) exporter.collect(record(i));
        CHECK(exporter.flush(10s));
        down = true;
        for (std::uint64_t i = 100; i < 150; ++i) exporter.collect(record(i));
        CHECK_FALSE(exporter.flush(300ms));
        const si::ReliableStats stats = exporter.stats();
        CHECK(stats.unwritten == 50);
        CHECK(stats.waiting == 50);
        CHECK(adds_up(stats));
      }
      CHECK(test::eventually([&] { return exporter.stats().unwritten == 0; }));
      CHECK(exporter.stats().waiting == 50);
      for (std::uint64_t i = 150; i < 200; ++i) exporter.collect(record(i));
      down = false;
      CHECK(exporter.flush(10s));
      CHECK(adds_up(exporter.stats()));
    }
    CHECK(store.written() == up_to(200));
  }
  row.happened(
      "no lane waits; 50 of 50 delivered without the journal, 50 kept in memory until the disk had room, in order");
}

TEST_CASE("Once the disk has room, the journal gets what waits, also while a slow store takes records",
          "[exporter][reliable]") {
  const test::TemporaryFolder folder;
  Store store;
  store.state->on_write = [&](auto) { std::this_thread::sleep_for(10ms); };
  auto exporter = si::reliable(store, {.journal = folder / "journal", .batch = 10, .end_within = 0s});
  {
    const test::FullDisk full{1};
    for (std::uint64_t i = 0; i < 5000; ++i) exporter.collect(record(i));
    CHECK(test::eventually([&] { return exporter.stats().failures > 1; }));
    CHECK(exporter.stats().unwritten > 3000);
  }
  CHECK(test::eventually([&] { return exporter.stats().unwritten == 0; }, 2500ms));
  CHECK(exporter.stats().waiting > 0);
}

TEST_CASE("What neither the journal nor the store took until the end is told", "[exporter][reliable]") {
  const test::TemporaryFolder folder;
  Store store;
  store.state->on_write = [&](auto) { throw refusal(Kind::retry); };
  std::string last;
  {
    auto exporter = si::reliable(store, {.journal = folder / "journal",
                                         .retry = at_once,
                                         .end_within = 10ms,
                                         .on_failure = [&](const si::Error& error) { last = error.what(); }});
    const test::FullDisk full{1};
    for (std::uint64_t i = 0; i < 20; ++i) exporter.collect(record(i));
    const auto ending = std::move(exporter);
  }
  CHECK_THAT(last, ContainsSubstring("20 records are lost"));
}

TEST_CASE("That the journal was damaged is told", "[exporter][reliable]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("journal", test::Bytes(5000, 0xff));
  std::mutex mutex;
  std::vector<std::string> told;
  Store store;
  {
    const auto exporter = si::reliable(store, {.journal = path, .on_failure = [&](const si::Error& error) {
                                                 const std::lock_guard lock{mutex};
                                                 told.emplace_back(error.what());
                                               }});
    CHECK_THAT(exporter.stats().last_error, ContainsSubstring("the journal was damaged"));
    CHECK(exporter.stats().failures == 1);
  }
  REQUIRE(told.size() == 1);
  CHECK_THAT(told.front(), ContainsSubstring("0 records were taken over"));
}

TEST_CASE("What is dropped while the disk is full, or more waits than memory has, is the oldest",
          "[exporter][reliable]") {
  const test::TemporaryFolder folder;
  const std::size_t each = si::to_stored(record(100)).bytes();
  Store store;
  std::atomic<bool> down = true;
  store.state->on_write = [&](auto) {
    if (down) throw refusal(Kind::retry);
  };
  auto exporter = si::reliable(
      store, {.journal = folder / "journal", .max_bytes = 10 * each, .batch = 3, .retry = at_once, .end_within = 0s});
  {
    const test::FullDisk full{1};
    for (std::uint64_t i = 100; i < 200; ++i) {
      exporter.collect(record(i));
      if (i % 7 == 0) std::this_thread::sleep_for(2ms);
    }
    CHECK(exporter.stats().waiting >= 7);  // a batch may be on its way to the store meanwhile
    CHECK(exporter.stats().waiting <= 13);
    CHECK(adds_up(exporter.stats()));
  }
  CHECK(test::eventually([&] { return exporter.stats().unwritten == 0; }));
  down = false;
  CHECK(exporter.flush(10s));
  CHECK(adds_up(exporter.stats()));
  const std::vector<std::uint64_t> written = store.written();
  CHECK(written.back() == 199);
  CHECK(std::is_sorted(written.begin(), written.end()));
}

TEST_CASE("A journal with more than memory is to have is delivered in order", "[exporter][reliable]") {
  const test::TemporaryFolder folder;
  Store store;
  std::atomic<bool> down = true;
  store.state->on_write = [&](auto) {
    if (down) throw refusal(Kind::retry);
  };
  const std::string megabyte(1'000'000, 'x');
  auto exporter = si::reliable(store, {.journal = folder / "journal", .batch = 4, .retry = at_once});
  const auto collect = [&](std::uint64_t index) {
    exporter.collect(si::Record<std::string>{
        .frame_index = index, .algo = si::Name{"text"}, .value = megabyte, .source = {si::Name{"cam"}, {}}});
    CHECK(test::eventually([&] { return exporter.stats().unwritten == 0; }));
  };
  for (std::uint64_t i = 0; i < 50; ++i) collect(i);
  down = false;
  for (std::uint64_t i = 50; i < 60; ++i) collect(i);
  CHECK(exporter.flush(20s));
  CHECK(store.written() == up_to(60));
  CHECK(adds_up(exporter.stats()));
}

TEST_CASE("A batch that is tried again is the same batch", "[exporter][reliable]") {
  const test::TemporaryFolder folder;
  Store store;
  std::atomic<bool> down = true;
  std::vector<std::size_t> sizes;
  store.state->on_write = [&](std::span<const si::StoredRecord> records) {
    sizes.push_back(records.size());
    if (down) throw refusal(Kind::retry);
  };
  auto exporter = si::reliable(store, {.journal = folder / "journal", .batch = 100, .retry = at_once});
  exporter.collect(record(0));
  CHECK(test::eventually([&] { return exporter.stats().failures > 2; }));
  for (std::uint64_t i = 1; i < 20; ++i) exporter.collect(record(i));
  const std::uint64_t before = exporter.stats().failures;
  CHECK(test::eventually([&] { return exporter.stats().failures > before + 2; }));
  down = false;
  CHECK(exporter.flush(10s));
  CHECK(std::count(sizes.begin(), sizes.end(), 1U) == static_cast<std::ptrdiff_t>(sizes.size()) - 1);
  CHECK(store.written() == up_to(20));
}

TEST_CASE("A record that is larger than all that may wait is refused alone", "[exporter][reliable]") {
  const test::TemporaryFolder folder;
  Store store;
  std::atomic<bool> down = true;
  store.state->on_write = [&](auto) {
    if (down) throw refusal(Kind::retry);
  };
  auto exporter = si::reliable(store, {.journal = folder / "journal", .max_bytes = 10'000, .retry = at_once});
  for (std::uint64_t i = 0; i < 10; ++i) exporter.collect(record(i));
  const si::Record<std::string> large{.algo = si::Name{"text"}, .value = std::string(20'000, 'x')};
  CHECK_THROWS_WITH(exporter.collect(large),
                    ContainsSubstring("frame 0 takes") && ContainsSubstring("more than ReliableOptions::max_bytes"));
  CHECK(exporter.stats().collected == 10);
  down = false;
  CHECK(exporter.flush(10s));
  CHECK(store.written() == up_to(10));
}

TEST_CASE("What fails is told at once, and not any more once the store is back", "[exporter][reliable]") {
  const test::TemporaryFolder folder;
  Store store;
  std::atomic<bool> down = true;
  store.state->on_write = [&](auto) {
    if (down) throw refusal(Kind::retry);
  };
  std::atomic<std::uint64_t> told = 0;
  std::string said;
  auto exporter =
      si::reliable(store, {.journal = folder / "journal", .retry = at_once, .on_failure = [&](const si::Error& error) {
                             if (told++ == 0) said = error.what();
                           }});
  exporter.collect(record(0));
  REQUIRE(test::eventually([&] { return told > 2; }));
  CHECK(exporter.stats().is_failing);
  down = false;
  CHECK(exporter.flush(10s));
  const si::ReliableStats stats = exporter.stats();
  CHECK_FALSE(stats.is_failing);
  CHECK(stats.failures == told);
  CHECK(said == stats.last_error);
}

TEST_CASE("A flush looks whether the store is back, unless it has asked for patience", "[exporter][reliable]") {
  const test::TemporaryFolder folder;
  Store store;
  std::atomic<bool> down = true;
  std::optional<si::MediaTime> after;
  store.state->on_write = [&](auto) {
    if (down) throw refusal(Kind::retry, after);
  };
  auto exporter = si::reliable(store, {.journal = folder / "journal", .retry = {.first = 1h, .longest = 1h}});
  exporter.collect(record(0));
  CHECK(test::eventually([&] { return exporter.stats().failures == 1; }));
  down = false;
  CHECK(exporter.flush(5s));
  {
    const std::lock_guard lock{store.state->mutex};
    down = true;
    after = 300ms;
  }
  exporter.collect(record(1));
  CHECK(test::eventually([&] { return exporter.stats().failures == 2; }));
  CHECK_FALSE(exporter.flush(50ms));
  CHECK(exporter.stats().failures == 2);
}

TEST_CASE("An end among many poison records comes after the call that has begun", "[exporter][reliable]") {
  const test::TemporaryFolder folder;
  Store store;
  store.state->on_write = [](auto) {
    std::this_thread::sleep_for(20ms);
    throw refusal(Kind::poison);
  };
  const test::Stopwatch stopwatch;
  {
    auto exporter = si::reliable(store, {.journal = folder / "journal", .retry = at_once, .end_within = 0s});
    for (std::uint64_t i = 0; i < 300; ++i) exporter.collect(record(i));
    CHECK(test::eventually([&] { return exporter.stats().unwritten == 0; }));
  }
  CHECK(stopwatch.elapsed() < 3s);
  store.state->on_write = [](auto) {};
  auto exporter = si::reliable(store, {.journal = folder / "journal"});
  CHECK(exporter.flush(10s));
  CHECK(exporter.stats().delivered > 250);
}

TEST_CASE("What the store has, survives a loss of power before the journal forgets it", "[exporter][reliable]") {
  struct Synced : Store {
    void write(std::span<const si::StoredRecord> records) {
      Store::write(records);
      ++*unsynced;
    }
    void sync() { *unsynced = 0; }
    std::shared_ptr<std::atomic<int>> unsynced{new std::atomic<int>{0}};
  };
  const test::TemporaryFolder folder;
  Synced store;
  auto exporter = si::reliable(store, {.journal = folder / "journal"});
  for (std::uint64_t i = 0; i < 10; ++i) {
    exporter.collect(record(i));
    CHECK(exporter.flush(10s));
    CHECK(*store.unsynced == 0);
  }
}

TEST_CASE("Any number of threads may collect", "[exporter][reliable]") {
  const test::TemporaryFolder folder;
  Store store;
  auto exporter = si::reliable(store, {.journal = folder / "journal", .batch = 50});
  std::vector<std::thread> threads;
  for (std::uint64_t thread = 0; thread < 4; ++thread)
    threads.emplace_back([&exporter, thread] {
      for (std::uint64_t i = 0; i < 250; ++i) exporter.collect(record(1000 * thread + i));
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(exporter.flush(20s));
  const std::vector<std::uint64_t> written = store.written();
  CHECK(written.size() == 1000);
  CHECK(std::set<std::uint64_t>(written.begin(), written.end()).size() == 1000);
}

TEST_CASE("Options that make no sense, and a journal that cannot be had, are errors at once", "[exporter][reliable]") {
  const test::TemporaryFolder folder;
  const auto what = [](const si::ReliableOptions& options) {
    return std::string{test::error_of([&] { static_cast<void>(si::reliable(Store{}, options)); }).what()};
  };
  CHECK_THAT(what({}), ContainsSubstring("ReliableOptions::journal"));
  CHECK_THAT(what({.journal = folder / "a", .batch = 0}), ContainsSubstring("ReliableOptions::batch"));
  CHECK_THAT(what({.journal = folder / "no/a"}), ContainsSubstring("unable to open"));
  CHECK_THAT(what({.journal = folder / "a", .dead_letters = folder / "no/dead"}),
             ContainsSubstring("ReliableOptions::dead_letters"));
  const auto first = si::reliable(Store{}, {.journal = folder / "a"});
  CHECK_THAT(what({.journal = folder / "a"}), ContainsSubstring("is in use"));
}

TEST_CASE("What the journal had when the program was killed is delivered, and once", "[exporter][reliable]") {
  if (test::has_thread_sanitizer) return;  // it does not follow a process that forks and has threads
  test::FaultRow row{50, "kill -9 at a random moment, again and again",
                     "none lost that the journal had, none twice in SQLite"};
  const test::TemporaryFolder folder;
  const std::string journal = folder / "journal", results = folder / "results.db";
  const auto rounds = static_cast<std::uint64_t>(20 * std::max(1.0, test::rounds()));
  test::Random random{test::first_seed()};
  std::set<std::uint64_t> promised;
  for (std::uint64_t round = 0; round < rounds; ++round) {
    int pipe[2];
    REQUIRE(::pipe(pipe) == 0);
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {  // tells how many of its records the journal has
      ::close(pipe[0]);
      auto exporter = si::reliable(si::SqliteExporter{results}, {.journal = journal, .batch = 20, .retry = at_once});
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
    for (std::uint64_t i = 0; i < in_journal; ++i) promised.insert(1'000'000 * round + i);
  }
  {
    auto exporter = si::reliable(si::SqliteExporter{results}, {.journal = journal});
    CHECK(exporter.flush(30s));
  }
  si::detail::SqliteDatabase database{results};
  const auto rows = database.prepare("SELECT frame_index FROM results");
  std::map<std::uint64_t, int> times;
  while (database.next_row(*rows)) ++times[static_cast<std::uint64_t>(sqlite3_column_int64(rows.get(), 0))];
  std::size_t missing = 0, twice = 0;
  for (const std::uint64_t index : promised) missing += times.count(index) == 0 ? 1U : 0U;
  for (const auto& [index, count] : times) twice += count > 1 ? 1U : 0U;
  CHECK(missing == 0);
  CHECK(twice == 0);
  CHECK(promised.size() > 100);
  row.happened("killed " + std::to_string(rounds) + " times: of " + std::to_string(promised.size()) +
               " records in the journal " + std::to_string(missing) + " lost, " + std::to_string(twice) + " twice");
}
