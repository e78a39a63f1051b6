// Waiting for background jobs on the command line.
#pragma once

#include <cstdint>
#include <string>

#include "app/commands.h"

namespace lakehouse::app {

// How a job's progress is worded.
struct JobWords {
  std::string label;                      // "indexing"
  std::string (*format)(uint64_t count);  // What is counted: FormatRows or FormatBytes.
};

// "1,200 rows".
std::string FormatRows(uint64_t count);

// Polls the job until it has ended, draws its progress and returns its last state.
Result<Json> WaitForJob(const CommandContext& context, ApiClient& client, const std::string& id,
                        const JobWords& words);

// Ok when the job is done; else why it is not.
Status JobOutcome(const Json& job);

}  // namespace lakehouse::app
