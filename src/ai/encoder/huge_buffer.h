// Memory for what is read over and over.
#pragma once

#include <cstddef>
#include <utility>

namespace lakehouse::ai {

// Zeroed bytes, aligned to a cache line, on huge pages where the system has them. Movable.
class HugeBuffer {
 public:
  HugeBuffer() = default;
  // Throws std::bad_alloc.
  explicit HugeBuffer(size_t bytes);
  ~HugeBuffer();
  HugeBuffer(HugeBuffer&& other) noexcept { *this = std::move(other); }
  HugeBuffer& operator=(HugeBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }

  // Makes room for `bytes`; what was there is lost if that takes new memory.
  void Reserve(size_t bytes);

  std::byte* data() const { return data_; }
  size_t size() const { return size_; }
  template <typename T>
  T* as() const {
    return reinterpret_cast<T*>(data_);
  }

 private:
  std::byte* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace lakehouse::ai
