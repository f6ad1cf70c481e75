# cmake -D CASE=… -P packaging_test.cmake; see CMakeLists.txt for the other variables

set(common -G ${GENERATOR} -D CMAKE_BUILD_TYPE=Debug -D CMAKE_CXX_COMPILER=${COMPILER}
           -D CMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER})
set(consumer ${SOURCE_DIR}/tests/packaging/consumer)
file(REMOVE_RECURSE ${WORK_DIR})
file(MAKE_DIRECTORY ${WORK_DIR}/no-pkg-config-files)

function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

function(configure build_dir source_dir)
  run(${CMAKE_COMMAND} -S ${source_dir} -B ${build_dir} ${common} ${ARGN})
endfunction()

# Configuring must fail and say what to install.
function(configure_without_ffmpeg build_dir source_dir)
  execute_process(COMMAND ${CMAKE_COMMAND} -S ${source_dir} -B ${build_dir} ${common} ${ARGN}
                  RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(status EQUAL 0)
    message(FATAL_ERROR "configuring without FFmpeg must fail, but does not:\n${output}")
  endif()
  string(REGEX REPLACE "[ \n]+" " " words "${output}")
  foreach(expected "stream_infer needs pkg-config and FFmpeg" "apt-get install pkg-config libavformat-dev libavcodec-dev"
                   "pacman -S pkgconf ffmpeg" "brew install pkg-config ffmpeg")
    string(FIND "${words}" "${expected}" found)
    if(found EQUAL -1)
      message(FATAL_ERROR "configuring without FFmpeg does not say '${expected}':\n${output}")
    endif()
  endforeach()
endfunction()

# Configuring must fail and say so.
function(configure_must_fail expected build_dir source_dir)
  execute_process(COMMAND ${CMAKE_COMMAND} -S ${source_dir} -B ${build_dir} ${common} ${ARGN}
                  RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  string(REGEX REPLACE "[ \n]+" " " words "${output}")
  string(FIND "${words}" "${expected}" found)
  if(status EQUAL 0 OR found EQUAL -1)
    message(FATAL_ERROR "configuring must fail and say '${expected}':\n${output}")
  endif()
endfunction()

# Builds and runs the consumer, which must be all that there is to build.
function(build_and_run build_dir)
  run(${CMAKE_COMMAND} --build ${build_dir} --parallel 2)
  file(GLOB_RECURSE programs LIST_DIRECTORIES FALSE ${build_dir}/*_consumer)
  foreach(program IN LISTS programs)
    run(${program})
  endforeach()
  if(NOT programs)
    message(FATAL_ERROR "nothing was built")
  endif()
endfunction()

function(hide_ffmpeg)
  set(ENV{PKG_CONFIG_LIBDIR} ${WORK_DIR}/no-pkg-config-files)
  set(ENV{PKG_CONFIG_PATH})
endfunction()

if(CASE STREQUAL "add_subdirectory" OR CASE STREQUAL "fetch_content")
  configure(${WORK_DIR}/build ${consumer} -D CONSUME=${CASE} -D STREAM_INFER_SOURCE=${SOURCE_DIR})
  build_and_run(${WORK_DIR}/build)

elseif(CASE STREQUAL "install")
  configure(${WORK_DIR}/library ${SOURCE_DIR} -D STREAM_INFER_BUILD_TESTS=OFF -D STREAM_INFER_BUILD_EXAMPLES=OFF)
  run(${CMAKE_COMMAND} --install ${WORK_DIR}/library --prefix ${WORK_DIR}/prefix)
  set(installed -D CONSUME=find_package -D STREAM_INFER_VERSION=${VERSION} -D CMAKE_PREFIX_PATH=${WORK_DIR}/prefix)
  configure(${WORK_DIR}/build ${consumer} ${installed})
  build_and_run(${WORK_DIR}/build)
  hide_ffmpeg()
  configure_without_ffmpeg(${WORK_DIR}/no-ffmpeg ${consumer} ${installed})
  configure(${WORK_DIR}/core ${consumer} ${installed} -D CORE_ONLY=ON)
  build_and_run(${WORK_DIR}/core)

elseif(CASE STREQUAL "adapters")
  hide_ffmpeg()
  configure(${WORK_DIR}/library ${SOURCE_DIR} -D STREAM_INFER_BUILD_TESTS=OFF -D STREAM_INFER_BUILD_EXAMPLES=OFF
            -D STREAM_INFER_FFMPEG=OFF -D STREAM_INFER_ADAPTERS=sqlite)
  run(${CMAKE_COMMAND} --install ${WORK_DIR}/library --prefix ${WORK_DIR}/prefix)
  set(installed -D CONSUME=find_package -D STREAM_INFER_VERSION=${VERSION} -D CMAKE_PREFIX_PATH=${WORK_DIR}/prefix
                -D CORE_ONLY=ON)
  configure(${WORK_DIR}/build ${consumer} ${installed} -D ADAPTER=sqlite)
  build_and_run(${WORK_DIR}/build)
  set(without -D CMAKE_DISABLE_FIND_PACKAGE_SQLite3=ON)
  configure_must_fail("apt-get install libsqlite3-dev" ${WORK_DIR}/missing ${consumer} ${installed} -D ADAPTER=sqlite
                      ${without})
  configure(${WORK_DIR}/without ${consumer} ${installed} ${without})  # what nobody asked for may be missing
  configure_must_fail("apt-get install libsqlite3-dev" ${WORK_DIR}/library-missing ${SOURCE_DIR}
                      -D STREAM_INFER_FFMPEG=OFF -D STREAM_INFER_ADAPTERS=sqlite ${without})
  if(ADAPTERS)  # all that can be made here
    # In a file: a list does not come through as an argument.
    file(WRITE ${WORK_DIR}/all.cmake "set(STREAM_INFER_ADAPTERS \"${ADAPTERS}\" CACHE STRING \"\")\n"
         "set(ADAPTER \"${ADAPTERS}\" CACHE STRING \"\")\n")
    configure(${WORK_DIR}/all ${SOURCE_DIR} -C ${WORK_DIR}/all.cmake -D STREAM_INFER_BUILD_TESTS=OFF
              -D STREAM_INFER_BUILD_EXAMPLES=OFF -D STREAM_INFER_FFMPEG=OFF)
    run(${CMAKE_COMMAND} --install ${WORK_DIR}/all --prefix ${WORK_DIR}/all-prefix)
    configure(${WORK_DIR}/all-build ${consumer} -C ${WORK_DIR}/all.cmake -D CONSUME=find_package
              -D STREAM_INFER_VERSION=${VERSION} -D CMAKE_PREFIX_PATH=${WORK_DIR}/all-prefix -D CORE_ONLY=ON)
    build_and_run(${WORK_DIR}/all-build)
    foreach(adapter IN LISTS ADAPTERS)
      if(NOT adapter MATCHES "^(json|http)$" AND NOT EXISTS ${WORK_DIR}/all-build/${adapter}_consumer)
        message(FATAL_ERROR "nothing was built with ${adapter}")
      endif()
    endforeach()
  endif()
  configure_must_fail("STREAM_INFER_ADAPTERS names sqlit; there are: json" ${WORK_DIR}/unknown ${SOURCE_DIR}
                      -D STREAM_INFER_FFMPEG=OFF -D STREAM_INFER_ADAPTERS=sqlit)

elseif(CASE STREQUAL "core_only")
  hide_ffmpeg()
  configure(${WORK_DIR}/build ${consumer} -D CONSUME=add_subdirectory -D CORE_ONLY=ON -D STREAM_INFER_FFMPEG=OFF
            -D STREAM_INFER_SOURCE=${SOURCE_DIR})
  build_and_run(${WORK_DIR}/build)

elseif(CASE STREQUAL "no_ffmpeg")
  hide_ffmpeg()
  configure_without_ffmpeg(${WORK_DIR}/build ${SOURCE_DIR})

else()
  message(FATAL_ERROR "no such case: ${CASE}")
endif()
