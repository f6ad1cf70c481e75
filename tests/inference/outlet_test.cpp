#include "stream_infer/inference/outlet.hpp"

#include "support/catch.hpp"

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace si = stream_infer;

namespace {

si::Record<int> record(int value) { return {.frame_index = 7, .algo = si::Name{"a"}, .value = value}; }

struct Picky {
  void collect(const si::Record<int>& r) {
    if (r.value < 0) throw std::runtime_error{"no negative numbers"};
    values.push_back(r.value);
  }
  void send_all() { throw std::runtime_error{"the line is dead"}; }
  void on_error(const si::RunError& error) { errors.push_back(error); }
  std::vector<int> values;
  std::vector<si::RunError> errors;
};

struct Bare {
  void collect(const si::Record<int>&) { throw 42; }
};

struct ThrowsInOnError {
  void collect(const si::Record<int>&) { throw std::runtime_error{"first"}; }
  void on_error(const si::RunError&) { throw std::runtime_error{"second"}; }
};

}  // namespace

TEST_CASE("what the exporter throws comes back as a message and goes to on_error, and others go on") {
  Picky exporter;
  si::detail::Outlet<Picky, int> outlet{exporter};
  CHECK(outlet.collect<0>(record(1)).empty());
  CHECK(outlet.collect<0>(record(-1)) == "no negative numbers");
  CHECK(outlet.collect<0>(record(2)).empty());
  CHECK(exporter.values == std::vector<int>{1, 2});
  REQUIRE(exporter.errors.size() == 1);
  CHECK(exporter.errors[0].algo == "a");
  CHECK(exporter.errors[0].frame_index == 7);
  CHECK(exporter.errors[0].message == "no negative numbers");
  CHECK_THROWS_AS(std::rethrow_exception(exporter.errors[0].exception), std::runtime_error);
}

TEST_CASE("a send_all that throws goes to on_error") {
  Picky exporter;
  si::detail::Outlet<Picky, int> outlet{exporter};
  outlet.send_all();
  REQUIRE(exporter.errors.size() == 1);
  CHECK(exporter.errors[0].message == "the line is dead");
}

TEST_CASE("an exporter without on_error loses nothing else") {
  Bare bare;
  si::detail::Outlet<Bare, int> outlet{bare};
  CHECK(outlet.collect<0>(record(1)) == "something that is not a std::exception");
  outlet.send_all();  // it has none

  ThrowsInOnError thrower;
  si::detail::Outlet<ThrowsInOnError, int> second{thrower};
  CHECK(second.collect<0>(record(1)) == "first");
}

TEST_CASE("the latest records are kept only when asked for, and a copy follows them") {
  Picky exporter;
  si::detail::Outlet<Picky, int> outlet{exporter};
  si::LatestRecords<int> copy;
  std::uint64_t version = 0;
  outlet.collect<0>(record(1));
  outlet.latest(copy, version);
  CHECK_FALSE(copy.get<0>().has_value());

  outlet.keep_latest();
  outlet.collect<0>(record(2));
  outlet.latest(copy, version);
  REQUIRE(copy.get<0>().has_value());
  CHECK(copy.get<0>()->value == 2);
  outlet.collect<0>(record(-3));  // the exporter refused it, the run made it all the same
  outlet.latest(copy, version);
  CHECK(copy.get<0>()->value == -3);

  outlet.begin_run();
  outlet.latest(copy, version);
  CHECK_FALSE(copy.get<0>().has_value());
}

TEST_CASE("calls from several threads reach the exporter one at a time") {
  struct Alone {
    void collect(const si::Record<int>&) {
      if (inside.exchange(true)) overlapped = true;
      ++count;
      inside = false;
    }
    std::atomic<bool> inside{false};
    std::atomic<bool> overlapped{false};
    int count = 0;
  } exporter;
  si::detail::Outlet<Alone, int> outlet{exporter};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&outlet] {
        for (int i = 0; i < 5000; ++i) outlet.collect<0>(record(i));
      });
  }
  CHECK_FALSE(exporter.overlapped);
  CHECK(exporter.count == 20'000);
}
