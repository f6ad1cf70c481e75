# What the optional parts need, for this build and for those who use the installed package.

# Those that there are, each after those that it builds on: stream_infer_NAME_needs.
set(stream_infer_adapters json sqlite)
set(stream_infer_sqlite_needs json)

# Gives stream_infer_NAME_FOUND, the libraries of adapter NAME in stream_infer_NAME_LIBRARIES, and what to say where they
# are missing in stream_infer_NAME_HELP. A macro: find_package's targets belong to the caller's directory.
macro(stream_infer_find_adapter name)
  if("${name}" STREQUAL "json")
    find_package(nlohmann_json 3.9 QUIET)
    set(stream_infer_json_FOUND ${nlohmann_json_FOUND})
    set(stream_infer_json_LIBRARIES nlohmann_json::nlohmann_json)
    set(stream_infer_json_HELP "stream_infer::json needs nlohmann-json 3.9 or later: apt-get install nlohmann-json3-dev")
  elseif("${name}" STREQUAL "sqlite")
    find_package(SQLite3 3.20 QUIET)
    set(stream_infer_sqlite_FOUND ${SQLite3_FOUND})
    set(stream_infer_sqlite_LIBRARIES SQLite::SQLite3)
    set(stream_infer_sqlite_HELP "stream_infer::sqlite needs SQLite 3.20 or later: apt-get install libsqlite3-dev")
  else()
    message(FATAL_ERROR "stream_infer has no adapter ${name}; there are: ${stream_infer_adapters}")
  endif()
endmacro()
