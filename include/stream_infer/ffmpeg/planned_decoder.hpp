#pragma once

#include "stream_infer/core/media_time.hpp"
#include "stream_infer/core/queue.hpp"
#include "stream_infer/core/stats.hpp"
#include "stream_infer/ffmpeg/bitstream.hpp"
#include "stream_infer/ffmpeg/decoder.hpp"
#include "stream_infer/ffmpeg/demuxer.hpp"
#include "stream_infer/ffmpeg/describe_packet.hpp"
#include "stream_infer/ffmpeg/group_decoder.hpp"
#include "stream_infer/ffmpeg/handle.hpp"
#include "stream_infer/ffmpeg/packet.hpp"
#include "stream_infer/ffmpeg/packet_planner.hpp"
#include "stream_infer/ffmpeg/packet_reader.hpp"

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
/// and decodes all that follows. Offline, groups of which few pictures are needed are decoded side by side. Demuxer, decoder
/// and counters stay with the caller. One thread.
class PlannedDecoder {
 public:
  /// \param threads  to decode with, in all; 0 is one for each core
  PlannedDecoder(Demuxer& demuxer, Decoder& decoder, SourceCounters& counters, Handle<Bitstream> bitstream,
                 std::unique_ptr<PictureNeeds> needs, int threads, PacketPlanner::Limits limits = {})
      : demuxer_{&demuxer},
        counters_{&counters},
        bitstream_{std::move(bitstream)},
        in_a_hurry_{!needs->keeps_pace()},
        planner_{std::move(needs), limits},
        reader_{demuxer, *bitstream_, {}},
        decoder_{decoder, demuxer.stream(), threads, demuxer.name(), counters, {}},
        await_key_{demuxer.stream().codecpar->codec_id == AV_CODEC_ID_HEVC} {}

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
      if (decoded_ && planned_ && !owed_ && frame.pts <= popped_) {  // others referred to it, and nobody needs it
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
        if (planner_.is_full())
          planner_.give_up();  // it was decoded so long before those around it that they cannot be waited for
        else if (!read_ahead())
          return Status::stopped;
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
      switch (decoder_.receive(frame, planner_.pictures() > most_pictures)) {
        case GroupDecoder::Status::frame:
          decoded_ = true;
          planned_ = take_planned(frame.pts);
          if (!planned_) planner_.give_up();
          break;
        case GroupDecoder::Status::busy: break;
        case GroupDecoder::Status::end:
          if (picture == nullptr) return Status::end;
          lose(*picture);
          break;
        case GroupDecoder::Status::hungry:
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

  /// From here on decodes everything, as far as that is still possible.
  void give_up() { planner_.give_up(); }

  /// How many packets have been read, or passed because nobody needs them.
  [[nodiscard]] std::uint64_t packets() const { return packets_; }

 private:
  using Verdict = PacketPlanner::Verdict;

  static constexpr std::size_t patience = 16;         // packets left out before what waits in the decoder is asked for
  static constexpr std::size_t most_kept = 64 << 10;  // bytes of parameter sets
  static constexpr std::size_t most_while_apart = 1 << 20;  // likewise
  static constexpr std::size_t least_apart = 8;             // packets of a group that is worth it
  static constexpr std::size_t most_in_first_group = 1024;  // packets
  static constexpr std::size_t most_pictures = 1 << 14;     // that are told ahead of one that is being decoded

  struct InDecoder {
    std::int64_t timestamp;
    bool owed;  // it is needed, and has not come when it should have
  };

  void pop(const PacketPlanner::Picture& picture) {
    popped_ = picture.timestamp;
    planner_.pop_picture();
  }

  /// A picture that is needed did not come out of the decoder before one that is shown later.
  void lose(const PacketPlanner::Picture& picture) {
    stream_infer::detail::count(counters_->decode_errors);
    for (std::size_t i = 0; i < in_decoder_.size(); ++i)
      if (in_decoder_[i].timestamp == picture.timestamp) in_decoder_[i].owed = true;
    pop(picture);
    planner_.give_up();
  }

  /// Gives the decoder its next packet, or reads another one. Returns false if stop was requested.
  bool feed() {
    if (is_first_ && !look_at_first_group()) return false;
    const Verdict verdict = planner_.decide();
    if (verdict != Verdict::wait) count_in_group();
    switch (verdict) {
      case Verdict::decode: send_planned(false); return true;
      case Verdict::jump: send_planned(true); return true;
      case Verdict::non_reference: return leave_out(counters_->left_out_non_reference);
      case Verdict::tail: return leave_out(counters_->left_out_tail);
      case Verdict::group: return leave_out(counters_->left_out_group);
      case Verdict::late: return leave_out(counters_->left_out_late);
      case Verdict::wait: break;
    }
    if (planner_.waiting() == 0 && !packets_ahead_.empty()) {
      const AVPacket& packet = *take_packet();  // after the plan was given up
      if (await_key_ && (packet.flags & AV_PKT_FLAG_KEY) == 0) {
        stream_infer::detail::count(counters_->packets_read);
        return true;
      }
      if (!decoder_.in_group() || (may_leave_group() && is_closed_entry(packet))) begin_group(false);
      send(packet, true);
    } else if (at_end_) {
      decoder_.finish();
    } else {
      return read_ahead();
    }
    return true;
  }

  [[nodiscard]] bool is_closed_entry(const AVPacket& packet) {
    const std::optional<PictureTraits> traits = bitstream_->inspect(packet);
    return traits && traits->entry == PictureTraits::Entry::closed;
  }

  /// The first group has none before it that tells what it is like, so it is read ahead; of a file, which keeps nobody
  /// waiting. Returns false if stop was requested.
  bool look_at_first_group() {
    is_first_ = false;
    if (!in_a_hurry_ || !demuxer_->is_file()) return true;
    const auto knows_it = [this] { return planner_.entries() > 1 || planner_.ended() || planner_.gave_up(); };
    while (!knows_it() && !planner_.is_full() && planner_.waiting() < most_in_first_group)
      if (!read_ahead()) return false;
    const PacketPlanner::Group group = planner_.first_group();
    next_apart_ = knows_it() && is_worth_it(group.packets, group.needed);
    return true;
  }

  /// Whether a group of so many packets, of which so many are needed, is worth decoding apart.
  [[nodiscard]] bool is_worth_it(std::size_t packets, std::size_t needed) {
    return in_a_hurry_ && packets >= least_apart && 4 * needed <= packets && decoder_.can_keep(needed);
  }

  /// What a group is made of tells what the next one is likely to be.
  void count_in_group() {
    const PacketPlanner::Decided& decided = planner_.decided();
    if (decided.entry != PictureTraits::Entry::none) {
      next_apart_ = is_worth_it(in_group_, needed_in_group_) && !goes_on_ && !too_many_sets_;
      in_group_ = needed_in_group_ = 0;
      goes_on_ = false;
    }
    in_group_ += 1 + decided.passed;
    if (decided.need == PictureNeed::needed) ++needed_in_group_;
  }

  /// Reads a packet and plans it. Returns false if stop was requested.
  bool read_ahead() {
    switch (reader_.read(packet_)) {
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
    packets_ahead_.push_back(std::move(packet));
    if (!planner_.gave_up()) plan(*packets_ahead_.back());
    return true;
  }

  void plan(const AVPacket& packet) {
    const std::optional<PlannedPacket> planned = describe_packet(packet, *demuxer_, *bitstream_);
    if (!planned || !planner_.add(*planned)) return planner_.give_up();
    if (!in_a_hurry_ || planned->traits.entry != PictureTraits::Entry::closed) return;
    const std::size_t passed = reader_.pass(packet, planner_);
    packets_ += passed;
    counters_->packets_passed.fetch_add(passed, std::memory_order_relaxed);  // a count: nothing is published through it
  }

  void send_planned(bool jump) {
    const PacketPlanner::Decided& decided = planner_.decided();
    const bool refers_to_nothing = jump || decided.entry == PictureTraits::Entry::closed;
    const bool changes = refers_to_nothing && (next_apart_ || apart_);
    // one that need not be emptied goes on, so that its threads do too
    if (changes || (jump && bitstream_->flush_at_jump()) || !decoder_.in_group())
      begin_group(next_apart_);
    else if (decided.entry != PictureTraits::Entry::none)
      goes_on_ = true;
    const AVPacket& packet = *take_packet();
    in_decoder_.push_back({packet.pts, false});
    left_out_in_a_row_ = 0;
    send(packet, decided.need != PictureNeed::not_needed);
  }

  /// Whether a picture that comes out of the decoder was planned. Those before it that came to nothing are forgotten: what
  /// was planned comes out in the order of showing.
  [[nodiscard]] bool take_planned(std::int64_t timestamp) {
    const InDecoder* found = nullptr;
    for (std::size_t i = 0; i < in_decoder_.size() && found == nullptr; ++i)
      if (in_decoder_[i].timestamp == timestamp) found = &in_decoder_[i];
    owed_ = found != nullptr && found->owed;
    if (found == nullptr) return false;
    for (std::size_t left = in_decoder_.size(); left > 0; --left) {
      const InDecoder sent = in_decoder_.pop_front();
      if (sent.timestamp > timestamp) in_decoder_.push_back(sent);
    }
    return true;
  }

  void send(const AVPacket& packet, bool wanted) {
    await_key_ = false;
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
      decoder_.send(*whole, wanted);
    } else {
      decoder_.send(packet, wanted);
    }
    note_sets(packet);
  }

  bool leave_out(std::atomic<std::uint64_t>& counter) {
    const AVPacket& packet = *take_packet();
    if (!bitstream_->keep_parameter_sets(packet, kept_sets_) || kept_sets_.size() > most_kept) planner_.give_up();
    note_sets(packet);
    stream_infer::detail::count(counters_->packets_read);
    stream_infer::detail::count(counter);
    // What is needed must not wait in the decoder for a packet that may come in a minute.
    left_out_in_a_row_ += 1 + planner_.decided().passed;
    if (left_out_in_a_row_ >= patience && !planner_.is_contiguous() && planner_.picture() != nullptr)
      decoder_.end_group();
    return true;
  }

  /// The next packets refer to nothing before them. The decoder gets all parameter sets of those before: it may not have had
  /// them, or have been opened anew because it met damage.
  void begin_group(bool apart) {
    if (apart || apart_ || !too_many_sets_) kept_sets_ = all_sets_ + kept_sets_;
    apart_ = apart;
    decoder_.begin_group(apart);
  }

  /// Remembers a packet's parameter sets, for decoders that do not get it. If they are others all the time, there are none.
  void note_sets(const AVPacket& packet) {
    const bool no_more_groups =
        planner_.gave_up() && planner_.waiting() == 0 && decoder_.in_group() && !may_leave_group();
    if (no_more_groups || (too_many_sets_ && !apart_)) return;
    if (bitstream_->keep_parameter_sets(packet, all_sets_)) return;
    too_many_sets_ =
        true;  // so no further group goes apart; the decoder of those that do not has had only the older ones
    sets_.clear();
    static_cast<void>(bitstream_->keep_parameter_sets(packet, sets_));
    all_sets_ += sets_;
    if (all_sets_.size() > most_while_apart)
      throw make_error(AVERROR_INVALIDDATA, "decode", demuxer_->name(), "it has more parameter sets than any stream");
  }

  /// Whether the group that the decoder is given may end at an entry point, though there is no plan.
  [[nodiscard]] bool may_leave_group() const { return apart_ && !bitstream_->finds_out_order(); }

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
  SourceCounters* counters_;
  Handle<Bitstream> bitstream_;
  bool in_a_hurry_;
  PacketPlanner planner_;
  PacketReader reader_;
  GroupDecoder decoder_;

  Packet packet_;
  stream_infer::detail::Queue<UniquePacket>
      packets_ahead_;  // read, and neither decoded nor left out; the planner knows the first of them
  UniquePacket taken_;
  stream_infer::detail::Queue<InDecoder> in_decoder_;  // planned, and not yet come out of it
  stream_infer::detail::Queue<UniquePacket> spare_;    // empty, to be used again
  std::string kept_sets_;  // bytes: parameter sets of packets left out, which packets after them may refer to
  std::uint64_t packets_ = 0;
  bool decoded_ = false;  // the caller's frame holds a picture that has not been given yet
  bool planned_ = false;  // that picture
  bool owed_ = false;     // likewise: it is needed, and had been given up
  std::size_t left_out_in_a_row_ = 0;
  std::int64_t popped_ = INT64_MIN;  // the time stamp of the picture given, or lost, last
  bool at_end_ = false;

  bool is_first_ = true;             // no packet has been decided upon
  bool apart_ = false;               // the group that the decoder is given
  bool next_apart_ = false;          // the next one is to be, as far as the one before it tells
  std::size_t in_group_ = 0;         // packets decided upon since the latest entry point
  std::size_t needed_in_group_ = 0;  // of their pictures
  bool goes_on_ = false;             // the decoder got the entry point as one more packet of the group before
  std::string all_sets_;             // bytes: the parameter sets of all packets, those that are repeated once
  std::string sets_;                 // of one packet
  bool too_many_sets_ = false;       // to remember them all
  bool await_key_;                   // what comes before a key frame, the decoder would make up
};

}  // namespace stream_infer::ffmpeg
