#pragma once

#include "stream_infer/core/error.hpp"
#include "stream_infer/opencv/video_capture_reader.hpp"
#include "stream_infer/producer/producer.hpp"

#include <string>
#include <utility>

#include <opencv2/videoio/registry.hpp>

namespace stream_infer {

/// Opens what cv::VideoCapture opens, for what FFmpeg cannot: cameras by number ("0") or with their makers' own interfaces,
/// GStreamer pipelines that end in an appsink.
///
///     si::VideoCaptureProducer camera{{.backend = cv::CAP_V4L2, .properties = {{cv::CAP_PROP_FRAME_WIDTH, 1280}}}};
///     si::VideoCaptureProducer pipeline{{.backend = cv::CAP_GSTREAMER}};
///     si::Player player{pipeline, tracker, "videotestsrc ! video/x-raw,format=BGR ! appsink"};
///
/// For all else FFmpegProducer is better. Here every picture is decoded, whoever looks at it. A play that starts later reads
/// all before it. An end cannot be told from a failure: a camera that is lost has ended. The time of a live frame is when it
/// came; of others, what the backend says, and with GStreamer, or where that does not grow, the number of the frame by the
/// source's rate. Several plays at once may use one producer.
class VideoCaptureProducer {
 public:
  using Reader = VideoCaptureReader;

  /// \throws Error  for a size that makes no sense, or a backend that this OpenCV does not have
  explicit VideoCaptureProducer(VideoCaptureOptions options = {}) : options_{std::move(options)} {
    constexpr int largest = 65535;
    if (options_.width < 0 || options_.height < 0 || options_.width > largest || options_.height > largest)
      throw Error{Errc::invalid_argument,
                  "VideoCaptureProducer",
                  {},
                  "width and height must be from 1 to 65535 pixels, or 0 for the source's own"};
    if (options_.backend != cv::CAP_ANY && !cv::videoio_registry::hasBackend(options_.backend))
      throw Error{Errc::unsupported,
                  "VideoCaptureProducer",
                  {},
                  "backend: expected one of " + video_capture_backends() + ", found " +
                      cv::videoio_registry::getBackendName(options_.backend)};
  }

  /// Opens `source` and takes its first picture. Returns or throws within 100 ms once options.stop is requested.
  /// \throws Error  that names the step, the source without credentials, and the reason
  [[nodiscard]] VideoCaptureReader open(const std::string& source, const OpenOptions& options) const {
    return VideoCaptureReader{source, options_, options};
  }

  /// Opens `source` to see what it is, and closes it. \throws Error
  [[nodiscard]] SourceInfo get_info(const std::string& source) const { return open(source, {}).info(); }

 private:
  VideoCaptureOptions options_;
};

static_assert(Producer<VideoCaptureProducer>);

}  // namespace stream_infer
