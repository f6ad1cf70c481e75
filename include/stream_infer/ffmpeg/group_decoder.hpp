#pragma once

#include "stream_infer/core/min_max.hpp"
#include "stream_infer/core/queue.hpp"
#include "stream_infer/core/stats.hpp"
#include "stream_infer/ffmpeg/decoder.hpp"
#include "stream_infer/ffmpeg/handle.hpp"

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace stream_infer::ffmpeg {

/// Decodes groups of pictures that do not refer to one another. A group is decoded here, by the decoder that the caller
/// lends, or `apart`: by a helper with a thread and a decoder of its own, while the groups before it and after it are
/// decoded too. Pictures come out in the order of the groups, whoever decoded them. Counts what it decodes, and errors.
///
/// Decoders that work on a group each have nothing to wait for; inside one, the threads wait for each other's rows. But the
/// pictures of a group apart are kept until those before them are out, so it pays where few of them are wanted.
///
/// One thread calls it. The helpers end with it, each after the packet that it is decoding.
class GroupDecoder {
 public:
  struct Limits {
    std::size_t packet_bytes = 8U << 20;   ///< of packets that wait to be decoded
    std::size_t wanted_bytes = 32U << 20;  ///< of the pictures that are wanted of a group apart
    std::size_t kept_bytes = 8U << 20;     ///< of pictures that wait for those before them, for each helper
  };

  /// \param whole    the decoder for groups that are not apart
  /// \param stream   outlives this, as do `whole` and `counters`
  /// \param threads  to decode with, in all; 0 is one for each core
  /// \param name     the source, redacted, for errors
  GroupDecoder(Decoder& whole, const AVStream& stream, int threads, std::string name, SourceCounters& counters,
               Limits limits)
      : whole_{&whole}, stream_{&stream}, name_{std::move(name)}, counters_{&counters}, limits_{limits} {
    const int cores = threads > 0 ? threads : static_cast<int>(std::thread::hardware_concurrency());
    most_helpers_ = static_cast<std::size_t>(stream_infer::detail::min(cores, 4));
    threads_each_ = stream_infer::detail::clamp(cores / 4, 1, 4);  // as many as FFmpeg would take in all
    const AVCodecParameters& parameters = *stream.codecpar;
    const int bytes = av_image_get_buffer_size(static_cast<AVPixelFormat>(parameters.format), parameters.width,
                                               parameters.height, 32);
    picture_bytes_ = bytes > 0 ? static_cast<std::size_t>(bytes) : SIZE_MAX / 2;  // not known: nothing is kept
    helpers_.reserve(most_helpers_);  // a thread that runs must find its place
  }
  GroupDecoder(const GroupDecoder&) = delete;
  GroupDecoder& operator=(const GroupDecoder&) = delete;
  ~GroupDecoder() {
    {
      const std::lock_guard lock{mutex_};
      stop_ = true;
    }
    changed_.notify_all();
    for (const auto& helper : helpers_) helper->thread.join();
  }

  enum class Status : std::uint8_t {
    frame,   ///< a picture
    hungry,  ///< it wants a packet
    busy,    ///< neither yet: ask again
    end,     ///< all is out
  };

  /// Whether a group of which so many pictures are wanted can be decoded apart.
  [[nodiscard]] bool can_keep(std::size_t wanted) {
    const std::lock_guard lock{mutex_};
    return most_helpers_ > 1 && picture_bytes_ <= limits_.kept_bytes && wanted * picture_bytes_ <= limits_.wanted_bytes;
  }

  /// The packets from here on refer to nothing before. \throws Error
  void begin_group(bool apart) {
    end_group();
    if (apart && helpers_.size() < most_helpers_) apart = add_helper();
    const std::lock_guard lock{mutex_};
    groups_.push_back(spare_groups_.empty() ? Handle<Group>{new Group} : spare_groups_.pop_front());
    groups_.back()->apart = apart;
    ++undone_;
    in_group_ = true;
  }

  /// The next packet of the group that was begun last, after a receive() that was hungry. One that is not wanted is decoded
  /// because others refer to it: its picture need not come out.
  void send(const AVPacket& packet, bool wanted) {
    Group& group = *groups_.back();
    if (!group.apart && groups_.size() == 1 && group.packets.empty()) return give(*whole_, &packet);
    {
      const std::lock_guard lock{mutex_};
      UniquePacket kept = spare_packets_.empty() ? make_packet() : spare_packets_.pop_front();
      if (av_packet_ref(kept.get(), &packet) < 0) throw std::bad_alloc{};
      bytes_ += static_cast<std::size_t>(packet.size);
      group.packets.push_back({std::move(kept), wanted});
    }
    if (group.apart) changed_.notify_all();
  }

  /// The group has no further packets: all its pictures come out.
  void end_group() {
    if (!std::exchange(in_group_, false)) return;
    {
      const std::lock_guard lock{mutex_};
      groups_.back()->complete = true;
    }
    changed_.notify_all();
  }
  [[nodiscard]] bool in_group() const { return in_group_; }

  /// There are no more groups.
  void finish() {
    end_group();
    finished_ = true;
  }

  /// The next picture. Where `patient`, it rather waits for one than asks for packets of a later group. \throws Error
  [[nodiscard]] Status receive(AVFrame& frame, bool patient) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds{20};
    std::unique_lock lock{mutex_};
    while (!groups_.empty()) {
      Group& group = *groups_.front();
      if (!group.apart) {
        lock.unlock();  // nobody else has to do with it
        const Decoder::Status status = decode_here(group, frame);
        if (status == Decoder::Status::frame) return Status::frame;
        if (status == Decoder::Status::hungry) return Status::hungry;
        lock.lock();
        --undone_;
        end_oldest_group();
      } else if (!group.pictures.empty()) {
        UniqueFrame picture = group.pictures.pop_front();
        --kept_;
        kept_bytes_ -= bytes_of(*picture);
        av_frame_unref(&frame);
        av_frame_move_ref(&frame, picture.get());
        spare_frames_.push_back(std::move(picture));
        changed_.notify_all();
        return Status::frame;
      } else if (group.done) {
        if (group.failure) std::rethrow_exception(std::exchange(group.failure, nullptr));
        end_oldest_group();
      } else {
        const bool starves = !group.complete && group.packets.empty();
        if (!finished_ && (starves || (!is_full() && !(patient && group.complete)))) return Status::hungry;
        if (changed_.wait_until(lock, until) == std::cv_status::timeout) return Status::busy;
      }
    }
    return finished_ ? Status::end : Status::hungry;
  }

 private:
  struct Sent {
    UniquePacket packet;
    bool wanted = true;
  };

  struct Group {
    bool apart = false;
    bool complete = false;  // no packets follow
    bool taken = false;     // by a helper
    bool done = false;      // by it
    stream_infer::detail::Queue<Sent> packets;
    stream_infer::detail::Queue<UniqueFrame> pictures;
    std::exception_ptr failure;
  };

  struct Helper {
    Helper(const AVStream& stream, int threads, const std::string& name) : decoder{stream, threads, name} {}
    Decoder decoder;
    UniqueFrame frame = make_frame();
    std::vector<std::int64_t> unwanted;  // time stamps of pictures in the decoder
    std::thread thread;
  };

  /// Returns whether there is any: of threads and of some decoders a machine has only so many.
  [[nodiscard]] bool add_helper() {
    try {
      Handle<Helper> helper{new Helper{*stream_, threads_each_, name_}};
      helper->thread = std::thread{[this, own = helper.get()] { help(*own); }};
      helpers_.push_back(std::move(helper));
    } catch (const std::exception&) {
      const std::lock_guard lock{mutex_};
      most_helpers_ = helpers_.size();
    }
    return !helpers_.empty();
  }

  void end_oldest_group() {
    Handle<Group> group = groups_.pop_front();
    group->complete = group->taken = group->done = false;  // its queues are empty, and keep their memory
    spare_groups_.push_back(std::move(group));
    changed_.notify_all();
  }

  void give(Decoder& decoder, const AVPacket* packet) {
    if (!decoder.send(packet)) stream_infer::detail::count(counters_->decode_errors);
  }

  [[nodiscard]] bool is_full() const { return bytes_ >= limits_.packet_bytes || undone_ > most_helpers_; }

  /// The oldest packet of a group, out of it.
  [[nodiscard]] Sent take_packet(Group& group) {
    Sent sent = group.packets.pop_front();
    bytes_ -= static_cast<std::size_t>(sent.packet->size);
    return sent;
  }

  void recycle(UniquePacket packet) {
    av_packet_unref(packet.get());
    spare_packets_.push_back(std::move(packet));
  }

  /// A picture, `hungry`, or the end of the group.
  [[nodiscard]] Decoder::Status decode_here(Group& group, AVFrame& frame) {
    for (;;) {
      switch (whole_->receive(frame)) {
        case Decoder::Status::frame:
          stream_infer::detail::count(counters_->frames_decoded);
          return Decoder::Status::frame;
        case Decoder::Status::error: stream_infer::detail::count(counters_->decode_errors); break;
        case Decoder::Status::end:
          if (has_helper_next())
            whole_->close();
          else
            whole_->flush();
          return Decoder::Status::end;
        case Decoder::Status::hungry:
          if (!group.packets.empty()) {
            std::unique_lock lock{mutex_};
            Sent sent = take_packet(group);
            lock.unlock();
            give(*whole_, sent.packet.get());
            lock.lock();
            recycle(std::move(sent.packet));
          } else if (!group.complete) {
            return Decoder::Status::hungry;
          } else {
            give(*whole_, nullptr);
          }
          break;
      }
    }
  }

  /// Whether the decoder will not be needed soon; it holds as much memory as the helpers'.
  [[nodiscard]] bool has_helper_next() {
    const std::lock_guard lock{mutex_};
    return groups_.size() > 1 && groups_[1]->apart;
  }

  // The helpers' part. All of it holds the lock but while decoding.

  void help(Helper& helper) {
    std::unique_lock lock{mutex_};
    while (!stop_) {
      Group* const group = find_untaken();
      if (group == nullptr) {
        changed_.wait(lock);
        continue;
      }
      group->taken = true;
      try {
        decode_apart(helper, *group, lock);
      } catch (...) {
        if (!lock.owns_lock()) lock.lock();
        group->failure = std::current_exception();
      }
      group->done = true;
      --undone_;
      changed_.notify_all();
    }
  }

  [[nodiscard]] Group* find_untaken() {
    for (std::size_t i = 0; i < groups_.size(); ++i)
      if (groups_[i]->apart && !groups_[i]->taken) return groups_[i].get();
    return nullptr;
  }

  void decode_apart(Helper& helper, Group& group, std::unique_lock<std::mutex>& lock) {
    helper.unwanted.clear();
    while (!stop_) {
      lock.unlock();
      const Decoder::Status status = helper.decoder.receive(*helper.frame);
      lock.lock();
      switch (status) {
        case Decoder::Status::frame:
          stream_infer::detail::count(counters_->frames_decoded);
          if (is_wanted(helper))
            keep(helper, group, lock);
          else if (is_damaged(*helper.frame))
            stream_infer::detail::count(counters_->decode_errors);
          break;
        case Decoder::Status::error: stream_infer::detail::count(counters_->decode_errors); break;
        case Decoder::Status::end: helper.decoder.flush(); return;
        case Decoder::Status::hungry:
          while (!stop_ && group.packets.empty() && !group.complete) changed_.wait(lock);
          if (stop_) return;
          feed(helper, group, lock);
          break;
      }
    }
  }

  void feed(Helper& helper, Group& group, std::unique_lock<std::mutex>& lock) {
    if (group.packets.empty()) {
      lock.unlock();
      give(helper.decoder, nullptr);
      lock.lock();
      return;
    }
    Sent sent = take_packet(group);
    changed_.notify_all();
    if (!sent.wanted) helper.unwanted.push_back(sent.packet->pts);
    lock.unlock();
    give(helper.decoder, sent.packet.get());
    lock.lock();
    recycle(std::move(sent.packet));
  }

  /// Whether the picture that came out of the helper's decoder is to be kept.
  [[nodiscard]] static bool is_wanted(Helper& helper) {
    for (std::int64_t& timestamp : helper.unwanted)
      if (timestamp == helper.frame->pts) {
        timestamp = helper.unwanted.back();
        helper.unwanted.pop_back();
        return false;
      }
    return true;
  }

  /// Puts the helper's picture to those that wait to come out, as soon as there is room.
  void keep(Helper& helper, Group& group, std::unique_lock<std::mutex>& lock) {
    picture_bytes_ = stream_infer::detail::max<std::size_t>(1, bytes_of(*helper.frame));
    const auto is_full = [this] {
      return kept_ >= 2 && kept_bytes_ + picture_bytes_ > most_helpers_ * limits_.kept_bytes;
    };
    // The oldest group always has room for one: that is what everybody waits for.
    while (!stop_ && is_full() && !(groups_.front().get() == &group && group.pictures.empty())) changed_.wait(lock);
    UniqueFrame kept = spare_frames_.empty() ? make_frame() : spare_frames_.pop_front();
    av_frame_move_ref(kept.get(), helper.frame.get());
    kept_bytes_ += bytes_of(*kept);
    group.pictures.push_back(std::move(kept));
    ++kept_;
    changed_.notify_all();
  }

  /// The memory that a picture holds.
  [[nodiscard]] static std::size_t bytes_of(const AVFrame& picture) {
    std::size_t bytes = 0;
    for (const AVBufferRef* buffer : picture.buf)
      if (buffer != nullptr) bytes += static_cast<std::size_t>(buffer->size);
    return bytes;
  }

  Decoder* whole_;
  const AVStream* stream_;
  std::string name_;
  SourceCounters* counters_;
  Limits limits_;
  std::size_t most_helpers_ = 0;  // once there are some, guarded by mutex_
  int threads_each_ = 1;

  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  stream_infer::detail::Queue<Handle<Group>>
      groups_;              // the oldest first; put in and taken out by the caller's thread only
  std::size_t bytes_ = 0;   // of all packets in groups
  std::size_t undone_ = 0;  // groups that are not decoded yet
  std::size_t kept_ = 0;    // pictures in groups
  std::size_t kept_bytes_ = 0;
  std::size_t picture_bytes_ = 0;  // of the latest one
  stream_infer::detail::Queue<Handle<Group>> spare_groups_;
  stream_infer::detail::Queue<UniquePacket> spare_packets_;
  stream_infer::detail::Queue<UniqueFrame> spare_frames_;
  bool stop_ = false;

  std::vector<Handle<Helper>> helpers_;  // the caller's
  bool in_group_ = false;
  bool finished_ = false;
};

}  // namespace stream_infer::ffmpeg
