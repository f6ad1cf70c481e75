#include "stream_infer/core/handle.hpp"

#include "support/catch.hpp"

#include <cstddef>
#include <type_traits>
#include <utility>

using stream_infer::detail::Array;
using stream_infer::detail::Handle;

namespace {

struct Counted {
  explicit Counted(int& counter) : alive{counter} { ++alive; }
  ~Counted() { --alive; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  int& alive;
};

int ended = 0;
void end(int*) noexcept { ++ended; }

}  // namespace

static_assert(sizeof(Handle<Counted>) == sizeof(void*));
static_assert(!std::is_copy_constructible_v<Handle<Counted>> && !std::is_copy_assignable_v<Handle<Counted>>);
static_assert(std::is_nothrow_move_constructible_v<Handle<Counted>>);
static_assert(!std::is_convertible_v<Counted*, Handle<Counted>>);  // to own is said aloud

TEST_CASE("A handle ends what it owns, once", "[handle]") {
  int alive = 0;
  {
    Handle<Counted> first{new Counted{alive}};
    Handle<Counted> second{std::move(first)};
    CHECK(alive == 1);
    CHECK(first == nullptr);  // NOLINT(bugprone-use-after-move): what moving leaves behind is promised
    CHECK(second != nullptr);
    CHECK(&second->alive == &alive);
    first.reset(new Counted{alive});
    CHECK(alive == 2);
    second = std::move(first);
    CHECK(alive == 1);
    second.reset(nullptr);
    CHECK(alive == 0);
    second.reset(new Counted{alive});
  }
  CHECK(alive == 0);
}

TEST_CASE("A handle that is moved to itself keeps what it owns", "[handle]") {
  int alive = 0;
  Handle<Counted> handle{new Counted{alive}};
  Handle<Counted>& same = handle;
  handle = std::move(same);
  CHECK(alive == 1);
  CHECK(handle);
}

TEST_CASE("What is released is the caller's", "[handle]") {
  int alive = 0;
  Counted* object = nullptr;
  {
    Handle<Counted> handle{new Counted{alive}};
    object = handle.release();
    CHECK_FALSE(handle);
  }
  CHECK(alive == 1);
  delete object;
}

TEST_CASE("A handle may end its object otherwise than by delete", "[handle]") {
  int object = 0;
  ended = 0;
  {
    const Handle<int, end> none = nullptr;
    const Handle<int, end> handle{&object};
    CHECK(handle.get() == &object);
  }
  CHECK(ended == 1);
}

TEST_CASE("The objects of an array begin as zero and end with it", "[handle]") {
  struct Ended {
    ~Ended() { ++ended; }
  };
  ended = 0;
  {
    const Array<int> numbers{5};
    for (std::size_t i = 0; i < 5; ++i) CHECK(numbers[i] == 0);
    numbers[4] = 7;
    CHECK(numbers[4] == 7);
    const Array<Ended> objects{3};
  }
  CHECK(ended == 3);
}
