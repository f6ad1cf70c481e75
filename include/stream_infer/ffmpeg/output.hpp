#pragma once

#include "stream_infer/core/descriptor.hpp"
#include "stream_infer/core/error.hpp"
#include "stream_infer/core/media_time.hpp"
#include "stream_infer/core/min_max.hpp"
#include "stream_infer/core/redact.hpp"
#include "stream_infer/ffmpeg/compat.hpp"
#include "stream_infer/ffmpeg/error.hpp"
#include "stream_infer/ffmpeg/file_lock.hpp"
#include "stream_infer/ffmpeg/handle.hpp"
#include "stream_infer/ffmpeg/interrupt.hpp"
#include "stream_infer/ffmpeg/log.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>

namespace stream_infer::ffmpeg {

namespace detail {

inline void close_output(AVFormatContext* context) noexcept {
  if (context->pb != nullptr && (context->oformat->flags & AVFMT_NOFILE) == 0) avio_closep(&context->pb);
  avformat_free_context(context);
}

/// Where a path stands in a URL's place, it may have a ':' that is no scheme's.
[[nodiscard]] inline bool is_path(std::string_view url) {
  return url.find("://") == std::string_view::npos && !url.starts_with("pipe:") && !url.starts_with("file:") &&
         !url.starts_with("fd:");
}

}  // namespace detail

/// FFmpeg's options by name, as on its command line.
using NamedOptions = std::vector<std::pair<std::string, std::string>>;

/// Where packets go: a container in a file, or one that somebody receives. One thread; interrupt() is for any. Errors name
/// the option of `owner`, the struct of options that the user wrote.
class Output {
 public:
  struct Target {
    std::string url;                         ///< a path, or a URL
    std::string container{};                 ///< FFmpeg's name of it; empty: by the URL
    NamedOptions options{};                  ///< of the container, or of the protocol
    MediaTime timeout{};                     ///< for what a network is waited for, each time; 0 is for ever
    std::string_view owner{};                ///< for errors
    bool is_live = false;                    ///< it has no end: what is old may go
    std::shared_ptr<Interrupt> interrupt{};  ///< null: one of its own
  };

  /// Checks all that can be known before there are streams. \throws Error
  explicit Output(Target target)
      : target_{std::move(target)}, name_{redact(target_.url)}, interrupt_{target_.interrupt} {
    if (interrupt_ == nullptr) interrupt_.reset(new Interrupt);
    quiet_log_once();
    const std::string container = target_.container.empty() ? container_of(target_.url) : target_.container;
    const std::string url = no_other_protocol(target_.url);
    AVFormatContext* made = nullptr;
    avformat_alloc_output_context2(&made, nullptr, container.empty() ? nullptr : container.c_str(), url.c_str());
    if (made == nullptr)
      throw Error{Errc::invalid_argument, "record", name_,
                  target_.container.empty()
                      ? option("container") + ": the name does not tell which container it shall be"
                      : option("container") + ": this FFmpeg does not write '" + container +
                            "' (ffmpeg -muxers lists what it does)"};
    context_.reset(made);
    context_->interrupt_callback = {&Interrupt::ask, interrupt_.get()};
    context_->opaque = this;  // for those files that the container opens itself
    compat::set_io_close<&Output::close_file>(*context_);
    context_->flush_packets = 1;  // what has been written is there, also if the program is killed
    if (target_.is_live) context_->max_interleave_delta = 200'000;  // us; a sound that stops keeps no picture waiting
    check_folder();
    set_options();
  }

  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  /// What has begun and did not end() is given up: nobody is waited for.
  ~Output() {
    interrupt_->expect_within(stream_infer::detail::min(target_.timeout, MediaTime{1'000'000}));
    // Where the container has made its connections itself, only this closes them.
    if (has_begun_ && (context_->oformat->flags & AVFMT_NOFILE) != 0) av_write_trailer(context_.get());
    context_.reset(nullptr);
    interrupt_->expect_nothing();
  }

  /// Opens the file, or connects. \throws Error
  void open() {
    if ((context_->oformat->flags & AVFMT_NOFILE) != 0) return;
    if (detail::is_path(target_.url) && !lock_.take(target_.url))
      throw Error{std::make_error_code(std::errc::device_or_resource_busy), "record", name_,
                  "another recording writes to it: give each a file of its own"};
    const auto guard = expect();
    open_pipe();
    const std::string pipe = "pipe:" + std::to_string(pipe_.get());
    if (const int code = avio_open2(&context_->pb, pipe_ ? pipe.c_str() : context_->url, AVIO_FLAG_WRITE,
                                    &context_->interrupt_callback, others_.get());
        code < 0)
      throw failure(code, "cannot be opened");
  }

  [[nodiscard]] bool holds(AVCodecID codec) const {
    return avformat_query_codec(context_->oformat, codec, FF_COMPLIANCE_NORMAL) != 0;
  }
  /// \param what  of the source \throws Error  if the container does not hold it
  void must_hold(AVCodecID codec, std::string_view what) const {
    if (!holds(codec)) throw Error{Errc::unsupported, "record", name_, not_held(codec, what)};
  }
  /// Why not, and what to do about it.
  [[nodiscard]] std::string not_held(AVCodecID codec, std::string_view what) const {
    return option("container") + ": " + context_->oformat->name + " does not hold the source's " + std::string{what} +
           " (" + avcodec_get_name(codec) + "); matroska does";
  }

  /// \returns the stream's number
  int add_stream(const AVCodecParameters& parameters, AVRational time_base,
                 const std::optional<std::array<std::int32_t, 9>>& display_matrix = {}) {
    AVStream* const stream = detail::not_null(avformat_new_stream(context_.get(), nullptr));
    if (avcodec_parameters_copy(stream->codecpar, &parameters) < 0) throw std::bad_alloc{};
    stream->codecpar->codec_tag = 0;  // another container's may not fit
    stream->time_base = time_base;
    stream->sample_aspect_ratio = parameters.sample_aspect_ratio;
    if (display_matrix) compat::set_display_matrix(*stream, *display_matrix);
    last_.push_back(AV_NOPTS_VALUE);
    filters_.push_back(filter_for(parameters, time_base));
    return stream->index;
  }

  /// After all streams have been added. \throws Error
  void begin() {
    const auto guard = expect();
    if (const int code = avformat_write_header(context_.get(), others_.get()); code < 0)
      throw failure(code, "the container does not take these streams, or its options");
    has_begun_ = true;
    if (const char* const left = others_.any_key()) throw unknown(left);
  }

  /// Takes what the packet refers to. One that is not decoded later than the one before it in its stream is so all the same.
  /// \param time_base  of its times \throws Error
  void write(AVPacket& packet, int stream, AVRational time_base) {
    if (const UniquePacketFilter& filter = filters_[static_cast<std::size_t>(stream)]) {
      int code = av_bsf_send_packet(filter.get(), &packet);
      if (code >= 0) code = av_bsf_receive_packet(filter.get(), &packet);
      if (code < 0) throw failure(code, "its sound cannot be taken over");
    }
    av_packet_rescale_ts(&packet, time_base, context_->streams[stream]->time_base);
    packet.stream_index = stream;
    packet.pos = -1;
    if (std::int64_t& last = last_[static_cast<std::size_t>(stream)]; packet.dts != AV_NOPTS_VALUE) {
      if (last != AV_NOPTS_VALUE) packet.dts = stream_infer::detail::max(packet.dts, last + 1);
      if (packet.pts != AV_NOPTS_VALUE) packet.pts = stream_infer::detail::max(packet.pts, packet.dts);
      last = packet.dts;
    }
    const auto guard = expect();
    bytes_ += static_cast<std::uint64_t>(packet.size);
    const int code = av_interleaved_write_frame(context_.get(), &packet);
    if (code < 0 || files_error_ < 0) throw failure(code < 0 ? code : files_error_, "cannot be written");
  }

  /// Writes what the container ends with. \throws Error
  void end() {
    if (!std::exchange(has_begun_, false)) return;
    const auto guard = expect();
    int code = av_write_trailer(context_.get());
    if (context_->pb != nullptr && (context_->oformat->flags & AVFMT_NOFILE) == 0) {
      const int closed = avio_closep(&context_->pb);
      if (code >= 0) code = closed;
    }
    lock_.release();
    if (code >= 0) code = files_error_;
    if (code < 0) throw failure(code, "cannot be finished");
  }

  [[nodiscard]] const AVOutputFormat& format() const { return *context_->oformat; }
  [[nodiscard]] const std::string& name() const { return name_; }  ///< without credentials
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }     ///< of packets
  [[nodiscard]] const std::shared_ptr<Interrupt>& interrupt() const { return interrupt_; }

 private:
  /// A name with a colon is a file's all the same. Not by "file:", for what removes files takes that for a folder's name.
  [[nodiscard]] static std::string no_other_protocol(const std::string& url) {
    return detail::is_path(url) && !url.starts_with('/') ? "./" + url : url;
  }

  /// AVFormatContext::io_close2. What FFmpeg's HLS, say, writes to its files may fail without a word.
  static int close_file(AVFormatContext* context, AVIOContext* file) noexcept {
    const bool was_written = avio_tell(file) > 0;
    const int code = avio_close(file);
    auto* const self =
        static_cast<Output*>(context->opaque);  // the container's own contexts have it, but perhaps not all
    if (self != nullptr && code < 0 && was_written && self->files_error_ == 0) self->files_error_ = code;
    return code;
  }

  /// A pipe by its name waits for a reader: so that this ends in time, it is opened here. \throws Error
  void open_pipe() {
    const char* const path = context_->url + (std::string_view{context_->url}.starts_with("file:") ? 5 : 0);
    struct stat status {};
    if (::stat(path, &status) != 0 || !S_ISFIFO(status.st_mode)) return;
    for (;;) {
      pipe_ = stream_infer::detail::Descriptor{::open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC)};
      if (pipe_) return;
      if (errno != ENXIO) throw failure(AVERROR(errno), "cannot be opened");
      if (Interrupt::ask(interrupt_.get()) != 0)
        throw Error{std::make_error_code(std::errc::timed_out), "record", name_, "nobody reads from it"};
      std::this_thread::sleep_for(std::chrono::milliseconds{10});
    }
  }

  /// The containers that go with what FFmpeg does not tell by a file's name.
  [[nodiscard]] static std::string container_of(std::string_view url) {
    const auto is = [url](std::string_view scheme) { return url.starts_with(scheme); };
    if (is("rtmp://") || is("rtmps://") || is("rtmpt://")) return "flv";
    if (is("rtsp://") || is("rtsps://")) return "rtsp";
    if (is("srt://") || is("udp://") || is("tcp://")) return "mpegts";
    if (is("rtp://")) return "rtp_mpegts";
    return {};
  }

  [[nodiscard]] bool is_container(const char* names) const {
    return av_match_name(context_->oformat->name, names) != 0;
  }

  [[nodiscard]] std::string option(std::string_view field) const {
    return std::string{target_.owner} + "::" + std::string{field};
  }

  /// Sound as MPEG-TS has it tells with each packet what others say once.
  [[nodiscard]] UniquePacketFilter filter_for(const AVCodecParameters& parameters, AVRational time_base) const {
    if (parameters.codec_id != AV_CODEC_ID_AAC || parameters.extradata_size > 0 || !is_container(says_it_once))
      return {};
    const AVBitStreamFilter* const kind = av_bsf_get_by_name("aac_adtstoasc");
    AVBSFContext* made = nullptr;
    if (kind == nullptr || av_bsf_alloc(kind, &made) < 0) return {};
    UniquePacketFilter filter{made};
    made->time_base_in = time_base;
    if (avcodec_parameters_copy(made->par_in, &parameters) < 0 || av_bsf_init(made) < 0) return {};
    return filter;
  }

  void check_folder() const {
    const std::string_view url = target_.url;
    const bool is_file = url.starts_with("file:");
    if (!is_file && !detail::is_path(url)) return;
    const std::string_view path = is_file ? url.substr(5) : url;
    const std::size_t slash = path.rfind('/');
    const std::string folder{slash == std::string_view::npos ? "." : slash == 0 ? "/" : path.substr(0, slash)};
    struct stat status {};
    if (::stat(folder.c_str(), &status) != 0 || !S_ISDIR(status.st_mode))
      throw Error{std::make_error_code(std::errc::no_such_file_or_directory), "record", name_,
                  "there is no folder " + folder};
  }

  void set_options() {
    set_defaults();
    for (const auto& [key, value] : target_.options) {
      const int code = av_opt_set(context_.get(), key.c_str(), value.c_str(), AV_OPT_SEARCH_CHILDREN);
      if (code == AVERROR_OPTION_NOT_FOUND) {
        if (detail::is_path(target_.url) && !is_of_files(key.c_str())) throw unknown(key);
        others_.set(key.c_str(), value.c_str());  // of the protocol, it may be
        continue;
      }
      if (code < 0) throw make_error(code, "record", name_, option("container_options") + ": " + cannot_be(key, value));
    }
  }

  [[nodiscard]] static bool is_of_files(const char* key) {
    const AVClass* kind = avio_protocol_get_class("file");
    return kind != nullptr && av_opt_find(&kind, key, nullptr, 0, AV_OPT_SEARCH_FAKE_OBJ) != nullptr;
  }

  [[nodiscard]] Error unknown(const std::string& key) const {
    return {Errc::invalid_argument, "record", name_,
            option("container_options") + ": '" + key + "' is not one that the container " + context_->oformat->name +
                " knows"};
  }

  /// What serves better than FFmpeg's own defaults where nobody may be there to finish a file.
  void set_defaults() {
    const auto set = [this](const char* key, const char* value) {
      av_opt_set(context_.get(), key, value, AV_OPT_SEARCH_CHILDREN);
    };
    if (is_container(mp4_and_its_like)) set("movflags", "frag_keyframe+delay_moov+default_base_moof");
    if (is_container("flv")) set("flvflags", "no_duration_filesize");
    if (is_container("rtsp")) set("rtsp_transport", "tcp");
    if (is_container("hls") && target_.is_live) set("hls_flags", "delete_segments");
    if (is_container("hls") && !target_.is_live) set("hls_list_size", "0");  // all of it is listed
  }

  /// What FFmpeg waits for is over in time, while the guard lives.
  struct Expecting {
    Interrupt* interrupt;
    explicit Expecting(Interrupt* asked) : interrupt{asked} {}
    Expecting(const Expecting&) = delete;
    Expecting& operator=(const Expecting&) = delete;
    ~Expecting() { interrupt->expect_nothing(); }
  };
  [[nodiscard]] Expecting expect() {
    interrupt_->expect_within(target_.timeout);
    return Expecting{interrupt_.get()};
  }

  [[nodiscard]] Error failure(int code, std::string_view what) const {
    if (interrupt_->timed_out())
      return {std::make_error_code(std::errc::timed_out), "record", name_, "no answer in time"};
    return make_error(code, "record", name_, what);
  }

  static constexpr const char* mp4_and_its_like = "mp4,mov,ipod,3gp,3g2,psp,f4v";
  static constexpr const char* says_it_once = "mp4,mov,ipod,3gp,3g2,psp,f4v,flv,matroska";

  Target target_;
  std::string name_;
  std::shared_ptr<Interrupt> interrupt_;  // outlives the context
  Dictionary others_;
  FileLock lock_;
  stream_infer::detail::Descriptor pipe_;
  Handle<AVFormatContext, detail::close_output> context_;
  std::vector<UniquePacketFilter> filters_;  // of each stream, or null
  std::vector<std::int64_t> last_;           // of each stream, when it is decoded; in its units
  bool has_begun_ = false;
  int files_error_ = 0;  // the first of the files that the container opens itself; 0: none
  std::uint64_t bytes_ = 0;
};

}  // namespace stream_infer::ffmpeg
