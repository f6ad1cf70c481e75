#pragma once

#include <cstddef>
#include <utility>

namespace stream_infer::detail {

template <class T>
void delete_object(T* object) noexcept {
  delete object;
}

template <class T>
void delete_array(T* objects) noexcept {
  delete[] objects;
}

/// Owns an object; `free` ends it. As std::unique_ptr, which would be the plain choice, but each kind of it costs every
/// including file what a hundred lines do. (So does std::make_shared; the library's own objects are handed to a shared_ptr.)
template <class T, void (*free)(T*) noexcept = delete_object<T>>
class Handle {
 public:
  Handle() = default;
  Handle(std::nullptr_t) noexcept {}  // NOLINT(google-explicit-constructor): null is null
  explicit Handle(T* object) noexcept : object_{object} {}
  Handle(Handle&& other) noexcept : object_{std::exchange(other.object_, nullptr)} {}
  Handle& operator=(Handle&& other) noexcept {
    reset(other.release());
    return *this;
  }
  ~Handle() { reset(nullptr); }

  void reset(T* object) noexcept {
    if (T* old = std::exchange(object_, object)) free(old);
  }
  [[nodiscard]] T* release() noexcept { return std::exchange(object_, nullptr); }
  [[nodiscard]] T* get() const noexcept { return object_; }
  [[nodiscard]] T& operator*() const noexcept { return *object_; }
  [[nodiscard]] T* operator->() const noexcept { return object_; }
  friend bool operator==(const Handle& handle, std::nullptr_t) noexcept { return handle.object_ == nullptr; }
  [[nodiscard]] explicit operator bool() const noexcept { return object_ != nullptr; }

 private:
  T* object_ = nullptr;
};

/// Owns objects in a row.
template <class T>
class Array {
 public:
  Array() = default;
  explicit Array(std::size_t size) : objects_{new T[size]{}} {}
  [[nodiscard]] T& operator[](std::size_t i) const noexcept { return objects_.get()[i]; }

 private:
  Handle<T, delete_array<T>> objects_;
};

}  // namespace stream_infer::detail
