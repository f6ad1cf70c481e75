#pragma once

#include "stream_infer/core/error.hpp"
#include "stream_infer/core/image.hpp"
#include "stream_infer/core/queue.hpp"
#include "stream_infer/ffmpeg/converter.hpp"
#include "stream_infer/ffmpeg/error.hpp"
#include "stream_infer/ffmpeg/handle.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace stream_infer::ffmpeg {

/// Makes an encoder's pictures of images: their size, pixel format and colours. What memory has been used is used again.
/// One thread.
class PictureMaker {
 public:
  /// \param encoder  open; its size may be a pixel smaller than the images': what is too much is cut off
  explicit PictureMaker(const AVCodecContext& encoder)
      : width_{encoder.width},
        height_{encoder.height},
        format_{encoder.pix_fmt},
        matrix_{encoder.colorspace},
        range_{encoder.color_range} {}

  /// \param used  a picture that was made here, or null \throws Error
  [[nodiscard]] UniqueFrame make(ImageView image, UniqueFrame used) {
    if (!scaler_ || image.spec() != spec_) prepare(image.spec());
    if (!used || av_frame_is_writable(used.get()) <= 0) used = empty();
    const std::array<const std::uint8_t*, 4> planes{image.data};
    const std::array<int, 4> strides{static_cast<int>(image.stride)};
    const int rows =
        sws_scale(scaler_.get(), planes.data(), strides.data(), 0, from_height_, used->data, used->linesize);
    if (rows < 0) throw make_error(rows, "record", {}, "the image cannot be converted");
    return used;
  }

 private:
  [[nodiscard]] UniqueFrame empty() const {
    UniqueFrame picture = make_frame();
    picture->width = width_;
    picture->height = height_;
    picture->format = format_;
    picture->colorspace = matrix_;
    picture->color_range = range_;
    if (av_frame_get_buffer(picture.get(), 0) < 0) throw std::bad_alloc{};
    return picture;
  }

  void prepare(const ImageSpec& spec) {
    const bool fits =
        spec.width - width_ >= 0 && spec.width - width_ < 4 && spec.height - height_ >= 0 && spec.height - height_ < 4;
    const int from_width = fits ? width_ : spec.width;
    from_height_ = fits ? height_ : spec.height;
    scaler_.reset(sws_getContext(from_width, from_height_, to_av(spec.format), width_, height_, format_, SWS_BILINEAR,
                                 nullptr, nullptr, nullptr));
    if (!scaler_) throw Error{Errc::unsupported, "record", {}, "FFmpeg does not convert these images for this encoder"};
    const int* const matrix = sws_getCoefficients(matrix_ == AVCOL_SPC_BT709 ? SWS_CS_ITU709 : SWS_CS_ITU601);
    sws_setColorspaceDetails(scaler_.get(), matrix, 1, matrix, range_ == AVCOL_RANGE_JPEG ? 1 : 0, 0, 1 << 16, 1 << 16);
    spec_ = spec;
  }

  int width_, height_;
  AVPixelFormat format_;
  AVColorSpace matrix_;
  AVColorRange range_;
  ImageSpec spec_;
  int from_height_ = 0;
  UniqueScaler scaler_;
};

}  // namespace stream_infer::ffmpeg
