#include "model.hpp"

#include "stream_infer/core/once.hpp"
#include "stream_infer/core/recycler.hpp"
#include "stream_infer/core/ref_count.hpp"
#include "stream_infer/tracker/ring.hpp"

#if defined(MODEL_MUST_FAIL) && !defined(MODEL_MUTANT)
#error "this was to be built with a mutated header"
#endif

namespace {

using namespace si_model;
using namespace stream_infer::detail;

struct Pool;

struct Unconvertible {};

/// FrameState and FramePool, of the same parts put together in the same way, on data that relacy watches.
struct Picture {
  void reset(Pool& from, int number) {
    pool = &from;
    index.set(number);
    decoded.set(number);
    conversion.reset(false);
  }

  int image() {
    conversion.ensure([this] { convert(); });
    return pixels.get();
  }

  inline void convert();
  inline void let_go();

  Pool* pool = nullptr;
  RelacySync::var<int> index;
  RelacySync::var<int> decoded;  // 0: dropped
  RelacySync::var<int> pixels;
  Once<RelacySync> conversion;
  RefCount<RelacySync> references;
};

struct Pool {
  // Not shared for relacy, which switches threads only at operations of its own.
  int made = 0;
  int in_use = 0;
  int conversions = 0;
  int failures_to_come = 0;

  Recycler<Picture, 2, RelacySync> pictures;
};

void Picture::convert() {
  if (pool->failures_to_come > 0) {
    --pool->failures_to_come;
    pixels.set(-1);
    throw Unconvertible{};
  }
  ++pool->conversions;
  pixels.set(10 * decoded.get());
  decoded.set(0);
}

void Picture::let_go() {
  if (!references.let_go()) return;
  decoded.set(0);
  pixels.set(0);
  --pool->in_use;
  pool->pictures.put(stream_infer::detail::Handle<Picture>{this});
}

/// As Frame.
class Handle {
 public:
  Handle() = default;
  explicit Handle(Picture& picture) : picture_{&picture} { picture.references.retain(); }
  Handle(const Handle& other) : picture_{other.picture_} {
    if (picture_ != nullptr) picture_->references.retain();
  }
  Handle(Handle&& other) noexcept : picture_{std::exchange(other.picture_, nullptr)} {}
  Handle& operator=(Handle other) noexcept {
    std::swap(picture_, other.picture_);
    return *this;
  }
  ~Handle() {
    if (picture_ != nullptr) picture_->let_go();
  }
  Picture* operator->() const { return picture_; }
  explicit operator bool() const { return picture_ != nullptr; }

 private:
  Picture* picture_ = nullptr;
};

Handle make(Pool& pool, int number) {
  auto picture = pool.pictures.take();
  if (!picture) {
    picture.reset(new Picture);
    ++pool.made;
  }
  ++pool.in_use;
  picture->reset(pool, number);
  return Handle{*picture.release()};
}

/// Nobody takes what somebody else has, nothing is lost, and what was done to an object is seen by who takes it next.
template <std::size_t Size>
struct Recycle : Heap, rl::test_suite<Recycle<Size>, 3> {
  static constexpr char name[] = {'r', 'e', 'c', 'y', 'c', 'l', 'e', 'd', ',',        ' ', 'r',
                                  'o', 'o', 'm', ' ', 'f', 'o', 'r', ' ', '0' + Size, '\0'};
  struct Object {
    explicit Object(int& count) : alive{count} { ++alive; }
    ~Object() { --alive; }
    int& alive;
    RelacySync::var<int> content;
  };
  int alive = 0;
  std::optional<Recycler<Object, Size, RelacySync>> recycler{std::in_place};

  void before() {
    recycler->put(stream_infer::detail::Handle<Object>{new Object{alive}});
    check(alive == 1, "destroyed though there was room");
  }
  void thread(unsigned id) {
    for (int i = 0; i < 2; ++i) {
      auto object = recycler->take();
      if (!object) object.reset(new Object{alive});
      object->content.set(static_cast<int>(id));
      check(object->content.get() == static_cast<int>(id), "somebody else has it too");
      recycler->put(std::move(object));
    }
  }
  void after() {
    check(alive >= 1 && alive <= static_cast<int>(Size), "more kept than there is room for");
    for (int kept = alive; kept > 0; --kept) check(recycler->take() != nullptr, "kept, but not to be had");
    check(alive == 0 && recycler->take() == nullptr, "more taken than was put");
    recycler->put(stream_infer::detail::Handle<Object>{new Object{alive}});
    recycler.reset();
    check(alive == 0, "leaked");
  }
};

/// Frames go from a pool through the ring to readers, who hold them while they are replaced and let them go.
struct Share : Heap, rl::test_suite<Share, 3> {
  static constexpr const char* name = "frames shared";
  Pool pool;
  std::optional<Ring<Handle, RelacySync>> ring{std::in_place, 1U, 1U};

  void thread(unsigned id) {
    if (id == 0) {
      for (int i = 0; i < 3; ++i) ring->push(make(pool, static_cast<int>(ring->end()) + 1));
      return;
    }
    const std::uint64_t end = ring->end();
    Handle frame;
    if (end == 0 || !ring->read(end - 1, frame)) return;
    check(frame->index.get() == static_cast<int>(end), "another frame");
    if (id == 1) check(frame->image() == 10 * static_cast<int>(end), "another frame's pixels");
  }
  void after() {
    check(pool.in_use <= 2, "held though nobody reads");
    ring.reset();
    check(pool.in_use == 0, "held though nobody is left");
  }
};

/// Three threads want one frame's pixels at once.
template <int Failures>
struct Convert : Heap, rl::test_suite<Convert<Failures>, 3> {
  static constexpr const char* name = Failures == 0 ? "converted once" : "converted at the second attempt";
  Pool pool;
  Handle frames[3];
  int thrown = 0;

  void before() {
    frames[0] = make(pool, 7);
    for (Handle& frame : frames) frame = frames[0];
    pool.failures_to_come = Failures;
  }
  void thread(unsigned id) {
    Handle frame = std::move(frames[id]);
    try {
      check(frame->image() == 70, "not the pixels");
    } catch (const Unconvertible&) {
      ++thrown;
    }
  }
  void after() {
    check(thrown == Failures, "a failure is told to who had it, and to nobody else");
    check(pool.conversions == 1, "not converted once");
    check(pool.in_use == 0, "held though nobody is left");
  }
};

}  // namespace

int main() {
  Models models;
  models.random<Recycle<1>>(200'000);
  models.random<Recycle<2>>(200'000);
  models.random<Share>(300'000);
  models.random<Convert<0>>(300'000);
  models.random<Convert<1>>(300'000);
  models.bound<Recycle<1>>(2);
  models.bound<Recycle<2>>(1);
  models.bound<Share>(2);
  models.bound<Convert<0>>(4);
  models.bound<Convert<1>>(3);
  return models.result();
}
