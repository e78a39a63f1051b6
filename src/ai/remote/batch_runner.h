// Sends texts to a server in batches and finds those that it cannot take.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "ai/remote/server_failure.h"
#include "base/status.h"

namespace lakehouse::ai {

struct BatchLimits {
  size_t max_texts = 1;  // Of one request, as below. All are positive.
  size_t max_bytes = 1;  // As JSON; a longer text goes alone.
  size_t max_parallel = 1;
};

// What a vector must be like.
struct VectorRule {
  size_t width = 0;
  bool normalize = false;  // It must have a length other than 0, and is given length 1.
};

// What came back for the texts of one request. Without a failure there is one entry per vector of
// the answer, in the order of the texts; a vector that cannot be read has an error.
struct BatchAnswer {
  ServerFailure failure;
  std::vector<Result<std::vector<float>>> vectors;
};

// Sends one request, retries included. Thread-safe. Knows its caller's urgency and cancellation.
using SendBatch = std::function<BatchAnswer(std::span<const std::string> texts)>;

// Checks a vector, and normalizes it where the rule says so.
Status FinishVector(const VectorRule& rule, std::vector<float>& vector);

// Of one model; knows no wire format. Thread-safe. Invariants:
// 1. A text that a server cannot take fails alone; its neighbours are sent again in halves until
//    it is found. Every text that was answered is sent no more.
// 2. A server that fails for everything is found out: after a few texts in a row that failed alone
//    it is given `probe_text`, and when that fails too, nothing else is sent.
// 3. No more is sent once the call has failed as a whole.
class BatchRunner {
 public:
  // `probe_text` is one that the model took before.
  BatchRunner(const BatchLimits& limits, const VectorRule& rule, std::string probe_text);

  // One result per text, in order. An error as a whole is one that every text would meet: that of
  // the server, the end of the caller's patience, kConflict for vectors of another width.
  Result<std::vector<Result<std::vector<float>>>> Run(std::span<const std::string> texts,
                                                      const SendBatch& send);

 private:
  class Call;

  const BatchLimits limits_;
  const VectorRule rule_;
  const std::string probe_text_;
  // Falls where the server was found to take fewer texts at once.
  std::atomic<size_t> max_texts_;
};

}  // namespace lakehouse::ai
