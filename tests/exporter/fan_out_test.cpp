#include "stream_infer/exporter/fan_out.hpp"

#include "stream_infer/exporter/memory_exporter.hpp"
#include "stream_infer/exporter/print_exporter.hpp"
#include "support/catch.hpp"

#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

namespace si = stream_infer;

namespace {

/// Writes down every call; throws where told to.
struct Diary {
  void collect(const si::Record<int>& record) {
    calls.push_back("collect " + std::to_string(record.value));
    if (throws) throw std::runtime_error{reason};
  }
  void on_error(const si::RunError& error) { calls.push_back("error " + error.message); }
  void send_all() {
    calls.emplace_back("send_all");
    if (throws) throw std::runtime_error{reason};
  }
  bool throws = false;
  std::string reason = "broken";
  std::vector<std::string> calls;
};

struct CollectsOnly {
  void collect(const si::Record<int>& record) { *last = record.value; }
  std::shared_ptr<int> last = std::make_shared<int>(0);
};

using Calls = std::vector<std::string>;
si::Record<int> record(int value) { return {.value = value}; }

}  // namespace

using Two = si::FanOut<si::MemoryExporter<int, double>&, si::MemoryExporter<int>&>;
static_assert(si::Exporter<Two, int>);
static_assert(!si::Exporter<Two, double>);  // all of them must be able to collect it
static_assert(!si::Exporter<Two, int, double>);
static_assert(std::is_same_v<decltype(si::fan_out(std::declval<Diary&>(), Diary{})), si::FanOut<Diary&, Diary>>);

TEST_CASE("Every exporter gets every record, in order", "[fan_out]") {
  Diary a, b;
  auto both = si::fan_out(a, b);
  both.collect(record(1));
  both.collect(record(2));
  both.on_error({.message = "no model"});
  both.send_all();
  const Calls expected{"collect 1", "collect 2", "error no model", "send_all"};
  CHECK(a.calls == expected);
  CHECK(b.calls == expected);
}

TEST_CASE("Temporaries are taken over, named exporters stay with the caller", "[fan_out]") {
  Diary named;
  CollectsOnly temporary;
  auto both = si::fan_out(named, CollectsOnly{temporary});
  both.collect(record(7));
  CHECK(named.calls == Calls{"collect 7"});
  CHECK(*temporary.last == 7);
}

TEST_CASE("Exporters without on_error() or send_all() are left out of those", "[fan_out]") {
  Diary diary;
  CollectsOnly plain;
  auto both = si::fan_out(plain, diary);
  both.on_error({.message = "no model"});
  both.send_all();
  CHECK(diary.calls == Calls{"error no model", "send_all"});
}

TEST_CASE("One that throws does not keep the others from their turn, and the first exception goes on", "[fan_out]") {
  Diary a{.throws = true, .reason = "first", .calls = {}}, b{.throws = true, .reason = "second", .calls = {}}, c;
  auto all = si::fan_out(a, b, c);
  const auto reason_of = [](auto call) {
    try {
      call();
    } catch (const std::runtime_error& error) {
      return std::string{error.what()};
    }
    return std::string{"nothing"};
  };
  CHECK(reason_of([&] { all.collect(record(1)); }) == "first");
  CHECK(reason_of([&] { all.send_all(); }) == "first");
  CHECK(c.calls == Calls{"collect 1", "send_all"});
  a.throws = false;
  CHECK(reason_of([&] { all.collect(record(2)); }) == "second");
  CHECK(c.calls == Calls{"collect 1", "send_all", "collect 2"});
}

TEST_CASE("A FanOut works for real exporters", "[fan_out]") {
  std::ostringstream out;
  si::MemoryExporter<int> memory;
  auto both = si::fan_out(memory, si::PrintExporter{out});
  both.collect(si::Record<int>{.algo = si::Name{"head"}, .value = 5});
  both.send_all();
  CHECK(memory.results().size() == 1);
  CHECK(out.str() == "00:00:00.000  frame 0  head: 5\n");
}

TEST_CASE("A FanOut of one and of none is fine", "[fan_out]") {
  Diary diary;
  auto one = si::fan_out(diary);
  one.collect(record(1));
  CHECK(diary.calls == Calls{"collect 1"});
  auto none = si::fan_out();
  CHECK_NOTHROW(none.collect(record(1)));
}
