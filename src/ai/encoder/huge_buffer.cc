#include "ai/encoder/huge_buffer.h"

#include <cstring>
#include <new>

#include <sys/mman.h>

namespace lakehouse::ai {
namespace {

constexpr size_t kLine = 64;
constexpr size_t kHugePage = size_t{2} << 20;

}  // namespace

HugeBuffer::HugeBuffer(size_t bytes) : size_(bytes) {
  const bool is_huge = bytes >= kHugePage;
  data_ =
      static_cast<std::byte*>(::operator new(bytes, std::align_val_t(is_huge ? kHugePage : kLine)));
  // Without huge pages it works as well, only slower.
  if (is_huge) (void)madvise(data_, bytes, MADV_HUGEPAGE);
  std::memset(data_, 0, bytes);
}

HugeBuffer::~HugeBuffer() {
  const bool is_huge = size_ >= kHugePage;
  ::operator delete(data_, std::align_val_t(is_huge ? kHugePage : kLine));
}

void HugeBuffer::Reserve(size_t bytes) {
  if (bytes > size_) *this = HugeBuffer(bytes);
}

}  // namespace lakehouse::ai
