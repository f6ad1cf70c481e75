#pragma once

#include <stream_infer/core/image.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

/// What the detectors measure of a gray picture. All of it goes by a grid of cells, so that a logo, a clock or black bars
/// spoil a few cells and not the whole measure.
namespace camera_health {

inline constexpr int grid_columns = 16;
inline constexpr int grid_rows = 9;
inline constexpr std::size_t cell_count = std::size_t{grid_columns} * grid_rows;

/// One value for each cell, row by row.
using Grid = std::array<float, cell_count>;

/// The pixels of a cell: [left, right) x [top, bottom).
struct Cell {
  int left, right, top, bottom;
  [[nodiscard]] int pixels() const { return (right - left) * (bottom - top); }
};

[[nodiscard]] inline Cell cell_of(std::size_t number, int width, int height) {
  const int column = static_cast<int>(number) % grid_columns;
  const int row = static_cast<int>(number) / grid_columns;
  return {column * width / grid_columns, (column + 1) * width / grid_columns, row * height / grid_rows,
          (row + 1) * height / grid_rows};
}

/// The share of pixels that are at most `luma` bright, 0 to 1.
[[nodiscard]] inline double dark_share(const stream_infer::ImageView& image, int luma) {
  std::int64_t dark = 0;
  for (int y = 0; y < image.height; ++y)
    dark += std::ranges::count_if(image.row(y), [luma](std::uint8_t pixel) { return pixel <= luma; });
  return static_cast<double>(dark) / (static_cast<double>(image.width) * image.height);
}

/// The mean brightness of each cell, 0 to 255.
[[nodiscard]] inline Grid cell_means(const stream_infer::ImageView& image) {
  Grid means{};
  for (std::size_t i = 0; i < cell_count; ++i) {
    const Cell cell = cell_of(i, image.width, image.height);
    std::int64_t sum = 0;
    for (int y = cell.top; y < cell.bottom; ++y)
      for (int x = cell.left; x < cell.right; ++x) sum += image.row(y)[static_cast<std::size_t>(x)];
    means[i] = static_cast<float>(sum) / static_cast<float>(std::max(1, cell.pixels()));
  }
  return means;
}

/// The mean absolute difference of two pictures of one size in each cell, 0 to 255.
[[nodiscard]] inline Grid cell_differences(const stream_infer::ImageView& a, const stream_infer::ImageView& b) {
  Grid differences{};
  for (std::size_t i = 0; i < cell_count; ++i) {
    const Cell cell = cell_of(i, a.width, a.height);
    std::int64_t sum = 0;
    for (int y = cell.top; y < cell.bottom; ++y) {
      const auto row_a = a.row(y);
      const auto row_b = b.row(y);
      for (auto x = static_cast<std::size_t>(cell.left); x < static_cast<std::size_t>(cell.right); ++x)
        sum += std::abs(row_a[x] - row_b[x]);
    }
    differences[i] = static_cast<float>(sum) / static_cast<float>(std::max(1, cell.pixels()));
  }
  return differences;
}

/// How alike two pictures' cells are in structure, whatever their brightness and contrast: their correlation, -1 to 1.
[[nodiscard]] inline double correlation(std::span<const float> a, std::span<const float> b) {
  const auto count = static_cast<double>(a.size());
  double mean_a = 0, mean_b = 0;
  for (std::size_t i = 0; i < a.size(); ++i) mean_a += a[i] / count, mean_b += b[i] / count;
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double da = a[i] - mean_a, db = b[i] - mean_b;
    ab += da * db, aa += da * da, bb += db * db;
  }
  return aa > 0 && bb > 0 ? ab / std::sqrt(aa * bb) : 0;
}

/// The variance of the Laplacian in each cell: how much fine detail there is. The picture is smoothed first (3 x 3
/// binomial), so that sensor noise does not look like detail.
///
/// Pech-Pacheco, Cristóbal, Chamorro-Martínez, Fernández-Valdivia: Diatom autofocusing in brightfield microscopy: a
/// comparative study. ICPR 2000.
[[nodiscard]] inline Grid cell_sharpness(const stream_infer::ImageView& image) {
  const int width = image.width;
  const int height = image.height;
  Grid sharpness{};
  if (width < 5 || height < 5) return sharpness;

  // Smoothed values are 16 times the pixels'; the outermost pixels have none.
  std::vector<int> smooth(static_cast<std::size_t>(width) * static_cast<std::size_t>(height));
  const auto at = [width](int x, int y) {
    return static_cast<std::size_t>(y) * static_cast<std::size_t>(width) + static_cast<std::size_t>(x);
  };
  for (int y = 1; y + 1 < height; ++y) {
    const std::uint8_t* up = image.row(y - 1).data();
    const std::uint8_t* here = image.row(y).data();
    const std::uint8_t* down = image.row(y + 1).data();
    for (int x = 1; x + 1 < width; ++x)
      smooth[at(x, y)] = up[x - 1] + 2 * up[x] + up[x + 1] + 2 * (here[x - 1] + 2 * here[x] + here[x + 1]) +
                         down[x - 1] + 2 * down[x] + down[x + 1];
  }
  for (std::size_t i = 0; i < cell_count; ++i) {
    const Cell cell = cell_of(i, width, height);
    std::int64_t sum = 0, squares = 0, count = 0;
    for (int y = std::max(2, cell.top); y < std::min(height - 2, cell.bottom); ++y)
      for (int x = std::max(2, cell.left); x < std::min(width - 2, cell.right); ++x) {
        const std::int64_t laplacian = smooth[at(x - 1, y)] + smooth[at(x + 1, y)] + smooth[at(x, y - 1)] +
                                       smooth[at(x, y + 1)] - 4 * smooth[at(x, y)];
        sum += laplacian, squares += laplacian * laplacian, ++count;
      }
    if (count == 0) continue;
    const double mean = static_cast<double>(sum) / static_cast<double>(count);
    sharpness[i] = static_cast<float>((static_cast<double>(squares) / static_cast<double>(count) - mean * mean) / 256);
  }
  return sharpness;
}

/// The shares of 32 ranges of brightness; their sum is 1. A pixel counts for its two nearest ranges in proportion, so
/// that a slow fade does not make a whole range jump to the next.
using Histogram = std::array<float, 32>;

[[nodiscard]] inline Histogram histogram(const stream_infer::ImageView& image) {
  std::array<std::int32_t, 256> counts{};
  for (int y = 0; y < image.height; ++y)
    for (const std::uint8_t pixel : image.row(y)) ++counts[pixel];
  Histogram shares{};
  const auto total = static_cast<float>(image.width) * static_cast<float>(image.height);
  for (std::size_t value = 0; value < counts.size(); ++value) {
    const float place = std::clamp((static_cast<float>(value) + 0.5F) / 8 - 0.5F, 0.F, 31.F);
    const auto low = std::min<std::size_t>(static_cast<std::size_t>(place), 30);
    const float upper = place - static_cast<float>(low);
    const float share = static_cast<float>(counts[value]) / total;
    shares[low] += share * (1 - upper);
    shares[low + 1] += share * upper;
  }
  return shares;
}

/// How different two histograms are: 0 (equal) to 1 (nothing in common).
[[nodiscard]] inline double distance(const Histogram& a, const Histogram& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += std::abs(a[i] - b[i]);
  return sum / 2;
}

}  // namespace camera_health
