#pragma once

#include "stream_infer/core/frame.hpp"
#include "stream_infer/core/handle.hpp"
#include "stream_infer/core/image.hpp"

#include <cstddef>
#include <cstdint>

#include <opencv2/core.hpp>

namespace stream_infer {
namespace detail {

/// OpenCV's type of an image's pixels.
[[nodiscard]] inline int mat_type(PixelFormat format) { return CV_MAKETYPE(CV_8U, channels(format)); }

/// Lets matrices own a Frame. What they make anew is memory of OpenCV's own.
class FrameOwner : public cv::MatAllocator {
 public:
  static cv::Mat share(const Frame& frame) {
    // NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables): never goes: matrices may live to the very end
    static auto* const owner = new FrameOwner;
    const ImageView image = frame.image();
    if (image.empty()) return {};
    auto* const pixels =
        const_cast<std::uint8_t*>(image.data);  // NOLINT(cppcoreguidelines-pro-type-const-cast): as OpenCV has it
    cv::Mat mat{image.height, image.width, mat_type(image.format), pixels, static_cast<std::size_t>(image.stride)};
    Handle<Frame> kept{new Frame{frame}};
    auto* const data = new cv::UMatData{owner};
    data->data = data->origdata = mat.data;
    data->size = static_cast<std::size_t>(image.stride) * static_cast<std::size_t>(image.height);
    data->userdata = kept.release();
    data->refcount = 1;
    mat.u = data;
    mat.allocator = owner;
    return mat;
  }

  // As cv::MatAllocator has them.
  cv::UMatData* allocate(int dims, const int* sizes, int type, void* data, std::size_t* step, cv::AccessFlag flags,
                         cv::UMatUsageFlags usage) const override {
    return cv::Mat::getStdAllocator()->allocate(dims, sizes, type, data, step, flags, usage);
  }
  bool allocate(cv::UMatData* data, cv::AccessFlag flags, cv::UMatUsageFlags usage) const override {
    return cv::Mat::getStdAllocator()->allocate(data, flags, usage);
  }
  void deallocate(cv::UMatData* data) const override {
    if (data == nullptr || data->refcount != 0) return;
    delete static_cast<Frame*>(data->userdata);
    delete data;
  }
};

}  // namespace detail

/// The frame's pixels as a matrix, without a copy: CV_8UC3 for bgr24 and rgb24, CV_8UC4, or CV_8UC1. It and its copies keep
/// the picture alive, also when the Frame has gone. Others look at the same pixels: do not write to them; `clone()` gives
/// some of your own. OpenCV takes three channels for BGR: ask the producer for PixelFormat::bgr24.
/// \throws Error  as Frame::image()
[[nodiscard]] inline cv::Mat as_mat(const Frame& frame) { return detail::FrameOwner::share(frame); }

/// An image's pixels as a matrix, without a copy. It does not keep them alive.
[[nodiscard]] inline cv::Mat as_mat(ImageSpan image) {
  return {image.height, image.width, detail::mat_type(image.format), image.data,
          static_cast<std::size_t>(image.stride)};
}

}  // namespace stream_infer
