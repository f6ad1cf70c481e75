#include "stream_infer/core/worker.hpp"

#include "support/catch.hpp"
#include "support/process.hpp"
#include "support/stopwatch.hpp"

#include <atomic>
#include <chrono>
#include <memory>
#include <stop_token>
#include <thread>
#include <utility>

using namespace std::chrono_literals;
using stream_infer::detail::Worker;
using stream_infer::test::eventually;
using stream_infer::test::soon;
using stream_infer::test::Stopwatch;

namespace {

/// Does what it is given.
template <class Work>
struct Doing final : stream_infer::detail::Task {
  explicit Doing(Work what) : work{std::move(what)} {}
  void run() noexcept override { work(); }
  Work work;
};

template <class Work>
Worker start(Work work) {
  return Worker{std::make_shared<Doing<Work>>(std::move(work))};
}

}  // namespace

TEST_CASE("What a worker wrote is there when its work is done", "[worker]") {
  for (int i = 0; i < 200; ++i) {
    const auto result = std::make_shared<int>(0);
    Worker worker = start([result, i] { *result = i; });
    REQUIRE(worker.wait({}));
    CHECK(*result == i);
  }
}

TEST_CASE("Work that ends in time is waited for", "[worker]") {
  const auto ended = std::make_shared<std::atomic<bool>>(false);
  {
    const Worker worker = start([ended] {
      std::this_thread::sleep_for(20ms);
      *ended = true;
    });
  }
  CHECK(*ended);
  CHECK(ended.use_count() == 1);  // and what it owned is gone
}

TEST_CASE("Work is asked to stop by its owner's end, and by another taking its place", "[worker]") {
  struct UntilStopped final : stream_infer::detail::Task {
    void run() noexcept override { stopped.wait(false); }
    void stop() noexcept override {
      stopped = true;
      stopped.notify_one();
    }
    std::atomic<bool> stopped{false};
  };
  const Stopwatch stopwatch;
  const auto first = std::make_shared<UntilStopped>();
  const auto second = std::make_shared<UntilStopped>();
  {
    Worker worker{first};
    worker = Worker{second};
    CHECK(first->stopped);
    CHECK_FALSE(second->stopped);
    const Worker moved{std::move(worker)};
  }
  CHECK(second->stopped);
  CHECK(stopwatch.elapsed() < Worker::grace);
}

TEST_CASE("Work that does not end is left behind, and ends when it is let", "[worker]") {
  const auto let = std::make_shared<std::atomic<bool>>(false);
  const Stopwatch stopwatch;
  {
    const Worker worker = start([let] { let->wait(false); });
  }
  CHECK(stopwatch.elapsed() >= Worker::grace);
  CHECK(stopwatch.elapsed() < soon);
  CHECK(let.use_count() == 2);
  *let = true;
  let->notify_one();
  CHECK(eventually([&] { return let.use_count() == 1; }));
}

TEST_CASE("Waiting for a worker ends with a stop", "[worker]") {
  const auto let = std::make_shared<std::atomic<bool>>(false);
  std::stop_source stop;
  Worker worker = start([let] { let->wait(false); });
  std::thread stopper{[stop]() mutable {
    std::this_thread::sleep_for(20ms);
    stop.request_stop();
  }};
  CHECK_FALSE(worker.wait(stop.get_token()));
  stopper.join();
  CHECK_FALSE(worker.wait(stop.get_token()));  // requested already
  *let = true;
  let->notify_one();
  CHECK(worker.wait({}));
}
