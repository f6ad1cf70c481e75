#pragma once

#include "stream_infer/core/error.hpp"
#include "stream_infer/core/media_time.hpp"
#include "stream_infer/core/min_max.hpp"
#include "stream_infer/exporter/journal.hpp"
#include "stream_infer/exporter/json.hpp"
#include "stream_infer/exporter/record_store.hpp"
#include "stream_infer/exporter/rotating_file.hpp"
#include "stream_infer/exporter/stored_record.hpp"
#include "stream_infer/producer/back_off.hpp"

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace stream_infer {

/// What gives way where more records wait than may.
enum class Overflow : std::uint8_t {
  drop_oldest,
  drop_newest,
  block,  ///< none: collect() waits for room, and so does the algorithm that brings the record
};

struct ReliableOptions {
  std::string journal{};                ///< the path of the file that keeps what has not been delivered
  std::size_t max_bytes = 256'000'000;  ///< of records that wait in the journal, and likewise in memory
  Overflow overflow = Overflow::drop_oldest;
  std::size_t batch = 500;     ///< records that are written to the store at once, at most
  BackOff retry{};             ///< the pauses while the store does not take them; they go on for ever
  std::string dead_letters{};  ///< where records go that the store never takes; empty: JOURNAL.dead.jsonl
  MediaTime end_within{
      2'000'000'000};  ///< for what still waits to be delivered at the end; the rest stays in the journal
};

/// What became of the records. Those of an earlier run that the journal still had count as collected, too.
/// `collected == delivered + dead_letters + dropped + waiting`, but for what is being moved just now.
struct ReliableStats {
  std::uint64_t collected = 0;
  std::uint64_t delivered = 0;
  std::uint64_t dead_letters = 0;  ///< written to ReliableOptions::dead_letters
  std::uint64_t dropped = 0;       ///< because of Overflow
  std::uint64_t waiting = 0;       ///< in memory, or in the journal
  std::uint64_t unwritten = 0;     ///< of those, not in the journal yet: lost if the program is killed now
  std::uint64_t failures = 0;      ///< how often the store, or the journal, did not take some
  std::string last_error{};
};

namespace detail {

/// The work of Reliable, which may be moved while this goes on. Two threads: one puts what is collected into the journal,
/// the other takes it from there to the store, which may keep it waiting.
template <class Store>
class ReliableWork {
 public:
  ReliableWork(Store store, ReliableOptions options)
      : store_{std::forward<Store>(store)}, options_{checked(std::move(options))}, journal_{options_.journal} {
    stats_.collected = journalled_ = journal_.size();
    journalled_bytes_ = journal_.bytes();
    if (!journal_.damaged().empty())
      stats_.last_error = "the journal was damaged: it is kept as " + journal_.damaged() + ", and " +
                          std::to_string(journal_.size()) + " records were taken over";
    writer_ = std::thread{[this] { write_journal(); }};
    try {
      sender_ = std::thread{[this] { deliver(); }};
    } catch (...) {
      end();
      throw;
    }
  }
  ReliableWork(const ReliableWork&) = delete;
  ReliableWork& operator=(const ReliableWork&) = delete;
  ~ReliableWork() {
    flush(options_.end_within);
    end();
  }

  void collect(StoredRecord record) {
    const std::size_t bytes = record.bytes();
    std::unique_lock lock{mutex_};
    ++stats_.collected;
    if (options_.overflow == Overflow::block) changed_.wait(lock, [&] { return has_room(bytes) || waiting() == 0; });
    if (options_.overflow == Overflow::drop_newest && !has_room(bytes)) {
      ++stats_.dropped;
      return;
    }
    while (!queue_.empty() && queue_bytes_ + bytes > options_.max_bytes) {  // the journal does not take them
      queue_bytes_ -= queue_.front().bytes();
      queue_.pop_front();
      ++stats_.dropped;
    }
    queue_bytes_ += bytes;
    queue_.push_back(std::move(record));
    if (writer_waits_) collected_.notify_one();
  }

  bool flush(MediaTime deadline) {
    const auto until = std::chrono::steady_clock::now() + detail::clamp(deadline, MediaTime{0}, longest_flush);
    std::unique_lock lock{mutex_};
    return changed_.wait_until(lock, until, [this] { return waiting() == 0; });
  }

  [[nodiscard]] ReliableStats stats() const {
    const std::lock_guard lock{mutex_};
    ReliableStats stats = stats_;
    stats.unwritten = queue_.size() + in_hand_;
    stats.waiting = waiting();
    return stats;
  }

 private:
  static constexpr MediaTime longest_flush{86'400'000'000'000'000};
  static constexpr std::chrono::milliseconds journal_pause{100};

  static ReliableOptions checked(ReliableOptions options) {
    if (options.journal.empty())
      throw Error{
          Errc::invalid_argument, "export", {}, "ReliableOptions::journal is empty: it takes the path of a file"};
    if (options.batch == 0) throw Error{Errc::invalid_argument, "export", {}, "ReliableOptions::batch is 0"};
    if (options.dead_letters.empty()) options.dead_letters = options.journal + ".dead.jsonl";
    return options;
  }

  // All with mutex_ held.
  [[nodiscard]] bool has_room(std::size_t bytes) const {
    return queue_bytes_ + in_hand_bytes_ + journalled_bytes_ + bytes <= options_.max_bytes;
  }
  [[nodiscard]] std::uint64_t waiting() const { return queue_.size() + in_hand_ + journalled_; }
  void failed(const std::string& why) {
    ++stats_.failures;
    stats_.last_error = why;
  }

  /// The writer's thread: from the queue into the journal.
  void write_journal() {
    std::deque<StoredRecord> hand;
    for (;;) {
      {
        std::unique_lock lock{mutex_};
        writer_waits_ = true;
        collected_.wait(lock, [this] { return ends_ || !queue_.empty(); });
        writer_waits_ = false;
        if (queue_.empty()) return;
        hand.swap(queue_);  // nothing that takes time: somebody may be collecting
        in_hand_bytes_ = std::exchange(queue_bytes_, 0);
        in_hand_ = hand.size();
      }
      while (!append(hand)) {
        std::unique_lock lock{mutex_};
        if (collected_.wait_for(lock, journal_pause, [this] { return ends_; }))
          return;  // lost: the disk is full to the end
      }
      hand.clear();
    }
  }

  /// Puts records into the journal. Returns whether that succeeded.
  bool append(const std::deque<StoredRecord>& records) try {
    const std::lock_guard journal{journal_mutex_};
    if (options_.overflow == Overflow::drop_oldest) make_room(records);
    journal_.append(records);
    const std::lock_guard lock{mutex_};
    in_hand_ = in_hand_bytes_ = 0;
    note_journal();
    changed_.notify_all();
    return true;
  } catch (const std::exception& error) {
    const std::lock_guard lock{mutex_};
    failed(error.what());
    return false;
  }

  /// With journal_mutex_ held: forgets the oldest records, so that there is room for more.
  void make_room(const std::deque<StoredRecord>& records) {
    std::size_t bytes = 0;
    for (const StoredRecord& record : records) bytes += record.bytes();
    while (journal_.size() > 0 && journal_.bytes() + bytes > options_.max_bytes) {
      std::vector<Journal::Entry> oldest = journal_.oldest(options_.batch);
      std::size_t count = 0;
      for (std::size_t freed = 0; count < oldest.size() && journal_.bytes() - freed + bytes > options_.max_bytes;
           ++count)
        freed += oldest[count].record.bytes();
      journal_.remove(std::span{oldest}.first(count));
      ++trimmed_;
      const std::lock_guard lock{mutex_};
      stats_.dropped += count;
      note_journal();
    }
  }

  /// With both mutexes held.
  void note_journal() {
    journalled_ = journal_.size();
    journalled_bytes_ = journal_.bytes();
  }

  /// The sender's thread: from the journal to the store.
  void deliver() {
    std::uint32_t attempt = 0;
    for (;;) {
      std::vector<Journal::Entry> entries;
      std::optional<MediaTime> pause;
      try {
        std::uint64_t trimmed = 0;
        {
          const std::lock_guard journal{journal_mutex_};
          entries = journal_.oldest(options_.batch);
          trimmed = trimmed_;
        }
        if (!entries.empty()) {
          write(entries, trimmed);
          attempt = 0;
        }
      } catch (const StoreError& error) {
        pause = pause_after(error, ++attempt, error.retry_after());
      } catch (...) {
        const std::string why = message_of(std::current_exception());
        pause = pause_after(Error{Errc::producer_failed, "export", {}, why}, ++attempt, {});
      }
      std::unique_lock lock{mutex_};
      if (ends_) return;
      if (pause)
        changed_.wait_for(lock, *pause, [this] { return ends_; });
      else if (entries.empty())
        changed_.wait(lock, [this] { return ends_ || journalled_ > 0; });
      if (ends_) return;
    }
  }

  [[nodiscard]] MediaTime pause_after(const Error& error, std::uint32_t attempt, std::optional<MediaTime> asked) {
    const std::lock_guard lock{mutex_};
    failed(error.what());
    const MediaTime own =
        options_.retry({.error = error, .attempt = attempt, .random = random_()}).value_or(MediaTime{0});
    return detail::clamp(detail::max(own, asked.value_or(MediaTime{0})), MediaTime{0}, longest_flush);
  }

  /// Writes records to the store. One that it will never take goes to the dead letters, and the others on. \throws
  void write(const std::vector<Journal::Entry>& entries, std::uint64_t trimmed) {
    std::vector<StoredRecord> records;
    records.reserve(entries.size());
    for (const Journal::Entry& entry : entries) records.push_back(entry.record);
    try {
      store_.write(std::span<const StoredRecord>{records});
      return done(entries, trimmed, false);
    } catch (const StoreError& error) {
      if (error.kind() != StoreError::Kind::poison) throw;
      if (entries.size() == 1) return bury(entries, trimmed, error);
    }
    const auto middle = entries.begin() + static_cast<std::ptrdiff_t>(entries.size() / 2);
    write({entries.begin(), middle}, trimmed);
    write({middle, entries.end()}, trimmed);
  }

  void bury(const std::vector<Journal::Entry>& entries, std::uint64_t trimmed, const StoreError& error) {
    std::string line = to_json_text(entries.front().record);
    line.pop_back();
    RotatingFile{options_.dead_letters, {}, {}}.append(line + ",\"error\":" + quote(error.what()) + "}\n");
    {
      const std::lock_guard lock{mutex_};
      failed(error.what());
    }
    done(entries, trimmed, true);
  }

  void done(const std::vector<Journal::Entry>& entries, std::uint64_t trimmed, bool dead) {
    const std::lock_guard journal{journal_mutex_};
    std::vector<Journal::Entry> kept = entries;
    if (trimmed != trimmed_) {  // some may have been dropped while they were being written
      const std::vector<Journal::Entry> oldest = journal_.oldest(1);
      const std::int64_t first = oldest.empty() ? INT64_MAX : oldest.front().id;
      std::erase_if(kept, [first](const Journal::Entry& entry) { return entry.id < first; });
    }
    journal_.remove(kept);
    const std::lock_guard lock{mutex_};
    (dead ? stats_.dead_letters : stats_.delivered) += kept.size();
    note_journal();
    changed_.notify_all();
  }

  /// Ends the threads. What has been collected is in the journal then, if that takes it.
  void end() {
    {
      const std::lock_guard lock{mutex_};
      ends_ = true;
    }
    collected_.notify_all();
    changed_.notify_all();
    if (writer_.joinable()) writer_.join();
    if (sender_.joinable()) sender_.join();
  }

  Store store_;
  ReliableOptions options_;

  std::mutex journal_mutex_;  // taken before mutex_
  Journal journal_;
  std::uint64_t trimmed_ = 0;  // how often records had to go

  mutable std::mutex mutex_;  // guards what follows; never held for long
  std::condition_variable collected_, changed_;
  std::deque<StoredRecord> queue_;
  std::size_t queue_bytes_ = 0;
  std::size_t in_hand_ = 0, in_hand_bytes_ = 0;  // on their way from the queue into the journal
  std::size_t journalled_ = 0, journalled_bytes_ = 0;
  bool writer_waits_ = false;
  bool ends_ = false;
  ReliableStats stats_;
  std::mt19937_64 random_{std::random_device{}()};

  std::thread writer_, sender_;
};

}  // namespace detail

/// Delivers every record to a store, also where that is away, slow, or refuses, and over the end of this program. Made by
/// reliable().
template <class Store>
class Reliable {
 public:
  Reliable(Store store, ReliableOptions options)
      : work_{new detail::ReliableWork<Store>{std::forward<Store>(store), std::move(options)}} {}

  /// Takes microseconds, whatever the store does, but with Overflow::block. Any thread.
  /// \throws Error  if JSON cannot hold the value
  template <JsonValue T>
  void collect(const Record<T>& record) {
    work_->collect(to_stored(record));
  }

  /// Waits until all that was collected has been delivered, dropped, or written to the dead letters, but not longer than
  /// `deadline`. Returns whether it has. Any thread.
  bool flush(MediaTime deadline) { return work_->flush(deadline); }

  [[nodiscard]] ReliableStats stats() const { return work_->stats(); }

 private:
  detail::Handle<detail::ReliableWork<Store>> work_;
};

/// An exporter that brings each record to `store` in the end: at least once, and in one that knows keys (SQLite) just once.
///
///     auto exporter = si::reliable(si::SqliteExporter{"results.db"}, {.journal = "results.journal"});
///
/// - collect() puts the record into a queue. A thread writes that into the journal, an SQLite database, within milliseconds;
///   from then on it survives the end of this program, and a loss of power. Another thread takes it from there to the store.
/// - While the store fails, it is tried again, for ever, with pauses as by `retry`, or as the store asks.
/// - A record that the store will never take goes to the file `dead_letters`, a line of JSON with the reason, and the others
///   go on.
/// - More than `max_bytes` do not wait: `overflow` says what gives way, and stats() counts it.
/// - At its end it waits for delivery, for `end_within` at most, and for a call of the store that has begun. What is left
///   stays in the journal, and the next reliable() with that journal delivers it. Only one at a time can have a journal.
///
/// A named store stays with the caller, who keeps it alive and away from others; a temporary is taken over.
/// \throws Error       if an option makes no sense
/// \throws StoreError  if the journal cannot be opened: another program has it, or there is no such folder
template <class Store>
  requires RecordStore<std::remove_reference_t<Store>>
[[nodiscard]] Reliable<Store> reliable(Store&& store, ReliableOptions options) {
  return Reliable<Store>{std::forward<Store>(store), std::move(options)};
}

}  // namespace stream_infer
