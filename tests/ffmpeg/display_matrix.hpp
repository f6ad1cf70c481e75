#pragma once

#include "support/catch.hpp"
#include "support/files.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

/// Display matrices, as containers carry them.
namespace stream_infer::test {

using Matrix = std::array<std::int32_t, 9>;

inline constexpr std::int32_t matrix_one = 1 << 16;

/// The matrix that sends (p, q) to (a·p + c·q, b·p + d·q).
[[nodiscard]] constexpr Matrix matrix(std::int32_t a, std::int32_t b, std::int32_t c, std::int32_t d) {
  return {a, b, 0, c, d, 0, 0, 0, 1 << 30};
}

/// Every turn and mirror image; the first four keep rows rows.
inline constexpr std::array<Matrix, 8> all_orientations{
    matrix(matrix_one, 0, 0, matrix_one),  matrix(-matrix_one, 0, 0, matrix_one),
    matrix(matrix_one, 0, 0, -matrix_one), matrix(-matrix_one, 0, 0, -matrix_one),
    matrix(0, matrix_one, matrix_one, 0),  matrix(0, -matrix_one, matrix_one, 0),
    matrix(0, matrix_one, -matrix_one, 0), matrix(0, -matrix_one, -matrix_one, 0)};

/// Puts a display matrix into the header of an MP4's or MOV's only track.
inline void set_matrix(Bytes& file, const Matrix& to) {
  constexpr std::string_view name = "tkhd";
  const auto found = std::search(file.begin(), file.end(), name.begin(), name.end());
  REQUIRE(found != file.end());
  auto out = found + 4 + 40;  // version 0: the matrix is 40 bytes behind the name
  for (const std::int32_t number : to)
    for (const int shift : {24, 16, 8, 0})
      *out++ = static_cast<std::uint8_t>(static_cast<std::uint32_t>(number) >> shift);
}

}  // namespace stream_infer::test
