#pragma once

#include "stream_infer/core/media_time.hpp"
#include "stream_infer/core/queue.hpp"
#include "stream_infer/ffmpeg/picture_order.hpp"
#include "stream_infer/ffmpeg/picture_traits.hpp"
#include "stream_infer/producer/producer.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

namespace stream_infer::ffmpeg {

/// A packet, as far as planning is concerned.
struct PlannedPacket {
  static constexpr std::int64_t unknown = INT64_MIN;

  std::int64_t timestamp = 0;  ///< of its picture, for showing
  /// The time stamp of its decoding, before which no picture of a later packet is shown; `unknown` is that of the one before.
  std::int64_t decoded_at = unknown;
  MediaTime time{};  ///< of the picture
  std::size_t bytes = 0;
  PictureTraits traits{};
};

/// Decides which packets the decoder gets. Packets are added in the order of decoding; their pictures' times are put in
/// order and told to PictureNeeds, and when that knows what is needed, each packet is decided upon, first in, first out:
///
/// - a picture that is needed is decoded, and so is all between the entry point before it and it, but for
/// - pictures that nobody refers to and nobody needs;
/// - after the last picture needed, the rest of its group (up to the next entry point) is left out;
/// - a group without one is left out as a whole.
///
/// A picture that is `late` is like one that is not needed, but where it is decoded anyway, it becomes needed.
///
/// A group begins with an entry point. The leading pictures of an open one may refer to the group before it too, so it is
/// decoded to its end where one of them is needed. To leave out a reference, all of its group must be known to be
/// unneeded; where that would take too much memory to find out, it is decoded.
///
/// It knows nothing of FFmpeg, and holds no packets. One thread.
class PacketPlanner {
 public:
  struct Limits {
    std::size_t packets = 4096;
    std::size_t bytes = 32 << 20;
    std::size_t reordered = SIZE_MAX;  ///< pictures that are decoded before one, and shown after it
    bool tells_groups = false;         ///< as in PictureNeeds::begin_group
  };

  enum class Verdict : std::uint8_t {
    wait,  ///< add another packet first, or end()
    decode,
    jump,           ///< decode, as the first after a gap: what the decoder still holds must come out before
    non_reference,  ///< leave out: nobody refers to it
    tail,           ///< leave out: nothing needed comes after it in its group
    group,          ///< leave out: its whole group is
    late,           ///< leave out: it would have been needed if it were in time
  };

  /// A picture in the order of showing.
  struct Picture {
    std::int64_t timestamp = 0;
    MediaTime time{};
    PictureNeed need = PictureNeed::unknown;  ///< `late` only until its packet has been decided upon
    bool begins_group = false;
    bool decoded = false;  ///< its packet has been given to the decoder
    bool passed = false;   ///< its packet is not read
  };

  PacketPlanner(std::unique_ptr<PictureNeeds> needs, Limits limits) : needs_{std::move(needs)}, limits_{limits} {}

  /// The next packet. Returns false if it makes no sense after those before: then it has not been added, and give_up() is
  /// what is left.
  [[nodiscard]] bool add(const PlannedPacket& packet) {
    const PictureTraits& traits = packet.traits;
    if (added_ == 0 && traits.entry == PictureTraits::Entry::none) return false;
    const std::int64_t decoded_at = packet.decoded_at == PlannedPacket::unknown ? decoded_at_ : packet.decoded_at;
    if (decoded_at < decoded_at_) return false;
    if (packet.timestamp < decoded_at && !traits.hidden) return false;
    if (traits.place && !order_.add(*traits.place, packet.timestamp, traits.restarts)) return false;
    Waiting waiting{.packet = packet, .number = added_};
    if (traits.entry != PictureTraits::Entry::none) {
      entry_timestamp_ = packet.timestamp;
      in_lead_ = true;
      is_open_ = traits.entry == PictureTraits::Entry::open;
    } else if (in_lead_ && !traits.hidden) {
      const bool leads = packet.timestamp < entry_timestamp_;
      if (!leads) in_lead_ = false;
      if (leads && !is_open_) waiting.packet.traits.sure_of_before = true;
      waiting.leading = leads && is_open_ && !traits.sure_of_before;
    } else if (packet.timestamp < entry_timestamp_ && !traits.sure_of_before && !traits.hidden) {
      return false;  // shown before its entry point, and after a picture that is not: no codec does that
    }
    const bool begins_group = begins_group_ || traits.entry != PictureTraits::Entry::none;
    // What leads the very first entry point refers to what is not there: no decoder shows it.
    waiting.absent = traits.hidden || (waiting.leading && in_first_group());
    if (!waiting.absent) {
      if (packet.timestamp <= last_shown_) return false;
      if (!insert({.timestamp = packet.timestamp, .time = packet.time, .begins_group = begins_group})) return false;
    }
    begins_group_ = begins_group && waiting.absent;
    decoded_at_ = decoded_at;
    bytes_ += packet.bytes;
    if (traits.entry != PictureTraits::Entry::none) ++entries_;
    packets_.push_back(waiting);
    ++added_;
    show_up_to(decoded_at);
    return true;
  }

  /// How many pictures after one decide whether it is needed.
  [[nodiscard]] std::size_t reach() const { return needs_->reach(); }
  /// As PictureNeeds::may_need().
  [[nodiscard]] bool may_need(MediaTime time) const { return needs_->may_need(time); }

  /// After a closed entry point, with time stamp `entry`, has been added: whether pictures from it on are not needed if no
  /// algorithm that looks at them is due until `time`.
  [[nodiscard]] bool can_pass(std::int64_t entry, MediaTime time) {
    show_up_to(entry);  // of those before it there are no others
    return !gave_up_ && needs_->can_pass(time);
  }

  /// After can_pass(), and before the next closed entry point is added: a picture of whose packet nothing is known. In the
  /// order of time stamps.
  void pass(std::int64_t timestamp, MediaTime time) {
    unsorted_.push_back({.timestamp = timestamp, .time = time, .passed = true});
    ++packets_.back().passed;
  }

  /// There are no more packets.
  void end() {
    ended_ = true;
    show_up_to(INT64_MAX);
    needs_->end();
    take_needs();
  }

  /// From here on everything is decoded, what has not been decided upon yet too; nothing more is to be added.
  void give_up() {
    if (gave_up_) return;
    gave_up_ = true;
    unneeded_before_ = 0;
    while (!unsorted_.empty()) {
      last_shown_ = unsorted_.front().timestamp;
      pictures_.push_back(unsorted_.pop_front());
    }
    bool can_decode = contiguous_;
    bool has_lead = contiguous_ && !lead_left_out_;
    for (std::size_t i = 0; i < packets_.size(); ++i) {
      const Waiting& waiting = packets_[i];
      if (waiting.packet.traits.entry != PictureTraits::Entry::none) {
        has_lead = can_decode;
        can_decode = true;
      }
      if (waiting.absent || !can_decode || (waiting.leading && !has_lead)) continue;
      if (Picture* picture = find(waiting.packet.timestamp)) picture->need = PictureNeed::needed;
    }
    for (std::size_t i = 0; i < pictures_.size(); ++i)
      if (pictures_[i].need == PictureNeed::unknown)
        pictures_[i].need = pictures_[i].passed ? PictureNeed::not_needed : PictureNeed::needed;
  }
  [[nodiscard]] bool gave_up() const { return gave_up_; }
  [[nodiscard]] bool ended() const { return ended_; }

  /// Whether no reference has been left out since the packet decoded last.
  [[nodiscard]] bool is_contiguous() const { return contiguous_; }

  /// How many entry points have been added.
  [[nodiscard]] std::uint64_t entries() const { return entries_; }

  struct Group {
    std::size_t packets = 0;  ///< those that were passed too
    std::size_t needed = 0;   ///< of their pictures, as far as that is known
  };
  /// The first group, up to the second entry point; before anything has been decided upon.
  [[nodiscard]] Group first_group() {
    Group group;
    for (std::size_t i = 0; i < packets_.size(); ++i) {
      if (i > 0 && packets_[i].packet.traits.entry != PictureTraits::Entry::none) break;
      group.packets += 1 + packets_[i].passed;
      if (need_of(packets_[i]) == PictureNeed::needed) ++group.needed;
    }
    return group;
  }

  /// How many packets have not been decided upon.
  [[nodiscard]] std::size_t waiting() const { return packets_.size(); }
  /// Whether those are as many as may be kept waiting.
  [[nodiscard]] bool is_full() const { return packets_.size() >= limits_.packets || bytes_ >= limits_.bytes; }

  /// What to do with the oldest packet that has not been decided upon.
  [[nodiscard]] Verdict decide() {
    if (packets_.empty()) return Verdict::wait;
    const PictureNeed need = what_needs_oldest();
    // to know more would take too much memory, or nothing more will be known
    const bool unknowable = is_full() || gave_up_;
    if (need == PictureNeed::unknown && !unknowable) return Verdict::wait;
    const Waiting& packet = packets_.front();
    const bool is_entry = packet.packet.traits.entry != PictureTraits::Entry::none;
    // A hidden picture never comes out; one that does may have its time stamp.
    decided_ = {.entry = packet.packet.traits.entry,
                .need = packet.packet.traits.hidden ? PictureNeed::unknown : need_of(packet),
                .passed = packet.passed};
    Verdict verdict = Verdict::decode;
    const bool decodes = need == PictureNeed::needed || need == PictureNeed::unknown;
    if (decodes) {
      if (!contiguous_) verdict = Verdict::jump;
      contiguous_ = true;
      group_left_out_ = false;
      if (is_entry) lead_left_out_ = false;
    } else {
      if (packet.leading && !packet.packet.traits.droppable) lead_left_out_ = true;
      if (is_entry) group_left_out_ = true;
      verdict = need == PictureNeed::late                       ? Verdict::late
                : group_left_out_                               ? Verdict::group
                : packet.packet.traits.droppable && contiguous_ ? Verdict::non_reference
                                                                : Verdict::tail;
      // only other leading pictures refer to a leading one
      if (is_entry || (!packet.packet.traits.droppable && !packet.leading)) contiguous_ = false;
    }
    if (Picture* own = packet.absent ? nullptr : find(packet.packet.timestamp)) {
      own->decoded = decodes;
      if (own->need == PictureNeed::late) own->need = decodes ? PictureNeed::needed : PictureNeed::not_needed;
    }
    bytes_ -= packet.packet.bytes;
    packets_.pop_front();
    return verdict;
  }

  /// Of the packet that was decided upon last.
  struct Decided {
    PictureTraits::Entry entry = PictureTraits::Entry::none;
    PictureNeed need = PictureNeed::unknown;  ///< its own picture's, as far as that was known
    std::size_t passed = 0;                   ///< how many pictures after it were passed
  };
  [[nodiscard]] const Decided& decided() const { return decided_; }

  /// How many pictures have been told and not popped.
  [[nodiscard]] std::size_t pictures() const { return pictures_.size(); }
  /// The first picture, in the order of showing, that has not been popped; null while none is known.
  [[nodiscard]] const Picture* picture() const { return pictures_.empty() ? nullptr : &pictures_.front(); }
  void pop_picture() {
    pictures_.pop_front();
    ++popped_;
  }

 private:
  struct Waiting {
    PlannedPacket packet;
    std::uint64_t number = 0;
    bool leading = false;    ///< refers, perhaps, to the group before its own
    bool absent = false;     ///< no picture of it will be shown
    std::size_t passed = 0;  ///< how many pictures after it were
  };

  [[nodiscard]] bool in_first_group() const { return entries_ == 1; }

  /// Keeps the pictures that others may still come before sorted.
  bool insert(const Picture& picture) {
    std::size_t at = unsorted_.size();
    while (at > 0 && unsorted_[at - 1].timestamp > picture.timestamp) --at;
    if (at > 0 && unsorted_[at - 1].timestamp == picture.timestamp) return false;
    if (unsorted_.size() - at > limits_.reordered) return false;
    unsorted_.push_back(picture);
    for (std::size_t i = unsorted_.size() - 1; i > at; --i) std::swap(unsorted_[i - 1], unsorted_[i]);
    return true;
  }

  void show_up_to(std::int64_t end) {
    while (!unsorted_.empty() && unsorted_.front().timestamp < end) {
      last_shown_ = unsorted_.front().timestamp;
      if (limits_.tells_groups && unsorted_.front().begins_group) needs_->begin_group();
      needs_->add(unsorted_.front().time);
      pictures_.push_back(unsorted_.pop_front());
    }
    take_needs();
  }

  void take_needs() {
    for (PictureNeed need = needs_->take(); need != PictureNeed::unknown; need = needs_->take()) {
      if (taken_ >= popped_) {
        Picture& picture = pictures_[static_cast<std::size_t>(taken_ - popped_)];
        picture.need = need == PictureNeed::late && picture.decoded ? PictureNeed::needed : need;
      }
      ++taken_;
    }
  }

  /// Whether the packet's own picture is needed.
  [[nodiscard]] PictureNeed need_of(const Waiting& waiting) {
    if (waiting.absent) return PictureNeed::not_needed;
    if (waiting.packet.timestamp > last_shown_) return PictureNeed::unknown;
    // one that has been popped, and whose packet was not wanted until then, is not needed
    const Picture* picture = find(pictures_, waiting.packet.timestamp);
    return picture != nullptr ? picture->need : PictureNeed::not_needed;
  }

  /// The picture of that time stamp, if it has not been popped.
  [[nodiscard]] Picture* find(std::int64_t timestamp) {
    return find(timestamp > last_shown_ ? unsorted_ : pictures_, timestamp);
  }

  [[nodiscard]] static Picture* find(stream_infer::detail::Queue<Picture>& sorted, std::int64_t timestamp) {
    std::size_t low = 0, high = sorted.size();
    while (low < high) {
      const std::size_t middle = (low + high) / 2;
      if (sorted[middle].timestamp < timestamp)
        low = middle + 1;
      else
        high = middle;
    }
    return low < sorted.size() && sorted[low].timestamp == timestamp ? &sorted[low] : nullptr;
  }

  /// Whether the oldest packet is needed, for its own picture or for those that may refer to it: the most that any of them
  /// says, where `unknown` is more than `late`.
  [[nodiscard]] PictureNeed what_needs_oldest() {
    const Waiting& oldest = packets_.front();
    const PictureNeed own = need_of(oldest);
    if (own == PictureNeed::needed || oldest.packet.traits.droppable) return own;
    const bool in_group = !oldest.leading && !oldest.packet.traits.sure_of_before;
    if (in_group && oldest.number < needed_before_) return PictureNeed::needed;
    if (in_group && oldest.number < unneeded_before_ && own == PictureNeed::not_needed) return own;
    PictureNeed rest = own;
    std::uint64_t group_end = added_;
    bool in_next_lead = false;
    const auto note = [&] {
      if (in_group && rest == PictureNeed::not_needed) unneeded_before_ = group_end;
      return rest;
    };
    for (std::size_t i = 1; i < packets_.size(); ++i) {
      const Waiting& later = packets_[i];
      const PictureTraits& traits = later.packet.traits;
      const bool in_a_lead = later.leading || traits.hidden || traits.sure_of_before;
      const bool is_entry = traits.entry != PictureTraits::Entry::none;
      if (is_entry && group_end == added_) group_end = later.number;
      if (oldest.leading || in_next_lead) {
        if (is_entry || !in_a_lead) return note();
        if (traits.sure_of_before) continue;  // it refers to its own entry point at the most
      } else if (traits.entry == PictureTraits::Entry::closed) {
        return note();
      } else if (is_entry) {
        in_next_lead = true;
        continue;  // it refers to nothing
      }
      const PictureNeed need = need_of(later);
      if (need == PictureNeed::needed) {
        if (in_group) needed_before_ = later.number;
        return PictureNeed::needed;
      }
      if (rest != PictureNeed::unknown && need != PictureNeed::not_needed) rest = need;
    }
    return ended_ ? note() : PictureNeed::unknown;
  }

  std::unique_ptr<PictureNeeds> needs_;
  Limits limits_;

  stream_infer::detail::Queue<Waiting> packets_;   // not yet decided upon, in the order of decoding
  stream_infer::detail::Queue<Picture> unsorted_;  // pictures before which others may still come, sorted
  stream_infer::detail::Queue<Picture> pictures_;  // in the order of showing
  std::uint64_t popped_ = 0;                       // pictures
  std::uint64_t taken_ = 0;                        // answers of needs_
  std::int64_t last_shown_ = INT64_MIN;

  PictureOrder order_;
  std::uint64_t added_ = 0;
  std::uint64_t entries_ = 0;
  std::int64_t entry_timestamp_ = 0;                  // of the latest entry point added
  bool in_lead_ = false;                              // no picture shown after it has come yet
  bool is_open_ = false;                              // it
  bool begins_group_ = false;                         // the next picture to be shown does, since the entry point is not
  std::int64_t decoded_at_ = PlannedPacket::unknown;  // the smallest number
  std::size_t bytes_ = 0;
  bool ended_ = false;
  bool gave_up_ = false;

  std::uint64_t needed_before_ = 0;  // the number of a packet that is needed, and all references before it in its group
  std::uint64_t unneeded_before_ = 0;  // likewise, with nothing needed in its group from those decided upon to it
  bool contiguous_ = true;             // since the last packet decoded, no reference was left out
  bool group_left_out_ = false;
  bool lead_left_out_ = false;  // a reference of the lead that is being decided upon
  Decided decided_;
};

}  // namespace stream_infer::ffmpeg
