// The parts of a URL that the client needs beside the text that it sends.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace lakehouse::net {

struct ClientUrl {
  std::string origin;     // "https://host:443": what may share a connection.
  std::string host;       // "host", "[::1]".
  std::string peer;       // "host:443".
  std::string printable;  // Scheme, host, port and path for messages: no user, no query.
};

// kInvalidArgument when `url` is no http or https URL in the encoded form that goes over the wire.
Result<ClientUrl> ParseClientUrl(const std::string& url);

}  // namespace lakehouse::net
