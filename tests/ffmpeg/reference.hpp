#pragma once

#include "stream_infer/core/image.hpp"
#include "stream_infer/core/media_time.hpp"
#include "stream_infer/ffmpeg/ffmpeg_producer.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ostream>
#include <stdexcept>
#include <string>
#include <vector>

/// A second way to the same frames, as plain as can be: what FFmpegProducer gives must be equal to it.
namespace stream_infer::test {

/// A frame without its pixels.
struct Print {
  MediaTime time{};
  int width = 0;
  int height = 0;
  std::uint64_t pixels = 0;  ///< hash

  friend bool operator==(const Print&, const Print&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Print& print) {
    return out << std::chrono::duration<double>{print.time}.count() << "s " << print.width << 'x' << print.height << ' '
               << std::hex << print.pixels << std::dec;
  }
};

[[nodiscard]] inline std::uint64_t hash_of(const ImageView& image) {
  std::uint64_t hash = 14695981039346656037U;
  for (int y = 0; y < image.height; ++y)
    for (const std::uint8_t byte : image.row(y)) hash = (hash ^ byte) * 1099511628211U;
  return hash;
}

[[nodiscard]] inline Print print_of(const Frame& frame) {
  const ImageView image = frame.image();
  return {frame.time(), image.width, image.height, hash_of(image)};
}

/// All frames of a source from `position` on, as a play would have them.
[[nodiscard]] inline std::vector<Print> prints_of(const std::string& source, FFmpegOptions options = {},
                                                  MediaTime position = {}) {
  FFmpegProducer producer{std::move(options)};
  FFmpegReader reader = producer.open(source, {.position = position});
  std::vector<Print> prints;
  for (Frame frame; reader.read(frame) == ReadStatus::frame;)
    if (frame.time() >= position) prints.push_back(print_of(frame));
  return prints;
}

/// Writes a decoded picture in BGR24, at its own size, by swscale's nearest neighbour with its defaults for colours.
inline void reference_convert(const AVFrame& from, ImageSpan to) {
  SwsContext* scaler =
      sws_getContext(from.width, from.height, static_cast<AVPixelFormat>(from.format), to.width, to.height,
                     AV_PIX_FMT_BGR24, SWS_POINT | SWS_FULL_CHR_H_INP, nullptr, nullptr, nullptr);
  if (scaler == nullptr) throw std::runtime_error{"no scaler"};
  int *inverse = nullptr, *table = nullptr, from_range = 0, to_range = 0, brightness = 0, contrast = 0, saturation = 0;
  sws_getColorspaceDetails(scaler, &inverse, &from_range, &table, &to_range, &brightness, &contrast, &saturation);
  if (from.color_range == AVCOL_RANGE_JPEG) from_range = 1;
  const int space =
      from.colorspace == AVCOL_SPC_UNSPECIFIED || from.colorspace == AVCOL_SPC_RGB ? SWS_CS_DEFAULT : from.colorspace;
  sws_setColorspaceDetails(scaler, sws_getCoefficients(space), from_range, table, to_range, brightness, contrast,
                           saturation);
  std::uint8_t* planes[4] = {to.data};
  int strides[4] = {static_cast<int>(to.stride)};
  sws_scale(scaler, from.data, from.linesize, 0, from.height, planes, strides);
  sws_freeContext(scaler);
}

/// All frames of a file: libavformat and libavcodec in one thread, from the start, every picture at once converted. Media
/// time 0 is the time stamp of the first picture; without time stamps, pictures are 1 / `fps` apart.
[[nodiscard]] inline std::vector<Print> reference_prints(const std::string& path, int fps = 25) {
  const auto check = [&path](int code) {
    if (code < 0) throw std::runtime_error{"the reference cannot read " + path};
    return code;
  };
  AVFormatContext* input = nullptr;
  check(avformat_open_input(&input, path.c_str(), nullptr, nullptr));
  check(avformat_find_stream_info(input, nullptr));
  const AVStream& stream = *input->streams[check(av_find_best_stream(input, AVMEDIA_TYPE_VIDEO, -1, -1, nullptr, 0))];
  const AVCodec* codec = avcodec_find_decoder(stream.codecpar->codec_id);
  AVCodecContext* decoder = avcodec_alloc_context3(codec);
  check(avcodec_parameters_to_context(decoder, stream.codecpar));
  decoder->pkt_timebase = stream.time_base;
  decoder->thread_count = 1;
  check(avcodec_open2(decoder, codec, nullptr));

  std::vector<Print> prints;
  std::int64_t start = AV_NOPTS_VALUE;
  AVPacket* packet = av_packet_alloc();
  AVFrame* frame = av_frame_alloc();
  for (bool more = true; more;) {
    more = av_read_frame(input, packet) >= 0;
    if (more && packet->stream_index != stream.index) {
      av_packet_unref(packet);
      continue;
    }
    static_cast<void>(avcodec_send_packet(decoder, more ? packet : nullptr));
    av_packet_unref(packet);
    while (avcodec_receive_frame(decoder, frame) >= 0) {
      Image image{ImageSpec{frame->width, frame->height, PixelFormat::bgr24}};
      reference_convert(*frame, image.span());
      MediaTime time{std::chrono::seconds{prints.size()}};
      time /= fps;
      if (frame->best_effort_timestamp != AV_NOPTS_VALUE) {
        if (start == AV_NOPTS_VALUE) start = frame->best_effort_timestamp;
        time = MediaTime{av_rescale_q(frame->best_effort_timestamp - start, stream.time_base, {1, 1'000'000'000})};
      }
      const Image& written = image;
      prints.push_back({time, frame->width, frame->height, hash_of(written.view())});
    }
  }
  av_frame_free(&frame);
  av_packet_free(&packet);
  avcodec_free_context(&decoder);
  avformat_close_input(&input);
  return prints;
}

}  // namespace stream_infer::test
