#pragma once

#include "stream_infer/core/error.hpp"
#include "stream_infer/core/frame.hpp"
#include "stream_infer/core/image.hpp"
#include "stream_infer/core/media_time.hpp"
#include "stream_infer/core/min_max.hpp"
#include "stream_infer/ffmpeg/encoder.hpp"
#include "stream_infer/ffmpeg/output.hpp"
#include "stream_infer/ffmpeg/packet_ring.hpp"
#include "stream_infer/ffmpeg/packet_tap.hpp"
#include "stream_infer/ffmpeg/reconnector.hpp"
#include "stream_infer/ffmpeg/recording.hpp"
#include "stream_infer/ffmpeg/sound_tap.hpp"
#include "stream_infer/ffmpeg/sound_track.hpp"
#include "stream_infer/ffmpeg/worker.hpp"
#include "stream_infer/producer/back_off.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace stream_infer {

/// How a Restream sends.
struct RestreamOptions {
  /// FFmpeg's name of it; empty: as goes with the URL (flv for rtmp://, rtsp, mpegts for srt:// and udp://, hls for .m3u8)
  std::string container{};
  std::string encoder{};  ///< FFmpeg's name of it; empty: H.264 where the container can hold it, else its usual one
  /// FFmpeg's own, as on its command line: {{"b", "2M"}}. x264 and x265 begin with "veryfast" and "zerolatency".
  std::vector<std::pair<std::string, std::string>> encoder_options{};
  std::vector<std::pair<std::string, std::string>> container_options{};  ///< likewise, and the protocol's
  MediaTime keyframe_interval{2'000'000'000};                            ///< at most; a viewer begins at one
  std::size_t queue = 8;                  ///< pictures that wait for the encoder, or for the network
  Overload overload = Overload::drop;     ///< where as many wait
  MediaTime timeout{5'000'000'000};       ///< for what the other side is waited for, each time
  ReconnectPolicy reconnect = BackOff{};  ///< when it could not be reached, or was lost
  MediaTime end_within{1'000'000'000};    ///< for what still waits at the end
};

namespace ffmpeg {

/// Where a Recording puts its packets: a connection, made again when it is lost.
class StreamSink {
 public:
  StreamSink(std::string url, const RestreamOptions& options, std::shared_ptr<SoundTap> sound)
      : url_{std::move(url)}, options_{&options}, reconnector_{options.reconnect}, sound_{std::move(sound)} {
    prepare();  // tells what is wrong with them
  }

  /// Before there are pictures.
  [[nodiscard]] const AVOutputFormat& format() const { return output_->format(); }

  void start() {}

  /// Connects, if it is time.
  [[nodiscard]] bool is_ready(const Encoder& encoder) {
    if (is_connected_.load(std::memory_order_relaxed)) return true;  // written by this thread
    if (Clock::now() < next_attempt_ || interrupt_->requested()) return false;
    try {
      prepare();
      output_->open();
      output_->add_stream(*encoder.parameters(), encoder.context().time_base);
      sound_.add_to(*output_);
      output_->begin();
      base_.reset();
      wants_key_ = true;
      ++connections_;
      is_connected_.store(true, std::memory_order_relaxed);
      return true;
    } catch (const Error& error) {
      lost(error);
      return false;
    }
  }

  [[nodiscard]] bool wants_key(MediaTime) { return std::exchange(wants_key_, false); }

  void write(AVPacket& packet, const Encoder& encoder) {
    if (!is_connected_.load(std::memory_order_relaxed)) return;  // of a picture before it was lost
    const MediaTime time{av_rescale_q(packet.dts, encoder.context().time_base, PacketOrigin::nanoseconds)};
    if (!base_) {
      if ((packet.flags & AV_PKT_FLAG_KEY) == 0) return;
      base_ = packet.dts;
      sound_.begin(time);
    }
    packet.pts -= *base_;
    packet.dts -= *base_;
    try {
      sound_.write(*output_, time);
      output_->write(packet, 0, encoder.context().time_base);
      reconnector_.playing();
    } catch (const Error& error) {
      lost(error);
    }
  }

  void end() {
    if (!is_connected_.exchange(false, std::memory_order_relaxed)) return;
    try {
      output_->end();
    } catch (const Error& error) {
      last_error_ = error.what();
      ++failures_;
    }
  }

  void interrupt() { interrupt_->request(); }
  [[nodiscard]] bool is_connected() const { return is_connected_.load(std::memory_order_relaxed); }
  void note(RecorderStats& stats) const {
    stats.files = connections_;
    stats.failures = failures_;
    stats.sound_dropped = sound_.dropped();
    stats.last_error = last_error_.empty() ? sound_.left_out() : last_error_;
  }

 private:
  using Clock = std::chrono::steady_clock;

  void prepare() {
    output_.emplace(Output::Target{.url = url_,
                                   .container = options_->container,
                                   .options = options_->container_options,
                                   .timeout = options_->timeout,
                                   .owner = "RestreamOptions",
                                   .is_live = true,
                                   .interrupt = interrupt_});
  }

  /// \throws Error  if it is given up
  void lost(const Error& error) {
    is_connected_.store(false, std::memory_order_relaxed);
    output_.reset();
    last_error_ = error.what();
    ++failures_;
    const std::optional<Connection> next = reconnector_.lost(error);
    if (!next) throw Error{error};
    next_attempt_ = next->next_attempt;
  }

  std::string url_;
  const RestreamOptions* options_;
  std::shared_ptr<Interrupt> interrupt_{new Interrupt};
  std::optional<Output> output_;  // not there while there is no connection
  Reconnector reconnector_;
  SoundTrack sound_;
  Clock::time_point next_attempt_{};
  std::optional<std::int64_t> base_;       // the time of this connection's first packet
  std::atomic<bool> is_connected_{false};  // a lone flag for others
  bool wants_key_ = false;
  std::uint64_t connections_ = 0, failures_ = 0;
  std::string last_error_;
};

/// What a Restream shares with its thread.
struct StreamRecording {
  StreamRecording(std::string url, RestreamOptions given)
      : options{std::move(given)},
        recording{{.encoder = {.name = options.encoder,
                               .options = options.encoder_options,
                               .at_once = true,
                               .owner = "RestreamOptions"},
                   .keyframe_interval = options.keyframe_interval,
                   .queue = stream_infer::detail::max<std::size_t>(1, options.queue),
                   .overload = options.overload},
                  std::move(url),
                  options,
                  sound} {}

  RestreamOptions options;
  std::shared_ptr<SoundTap> sound{new SoundTap};
  Recording<StreamSink> recording;
};

}  // namespace ffmpeg

/// Sends pictures on as a live stream: to an RTMP, RTSP or SRT server, over UDP, as HLS into a folder, or into a pipe. They
/// are encoded and sent on a thread of its own.
///
///     si::Restream restream{"rtmp://media.lan/live/entrance"};
///     inference.process([&](const si::Frame& frame, const auto& latest) { restream.write(frame); });
///     inference.start(player, {.mode = si::Mode::realtime});
///
/// - It keeps nobody waiting: while the other side is slow or away, pictures are dropped, and counted. It connects when the
///   first picture comes, and again, by `reconnect`, when that fails or the connection is lost. A viewer then begins at a
///   key frame.
/// - Pictures are sent as they come: it is made for realtime. A file that is played offline goes through faster than it can
///   be watched.
///
/// One thread at a time writes; stats() and is_connected() are for any. The destructor closes it.
class Restream {
 public:
  /// Does not connect. \throws Error  for a container or encoder that this FFmpeg does not have, or an option that it does
  ///                                  not know
  explicit Restream(std::string url, RestreamOptions options = {})
      : shared_{new ffmpeg::StreamRecording{std::move(url), std::move(options)}},
        worker_{std::shared_ptr<ffmpeg::Task>{shared_, &shared_->recording}} {}
  Restream(Restream&&) noexcept = default;
  Restream& operator=(Restream&&) = delete;
  ~Restream() { close(); }

  /// As Recorder::write(). \throws Error  as Frame::image(), or when the policy has given it up
  void write(const Frame& frame) {
    if (frame.left_out()) return shared_->recording.drop();
    write(frame, frame.image());
  }
  void write(const Frame& frame, ImageView picture) { write(picture, frame.time(), frame.timing().period); }
  void write(ImageView picture, MediaTime time, MediaTime period) { shared_->recording.bring(picture, time, period); }

  /// Sends what waits, for RestreamOptions::end_within at most, and says goodbye.
  void close() {
    if (shared_ == nullptr) return;
    shared_->recording.finish();
    static_cast<void>(worker_.wait_until({}, std::chrono::steady_clock::now(), shared_->options.end_within));
  }

  /// For FFmpegOptions::taps: then the source's sound is sent as well, as it is, with the pictures of the same time. What
  /// the container does not hold is left out, and counted.
  [[nodiscard]] std::shared_ptr<PacketTap> sound() const { return shared_->sound; }

  [[nodiscard]] RecorderStats stats() const { return shared_->recording.stats(); }
  [[nodiscard]] bool is_connected() const { return shared_->recording.sink().is_connected(); }

 private:
  std::shared_ptr<ffmpeg::StreamRecording> shared_;
  ffmpeg::Worker worker_;
};

}  // namespace stream_infer
