#include "stream_infer/exporter/record.hpp"

#include "stream_infer/exporter/exporter.hpp"
#include "support/catch.hpp"

#include <memory>
#include <string>
#include <type_traits>

namespace si = stream_infer;
using namespace std::chrono_literals;

namespace {

struct CollectsInts {
  void collect(const si::Record<int>&) {}
};
struct CollectsAll {
  template <class T>
  void collect(const si::Record<T>&) {}
  void on_error(const si::RunError&) {}
  void send_all() {}
};
struct CollectsByValue {
  void collect(si::Record<int>) {}
};
struct TakesMutable {
  void collect(si::Record<int>&) {}
};
struct Hides {
 private:
  void collect(const si::Record<int>&) {}
};

}  // namespace

static_assert(si::Exporter<CollectsInts, int>);
static_assert(!si::Exporter<CollectsInts, double>);
static_assert(!si::Exporter<CollectsInts, int, double>);  // every result type counts
static_assert(si::Exporter<CollectsAll, int, double, std::string, std::unique_ptr<int>>);
static_assert(si::Exporter<CollectsByValue, int>);
static_assert(!si::Exporter<TakesMutable, int>);
static_assert(!si::Exporter<Hides, int>);
static_assert(!si::Exporter<int, int>);

static_assert(si::detail::CollectsErrors<CollectsAll> && !si::detail::CollectsErrors<CollectsInts>);
static_assert(si::detail::SendsAll<CollectsAll> && !si::detail::SendsAll<CollectsInts>);

// A record is as movable and copyable as its value.
static_assert(std::is_copy_constructible_v<si::Record<std::string>>);
static_assert(std::is_move_constructible_v<si::Record<std::unique_ptr<int>>>);
static_assert(!std::is_copy_constructible_v<si::Record<std::unique_ptr<int>>>);

TEST_CASE("A record is made of what it names", "[record]") {
  const si::Record<double> record{.time = 40ms, .frame_index = 1, .algo = si::Name{"head"}, .value = 0.5};
  CHECK(record.time == 40ms);
  CHECK(record.frame_index == 1);
  CHECK(record.algo == "head");
  CHECK(record.value == 0.5);
  CHECK(si::Record<int>{}.value == 0);
}
