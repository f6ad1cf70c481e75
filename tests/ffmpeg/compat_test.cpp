#include "stream_infer/ffmpeg/compat.hpp"

#include "stream_infer/ffmpeg/decoder.hpp"
#include "stream_infer/ffmpeg/handle.hpp"
#include "stream_infer/ffmpeg/packet.hpp"

#include "ffmpeg/clips.hpp"
#include "ffmpeg/display_matrix.hpp"
#include "support/catch.hpp"
#include "support/files.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace ffmpeg = stream_infer::ffmpeg;
namespace compat = stream_infer::ffmpeg::compat;
using stream_infer::test::make_media;
using stream_infer::test::path_of;

namespace {

ffmpeg::UniqueFormatContext open(const std::string& path) {
  AVFormatContext* context = nullptr;
  REQUIRE(avformat_open_input(&context, path.c_str(), nullptr, nullptr) >= 0);
  ffmpeg::UniqueFormatContext input{context};
  REQUIRE(avformat_find_stream_info(context, nullptr) >= 0);
  return input;
}

}  // namespace

TEST_CASE("A stream's display matrix is found", "[ffmpeg][compat]") {
  const std::string upright = path_of("baseline.mp4");
  CHECK(compat::display_matrix(*open(upright)->streams[0]) == nullptr);

  using namespace stream_infer::test;
  const Matrix quarter = matrix(0, matrix_one, -matrix_one, 0);
  Bytes file = read_file(upright);
  set_matrix(file, quarter);
  const TemporaryFolder folder;
  const ffmpeg::UniqueFormatContext input = open(folder.file("turned.mp4", file));
  const std::int32_t* const found = compat::display_matrix(*input->streams[0]);
  REQUIRE(found != nullptr);
  CHECK(std::equal(quarter.begin(), quarter.end(), found));
}

TEST_CASE("Key frames are told from others", "[ffmpeg][compat]") {
  const ffmpeg::UniqueFormatContext input = open(path_of("baseline.mp4"));
  ffmpeg::Decoder decoder{*input->streams[0], 1, "baseline.mp4"};
  ffmpeg::Packet packet;
  const ffmpeg::UniqueFrame frame = ffmpeg::make_frame();
  std::vector<int> keys;
  for (int i = 0; av_read_frame(input.get(), packet.refill()) >= 0; ++i) {
    REQUIRE(decoder.send(packet.get()));
    while (decoder.receive(*frame) == ffmpeg::Decoder::Status::frame)
      if (compat::is_key_frame(*frame)) keys.push_back(i);
  }
  CHECK(keys == std::vector<int>{0, 20, 40});
}
