// Whether anybody answers at an endpoint, and in which language. Nothing is signed or sent but a
// bare HEAD of "/".
#pragma once

#include <string>

#include "base/clock.h"
#include "base/status.h"
#include "net/http_client.h"
#include "storage/bucket_probe_steps.h"

namespace lakehouse::storage {

struct Contact {
  Status status;  // Ok when an answer came, whatever it says.
  net::TransferPhase reached = net::TransferPhase::kResolve;
  int http_status = 0;
  Timestamp server_time;  // 0: the answer has no Date.
  int64_t micros = 0;
};

// `base_url` is "http(s)://host[:port]".
Contact MakeContact(const std::string& base_url, const std::string& ca_file);

// Adds the steps resolve, connect, tls (of https), answer (where none came) and clock, up to the
// first that failed. True when all of them passed.
bool JudgeContact(const Contact& contact, const std::string& base_url, const std::string& ca_file,
                  const Clock& clock, ProbeSteps& steps);

}  // namespace lakehouse::storage
