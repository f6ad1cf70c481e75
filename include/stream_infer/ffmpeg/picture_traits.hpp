#pragma once

#include <cstdint>
#include <optional>

namespace stream_infer::ffmpeg {

/// What a packet's own bits say about the picture in it.
struct PictureTraits {
  /// Whether decoding can begin here and give the same pixels as from the start of the stream.
  enum class Entry : std::uint8_t {
    none,
    open,  ///< but not of leading pictures, which come after this one, are shown before it, and refer to what was before
    closed,  ///< of all that comes after it
  };
  Entry entry = Entry::none;
  bool droppable = false;       ///< no other picture refers to it
  bool hidden = false;          ///< it is decoded and not shown
  bool sure_of_before = false;  ///< though a leading picture, it does not refer to what was before its entry
  /// Its number in the order of showing, by which its decoder goes. None where that gives pictures as they come.
  std::optional<std::int64_t> place = {};
  bool restarts = false;  ///< the numbers begin anew: all pictures before it are shown before it and those after it
};

}  // namespace stream_infer::ffmpeg
