#include "stream_infer/exporter/base_exporter.hpp"

#include "stream_infer/exporter/exporter.hpp"
#include "support/catch.hpp"
#include "support/random.hpp"

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <variant>
#include <vector>

namespace si = stream_infer;
using namespace std::chrono_literals;

namespace {

si::Record<int> record(int value) {
  return {
      .time = value * 1ms, .frame_index = static_cast<std::uint64_t>(value), .algo = si::Name{"count"}, .value = value};
}

/// Sends into a vector; `on_send` may throw, or collect more meanwhile.
struct ToVector : si::BaseExporter<ToVector, int> {
  using BaseExporter::BaseExporter;
  using BaseExporter::send;
  void send(const si::Record<int>& one) {
    if (on_send) on_send(one.value);
    sent.push_back(one.value);
  }
  std::function<void(int)> on_send;
  std::vector<int> sent;
};

struct ToText : si::BaseExporter<ToText, int, std::string> {
  void send(const si::Record<int>& one) { sent += std::to_string(one.value) + ' '; }
  void send(const si::Record<std::string>& one) { sent += one.value + ' '; }
  std::string sent;
};

std::vector<int> values(const ToVector& exporter) {
  std::vector<int> out;
  for (const si::Record<int>& one : exporter.results()) out.push_back(one.value);
  return out;
}

}  // namespace

static_assert(si::Exporter<ToVector, int>);
static_assert(!si::Exporter<ToVector, double> && !si::Exporter<ToVector, long>);
static_assert(si::Exporter<ToText, int, std::string>);
static_assert(!si::Exporter<ToText, int, std::string, double>);
static_assert(si::detail::SendsAll<ToVector>);
static_assert(std::is_same_v<ToVector::AnyRecord, si::Record<int>>);
static_assert(std::is_same_v<ToText::AnyRecord, std::variant<si::Record<int>, si::Record<std::string>>>);

TEST_CASE("Records are collected now and sent later, oldest first, each once", "[base_exporter]") {
  ToVector exporter;
  CHECK_FALSE(exporter.send());
  for (const int i : {1, 2, 3}) exporter.collect(record(i));
  CHECK(exporter.sent.empty());
  CHECK(values(exporter) == std::vector{1, 2, 3});

  CHECK(exporter.send());
  CHECK(exporter.sent == std::vector{1});
  exporter.send_all();
  CHECK(exporter.sent == std::vector{1, 2, 3});
  CHECK_FALSE(exporter.send());
  exporter.send_all();
  CHECK(exporter.sent == std::vector{1, 2, 3});

  exporter.collect(record(4));
  exporter.send_all();
  CHECK(exporter.sent == std::vector{1, 2, 3, 4});
  CHECK(values(exporter) == std::vector{1, 2, 3, 4});  // results() keeps what was sent
  CHECK(exporter.dropped() == 0);
}

TEST_CASE("Records of several types keep their order", "[base_exporter]") {
  ToText exporter;
  exporter.collect(record(1));
  exporter.collect(si::Record<std::string>{.value = "two"});
  exporter.collect(record(3));
  exporter.send_all();
  CHECK(exporter.sent == "1 two 3 ");
  REQUIRE(exporter.results().size() == 3);
  CHECK(std::get<si::Record<std::string>>(exporter.results()[1]).value == "two");
}

TEST_CASE("The capacity bounds what is kept; what was not sent in time is counted", "[base_exporter]") {
  ToVector exporter{3};
  for (int i = 1; i <= 5; ++i) exporter.collect(record(i));
  CHECK(values(exporter) == std::vector{3, 4, 5});
  CHECK(exporter.dropped() == 2);
  exporter.send_all();
  CHECK(exporter.sent == std::vector{3, 4, 5});

  for (int i = 6; i <= 8; ++i) exporter.collect(record(i));  // replaces sent ones: nothing is lost
  CHECK(exporter.dropped() == 2);
  exporter.collect(record(9));
  CHECK(exporter.dropped() == 3);
  exporter.send_all();
  CHECK(exporter.sent == std::vector{3, 4, 5, 7, 8, 9});
}

TEST_CASE("A capacity of 0 keeps one record", "[base_exporter]") {
  ToVector exporter{0};
  exporter.collect(record(1));
  exporter.collect(record(2));
  CHECK(values(exporter) == std::vector{2});
  CHECK(exporter.dropped() == 1);
}

TEST_CASE("clear() forgets everything; what was not sent counts as dropped", "[base_exporter]") {
  ToVector exporter;
  for (const int i : {1, 2, 3}) exporter.collect(record(i));
  exporter.send();
  exporter.clear();
  CHECK(exporter.results().empty());
  CHECK(exporter.dropped() == 2);
  CHECK_FALSE(exporter.send());
  exporter.collect(record(4));
  exporter.send_all();
  CHECK(exporter.sent == std::vector{1, 4});
}

TEST_CASE("A record at which sending throws stays to be sent, and so does the rest", "[base_exporter]") {
  ToVector exporter;
  for (const int i : {1, 2, 3}) exporter.collect(record(i));
  bool down = true;
  exporter.on_send = [&down](int value) {
    if (value == 2 && down) throw std::runtime_error{"the store is down"};
  };
  CHECK_THROWS_AS(exporter.send_all(), std::runtime_error);
  CHECK(exporter.sent == std::vector{1});
  CHECK_THROWS_AS(exporter.send(), std::runtime_error);
  down = false;
  exporter.send_all();
  CHECK(exporter.sent == std::vector{1, 2, 3});
  CHECK(exporter.dropped() == 0);
}

TEST_CASE("What must make room while it is being sent does not count as dropped", "[base_exporter]") {
  ToVector exporter{2};
  exporter.collect(record(1));
  exporter.collect(record(2));
  const int more = GENERATE(1, 2, 3);
  exporter.on_send = [&](int value) {
    if (value == 1)
      for (int i = 0; i < more; ++i) exporter.collect(record(3 + i));
  };
  CHECK(exporter.send());
  CHECK(exporter.sent == std::vector{1});
  CHECK(exporter.dropped() == static_cast<std::uint64_t>(more - 1));
  exporter.send_all();
  CHECK(exporter.sent.size() == 3);
  CHECK(exporter.sent.back() == 2 + more);
}

TEST_CASE("What is cleared while it is being sent does not count as dropped", "[base_exporter]") {
  ToVector exporter;
  for (const int i : {1, 2, 3}) exporter.collect(record(i));
  exporter.on_send = [&](int value) {
    if (value == 1) exporter.clear();
    if (value == 1) exporter.collect(record(4));
  };
  CHECK(exporter.send());
  CHECK(exporter.dropped() == 2);
  exporter.send_all();
  CHECK(exporter.sent == std::vector{1, 4});
  CHECK(exporter.dropped() == 2);
}

TEST_CASE("Whatever is called in whatever order, every record is sent once, dropped once, or waits",
          "[base_exporter][property]") {
  stream_infer::test::for_random_cases(500, [](stream_infer::test::Random& random) {
    const auto capacity = static_cast<std::size_t>(random.between(1, 6));
    ToVector exporter{capacity};
    int next = 0;
    std::deque<int> waiting;  // the model
    std::vector<int> sent;
    std::uint64_t dropped = 0;
    bool broken = false;
    std::vector<int> kept;

    const auto collect = [&] {
      exporter.collect(record(next));
      kept.push_back(next);
      if (kept.size() > capacity) {
        if (!waiting.empty() && waiting.front() == kept.front()) {
          waiting.pop_front();
          ++dropped;
        }
        kept.erase(kept.begin());
      }
      waiting.push_back(next++);
    };
    const auto clear = [&] {
      exporter.clear();
      dropped += waiting.size();
      waiting.clear();
      kept.clear();
    };
    exporter.on_send = [&](int value) {
      REQUIRE(value == waiting.front());
      if (broken) throw std::runtime_error{"broken"};
      waiting.pop_front();  // from here it is on its way
      sent.push_back(value);
      for (auto more = random.between(0, 2); more > 0; --more) collect();
      if (random.chance(10)) clear();
    };

    for (int step = 0; step < 60; ++step) {
      switch (random.between(0, 4)) {
        case 0:
        case 1: collect(); break;
        case 2: {
          broken = random.chance(20);
          const bool any = !waiting.empty();
          if (broken && any)
            REQUIRE_THROWS_AS(exporter.send(), std::runtime_error);
          else
            REQUIRE(exporter.send() == any);
          break;
        }
        case 3:
          if (random.chance(10)) clear();
          break;
        default: REQUIRE(values(exporter) == kept);
      }
      REQUIRE(exporter.dropped() == dropped);
      REQUIRE(exporter.sent == sent);
    }
  });
}

TEST_CASE("Collecting and sending go on at the same time", "[base_exporter]") {
  constexpr int collectors = 3;
  constexpr int each = 3000;
  ToVector exporter{64};
  std::atomic<bool> overlap{false};
  std::atomic<int> inside{0};
  exporter.on_send = [&](int) {
    if (inside.fetch_add(1) != 0) overlap = true;
    inside.fetch_sub(1);
  };
  std::atomic<int> running{collectors};
  std::vector<std::thread> threads;
  for (int c = 0; c < collectors; ++c)
    threads.emplace_back([&, c] {
      for (int i = 0; i < each; ++i) exporter.collect(record(c * each + i));
      --running;
    });
  for (int s = 0; s < 2; ++s)
    threads.emplace_back([&] {
      while (running > 0) {
        exporter.send();
        static_cast<void>(exporter.results().size());
        static_cast<void>(exporter.dropped());
      }
    });
  for (std::thread& thread : threads) thread.join();
  exporter.send_all();

  CHECK_FALSE(overlap);
  CHECK(exporter.sent.size() + exporter.dropped() == collectors * each);
  std::vector<int> last(collectors, -1);
  for (const int value : exporter.sent) {  // none twice, none out of order
    const auto collector = static_cast<std::size_t>(value / each);
    REQUIRE(value > last[collector]);
    last[collector] = value;
  }
}
