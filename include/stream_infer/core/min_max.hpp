#pragma once

namespace stream_infer::detail {

// std::min and its kin, without <algorithm>: reading that would cost every user's file more than most of this library.

template <class T>
[[nodiscard]] constexpr T min(T a, T b) {
  return b < a ? b : a;
}

template <class T>
[[nodiscard]] constexpr T max(T a, T b) {
  return a < b ? b : a;
}

template <class T>
[[nodiscard]] constexpr T clamp(T value, T low, T high) {
  return detail::min(detail::max(value, low), high);
}

}  // namespace stream_infer::detail
