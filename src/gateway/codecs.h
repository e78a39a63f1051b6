// How the API shows what the modules below know.
#pragma once

#include "base/json.h"
#include "catalog/dataset.h"
#include "ingest/ingester.h"
#include "search/index.h"
#include "search/job.h"

namespace lakehouse::gateway {

Json EncodeDataset(const catalog::Dataset& dataset);
Json EncodeIngestAnswer(const ingest::IngestAnswer& answer);
Json EncodeIndex(const search::IndexInfo& index);
Json EncodeSearchAnswer(const search::SearchAnswer& answer, int64_t elapsed_micros);
// A hit as a chunk of its document: without score and source.
Json EncodeChunk(const search::SearchHit& chunk);

// Milliseconds with microsecond precision.
double ElapsedMs(int64_t micros);

Result<search::CreateIndexRequest> DecodeCreateIndex(const Json& body, const SearchConfig& config);
Result<search::SearchRequest> DecodeSearch(const Json& body);

}  // namespace lakehouse::gateway
