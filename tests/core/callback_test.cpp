#include "stream_infer/core/callback.hpp"

#include "support/catch.hpp"

#include <memory>
#include <string>
#include <type_traits>
#include <utility>

namespace si = stream_infer;

TEST_CASE("A callback calls what it holds", "[callback]") {
  int sum = 0;
  const si::Callback<void(int)> add = [&sum](int n) { sum += n; };
  REQUIRE(add);
  add(3);
  add(4);
  CHECK(sum == 7);
}

TEST_CASE("A callback may hold nothing", "[callback]") {
  const si::Callback<void()> empty;
  const si::Callback<void()> null = nullptr;
  CHECK_FALSE(empty);
  CHECK_FALSE(null);
}

TEST_CASE("A callback holds what cannot be copied, and its copies call the same object", "[callback]") {
  si::Callback<int()> next = [count = std::make_unique<int>(0)] { return ++*count; };
  const si::Callback<int()> copy = next;
  CHECK(next() == 1);
  CHECK(copy() == 2);
  const si::Callback<int()> moved = std::move(next);
  CHECK(moved() == 3);
}

TEST_CASE("A callback lets go of what it holds", "[callback]") {
  const auto held = std::make_shared<int>(0);
  si::Callback<void()> callback = [held] {};
  CHECK(held.use_count() == 2);
  callback = nullptr;
  CHECK(held.use_count() == 1);
}

TEST_CASE("Arguments are handed on as they are, and results are converted", "[callback]") {
  const si::Callback<std::size_t(std::unique_ptr<std::string>)> length = [](std::unique_ptr<std::string> text) {
    return static_cast<unsigned char>(text->size());
  };
  CHECK(length(std::make_unique<std::string>("four")) == 4);
  const si::Callback<void()> ignores_the_result = [] { return 1; };
  ignores_the_result();
}

static_assert(std::is_constructible_v<si::Callback<void(int)>, void (*)(int)>);
static_assert(!std::is_constructible_v<si::Callback<void(int)>, void (*)(std::string)>);
static_assert(!std::is_constructible_v<si::Callback<std::string()>, int (*)()>);
