// Where a model server is, and whether texts may go there.
#pragma once

#include <string>

#include "base/config.h"
#include "base/status.h"

namespace lakehouse::ai {

struct ServerAddress {
  std::string base_url;        // "http://127.0.0.1:11434": no "/" at the end.
  bool is_local = false;       // On this machine.
  bool loopback_only = false;  // Connections may end nowhere else, whatever the name resolves to.
};

// Checks the URL of a provider and resolves its host. kInvalidArgument: no such URL, or one that
// holds a password, a query or the version that requests add themselves. kPermissionDenied: another
// machine without allow_remote, or one that would get the key of the provider in clear text.
Result<ServerAddress> CheckServerAddress(const AiProviderConfig& config);

}  // namespace lakehouse::ai
