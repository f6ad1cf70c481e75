#pragma once

#include "stream_infer/core/error.hpp"

#include <compare>
#include <concepts>
#include <cstdint>
#include <numeric>
#include <ostream>
#include <string>

namespace stream_infer {
namespace detail {

/// 128 bits for products of a nanosecond count and a rate, which leave 64 bits after a few days.
__extension__ using int128 = __int128;

/// The largest integer <= a / b, for b > 0.
[[nodiscard]] constexpr int128 floor_div(int128 a, int128 b) { return a / b - (a % b < 0 ? 1 : 0); }

}  // namespace detail

/// An exact fraction, always in lowest terms with a positive denominator: rates are `30`, `25.0`, `{30000, 1001}`.
///
/// A `double` becomes the simplest fraction that it stands for. The field's short forms of the NTSC rates (23.976,
/// 29.97, 59.94 …) mean n * 1000/1001, as everywhere.
class Rational {
 public:
  constexpr Rational() = default;  // 0

  constexpr Rational(std::integral auto value)
      : num_{static_cast<std::int64_t>(value)} {}  // NOLINT: implicit by intent

  constexpr Rational(std::floating_point auto value)
      : Rational{from_double(static_cast<double>(value), sizeof(value) < sizeof(double) ? 1e-7 : 1e-12)} {}  // NOLINT

  /// \throws Error if `den` is 0
  constexpr Rational(std::int64_t num, std::int64_t den) {
    if (den == 0) throw Error{Errc::invalid_argument, "rational", {}, "a denominator of 0"};
    const std::int64_t divisor = std::gcd(num, den);
    const std::int64_t sign = den < 0 ? -1 : 1;
    num_ = sign * num / divisor;
    den_ = sign * den / divisor;
  }

  [[nodiscard]] constexpr std::int64_t num() const { return num_; }
  [[nodiscard]] constexpr std::int64_t den() const { return den_; }
  [[nodiscard]] constexpr double to_double() const { return static_cast<double>(num_) / static_cast<double>(den_); }
  [[nodiscard]] constexpr bool is_positive() const { return num_ > 0; }

  friend constexpr bool operator==(const Rational&, const Rational&) = default;
  friend constexpr std::strong_ordering operator<=>(const Rational& a, const Rational& b) {
    return detail::int128{a.num_} * b.den_ <=> detail::int128{b.num_} * a.den_;
  }
  /// "30" or "30000/1001".
  friend std::string to_string(const Rational& r) {
    return r.den_ == 1 ? std::to_string(r.num_) : std::to_string(r.num_) + '/' + std::to_string(r.den_);
  }
  friend std::ostream& operator<<(std::ostream& out, const Rational& r) { return out << to_string(r); }

 private:
  static constexpr Rational from_double(double value, double precision) {
    if (!(value > -1e9 && value < 1e9))
      throw Error{Errc::invalid_argument, "rational", {}, "a rate must be a finite number below 1e9"};
    // n * 1000/1001 written with two or three decimals
    for (const std::int64_t n : {24, 30, 48, 60, 120, 240}) {
      const double exact = static_cast<double>(n) * 1000 / 1001;
      const double off = value > exact ? value - exact : exact - value;
      if (off < static_cast<double>(n) * 2e-6 || (n == 24 && value == 23.98)) return {n * 1000, 1001};
    }
    // Continued fraction, until the error is below what a double of this size can tell apart.
    const bool negative = value < 0;
    const double target = negative ? -value : value;
    std::int64_t p0 = 0, q0 = 1, p1 = 1, q1 = 0;
    double rest = target;
    for (int step = 0; step < 32; ++step) {
      if (rest > 2e9) break;  // the next denominator would be far beyond the largest, and maybe beyond an integer
      const auto whole = static_cast<std::int64_t>(rest);
      const std::int64_t p2 = whole * p1 + p0;
      const std::int64_t q2 = whole * q1 + q0;
      if (q2 > 1'000'000) break;
      p0 = p1, q0 = q1, p1 = p2, q1 = q2;
      const double error = target - static_cast<double>(p1) / static_cast<double>(q1);
      if ((error < 0 ? -error : error) <= target * precision) break;
      rest = 1 / (rest - static_cast<double>(whole));
    }
    return {negative ? -p1 : p1, q1};
  }

  std::int64_t num_ = 0;
  std::int64_t den_ = 1;
};

}  // namespace stream_infer
