#pragma once

#include "camera_health/black.hpp"
#include "camera_health/condition.hpp"
#include "camera_health/picture.hpp"

#include <stream_infer/core/frame.hpp>

#include <algorithm>
#include <bitset>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <deque>
#include <numeric>
#include <span>
#include <vector>

namespace camera_health {

struct BlurOptions {
  double detail = 0.35;  ///< blurred below this share of the usual detail; sharp again above one and a half times it
  Seconds at_least{1.0};
  Seconds history{60.0};  ///< of which "usual" is the median
  BlackOptions black{};
};

/// A blurred picture: it shows less detail than this camera usually does. Detail is the variance of the Laplacian (see
/// cell_sharpness), which depends on the scene at least as much as on the focus. So each cell is compared with its own
/// running median. The picture is blurred when most cells that usually have detail have lost it, and there is none
/// elsewhere either: the best tenth of all cells has lost it too.
///
/// - Cells without texture are left out, and so are black bars with their sharp edges.
/// - Less than a tenth of the cells may stay sharp: a logo does.
/// - A fade takes detail away too: what is lost by lower contrast alone is given back.
/// - Noise adds to it: what even the flattest cells show is taken off.
/// - Blur leaves the coarse structure of the picture as it is. A picture with another structure is not judged, and one
///   that stays for three seconds becomes the usual one.
///
/// It wants a fixed camera and three seconds to learn from, and it never takes blur for usual, however long it lasts.
class BlurDetector {
 public:
  explicit BlurDetector(const BlurOptions& options = {}) : options_{options}, lasting_{options.at_least} {}

  /// The measure is the share of the usual detail; 1 while there is nothing to compare with.
  [[nodiscard]] Condition run(std::span<const stream_infer::Frame> frames) {
    const stream_infer::Frame& now = frames.back();
    if (now.time() < last_time_) *this = BlurDetector{options_};  // a new play
    last_time_ = now.time();
    const stream_infer::ImageView image = now.image();
    if (is_black(image, options_.black)) return lasting_.at(now.time(), Fault::blurred, blurred_ = false, 1);

    const Sample sample{now.time(), cell_sharpness(image), cell_means(image)};
    const Judgement judgement = judge(sample, inside_bars(image));
    const bool sharp = judgement.detail >= (blurred_ ? 1.5 : 1) * options_.detail;
    if (judgement.view == View::usual) {
      comparable_ = now.time();
      blurred_ = !sharp;
    } else if (judgement.view == View::other && now.time() - comparable_ < patience) {
      blurred_ = blurred_ && !sharp;
    } else {
      blurred_ = false;
      if (judgement.view == View::other) samples_.clear();  // another view, and it has come to stay
    }
    if (!blurred_) learn(sample);
    return lasting_.at(now.time(), Fault::blurred, blurred_, judgement.detail);
  }

 private:
  using Cells = std::bitset<cell_count>;

  struct Sample {
    MediaTime time{};
    Grid sharpness{};
    Grid means{};
  };

  static constexpr std::size_t fewest_samples = 3;
  static constexpr std::size_t fewest_cells = 8;  // with texture
  static constexpr float textured = 4;            // a cell's usual sharpness, from which on it tells something
  static constexpr double same_structure = 0.8;   // correlation with the usual brightness of the cells
  static constexpr std::chrono::seconds learning_step{1};
  static constexpr std::chrono::seconds patience{3};  // with a view that cannot be compared

  enum class View {
    usual,  ///< what was learned, sharp or not
    other,  ///< something else: it cannot be compared
    plain,  ///< too little is known, or there is too little detail in this view, to tell anything
  };
  struct Judgement {
    View view = View::usual;
    double detail = 1;  ///< the share of the usual detail; in another view, that of the tenth with most detail
  };

  /// \param inside  the cells between black bars
  [[nodiscard]] Judgement judge(const Sample& sample, const Cells& inside) const {
    if (samples_.size() < fewest_samples) return {View::plain};
    const Fit fit = fit_to_usual(sample.means, inside);
    const float contrast = std::min(fit.slope * fit.slope, 1.F);   // detail goes by its square
    const float noise = percentile(sample.sharpness, inside, 10);  // what even flat cells show
    const float usual_noise = percentile(usual_.sharpness, inside, 10);
    const auto usual_detail = [&](float usual) { return usual - std::min(usual_noise, usual / 2); };
    const auto share = [&](float now, float usual) {
      return std::max(0.F, now - std::min(noise, contrast * usual / 2)) / (contrast * usual_detail(usual));
    };

    std::vector<float> shares;
    for (std::size_t i = 0; i < cell_count; ++i)
      if (inside[i] && usual_detail(usual_.sharpness[i]) >= textured)
        shares.push_back(share(sample.sharpness[i], usual_.sharpness[i]));
    if (shares.size() < fewest_cells) return {View::plain};
    const auto middle = shares.begin() + static_cast<std::ptrdiff_t>(shares.size() / 2);
    std::ranges::nth_element(shares, middle);

    const float sharpest = share(percentile(sample.sharpness, inside, 90), percentile(usual_.sharpness, inside, 90));
    if (fit.correlation < same_structure) return {View::other, sharpest};
    return {View::usual, std::max(*middle, sharpest)};
  }

  /// How the cells' brightness follows from their usual one: the slope is 1, and less while the picture fades.
  struct Fit {
    float slope = 1;
    float offset = 0;
    double correlation = 0;
  };

  [[nodiscard]] Fit fit_to_usual(const Grid& means, const Cells& inside) const {
    std::vector<float> x, y;
    for (std::size_t i = 0; i < cell_count; ++i)
      if (inside[i]) x.push_back(usual_.means[i]), y.push_back(means[i]);
    if (x.size() < cell_count / 8) return {};
    const auto count = static_cast<float>(x.size());
    const float mean_x = std::accumulate(x.begin(), x.end(), 0.F) / count;
    const float mean_y = std::accumulate(y.begin(), y.end(), 0.F) / count;
    float xx = 0, xy = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      xx += (x[i] - mean_x) * (x[i] - mean_x);
      xy += (x[i] - mean_x) * (y[i] - mean_y);
    }
    if (xx <= 0) return {};
    return {xy / xx, mean_y - xy / xx * mean_x, correlation(x, y)};
  }

  /// The value that `percent` of the cells inside do not exceed; 0 if there are none.
  [[nodiscard]] static float percentile(const Grid& grid, const Cells& inside, std::size_t percent) {
    std::vector<float> values;
    for (std::size_t i = 0; i < cell_count; ++i)
      if (inside[i]) values.push_back(grid[i]);
    if (values.empty()) return 0;
    const auto place = values.begin() + static_cast<std::ptrdiff_t>((values.size() - 1) * percent / 100);
    std::ranges::nth_element(values, place);
    return *place;
  }

  /// The cells that lie wholly between black bars, if there are any.
  [[nodiscard]] Cells inside_bars(const stream_infer::ImageView& image) const {
    const int reach = 2;  // how far the Laplacian of a smoothed picture looks
    int top = 0, bottom = image.height, left = 0, right = image.width;
    const auto dark = [&](int x, int y) { return image.row(y)[static_cast<std::size_t>(x)] <= options_.black.luma; };
    const auto dark_row = [&](int y) {
      return std::ranges::all_of(image.row(y), [&](auto pixel) { return pixel <= options_.black.luma; });
    };
    while (top < bottom && dark_row(top)) ++top;
    while (bottom > top && dark_row(bottom - 1)) --bottom;
    const auto dark_column = [&](int x) {
      for (int y = top; y < bottom; ++y)
        if (!dark(x, y)) return false;
      return true;
    };
    while (left < right && dark_column(left)) ++left;
    while (right > left && dark_column(right - 1)) --right;

    Cells inside;
    for (std::size_t i = 0; i < cell_count; ++i) {
      const Cell cell = cell_of(i, image.width, image.height);
      inside[i] = (top == 0 || cell.top >= top + reach) && (bottom == image.height || cell.bottom <= bottom - reach) &&
                  (left == 0 || cell.left >= left + reach) && (right == image.width || cell.right <= right - reach);
    }
    return inside;
  }

  /// Takes a picture that is not blurred into the history, at most once a second.
  void learn(const Sample& sample) {
    if (!samples_.empty() && sample.time - samples_.back().time < learning_step) return;
    samples_.push_back(sample);
    while (samples_.back().time - samples_.front().time > options_.history) samples_.pop_front();

    std::vector<float> values(samples_.size());
    const auto median_of = [&](Grid Sample::*grid, std::size_t cell) {
      std::ranges::transform(samples_, values.begin(), [&](const Sample& one) { return (one.*grid)[cell]; });
      const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
      std::ranges::nth_element(values, middle);
      return *middle;
    };
    for (std::size_t i = 0; i < cell_count; ++i) {
      usual_.sharpness[i] = median_of(&Sample::sharpness, i);
      usual_.means[i] = median_of(&Sample::means, i);
    }
  }

  BlurOptions options_;
  Lasting lasting_;
  std::deque<Sample> samples_;
  Sample usual_;            // the medians of samples_
  MediaTime comparable_{};  // when the view was the usual one
  MediaTime last_time_{};
  bool blurred_ = false;
};

}  // namespace camera_health
