# The optional parts: each has headers and a target of its own, and needs libraries of its own. STREAM_INFER_ADAPTERS names
# those that must be there; left at AUTO, those are made whose libraries are found.

include(${CMAKE_CURRENT_LIST_DIR}/stream_infer-adapters.cmake)

set(STREAM_INFER_ADAPTERS AUTO CACHE STRING
    "Optional parts that must be there: a list of ${stream_infer_adapters}; AUTO: those whose libraries are found")

set(stream_infer_json_headers include/stream_infer/exporter/json.hpp include/stream_infer/exporter/record_store.hpp include/stream_infer/exporter/rotating_file.hpp
                              include/stream_infer/exporter/jsonl_exporter.hpp include/stream_infer/exporter/csv_exporter.hpp)
set(stream_infer_sqlite_headers include/stream_infer/exporter/sqlite_database.hpp
                                include/stream_infer/exporter/sqlite_exporter.hpp
                                include/stream_infer/exporter/journal.hpp include/stream_infer/exporter/reliable.hpp)

set(stream_infer_made_adapters)
foreach(adapter IN LISTS stream_infer_adapters)
  list(TRANSFORM stream_infer_${adapter}_headers PREPEND ${PROJECT_SOURCE_DIR}/)
  list(REMOVE_ITEM core_headers ${stream_infer_${adapter}_headers})
endforeach()

set(stream_infer_wanted_adapters ${STREAM_INFER_ADAPTERS})
foreach(adapter IN LISTS STREAM_INFER_ADAPTERS)
  list(APPEND stream_infer_wanted_adapters ${stream_infer_${adapter}_needs})
  if(NOT adapter STREQUAL "AUTO" AND NOT adapter IN_LIST stream_infer_adapters)
    message(FATAL_ERROR "STREAM_INFER_ADAPTERS names ${adapter}; there are: ${stream_infer_adapters}")
  endif()
endforeach()

foreach(adapter IN LISTS stream_infer_adapters)
  set(required FALSE)
  if(adapter IN_LIST stream_infer_wanted_adapters)
    set(required TRUE)
  elseif(NOT STREAM_INFER_ADAPTERS STREQUAL "AUTO")
    continue()
  endif()
  stream_infer_find_adapter(${adapter})
  foreach(need IN LISTS stream_infer_${adapter}_needs)
    if(NOT need IN_LIST stream_infer_made_adapters)
      set(stream_infer_${adapter}_FOUND FALSE)
    endif()
  endforeach()
  if(NOT stream_infer_${adapter}_FOUND)
    if(required)
      message(FATAL_ERROR "${stream_infer_${adapter}_HELP}")
    endif()
    continue()
  endif()
  add_library(stream_infer_${adapter} INTERFACE)
  add_library(stream_infer::${adapter} ALIAS stream_infer_${adapter})
  set_target_properties(stream_infer_${adapter} PROPERTIES EXPORT_NAME ${adapter})
  target_link_libraries(stream_infer_${adapter} INTERFACE stream_infer_core ${stream_infer_${adapter}_LIBRARIES})
  foreach(need IN LISTS stream_infer_${adapter}_needs)
    target_link_libraries(stream_infer_${adapter} INTERFACE stream_infer_${need})
  endforeach()
  target_sources(stream_infer_${adapter} INTERFACE FILE_SET HEADERS BASE_DIRS include FILES ${stream_infer_${adapter}_headers})
  list(APPEND stream_infer_made_adapters ${adapter})
endforeach()
