# add_compile_fail_test(NAME SOURCE REGEX): SOURCE must compile as it is, and must not compile with
# STREAM_INFER_EXPECT_FAILURE defined; one error line of the compiler must match REGEX, the library's own message.
# The first half shows that nothing else is wrong with the program.

function(add_compile_fail_test name source regex)
  set(include_dirs ${PROJECT_SOURCE_DIR}/include)
  if(STREAM_INFER_FFMPEG)
    list(APPEND include_dirs ${stream_infer_ffmpeg_INCLUDE_DIRS})
  endif()
  list(TRANSFORM include_dirs PREPEND -I)
  add_test(NAME compile_fail.${name}
           COMMAND ${CMAKE_COMMAND} -D "REGEX=${regex}" -P ${PROJECT_SOURCE_DIR}/cmake/compile_fail.cmake --
                   ${CMAKE_CXX_COMPILER} ${CMAKE_CXX20_STANDARD_COMPILE_OPTION} -fsyntax-only ${include_dirs}
                   ${CMAKE_CURRENT_SOURCE_DIR}/${source})
  set_tests_properties(compile_fail.${name} PROPERTIES LABELS compile_fail TIMEOUT 120)
endfunction()
