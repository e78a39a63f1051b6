#include "search/index_mover.h"

#include "base/log.h"
#include "catalog/object_copier.h"

namespace lakehouse::search {

Status IndexMover::Run(const IndexName& name, const BucketName& bucket, const CancelToken& cancel) {
  TRY(options_.registry->PrepareBucket(bucket));
  ASSIGN_OR_RETURN(const IndexPtr index, options_.registry->Get(name));
  if (index->bucket != bucket) TRY(CopyParts(*index, bucket, cancel));
  TRY(cancel.Check());
  ASSIGN_OR_RETURN(const IndexPtr moved,
                   options_.registry->Move(*index, bucket, options_.clock->Now()));
  LogInfo("an index has moved", {{"index", name},
                                 {"from", index->bucket},
                                 {"to", moved->bucket},
                                 {"version", moved->version}});
  return OkStatus();
}

Status IndexMover::CopyParts(const IndexInfo& index, const BucketName& bucket,
                             const CancelToken& cancel) {
  JobProgress progress{.stage = "copying"};
  for (const EmbeddingPart& part : index.parts) progress.total += part.size_bytes;
  report_(progress);
  catalog::ObjectCopier copier(*options_.buckets, {.from = index.bucket,
                                                   .to = bucket,
                                                   .work_dir = options_.work_dir,
                                                   .cancel = cancel,
                                                   .on_bytes = [&](uint64_t bytes) {
                                                     progress.done += bytes;
                                                     report_(progress);
                                                   }});
  for (const EmbeddingPart& part : index.parts) {
    TRY(cancel.Check());
    TRY(copier.Copy({part.key, part.size_bytes, part.crc32c}));
  }
  progress.stage = "publishing";
  report_(progress);
  return OkStatus();
}

}  // namespace lakehouse::search
