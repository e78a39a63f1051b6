#include "search/index_plan.h"

#include "search/source_reader.h"

namespace lakehouse::search {

namespace {

// Room for the special tokens of an encoder and a few words.
constexpr int64_t kMinChunkTokens = 8;

Status CheckColumn(const catalog::Dataset& dataset, std::string_view field,
                   const std::string& column) {
  if (dataset.FindColumn(column) != nullptr) return OkStatus();
  std::vector<std::string> names;
  for (const catalog::Column& candidate : dataset.columns) names.push_back(candidate.name);
  const std::string nearest = NearestName(column, names);
  const std::string hint = nearest.empty() ? StrCat("it has ", JoinStrings(names, ", "))
                                           : StrCat("did you mean \"", nearest, "\"?");
  return InvalidArgument(field, ": dataset ", dataset.name, " has no column \"", column, "\"; ",
                         hint);
}

Status CheckChunking(const CreateIndexRequest& request, const ai::EmbeddingSpace& space) {
  if (request.chunk_tokens < kMinChunkTokens || request.chunk_tokens > space.max_tokens) {
    return InvalidArgument("chunk_size: ", space.model, " takes ", kMinChunkTokens, " to ",
                           space.max_tokens, " tokens, not ", request.chunk_tokens);
  }
  if (request.overlap_tokens < 0 || request.overlap_tokens > (request.chunk_tokens - 1) / 2) {
    return InvalidArgument("overlap: less than half of chunk_size (", request.chunk_tokens,
                           ") was expected, not ", request.overlap_tokens);
  }
  return OkStatus();
}

}  // namespace

Result<IndexInfo> PlanIndex(const CreateIndexRequest& request, const IndexName& name,
                            const catalog::Dataset& dataset, const ai::EmbeddingSpace& space,
                            Timestamp now) {
  TRY(CheckColumn(dataset, "id_column", request.id_column));
  TRY(CheckColumn(dataset, "text_column", request.text_column));
  TRY(CheckChunking(request, space));
  return IndexInfo{.name = name,
                   .source = dataset.name,
                   .bucket = dataset.bucket,
                   .source_version = dataset.version,
                   .source_files = SourceFilesOf(dataset),
                   .id_column = request.id_column,
                   .text_column = request.text_column,
                   .chunk_tokens = request.chunk_tokens,
                   .overlap_tokens = request.overlap_tokens,
                   .space = space,
                   .rows_total = dataset.rows(),
                   .created_at = now,
                   .updated_at = now};
}

Result<IndexName> DefaultIndexName(const DatasetName& source, int n) {
  Result<IndexName> name = IndexName::Parse(StrCat(source, "_v", n));
  if (!name.ok()) {
    return InvalidArgument("index_name: give one, because the default does not fit: ",
                           name.status().message());
  }
  return name;
}

Status CheckResumable(const IndexInfo& existing, const IndexInfo& planned) {
  const std::string different = [&]() -> std::string {
    if (existing.source != planned.source) return StrCat("source ", existing.source);
    if (existing.id_column != planned.id_column) return StrCat("id_column ", existing.id_column);
    if (existing.text_column != planned.text_column) {
      return StrCat("text_column ", existing.text_column);
    }
    if (existing.chunk_tokens != planned.chunk_tokens) {
      return StrCat("chunk_size ", existing.chunk_tokens);
    }
    if (existing.overlap_tokens != planned.overlap_tokens) {
      return StrCat("overlap ", existing.overlap_tokens);
    }
    return "";
  }();
  if (!different.empty()) {
    return Conflict("index ", existing.name, " exists with ", different,
                    "; choose another name, or drop it first");
  }
  if (existing.complete) {
    return Conflict("index ", existing.name,
                    " exists and is complete; choose another name, or drop it first");
  }
  return CheckSpace(StrCat("index ", existing.name), existing.space, planned.space,
                    SpaceUse::kBuild, existing.passport.has_value());
}

}  // namespace lakehouse::search
