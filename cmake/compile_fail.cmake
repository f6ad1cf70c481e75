# cmake -D REGEX=… -P compile_fail.cmake -- COMPILER ARGUMENTS… SOURCE; see CompileFail.cmake

set(command)
set(after_dashes FALSE)
math(EXPR last "${CMAKE_ARGC} - 1")
foreach(i RANGE ${last})
  if(after_dashes)
    list(APPEND command ${CMAKE_ARGV${i}})
  elseif(CMAKE_ARGV${i} STREQUAL "--")
    set(after_dashes TRUE)
  endif()
endforeach()

execute_process(COMMAND ${command} OUTPUT_VARIABLE output ERROR_VARIABLE output RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "The control, without STREAM_INFER_EXPECT_FAILURE, must compile:\n${output}")
endif()

execute_process(COMMAND ${command} -DSTREAM_INFER_EXPECT_FAILURE
                OUTPUT_VARIABLE output ERROR_VARIABLE output RESULT_VARIABLE status)
if(status EQUAL 0)
  message(FATAL_ERROR "This must not compile, but does")
endif()
if(NOT output MATCHES "error: [^\n]*${REGEX}")
  message(FATAL_ERROR "It does not compile, but no error of the compiler's matches\n  ${REGEX}\n${output}")
endif()
message("${CMAKE_MATCH_0}")
