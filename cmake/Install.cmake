# Installs one package with a component for each target: find_package(stream_infer [COMPONENTS core stream_infer json …]).

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_DATADIR}/cmake/stream_infer)  # no architecture: headers only

set(STREAM_INFER_COMPONENTS core)
if(STREAM_INFER_FFMPEG)
  list(APPEND STREAM_INFER_COMPONENTS stream_infer)
  install(FILES ${CMAKE_CURRENT_LIST_DIR}/stream_infer-ffmpeg.cmake DESTINATION ${package_dir})
endif()

install(FILES ${CMAKE_CURRENT_LIST_DIR}/stream_infer-adapters.cmake DESTINATION ${package_dir})

foreach(component IN LISTS STREAM_INFER_COMPONENTS stream_infer_made_adapters)
  install(TARGETS stream_infer_${component} EXPORT stream_infer-${component} FILE_SET HEADERS)
  install(EXPORT stream_infer-${component} NAMESPACE stream_infer:: DESTINATION ${package_dir})
endforeach()

configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/stream_infer-config.cmake.in
                              ${CMAKE_CURRENT_BINARY_DIR}/stream_infer-config.cmake
                              INSTALL_DESTINATION ${package_dir} NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/stream_infer-config-version.cmake
                                 COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)  # while the version is 0.x
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/stream_infer-config.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/stream_infer-config-version.cmake
        DESTINATION ${package_dir})
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/licenses/stream_infer)
