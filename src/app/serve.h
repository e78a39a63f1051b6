// `lakehouse serve`.
#pragma once

#include <string>

#include "base/config.h"
#include "base/secrets.h"
#include "base/status.h"

namespace lakehouse::app {

// Serves the data directory until SIGTERM or SIGINT, then drains and returns ok. Prints one line,
// "lakehouse ready at http://HOST:PORT", on standard output when it answers. A second signal ends
// the process at once, which is as safe as kill -9.
Status Serve(const std::string& data_dir, const Config& config, const SecretStore& secrets);

// Splits "HOST:PORT"; an IPv6 host stands in brackets. kInvalidArgument names what was expected.
struct ListenAddress {
  std::string host;
  uint16_t port = 0;
};
Result<ListenAddress> ParseListenAddress(std::string_view text);

}  // namespace lakehouse::app
