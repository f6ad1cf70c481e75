#pragma once

#include "stream_infer/core/bounded_queue.hpp"
#include "stream_infer/core/error.hpp"
#include "stream_infer/core/frame.hpp"
#include "stream_infer/core/frame_pool.hpp"
#include "stream_infer/core/image.hpp"
#include "stream_infer/core/media_time.hpp"
#include "stream_infer/core/min_max.hpp"
#include "stream_infer/core/redact.hpp"
#include "stream_infer/core/stats.hpp"
#include "stream_infer/core/worker.hpp"
#include "stream_infer/opencv/mat_picture.hpp"
#include "stream_infer/producer/producer.hpp"

#include <atomic>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <opencv2/videoio.hpp>
#include <opencv2/videoio/registry.hpp>

namespace stream_infer {

/// How VideoCaptureProducer opens a source and what its frames look like.
struct VideoCaptureOptions {
  int width = 0;   ///< of the frames, in pixels; 0 is the source's, or follows `height` in its proportion
  int height = 0;  ///< likewise
  PixelFormat format = PixelFormat::bgr24;
  cv::VideoCaptureAPIs backend = cv::CAP_ANY;  ///< what opens the source; CAP_ANY: the first of OpenCV's that can
  /// What the source is told once it is open, in this order: {{cv::CAP_PROP_FRAME_WIDTH, 1920}, {cv::CAP_PROP_FPS, 30}}. One
  /// that the backend refuses is an error; what a device makes of one that it takes is its own matter.
  std::vector<std::pair<int, double>> properties = {};
  /// Whether frames come at their own pace; if not said: devices, and what does not know how many frames it has.
  std::optional<bool> live = {};
};

/// "FFMPEG, GSTREAMER, V4L2": what this OpenCV can open sources with.
[[nodiscard]] inline std::string video_capture_backends() {
  std::string names;
  for (const cv::VideoCaptureAPIs backend : cv::videoio_registry::getBackends())
    names.append(names.empty() ? "" : ", ").append(cv::videoio_registry::getBackendName(backend));
  return names;
}

namespace detail {

/// A cv::VideoCapture, opened and read on a thread of its own: nothing interrupts what it waits for.
class CaptureTask final : public Task {
 public:
  struct Item {
    Frame frame;
    ReadStatus status = ReadStatus::frame;
    std::exception_ptr error;
  };

  CaptureTask(std::string source, VideoCaptureOptions options, const std::stop_token& stop)
      : source_{std::move(source)}, options_{std::move(options)}, pass_on_{stop, Stopping{this}} {}

  /// What comes next; waits for it. False once it has been stopped. What comes first says that info() is there.
  [[nodiscard]] bool pop(Item& item) { return queue_.pop(item); }

  [[nodiscard]] const SourceInfo& info() const { return info_; }
  [[nodiscard]] const std::shared_ptr<SourceCounters>& counters() const { return pool_.counters(); }

 private:
  using Clock = std::chrono::steady_clock;

  struct Stopping {
    CaptureTask* task;
    void operator()() const { task->stop(); }
  };

  void stop() noexcept override {
    is_stopped_.store(true, std::memory_order_relaxed);  // a lone flag
    queue_.close();
  }

  void run() noexcept override {
    try {
      if (open() && queue_.push({})) {  // the info is there
        step_ = "read";
        while (queue_.push({.frame = make_frame(), .status = ReadStatus::frame, .error = {}}) && grab()) {}
        queue_.push({.frame = {}, .status = ReadStatus::end, .error = {}});
      }
    } catch (...) {
      // A thread that was left behind may outlive what errors are made of.
      if (!is_stopped())
        queue_.push({.frame = {},
                     .status = ReadStatus::end,
                     .error = std::make_exception_ptr(current_error(step_, redact(source_)))});
    }
    release();
  }

  void release() noexcept try { capture_.release(); } catch (...) {  // what a backend throws now helps nobody
  }

  [[nodiscard]] bool is_stopped() const { return is_stopped_.load(std::memory_order_relaxed); }

  /// Opens the source and takes its first picture. False if it has been stopped.
  [[nodiscard]] bool open() {
    const bool is_open = index() ? capture_.open(*index(), options_.backend) : capture_.open(source_, options_.backend);
    if (is_stopped()) return false;
    if (!is_open)
      throw error(options_.backend == cv::CAP_ANY
                      ? "expected a source that OpenCV can open with one of " + video_capture_backends()
                      : "expected a source that OpenCV can open with " +
                            std::string{cv::videoio_registry::getBackendName(options_.backend)});
    for (const auto& [property, value] : options_.properties)
      if (!capture_.set(property, value))
        throw error("properties: " + capture_.getBackendName() + " does not take " + std::to_string(value) +
                    " for property " + std::to_string(property));
    is_gstreamer_ = capture_.getBackendName() == "GSTREAMER";
    const double rate = capture_.get(cv::CAP_PROP_FPS), count = capture_.get(cv::CAP_PROP_FRAME_COUNT);
    if (rate > 0 && rate < 10'000) info_.fps = Rational{rate};
    info_.live = options_.live.value_or(index() || source_.starts_with("/dev/") || !(count > 0));
    if (!info_.live && count > 0 && count < 1e15) {
      info_.frame_count = static_cast<std::uint64_t>(count);
      if (info_.fps) info_.duration = time_at(static_cast<std::int64_t>(count));
    }
    const bool has_picture = grab();
    if (is_stopped()) return false;
    if (!has_picture) throw error("it was opened, but gives no picture");
    info_.width = picture_.cols;
    info_.height = picture_.rows;
    spec_ = spec_of(info_.width, info_.height);
    return true;
  }

  /// The number of a camera, if the source is one.
  [[nodiscard]] std::optional<int> index() const {
    int number = 0;
    const char* const end = source_.data() + source_.size();
    const auto [last, failure] = std::from_chars(source_.data(), end, number);
    if (failure != std::errc{} || last != end || number < 0) return {};
    return number;
  }

  [[nodiscard]] Error error(const std::string& reason) const {
    return Error{Errc::unsupported, "open", redact(source_), reason};
  }

  /// Takes the next picture. False at the end: OpenCV does not tell it from a failure.
  [[nodiscard]] bool grab() {
    if (!capture_.grab()) return false;
    grabbed_ = Clock::now();
    picture_ = cv::Mat{};  // the one before is a frame's
    return capture_.retrieve(picture_) && !picture_.empty();
  }

  [[nodiscard]] Frame make_frame() {
    Frame frame = pool_.make_lazy(spec_, next_time(), [&](MatPicture& held) { held.hold(std::move(picture_)); });
    count(counters()->frames_decoded);
    if (info_.live) FrameAccess::set_origin(frame, {.arrived = grabbed_});
    return frame;
  }

  /// The time of the picture that was grabbed last, later than that of the one before.
  [[nodiscard]] MediaTime next_time() {
    MediaTime time = time_at(number_);
    if (info_.live) {
      if (number_ == 0) start_ = grabbed_;
      time = grabbed_ - start_;
    } else if (!is_gstreamer_) {  // its position is that of the pipeline's clock
      const double told = capture_.get(cv::CAP_PROP_POS_MSEC);
      if (number_ == 0) first_told_ = told;
      const double since = told - first_told_;
      const bool is_later = number_ == 0 || (since > 0 && since < 1e12 && of(since) > last_time_);
      time = is_later ? of(since) : last_time_ + time_at(1);
    }
    if (number_ > 0 && time <= last_time_) time = last_time_ + MediaTime{1};
    ++number_;
    return last_time_ = time;
  }

  [[nodiscard]] static MediaTime of(double milliseconds) { return MediaTime{std::llround(milliseconds * 1e6)}; }

  /// Of picture `number`, at the source's rate; 25 a second where it has none.
  [[nodiscard]] MediaTime time_at(std::int64_t number) const {
    const Rational rate = info_.fps.value_or(Rational{25});
    return MediaTime{static_cast<std::int64_t>(detail::int128{1'000'000'000} * number * rate.den() / rate.num())};
  }

  [[nodiscard]] ImageSpec spec_of(int width, int height) const {
    const auto in_proportion = [](int side, int to, int of) {
      return static_cast<int>(detail::clamp<std::int64_t>((std::int64_t{side} * to + of / 2) / of, 1, 65535));
    };
    ImageSpec spec{options_.width, options_.height, options_.format};
    if (spec.width == 0 && spec.height == 0) return {width, height, spec.format};
    if (spec.width == 0) spec.width = in_proportion(width, spec.height, height);
    if (spec.height == 0) spec.height = in_proportion(height, spec.width, width);
    return spec;
  }

  static constexpr std::uint32_t depth = 4;  // pictures; a 1080p one is 6 MB

  std::string source_;
  VideoCaptureOptions options_;
  BoundedQueue<Item> queue_{depth};
  std::atomic<bool> is_stopped_{false};
  std::stop_callback<Stopping> pass_on_;  // of the two before it
  FramePool<MatPicture> pool_;
  cv::VideoCapture capture_;
  cv::Mat picture_;
  SourceInfo info_;
  ImageSpec spec_;
  const char* step_ = "open";
  bool is_gstreamer_ = false;
  Clock::time_point grabbed_{}, start_{};
  double first_told_ = 0;
  MediaTime last_time_{};
  std::int64_t number_ = 0;
};

}  // namespace detail

/// An open source of VideoCaptureProducer. A thread of its own reads ahead, by a few pictures. The destructor returns within
/// 100 ms: a backend that does not answer is left behind.
class VideoCaptureReader {
 public:
  /// \throws Error
  VideoCaptureReader(const std::string& source, const VideoCaptureOptions& settings, const OpenOptions& options)
      : task_{new detail::CaptureTask{source, settings, options.stop}}, worker_{task_} {
    detail::CaptureTask::Item opened;
    if (!task_->pop(opened))
      throw Error{std::make_error_code(std::errc::operation_canceled), "open", redact(source), "stopped while opening"};
    if (opened.error) std::rethrow_exception(opened.error);
  }

  [[nodiscard]] const SourceInfo& info() const { return task_->info(); }
  [[nodiscard]] const std::shared_ptr<SourceCounters>& counters() const { return task_->counters(); }

  /// \throws Error  if a picture is of a type that no frame can have
  [[nodiscard]] ReadStatus read(Frame& frame) {
    if (last_.status == ReadStatus::frame && !task_->pop(last_)) return ReadStatus::stopped;
    if (last_.error) std::rethrow_exception(last_.error);
    if (last_.status == ReadStatus::frame) frame = std::move(last_.frame);
    return last_.status;
  }

 private:
  std::shared_ptr<detail::CaptureTask> task_;
  detail::Worker worker_;
  detail::CaptureTask::Item last_;
};

}  // namespace stream_infer
