#pragma once

#include "stream_infer/core/image.hpp"
#include "stream_infer/core/media_time.hpp"
#include "stream_infer/producer/back_off.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace stream_infer {

class PacketTap;
using PacketTaps = std::array<std::shared_ptr<PacketTap>, 4>;  ///< null: none

/// For how long a source on a network, or a device, is waited for, by the machine's own clock; 0 is for ever. Files, pipes
/// and generated patterns have no deadlines. What runs out is an Error with std::errc::timed_out, and for a live source a
/// reason to reconnect.
struct Deadlines {
  MediaTime connect{10'000'000'000};  ///< from the beginning until its streams are known
  MediaTime first_frame{
      10'000'000'000};  ///< live: from then on until a picture has been decoded; it may begin without a key frame
  MediaTime stall{10'000'000'000};  ///< from one compressed picture to the next
};

/// What a source may make FFmpeg do. The defaults are for sources that may be hostile; each can be widened.
struct Allowed {
  /// FFmpeg's names of the protocols that may be used, as in "file,crypto"; empty takes those that go with the source's
  /// own: "rtsp,rtp,tcp,udp" for rtsp://…
  std::string protocols = {};
  /// Whether playlists may be read from a file, and what they name be opened: "hls", "dash", "concat" and their like.
  bool playlists_in_files = false;
  /// Whether a playlist from one host may name others.
  bool other_hosts = false;
  std::int64_t pixels = std::int64_t{7680} * 4320;  ///< of the largest picture
  int streams = 64;                                 ///< in one source
};

/// How FFmpegProducer opens a source and what its frames look like.
struct FFmpegOptions {
  int width = 0;   ///< of the frames, in pixels; 0 is the source's, or follows `height` in its proportion
  int height = 0;  ///< likewise
  PixelFormat format = PixelFormat::bgr24;
  /// Decoding threads; 0 is one for each core. Live, each but the first delays pictures by one, so that 0 is as few as should do: one
  /// for 1920x1080 at 30 frames a second.
  int threads = 0;
  bool rotate = true;  ///< turn pictures upright, as the container says
  /// Make whole pictures of interlaced ones (FFmpeg's bwdif). Then every picture is decoded, and live comes a picture later.
  bool deinterlace = false;
  bool damaged =
      false;  ///< keep the pixels of pictures that were decoded with errors; else their frames are left_out()
  /// FFmpeg's own options for the source, as on its command line: {{"framerate", "10"}}. Unknown ones are an error.
  std::vector<std::pair<std::string, std::string>> options = {};
  Deadlines deadlines = {};
  ReconnectPolicy reconnect = BackOff{};
  Allowed allowed = {};
  /// They hear of every packet; then every one is read, and nothing of a file passed over. See Clips, and Recorder::sound().
  PacketTaps taps = {};
};

}  // namespace stream_infer
