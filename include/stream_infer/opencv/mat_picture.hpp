#pragma once

#include "stream_infer/core/error.hpp"
#include "stream_infer/core/frame_pool.hpp"
#include "stream_infer/core/image.hpp"
#include "stream_infer/opencv/mat.hpp"

#include <optional>
#include <string>
#include <utility>

#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

namespace stream_infer {

/// A matrix as the Picture of frames from a FramePool: scaled and converted when somebody looks at it.
class MatPicture {
 public:
  /// Takes a matrix of 8 bits a channel, in OpenCV's order: grey, BGR or BGRA. Nobody writes to it from here on.
  /// \throws Error  for another type
  void hold(cv::Mat picture) {
    if (picture.depth() != CV_8U || (picture.channels() != 1 && picture.channels() != 3 && picture.channels() != 4))
      throw Error{Errc::unsupported,
                  "convert",
                  {},
                  "expected pictures of CV_8UC1, CV_8UC3 or CV_8UC4, found " + cv::typeToString(picture.type())};
    mat_ = std::move(picture);
  }

  /// As Picture has it.
  void convert(ImageSpan out) {
    cv::Mat target = as_mat(out);
    const std::optional<int> conversion = conversion_to(out.format);
    cv::Mat sized = mat_;
    if (mat_.size() != target.size()) {
      const bool is_smaller = target.cols < mat_.cols || target.rows < mat_.rows;
      cv::Mat scaled = conversion ? cv::Mat{} : target;
      cv::resize(mat_, scaled, target.size(), 0, 0, is_smaller ? cv::INTER_AREA : cv::INTER_LINEAR);
      sized = scaled;
    }
    if (conversion)
      cv::cvtColor(sized, target, *conversion);
    else if (sized.data != target.data)
      sized.copyTo(target);
  }
  void drop() noexcept { mat_.release(); }

 private:
  /// OpenCV's number of the conversion; nothing if none is needed.
  [[nodiscard]] std::optional<int> conversion_to(PixelFormat format) const {
    const int from = mat_.channels();
    if (from == 1) {
      if (format == PixelFormat::gray8) return {};
      return channels(format) == 3 ? cv::COLOR_GRAY2BGR : cv::COLOR_GRAY2BGRA;  // all channels alike
    }
    switch (format) {
      case PixelFormat::bgr24: return from == 3 ? std::optional<int>{} : cv::COLOR_BGRA2BGR;
      case PixelFormat::rgb24: return from == 3 ? cv::COLOR_BGR2RGB : cv::COLOR_BGRA2RGB;
      case PixelFormat::bgra32: return from == 3 ? cv::COLOR_BGR2BGRA : std::optional<int>{};
      case PixelFormat::rgba32: return from == 3 ? cv::COLOR_BGR2RGBA : cv::COLOR_BGRA2RGBA;
      case PixelFormat::gray8: return from == 3 ? cv::COLOR_BGR2GRAY : cv::COLOR_BGRA2GRAY;
    }
    return {};
  }

  cv::Mat mat_;
};

static_assert(Picture<MatPicture>);

}  // namespace stream_infer
