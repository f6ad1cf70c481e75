#pragma once

#include "stream_infer/core/callback.hpp"
#include "stream_infer/core/error.hpp"
#include "stream_infer/core/frame.hpp"
#include "stream_infer/core/media_time.hpp"
#include "stream_infer/core/min_max.hpp"
#include "stream_infer/ffmpeg/clip_writer.hpp"
#include "stream_infer/ffmpeg/error.hpp"
#include "stream_infer/ffmpeg/packet_ring.hpp"
#include "stream_infer/ffmpeg/packet_tap.hpp"
#include "stream_infer/ffmpeg/worker.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <sys/stat.h>

namespace stream_infer {

struct ClipsOptions {
  std::string folder{};                                                  ///< where the clips go; it must be there
  MediaTime before{5'000'000'000};                                       ///< the event, at least
  MediaTime after{5'000'000'000};                                        ///< it
  MediaTime longest{60'000'000'000};                                     ///< what goes on for longer has several clips
  std::string container = "mp4";                                         ///< FFmpeg's name of it
  std::vector<std::pair<std::string, std::string>> container_options{};  ///< FFmpeg's own
  std::size_t max_bytes = 256'000'000;                                   ///< of packets in memory
  Callback<void(const Clip&)> on_clip{};  ///< one is finished; on the writing thread, must not throw
};

namespace ffmpeg {

/// Keeps the latest packets, and gives those around events to a ClipWriter.
class ClipKeeper final : public PacketTap {
 public:
  ClipKeeper(const ClipsOptions& options, std::shared_ptr<ClipWriter> writer)
      : folder_{options.folder.ends_with('/') ? options.folder : options.folder + '/'},
        before_{options.before},
        after_{options.after},
        longest_{options.longest},
        max_bytes_{options.max_bytes},
        extension_{'.' + options.container},
        writer_{std::move(writer)} {}

  void open(AVFormatContext& source, int video) override {
    std::vector<PacketStream> streams;
    streams.emplace_back(*source.streams[video]);
    for (unsigned i = 0; i < source.nb_streams; ++i)
      if (source.streams[i]->codecpar->codec_type == AVMEDIA_TYPE_AUDIO) streams.emplace_back(*source.streams[i]);
    const std::lock_guard lock{mutex_};
    streams_.reset(new std::vector<PacketStream>{std::move(streams)});
    begin_origin();
  }

  void packet(const AVPacket& packet) override {
    const std::lock_guard lock{mutex_};
    const std::optional<std::size_t> stream = origin_ ? origin_->find(packet.stream_index) : std::nullopt;
    if (closed_ || !stream || (packet.pts == AV_NOPTS_VALUE && packet.dts == AV_NOPTS_VALUE)) return;
    KeptPacket kept{make_packet(), origin_, *stream};
    if (av_packet_ref(kept.packet.get(), &packet) < 0) throw std::bad_alloc{};
    if (clip_) extend(kept);
    ring_.push(std::move(kept));
    const KeptPacket& newest = ring_[ring_.size() - 1];
    if (newest.is_key() && origin_->shift) ring_.forget_before(newest.time() - before_ - latest_result);
    while (ring_.bytes() > max_bytes_ && ring_.forget_some()) {}
  }

  void shown(std::int64_t timestamp, MediaTime time) override {
    const std::lock_guard lock{mutex_};
    if (!origin_ || origin_->note_shown(timestamp, time)) return;
    begin_origin();
    static_cast<void>(origin_->note_shown(timestamp, time));
  }

  void cut() override {
    const std::lock_guard lock{mutex_};
    if (streams_) begin_origin();
  }

  void save(MediaTime time, const std::string& name) {
    const std::lock_guard lock{mutex_};
    if (clip_ && time >= clip_->begin && time <= clip_->end) {
      ++stats_.events;
      ++clip_->events;
      clip_->end =
          stream_infer::detail::min(stream_infer::detail::max(clip_->end, time + after_), clip_->begin + longest_);
      return;
    }
    const std::optional<std::size_t> first = closed_ ? std::nullopt : ring_.find(time - before_, time);
    if (!first) {
      ++stats_.missed;
      return;
    }
    ++stats_.events;
    if (clip_) end_clip();
    begin_clip(*first, time, name);
  }

  void finish() {
    const std::lock_guard lock{mutex_};
    if (clip_) end_clip();
    closed_ = true;
  }

  [[nodiscard]] ClipsStats stats() const {
    const std::lock_guard lock{mutex_};
    ClipsStats stats = stats_;
    stats.bytes = ring_.bytes();
    writer_->note(stats);
    return stats;
  }

 private:
  static constexpr MediaTime latest_result{30'000'000'000};  // that an event may be behind the newest packet

  /// What is being written.
  struct Current {
    std::shared_ptr<PacketOrigin> origin;
    MediaTime begin{}, end{};
    std::uint64_t events = 1;
  };

  /// What comes does not join what has come.
  void begin_origin() {
    if (clip_ && clip_->origin == origin_) end_clip();
    origin_.reset(new PacketOrigin{.streams = streams_});
  }

  void begin_clip(std::size_t first, MediaTime time, const std::string& name) {
    clip_ = Current{.origin = ring_[first].origin, .begin = ring_[first].time(), .end = time + after_};
    writer_->add({.begin = path_of(name.empty() ? "clip-" + std::to_string(time.count() / 1'000'000) : name)});
    const std::size_t size = ring_.size();
    for (std::size_t i = first; i < size && clip_; ++i)
      if (ring_[i].origin == clip_->origin) extend(ring_[i]);
    if (clip_ && clip_->origin != origin_) end_clip();  // there is no more of it
  }

  /// Gives the clip a packet, or ends it if that is behind its end.
  void extend(const KeptPacket& packet) {
    if (packet.origin != clip_->origin) return;
    if (packet.stream == 0 && packet.decoding_time() > clip_->end) return end_clip();
    if (packet.stream != 0 && packet.time() > clip_->end) return;
    if (writer_->bytes() > max_bytes_) {
      writer_->add({.fail = true});
      clip_.reset();
      return;
    }
    writer_->add({.packet = packet.share()});
  }

  void end_clip() {
    writer_->add({.end = clip_->events});
    clip_.reset();
  }

  /// A path that nothing has.
  [[nodiscard]] std::string path_of(const std::string& name) const {
    std::string path = folder_ + name + extension_;
    struct stat status {};
    for (int i = 2; ::stat(path.c_str(), &status) == 0 || ::stat((path + ".part").c_str(), &status) == 0; ++i)
      path = folder_ + name + '-' + std::to_string(i) + extension_;
    return path;
  }

  const std::string folder_;
  const MediaTime before_, after_, longest_;
  const std::size_t max_bytes_;
  const std::string extension_;
  const std::shared_ptr<ClipWriter> writer_;

  mutable std::mutex mutex_;  // guards what follows
  PacketRing ring_;
  std::shared_ptr<const std::vector<PacketStream>> streams_;  // of the source that was opened last
  std::shared_ptr<PacketOrigin> origin_;                      // of what comes
  std::optional<Current> clip_;
  ClipsStats stats_;
  bool closed_ = false;
};

}  // namespace ffmpeg

/// Saves what was before and after an event, as it came: the compressed packets, sound as well, without decoding or encoding.
///
///     si::Clips clips{{.folder = "clips"}};
///     si::FFmpegProducer producer{{.width = 640, .taps = {clips.tap()}}};
///     …
///     void collect(const si::Record<bool>& moved) { if (moved.value) clips.save(moved.time); }
///
/// - A clip begins at the last key frame at least `before` the event, or where what is in memory begins, and ends `after` it.
///   An event during a clip makes it longer, up to `longest`.
/// - Kept in memory are the packets of `before` and of 30 s more: an event may be that far behind what is read.
/// - With a tap, every packet of a file is read, also where nobody needs its picture.
/// - A clip is written as NAME.mp4.part, in fragments, on a thread of its own, and gets its name once it is whole.
///
/// One Clips is for one Player at a time. save() and stats() are for any thread. The destructor closes it.
class Clips {
 public:
  /// \throws Error  for a folder that is not there, a container or an option that this FFmpeg does not have
  explicit Clips(const ClipsOptions& options)
      : writer_{new ffmpeg::ClipWriter{options.container, options.container_options, options.on_clip}},
        keeper_{new ffmpeg::ClipKeeper{options, writer_}},
        worker_{writer_} {
    struct stat status {};
    if (options.folder.empty() || ::stat(options.folder.c_str(), &status) != 0 || !S_ISDIR(status.st_mode))
      throw Error{std::make_error_code(std::errc::no_such_file_or_directory), "save clips", options.folder,
                  "ClipsOptions::folder is no folder that is there"};
  }
  Clips(Clips&&) noexcept = default;
  Clips& operator=(Clips&&) = delete;
  ~Clips() { close(); }

  /// For FFmpegOptions::taps. It may outlive this.
  [[nodiscard]] std::shared_ptr<PacketTap> tap() const { return keeper_; }

  /// Saves what is around a media time. It is counted as missed if nothing of that is in memory.
  /// \param name  of the file, without its ending; empty: "clip-" and the time in ms. Where there is one already, a number is added
  /// \throws Error  for a name that is none
  void save(MediaTime time, const std::string& name = {}) {
    if (name.find('/') != std::string::npos || name.starts_with('.'))
      throw Error{Errc::invalid_argument, "save a clip", name, "takes the name of a file, without its folder"};
    keeper_->save(time, name);
  }

  /// Ends the clip that is being written, where its source is now, and waits until all is written.
  void close() {
    if (keeper_ == nullptr) return;
    keeper_->finish();
    writer_->finish();
    static_cast<void>(worker_.wait({}));
  }

  [[nodiscard]] ClipsStats stats() const { return keeper_->stats(); }

 private:
  std::shared_ptr<ffmpeg::ClipWriter> writer_;
  std::shared_ptr<ffmpeg::ClipKeeper> keeper_;
  ffmpeg::Worker worker_;
};

}  // namespace stream_infer
