# Every header is compiled alone, twice in one translation unit: it includes what it needs and guards itself. One more
# translation unit has them all, which is what clang-tidy looks at.

function(stream_infer_verify_headers target)
  get_target_property(headers ${target} HEADER_SET)
  set(all ${CMAKE_CURRENT_BINARY_DIR}/all_headers/${target}.cpp)
  set(all_content)
  set(sources ${all})
  foreach(header IN LISTS headers)
    file(RELATIVE_PATH header ${PROJECT_SOURCE_DIR}/include ${header})
    set(source ${CMAKE_CURRENT_BINARY_DIR}/verify_headers/${header}.cpp)
    file(CONFIGURE OUTPUT ${source} CONTENT "#include <@header@>\n#include <@header@>\n" @ONLY)
    list(APPEND sources ${source})
    string(APPEND all_content "#include <${header}>\n")
  endforeach()
  file(CONFIGURE OUTPUT ${all} CONTENT "${all_content}" @ONLY)
  add_library(${target}_verify_headers OBJECT ${sources})
  target_link_libraries(${target}_verify_headers PRIVATE ${target} stream_infer_warnings)
endfunction()
