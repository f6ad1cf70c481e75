# What our own tests and examples are built with. Nothing of this reaches the library's targets or its users.
# The presets add -Werror (CMAKE_COMPILE_WARNING_AS_ERROR).

add_library(stream_infer_warnings INTERFACE)
target_compile_options(stream_infer_warnings INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion)

set(CMAKE_CXX_EXTENSIONS OFF)

if(PROJECT_IS_TOP_LEVEL)
  find_program(CCACHE ccache)
  mark_as_advanced(CCACHE)
  if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
  endif()
endif()

# stream_infer_add_program(NAME SOURCES… [CORE]): an executable of ours; CORE: it does without FFmpeg.
function(stream_infer_add_program name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "CORE" "" "")
  if(NOT arg_CORE AND NOT STREAM_INFER_FFMPEG)
    return()
  endif()
  add_executable(${name} ${arg_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE stream_infer_warnings)
  if(arg_CORE)
    target_link_libraries(${name} PRIVATE stream_infer::core)
  else()
    target_link_libraries(${name} PRIVATE stream_infer::stream_infer)
  endif()
endfunction()
