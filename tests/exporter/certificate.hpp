#pragma once

#include "support/files.hpp"

#include <cstdlib>
#include <stdexcept>
#include <string>

namespace stream_infer::test {

/// A certificate that nobody has signed but itself, for a server on this machine.
struct Certificate {
  /// \param name  whom it is for: "DNS:localhost,IP:127.0.0.1"
  Certificate(const TemporaryFolder& folder, const std::string& name)
      : file{folder / "certificate.pem"}, key{folder / "key.pem"} {
    const std::string command =
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test -addext 'subjectAltName=" + name +
        "' -keyout " + key + " -out " + file + " >/dev/null 2>&1 && chmod a+r " + key;
    if (std::system(command.c_str()) != 0) throw std::runtime_error{"openssl makes no certificate"};
  }
  std::string file, key;
};

}  // namespace stream_infer::test
