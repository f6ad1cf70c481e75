#include "stream_infer/core/rational.hpp"

#include "support/catch.hpp"
#include "support/random.hpp"

#include <cmath>
#include <cstdint>
#include <limits>
#include <sstream>
#include <type_traits>

namespace si = stream_infer;
using si::Rational;

// In lowest terms, with a positive denominator.
static_assert(Rational{}.num() == 0 && Rational{}.den() == 1);
static_assert(Rational{60, 2} == Rational{30} && Rational{60, 2}.den() == 1);
static_assert(Rational{30'000, 1001}.num() == 30'000 && Rational{30'000, 1001}.den() == 1001);
static_assert(Rational{1, -2}.num() == -1 && Rational{1, -2}.den() == 2);
static_assert(Rational{-4, -6} == Rational{2, 3});
static_assert(Rational{0, -7} == Rational{} && Rational{0, -7}.den() == 1);

// Whole numbers of any type, and doubles, convert as they stand.
static_assert(std::is_convertible_v<int, Rational> && std::is_convertible_v<double, Rational>);
static_assert(Rational{30} == 30 && Rational{std::uint8_t{25}} == 25 && Rational{-1} == -1);
static_assert(Rational{25.0} == 25 && Rational{12.5} == Rational{25, 2} && Rational{0.1} == Rational{1, 10});
static_assert(Rational{-12.5} == Rational{-25, 2} && Rational{0.0} == 0);
static_assert(Rational{1.0 / 3} == Rational{1, 3} && Rational{12.5F} == Rational{25, 2});

// The short forms of the NTSC rates.
static_assert(Rational{29.97} == Rational{30'000, 1001} && Rational{29.97F} == Rational{30'000, 1001});
static_assert(Rational{23.976} == Rational{24'000, 1001} && Rational{23.98} == Rational{24'000, 1001});
static_assert(Rational{59.94} == Rational{60'000, 1001} && Rational{119.88} == Rational{120'000, 1001});
static_assert(Rational{47.952} == Rational{48'000, 1001} && Rational{239.76} == Rational{240'000, 1001});
static_assert(Rational{30'000.0 / 1001} == Rational{30'000, 1001});
// and what only lies near them
static_assert(Rational{29.9} == Rational{299, 10} && Rational{30.0} == 30 && Rational{23.9} == Rational{239, 10});
static_assert(Rational{59.9} == Rational{599, 10} && Rational{24.0} == 24);

static_assert(Rational{30'000, 1001} < 30 && Rational{30} > Rational{30'000, 1001} && Rational{1, 3} <= Rational{2, 6});
static_assert(Rational{1}.is_positive() && !Rational{}.is_positive() && !Rational{-1, 5}.is_positive());

static_assert(si::detail::floor_div(7, 2) == 3 && si::detail::floor_div(-7, 2) == -4);
static_assert(si::detail::floor_div(-8, 2) == -4 && si::detail::floor_div(0, 5) == 0);

TEST_CASE("A Rational is what a double stands for", "[rational]") {
  CHECK(std::abs(Rational{30'000, 1001}.to_double() - 29.97002997) < 1e-8);
  stream_infer::test::for_random_cases(2000, [](stream_infer::test::Random& random) {
    const Rational exact{random.between(1, 100'000), random.between(1, 1000)};
    const Rational back{exact.to_double()};
    if (back != exact) {  // only a neighbour of an NTSC rate may become that rate
      CHECK(back.den() == 1001);
      CHECK(std::abs(back.to_double() - exact.to_double()) < 1e-3);
    }
  });
  CHECK(Rational{0.001} == Rational{1, 1000});
  CHECK(Rational{123456.789} == Rational{123'456'789, 1000});
}

TEST_CASE("A double too small for any rate is 0, not nonsense", "[rational]") {
  const double tiny = GENERATE(1e-10, 1e-12, 1e-15, 1e-19, 1e-20, 1e-100, 5e-324);
  CHECK(Rational{tiny} == 0);
  CHECK(Rational{-tiny} == 0);
}

TEST_CASE("A double that is no number of frames throws", "[rational]") {
  const double bad = GENERATE(std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity(),
                              -std::numeric_limits<double>::infinity(), 1e9, -1e9, 1e300);
  CHECK_THROWS_AS(Rational{bad}, si::Error);
}

TEST_CASE("A denominator of 0 throws", "[rational]") {
  try {
    static_cast<void>(Rational{1, 0});
    FAIL("it did not throw");
  } catch (const si::Error& error) {
    CHECK(error.code() == si::Errc::invalid_argument);
    CHECK(error.step() == "rational");
    CHECK(error.reason() == "a denominator of 0");
  }
}

TEST_CASE("Rationals are compared exactly, also where doubles cannot tell them apart", "[rational]") {
  constexpr std::int64_t big = 4'000'000'000'000'000'000;
  CHECK(Rational{big, big - 1} > 1);
  CHECK(Rational{big, big - 1} < Rational{big - 1, big - 2});
  CHECK(Rational{-big, big - 1} < -1);
}

TEST_CASE("A Rational is printed as a whole number or a fraction", "[rational]") {
  std::ostringstream out;
  out << Rational{30} << ' ' << Rational{30'000, 1001} << ' ' << Rational{-25, 2};
  CHECK(out.str() == "30 30000/1001 -25/2");
  CHECK(to_string(Rational{30'000, 1001}) == "30000/1001");
}
