// The fields that index and job documents share.
#pragma once

#include <cstdint>
#include <limits>
#include <string_view>

#include "base/clock.h"
#include "base/json.h"

namespace lakehouse::search {

inline constexpr int64_t kMaxDocumentInt = std::numeric_limits<int64_t>::max();

inline uint64_t ReadCount(ObjectReader& reader, std::string_view name) {
  return static_cast<uint64_t>(reader.Int(name, 0, kMaxDocumentInt));
}

inline Timestamp ReadTime(ObjectReader& reader, std::string_view name) {
  const Result<Timestamp> time = ParseTimestamp(reader.String(name));
  if (!time.ok()) reader.Fail(name, time.status().message());
  return time.value_or(Timestamp{});
}

}  // namespace lakehouse::search
