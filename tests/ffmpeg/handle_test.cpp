#include "stream_infer/ffmpeg/handle.hpp"

#include "support/catch.hpp"
#include "support/media.hpp"

#include <cstdint>
#include <new>
#include <string>
#include <type_traits>

namespace ffmpeg = stream_infer::ffmpeg;

// An owner costs no more than the pointer, and can only be moved.
static_assert(sizeof(ffmpeg::UniqueFormatContext) == sizeof(void*));
static_assert(sizeof(ffmpeg::UniqueCodecContext) == sizeof(void*));
static_assert(sizeof(ffmpeg::UniqueFrame) == sizeof(void*));
static_assert(sizeof(ffmpeg::UniquePacket) == sizeof(void*));
static_assert(sizeof(ffmpeg::UniqueIo) == sizeof(void*));
static_assert(sizeof(ffmpeg::UniqueScaler) == sizeof(void*));
static_assert(!std::is_copy_constructible_v<ffmpeg::UniqueFrame>);
static_assert(!std::is_copy_constructible_v<ffmpeg::Dictionary>);

namespace {

/// A buffer that counts when it is freed.
AVBufferRef* counted_buffer(int& freed) {
  const auto free_it = [](void* count, std::uint8_t* data) {
    ++*static_cast<int*>(count);
    av_free(data);
  };
  return av_buffer_create(static_cast<std::uint8_t*>(av_malloc(64)), 64, free_it, &freed, 0);
}

}  // namespace

TEST_CASE("A frame and a packet are made empty and let go of what they hold", "[ffmpeg][handle]") {
  int freed = 0;
  {
    const ffmpeg::UniqueFrame frame = ffmpeg::make_frame();
    CHECK(frame->data[0] == nullptr);
    frame->buf[0] = counted_buffer(freed);
    const ffmpeg::UniquePacket packet = ffmpeg::make_packet();
    CHECK(packet->data == nullptr);
    packet->buf = counted_buffer(freed);
    CHECK(freed == 0);
  }
  CHECK(freed == 2);
}

TEST_CASE("Every kind of handle frees its object", "[ffmpeg][handle]") {  // AddressSanitizer sees what does not
  ffmpeg::UniqueFormatContext input{avformat_alloc_context()};
  ffmpeg::UniqueCodecContext codec{avcodec_alloc_context3(nullptr)};
  ffmpeg::UniqueScaler scaler{
      sws_getContext(8, 8, AV_PIX_FMT_GRAY8, 4, 4, AV_PIX_FMT_GRAY8, SWS_POINT, nullptr, nullptr, nullptr)};
  AVIOContext* opened = nullptr;
  REQUIRE(avio_open(&opened, "/dev/null", AVIO_FLAG_READ) >= 0);
  ffmpeg::UniqueIo io{opened};
  CHECK(input);
  CHECK(codec);
  CHECK(scaler);
}

TEST_CASE("What FFmpeg could not allocate is std::bad_alloc", "[ffmpeg][handle]") {
  CHECK_THROWS_AS(ffmpeg::detail::not_null<AVFrame>(nullptr), std::bad_alloc);
}

TEST_CASE("A Dictionary names what FFmpeg left in it", "[ffmpeg][handle]") {
  ffmpeg::Dictionary options;
  CHECK(options.any_key() == nullptr);
  options.set("threads", "1");
  options.set("no_such_option", "1");
  const ffmpeg::UniqueCodecContext codec{avcodec_alloc_context3(nullptr)};
  REQUIRE(av_opt_set_dict(codec.get(), options.get()) >= 0);
  CHECK(codec->thread_count == 1);
  REQUIRE(options.any_key() != nullptr);
  CHECK(std::string{options.any_key()} == "no_such_option");
}
