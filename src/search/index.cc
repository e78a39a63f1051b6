#include "search/index.h"

#include <limits>

#include "search/document_fields.h"

namespace lakehouse::search {

namespace {

// Decodes every element of an array; a missing array is empty.
template <typename T>
Result<std::vector<T>> ReadList(ObjectReader& reader, std::string_view name,
                                Result<T> (*decode)(const Json&)) {
  std::vector<T> list;
  const Json* array = reader.Raw(name);
  if (array == nullptr) return list;
  if (!array->is_array()) return InvalidArgument("field ", name, " must be an array");
  list.reserve(array->size());
  for (const Json& element : *array) {
    ASSIGN_OR_RETURN(T item, decode(element));
    list.push_back(std::move(item));
  }
  return list;
}

Json PartToJson(const EmbeddingPart& part) {
  return {{"key", part.key},
          {"size_bytes", part.size_bytes},
          {"crc32c", part.crc32c},
          {"chunks", part.chunks},
          {"source_rows", part.source_rows}};
}

Result<EmbeddingPart> PartFromJson(const Json& json) {
  ObjectReader reader(json, "part");
  EmbeddingPart part;
  part.key = reader.String("key");
  part.size_bytes = ReadCount(reader, "size_bytes");
  part.crc32c =
      static_cast<uint32_t>(reader.Int("crc32c", 0, std::numeric_limits<uint32_t>::max()));
  part.chunks = ReadCount(reader, "chunks");
  part.source_rows = ReadCount(reader, "source_rows");
  TRY(reader.Finish());
  return part;
}

Result<SourceFile> SourceFileFromJson(const Json& json) {
  ObjectReader reader(json, "source file");
  SourceFile file;
  file.key = reader.String("key");
  file.rows = ReadCount(reader, "rows");
  TRY(reader.Finish());
  return file;
}

template <typename T, typename Encode>
Json ListToJson(const std::vector<T>& list, Encode encode) {
  Json array = Json::array();
  for (const T& item : list) array.push_back(encode(item));
  return array;
}

Result<IndexInfo> DecodeIndex(const Json& json) {
  ObjectReader reader(json, "index");
  ASSIGN_OR_RETURN(IndexName name, IndexName::Parse(reader.String("name")));
  ASSIGN_OR_RETURN(DatasetName source, DatasetName::Parse(reader.String("source")));
  ASSIGN_OR_RETURN(BucketName bucket, BucketName::Parse(reader.String("bucket")));
  IndexInfo index{
      .name = std::move(name), .source = std::move(source), .bucket = std::move(bucket)};
  reader.Raw("moving_from");  // The registry's.
  index.version = ReadCount(reader, "version");
  index.source_version = ReadCount(reader, "source_version");
  ASSIGN_OR_RETURN(index.source_files, ReadList(reader, "source_files", SourceFileFromJson));
  index.id_column = reader.String("id_column");
  index.text_column = reader.String("text_column");
  index.chunk_tokens = reader.Int("chunk_tokens", 1, kMaxDocumentInt);
  index.overlap_tokens = reader.Int("overlap_tokens", 0, kMaxDocumentInt);
  if (const Json* space = reader.Raw("space")) {
    ASSIGN_OR_RETURN(index.space, ai::EmbeddingSpaceFromJson(*space));
  } else {
    reader.Fail("space", "is required");
  }
  if (const Json* passport = reader.Raw("passport"); passport != nullptr && !passport->is_null()) {
    ASSIGN_OR_RETURN(index.passport, PassportFromJson(*passport, index.space.dimensions));
  }
  ASSIGN_OR_RETURN(index.parts, ReadList(reader, "parts", PartFromJson));
  index.rows_done = ReadCount(reader, "rows_done");
  index.rows_total = ReadCount(reader, "rows_total");
  index.rows_failed = ReadCount(reader, "rows_failed");
  index.failed = ReadFailedItems(reader, "failed");
  index.complete = reader.Bool("complete", false);
  index.created_at = ReadTime(reader, "created_at");
  index.updated_at = ReadTime(reader, "updated_at");
  TRY(reader.Finish());
  if (index.rows_failed > index.rows_done || index.rows_done > index.rows_total) {
    return InvalidArgument("row counts do not fit together: ", index.rows_failed, " failed of ",
                           index.rows_done, " done of ", index.rows_total);
  }
  return index;
}

}  // namespace

uint64_t IndexInfo::chunks() const {
  uint64_t sum = 0;
  for (const EmbeddingPart& part : parts) sum += part.chunks;
  return sum;
}

Json IndexToJson(const IndexInfo& index) {
  const auto source_file = [](const SourceFile& file) {
    return Json{{"key", file.key}, {"rows", file.rows}};
  };
  return {{"name", index.name.str()},
          {"source", index.source.str()},
          {"bucket", index.bucket.str()},
          {"version", index.version},
          {"source_version", index.source_version},
          {"source_files", ListToJson(index.source_files, source_file)},
          {"id_column", index.id_column},
          {"text_column", index.text_column},
          {"chunk_tokens", index.chunk_tokens},
          {"overlap_tokens", index.overlap_tokens},
          {"space", ai::EmbeddingSpaceToJson(index.space)},
          {"passport", index.passport.has_value() ? PassportToJson(*index.passport) : Json()},
          {"parts", ListToJson(index.parts, PartToJson)},
          {"rows_done", index.rows_done},
          {"rows_total", index.rows_total},
          {"rows_failed", index.rows_failed},
          {"failed", FailedItemsToJson(index.failed)},
          {"complete", index.complete},
          {"created_at", FormatTimestamp(index.created_at)},
          {"updated_at", FormatTimestamp(index.updated_at)}};
}

Result<IndexInfo> IndexFromJson(const Json& json) {
  Result<IndexInfo> index = DecodeIndex(json);
  if (!index.ok()) return Internal("damaged index document: ", index.status().message());
  return index;
}

}  // namespace lakehouse::search
