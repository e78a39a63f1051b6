// What a job could not do, row by row.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/status.h"

namespace lakehouse::search {

// A row that could not be embedded; none of its chunks is in the index.
struct FailedItem {
  std::string doc_id;     // "": the id is NULL.
  int64_t chunk_idx = 0;  // The first chunk that failed; -1: the row failed as a whole.
  std::string reason;
  bool operator==(const FailedItem&) const = default;
};

// How many are listed; the others are only counted.
inline constexpr size_t kFailedItemsKept = 100;

// As documents and the API show them.
Json FailedItemsToJson(const std::vector<FailedItem>& items);
// Takes the list from field `name`; a missing one is empty. A wrong one makes the reader fail.
std::vector<FailedItem> ReadFailedItems(ObjectReader& reader, std::string_view name);

}  // namespace lakehouse::search
