#pragma once

#include "stream_infer/core/error.hpp"
#include "stream_infer/core/redact.hpp"
#include "stream_infer/ffmpeg/error.hpp"
#include "stream_infer/ffmpeg/ffmpeg_options.hpp"
#include "stream_infer/ffmpeg/fifo.hpp"
#include "stream_infer/ffmpeg/handle.hpp"
#include "stream_infer/ffmpeg/log.hpp"
#include "stream_infer/ffmpeg/worker.hpp"

#include <atomic>
#include <cerrno>
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

/// What FFmpeg asks, in whatever it waits for, to know whether to give up.
struct Interrupt {
  std::atomic<bool> requested{false};

  static int ask(void* self) {
    return static_cast<const Interrupt*>(self)->requested.load(std::memory_order_relaxed) ? 1 : 0;  // a lone flag
  }
};

/// Makes FFmpeg give up.
struct Interrupting {
  std::shared_ptr<Interrupt> interrupt;
  void operator()() const { interrupt->requested.store(true); }
};

/// An open container. What its context points to lives beside it.
struct Input {
  std::shared_ptr<Interrupt> interrupt;  // first: outlives the context, as does
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

 private:
  static compat::InputFormat* find_device(std::string_view name) {
    compat::InputFormat* device = nullptr;
    while ((device = av_input_video_device_next(device)) != nullptr)
      if (av_match_name(std::string{name}.c_str(), device->name) != 0) return device;
    return nullptr;
  }
};

namespace detail {

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
  struct stat status {};  // not std::filesystem: it would double what including this library costs
  if (::stat(url.c_str(), &status) != 0) return {};
  if (S_ISDIR(status.st_mode)) return "it is a folder; for an image sequence give a pattern such as folder/%04d.png";
  if (!S_ISREG(status.st_mode)) return {};
  if (status.st_size == 0) return "the file is empty";
  if (code != AVERROR_INVALIDDATA) return {};
  AVIOContext* opened = nullptr;
  if (avio_open(&opened, url.c_str(), AVIO_FLAG_READ) < 0) return {};
  const UniqueIo io{opened};
  compat::InputFormat* format = nullptr;
  const int score = av_probe_input_buffer2(io.get(), &format, "", nullptr, 0, 0);  // its name may be wrong
  if (score < 0 || format == nullptr) return "its format is not recognised: not a video, or damaged at its beginning";
  if (av_match_name("mp4", format->name) != 0)
    return "an MP4 or MOV whose index (moov) is missing or damaged: the recording was not finished, or the file is cut";
  return std::string{"recognised as "} + format->name + ", but damaged";
}

inline void open_now(Input& input, Interrupt& interrupt, const std::string& source, const FFmpegOptions& options) {
  if (source.empty())
    throw Error{Errc::invalid_argument, "open", {}, "no source was given: a Player takes it as its third argument"};
  const std::string name = redact(source);
  Address address{source};
  if (address.device == nullptr && is_fifo(address.url)) {
    if (const int code = open_fifo(address.url, interrupt.requested, input.fifo); code < 0)
      throw make_error(code, "open", name);
    address.url = "pipe:" + std::to_string(input.fifo.get());
  }
  Dictionary dictionary;
  for (const auto& [key, value] : options.options) dictionary.set(key.c_str(), value.c_str());

  AVFormatContext* context = avformat_alloc_context();
  if (context == nullptr) throw std::bad_alloc{};
  context->interrupt_callback = {&Interrupt::ask, &interrupt};
  if (const int code = avformat_open_input(&context, address.url.c_str(), address.device, dictionary.get()); code < 0)
    throw make_error(code, "open", name, hint(address, options, code));  // the context has been freed by FFmpeg
  input.context.reset(context);
  if (const char* unknown = dictionary.any_key())
    throw Error{Errc::invalid_argument, "open", name,
                "the option '" + std::string{unknown} + "' is not one that this source knows"};
  if (const int code = avformat_find_stream_info(context, nullptr); code < 0)
    throw make_error(code, "find streams", name, hint(address, options, code));
}

struct Opening final : Task {
  Opening(std::string from, FFmpegOptions how) : source{std::move(from)}, options{std::move(how)} {}

  void run() noexcept override {
    try {
      open_now(input, interrupt, source, options);
    } catch (...) {
      error = std::current_exception();
    }
  }

  std::string source;
  FFmpegOptions options;
  Interrupt interrupt;  // outlives the context of `input`, also where that goes to somebody else: see open_input()
  Input input;
  std::exception_ptr error;
};

}  // namespace detail

/// Opens a container and finds its streams, on a thread of its own that can be left behind: not all that opening waits
/// for can be interrupted. When `stop` is requested, the caller goes on after at most 100 ms.
/// \throws Error  also when it was stopped: std::errc::operation_canceled
[[nodiscard]] inline Input open_input(const std::string& source, const FFmpegOptions& options,
                                      const std::stop_token& stop) {
  quiet_log_once();

  const std::shared_ptr<detail::Opening> opening{new detail::Opening{source, options}};
  const std::shared_ptr<Interrupt> flag{opening, &opening->interrupt};
  const std::stop_callback<Interrupting> interrupt{stop, Interrupting{flag}};
  Worker worker{opening};
  if (!worker.wait(stop) || stop.stop_requested())
    throw Error{std::make_error_code(std::errc::operation_canceled), "open", redact(source), "stopped while opening"};
  if (opening->error) std::rethrow_exception(opening->error);
  opening->input.interrupt = flag;
  return std::move(opening->input);
}

}  // namespace stream_infer::ffmpeg
