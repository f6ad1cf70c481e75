#include "stream_infer/core/recycler.hpp"

#include "support/catch.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <optional>
#include <set>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using stream_infer::detail::Handle;
using stream_infer::detail::Recycler;

namespace {

struct Counted {
  explicit Counted(std::atomic<int>& counter) : alive{counter} { ++alive; }
  ~Counted() { --alive; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  std::atomic<int>& alive;
  int uses = 0;  // guarded by whoever has taken the object
  std::atomic<bool> taken{false};
};

}  // namespace

TEST_CASE("An empty recycler gives nothing", "[recycler]") {
  Recycler<int> recycler;
  CHECK(recycler.take() == nullptr);
}

TEST_CASE("What is put can be taken once, as it was", "[recycler]") {
  Recycler<int> recycler;
  std::set<int*> put;
  for (int i = 0; i < 5; ++i) {
    Handle<int> object{new int{i}};
    put.insert(object.get());
    recycler.put(std::move(object));
  }
  std::set<int*> taken;
  std::set<int> values;
  std::vector<Handle<int>> kept;
  while (Handle<int> object = recycler.take()) {
    taken.insert(object.get());
    values.insert(*object);
    kept.push_back(std::move(object));
  }
  CHECK(kept.size() == 5);
  CHECK(taken == put);
  CHECK(values == std::set<int>{0, 1, 2, 3, 4});
  recycler.put(std::move(kept.front()));
  CHECK(recycler.take() != nullptr);
}

TEST_CASE("What there is no room for is destroyed, and in the end everything", "[recycler]") {
  std::atomic<int> alive{0};
  std::optional<Recycler<Counted, 3>> recycler{std::in_place};
  for (int i = 0; i < 5; ++i) recycler->put(Handle<Counted>{new Counted{alive}});
  CHECK(alive == 3);
  recycler.reset();
  CHECK(alive == 0);
}

TEST_CASE("Stress: an object is with one thread at a time, and none is lost", "[recycler][stress]") {
  std::atomic<int> alive{0};
  std::atomic<int> shared{0};
  std::atomic<long> made{0}, uses{0}, used{0};
  {
    Recycler<Counted, 8> recycler;
    std::atomic<bool> done{false};
    {
      std::vector<std::jthread> threads;
      for (int t = 0; t < 4; ++t)
        threads.emplace_back([&] {
          std::vector<Handle<Counted>> mine;
          while (!done.load(std::memory_order_relaxed)) {
            for (int i = 0; i < 3; ++i) {
              Handle<Counted> object = recycler.take();
              if (!object) {
                object.reset(new Counted{alive});
                made.fetch_add(1, std::memory_order_relaxed);
              }
              if (object->taken.exchange(true, std::memory_order_relaxed))
                shared.fetch_add(1, std::memory_order_relaxed);
              ++object->uses;
              uses.fetch_add(1, std::memory_order_relaxed);
              mine.push_back(std::move(object));
            }
            for (Handle<Counted>& object : mine) {
              object->taken.store(false, std::memory_order_relaxed);
              recycler.put(std::move(object));
            }
            mine.clear();
          }
        });
      std::this_thread::sleep_for(1s);
      done = true;
    }
    CHECK(alive > 0);
    CHECK(alive <= 8);
    const int kept = alive;
    for (int i = 0; i < kept; ++i) {
      const Handle<Counted> object = recycler.take();
      REQUIRE(object != nullptr);
      used += object->uses;
    }
    CHECK(recycler.take() == nullptr);
  }
  CHECK(shared == 0);
  CHECK(alive == 0);
  CHECK(made < uses);  // most were reused
  CHECK(used <= uses);
}
