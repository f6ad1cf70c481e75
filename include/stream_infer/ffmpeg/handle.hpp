#pragma once

#include "stream_infer/core/handle.hpp"
#include "stream_infer/ffmpeg/compat.hpp"

#include <new>

namespace stream_infer::ffmpeg {

template <class T, void (*free)(T*) noexcept = stream_infer::detail::delete_object<T>>
using Handle = stream_infer::detail::Handle<T, free>;

namespace detail {

inline void close_input(AVFormatContext* context) noexcept { avformat_close_input(&context); }
inline void free_codec_context(AVCodecContext* context) noexcept { avcodec_free_context(&context); }
inline void free_parameters(AVCodecParameters* parameters) noexcept { avcodec_parameters_free(&parameters); }
inline void free_frame(AVFrame* frame) noexcept { av_frame_free(&frame); }
inline void free_packet(AVPacket* packet) noexcept { av_packet_free(&packet); }
inline void close_io(AVIOContext* io) noexcept { avio_closep(&io); }
inline void free_filter_graph(AVFilterGraph* graph) noexcept { avfilter_graph_free(&graph); }
inline void free_packet_filter(AVBSFContext* filter) noexcept { av_bsf_free(&filter); }
inline void free_scaler(SwsContext* context) noexcept { sws_freeContext(context); }

/// \throws std::bad_alloc if there is none
template <class T>
T* not_null(T* pointer) {
  if (pointer == nullptr) throw std::bad_alloc{};
  return pointer;
}

}  // namespace detail

// FFmpeg's objects with their owners. Nothing else in this library owns an AV pointer.
using UniqueFormatContext = Handle<AVFormatContext, detail::close_input>;
using UniqueCodecContext = Handle<AVCodecContext, detail::free_codec_context>;
using UniqueParameters = Handle<AVCodecParameters, detail::free_parameters>;
using UniqueFrame = Handle<AVFrame, detail::free_frame>;
using UniquePacket = Handle<AVPacket, detail::free_packet>;
using UniqueIo = Handle<AVIOContext, detail::close_io>;
using UniqueFilterGraph = Handle<AVFilterGraph, detail::free_filter_graph>;
using UniquePacketFilter = Handle<AVBSFContext, detail::free_packet_filter>;
using UniqueScaler = Handle<SwsContext, detail::free_scaler>;

/// \throws std::bad_alloc
[[nodiscard]] inline UniqueFrame make_frame() { return UniqueFrame{detail::not_null(av_frame_alloc())}; }

/// \throws std::bad_alloc
[[nodiscard]] inline UniquePacket make_packet() { return UniquePacket{detail::not_null(av_packet_alloc())}; }

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
