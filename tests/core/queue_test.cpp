#include "stream_infer/core/queue.hpp"

#include "support/catch.hpp"
#include "support/count_allocations.hpp"
#include "support/random.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>

using stream_infer::detail::Queue;

TEST_CASE("A queue gives out what was put in, in that order", "[queue]") {
  stream_infer::test::for_random_cases(100, [](stream_infer::test::Random& random) {
    Queue<std::unique_ptr<std::int64_t>> queue;
    std::deque<std::int64_t> model;
    for (int step = 0; step < 300; ++step) {
      if (random.chance(55)) {
        model.push_back(random.between(0, 1000));
        queue.push_back(std::make_unique<std::int64_t>(model.back()));
      } else if (!model.empty()) {
        CHECK(*queue.pop_front() == model.front());
        model.pop_front();
      }
      REQUIRE(queue.size() == model.size());
      CHECK(queue.empty() == model.empty());
      if (model.empty()) continue;
      CHECK(*queue.front() == model.front());
      CHECK(*queue.back() == model.back());
      const auto i = static_cast<std::size_t>(random.between(0, static_cast<std::int64_t>(model.size()) - 1));
      CHECK(*queue[i] == model[i]);
    }
  });
}

TEST_CASE("A queue that does not get longer allocates nothing", "[queue]") {
  Queue<int> queue;
  for (int i = 0; i < 40; ++i) queue.push_back(i);
  const std::uint64_t before = stream_infer::test::allocations();
  for (int i = 40; i < 10'000; ++i) {
    queue.push_back(i);
    static_cast<void>(queue.pop_front());
  }
  CHECK(stream_infer::test::allocations() == before);
}
