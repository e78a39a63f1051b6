#include "search/failed_item.h"

#include <limits>
#include <utility>

namespace lakehouse::search {

Json FailedItemsToJson(const std::vector<FailedItem>& items) {
  Json array = Json::array();
  for (const FailedItem& item : items) {
    array.push_back({{"doc_id", item.doc_id},
                     {"chunk_idx", item.chunk_idx < 0 ? Json() : Json(item.chunk_idx)},
                     {"reason", item.reason}});
  }
  return array;
}

std::vector<FailedItem> ReadFailedItems(ObjectReader& reader, std::string_view name) {
  std::vector<FailedItem> items;
  const Json* array = reader.Raw(name);
  if (array == nullptr) return items;
  if (!array->is_array()) {
    reader.Fail(name, "must be an array");
    return items;
  }
  for (const Json& element : *array) {
    ObjectReader item_reader(element, "failed item");
    FailedItem item;
    item.doc_id = item_reader.String("doc_id");
    item.chunk_idx = item_reader.Int("chunk_idx", -1, 0, std::numeric_limits<int64_t>::max());
    item.reason = item_reader.String("reason");
    if (const Status status = item_reader.Finish(); !status.ok()) {
      reader.Fail(name, status.message());
      return {};
    }
    items.push_back(std::move(item));
  }
  return items;
}

}  // namespace lakehouse::search
