#pragma once

#include "stream_infer/core/callback.hpp"
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
#include <filesystem>
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
  block,  ///< none: collect() waits for room, and with it all algorithms, and a stop
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
  /// Hears each time when the store, or the journal, does not take some, on a thread of this exporter's, one call at a time.
  /// It must not throw, nor collect() or flush(). Empty: stats() alone tell.
  Callback<void(const Error&)> on_failure{};
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
  bool is_failing = false;         ///< the latest attempt failed; otherwise `last_error` is of the past
  std::string last_error{};
};

namespace detail {

/// The work of Reliable, which may be moved while this goes on. Two threads: one keeps the journal, the other brings what is
/// in it to the store, which may keep it waiting.
///
/// A record goes from `queue_` through `hand_` into the journal. There it is one of `ready_`, which are in memory as well, or
/// of the `backlog_` behind them, which are not. The sender takes it to `sending_`, and once the store has it, the journal is
/// told to forget it with what it takes next.
template <class Store>
class ReliableWork {
 public:
  ReliableWork(Store store, ReliableOptions options)
      : store_{std::forward<Store>(store)}, options_{checked(std::move(options))}, journal_{options_.journal} {
    stats_.collected = backlog_ = journal_.size();
    journal_bytes_ = journal_.bytes();
    if (!journal_.damaged().empty()) note(damage());
    writer_ = std::thread{[this] { keep_journal(); }};
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
    if (options_.overflow != Overflow::block && bytes > options_.max_bytes)
      throw Error{Errc::limit_exceeded, "export", record.algorithm.view(),
                  "the value of frame " + std::to_string(record.frame_index) + " takes " + std::to_string(bytes) +
                      " bytes, more than ReliableOptions::max_bytes"};
    std::unique_lock lock{mutex_};
    ++stats_.collected;
    if (options_.overflow == Overflow::block) changed_.wait(lock, [&] { return has_room(bytes) || waiting() == 0; });
    if (options_.overflow == Overflow::drop_newest && !has_room(bytes)) {
      ++stats_.dropped;
      return;
    }
    if (options_.overflow == Overflow::drop_oldest)  // there is more of it only where the journal does not take it
      while (queue_bytes_ + hand_bytes_ + bytes > options_.max_bytes && drop_unwritten()) {}
    queue_bytes_ += bytes;
    queue_.push_back(std::move(record));
    if (writer_waits_) collected_.notify_one();
  }

  bool flush(MediaTime deadline) {
    const auto until = std::chrono::steady_clock::now() + detail::clamp(deadline, MediaTime{0}, longest_flush);
    std::unique_lock lock{mutex_};
    hurries_ = true;  // the store may have come back since
    changed_.notify_all();
    return changed_.wait_until(lock, until, [this] { return waiting() == 0; });
  }

  [[nodiscard]] ReliableStats stats() const {
    const std::lock_guard lock{mutex_};
    ReliableStats stats = stats_;
    stats.unwritten = queue_.size() + hand_.size() + (has_lent() ? sending_.records.size() - sent_ : 0);
    stats.waiting = waiting();
    stats.is_failing = store_fails_ || journal_fails_;
    return stats;
  }

 private:
  using Range = Journal::Range;
  using Entry = Journal::Entry;

  /// Records on their way to the store, one behind the other. Those that the journal has not have no ids.
  struct Batch {
    std::vector<StoredRecord> records{};
    std::vector<std::int64_t> ids{};
  };

  static constexpr MediaTime longest_flush{86'400'000'000'000'000};
  static constexpr std::chrono::milliseconds shortest_pause{100},
      longest_pause{1000};                                // until the journal is tried again
  static constexpr std::size_t most_ready = 32'000'000;   // bytes; what is more is read from the journal again
  static constexpr std::size_t most_sending = 8'000'000;  // bytes of a batch, about

  static ReliableOptions checked(ReliableOptions options) {
    if (options.journal.empty())
      throw Error{
          Errc::invalid_argument, "export", {}, "ReliableOptions::journal is empty: it takes the path of a file"};
    if (options.batch == 0) throw Error{Errc::invalid_argument, "export", {}, "ReliableOptions::batch is 0"};
    const std::string folder = std::filesystem::path{options.dead_letters}.parent_path().string();
    std::error_code ignored;
    if (!folder.empty() && !std::filesystem::is_directory(folder, ignored))
      throw Error{Errc::invalid_argument, "export", options.dead_letters,
                  "ReliableOptions::dead_letters is in a folder that is not there"};
    if (options.dead_letters.empty()) options.dead_letters = options.journal + ".dead.jsonl";
    return options;
  }

  static bool is_written(const Batch& batch) { return !batch.ids.empty(); }

  /// What was wrong when the journal was opened.
  [[nodiscard]] Error damage() const {
    return {std::make_error_code(std::errc::io_error), "export", options_.journal,
            "the journal was damaged: it is kept as " + journal_.damaged() + ", and " +
                std::to_string(journal_.size()) + " records were taken over"};
  }

  /// With no mutex held.
  void failed(const Error& error) {
    note(error);
    tell(error);
  }
  void note(const Error& error) {
    const std::lock_guard lock{mutex_};
    ++stats_.failures;
    stats_.last_error = error.what();
  }
  void tell(const Error& error) {
    if (!options_.on_failure) return;
    const std::lock_guard lock{telling_mutex_};
    options_.on_failure(error);
  }

  // All with mutex_ held.
  [[nodiscard]] bool has_room(std::size_t bytes) const {
    return queue_bytes_ + hand_bytes_ + journal_bytes_ + bytes <= options_.max_bytes;
  }
  [[nodiscard]] std::uint64_t waiting() const {
    return queue_.size() + hand_.size() + ready_.size() + backlog_ + sending_.records.size() - sent_;
  }
  /// The journal is to forget an entry, or those up to another.
  void forget(Range range) {
    if (!forgotten_.empty() && forgotten_.back().last + 1 == range.first)
      forgotten_.back().last = range.last;
    else
      forgotten_.push_back(range);
    if (writer_waits_) collected_.notify_one();
  }
  bool drop_unwritten() {
    std::deque<StoredRecord>& from = hand_.empty() || journal_is_busy_ ? queue_ : hand_;
    if (from.empty()) return false;
    (&from == &queue_ ? queue_bytes_ : hand_bytes_) -= from.front().bytes();
    from.pop_front();
    ++stats_.dropped;
    return true;
  }
  /// Returns whether there was one that the journal has and the store is not being given.
  bool drop_written() {
    Entry oldest;
    if (is_written(sending_) && !store_is_busy_ && !sending_.records.empty()) {
      oldest = {sending_.ids.front(), std::move(sending_.records.front())};
      sending_.ids.erase(sending_.ids.begin());
      sending_.records.erase(sending_.records.begin());
    } else if (!ready_.empty()) {
      oldest = std::move(ready_.front());
      ready_.pop_front();
      ready_bytes_ -= oldest.record.bytes();
    } else {
      return false;
    }
    journal_bytes_ -= oldest.record.bytes();
    ++stats_.dropped;
    forget({oldest.id, oldest.id});
    return true;
  }

  // The writer's thread.

  void keep_journal() {
    if (!journal_.damaged().empty()) tell(damage());
    std::chrono::milliseconds pause = shortest_pause;
    std::unique_lock lock{mutex_};
    for (;;) {
      writer_waits_ = true;
      collected_.wait(lock, [this] { return ends_ || (has_work() && !has_lent()); });
      writer_waits_ = false;
      if (!has_work()) return;
      if (hand_.empty())
        hand_.swap(queue_);  // nothing that takes time: somebody may be collecting
      else
        for (; !queue_.empty(); queue_.pop_front()) hand_.push_back(std::move(queue_.front()));
      hand_bytes_ += std::exchange(queue_bytes_, 0);
      journal_is_busy_ = true;
      lock.unlock();
      const bool done = update_journal();
      lock.lock();
      journal_is_busy_ = false;
      journal_fails_ = !done;
      changed_.notify_all();
      if (done) {
        pause = shortest_pause;
        continue;
      }
      if (ends_) return lose_unwritten(lock);
      journal_pauses_ = true;  // meanwhile the store may have what it does not take
      collected_.wait_for(lock, pause, [this] { return ends_; });
      journal_pauses_ = false;
      pause = detail::min(2 * pause, longest_pause);
    }
  }

  /// At the end: neither the journal nor the store takes them.
  void lose_unwritten(std::unique_lock<std::mutex>& lock) {
    const std::size_t lost = queue_.size() + hand_.size();
    stats_.dropped += lost;
    queue_.clear();
    hand_.clear();
    const std::string why = stats_.last_error;
    lock.unlock();
    if (lost > 0)
      failed(Error{std::make_error_code(std::errc::io_error), "export", options_.journal,
                   std::to_string(lost) + " records are lost: neither the journal nor the store took them. " + why});
    lock.lock();
  }

  /// Whether the sender has records that the journal has not; they come before those in hand.
  [[nodiscard]] bool has_lent() const { return !sending_.records.empty() && !is_written(sending_); }
  [[nodiscard]] bool has_work() const {
    return !queue_.empty() || !hand_.empty() || !forgotten_.empty() || !forgetting_.empty();
  }

  /// Puts what is in hand into the journal. Returns whether that succeeded.
  bool update_journal() try {
    const std::lock_guard journal{journal_mutex_};
    if (options_.overflow == Overflow::drop_oldest) make_room();
    {
      const std::lock_guard lock{mutex_};
      forgetting_.insert(forgetting_.end(), forgotten_.begin(), forgotten_.end());
      forgotten_.clear();
    }
    std::int64_t id = journal_.write(forgetting_, hand_);
    forgetting_.clear();
    std::unique_lock lock{mutex_};
    for (std::size_t i = 1; !hand_.empty(); hand_.pop_front(), ++id, ++i) {
      if (i % 1000 == 0) {  // somebody may be collecting
        lock.unlock();
        lock.lock();
      }
      const std::size_t bytes = hand_.front().bytes();
      if (backlog_ == 0 && ready_bytes_ + bytes <= most_ready) {
        ready_.push_back({id, std::move(hand_.front())});
        ready_bytes_ += bytes;
        last_ready_ = id;
      } else {
        ++backlog_;
      }
      hand_bytes_ -= bytes;
      journal_bytes_ += bytes;
    }
    return true;
  } catch (...) {
    failed(detail::current_error("export", options_.journal));
    return false;
  }

  /// With journal_mutex_ held: drops the oldest, so that there is room for what is in hand.
  void make_room() {
    std::unique_lock lock{mutex_};
    while (journal_bytes_ + hand_bytes_ > options_.max_bytes) {
      if (drop_written()) continue;
      if (backlog_ == 0) return;
      lock.unlock();
      load();
      lock.lock();
    }
  }

  /// With journal_mutex_ held: reads some of the backlog.
  void load() {
    std::vector<Entry> entries = journal_.read(last_ready_, options_.batch, most_sending);
    const std::lock_guard lock{mutex_};
    if (entries.empty()) {  // it has lost them
      stats_.dropped += std::exchange(backlog_, 0);
      changed_.notify_all();
    }
    for (Entry& entry : entries) {
      ready_bytes_ += entry.record.bytes();
      last_ready_ = entry.id;
      ready_.push_back(std::move(entry));
      --backlog_;
    }
  }

  // The sender's thread.

  void deliver() {
    std::uint32_t attempt = 0;
    std::unique_lock lock{mutex_};
    for (;;) {
      changed_.wait(lock, [this] { return sender_ends_ || !sending_.records.empty() || has_more(); });
      if (sender_ends_) break;
      lock.unlock();
      std::optional<MediaTime> pause;
      bool was_asked_for = false;
      try {
        if (take()) {
          send();
          attempt = 0;
        }
      } catch (const StoreError& error) {
        was_asked_for = error.retry_after().has_value();
        pause = pause_after(error, ++attempt, error.retry_after());
      } catch (...) {
        pause = pause_after(detail::current_error("export", {}), ++attempt, {});
      }
      lock.lock();
      store_is_busy_ = false;
      const auto sent = static_cast<std::ptrdiff_t>(std::exchange(sent_, 0));
      if (is_written(sending_)) sending_.ids.erase(sending_.ids.begin(), sending_.ids.begin() + sent);
      sending_.records.erase(sending_.records.begin(), sending_.records.begin() + sent);
      give_back();
      if (pause) changed_.wait_for(lock, *pause, [&] { return sender_ends_ || (hurries_ && !was_asked_for); });
      hurries_ = false;
    }
  }

  /// With mutex_ held.
  [[nodiscard]] bool has_more() const { return !ready_.empty() || backlog_ > 0 || (journal_pauses_ && !hand_.empty()); }

  /// Puts the next batch together, if there is none. Returns whether there is one then, for the store.
  bool take() {
    {
      const std::lock_guard lock{mutex_};
      if (sending_.records.empty() && !ready_.empty()) take_ready();
      if (!sending_.records.empty()) return store_is_busy_ = true;
      if (backlog_ == 0) return store_is_busy_ = take_unwritten();
    }
    const std::lock_guard journal{journal_mutex_};
    load();
    const std::lock_guard lock{mutex_};
    take_ready();
    return store_is_busy_ = !sending_.records.empty();
  }
  void take_ready() {
    for (std::size_t bytes = 0; !ready_.empty() && sending_.records.size() < options_.batch && bytes < most_sending;
         ready_.pop_front()) {
      bytes += ready_.front().record.bytes();
      ready_bytes_ -= ready_.front().record.bytes();
      sending_.ids.push_back(ready_.front().id);
      sending_.records.push_back(std::move(ready_.front().record));
    }
  }
  /// Where the disk is full, the store may take what the journal does not.
  bool take_unwritten() {
    if (!journal_pauses_) return false;
    for (std::size_t bytes = 0; !hand_.empty() && sending_.records.size() < options_.batch && bytes < most_sending;
         hand_.pop_front()) {
      bytes += hand_.front().bytes();
      sending_.records.push_back(std::move(hand_.front()));
    }
    return !sending_.records.empty();
  }
  /// What the journal does not have, and the store has not taken, waits for the journal again.
  void give_back() {
    if (is_written(sending_)) return;
    for (; !sending_.records.empty(); sending_.records.pop_back()) hand_.push_front(std::move(sending_.records.back()));
    if (writer_waits_) collected_.notify_one();
  }

  [[nodiscard]] MediaTime pause_after(const Error& error, std::uint32_t attempt, std::optional<MediaTime> asked) {
    failed(error);
    const std::lock_guard lock{mutex_};
    store_fails_ = true;
    const MediaTime own =
        options_.retry({.error = error, .attempt = attempt, .random = random_()}).value_or(MediaTime{0});
    return detail::clamp(detail::max(own, asked.value_or(MediaTime{0})), MediaTime{0}, longest_flush);
  }

  /// Only the sender changes sending_ while the store is busy. \throws what the store throws
  void send() { send(0, sending_.records.size()); }

  /// One that the store will never take goes to the dead letters, and the others on.
  void send(std::size_t begin, std::size_t end) {
    try {
      store_.write(std::span<const StoredRecord>{sending_.records}.subspan(begin, end - begin));
      if constexpr (requires { store_.sync(); }) store_.sync();  // the journal is about to forget them
      return done(begin, end, false);
    } catch (const StoreError& error) {
      if (error.kind() != StoreError::Kind::poison) throw;
      if (end - begin == 1) return bury(begin, error);
    }
    const std::size_t middle = begin + (end - begin) / 2;
    send(begin, middle);
    {
      const std::lock_guard lock{mutex_};
      if (sender_ends_) return;  // the rest stays in the journal
    }
    send(middle, end);
  }

  void bury(std::size_t at, const StoreError& error) {
    std::string line = to_json_text(sending_.records[at]);
    line.pop_back();
    RotatingFile file{options_.dead_letters, {}, {}};
    file.append(line + ",\"error\":" + quote(error.what()) + "}\n");
    file.sync();
    failed(error);
    done(at, at + 1, true);
  }

  void done(std::size_t begin, std::size_t end, bool dead) {
    std::size_t bytes = 0;
    for (std::size_t i = begin; i < end; ++i) bytes += sending_.records[i].bytes();
    const std::lock_guard lock{mutex_};
    sent_ = end;
    (dead ? stats_.dead_letters : stats_.delivered) += end - begin;
    store_fails_ = false;  // it answers
    (is_written(sending_) ? journal_bytes_ : hand_bytes_) -= bytes;
    if (is_written(sending_)) forget({sending_.ids[begin], sending_.ids[end - 1]});
    changed_.notify_all();
  }

  /// Ends the threads, the sender first. What has been collected is in the journal then, if that takes it.
  void end() {
    {
      const std::lock_guard lock{mutex_};
      sender_ends_ = true;
    }
    changed_.notify_all();
    if (sender_.joinable()) sender_.join();
    {
      const std::lock_guard lock{mutex_};
      ends_ = true;
    }
    collected_.notify_all();
    if (writer_.joinable()) writer_.join();
  }

  Store store_;
  ReliableOptions options_;

  std::mutex journal_mutex_;  // taken before mutex_
  Journal journal_;
  std::vector<Range> forgetting_;  // what it is being told to forget

  mutable std::mutex mutex_;  // guards what follows; never held for long
  std::condition_variable collected_, changed_;
  std::deque<StoredRecord> queue_;
  std::size_t queue_bytes_ = 0;
  std::deque<StoredRecord> hand_;  // while the journal is busy, the writer's
  std::size_t hand_bytes_ = 0;     // with those in sending_ that the journal has not
  std::deque<Entry> ready_;
  std::size_t ready_bytes_ = 0;
  std::int64_t last_ready_ = 0;  // the id of the last that was
  std::uint64_t backlog_ = 0;
  std::size_t journal_bytes_ = 0;  // of all that the journal has and the store has not
  std::vector<Range> forgotten_;
  Batch sending_;         // while the store is busy, the sender's
  std::size_t sent_ = 0;  // of those, how many are done with
  bool writer_waits_ = false, journal_is_busy_ = false, journal_fails_ = false, journal_pauses_ = false;
  bool store_is_busy_ = false, store_fails_ = false;
  bool ends_ = false, sender_ends_ = false, hurries_ = false;
  ReliableStats stats_;
  std::mt19937_64 random_{std::random_device{}()};

  std::mutex telling_mutex_;  // one call of on_failure at a time

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
  /// \throws Error  if JSON cannot hold the value, or it is larger than all that may wait
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
///     auto exporter = si::reliable(si::SqliteExporter{"results.db"},
///                                  {.journal = "results.journal",
///                                   .on_failure = [](const si::Error& error) { std::cerr << error.what() << '\n'; }});
///
/// - collect() puts the record into a queue. A thread writes that into the journal, an SQLite database, within milliseconds;
///   from then on it survives the end of this program, and a loss of power. Another thread brings it to the store. If the
///   journal's disk is full, the store is given what waits in memory.
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
