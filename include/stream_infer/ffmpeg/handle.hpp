#pragma once

#include "stream_infer/ffmpeg/compat.hpp"

#include <memory>
#include <new>

namespace stream_infer::ffmpeg {
namespace detail {

struct CloseInput {
  void operator()(AVFormatContext* context) const noexcept { avformat_close_input(&context); }
};
struct FreeCodecContext {
  void operator()(AVCodecContext* context) const noexcept { avcodec_free_context(&context); }
};
struct FreeFrame {
  void operator()(AVFrame* frame) const noexcept { av_frame_free(&frame); }
};
struct FreePacket {
  void operator()(AVPacket* packet) const noexcept { av_packet_free(&packet); }
};
struct CloseIo {
  void operator()(AVIOContext* io) const noexcept { avio_closep(&io); }
};
struct FreeScaler {
  void operator()(SwsContext* context) const noexcept { sws_freeContext(context); }
};

template <class Unique>
Unique not_null(typename Unique::pointer pointer) {
  if (pointer == nullptr) throw std::bad_alloc{};
  return Unique{pointer};
}

}  // namespace detail

// FFmpeg's objects with their owners. Nothing else in this library owns an AV pointer.
using UniqueFormatContext = std::unique_ptr<AVFormatContext, detail::CloseInput>;
using UniqueCodecContext = std::unique_ptr<AVCodecContext, detail::FreeCodecContext>;
using UniqueFrame = std::unique_ptr<AVFrame, detail::FreeFrame>;
using UniquePacket = std::unique_ptr<AVPacket, detail::FreePacket>;
using UniqueIo = std::unique_ptr<AVIOContext, detail::CloseIo>;
using UniqueScaler = std::unique_ptr<SwsContext, detail::FreeScaler>;

/// \throws std::bad_alloc
[[nodiscard]] inline UniqueFrame make_frame() { return detail::not_null<UniqueFrame>(av_frame_alloc()); }

/// \throws std::bad_alloc
[[nodiscard]] inline UniquePacket make_packet() { return detail::not_null<UniquePacket>(av_packet_alloc()); }

/// An AVDictionary of options.
class Dictionary {
 public:
  Dictionary() = default;
  Dictionary(const Dictionary&) = delete;
  Dictionary& operator=(const Dictionary&) = delete;
  ~Dictionary() { av_dict_free(&entries_); }

  void set(const char* key, const char* value) {
    if (av_dict_set(&entries_, key, value, 0) < 0) throw std::bad_alloc{};
  }
  /// The name of any entry, or null if it is empty: after FFmpeg took what it knows, one that it does not know.
  [[nodiscard]] const char* any_key() const {
    const AVDictionaryEntry* entry = av_dict_get(entries_, "", nullptr, AV_DICT_IGNORE_SUFFIX);
    return entry == nullptr ? nullptr : entry->key;
  }
  [[nodiscard]] AVDictionary** get() { return &entries_; }

 private:
  AVDictionary* entries_ = nullptr;
};

}  // namespace stream_infer::ffmpeg
