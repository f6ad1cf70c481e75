#pragma once

#include "stream_infer/core/error.hpp"
#include "stream_infer/core/handle.hpp"
#include "stream_infer/core/media_time.hpp"
#include "stream_infer/core/redact.hpp"
#include "stream_infer/ffmpeg/error.hpp"
#include "stream_infer/ffmpeg/ffmpeg_options.hpp"
#include "stream_infer/ffmpeg/fifo.hpp"
#include "stream_infer/ffmpeg/handle.hpp"
#include "stream_infer/ffmpeg/interrupt.hpp"
#include "stream_infer/ffmpeg/log.hpp"
#include "stream_infer/ffmpeg/source_rules.hpp"
#include "stream_infer/ffmpeg/worker.hpp"

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <memory>
#include <new>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <sys/stat.h>

namespace stream_infer::ffmpeg {

/// An open container. What its context points to lives beside it.
struct Input {
  std::shared_ptr<Interrupt> interrupt;  // first: outlives the context, as do
  std::shared_ptr<Gate> gate;            // what guards it, and
  Descriptor fifo;                       // the named pipe that it reads, if it does
  UniqueFormatContext context;
};

/// A source string taken apart: "lavfi:testsrc2" and "v4l2:/dev/video0" name one of FFmpeg's devices and what it opens.
struct Address {
  compat::InputFormat* device = nullptr;  ///< null: FFmpeg finds out by itself
  std::string url;

  explicit Address(const std::string& source) : url{source} {
    avdevice_register_all();
    const std::size_t colon = source.find(':');
    if (colon != std::string::npos) device = find_device(source.substr(0, colon));
    if (device != nullptr)
      url = source.substr(colon + 1);
    else if (source.starts_with("/dev/video"))
      device = find_device("video4linux2");
  }

  /// Whether it is somebody else, who may not answer: no file, pipe or pattern.
  [[nodiscard]] bool is_remote() const {
    if (device != nullptr) return av_match_name("lavfi", device->name) == 0;
    return url.find("://") != std::string::npos && scheme_of(url) != "file";
  }

 private:
  static compat::InputFormat* find_device(std::string_view name) {
    compat::InputFormat* device = nullptr;
    while ((device = av_input_video_device_next(device)) != nullptr)
      if (av_match_name(std::string{name}.c_str(), device->name) != 0) return device;
    return nullptr;
  }
};

namespace detail {

/// What a regular file seems to be, by its beginning; null if that says nothing. \param name  may help, or mislead
[[nodiscard]] inline const AVInputFormat* probe_file(const std::string& url, const char* name) {
  if (!is_regular_file(url)) return nullptr;
  AVIOContext* opened = nullptr;
  if (avio_open(&opened, url.c_str(), AVIO_FLAG_READ) < 0) return nullptr;
  const UniqueIo io{opened};
  compat::InputFormat* format = nullptr;
  return av_probe_input_buffer2(io.get(), &format, name, nullptr, 0, 0) < 0 ? nullptr : format;
}

/// What else can be said about a source that FFmpeg could not make sense of.
[[nodiscard]] inline std::string hint(const Address& address, const FFmpegOptions& options, int code) {
  if (code == AVERROR(EINVAL) && !options.options.empty()) {
    std::string names;
    for (const auto& [key, value] : options.options) names += (names.empty() ? "'" : ", '") + key + "'";
    return "is the value of one of its options wrong? " + names;
  }
  if (address.device != nullptr) {
    if (code != AVERROR(EINVAL)) return {};
    return std::string{"the device '"} + address.device->name + "' does not take what follows its name";
  }
  const std::string& url = address.url;
  if (code == AVERROR(EINVAL) && address.is_remote())
    return "is its format, or a protocol that it needs, not among those of FFmpegOptions::allowed?";
  struct stat status {};  // not std::filesystem: it would double what including this library costs
  if (::stat(url.c_str(), &status) != 0) return {};
  if (S_ISDIR(status.st_mode)) return "it is a folder; for an image sequence give a pattern such as folder/%04d.png";
  if (!S_ISREG(status.st_mode)) return {};
  if (status.st_size == 0) return "the file is empty";
  if (code != AVERROR_INVALIDDATA) return {};
  const AVInputFormat* format = probe_file(url, "");  // its name may be wrong
  if (format == nullptr) return "its format is not recognised: not a video, or damaged at its beginning";
  if (av_match_name("mp4", format->name) != 0)
    return "an MP4 or MOV whose index (moov) is missing or damaged: the recording was not finished, or the file is cut";
  return std::string{"recognised as "} + format->name + ", but damaged";
}

[[nodiscard]] inline std::string seconds_text(MediaTime time) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g s", to_seconds(time));
  return text;
}

/// Tells FFmpeg what it may do with the source. What the user says in FFmpegOptions::options comes later, and counts.
inline void restrict_to_allowed(Dictionary& dictionary, const Address& address, const Allowed& allowed) {
  dictionary.set("max_streams", std::to_string(allowed.streams).c_str());
  if (address.device != nullptr) return;  // it was named on purpose
  const std::string_view scheme = scheme_of(address.url);
  dictionary.set("protocol_whitelist", (allowed.protocols.empty() ? protocols_for(scheme) : allowed.protocols).c_str());
  if (!allowed.playlists_in_files || scheme != "file") dictionary.set("format_whitelist", formats_for(scheme).c_str());
}

/// What FFmpeg's own defaults would do worse. What the user says in FFmpegOptions::options comes later, and counts.
inline void set_defaults(Dictionary& dictionary, const Address& address, const FFmpegOptions& options) {
  const std::string_view scheme = scheme_of(address.url);
  if (address.device != nullptr || (scheme != "rtsp" && scheme != "rtsps")) return;
  std::string_view transport;
  for (const auto& [key, value] : options.options)
    if (key == "rtsp_transport") transport = value;
  // Over TCP no packet is lost, and firewalls let it through; UDP is for servers that refuse TCP.
  if (transport.empty()) dictionary.set("rtsp_flags", "prefer_tcp");
  // UDP first: FFmpeg turns to TCP when nothing has come for so long, in microseconds.
  if (transport.find("udp") != std::string_view::npos && transport.find("tcp") != std::string_view::npos)
    dictionary.set(compat::rtsp_timeout, "5000000");
}

/// The size of a stream's pictures where no decoder that may not make large ones could tell it: one is asked for its first
/// packet, and how large a picture it would make. What has been read is lost.
[[nodiscard]] inline std::pair<int, int> ask_for_size(AVFormatContext& context, const AVStream& stream) {
  std::pair<int, int> size{0, 0};
  compat::Codec* codec = avcodec_find_decoder(stream.codecpar->codec_id);
  if (codec == nullptr) return size;
  const UniqueCodecContext decoder{not_null(avcodec_alloc_context3(codec))};
  decoder->opaque = &size;
  decoder->get_buffer2 = [](AVCodecContext* asked, AVFrame* frame, int) {
    *static_cast<std::pair<int, int>*>(asked->opaque) = {frame->width, frame->height};
    return AVERROR(ENOMEM);
  };
  if (avcodec_parameters_to_context(decoder.get(), stream.codecpar) < 0) return size;
  if (avcodec_open2(decoder.get(), codec, nullptr) < 0) return size;
  const UniquePacket packet = make_packet();
  const UniqueFrame frame = make_frame();
  for (int i = 0; i < 64 && size.first == 0 && av_read_frame(&context, packet.get()) >= 0; ++i) {
    if (packet->stream_index == stream.index && avcodec_send_packet(decoder.get(), packet.get()) >= 0)
      static_cast<void>(avcodec_receive_frame(decoder.get(), frame.get()));
    av_packet_unref(packet.get());
  }
  return size;
}

/// \throws Error  if there is a picture larger than is allowed
inline void check_sizes(AVFormatContext& context, const Allowed& allowed, const std::string& name) {
  for (unsigned i = 0; i < context.nb_streams; ++i) {
    const AVStream& stream = *context.streams[i];
    if (stream.codecpar->codec_type != AVMEDIA_TYPE_VIDEO) continue;
    std::pair<int, int> size{stream.codecpar->width, stream.codecpar->height};
    if (size.first <= 0) size = ask_for_size(context, stream);
    if (std::int64_t{size.first} * size.second > allowed.pixels)
      throw Error{Errc::limit_exceeded, "open", name,
                  "its pictures are " + std::to_string(size.first) + "x" + std::to_string(size.second) +
                      ", more than FFmpegOptions::allowed.pixels"};
  }
}

/// Finds the streams. No decoder that this needs may make a picture larger than is allowed.
[[nodiscard]] inline int find_streams(AVFormatContext& context, const Allowed& allowed) {
  const std::size_t count = context.nb_streams;
  const stream_infer::detail::Array<AVDictionary*> options(count);
  for (std::size_t i = 0; i < count; ++i) av_dict_set_int(&options[i], "max_pixels", allowed.pixels, 0);
  const int code = avformat_find_stream_info(&context, count == 0 ? nullptr : &options[0]);
  for (std::size_t i = 0; i < count; ++i) av_dict_free(&options[i]);
  return code;
}

[[nodiscard]] inline Error timed_out(const char* step, const std::string& name, const FFmpegOptions& options) {
  return {std::make_error_code(std::errc::timed_out), step, name,
          "no answer that is a video within " + seconds_text(options.deadlines.connect) +
              " (FFmpegOptions::deadlines.connect)"};
}

/// Why opening failed.
[[nodiscard]] inline Error failure_of(int code, const char* step, const Address& address, const std::string& name,
                                      const FFmpegOptions& options, const Interrupt& interrupt, const Gate& gate) {
  if (interrupt.timed_out()) return timed_out(step, name, options);
  if (!gate.refused().empty()) return gate.error(step, name);
  const AVInputFormat* format = code == AVERROR(EINVAL) ? probe_file(address.url, address.url.c_str()) : nullptr;
  if (format != nullptr && opens_others(format->name))
    return {Errc::not_allowed, step, name,
            std::string{"a playlist ("} + format->name +
                "), which opens what it names: FFmpegOptions::allowed.playlists_in_files lets it"};
  return make_error(code, step, name, hint(address, options, code));
}

/// \throws Error  if an option is one that FFmpeg has nowhere: else that would be known only once the source answers
inline void check_options(const FFmpegOptions& options, const std::string& name) {
  const AVClass* formats = avformat_get_class();
  for (const auto& [key, value] : options.options)
    if (av_opt_find(&formats, key.c_str(), nullptr, 0, AV_OPT_SEARCH_CHILDREN | AV_OPT_SEARCH_FAKE_OBJ) == nullptr)
      throw Error{Errc::invalid_argument, "open", name,
                  "the option '" + key + "' is not one that this FFmpeg knows (FFmpegOptions::options)"};
}

inline void open_now(Input& input, Interrupt& interrupt, Gate& gate, const std::string& source,
                     const FFmpegOptions& options, bool again) {
  if (source.empty())
    throw Error{Errc::invalid_argument, "open", {}, "no source was given: a Player takes it as its third argument"};
  const std::string name = redact(source);
  Address address{source};
  check_options(options, name);
  if (address.device == nullptr && is_fifo(address.url)) {
    if (const int code = open_fifo(address.url, interrupt.flag(), input.fifo); code < 0)
      throw make_error(code, "open", name);
    address.url = "pipe:" + std::to_string(input.fifo.get());
  }
  Dictionary dictionary;
  restrict_to_allowed(dictionary, address, options.allowed);
  set_defaults(dictionary, address, options);
  if (again) dictionary.set("fpsprobesize", "0");  // the rate is known: frames need not be waited for to tell it
  for (const auto& [key, value] : options.options) dictionary.set(key.c_str(), value.c_str());

  AVFormatContext* context = avformat_alloc_context();
  if (context == nullptr) throw std::bad_alloc{};
  context->interrupt_callback = {&Interrupt::ask, &interrupt};
  gate.guard(*context);
  if (const int code = avformat_open_input(&context, address.url.c_str(), address.device, dictionary.get()); code < 0)
    throw failure_of(code, "open", address, name, options, interrupt, gate);  // the context has been freed by FFmpeg
  input.context.reset(context);
  if (const char* unknown = dictionary.any_key())
    throw Error{Errc::invalid_argument, "open", name,
                "the option '" + std::string{unknown} + "' is not one that this source knows"};
  if (const int code = find_streams(*context, options.allowed); code < 0)
    throw failure_of(code, "find streams", address, name, options, interrupt, gate);
  check_sizes(*context, options.allowed, name);
}

struct Opening final : Task {
  Opening(std::string from, FFmpegOptions how, bool once_more)
      : source{std::move(from)},
        options{std::move(how)},
        again{once_more},
        gate{Address{source}.url, options.allowed.other_hosts} {}

  void run() noexcept override {
    try {
      open_now(input, interrupt, gate, source, options, again);
    } catch (...) {
      error = std::current_exception();
    }
  }

  std::string source;
  FFmpegOptions options;
  bool again;
  Interrupt interrupt;  // outlives the context of `input`, also where that goes to somebody else: see open_input()
  Gate gate;            // likewise
  Input input;
  std::exception_ptr error;
};

}  // namespace detail

/// Opens a container and finds its streams, on a thread of its own that can be left behind: not all that opening waits
/// for can be interrupted. When `stop` is requested, or the deadline for it has passed, the caller goes on after at most
/// 100 ms.
/// \param again    it was open before, and is as it was
/// \throws Error  also when it was stopped: std::errc::operation_canceled
[[nodiscard]] inline Input open_input(const std::string& source, const FFmpegOptions& options,
                                      const std::stop_token& stop, bool again = false) {
  quiet_log_once();

  const std::shared_ptr<detail::Opening> opening{new detail::Opening{source, options, again}};
  const std::shared_ptr<Interrupt> flag{opening, &opening->interrupt};
  if (Address{source}.is_remote()) flag->expect_within(options.deadlines.connect);
  const std::stop_callback<Interrupting> interrupt{stop, Interrupting{flag}};
  Worker worker{opening};
  constexpr std::chrono::milliseconds grace{500};  // for what can be interrupted to say so itself
  const bool done = worker.wait_until(stop, flag->deadline(), grace);
  if (stop.stop_requested())
    throw Error{std::make_error_code(std::errc::operation_canceled), "open", redact(source), "stopped while opening"};
  if (!done) throw detail::timed_out("open", redact(source), options);
  if (opening->error) std::rethrow_exception(opening->error);
  flag->expect_nothing();
  opening->input.interrupt = flag;
  opening->input.gate = std::shared_ptr<Gate>{opening, &opening->gate};
  return std::move(opening->input);
}

}  // namespace stream_infer::ffmpeg
