# cmake -D INCLUDE_DIR=… -P check_ffmpeg_includes.cmake
# Only stream_infer/ffmpeg/ may include FFmpeg, and only it and the umbrella may include stream_infer/ffmpeg/.
# System-wide headers would hide a violation from the compiler.

file(GLOB_RECURSE headers RELATIVE ${INCLUDE_DIR} ${INCLUDE_DIR}/*.hpp)
list(FILTER headers EXCLUDE REGEX "^stream_infer/(ffmpeg/.*|stream_infer\\.hpp)$")
if(NOT headers)
  message(FATAL_ERROR "no headers in ${INCLUDE_DIR}")
endif()

set(violations "")
foreach(header IN LISTS headers)
  file(STRINGS ${INCLUDE_DIR}/${header} lines
       REGEX "^[ \t]*#[ \t]*include[ \t]*[<\"](libav|libsw|libpostproc|stream_infer/ffmpeg/|stream_infer/stream_infer\\.hpp)")
  foreach(line IN LISTS lines)
    string(APPEND violations "\n  ${header}: ${line}")
  endforeach()
endforeach()
if(violations)
  message(FATAL_ERROR "FFmpeg is included outside stream_infer/ffmpeg/:${violations}")
endif()
