#pragma once

#include "stream_infer/core/min_max.hpp"
#include "stream_infer/vision/box.hpp"

#include <initializer_list>

namespace stream_infer::detail {

/// A Kalman filter (R. E. Kalman, 1960) of a number that changes at a constant rate, as far as one knows.
class RateFilter {
 public:
  RateFilter(double value, double value_deviation, double rate_deviation)
      : value_{value},
        value_variance_{value_deviation * value_deviation},
        rate_variance_{rate_deviation * rate_deviation} {}

  /// \param steps  how much time has passed; the deviations are those of one step
  void predict(double steps, double value_deviation, double rate_deviation) {
    value_ += rate_ * steps;
    value_variance_ += steps * (2 * covariance_ + steps * rate_variance_) + steps * value_deviation * value_deviation;
    covariance_ += steps * rate_variance_;
    rate_variance_ += steps * rate_deviation * rate_deviation;
  }

  void correct(double measured, double deviation) {
    const double sum = value_variance_ + deviation * deviation;
    const double gain = value_variance_ / sum, rate_gain = covariance_ / sum, error = measured - value_;
    value_ += gain * error;
    rate_ += rate_gain * error;
    rate_variance_ -= rate_gain * covariance_;
    covariance_ *= 1 - gain;
    value_variance_ *= 1 - gain;
  }

  /// It does not change, for now.
  void hold() { rate_ = 0; }

  [[nodiscard]] double value() const { return value_; }

 private:
  double value_, rate_ = 0;
  double value_variance_, covariance_ = 0, rate_variance_;
};

/// Where a box is, and where it goes: its centre and its size, each filtered by itself. What is not known is in proportion
/// to the size, as in DeepSORT (N. Wojke, A. Bewley, D. Paulus, 2017). A step is 1/30 s.
class BoxFilter {
 public:
  explicit BoxFilter(const Box& box)
      : x_{box.x + box.width / 2., 2 * value_weight * box.width, 10 * rate_weight * box.width},
        y_{box.y + box.height / 2., 2 * value_weight * box.height, 10 * rate_weight * box.height},
        width_{box.width, 2 * value_weight * box.width, 10 * rate_weight * box.width},
        height_{box.height, 2 * value_weight * box.height, 10 * rate_weight * box.height} {}

  void predict(double steps) {
    const double width = detail::max(1., width_.value()), height = detail::max(1., height_.value());
    for (RateFilter* filter : {&x_, &width_}) filter->predict(steps, value_weight * width, rate_weight * width);
    for (RateFilter* filter : {&y_, &height_}) filter->predict(steps, value_weight * height, rate_weight * height);
  }

  /// Its size stays: of what is not found, nobody knows how it goes on.
  void hold_size() {
    width_.hold();
    height_.hold();
  }

  void correct(const Box& box) {
    x_.correct(box.x + box.width / 2., value_weight * box.width);
    y_.correct(box.y + box.height / 2., value_weight * box.height);
    width_.correct(box.width, value_weight * box.width);
    height_.correct(box.height, value_weight * box.height);
  }

  [[nodiscard]] Box box() const {
    const double width = detail::max(0., width_.value()), height = detail::max(0., height_.value());
    return {static_cast<float>(x_.value() - width / 2), static_cast<float>(y_.value() - height / 2),
            static_cast<float>(width), static_cast<float>(height)};
  }

 private:
  static constexpr double value_weight = 1. / 20, rate_weight = 1. / 160;

  RateFilter x_, y_, width_, height_;
};

}  // namespace stream_infer::detail
