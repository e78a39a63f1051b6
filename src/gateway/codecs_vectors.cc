#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "gateway/codecs.h"

namespace lakehouse::gateway {
namespace {

constexpr int64_t kMaxChunkTokens = 8'192;
constexpr int64_t kMaxTopK = 10'000;

// Parses a name field; a bad name is recorded as an error of that field.
template <typename Name>
std::optional<Name> ReadName(ObjectReader& reader, std::string_view field,
                             const std::string& text) {
  auto name = Name::Parse(text);
  if (name.ok()) return *std::move(name);
  reader.Fail(field, StrCat("is no valid name: ", name.status().message()));
  return std::nullopt;
}

}  // namespace

double ElapsedMs(int64_t micros) { return static_cast<double>(micros) / 1e3; }

namespace {

// Null until the first job has begun.
Json EncodePassport(const search::IndexInfo& index) {
  if (!index.passport.has_value()) return {};
  Json texts = Json::array();
  for (const search::Canary& canary : index.passport->canaries) texts.push_back(canary.text);
  Json json = {{"made_at", FormatTimestamp(index.passport->made_at)},
               {"canaries", std::move(texts)},
               {"last_check", Json()}};
  if (index.last_check.has_value()) {
    const search::PassportCheck& check = *index.last_check;
    json["last_check"] = {{"at", FormatTimestamp(check.at)},
                          {"ok", check.outcome.ok()},
                          {"worst_cosine", check.worst_cosine},
                          {"worst_text", check.worst_text}};
  }
  return json;
}

}  // namespace

Json EncodeIndex(const search::IndexInfo& index) {
  uint64_t bytes = 0;
  for (const search::EmbeddingPart& part : index.parts) bytes += part.size_bytes;
  return {{"name", index.name.str()},
          {"source", index.source.str()},
          {"source_snapshot", index.source_version},
          {"id_column", index.id_column},
          {"text_column", index.text_column},
          {"bucket", index.bucket.str()},
          {"backend", "parquet"},
          {"model", index.space.model},
          {"model_provider", index.space.provider},
          {"model_digest", index.space.digest},
          {"dimensions", index.space.dimensions},
          {"precision", index.space.precision},
          {"space", ai::EmbeddingSpaceToJson(index.space)},
          {"passport", EncodePassport(index)},
          {"chunk_size", index.chunk_tokens},
          {"overlap", index.overlap_tokens},
          {"chunks", index.chunks()},
          {"bytes", bytes},
          {"generation", index.version},
          {"complete", index.complete},
          {"coverage",
           {{"rows_embedded", index.rows_embedded()},
            {"rows_total", index.rows_total},
            {"rows_failed", index.rows_failed}}},
          {"failed", search::FailedItemsToJson(index.failed)},
          {"created_at", FormatTimestamp(index.created_at)},
          {"updated_at", FormatTimestamp(index.updated_at)}};
}

Json EncodeChunk(const search::SearchHit& chunk) {
  return {{"doc_id", chunk.doc_id},
          {"chunk_idx", chunk.chunk_idx},
          {"text", chunk.text},
          {"begin", chunk.begin},
          {"end", chunk.end}};
}

Json EncodeSearchAnswer(const search::SearchAnswer& answer, int64_t elapsed_micros) {
  Json results = Json::array();
  for (const search::SearchHit& hit : answer.results) {
    results.push_back({{"doc_id", hit.doc_id},
                       {"chunk_idx", hit.chunk_idx},
                       {"score", hit.score},
                       {"text", hit.text},
                       {"source", answer.source.str()},
                       {"begin", hit.begin},
                       {"end", hit.end}});
  }
  return {
      {"results", std::move(results)},
      {"method", answer.method},
      {"generation", answer.generation},
      {"coverage", {{"rows_embedded", answer.rows_embedded}, {"rows_total", answer.rows_total}}},
      {"elapsed_ms", ElapsedMs(elapsed_micros)}};
}

Result<search::CreateIndexRequest> DecodeCreateIndex(const Json& body, const SearchConfig& config) {
  ObjectReader reader(body, "request");
  const auto source = ReadName<DatasetName>(reader, "source", reader.String("source"));
  const auto name_text = reader.OptionalString("index_name");
  std::optional<IndexName> name;
  if (name_text.has_value()) name = ReadName<IndexName>(reader, "index_name", *name_text);
  const std::string id_column = reader.String("id_column");
  const std::string text_column = reader.String("text_column");
  const auto model = reader.OptionalString("model");
  const int64_t chunk_tokens = reader.Int("chunk_size", config.chunk_tokens, 1, kMaxChunkTokens);
  const int64_t overlap_tokens = reader.Int(
      "overlap", std::min(config.chunk_overlap_tokens, (chunk_tokens - 1) / 2), 0, kMaxChunkTokens);
  if (overlap_tokens * 2 >= chunk_tokens) {
    reader.Fail("overlap", "must be less than half of chunk_size");
  }
  TRY(reader.Finish());
  return search::CreateIndexRequest{.source = *source,
                                    .name = name,
                                    .id_column = id_column,
                                    .text_column = text_column,
                                    .model = model,
                                    .chunk_tokens = chunk_tokens,
                                    .overlap_tokens = overlap_tokens};
}

Result<search::SearchRequest> DecodeSearch(const Json& body) {
  ObjectReader reader(body, "request");
  const auto index = ReadName<IndexName>(reader, "index_name", reader.String("index_name"));
  const auto query = reader.OptionalString("query");
  std::vector<float> vector = reader.FloatList("vector");
  const int64_t top_k = reader.Int("top_k", 10, 1, kMaxTopK);
  const Json* vector_field = reader.Raw("vector");
  const bool has_vector = vector_field != nullptr && !vector_field->is_null();
  if (query.has_value() == has_vector) {
    reader.Fail("query", "or 'vector' must be given, and only one of them");
  } else if (query.has_value() && query->empty()) {
    reader.Fail("query", "must not be empty");
  } else if (has_vector && vector.empty()) {
    reader.Fail("vector", "must not be empty");
  }
  TRY(reader.Finish());
  return search::SearchRequest{.index = *index,
                               .query = query.value_or(""),
                               .vector = std::move(vector),
                               .top_k = top_k,
                               .cancel = {}};
}

}  // namespace lakehouse::gateway
