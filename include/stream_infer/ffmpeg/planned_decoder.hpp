#pragma once

#include "stream_infer/core/media_time.hpp"
#include "stream_infer/core/queue.hpp"
#include "stream_infer/core/stats.hpp"
#include "stream_infer/ffmpeg/bitstream.hpp"
#include "stream_infer/ffmpeg/decoder.hpp"
#include "stream_infer/ffmpeg/demuxer.hpp"
#include "stream_infer/ffmpeg/describe_packet.hpp"
#include "stream_infer/ffmpeg/handle.hpp"
#include "stream_infer/ffmpeg/packet.hpp"
#include "stream_infer/ffmpeg/packet_planner.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace stream_infer::ffmpeg {

/// Demuxer, PacketPlanner and decoder put together: all pictures of a source in the order of showing, and of those that
/// somebody needs, the pixels. Where packets, or what comes out of the decoder, are not as planned, it gives up planning
/// and decodes all that follows. Demuxer, decoder and counters stay with the caller. One thread.
class PlannedDecoder {
 public:
  PlannedDecoder(Demuxer& demuxer, Decoder& decoder, SourceCounters& counters, Handle<Bitstream> bitstream,
                 std::unique_ptr<PictureNeeds> needs, PacketPlanner::Limits limits = {})
      : demuxer_{&demuxer},
        decoder_{&decoder},
        counters_{&counters},
        bitstream_{std::move(bitstream)},
        planner_{std::move(needs), limits} {}

  enum class Status : std::uint8_t {
    picture,   ///< `frame` holds the next picture
    left_out,  ///< the next picture is at `timestamp`, and nobody needs it
    end,
    stopped,
  };

  /// The next picture.
  [[nodiscard]] Status next(AVFrame& frame, std::int64_t& timestamp) {
    for (;;) {
      if (demuxer_->interrupted()) return Status::stopped;
      if (decoded_ && planned_ && frame.pts <= popped_) {  // others referred to it, and nobody needs it
        if (is_damaged(frame)) stream_infer::detail::count(counters_->decode_errors);
        decoded_ = false;
      }
      const PacketPlanner::Picture* picture = planner_.picture();
      if (picture != nullptr && picture->need == PictureNeed::not_needed) {
        timestamp = picture->timestamp;
        pop(*picture);
        return Status::left_out;
      }
      const bool undecided = picture == nullptr ? !planner_.ended() && !planner_.gave_up()
                                                : picture->need == PictureNeed::unknown && !planner_.is_full();
      if (decoded_ && undecided) {
        if (!read_ahead()) return Status::stopped;
        continue;
      }
      if (decoded_) {
        decoded_ = false;
        if (picture == nullptr || frame.pts < picture->timestamp) return Status::picture;  // not planned
        if (frame.pts == picture->timestamp) {
          pop(*picture);
          return Status::picture;
        }
        decoded_ = true;
        if (picture->need == PictureNeed::late) {
          timestamp = picture->timestamp;
          pop(*picture);
          return Status::left_out;
        }
        lose(*picture);
        continue;
      }
      switch (decoder_->receive(frame)) {
        case Decoder::Status::frame:
          stream_infer::detail::count(counters_->frames_decoded);
          decoded_ = true;
          planned_ = was_planned(frame.pts);
          if (!planned_) planner_.give_up();
          break;
        case Decoder::Status::error: stream_infer::detail::count(counters_->decode_errors); break;
        case Decoder::Status::end:
          if (emptying_) {
            decoder_->flush();
            emptying_ = false;
            empty_ = true;
          } else if (picture != nullptr) {
            lose(*picture);
          } else {
            return Status::end;
          }
          break;
        case Decoder::Status::hungry:
          if (!feed()) return Status::stopped;
          break;
      }
    }
  }

  /// Reads on until it is known whether the stream can be planned at all, or stop is requested. Returns what is known.
  [[nodiscard]] bool can_plan() {
    constexpr std::uint64_t enough = 32;  // packets; of some formats only the first few of a group have time stamps
    while (packets_ < enough && !planner_.gave_up() && !planner_.ended() && !planner_.is_full())
      if (!read_ahead()) break;
    return !planner_.gave_up();
  }

  /// How many packets have been read.
  [[nodiscard]] std::uint64_t packets() const { return packets_; }

 private:
  using Verdict = PacketPlanner::Verdict;

  static constexpr std::size_t patience = 16;         // packets left out before what waits in the decoder is asked for
  static constexpr std::size_t most_kept = 64 << 10;  // bytes of parameter sets

  void pop(const PacketPlanner::Picture& picture) {
    popped_ = picture.timestamp;
    planner_.pop_picture();
  }

  /// A picture that is needed did not come out of the decoder.
  void lose(const PacketPlanner::Picture& picture) {
    stream_infer::detail::count(counters_->decode_errors);
    pop(picture);
    planner_.give_up();
  }

  /// Gives the decoder its next packet, or reads another one. Returns false if stop was requested.
  bool feed() {
    if (jump_pending_) {  // the decoder is empty now
      jump_pending_ = false;
      send_planned();
      return true;
    }
    switch (planner_.decide()) {
      case Verdict::decode: send_planned(); return true;
      case Verdict::jump:
        if (bitstream_->flush_at_jump() && !empty_) {
          jump_pending_ = true;
          empty_decoder();
        } else {
          send_planned();
        }
        return true;
      case Verdict::non_reference: return leave_out(counters_->left_out_non_reference);
      case Verdict::tail: return leave_out(counters_->left_out_tail);
      case Verdict::group: return leave_out(counters_->left_out_group);
      case Verdict::late: return leave_out(counters_->left_out_late);
      case Verdict::wait: break;
    }
    if (planner_.waiting() == 0 && !packets_ahead_.empty()) {
      send(*take_packet());  // after the plan was given up
    } else if (at_end_) {
      give(nullptr);
    } else {
      return read_ahead();
    }
    return true;
  }

  /// Makes the decoder give out what it holds; what it gets next must be an entry point.
  void empty_decoder() {
    emptying_ = true;
    give(nullptr);
  }

  /// Reads a packet and plans it. Returns false if stop was requested.
  bool read_ahead() {
    switch (demuxer_->read(packet_)) {
      case Demuxer::Status::stopped: return false;
      case Demuxer::Status::damaged:
        stream_infer::detail::count(counters_->decode_errors);
        planner_.give_up();
        return true;
      case Demuxer::Status::end:
        at_end_ = true;
        if (!planner_.gave_up()) planner_.end();
        return true;
      case Demuxer::Status::packet: break;
    }
    ++packets_;
    UniquePacket packet = take_spare();
    packet_.move_to(*packet);
    if (!planner_.gave_up() && !plan(*packet)) planner_.give_up();
    packets_ahead_.push_back(std::move(packet));
    return true;
  }

  [[nodiscard]] bool plan(const AVPacket& packet) {
    const std::optional<PlannedPacket> planned = describe_packet(packet, *demuxer_, *bitstream_);
    return planned && planner_.add(*planned);
  }

  void send_planned() {
    const AVPacket& packet = *take_packet();
    in_decoder_.push_back({.timestamp = packet.pts});
    empty_ = false;
    left_out_in_a_row_ = 0;
    send(packet);
  }

  /// Whether a picture that comes out of the decoder was planned. Those before it that came to nothing are forgotten: what
  /// was planned comes out in the order of showing.
  [[nodiscard]] bool was_planned(std::int64_t timestamp) {
    bool found = false;
    for (std::size_t i = 0; i < in_decoder_.size(); ++i) found = found || in_decoder_[i].timestamp == timestamp;
    if (!found) return false;
    for (std::size_t left = in_decoder_.size(); left > 0; --left) {
      const PacketPlanner::Picture sent = in_decoder_.pop_front();
      if (sent.timestamp > timestamp) in_decoder_.push_back(sent);
    }
    return true;
  }

  void send(const AVPacket& packet) {
    stream_infer::detail::count(counters_->packets_read);
    stream_infer::detail::count(counters_->packets_decoded);
    if (!kept_sets_.empty()) {
      UniquePacket whole = make_packet();
      const int size = static_cast<int>(kept_sets_.size());
      if (av_new_packet(whole.get(), size + packet.size) < 0 || av_packet_copy_props(whole.get(), &packet) < 0)
        throw std::bad_alloc{};
      std::memcpy(whole->data, kept_sets_.data(), kept_sets_.size());
      std::memcpy(whole->data + size, packet.data, static_cast<std::size_t>(packet.size));
      kept_sets_.clear();
      give(whole.get());
    } else {
      give(&packet);
    }
  }

  /// A packet, or null: there is no other.
  void give(const AVPacket* packet) {
    if (!decoder_->send(packet)) stream_infer::detail::count(counters_->decode_errors);
  }

  bool leave_out(std::atomic<std::uint64_t>& counter) {
    bitstream_->keep_parameter_sets(*take_packet(), kept_sets_);
    if (kept_sets_.size() > most_kept) planner_.give_up();
    stream_infer::detail::count(counters_->packets_read);
    stream_infer::detail::count(counter);
    // What is needed must not wait in the decoder for a packet that may come in a minute.
    if (++left_out_in_a_row_ == patience && !planner_.is_contiguous() && !empty_ && planner_.picture() != nullptr)
      empty_decoder();
    return true;
  }

  /// The oldest packet; it stays as it is until the next call.
  const AVPacket* take_packet() {
    if (taken_) {
      av_packet_unref(taken_.get());
      spare_.push_back(std::move(taken_));
    }
    taken_ = packets_ahead_.pop_front();
    return taken_.get();
  }

  UniquePacket take_spare() {
    if (spare_.empty()) return make_packet();
    return spare_.pop_front();
  }

  Demuxer* demuxer_;
  Decoder* decoder_;
  SourceCounters* counters_;
  Handle<Bitstream> bitstream_;
  PacketPlanner planner_;

  Packet packet_;
  stream_infer::detail::Queue<UniquePacket>
      packets_ahead_;  // read, and neither decoded nor left out; the planner knows the first of them
  UniquePacket taken_;
  stream_infer::detail::Queue<PacketPlanner::Picture> in_decoder_;  // planned, and not yet come out of it
  stream_infer::detail::Queue<UniquePacket> spare_;                 // empty, to be used again
  std::string kept_sets_;  // bytes: parameter sets of packets left out, which packets after them may refer to
  std::uint64_t packets_ = 0;
  bool decoded_ = false;       // the caller's frame holds a picture that has not been given yet
  bool planned_ = false;       // that picture
  bool emptying_ = false;      // the decoder is giving out what it holds
  bool empty_ = true;          // the decoder holds nothing
  bool jump_pending_ = false;  // the oldest packet is to be sent when it does
  std::size_t left_out_in_a_row_ = 0;
  std::int64_t popped_ = INT64_MIN;  // the time stamp of the picture given, or lost, last
  bool at_end_ = false;
};

}  // namespace stream_infer::ffmpeg
