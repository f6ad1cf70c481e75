#pragma once

#include "stream_infer/core/frame_pool.hpp"
#include "stream_infer/opencv/mat.hpp"

#include <cstddef>
#include <cstdint>
#include <random>

#include <opencv2/imgproc.hpp>

namespace stream_infer::test {

/// A frame with soft spots of light on noise.
[[nodiscard]] inline Frame picture(FramePool<>& pool, const ImageSpec& spec, std::uint64_t seed) {
  return pool.make(spec, MediaTime{0}, [&](ImageSpan out) {
    std::mt19937_64 random{seed};
    for (int y = 0; y < out.height; ++y)
      for (std::size_t i = 0; i < out.row(y).size(); ++i) {
        const int x = static_cast<int>(i) / channels(spec.format);
        const int wave = (x * x / 40 + y * y / 60 + static_cast<int>(seed) * 13) % 256;
        out.row(y)[i] = static_cast<std::uint8_t>((wave * 3 + static_cast<int>(random() % 64)) / 4);
      }
  });
}

/// A frame with a standing figure, dark before a light wall.
[[nodiscard]] inline Frame person(FramePool<>& pool, const ImageSpec& spec, int x = 0) {
  return pool.make(spec, MediaTime{0}, [&](ImageSpan out) {
    cv::Mat mat = as_mat(out);
    mat.setTo(cv::Scalar::all(200));
    const int middle = out.width / 2 + x, unit = out.height / 20;
    const auto limb = [&](int x1, int y1, int x2, int y2, int thickness) {
      cv::line(mat, {middle + x1 * unit, y1 * unit}, {middle + x2 * unit, y2 * unit}, cv::Scalar::all(50),
               thickness * unit / 2);
    };
    cv::circle(mat, {middle, 4 * unit}, unit * 5 / 4, cv::Scalar::all(50), cv::FILLED);
    limb(0, 6, 0, 10, 5);
    limb(-1, 6, -2, 11, 2);
    limb(1, 6, 2, 11, 2);
    limb(0, 10, -1, 17, 3);
    limb(0, 10, 1, 17, 3);
  });
}

/// A grey frame with a simple face.
[[nodiscard]] inline Frame face(FramePool<>& pool, const ImageSpec& spec) {
  return pool.make(spec, MediaTime{0}, [&](ImageSpan out) {
    cv::Mat mat = as_mat(out);
    mat.setTo(cv::Scalar::all(90));
    const cv::Point middle{out.width / 2, out.height / 2};
    const int unit = out.height / 12;
    cv::ellipse(mat, middle, {3 * unit, 4 * unit}, 0, 0, 360, cv::Scalar::all(210), cv::FILLED);
    cv::ellipse(mat, middle - cv::Point{0, 3 * unit}, {3 * unit, 2 * unit}, 0, 180, 360, cv::Scalar::all(40),
                cv::FILLED);
    for (const int side : {-1, 1}) {
      const cv::Point eye = middle + cv::Point{side * unit * 5 / 4, -unit};
      cv::ellipse(mat, eye, {unit * 3 / 4, unit / 2}, 0, 0, 360, cv::Scalar::all(60), cv::FILLED);
      cv::ellipse(mat, eye - cv::Point{0, unit * 3 / 4}, {unit, unit / 5}, 0, 0, 360, cv::Scalar::all(50), cv::FILLED);
    }
    cv::ellipse(mat, middle + cv::Point{0, unit * 3 / 4}, {unit / 2, unit / 4}, 0, 0, 360, cv::Scalar::all(150),
                cv::FILLED);
    cv::ellipse(mat, middle + cv::Point{0, 2 * unit}, {unit * 5 / 4, unit / 3}, 0, 0, 360, cv::Scalar::all(80),
                cv::FILLED);
    cv::GaussianBlur(mat, mat, {0, 0}, unit / 5. + 0.1);
  });
}

}  // namespace stream_infer::test
