#include "ai/encoder/encoder_lane.h"

#include <system_error>
#include <utility>

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

namespace lakehouse::ai {

Result<std::unique_ptr<EncoderLane>> EncoderLane::Start(const BertEncoder& encoder,
                                                        const EncoderLaneOptions& options) {
  std::unique_ptr<EncoderLane> lane(new EncoderLane);
  for (size_t i = 0; i < options.threads; ++i) {
    ASSIGN_OR_RETURN(BertEncoder::WorkspacePointer workspace, encoder.MakeWorkspace());
    BertEncoder::Workspace& own = *workspace;
    lane->workspaces_.push_back(std::move(workspace));
    try {
      lane->threads_.emplace_back(
          [&lane = *lane, &own, niceness = options.niceness] { lane.Work(own, niceness); });
    } catch (const std::system_error& error) {
      return ResourceExhausted("cannot start an encoder thread: ", std::string_view(error.what()));
    }
  }
  return lane;
}

EncoderLane::~EncoderLane() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.NotifyAll();
  for (std::thread& thread : threads_) thread.join();
}

void EncoderLane::Submit(Task task) {
  {
    const MutexLock lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  changed_.NotifyOne();
}

void EncoderLane::Work(BertEncoder::Workspace& workspace, int niceness) {
  pthread_setname_np(pthread_self(), "encoder");
  if (niceness != 0) {
    // On Linux a thread has a niceness of its own. Failing leaves the lane at full priority.
    const auto thread_id = static_cast<id_t>(gettid());
    const int current = getpriority(PRIO_PROCESS, thread_id);
    (void)setpriority(PRIO_PROCESS, thread_id, current + niceness);
  }
  for (;;) {
    Task task;
    {
      const MutexLock lock(mutex_);
      while (tasks_.empty() && !stopping_) changed_.Wait(mutex_);
      if (tasks_.empty()) return;
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    task(workspace);
  }
}

}  // namespace lakehouse::ai
