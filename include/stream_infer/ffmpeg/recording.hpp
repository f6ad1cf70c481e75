#pragma once

#include "stream_infer/core/error.hpp"
#include "stream_infer/core/image.hpp"
#include "stream_infer/core/media_time.hpp"
#include "stream_infer/core/queue.hpp"
#include "stream_infer/ffmpeg/encoder.hpp"
#include "stream_infer/ffmpeg/handle.hpp"
#include "stream_infer/ffmpeg/packet.hpp"
#include "stream_infer/ffmpeg/picture_maker.hpp"
#include "stream_infer/ffmpeg/worker.hpp"

#include <condition_variable>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace stream_infer {

/// What becomes of a picture where as many wait as may.
enum class Overload : std::uint8_t {
  wait,  ///< who brings it waits
  drop,  ///< it is dropped, and counted
};

/// What became of the pictures: `written + dropped + late + waiting` is how many write() has taken.
struct RecorderStats {
  std::uint64_t written = 0;  ///< the encoder has taken them
  std::uint64_t dropped = 0;  ///< too many waited, nobody was there to receive them, or an error had ended it
  std::uint64_t late = 0;     ///< not later than the one before, by their times as codec and container have them
  std::uint64_t waiting = 0;  ///< for the encoder
  std::uint64_t bytes = 0;    ///< of encoded pictures
  /// Packets of the source's sound that are not where pictures are: the container does not hold it, it had no times, or it is
  /// not that which it was when the file, or the connection, began.
  std::uint64_t sound_dropped = 0;
  std::uint64_t files = 0;     ///< begun; of a stream: connections
  std::uint64_t failures = 0;  ///< of a stream: connections that could not be made, or were lost
  std::string last_error{};
};

namespace ffmpeg {

/// Encodes the pictures that are brought, on a thread of its own, and gives the packets to a Sink, which it calls on that
/// thread, but for interrupt():
///
/// - `format()`: the container's AVOutputFormat
/// - `start()`: all that can be known before there are pictures has been checked
/// - `is_ready(encoder)`: whether it takes packets now; if not, the picture is dropped
/// - `wants_key(time)`: whether the picture at that media time shall be one to begin with
/// - `write(packet, encoder)`: takes it; its times are media times, in units of the encoder's
/// - `end()`: there are no more
/// - `interrupt()`: whatever it waits for shall end; any thread
/// - `note(stats)`: puts down what it counts
///
/// What it throws ends the recording, and whoever brings the next picture gets it.
template <class Sink>
class Recording final : public Task {
 public:
  struct Settings {
    Encoder::Settings encoder{};
    MediaTime keyframe_interval{};
    std::size_t queue = 0;  ///< pictures
    Overload overload = Overload::wait;
  };

  template <class... Args>
  explicit Recording(Settings settings, Args&&... sink)
      : settings_{std::move(settings)}, sink_{std::forward<Args>(sink)...} {
    Encoder::check(settings_.encoder, sink_.format());
    sink_.start();
  }

  /// One thread at a time. \throws Error  for an image without pixels, or what has ended the recording
  void bring(ImageView image, MediaTime time, MediaTime period) {
    if (image.empty()) throw Error{Errc::invalid_argument, "record", {}, "the image has no pixels"};
    UniqueFrame picture;
    {
      std::unique_lock lock{mutex_};
      if (settings_.overload == Overload::wait)
        changed_.wait(lock, [this] { return ends_ || waiting_.size() < settings_.queue; });
      if (error_) throw Error{*error_};
      if (ends_) throw Error{Errc::invalid_argument, "record", {}, "the recording has been closed"};
      if (waiting_.size() >= settings_.queue) {
        ++stats_.dropped;
        return;
      }
      if (!used_.empty()) picture = used_.pop_front();
    }
    if (!maker_) {  // the thread uses the encoder only after the first picture
      encoder_.emplace(settings_.encoder, sink_.format(),
                       Encoder::Pictures{image.width, image.height, period, settings_.keyframe_interval});
      maker_.emplace(encoder_->context());
    }
    picture = maker_->make(image, std::move(picture));
    picture->pts = time.count();
    const std::lock_guard lock{mutex_};
    if (error_) throw Error{*error_};  // meanwhile
    if (ends_) {
      ++stats_.dropped;
      return;
    }
    waiting_.push_back(std::move(picture));
    changed_.notify_all();
  }

  /// One that has no pixels.
  void drop() {
    const std::lock_guard lock{mutex_};
    ++stats_.dropped;
  }

  /// Lets it end once what waits has been encoded. Any thread.
  void finish() {
    const std::lock_guard lock{mutex_};
    ends_ = true;
    changed_.notify_all();
  }

  /// What has ended it, if something did. Any thread.
  [[nodiscard]] std::optional<Error> error() const {
    const std::lock_guard lock{mutex_};
    return error_;
  }

  [[nodiscard]] const Sink& sink() const { return sink_; }

  /// Any thread.
  [[nodiscard]] RecorderStats stats() const {
    const std::lock_guard lock{mutex_};
    RecorderStats stats = stats_;
    stats.waiting = waiting_.size() + (is_encoding_ ? 1 : 0);
    return stats;
  }

 private:
  static constexpr AVRational nanoseconds{1, 1'000'000'000};

  void run() noexcept override {
    sigset_t pipe;  // a reader that goes away is an error, not the end of the program
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
    try {
      encode_all();
    } catch (...) {
      const Error error = stream_infer::detail::current_error("record", {});
      const std::lock_guard lock{mutex_};
      error_ = error;
      stats_.last_error = error.what();
      stats_.dropped += waiting_.size() + (is_encoding_ ? 1 : 0);
      is_encoding_ = false;
      while (!waiting_.empty()) waiting_.pop_front();
      ends_ = true;
      changed_.notify_all();
    }
  }
  void stop() noexcept override {
    finish();
    sink_.interrupt();
  }

  void encode_all() {
    bool has_begun = false;
    std::unique_lock lock{mutex_};
    for (;;) {
      changed_.wait(lock, [this] { return ends_ || !waiting_.empty(); });
      if (waiting_.empty()) break;
      UniqueFrame picture = waiting_.pop_front();
      has_begun = is_encoding_ = true;
      changed_.notify_all();
      lock.unlock();
      std::uint64_t RecorderStats::*const became = encode(*picture);
      lock.lock();
      is_encoding_ = false;
      ++(stats_.*became);
      note();
      used_.push_back(std::move(picture));
    }
    lock.unlock();
    if (has_begun) {
      encoder_->finish();
      pass_on();
    }
    sink_.end();
    lock.lock();
    note();
  }

  /// Returns what it counts as.
  [[nodiscard]] std::uint64_t RecorderStats::*encode(AVFrame& picture) {
    const MediaTime time{picture.pts};
    picture.pts = av_rescale_q(picture.pts, nanoseconds, encoder_->context().time_base);
    if (last_ && picture.pts <= *last_) return &RecorderStats::late;
    if (!sink_.is_ready(*encoder_)) return &RecorderStats::dropped;
    last_ = picture.pts;
    const bool key = sink_.wants_key(time) || !last_key_ || time - *last_key_ >= settings_.keyframe_interval;
    if (key) last_key_ = time;
    encoder_->send(picture, key);
    pass_on();
    return &RecorderStats::written;
  }

  void pass_on() {
    while (encoder_->receive(*packet_)) {
      bytes_ += static_cast<std::uint64_t>(packet_->size);
      sink_.write(*packet_, *encoder_);
      av_packet_unref(packet_.get());
    }
  }

  void note() {
    stats_.bytes = bytes_;
    sink_.note(stats_);
  }

  Settings settings_;
  Sink sink_;
  std::optional<Encoder> encoder_;
  std::optional<PictureMaker> maker_;  // of the thread that brings pictures

  // Of the thread.
  UniquePacket packet_ = make_packet();
  std::optional<std::int64_t> last_;  // time of a picture, in the encoder's units
  std::optional<MediaTime> last_key_;
  std::uint64_t bytes_ = 0;

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  stream_infer::detail::Queue<UniqueFrame> waiting_;
  stream_infer::detail::Queue<UniqueFrame> used_;  // memory for more
  RecorderStats stats_;
  std::optional<Error> error_;
  bool ends_ = false, is_encoding_ = false;
};

}  // namespace ffmpeg
}  // namespace stream_infer
