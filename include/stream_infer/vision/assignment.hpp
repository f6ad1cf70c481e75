#pragma once

#include <cstddef>
#include <limits>
#include <vector>

namespace stream_infer::detail {

/// Costs of giving each row one column.
struct CostMatrix {
  CostMatrix(std::size_t row_count, std::size_t column_count)
      : rows{row_count}, columns{column_count}, costs(row_count * column_count) {}
  [[nodiscard]] double& at(std::size_t row, std::size_t column) { return costs[row * columns + column]; }
  [[nodiscard]] double at(std::size_t row, std::size_t column) const { return costs[row * columns + column]; }

  std::size_t rows, columns;
  std::vector<double> costs;
};

/// Gives each row a column, or each column a row where those are fewer, so that the sum of their costs is the least: the
/// Hungarian method (H. W. Kuhn, 1955) by shortest augmenting paths (R. Jonker, A. Volgenant, 1987), in
/// O(rows * rows * columns). Returns the column of each row; `columns` for none.
[[nodiscard]] inline std::vector<std::size_t> assign(const CostMatrix& matrix) {
  if (matrix.rows > matrix.columns) {
    CostMatrix turned{matrix.columns, matrix.rows};
    for (std::size_t i = 0; i < turned.rows; ++i)
      for (std::size_t j = 0; j < turned.columns; ++j) turned.at(i, j) = matrix.at(j, i);
    std::vector<std::size_t> columns_of_rows(matrix.rows, matrix.columns);
    const std::vector<std::size_t> rows = assign(turned);
    for (std::size_t column = 0; column < matrix.columns; ++column) columns_of_rows[rows[column]] = column;
    return columns_of_rows;
  }
  // Rows and columns are counted from 1 here; row 0 and column 0 are where paths begin.
  const std::size_t rows = matrix.rows, columns = matrix.columns;
  constexpr double infinite = std::numeric_limits<double>::infinity();
  std::vector<double> row_price(rows + 1), column_price(columns + 1);
  std::vector<std::size_t> row_of(columns + 1), before(columns + 1);
  for (std::size_t row = 1; row <= rows; ++row) {
    std::vector<double> shortest(columns + 1, infinite);
    std::vector<char> seen(columns + 1);
    std::size_t column = 0;
    row_of[0] = row;
    while (row_of[column] != 0) {
      seen[column] = 1;
      const std::size_t from = row_of[column];
      double least = infinite;
      std::size_t next = 0;
      for (std::size_t to = 1; to <= columns; ++to) {
        if (seen[to] != 0) continue;
        const double cost = matrix.at(from - 1, to - 1) - row_price[from] - column_price[to];
        if (cost < shortest[to]) {
          shortest[to] = cost;
          before[to] = column;
        }
        if (shortest[to] < least) {
          least = shortest[to];
          next = to;
        }
      }
      for (std::size_t to = 0; to <= columns; ++to) {
        if (seen[to] != 0) {
          row_price[row_of[to]] += least;
          column_price[to] -= least;
        } else {
          shortest[to] -= least;
        }
      }
      column = next;
    }
    for (; column != 0; column = before[column]) row_of[column] = row_of[before[column]];
  }
  std::vector<std::size_t> columns_of_rows(rows, columns);
  for (std::size_t column = 1; column <= columns; ++column)
    if (row_of[column] != 0) columns_of_rows[row_of[column] - 1] = column - 1;
  return columns_of_rows;
}

}  // namespace stream_infer::detail
