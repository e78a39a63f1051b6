// How the API shows what the modules below know.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "ai/models.h"
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

// GET /ai/models.
Json EncodeModel(const ai::ModelInfo& model);
Json EncodeProvider(const ai::ProviderInfo& provider);
// A vector as OpenAI's base64: little-endian floats.
std::string EncodeBase64Floats(std::span<const float> vector);
// Appends a JSON array with as many digits as each float needs. REQUIRES: finite values.
void AppendFloats(std::string& out, std::span<const float> vector);
// {"code", "detail"} of one item that failed; the text of an internal error is not shown.
Json EncodeItemError(const Status& status);

// Milliseconds with microsecond precision.
double ElapsedMs(int64_t micros);

Result<search::CreateIndexRequest> DecodeCreateIndex(const Json& body, const SearchConfig& config);
Result<search::SearchRequest> DecodeSearch(const Json& body);

struct EmbedRequest {
  std::string model;  // "": the default, as below.
  std::vector<std::string> texts;
  ai::Role role = ai::Role::kDocument;
};
struct RerankRequest {
  std::string model;
  std::string query;
  std::vector<std::string> documents;
  size_t top_n = 0;  // 0: all.
  bool return_documents = false;
};
struct GenerateCall {
  std::string model;
  bool stream = false;
  ai::GenerateRequest request;
};
// POST /v1/embeddings.
struct OpenAiEmbedRequest {
  EmbedRequest embed;
  bool base64 = false;
  int64_t dimensions = 0;  // 0: not asked for.
};
Result<EmbedRequest> DecodeEmbed(const Json& body);
Result<RerankRequest> DecodeRerank(const Json& body);
Result<GenerateCall> DecodeGenerate(const Json& body);
Result<OpenAiEmbedRequest> DecodeOpenAiEmbed(const Json& body);
// {"model": name}, the only field.
Result<std::string> DecodeModelName(const Json& body);

Result<BucketConfig> DecodeBucket(const Json& body);
// The bucket that a PATCH moves something to, its only field.
Result<BucketName> DecodeMove(const Json& body);

}  // namespace lakehouse::gateway
