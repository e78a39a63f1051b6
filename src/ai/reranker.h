// Scores how well documents answer a query.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"

namespace lakehouse::ai {

// One cross-encoder (Nogueira and Cho, 2019) here or on a server. Thread-safe.
class Reranker {
 public:
  virtual ~Reranker() = default;

  virtual const std::string& name() const = 0;

  // One score per document, in order; higher is better, and scores of one model are comparable. A
  // bad document fails alone. Pairs beyond the model's length are cut, the longer side first.
  virtual Result<std::vector<Result<float>>> Score(const std::string& query,
                                                   std::span<const std::string> documents,
                                                   const CancelToken& cancel) = 0;
};

}  // namespace lakehouse::ai
