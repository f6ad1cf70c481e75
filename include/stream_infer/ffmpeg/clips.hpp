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

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <sys/stat.h>
#include <unistd.h>

namespace stream_infer {

struct ClipsOptions {
  std::string folder{};                                                  ///< where the clips go; it must be there
  MediaTime before{5'000'000'000};                                       ///< the event, at least
  MediaTime after{5'000'000'000};                                        ///< it
  MediaTime longest{60'000'000'000};                                     ///< what goes on for longer has several clips
  std::string container = "mp4";                                         ///< FFmpeg's name of it: "matroska" …
  std::vector<std::pair<std::string, std::string>> container_options{};  ///< FFmpeg's own
  std::size_t max_bytes = 256'000'000;                                   ///< of packets in memory
  Callback<void(const Clip&)> on_clip{};  ///< one is finished; on the writing thread, must not throw
};

namespace ffmpeg {

/// Keeps the latest packets, and gives those around events to a ClipWriter.
class ClipKeeper final : public PacketTap {
 public:
  ClipKeeper(const ClipsOptions& options, std::shared_ptr<ClipWriter> writer)
      : before_{options.before},
        after_{options.after},
        longest_{options.longest},
        max_bytes_{options.max_bytes},
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
    ring_.push(std::move(kept));
    extend();
    while (ring_.bytes() > max_bytes_ && ring_.forget_some()) {}
  }

  void shown(std::int64_t timestamp, MediaTime time) override {
    const std::lock_guard lock{mutex_};
    if (!origin_ || origin_->note_shown(timestamp, time)) return;
    const std::shared_ptr<PacketOrigin> before = origin_;
    begin_origin();
    static_cast<void>(origin_->note_shown(timestamp, time));
    ring_.split(before, origin_, timestamp);
  }

  void cut() override {
    const std::lock_guard lock{mutex_};
    if (streams_) begin_origin();
  }

  void played(std::optional<MediaTime> time) override {
    const std::lock_guard lock{mutex_};
    if (!time) return end_clips();
    played_ = *time;
    if (clip_ && played_ > clip_->end + clip_->lag) end_clip();
    ring_.forget_before(stream_infer::detail::min(played_, earliest_) - before_ - latest_result);
  }

  void save(MediaTime time, const std::string& name) {
    const std::lock_guard lock{mutex_};
    add({time, name});
  }

  void finish() {
    const std::lock_guard lock{mutex_};
    end_clips();
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
  static constexpr MediaTime latest_result{30'000'000'000};  // that an event may be behind what is played
  static constexpr std::size_t most_waiting = 10'000;

  struct Event {
    MediaTime time{};
    std::string name{};
  };
  /// What is being written.
  struct Current {
    std::shared_ptr<PacketOrigin> origin;
    MediaTime begin{}, end{};
    MediaTime lag{};         // of its events behind what was played: the next ones may be as late
    std::uint64_t next = 0;  // number of the packet that it gets next, if that is not behind its end
    std::uint64_t events = 1;
  };

  /// What comes does not join what has come.
  void begin_origin() { origin_.reset(new PacketOrigin{.streams = streams_}); }

  void add(Event event) {
    if (closed_) {
      ++stats_.missed;
      return;
    }
    const bool is_over = clip_ && event.time > clip_->end && played_ > clip_->end;
    const bool has_gap = clip_ && clip_->next < ring_.number();  // what it would get next took too much memory
    if (is_over || has_gap) end_clip();
    if (!clip_) return begin_clip(event);
    const MediaTime end = stream_infer::detail::max(clip_->end, event.time + after_);
    const bool fits = event.time >= clip_->begin && event.time <= clip_->end;
    if (!fits || end > stream_infer::detail::max(clip_->end, clip_->begin + longest_)) return wait(std::move(event));
    ++stats_.events;
    ++clip_->events;
    clip_->lag = stream_infer::detail::max(clip_->lag, played_ - event.time);
    clip_->end = end;
    extend();
  }

  /// One that is outside of the clip that is being written, or would make it too long, gets its own after it.
  void wait(Event event) {
    if (waiting_.size() >= most_waiting) {
      ++stats_.missed;
      return;
    }
    earliest_ = stream_infer::detail::min(earliest_, event.time);
    waiting_.push_back(std::move(event));
  }
  void begin_waiting() {
    earliest_ = MediaTime::max();
    for (Event& event : std::exchange(waiting_, {})) add(std::move(event));
  }

  void begin_clip(const Event& event) {
    const std::optional<std::size_t> first = ring_.find(event.time - before_, event.time);
    if (!first) {
      ++stats_.missed;
      return;
    }
    ++stats_.events;
    const KeptPacket& key = ring_[*first];
    clip_ = Current{.origin = key.origin,
                    .begin = key.time(),
                    .end = event.time + after_,
                    .lag = stream_infer::detail::max(MediaTime{0}, played_ - event.time),
                    .next = ring_.number() + *first};
    const std::string usual = "clip-" + std::to_string(event.time.count() / 1'000'000);
    writer_->add({.begin = event.name.empty() ? usual : event.name});
    extend();
  }

  /// Gives the clip what has come of it.
  void extend() {
    while (const KeptPacket* const packet = next()) {
      const bool is_of_it = packet->origin == clip_->origin;  // sound may jump to another origin sooner or later
      if (is_behind(*packet) && (is_of_it || packet->stream == 0)) return;
      give(is_of_it ? packet : nullptr);
    }
  }

  /// What the clip gets next. Null if there is no clip, or that has not come, or has been let go.
  [[nodiscard]] const KeptPacket* next() const {
    if (!clip_ || clip_->next < ring_.number()) return nullptr;
    const std::uint64_t place = clip_->next - ring_.number();
    return place < ring_.size() ? &ring_[place] : nullptr;
  }

  [[nodiscard]] bool is_behind(const KeptPacket& packet) const {
    if (packet.origin != clip_->origin) return true;
    return (packet.stream == 0 ? packet.decoding_time() : packet.time()) > clip_->end;
  }

  /// Null: passes it over.
  void give(const KeptPacket* packet) {
    ++clip_->next;
    if (packet == nullptr) return;
    if (writer_->bytes() <= max_bytes_) return writer_->add({.packet = packet->share()});
    writer_->add({.fail = true});
    clip_.reset();
    begin_waiting();
  }

  void end_clip() {
    while (const KeptPacket* const packet = next()) {
      const bool is_after = is_behind(*packet);
      if (is_after && packet->stream == 0) break;
      give(is_after ? nullptr : packet);  // sound behind the end may be before pictures that are not
    }
    if (!clip_) return;
    writer_->add({.end = clip_->events});
    clip_.reset();
    begin_waiting();
  }
  /// That which is being written, and those that wait for it.
  void end_clips() {
    while (clip_) end_clip();
  }

  const MediaTime before_, after_, longest_;
  const std::size_t max_bytes_;
  const std::shared_ptr<ClipWriter> writer_;

  mutable std::mutex mutex_;  // guards what follows
  PacketRing ring_;
  std::shared_ptr<const std::vector<PacketStream>> streams_;  // of the source that was opened last
  std::shared_ptr<PacketOrigin> origin_;                      // of what comes
  MediaTime played_{};                                        // of the latest frame
  std::optional<Current> clip_;
  std::vector<Event> waiting_;             // for the clip to end
  MediaTime earliest_ = MediaTime::max();  // of them
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
///   An event during a clip makes it longer, up to `longest`. One that does not fit into it gets a clip of its own after it.
/// - Kept in memory are the packets of `before` and of 30 s more: an event may be that far behind what is played.
/// - A clip is whole when a frame after its end has been played, and by so much later as its events were late.
/// - With a tap, every packet of a file is read, also where nobody needs its picture.
/// - A clip is written as NAME.mp4.part, in fragments, on a thread of its own, and gets its name once it is whole.
///
/// One Clips is for one Player at a time. save() and stats() are for any thread. The destructor closes it.
class Clips {
 public:
  /// \throws Error  for a folder that is not there or cannot be written to, times that make no sense, a container or an
  ///                option that this FFmpeg does not have
  explicit Clips(const ClipsOptions& options)
      : writer_{new ffmpeg::ClipWriter{options.folder, options.container, options.container_options, options.on_clip}},
        keeper_{new ffmpeg::ClipKeeper{options, writer_}},
        worker_{writer_} {
    struct stat status {};
    if (options.folder.empty() || ::stat(options.folder.c_str(), &status) != 0 || !S_ISDIR(status.st_mode))
      throw Error{std::make_error_code(std::errc::no_such_file_or_directory), "save clips", options.folder,
                  "ClipsOptions::folder is no folder that is there"};
    if (options.before < MediaTime{0} || options.after < MediaTime{0} || options.longest <= MediaTime{0})
      throw Error{Errc::invalid_argument, "save clips", options.folder,
                  "ClipsOptions::before and after must not be negative, nor longest be 0"};
    std::string probe = options.folder + "/.clip-XXXXXX";
    const int file = ::mkstemp(probe.data());
    if (file < 0)
      throw Error{std::error_code{errno, std::generic_category()}, "save clips", options.folder,
                  "ClipsOptions::folder cannot be written to"};
    ::close(file);
    ::unlink(probe.c_str());
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
