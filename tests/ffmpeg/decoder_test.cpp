#include "stream_infer/ffmpeg/decoder.hpp"

#include "stream_infer/ffmpeg/ffmpeg_producer.hpp"
#include "stream_infer/ffmpeg/input.hpp"
#include "stream_infer/ffmpeg/packet.hpp"

#include "ffmpeg/clips.hpp"
#include "support/catch.hpp"
#include "support/media.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

using namespace stream_infer;
using Catch::Matchers::ContainsSubstring;
using ffmpeg::Decoder;
using ffmpeg::Input;
using ffmpeg::Packet;

namespace {

/// The time stamps of the pictures that are ready.
std::vector<std::int64_t> take_ready(Decoder& decoder, Decoder::Status& last) {
  const ffmpeg::UniqueFrame frame = ffmpeg::make_frame();
  std::vector<std::int64_t> times;
  while ((last = decoder.receive(*frame)) == Decoder::Status::frame) times.push_back(frame->pts);
  return times;
}

/// Sends the whole file, and gives the time stamps of what comes out.
std::vector<std::int64_t> decode_all(const Input& input, Decoder& decoder) {
  std::vector<std::int64_t> times;
  Packet packet;
  for (bool more = true; more;) {
    more = av_read_frame(input.context.get(), packet.refill()) >= 0;
    CHECK(decoder.send(more ? packet.get() : nullptr));
    Decoder::Status last{};
    const std::vector<std::int64_t> ready = take_ready(decoder, last);
    times.insert(times.end(), ready.begin(), ready.end());
    CHECK(last == (more ? Decoder::Status::hungry : Decoder::Status::end));
  }
  return times;
}

}  // namespace

TEST_CASE("A decoder gives out all its pictures in the order of display, then the end", "[ffmpeg][decoder]") {
  const int threads = GENERATE(1, 2, 5, 0);
  const Input input = ffmpeg::open_input(test::path_of("pyramid.mp4"), {}, {});
  Decoder decoder{*input.context->streams[0], threads, "pyramid.mp4"};
  const std::vector<std::int64_t> times = decode_all(input, decoder);
  REQUIRE(times.size() == 50);
  for (std::size_t i = 0; i < times.size(); ++i) CHECK(times[i] == static_cast<std::int64_t>(i) * 512);
  const ffmpeg::UniqueFrame frame = ffmpeg::make_frame();
  CHECK(decoder.receive(*frame) == Decoder::Status::end);  // again
  CHECK(decoder.last_error() == 0);
}

TEST_CASE("A flushed decoder starts anew, also after the end", "[ffmpeg][decoder]") {
  const int threads = GENERATE(1, 3);
  const Input input = ffmpeg::open_input(test::path_of("pyramid.mp4"), {}, {});
  Decoder decoder{*input.context->streams[0], threads, "pyramid.mp4"};
  for (int round = 0; round < 3; ++round) {
    REQUIRE(av_seek_frame(input.context.get(), 0, 0, AVSEEK_FLAG_BACKWARD) >= 0);
    CHECK(decode_all(input, decoder).size() == 50);
    decoder.flush();
  }
}

TEST_CASE("A packet without sense is an error, and decoding goes on", "[ffmpeg][decoder]") {
  const Input input = ffmpeg::open_input(test::path_of("mjpeg.avi"), {}, {});
  Decoder decoder{*input.context->streams[0], 1, "mjpeg.avi"};
  Packet packet;
  REQUIRE(av_new_packet(packet.refill(), 100) == 0);
  std::fill_n(packet->data, 100, std::uint8_t{0x5a});
  CHECK_FALSE(decoder.send(packet.get()));
  CHECK(decoder.last_error() < 0);
  CHECK(decode_all(input, decoder).size() == 50);
}

TEST_CASE("The picture of an incomplete packet says so, however late it comes", "[ffmpeg][decoder]") {
  const int threads = GENERATE(1, 4);
  const Input input = ffmpeg::open_input(test::path_of("pyramid.mp4"), {}, {});
  Decoder decoder{*input.context->streams[0], threads, "pyramid.mp4"};
  std::vector<std::int64_t> marked;
  std::int64_t cut = AV_NOPTS_VALUE;
  Packet packet;
  const ffmpeg::UniqueFrame frame = ffmpeg::make_frame();
  for (int i = 0; i <= 50; ++i) {
    AVPacket* const next = packet.refill();
    const bool more = av_read_frame(input.context.get(), next) >= 0;
    if (i == 10) {
      next->flags |= AV_PKT_FLAG_CORRUPT;
      cut = next->pts;
    }
    REQUIRE(decoder.send(more ? next : nullptr));
    while (decoder.receive(*frame) == Decoder::Status::frame)
      if ((frame->flags & AV_FRAME_FLAG_CORRUPT) != 0) marked.push_back(frame->pts);
  }
  CHECK(marked == std::vector<std::int64_t>{cut});
}

TEST_CASE("Only the picture of an incomplete packet says so, whatever has the same time stamp later",
          "[ffmpeg][decoder]") {
  const bool flushes = GENERATE(false, true);
  const bool comes_out = GENERATE(false, true);  // or it is lost, and its time stamp waits in vain
  const Input input = ffmpeg::open_input(test::path_of("mjpeg.avi"), {}, {});
  Decoder decoder{*input.context->streams[0], 1, "mjpeg.avi"};
  const ffmpeg::UniqueFrame frame = ffmpeg::make_frame();
  const ffmpeg::UniquePacket packet = ffmpeg::make_packet();
  REQUIRE(av_read_frame(input.context.get(), packet.get()) >= 0);
  std::size_t marked = 0;
  for (int i = 0; i < 100; ++i) {
    packet->pts = i == 0 || i == 99 ? 7 : 100 + i;
    packet->flags = i == 0 ? AV_PKT_FLAG_CORRUPT : AV_PKT_FLAG_KEY;
    const int size = packet->size;
    if (i == 0 && !comes_out) packet->size = 2;
    static_cast<void>(decoder.send(packet.get()));
    packet->size = size;
    while (decoder.receive(*frame) == Decoder::Status::frame)
      if ((frame->flags & AV_FRAME_FLAG_CORRUPT) != 0) ++marked;
    if (i == 50 && flushes) decoder.flush();
  }
  CHECK(marked == (comes_out ? 1 : 0));
}

TEST_CASE("A stream that this FFmpeg cannot decode is an error that names its codec", "[ffmpeg][decoder]") {
  const Input input = ffmpeg::open_input(test::path_of("baseline.mp4"), {}, {});
  AVCodecParameters& parameters = *input.context->streams[0]->codecpar;
  const auto reason = [&] {
    try {
      const Decoder decoder{*input.context->streams[0], 1, "a.mp4"};
    } catch (const Error& error) {
      CHECK(error.code() == Errc::unsupported);
      CHECK(error.step() == "open decoder");
      CHECK(error.source() == "a.mp4");
      return error.reason();
    }
    return std::string{"none"};
  };
  parameters.codec_id = AV_CODEC_ID_TIMED_ID3;  // data: nothing decodes it
  CHECK_THAT(reason(), ContainsSubstring("no decoder for timed_id3"));
  parameters.codec_id = AV_CODEC_ID_NONE;
  parameters.codec_tag = MKTAG('A', 'B', 'C', 'D');
  CHECK_THAT(reason(), ContainsSubstring("ABCD"));
}

TEST_CASE("A picture that is cropped on its left has the size that its stream says", "[ffmpeg][decoder]") {
  const std::string source = test::path_of("baseline.mp4");
  const std::string crop = GENERATE("crop_left=2", "crop_left=6:crop_top=4:crop_right=2", "crop_left=32");
  const std::string cropped =
      test::make_media("-i '" + source + "' -c copy -bsf:v h264_metadata=" + crop, "cropped.mp4");
  FFmpegProducer producer;
  FFmpegReader whole = producer.open(source, {});
  FFmpegReader part = producer.open(cropped, {});
  Frame from, frame;
  REQUIRE(whole.read(from) == ReadStatus::frame);
  REQUIRE(part.read(frame) == ReadStatus::frame);
  REQUIRE(frame.width() == part.info().width);
  REQUIRE(frame.height() == part.info().height);
  const int left = crop == "crop_left=2" ? 2 : crop == "crop_left=32" ? 32 : 6;
  const int top = 64 - frame.height();
  int wrong = 0;
  for (int y = 0; y < frame.height(); ++y)
    for (int x = 0; x < 3 * frame.width(); ++x)
      if (frame.image().row(y)[static_cast<std::size_t>(x)] !=
          from.image().row(y + top)[static_cast<std::size_t>(x + 3 * left)])
        ++wrong;
  CHECK(wrong == 0);
}
