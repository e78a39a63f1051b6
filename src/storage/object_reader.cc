#include "storage/object_reader.h"

#include <utility>
#include <vector>

#include "storage/reporting_store.h"

namespace lakehouse::storage {

void RescueTrace::Add(const BucketName& rescue) {
  MutexLock lock(mutex_);
  used_.insert(rescue);
}

std::string RescueTrace::ToHeader() const {
  MutexLock lock(mutex_);
  std::vector<std::string> names;
  for (const BucketName& name : used_) names.push_back(name.str());
  return JoinStrings(names, ", ");
}

Result<std::unique_ptr<ObjectReader>> ObjectReader::Open(const BucketRegistry& buckets,
                                                         const BucketName& bucket,
                                                         std::string_view key,
                                                         const Options& options) {
  std::unique_ptr<ObjectReader> reader(new ObjectReader(buckets, bucket, options));
  const Result<ObjectStore*> store = buckets.Find(bucket);
  // A bucket that does not exist is no bucket that failed.
  if (store.status().code() == StatusCode::kNotFound) return store.status();
  Result<SourcePtr> source =
      store.ok() ? reader->OpenOwn(**store, key) : Result<SourcePtr>(store.status());
  if (!source.ok()) source = reader->OpenRescue(key, source.status(), options.size_bytes);
  TRY(source.status());
  MutexLock lock(reader->mutex_);
  reader->source_ = *std::move(source);
  return reader;
}

Status ObjectReader::CheckSize(const ObjectInfo& info) const {
  if (!options_.size_bytes.has_value() || info.size_bytes == *options_.size_bytes) {
    return OkStatus();
  }
  const Status damaged =
      Internal("bucket ", bucket_, ": the object is damaged: it has ", info.size_bytes,
               " bytes, not ", *options_.size_bytes, ": ", info.key);
  buckets_.ReportError(bucket_, "get", info.key, damaged);
  return damaged;
}

Result<ObjectReader::SourcePtr> ObjectReader::OpenOwn(const ObjectStore& store,
                                                      std::string_view key) const {
  ASSIGN_OR_RETURN(ObjectInfo info, store.Head(key));
  TRY(CheckSize(info));
  return std::make_shared<const Source>(Source{&store, std::move(info), false});
}

Result<ObjectReader::SourcePtr> ObjectReader::OpenRescue(std::string_view key, const Status& error,
                                                         std::optional<uint64_t> size_bytes) const {
  const bool damaged = options_.size_bytes.has_value() && error.code() == StatusCode::kInternal;
  if (!MayBeRescued(error) && !damaged) return error;
  const std::optional<BucketName> rescue = buckets_.rescue();
  if (!rescue.has_value() || *rescue == bucket_) return error;
  const Result<ObjectStore*> store = buckets_.Find(*rescue);
  if (!store.ok()) return error;
  Result<ObjectInfo> info = (*store)->Head(key);
  if (!info.ok() || (size_bytes.has_value() && info->size_bytes != *size_bytes)) return error;
  buckets_.ReportRescue(bucket_, *rescue, key, error);
  if (options_.trace != nullptr) options_.trace->Add(*rescue);
  return std::make_shared<const Source>(Source{*store, *std::move(info), true});
}

ObjectReader::SourcePtr ObjectReader::source() const {
  MutexLock lock(mutex_);
  return source_;
}

ObjectInfo ObjectReader::info() const { return source()->info; }

std::optional<std::string> ObjectReader::LocalPath() const {
  const SourcePtr source = this->source();
  return source->store->LocalPath(source->info.key);
}

bool ObjectReader::Accept(const SourcePtr& read) const {
  MutexLock lock(mutex_);
  if (!options_.write_once && read != source_) return false;
  bytes_read_ = true;
  return true;
}

Status ObjectReader::TakeOver(const SourcePtr& failed, const Status& error) const {
  {
    MutexLock lock(mutex_);
    if (source_ != failed) return OkStatus();
    if (failed->is_rescue || (bytes_read_ && !options_.write_once)) return error;
  }
  ASSIGN_OR_RETURN(SourcePtr rescued, OpenRescue(failed->info.key, error, failed->info.size_bytes));
  MutexLock lock(mutex_);
  if (source_ != failed) return OkStatus();
  // Somebody may have read bytes of the one that failed while the other was looked for.
  if (bytes_read_ && !options_.write_once) return error;
  source_ = std::move(rescued);
  return OkStatus();
}

Result<size_t> ObjectReader::ReadAt(uint64_t offset, char* buffer, size_t size) const {
  while (true) {
    const SourcePtr source = this->source();
    const Result<size_t> count = source->store->ReadAt(source->info, offset, buffer, size);
    if (!count.ok()) {
      TRY(TakeOver(source, count.status()));
    } else if (Accept(source)) {
      return count;
    }
  }
}

}  // namespace lakehouse::storage
