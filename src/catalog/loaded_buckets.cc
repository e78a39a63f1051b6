#include "catalog/loaded_buckets.h"

#include <utility>

#include "base/json.h"
#include "base/log.h"
#include "base/strings.h"
#include "storage/local_store.h"

namespace lakehouse::catalog {

namespace {

Status DecodeHint(const std::string& text, std::map<BucketName, std::set<std::string>>& names) {
  ASSIGN_OR_RETURN(const Json json, ParseJson(text));
  if (!json.is_object()) return InvalidArgument("it is no object");
  ObjectReader reader(json, "bucket names");
  const Json* buckets = reader.Raw("buckets");
  TRY(reader.Finish());
  if (buckets == nullptr || !buckets->is_object()) return InvalidArgument("it has no buckets");
  for (const auto& [bucket, list] : buckets->items()) {
    ASSIGN_OR_RETURN(const BucketName name, BucketName::Parse(bucket));
    ObjectReader entry(*buckets, "bucket names");
    for (std::string& known : entry.StringList(bucket)) names[name].insert(std::move(known));
  }
  return OkStatus();
}

}  // namespace

std::unique_ptr<storage::ObjectStore> OpenBucketNames(const std::string& directory) {
  if (directory.empty()) return nullptr;
  auto store = storage::OpenLocalStore(directory);
  if (store.ok()) return *std::move(store);
  LogWarning("What the buckets hold cannot be remembered.", {{"error", store.status().message()}});
  return nullptr;
}

LoadedBuckets::LoadedBuckets(const storage::BucketRegistry& buckets, storage::ObjectStore* state,
                             std::string_view kind)
    : buckets_(buckets), state_(state), kind_(kind) {
  if (state_ != nullptr) ReadHint();
}

void LoadedBuckets::ReadHint() {
  const Result<std::string> text = state_->Get(StrCat("bucket_names/", kind_, ".json"));
  if (text.status().code() == StatusCode::kNotFound) return;
  std::map<BucketName, std::set<std::string>> names;
  const Status status = text.ok() ? DecodeHint(*text, names) : text.status();
  if (!status.ok()) {
    LogWarning("What the buckets were last known to hold cannot be read.",
               {{"kind", kind_}, {"error", status.message()}});
  }
  MutexLock lock(mutex_);
  for (auto& [bucket, known] : names) entries_[bucket].names = std::move(known);
}

void LoadedBuckets::WriteHint() {
  if (state_ == nullptr) return;
  MutexLock writing(writing_);
  Json buckets = Json::object();
  {
    MutexLock lock(mutex_);
    for (const auto& [bucket, entry] : entries_) buckets[bucket.str()] = entry.names;
  }
  const auto written = state_->Put(StrCat("bucket_names/", kind_, ".json"),
                                   DumpJson({{"buckets", std::move(buckets)}}) + "\n");
  if (!written.ok()) {
    LogWarning("What the buckets hold cannot be written down.",
               {{"kind", kind_}, {"error", written.status().message()}});
  }
}

void LoadedBuckets::SetLoaded(const BucketName& bucket, std::set<std::string> names) {
  {
    MutexLock lock(mutex_);
    Entry& entry = entries_[bucket];
    const bool changed = entry.names != names;
    entry = {.loaded = true, .why = OkStatus(), .names = std::move(names)};
    if (!changed) return;
  }
  WriteHint();
}

void LoadedBuckets::SetFailed(const BucketName& bucket, const Status& why) {
  MutexLock lock(mutex_);
  entries_[bucket].why = why;
}

void LoadedBuckets::Forget(const BucketName& bucket) {
  {
    MutexLock lock(mutex_);
    if (entries_.erase(bucket) == 0) return;
  }
  WriteHint();
}

void LoadedBuckets::AddName(const BucketName& bucket, const std::string& name) {
  {
    MutexLock lock(mutex_);
    if (!entries_[bucket].names.insert(name).second) return;
  }
  WriteHint();
}

void LoadedBuckets::RemoveName(const BucketName& bucket, const std::string& name) {
  {
    MutexLock lock(mutex_);
    if (entries_[bucket].names.erase(name) == 0) return;
  }
  WriteHint();
}

bool LoadedBuckets::IsLoaded(const BucketName& bucket) const {
  MutexLock lock(mutex_);
  const auto found = entries_.find(bucket);
  return found != entries_.end() && found->second.loaded;
}

std::vector<std::string> LoadedBuckets::NamesIn(const BucketName& bucket) const {
  MutexLock lock(mutex_);
  const auto found = entries_.find(bucket);
  if (found == entries_.end()) return {};
  return {found->second.names.begin(), found->second.names.end()};
}

std::vector<MissingBucket> LoadedBuckets::Missing() const {
  std::vector<MissingBucket> missing;
  for (const storage::BucketInfo& bucket : buckets_.List()) {
    MissingBucket item{
        .bucket = bucket.name, .why = Unavailable("it has not been read yet"), .names = {}};
    MutexLock lock(mutex_);
    const auto found = entries_.find(bucket.name);
    if (found != entries_.end()) {
      const Entry& entry = found->second;
      if (entry.loaded) continue;
      if (!entry.why.ok()) item.why = entry.why;
      item.names.assign(entry.names.begin(), entry.names.end());
    }
    missing.push_back(std::move(item));
  }
  return missing;
}

Status LoadedBuckets::CheckNotInMissing(std::string_view name) const {
  for (const MissingBucket& missing : Missing()) {
    for (const std::string& known : missing.names) {
      if (known != name) continue;
      return Unavailable(kind_, " ", name, " is in bucket ", missing.bucket,
                         ", which cannot be reached: ", missing.why.message());
    }
  }
  return OkStatus();
}

Status LoadedBuckets::CheckNothingMissing(std::string_view name) const {
  TRY(CheckNotInMissing(name));
  const std::vector<MissingBucket> missing = Missing();
  if (missing.empty()) return OkStatus();
  return Unavailable(kind_, " ", name, " is not in the buckets that answer, and bucket ",
                     missing[0].bucket, " cannot be reached: ", missing[0].why.message());
}

Status LoadedBuckets::CheckLoaded(const BucketName& bucket) const {
  for (const MissingBucket& missing : Missing()) {
    if (missing.bucket != bucket) continue;
    return Unavailable("bucket ", bucket, " cannot be reached: ", missing.why.message());
  }
  return OkStatus();
}

}  // namespace lakehouse::catalog
