// Threads that encode, with a queue of their own.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "ai/encoder/bert_encoder.h"
#include "base/mutex.h"
#include "base/status.h"

namespace lakehouse::ai {

struct EncoderLaneOptions {
  size_t threads = 1;
  int niceness = 0;  // Added to that of the process.
};

// Runs tasks in the order of their arrival, each with a workspace that no other task has meanwhile.
// Thread-safe. `encoder` must outlive the lane.
class EncoderLane {
 public:
  // Must not throw.
  using Task = std::function<void(BertEncoder::Workspace&)>;

  static Result<std::unique_ptr<EncoderLane>> Start(const BertEncoder& encoder,
                                                    const EncoderLaneOptions& options);
  // Finishes the tasks that were submitted.
  ~EncoderLane();

  void Submit(Task task);

 private:
  EncoderLane() = default;
  void Work(BertEncoder::Workspace& workspace, int niceness);

  std::vector<BertEncoder::WorkspacePointer> workspaces_;
  std::vector<std::thread> threads_;
  Mutex mutex_;
  CondVar changed_;
  std::deque<Task> tasks_ GUARDED_BY(mutex_);
  bool stopping_ GUARDED_BY(mutex_) = false;
};

}  // namespace lakehouse::ai
