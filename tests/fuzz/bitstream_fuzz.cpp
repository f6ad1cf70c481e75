// What we read of compressed pictures ourselves, as a target of libFuzzer: the first byte chooses the codec, the second the length
// of its extradata, and what follows is divided into packets, each as long as its first byte says, times two. AddressSanitizer
// sees what is read beyond a packet's end. tests/fuzz.sh builds and runs it.
#include "stream_infer/ffmpeg/make_bitstream.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <string>
#include <vector>

namespace ffmpeg = stream_infer::ffmpeg;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static constexpr AVCodecID codecs[] = {AV_CODEC_ID_H264, AV_CODEC_ID_HEVC, AV_CODEC_ID_MPEG2VIDEO, AV_CODEC_ID_VP8,
                                         AV_CODEC_ID_VP9,  AV_CODEC_ID_AV1,  AV_CODEC_ID_MJPEG};
  if (size < 2) return 0;
  av_log_set_level(AV_LOG_QUIET);
  const ffmpeg::UniqueParameters parameters{avcodec_parameters_alloc()};
  parameters->codec_type = AVMEDIA_TYPE_VIDEO;
  parameters->codec_id = codecs[data[0] % std::size(codecs)];
  const std::size_t extra = std::min<std::size_t>(data[1], size - 2);
  parameters->extradata = static_cast<std::uint8_t*>(av_mallocz(extra + AV_INPUT_BUFFER_PADDING_SIZE));
  std::memcpy(parameters->extradata, data + 2, extra);
  parameters->extradata_size = static_cast<int>(extra);
  const auto bitstream = ffmpeg::make_bitstream(*parameters);
  if (!bitstream) return 0;
  // FFmpeg's own parsers, which some of ours stand on, may read on a little.
  const bool parsed = parameters->codec_id == AV_CODEC_ID_H264 || parameters->codec_id == AV_CODEC_ID_HEVC;
  const ffmpeg::UniquePacket packet = ffmpeg::make_packet();
  std::string sets;
  for (std::size_t at = 2 + extra; at < size;) {
    const std::size_t length = std::min<std::size_t>(2 * std::size_t{data[at]}, size - at - 1);
    ++at;
    std::vector<std::uint8_t> bytes(length + (parsed ? AV_INPUT_BUFFER_PADDING_SIZE : 0));
    bytes.shrink_to_fit();
    std::copy_n(data + at, length, bytes.data());
    at += length;
    packet->data = bytes.data();
    packet->size = static_cast<int>(length);
    static_cast<void>(bitstream->inspect(*packet));
    static_cast<void>(bitstream->keep_parameter_sets(*packet, sets));
    packet->data = nullptr;
    packet->size = 0;
  }
  return 0;
}
