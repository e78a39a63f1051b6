// How the API shows what the modules below know.
#pragma once

#include "base/config.h"
#include "base/json.h"
#include "catalog/dataset.h"
#include "ingest/ingester.h"
#include "search/index.h"
#include "search/job.h"
#include "storage/bucket_registry.h"

namespace lakehouse::gateway {

Json EncodeDataset(const catalog::Dataset& dataset);
Json EncodeIngestAnswer(const ingest::IngestAnswer& answer);
Json EncodeIndex(const search::IndexInfo& index);
Json EncodeSearchAnswer(const search::SearchAnswer& answer, int64_t elapsed_micros);
// A hit as a chunk of its document: without score and source.
Json EncodeChunk(const search::SearchHit& chunk);

// What is known of a bucket beside its place.
struct BucketState {
  Status reachable;
  uint64_t datasets = 0;
  uint64_t indexes = 0;
  uint64_t data_bytes = 0;  // Of the datasets in it.
};
Json EncodeBucket(const storage::BucketInfo& bucket, const BucketState& state);
Json EncodeObject(const storage::ObjectInfo& object);

// Milliseconds with microsecond precision.
double ElapsedMs(int64_t micros);

Result<search::CreateIndexRequest> DecodeCreateIndex(const Json& body, const SearchConfig& config);
Result<search::SearchRequest> DecodeSearch(const Json& body);
Result<BucketConfig> DecodeBucket(const Json& body);
// The bucket that a PATCH moves something to, its only field.
Result<BucketName> DecodeMove(const Json& body);

}  // namespace lakehouse::gateway
