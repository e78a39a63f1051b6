#include "search/embedding_garbage.h"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "base/log.h"
#include "base/strings.h"

namespace lakehouse::search {

namespace {

// The index whose part lies under `key`; nullopt when it is no part of ours.
std::optional<IndexName> IndexOfPart(std::string_view key) {
  const std::vector<std::string_view> segments = SplitString(key, '/');
  if (segments.size() != 4 || segments[0] != "vectors" || segments[2] != "embeddings" ||
      !segments[3].ends_with(".parquet")) {
    return std::nullopt;
  }
  const Result<IndexName> name = IndexName::Parse(segments[1]);
  return name.ok() ? std::optional(*name) : std::nullopt;
}

}  // namespace

Result<std::vector<EmbeddingGarbage::Suspects>> EmbeddingGarbage::List() const {
  std::vector<Suspects> suspects;
  for (const storage::BucketInfo& bucket : buckets_.List()) {
    // What a bucket references is known only when all of it was read.
    if (!registry_.IsLoaded(bucket.name)) continue;
    ASSIGN_OR_RETURN(const storage::ObjectStore* store, buckets_.Find(bucket.name));
    ASSIGN_OR_RETURN(std::vector<storage::ObjectInfo> objects, store->List("vectors/"));
    std::map<IndexName, std::vector<storage::ObjectInfo>> old;
    for (storage::ObjectInfo& object : objects) {
      const std::optional<IndexName> index = IndexOfPart(object.key);
      if (index.has_value() && object.modified < since_) old[*index].push_back(std::move(object));
    }
    for (auto& [index, found] : old) suspects.push_back({bucket.name, index, std::move(found)});
  }
  return suspects;
}

Result<uint64_t> EmbeddingGarbage::Delete(const Suspects& suspects) const {
  ASSIGN_OR_RETURN(storage::ObjectStore * store, buckets_.Find(suspects.bucket));
  TRY(registry_.RemoveLeftover(suspects.bucket, suspects.index, since_));
  ASSIGN_OR_RETURN(const std::set<std::string> named,
                   registry_.PartsNamedSince(suspects.bucket, suspects.index, since_));
  std::vector<std::string> keys;
  uint64_t bytes = 0;
  for (const storage::ObjectInfo& object : suspects.objects) {
    if (named.contains(object.key)) continue;
    keys.push_back(object.key);
    bytes += object.size_bytes;
  }
  if (keys.empty()) return 0;
  TRY(store->DeleteMany(keys));
  LogInfo("embeddings that no index names were deleted", {{"bucket", suspects.bucket},
                                                          {"index", suspects.index},
                                                          {"objects", keys.size()},
                                                          {"bytes", bytes}});
  return bytes;
}

}  // namespace lakehouse::search
