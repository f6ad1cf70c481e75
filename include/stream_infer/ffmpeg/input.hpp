#pragma once

#include "stream_infer/core/error.hpp"
#include "stream_infer/core/redact.hpp"
#include "stream_infer/ffmpeg/error.hpp"
#include "stream_infer/ffmpeg/ffmpeg_options.hpp"
#include "stream_infer/ffmpeg/handle.hpp"
#include "stream_infer/ffmpeg/log.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <filesystem>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

namespace stream_infer::ffmpeg {

/// What FFmpeg asks, in whatever it waits for, to know whether to give up.
struct Interrupt {
  std::atomic<bool> requested{false};

  static int ask(void* self) {
    return static_cast<const Interrupt*>(self)->requested.load(std::memory_order_relaxed) ? 1 : 0;  // a lone flag
  }
};

/// An open container. The Interrupt that its context points to lives beside it.
struct Input {
  std::shared_ptr<Interrupt> interrupt = std::make_shared<Interrupt>();  // first: outlives the context
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
[[nodiscard]] inline std::string hint(const std::string& url, int code) {
  std::error_code ignored;
  const std::filesystem::file_status status = std::filesystem::status(url, ignored);
  if (std::filesystem::is_directory(status)) return "it is a folder; for an image sequence give a pattern such as folder/%04d.png";
  if (!std::filesystem::is_regular_file(status)) return {};
  if (std::filesystem::file_size(url, ignored) == 0) return "the file is empty";
  if (code != AVERROR_INVALIDDATA) return {};
  AVIOContext* io = nullptr;
  if (avio_open(&io, url.c_str(), AVIO_FLAG_READ) < 0) return {};
  compat::InputFormat* format = nullptr;
  const int score = av_probe_input_buffer2(io, &format, url.c_str(), nullptr, 0, 0);
  avio_closep(&io);
  if (score < 0 || format == nullptr) return "its format is not recognised: not a video, or damaged at its beginning";
  if (av_match_name("mp4", format->name) != 0)
    return "an MP4 or MOV without its index (moov): it was not finished, or cut";
  return std::string{"recognised as "} + format->name + ", but damaged";
}

inline void open_now(Input& input, const std::string& source, const FFmpegOptions& options) {
  const std::string name = redact(source);
  const Address address{source};
  Dictionary dictionary;
  for (const auto& [key, value] : options.options) dictionary.set(key.c_str(), value.c_str());

  AVFormatContext* context = avformat_alloc_context();
  if (context == nullptr) throw std::bad_alloc{};
  context->interrupt_callback = {&Interrupt::ask, input.interrupt.get()};
  if (const int code = avformat_open_input(&context, address.url.c_str(), address.device, dictionary.get()); code < 0)
    throw make_error(code, "open", name, hint(address.url, code));  // the context has been freed by FFmpeg
  input.context.reset(context);
  if (const char* unknown = dictionary.any_key())
    throw Error{Errc::invalid_argument, "open", name,
                "the option '" + std::string{unknown} + "' is not one that this source knows"};
  if (const int code = avformat_find_stream_info(context, nullptr); code < 0)
    throw make_error(code, "find streams", name, hint(address.url, code));
}

}  // namespace detail

/// Opens a container and finds its streams. This is done on a thread of its own: not all that opening waits for can be
/// interrupted (a name look-up cannot). When `stop` is requested, the caller goes on after at most 100 ms; the thread
/// owns all that it uses, and ends with it as soon as it is let.
/// \throws Error  also when it was stopped: std::errc::operation_canceled
[[nodiscard]] inline Input open_input(const std::string& source, const FFmpegOptions& options, const std::stop_token& stop) {
  quiet_log_once();

  struct Opening {
    Input input;
    std::exception_ptr error;
    bool done = false;
    std::mutex mutex;
    std::condition_variable_any changed;
  };
  const auto opening = std::make_shared<Opening>();
  const std::stop_callback interrupt{stop, [&opening] { opening->input.interrupt->requested.store(true); }};

  std::thread thread{[opening, source, options] {
    std::exception_ptr error;
    try {
      detail::open_now(opening->input, source, options);
    } catch (...) {
      error = std::current_exception();
    }
    const std::lock_guard lock{opening->mutex};
    opening->error = error;
    opening->done = true;
    opening->changed.notify_all();
  }};

  std::unique_lock lock{opening->mutex};
  const auto done = [&opening] { return opening->done; };
  if (!opening->changed.wait(lock, stop, done)) opening->changed.wait_for(lock, std::chrono::milliseconds{80}, done);
  const bool abandoned = !opening->done;
  lock.unlock();
  if (abandoned)
    thread.detach();
  else
    thread.join();
  if (stop.stop_requested())
    throw Error{std::make_error_code(std::errc::operation_canceled), "open", redact(source), "stopped while opening"};
  if (opening->error) std::rethrow_exception(opening->error);
  return std::move(opening->input);
}

}  // namespace stream_infer::ffmpeg
