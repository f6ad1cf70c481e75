#pragma once

/// The library's version, as numbers for the preprocessor and as a string.
/// CMakeLists.txt reads the three numbers from this file, so they live in one place.
#define STREAM_INFER_VERSION_MAJOR 0
#define STREAM_INFER_VERSION_MINOR 1
#define STREAM_INFER_VERSION_PATCH 0

namespace stream_infer {

inline constexpr int version_major = STREAM_INFER_VERSION_MAJOR;
inline constexpr int version_minor = STREAM_INFER_VERSION_MINOR;
inline constexpr int version_patch = STREAM_INFER_VERSION_PATCH;

}  // namespace stream_infer
