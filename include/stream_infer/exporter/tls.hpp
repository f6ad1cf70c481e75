#pragma once

#include <string>

namespace stream_infer {

/// How an encrypted connection to a store is checked.
struct Tls {
  std::string ca_file{};  ///< the certificates that are trusted, a PEM file; empty: those of the system
  bool verify = true;     ///< false: anybody may pretend to be the store, and read the password
};

}  // namespace stream_infer
