#include "net/byte_pipe.h"

#include <algorithm>

#include "base/check.h"

namespace lakehouse::net {

Result<size_t> BytePipe::Read(std::span<char> buffer) {
  CHECK(!buffer.empty());
  AnnounceWait();
  size_t count = 0;
  bool changed = false;
  {
    MutexLock lock(mutex_);
    while (held() == 0 && !writer_closed_) condition_.Wait(mutex_);
    if (held() == 0) {
      if (end_.ok()) return size_t{0};
      error_delivered_ = true;
      return end_;
    }
    // Waking the event loop once per half a pipe instead of once per read saves most wake-ups.
    const bool was_above = held() > capacity_ / 2;
    count = std::min(buffer.size(), held());
    bytes_.copy(buffer.data(), count, begin_);
    begin_ += count;
    if (held() == 0) {
      bytes_.clear();
      begin_ = 0;
    }
    changed = was_above && held() <= capacity_ / 2;
  }
  if (changed) changed_();
  return count;
}

void BytePipe::AnnounceWait() {
  {
    MutexLock lock(mutex_);
    if (reader_waited_ || held() > 0 || writer_closed_) return;
    reader_waited_ = true;
  }
  changed_();
}

Status BytePipe::Write(std::string_view bytes) {
  while (!bytes.empty()) {
    bool changed = false;
    {
      MutexLock lock(mutex_);
      while (held() >= capacity_ && !reader_closed_) condition_.Wait(mutex_);
      if (reader_closed_) return Unavailable("the receiver of this stream is gone");
      changed = held() == 0;
      const size_t count = std::min(bytes.size(), capacity_ - held());
      bytes_.append(bytes.substr(0, count));
      bytes.remove_prefix(count);
    }
    if (changed) changed_();
  }
  return OkStatus();
}

bool BytePipe::full() const {
  MutexLock lock(mutex_);
  return held() >= capacity_;
}

void BytePipe::Append(std::string_view bytes) {
  MutexLock lock(mutex_);
  if (reader_closed_) return;
  if (begin_ > 0) {
    bytes_.erase(0, begin_);
    begin_ = 0;
  }
  bytes_.append(bytes);
  condition_.NotifyAll();
}

std::string BytePipe::TakeAll() {
  MutexLock lock(mutex_);
  std::string taken = std::move(bytes_);
  bytes_.clear();
  condition_.NotifyAll();
  return taken;
}

void BytePipe::CloseWriter(Status end) {
  {
    MutexLock lock(mutex_);
    if (writer_closed_) return;
    writer_closed_ = true;
    end_ = std::move(end);
    condition_.NotifyAll();
  }
  changed_();
}

void BytePipe::CloseReader() {
  {
    MutexLock lock(mutex_);
    if (reader_closed_) return;
    reader_closed_ = true;
    bytes_.clear();
    begin_ = 0;
    condition_.NotifyAll();
  }
  changed_();
}

bool BytePipe::writer_closed() const {
  MutexLock lock(mutex_);
  return writer_closed_;
}

bool BytePipe::reader_closed() const {
  MutexLock lock(mutex_);
  return reader_closed_;
}

Status BytePipe::end() const {
  MutexLock lock(mutex_);
  return end_;
}

bool BytePipe::reader_waited() const {
  MutexLock lock(mutex_);
  return reader_waited_;
}

bool BytePipe::error_delivered() const {
  MutexLock lock(mutex_);
  return error_delivered_;
}

}  // namespace lakehouse::net
