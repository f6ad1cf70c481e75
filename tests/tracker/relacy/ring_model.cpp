#include "model.hpp"

#include "stream_infer/tracker/ring.hpp"

#if defined(MODEL_MUST_FAIL) && !defined(MODEL_MUTANT)
#error "this was to be built with a mutated header"
#endif

namespace {

using namespace si_model;
using Ring = stream_infer::detail::Ring<int, RelacySync>;

/// Value `index` of play `play`.
constexpr int value_of(int play, std::uint64_t index) { return 100 * (play + 1) + static_cast<int>(index); }

/// Reads `index`; what is read must be its value in one of the plays 0 … `last_play`.
bool read(const Ring& ring, std::uint64_t index, int last_play = 0) {
  int out = -1;
  if (!ring.read(index, out)) return false;
  const int first = value_of(0, index);
  check(out >= first && out <= value_of(last_play, index) && (out - first) % 100 == 0, "the value of another number");
  return true;
}

/// Thread 0 writes, the others read.
template <class Derived, int Readers = 2>
struct OneWriter : Heap, rl::test_suite<Derived, 1 + Readers> {
  void thread(unsigned id) {
    if (id == 0)
      static_cast<Derived*>(this)->write();
    else
      static_cast<Derived*>(this)->read_some();
  }
};

/// What is below end(), and cannot have been replaced, can be read.
struct Publish : OneWriter<Publish> {
  static constexpr const char* name = "published values are there";
  Ring ring{2, 1};

  void write() {
    check(ring.push(value_of(0, 0)), "refused though there was room");
    check(ring.push(value_of(0, 1)), "refused though there was room");
  }
  void read_some() {
    const std::uint64_t end = ring.end();
    for (std::uint64_t index = 0; index < end; ++index) check(read(ring, index), "below end(), but not there");
  }
};

/// Values are replaced while they are read: what is read is whole, and no node is lost.
template <std::size_t Capacity, std::size_t Spares, int Pushes, int Readers = 2>
struct Replace : OneWriter<Replace<Capacity, Spares, Pushes, Readers>, Readers> {
  static constexpr char name[] = {'0' + Capacity, ' ', 's', 'l', 'o', 't', '(', 's', ')', ',', ' ',
                                  '0' + Spares,   ' ', 's', 'p', 'a', 'r', 'e', '(', 's', ')', '\0'};
  Ring ring{Capacity, Spares};
  std::size_t begun = 0;  // reads; not shared for relacy, which switches threads only at operations of its own

  void write() {
    for (int i = 0; i < Pushes; ++i) {
      const std::uint64_t end = ring.end();
      if (ring.push(value_of(0, end))) continue;
      check(end >= Capacity, "refused though there was room");
      check(begun >= Spares, "refused though there was a spare");
    }
  }

  void read_some() {
    const std::uint64_t end = ring.end();
    ++begun;
    if (end != 0) read(ring, end - 1);
    ++begun;
    read(ring, 1);
  }

  void after() {
    if (Spares == 0) return;
    for (std::size_t i = 0; i < 2 * (Capacity + Spares); ++i)
      check(ring.push(value_of(0, ring.end())), "refused though nobody reads: a node is lost");
    for (std::uint64_t back = 1; back <= Capacity; ++back) check(read(ring, ring.end() - back), "not there at the end");
  }
};

/// The newest value, as FrameTracker::latest() takes it: it never goes back, and the search for it ends.
struct Latest : OneWriter<Latest> {
  static constexpr const char* name = "the newest value";
  Ring ring{1, 2};

  void write() {
    for (int i = 0; i < 3; ++i) ring.push(value_of(0, ring.end()));
  }
  void read_some() {
    std::uint64_t before = 0;
    for (int i = 0; i < 2; ++i)
      for (std::uint64_t end = ring.end(); end != 0; end = ring.end()) {
        check(end >= before, "an older one than before");
        before = end;
        if (read(ring, end - 1)) break;
        rl::yield(1, Where{});  // relacy would show us the old end for ever; a machine does not
      }
  }
};

/// A window of two, oldest first.
struct Window : OneWriter<Window> {
  static constexpr const char* name = "a window";
  Ring ring{2, 2};

  void write() {
    for (int i = 0; i < 4; ++i) ring.push(value_of(0, ring.end()));
  }
  void read_some() {
    const std::uint64_t end = ring.end();
    if (end >= 2 && read(ring, end - 2)) read(ring, end - 1);
  }
};

/// A new play begins while the old one is being read. Who sees that it has begun finds nothing of the old one.
template <int Readers>
struct Clear : OneWriter<Clear<Readers>, Readers> {
  static constexpr const char* name = "cleared while read";
  Ring ring{2, 2};
  RelacySync::atomic<int> play{0};

  void write() {
    ring.push(value_of(0, 0));
    ring.push(value_of(0, 1));
    ring.clear();
    play.store(1, std::memory_order_release);
    ring.push(value_of(1, 0));
  }
  void read_some() {
    const std::uint64_t end = ring.end();
    if (end != 0) read(ring, end - 1, 1);
    read(ring, 0, 1);
    if (play.load(std::memory_order_acquire) == 0) return;
    check(ring.end() <= 1, "the end of the old play");
    check(!read(ring, 1, 1), "a value of the old play");
    int out = value_of(1, 0);
    ring.read(0, out);
    check(out == value_of(1, 0), "a value of the old play");
  }
  void after() {
    for (int i = 0; i < 8; ++i)
      check(ring.push(value_of(1, ring.end())), "refused though nobody reads: a node is lost");
  }
};

/// Who sees that all was dropped finds nothing, also what another reader still holds.
struct Forget : OneWriter<Forget> {
  static constexpr const char* name = "dropped while held";
  Ring ring{1, 1};
  RelacySync::atomic<bool> dropped{false};

  void write() {
    ring.push(value_of(0, 0));
    ring.clear();
    dropped.store(true, std::memory_order_release);
  }
  void read_some() {
    const bool nothing = dropped.load(std::memory_order_acquire);
    check(!read(ring, 0) || !nothing, "a value that was dropped");
  }
};

}  // namespace

int main() {
  Models models;
  models.random<Publish>(100'000);
  models.random<Replace<1, 0, 3>>(100'000);
  models.random<Replace<1, 1, 4>>(250'000);
  models.random<Replace<2, 1, 5>>(250'000);
  models.random<Replace<2, 2, 5>>(250'000);
  models.random<Latest>(250'000);
  models.random<Window>(250'000);
  models.random<Clear<2>>(250'000);
  models.random<Forget>(250'000);
  models.all<Replace<1, 1, 2, 1>>();
  models.bound<Publish>(3);
  models.bound<Replace<1, 0, 2>>(3);
  models.bound<Replace<1, 1, 3, 1>>(4);
  models.bound<Replace<1, 1, 3>>(2);
  models.bound<Replace<2, 2, 3>>(2);
  models.bound<Latest>(1);
  models.bound<Window>(2);
  models.bound<Forget>(3);
  models.bound<Clear<1>>(3);
  models.bound<Clear<2>>(1);
  return models.result();
}
