#pragma once

#include "stream_infer/core/error.hpp"
#include "stream_infer/core/redact.hpp"
#include "stream_infer/ffmpeg/ffmpeg_options.hpp"
#include "stream_infer/ffmpeg/ffmpeg_reader.hpp"
#include "stream_infer/producer/producer.hpp"

#include <string>
#include <utility>

namespace stream_infer {

/// Opens whatever FFmpeg opens:
/// - files of any container and codec, and URLs (`rtsp://…`, `http://…`);
/// - image sequences: `shots/%04d.png`, with {{"framerate", "10"}} among the options;
/// - devices, as `DEVICE:NAME`: `v4l2:/dev/video0` (or just `/dev/video0`), `x11grab::0.0`;
/// - FFmpeg's generated patterns: `lavfi:testsrc2=size=1280x720:rate=30`.
///
///     si::FFmpegProducer producer{{.width = 640, .height = 360}};
///
/// Pictures are decoded ahead of their use and converted when somebody looks at them. Several plays at once may use one
/// producer, also from several threads.
///
/// Of several video streams it plays the one that FFmpeg takes for the best: the one marked as default, else the one
/// whose bit rate the container gives as the highest, else the first. Pictures keep the pixels that were coded: those of
/// an anamorphic video are not made square, and those of an interlaced one are not taken apart (SourceInfo::interlaced).
class FFmpegProducer {
 public:
  using Reader = FFmpegReader;

  /// \throws Error  for a size or a number of threads that makes no sense
  explicit FFmpegProducer(FFmpegOptions options = {}) : options_{std::move(options)} {
    constexpr int largest = 65535;
    if (options_.width < 0 || options_.height < 0 || options_.width > largest || options_.height > largest)
      throw Error{Errc::invalid_argument,
                  "FFmpegProducer",
                  {},
                  "width and height must be from 1 to 65535 pixels, or 0 for the source's own"};
    if (options_.threads < 0 || options_.threads > 256)
      throw Error{
          Errc::invalid_argument, "FFmpegProducer", {}, "threads must be from 1 to 256, or 0 for one each core"};
  }

  /// Opens `source`. Returns or throws within 100 ms once options.stop is requested.
  /// \throws Error  that names the step, the source without credentials, and the reason
  [[nodiscard]] FFmpegReader open(const std::string& source, const OpenOptions& options) const {
    return FFmpegReader{source, options_, options};
  }

  /// Opens `source` to see what it is, and closes it. \throws Error
  [[nodiscard]] SourceInfo get_info(const std::string& source) const {
    const ffmpeg::Demuxer demuxer{source, options_, {}};
    return demuxer.info(options_.rotate ? demuxer.orientation() : ffmpeg::Orientation{});
  }

  [[nodiscard]] const FFmpegOptions& options() const { return options_; }

 private:
  FFmpegOptions options_;
};

static_assert(Producer<FFmpegProducer>);

}  // namespace stream_infer
