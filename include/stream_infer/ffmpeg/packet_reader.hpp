#pragma once

#include "stream_infer/core/media_time.hpp"
#include "stream_infer/core/min_max.hpp"
#include "stream_infer/core/queue.hpp"
#include "stream_infer/ffmpeg/bitstream.hpp"
#include "stream_infer/ffmpeg/compat.hpp"
#include "stream_infer/ffmpeg/demuxer.hpp"
#include "stream_infer/ffmpeg/describe_packet.hpp"
#include "stream_infer/ffmpeg/error.hpp"
#include "stream_infer/ffmpeg/handle.hpp"
#include "stream_infer/ffmpeg/packet.hpp"
#include "stream_infer/ffmpeg/packet_planner.hpp"
#include "stream_infer/ffmpeg/stream_index.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace stream_infer::ffmpeg {

/// Reads the packets of a source, and goes past those that nobody needs without reading them, where the container's index
/// has a place for every one. What the packets of a gap would say is known beforehand, or else they are read:
///
/// - how many pictures there are: the index says it, of kinds of samples that must hold just one that is shown;
/// - that none is needed: no window of an algorithm can reach one, wherever in the gap each of them may lie in time. For
///   that, the packets after the gap are looked at first; if they do not prove it, reading goes on before it;
/// - that nothing after the gap refers to it: there is a closed entry point, by its own bits as by the index. A stream that
///   may have parameter sets among its pictures is read as a whole.
///
/// A file whose samples are not what their kind says is beyond that: its frames are numbered as its index has them.
///
/// The times of the pictures in the gap are the index's: when they are decoded, moved by as much as at the entry point
/// before them. Demuxer and bitstream stay with the caller. One thread.
class PacketReader {
 public:
  struct Limits {
    std::int64_t least_bytes = 1 << 20;  ///< of a gap: fewer are sooner read than passed
    std::size_t most_pictures = 4096;    ///< of a gap
    std::size_t most_bytes = 32U << 20;  ///< read after a gap to prove it
    std::size_t most_reordered = 64;     ///< packets, likewise, beside those whose pictures decide
  };

  PacketReader(Demuxer& demuxer, Bitstream& bitstream, Limits limits)
      : demuxer_{&demuxer}, bitstream_{&bitstream}, limits_{limits} {
    if (!demuxer.has_whole_index() || !has_one_picture_each(*demuxer.stream().codecpar)) return;
    const StreamIndex index = demuxer.index();
    const std::int64_t begin = index[0].timestamp, end = index[index.size() - 1].timestamp;
    can_pass_ = begin >= -farthest && begin < end && end <= farthest;
    // Much closer together than the pictures of this stream are on average may be two fields of one.
    if (can_pass_) least_step_ = 1 + 3 * (end - begin) / (4 * static_cast<std::int64_t>(index.size()));
  }

  /// As Demuxer::read().
  [[nodiscard]] Demuxer::Status read(Packet& packet) {
    if (landed_.empty()) {
      const Demuxer::Status status = demuxer_->read(packet);
      if (can_pass_ && status == Demuxer::Status::packet && has_parameter_sets(*packet)) can_pass_ = false;
      return status;
    }
    const UniquePacket next = landed_.pop_front();
    av_packet_move_ref(packet.refill(), next.get());
    return Demuxer::Status::packet;
  }

  /// After `entry`, a closed entry point, has been read and added to the planner: goes past packets that nobody needs, to
  /// another one. The planner gets their pictures. Returns how many there are; mostly none. \throws Error
  std::size_t pass(const AVPacket& entry, PacketPlanner& planner) {
    if (!can_pass_ || !landed_.empty()) return 0;
    const std::optional<std::size_t> from = demuxer_->index().find(entry);
    if (!from || entry.pts > farthest) {
      can_pass_ = false;
      return 0;
    }
    const std::size_t to = end_of_gap(*from, entry, planner);
    if (to == *from) return 0;
    const std::optional<MediaTime> needless_until = land(to, entry, planner.reach());
    if (!needless_until || !planner.can_pass(entry.pts, *needless_until)) {
      go_back(entry);
      return 0;
    }
    const StreamIndex index = demuxer_->index();
    for (std::size_t i = *from + 1; i < to; ++i) {
      const std::int64_t timestamp = index[i].timestamp + entry.pts - entry.dts;
      planner.pass(timestamp, demuxer_->time_of(timestamp));
    }
    return to - *from - 1;
  }

 private:
  static constexpr std::int64_t farthest = INT64_MAX / 8;  // of time stamps, so that they can be reckoned with

  /// Whether a kind of samples is such that each is one picture, and that what those after it must know is not in it: ISO/IEC
  /// 14496-15, 5.3.3 and 8.3.3, and the AV1 Codec ISO Media File Format Binding, 2.4.
  [[nodiscard]] static bool has_one_picture_each(const AVCodecParameters& parameters) {
    switch (parameters.codec_id) {
      case AV_CODEC_ID_H264: return parameters.codec_tag == MKTAG('a', 'v', 'c', '1');
      case AV_CODEC_ID_HEVC: return parameters.codec_tag == MKTAG('h', 'v', 'c', '1');
      case AV_CODEC_ID_AV1: return true;
      default: {
        const AVCodecDescriptor* codec = avcodec_descriptor_get(parameters.codec_id);
        return codec != nullptr && (codec->props & AV_CODEC_PROP_INTRA_ONLY) != 0;
      }
    }
  }

  /// The last key frame after `from` such that nothing before it is likely to be needed; `from` if it is not worth it.
  [[nodiscard]] std::size_t end_of_gap(std::size_t from, const AVPacket& entry, const PacketPlanner& planner) const {
    const StreamIndex index = demuxer_->index();
    const std::size_t last = stream_infer::detail::min(index.size() - 1, from + limits_.most_pictures);
    std::size_t to = from;
    std::int64_t bytes = 0, bytes_before = 0;
    AVIndexEntry before = index[from];
    for (std::size_t i = from + 1; i <= last; ++i) {
      const AVIndexEntry at = index[i];
      const bool apart = at.timestamp <= farthest && at.timestamp >= before.timestamp + least_step_;
      if (!apart || planner.may_need(demuxer_->time_of(at.timestamp + entry.pts - entry.dts))) break;
      if ((at.flags & AVINDEX_KEYFRAME) != 0) {
        to = i;
        bytes_before = bytes;
      }
      bytes += at.size;
      before = at;
    }
    return bytes_before >= limits_.least_bytes && to >= tried_ ? to : from;
  }

  /// Goes to the packet at `to` and reads as many as tell that it is what the index says, and the time up to which no
  /// algorithm may be due for the gap not to be needed.
  [[nodiscard]] std::optional<MediaTime> land(std::size_t to, const AVPacket& entry, std::size_t reach) {
    tried_ = to + 1;  // not twice
    const AVIndexEntry there = demuxer_->index()[to];
    if (!demuxer_->seek_to_entry(there.timestamp + entry.pts - entry.dts)) return fail();
    stream_infer::detail::Queue<std::int64_t> shown;  // time stamps, sorted
    std::size_t bytes = 0, known = 0;
    std::int64_t first = 0;
    for (bool in_lead = true; in_lead || known < reach;) {
      const Demuxer::Status status = demuxer_->read(packet_);
      if (status == Demuxer::Status::end && !landed_.empty() && !demuxer_->failure()) {
        known = shown.size();
        break;
      }
      if (status != Demuxer::Status::packet) return fail();
      const std::optional<PlannedPacket> planned = describe_packet(*packet_, *demuxer_, *bitstream_);
      if (!planned || has_parameter_sets(*packet_)) return fail();
      if (landed_.empty()) {
        first = planned->timestamp;
        const bool is_it = StreamIndex::is_of(there, *packet_);
        if (!is_it || planned->traits.entry != PictureTraits::Entry::closed || planned->traits.hidden) return fail();
        if (first - entry.pts != there.timestamp - entry.dts) return {};  // the index does not tell when what is shown
      }
      if (planned->timestamp < first) return fail();  // how many lead the entry point before the gap, nobody knows
      if (planned->timestamp > first) in_lead = false;
      bytes += planned->bytes;
      if (bytes > limits_.most_bytes || landed_.size() > reach + limits_.most_reordered) return fail();
      UniquePacket kept = make_packet();
      packet_.move_to(*kept);
      landed_.push_back(std::move(kept));
      if (!planned->traits.hidden) insert(shown, planned->timestamp);
      while (known < shown.size() && shown[known] < planned->decoded_at) ++known;
    }
    const MediaTime before_it = demuxer_->time_of(first) - MediaTime{1};
    const std::size_t decides = stream_infer::detail::min(reach, known);
    return decides == 0 ? before_it : stream_infer::detail::max(before_it, demuxer_->time_of(shown[decides - 1]));
  }

  /// This stream is not what its index says.
  std::nullopt_t fail() {
    can_pass_ = false;
    return std::nullopt;
  }

  static void insert(stream_infer::detail::Queue<std::int64_t>& sorted, std::int64_t value) {
    sorted.push_back(value);
    for (std::size_t i = sorted.size() - 1; i > 0 && sorted[i - 1] > sorted[i]; --i)
      std::swap(sorted[i - 1], sorted[i]);
  }

  /// To the packet after `entry`. \throws Error
  void go_back(const AVPacket& entry) {
    while (!landed_.empty()) landed_.pop_front();
    // Where the delay of showing varies, a seek may end at another key frame, but not after all of these.
    for (const std::int64_t to :
         {entry.pts, entry.dts, entry.dts - (entry.pts - entry.dts), demuxer_->index()[0].timestamp})
      if (go_to(entry, to)) return;
    if (demuxer_->interrupted()) return;
    throw make_error(AVERROR_INVALIDDATA, "read", demuxer_->name(), "a seek back, by the file's own index, failed");
  }

  [[nodiscard]] bool go_to(const AVPacket& entry, std::int64_t timestamp) {
    if (!demuxer_->seek_to_entry(timestamp)) return false;
    do {
      if (demuxer_->read(packet_) != Demuxer::Status::packet) return false;
    } while (packet_->dts < entry.dts);
    if (packet_->dts != entry.dts || packet_->pos != entry.pos) return false;
    static_cast<void>(bitstream_->inspect(*packet_));  // so that it goes on from here
    return true;
  }

  [[nodiscard]] bool has_parameter_sets(const AVPacket& packet) {
    sets_.clear();
    return !bitstream_->keep_parameter_sets(packet, sets_) || !sets_.empty();
  }

  Demuxer* demuxer_;
  Bitstream* bitstream_;
  Limits limits_;
  bool can_pass_ = false;
  std::int64_t least_step_ = 0;                       // in units of the stream's time stamps
  std::size_t tried_ = 0;                             // places in the index before this one have been tried
  stream_infer::detail::Queue<UniquePacket> landed_;  // read after a gap, for the caller
  Packet packet_;
  std::string sets_;
};

}  // namespace stream_infer::ffmpeg
