#include "stream_infer/ffmpeg/packet.hpp"

#include "support/catch.hpp"

#include <cstdint>

using stream_infer::ffmpeg::Packet;

TEST_CASE("Refilling a packet lets go of what was in it", "[ffmpeg][packet]") {
  int freed = 0;
  const auto free_it = [](void* count, std::uint8_t* data) {
    ++*static_cast<int*>(count);
    av_free(data);
  };
  const auto fill = [&](AVPacket* packet) {
    packet->buf = av_buffer_create(static_cast<std::uint8_t*>(av_malloc(64)), 64, free_it, &freed, 0);
    packet->data = packet->buf->data;
    packet->size = 32;
    packet->pts = 7;
  };
  {
    Packet packet;
    for (int i = 0; i < 100; ++i) {
      AVPacket* const empty = packet.refill();
      CHECK(freed == i);
      CHECK(empty->data == nullptr);
      CHECK(empty->pts == AV_NOPTS_VALUE);
      fill(empty);
    }
    CHECK(packet->size == 32);
    CHECK((*packet).pts == 7);
    CHECK(packet.get()->data != nullptr);
  }
  CHECK(freed == 100);
}

TEST_CASE("A packet is moved with what is in it", "[ffmpeg][packet]") {
  Packet first;
  REQUIRE(av_new_packet(first.refill(), 5) == 0);
  const Packet second = std::move(first);
  CHECK(second->size == 5);
}
