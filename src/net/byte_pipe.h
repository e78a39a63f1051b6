// A bounded queue of bytes between a thread that may block and an event loop that may not.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/byte_source.h"
#include "base/mutex.h"
#include "base/status.h"

namespace lakehouse::net {

// One writer, one reader; one of them is a thread (Read or Write), the other an event loop (the
// rest). Thread-safe. Invariants:
// 1. Bytes come out once, in order; the writer's end comes after them.
// 2. Holds at most the capacity plus one Append.
class BytePipe {
 public:
  // `changed` is called on the thread's side, outside the lock, when the event loop may have
  // something to do: bytes arrived or left, a reader waits, an end was closed.
  BytePipe(size_t capacity_bytes, std::function<void()> changed)
      : capacity_(capacity_bytes), changed_(std::move(changed)) {}

  // The thread's ends. Read is ByteSource::Read. Write blocks while the pipe is full; kUnavailable
  // once the reader is gone.
  Result<size_t> Read(std::span<char> buffer) EXCLUDES_LOCK(mutex_);
  Status Write(std::string_view bytes) EXCLUDES_LOCK(mutex_);

  // The event loop's ends; never block.
  bool full() const EXCLUDES_LOCK(mutex_);
  void Append(std::string_view bytes) EXCLUDES_LOCK(mutex_);
  std::string TakeAll() EXCLUDES_LOCK(mutex_);

  // Ends the stream, normally or with the error that Read then returns. The first call counts.
  void CloseWriter(Status end) EXCLUDES_LOCK(mutex_);
  // Says that nobody reads any more and drops what is held.
  void CloseReader() EXCLUDES_LOCK(mutex_);

  bool writer_closed() const EXCLUDES_LOCK(mutex_);
  bool reader_closed() const EXCLUDES_LOCK(mutex_);
  // How the writer ended; ok while it has not.
  Status end() const EXCLUDES_LOCK(mutex_);
  // True once a Read found nothing to return.
  bool reader_waited() const EXCLUDES_LOCK(mutex_);
  // True once Read returned the writer's error.
  bool error_delivered() const EXCLUDES_LOCK(mutex_);

 private:
  // Tells the event loop of the first wait: it may owe the sender a "100 Continue".
  void AnnounceWait() EXCLUDES_LOCK(mutex_);
  size_t held() const REQUIRES_LOCK(mutex_) { return bytes_.size() - begin_; }

  const size_t capacity_;
  const std::function<void()> changed_;
  mutable Mutex mutex_;
  CondVar condition_;
  std::string bytes_ GUARDED_BY(mutex_);
  size_t begin_ GUARDED_BY(mutex_) = 0;  // Bytes of bytes_ that were read already.
  bool writer_closed_ GUARDED_BY(mutex_) = false;
  bool reader_closed_ GUARDED_BY(mutex_) = false;
  bool reader_waited_ GUARDED_BY(mutex_) = false;
  bool error_delivered_ GUARDED_BY(mutex_) = false;
  Status end_ GUARDED_BY(mutex_);
};

// Reads from a pipe; closes its reading end when destroyed.
class PipeSource : public ByteSource {
 public:
  explicit PipeSource(std::shared_ptr<BytePipe> pipe) : pipe_(std::move(pipe)) {}
  ~PipeSource() override { pipe_->CloseReader(); }
  Result<size_t> Read(std::span<char> buffer) override { return pipe_->Read(buffer); }

 private:
  std::shared_ptr<BytePipe> pipe_;  // Shared with the connection that fills it.
};

}  // namespace lakehouse::net
