#include "catalog/dataset.h"

#include <limits>
#include <utility>

namespace lakehouse::catalog {

namespace {

constexpr int64_t kMaxInt = std::numeric_limits<int64_t>::max();

Timestamp ReadTime(ObjectReader& reader, std::string_view name) {
  const auto time = ParseTimestamp(reader.String(name));
  if (!time.ok()) reader.Fail(name, time.status().message());
  return time.value_or(Timestamp{});
}

std::optional<Timestamp> ReadOptionalTime(ObjectReader& reader, std::string_view name) {
  const std::optional<std::string> text = reader.OptionalString(name);
  if (!text.has_value()) return std::nullopt;
  const auto time = ParseTimestamp(*text);
  if (!time.ok()) reader.Fail(name, time.status().message());
  return time.value_or(Timestamp{});
}

Json TimeOrNull(const std::optional<Timestamp>& time) {
  return time.has_value() ? Json(FormatTimestamp(*time)) : Json();
}

Status ReadColumns(const Json& list, std::vector<Column>& columns) {
  for (const Json& entry : list) {
    ObjectReader reader(entry, "column");
    Column column;
    column.name = reader.String("name");
    column.type = reader.String("type");
    column.pii = reader.StringList("pii");
    TRY(reader.Finish());
    columns.push_back(std::move(column));
  }
  return OkStatus();
}

Status ReadSources(const Json& list, std::vector<SourceRecord>& sources) {
  for (const Json& entry : list) {
    ObjectReader reader(entry, "source");
    SourceRecord source;
    source.kind = reader.String("kind");
    source.name = reader.String("name");
    source.format = reader.String("format");
    source.sha256 = reader.String("sha256");
    source.size_bytes = static_cast<uint64_t>(reader.Int("size_bytes", 0, kMaxInt));
    source.rows = static_cast<uint64_t>(reader.Int("rows", 0, kMaxInt));
    source.at = ReadTime(reader, "at");
    TRY(reader.Finish());
    sources.push_back(std::move(source));
  }
  return OkStatus();
}

bool AllObjects(const Json* list) {
  if (list == nullptr || !list->is_array()) return false;
  for (const Json& entry : *list) {
    if (!entry.is_object()) return false;
  }
  return true;
}

Result<Dataset> ReadDataset(const Json& json) {
  ObjectReader reader(json, "dataset");
  ASSIGN_OR_RETURN(DatasetName name, DatasetName::Parse(reader.String("name")));
  ASSIGN_OR_RETURN(BucketName bucket, BucketName::Parse(reader.String("bucket")));
  Dataset dataset{.name = std::move(name), .bucket = std::move(bucket)};
  dataset.snapshot = static_cast<uint64_t>(reader.Int("snapshot", 1, kMaxInt));
  dataset.created_at = ReadTime(reader, "created_at");
  dataset.updated_at = ReadTime(reader, "updated_at");
  dataset.last_embedded_at = ReadOptionalTime(reader, "last_embedded_at");
  dataset.embedding_stale_since = ReadOptionalTime(reader, "embedding_stale_since");
  const Json* columns = reader.Raw("columns");
  const Json* sources = reader.Raw("sources");
  if (!AllObjects(columns)) reader.Fail("columns", "expected an array of objects");
  if (!AllObjects(sources)) reader.Fail("sources", "expected an array of objects");
  reader.Raw("files");        // The manifest's.
  reader.Raw("moving_from");  // The catalog's.
  TRY(reader.Finish());
  TRY(ReadColumns(*columns, dataset.columns));
  TRY(ReadSources(*sources, dataset.sources));
  return dataset;
}

}  // namespace

uint64_t Dataset::rows() const {
  uint64_t total = 0;
  for (const DataFile& file : files) total += file.rows;
  return total;
}

uint64_t Dataset::size_bytes() const {
  uint64_t total = 0;
  for (const DataFile& file : files) total += file.size_bytes;
  return total;
}

const Column* Dataset::FindColumn(std::string_view column) const {
  for (const Column& candidate : columns) {
    if (candidate.name == column) return &candidate;
  }
  return nullptr;
}

Json DatasetToJson(const Dataset& dataset) {
  Json columns = Json::array();
  for (const Column& column : dataset.columns) {
    columns.push_back({{"name", column.name}, {"type", column.type}, {"pii", column.pii}});
  }
  Json sources = Json::array();
  for (const SourceRecord& source : dataset.sources) {
    sources.push_back({{"kind", source.kind},
                       {"name", source.name},
                       {"format", source.format},
                       {"sha256", source.sha256},
                       {"size_bytes", source.size_bytes},
                       {"rows", source.rows},
                       {"at", FormatTimestamp(source.at)}});
  }
  return {{"name", dataset.name.str()},
          {"bucket", dataset.bucket.str()},
          {"snapshot", dataset.snapshot},
          {"columns", std::move(columns)},
          {"sources", std::move(sources)},
          {"created_at", FormatTimestamp(dataset.created_at)},
          {"updated_at", FormatTimestamp(dataset.updated_at)},
          {"last_embedded_at", TimeOrNull(dataset.last_embedded_at)},
          {"embedding_stale_since", TimeOrNull(dataset.embedding_stale_since)}};
}

Result<Dataset> DatasetFromJson(const Json& json) {
  if (!json.is_object()) return Internal("a dataset document is no object");
  auto dataset = ReadDataset(json);
  if (!dataset.ok()) return Internal("a dataset document is damaged: ", dataset.status().message());
  return dataset;
}

}  // namespace lakehouse::catalog
