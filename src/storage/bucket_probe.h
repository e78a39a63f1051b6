// Finds out what is wrong with a bucket, in words that say how to mend it.
#pragma once

#include <string>
#include <vector>

#include "base/config.h"
#include "base/json.h"
#include "base/secrets.h"
#include "base/status.h"

namespace lakehouse::storage {

// One thing that was tried. The names, in the order in which they are tried:
//   s3     settings, credentials, resolve, connect, tls (of https), answer (where none of S3 came),
//          clock, path_style, signature, region, bucket, list, put, get, list_after_write,
//          conditional_put, conditional_replace, checksum, multipart, delete
//   local  settings, root, free_space, put, get, list_after_write, conditional_put,
//          conditional_replace, delete
// A read-only probe ends after `get`, which it tries on a key that is not there; a local one after
// `free_space`.
struct ProbeStep {
  std::string name;
  Status status;     // Ok, or what is wrong.
  std::string mend;  // What to do about it; "" when ok.
  std::string note;  // What a step that passed found worth knowing; mostly "".
  double milliseconds = 0;
};

struct ProbeReport {
  std::vector<ProbeStep> steps;  // In order; ends with the first failure that hides the rest.
  // The first failed step's error with its mend; ok when every step passed.
  Status status() const;
};

// {"steps": [{"name", "ok", "milliseconds", and where it failed "code", "detail", "mend", and
// where there is one "note"}]}
Json ProbeReportToJson(const ProbeReport& report);

// Opens a connection of its own and, unless `read_only`, writes and removes objects whose
// keys begin with `_probe/<unique>-`. Takes at most about 30 s. Never throws, never leaves an
// object behind except where the bucket lets it write and not delete, which it says. `data_dir` is
// where a local bucket's default root is.
ProbeReport ProbeBucket(const BucketConfig& config, const SecretStore& secrets,
                        const std::string& data_dir, bool read_only = false);

}  // namespace lakehouse::storage
