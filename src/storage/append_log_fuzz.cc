// Feeds arbitrary bytes to the decoder of segments, and whole logs of them to Open and Read.
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/log.h"
#include "storage/append_log.h"
#include "storage/append_log_format.h"
#include "storage/object_store.h"

namespace lakehouse::storage {
namespace {

constexpr uint64_t kFirst = 3;

// A log of three records in one segment and of three in the next.
std::map<std::string, std::string> MakeLog() {
  const std::unique_ptr<ObjectStore> store = NewMemoryStore();
  const auto log = AppendLog::Open(*store, "fuzz");
  CHECK(log.ok());
  for (int segment = 0; segment < 2; ++segment) {
    for (const std::string_view record : {"one", "two", "three"})
      CHECK((*log)->Append(record).ok());
    CHECK((*log)->Flush().ok());
  }
  std::map<std::string, std::string> objects;
  const auto infos = store->List("");
  CHECK(infos.ok());
  for (const ObjectInfo& info : *infos) objects[info.key] = *store->Get(info.key);
  return objects;
}

// Whatever is accepted is what its header says, and in the chain.
void Decode(std::string_view bytes) {
  const DecodedSegment decoded = DecodeSegment(bytes, kFirst);
  CHECK((decoded.state == SegmentState::kWhole) == decoded.problem.empty());
  if (!decoded.header) {
    CHECK(decoded.frames.empty());
    return;
  }
  CHECK(decoded.frames.size() <= decoded.header->count);
  ChainLink link = decoded.header->previous;
  uint64_t number = kFirst;
  size_t size = kSegmentHeaderBytes;
  for (const Frame& frame : decoded.frames) {
    link = ContinueChain(link.digest, number++, frame.record());
    CHECK(frame.digest() == link.digest);
    size += frame.bytes.size();
  }
  CHECK(size <= bytes.size());
  if (decoded.state != SegmentState::kWhole) return;
  CHECK(size == bytes.size() && decoded.frames.size() == decoded.header->count);
  std::string again(kSegmentHeaderBytes, '\0');
  again.append(bytes.substr(kSegmentHeaderBytes));
  WriteSegmentHeader(again, *decoded.header);
  CHECK(again == bytes);
}

// Puts `bytes` over a part of one object: no record that reading shows is wrong.
void ReadDamaged(size_t object, size_t offset, std::string_view bytes) {
  static const std::map<std::string, std::string> kObjects = MakeLog();
  static constexpr std::string_view kRecords[] = {"one", "two", "three"};
  const std::unique_ptr<ObjectStore> store = NewMemoryStore();
  size_t index = 0;
  for (const auto& [key, intact] : kObjects) {
    std::string damaged = intact;
    if (index++ == object % kObjects.size()) {
      offset %= damaged.size();
      damaged.replace(offset, bytes.size(), bytes);
    }
    CHECK(store->Put(key, damaged).ok());
  }
  const auto log = AppendLog::Open(*store, "fuzz");
  CHECK(log.ok());
  Status status = Internal("not read yet");
  for (int i = 0; i < 4 && !status.ok(); ++i) {
    uint64_t previous = 0;
    status = (*log)->Read(1, [&](uint64_t number, std::string_view record) {
      CHECK(number > previous && number <= 6 && record == kRecords[(number - 1) % 3]);
      previous = number;
      return OkStatus();
    });
  }
  CHECK(status.ok());
  CHECK((*log)->AppendDurable("more").ok());
  CHECK((*log)->Compact().ok());
}

}  // namespace
}  // namespace lakehouse::storage

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const bool kQuiet = [] {
    lakehouse::ConfigureLog({.level = lakehouse::LogLevel::kError});
    return true;
  }();
  static_cast<void>(kQuiet);
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  lakehouse::storage::Decode(bytes);
  if (size > 2) lakehouse::storage::ReadDamaged(data[0], data[1], bytes.substr(2));
  return 0;
}
