#pragma once

#include "stream_infer/core/error.hpp"
#include "stream_infer/core/media_time.hpp"
#include "stream_infer/core/rational.hpp"
#include "stream_infer/core/redact.hpp"
#include "stream_infer/ffmpeg/error.hpp"
#include "stream_infer/ffmpeg/input.hpp"
#include "stream_infer/ffmpeg/orientation.hpp"
#include "stream_infer/ffmpeg/packet.hpp"
#include "stream_infer/producer/producer.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

namespace stream_infer::ffmpeg {

/// Reads the packets of a source's video stream. For one thread at a time; the stop token may be used from any.
class Demuxer {
 public:
  /// Opens `source`. \throws Error
  Demuxer(const std::string& source, const FFmpegOptions& options, const std::stop_token& stop)
      : name_{redact(source)}, input_{open_input(source, options, stop)}, interrupt_{stop, Interrupting{input_.interrupt}} {
    choose_stream();
    live_ = find_live(source);
  }

  enum class Status : std::uint8_t { packet, end, stopped };

  /// The next packet of the video stream. \throws Error  if the source fails
  [[nodiscard]] Status read(Packet& packet) {
    for (;;) {
      const int code = av_read_frame(input_.context.get(), packet.refill());
      if (code >= 0) {
        if (packet->stream_index == stream_->index) return Status::packet;
        continue;
      }
      if (input_.interrupt->requested.load(std::memory_order_relaxed)) return Status::stopped;
      if (code == AVERROR_EOF) return Status::end;
      if (code == AVERROR(EAGAIN)) continue;  // a device that has nothing yet; its own read waits
      if (code == AVERROR_INVALIDDATA) {      // a file that stops in the middle: what there was has been read
        damaged_end_ = true;
        return Status::end;
      }
      throw make_error(code, "read", name_);
    }
  }

  /// Goes to a key frame at or before `position`. Returns false if the source cannot seek.
  [[nodiscard]] bool seek(MediaTime position) {
    const std::int64_t target = start_ + av_rescale_q(position.count(), nanoseconds, stream_->time_base);
    return av_seek_frame(input_.context.get(), stream_->index, target, AVSEEK_FLAG_BACKWARD) >= 0;
  }

  /// A time stamp of the video stream as media time.
  [[nodiscard]] MediaTime time_of(std::int64_t timestamp) const {
    return MediaTime{av_rescale_q_rnd(timestamp - start_, stream_->time_base, nanoseconds, AV_ROUND_NEAR_INF)};
  }

  /// Where the stream did not say where it starts, its first time stamp does.
  void start_at(std::int64_t timestamp) {
    if (start_known_) return;
    start_ = timestamp;
    start_known_ = true;
  }

  /// Whether the source ended before its own index or header says so. `packets` is how many were read, from the start.
  [[nodiscard]] bool is_truncated(std::uint64_t packets, MediaTime last) const {
    if (damaged_end_) return true;
    if (live_) return false;
    if (stream_->nb_frames > 0) return packets < static_cast<std::uint64_t>(stream_->nb_frames);
    const std::optional<MediaTime> whole = stream_duration();
    const MediaTime period = period_of(frame_rate().value_or(Rational{}));
    return whole && last + std::max(2 * period, MediaTime{500'000'000}) < *whole;
  }

  /// What is known of the source, for pictures turned as `orientation` says.
  [[nodiscard]] SourceInfo info(const Orientation& orientation) const {
    const AVCodecParameters& codec = *stream_->codecpar;
    SourceInfo info{.width = codec.width, .height = codec.height, .fps = frame_rate()};
    if (orientation.transpose) std::swap(info.width, info.height);
    if (stream_->nb_frames > 0) info.frame_count = static_cast<std::uint64_t>(stream_->nb_frames);
    info.duration = stream_duration();
    if (!info.duration && input_.context->duration > 0 &&
        input_.context->duration_estimation_method != AVFMT_DURATION_FROM_BITRATE)
      info.duration = MediaTime{av_rescale_q(input_.context->duration, AVRational{1, AV_TIME_BASE}, nanoseconds)};
    info.codec = avcodec_get_name(codec.codec_id);
    info.live = live_;
    info.time_base = Rational{stream_->time_base.num, std::max(1, stream_->time_base.den)};
    return info;
  }

  [[nodiscard]] const AVStream& stream() const { return *stream_; }
  [[nodiscard]] Orientation orientation() const { return Orientation::from(compat::display_matrix(*stream_)); }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] bool live() const { return live_; }

 private:
  static constexpr AVRational nanoseconds{1, 1'000'000'000};

  struct Interrupting {
    std::shared_ptr<Interrupt> interrupt;
    void operator()() const { interrupt->requested.store(true); }
  };

  void choose_stream() {
    AVFormatContext& context = *input_.context;
    const auto is_picture_track = [&](int i) {
      const AVStream& stream = *context.streams[i];
      return stream.codecpar->codec_type == AVMEDIA_TYPE_VIDEO && (stream.disposition & AV_DISPOSITION_ATTACHED_PIC) == 0;
    };
    int chosen = av_find_best_stream(&context, AVMEDIA_TYPE_VIDEO, -1, -1, nullptr, 0);
    if (chosen >= 0 && !is_picture_track(chosen)) chosen = -1;  // cover art
    const int streams = static_cast<int>(context.nb_streams);
    for (int i = 0; i < streams && chosen < 0; ++i)
      if (is_picture_track(i)) chosen = i;
    if (chosen < 0)
      throw Error{Errc::no_video_stream, "find video stream", name_,
                  "no video stream among its " + std::to_string(streams) + " stream(s)" +
                      (streams > 0 ? "; audio and cover art cannot be played" : "")};
    for (int i = 0; i < streams; ++i) context.streams[i]->discard = i == chosen ? AVDISCARD_DEFAULT : AVDISCARD_ALL;
    stream_ = context.streams[chosen];
    start_known_ = stream_->start_time != AV_NOPTS_VALUE;
    start_ = start_known_ ? stream_->start_time : 0;
    if (stream_->codecpar->width <= 0 || stream_->codecpar->height <= 0)
      throw Error{Errc::unsupported, "find video stream", name_, "the size of its pictures cannot be told: it may be damaged"};
  }

  /// The real frame rate: the one that all time stamps fit, unless the average is well below it (a variable rate).
  [[nodiscard]] std::optional<Rational> frame_rate() const {
    const auto rational = [](AVRational r) {
      return r.num > 0 && r.den > 0 ? std::optional{Rational{r.num, r.den}} : std::nullopt;
    };
    const std::optional<Rational> real = rational(stream_->r_frame_rate);
    const std::optional<Rational> average = rational(stream_->avg_frame_rate);
    if (!average || !real) return average ? average : real;
    return std::abs(average->to_double() / real->to_double() - 1) < 0.01 ? real : average;
  }

  [[nodiscard]] std::optional<MediaTime> stream_duration() const {
    if (stream_->duration > 0) return MediaTime{av_rescale_q(stream_->duration, stream_->time_base, nanoseconds)};
    const AVDictionaryEntry* tag = av_dict_get(stream_->metadata, "DURATION", nullptr, 0);  // Matroska
    std::int64_t microseconds = 0;
    if (tag == nullptr || av_parse_time(&microseconds, tag->value, 1) < 0 || microseconds <= 0) return std::nullopt;
    return std::chrono::microseconds{microseconds};
  }

  /// Whether frames come at their own pace. A network source with a known end is like a file.
  [[nodiscard]] bool find_live(const std::string& source) const {
    const Address address{source};
    if (address.device != nullptr) return av_match_name("lavfi", address.device->name) == 0;
    const std::string_view scheme = std::string_view{source}.substr(0, std::min(source.find("://"), source.size()));
    const auto is = [scheme](std::string_view name) { return scheme == name; };
    constexpr std::array always{"rtsp", "rtsps", "rtp", "udp", "srt", "sdp"};
    constexpr std::array if_endless{"http", "https", "rtmp", "rtmps", "rtmpt", "rtmpe", "tcp", "tls", "hls"};
    if (std::ranges::any_of(always, is)) return true;
    return std::ranges::any_of(if_endless, is) && input_.context->duration <= 0;
  }

  std::string name_;
  Input input_;
  std::stop_callback<Interrupting> interrupt_;
  AVStream* stream_ = nullptr;  // the context's
  std::int64_t start_ = 0;      // the time stamp of media time 0
  bool start_known_ = false;
  bool live_ = false;
  bool damaged_end_ = false;
};

}  // namespace stream_infer::ffmpeg
