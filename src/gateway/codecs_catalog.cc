#include "base/clock.h"
#include "gateway/codecs.h"

namespace lakehouse::gateway {
namespace {

Json EncodeColumns(const std::vector<catalog::Column>& columns) {
  Json list = Json::array();
  for (const catalog::Column& column : columns) {
    list.push_back({{"name", column.name}, {"type", column.type}, {"pii", column.pii}});
  }
  return list;
}

Json EncodeSources(const std::vector<catalog::SourceRecord>& sources) {
  Json list = Json::array();
  for (const catalog::SourceRecord& source : sources) {
    list.push_back({{"kind", source.kind},
                    {"name", source.name},
                    {"format", source.format},
                    {"sha256", source.sha256},
                    {"bytes", source.size_bytes},
                    {"rows", source.rows},
                    {"at", FormatTimestamp(source.at)}});
  }
  return list;
}

Json OptionalTime(const std::optional<Timestamp>& time) {
  return time.has_value() ? Json(FormatTimestamp(*time)) : Json();
}

}  // namespace

Json EncodeDataset(const catalog::Dataset& dataset) {
  return {{"name", dataset.name.str()},
          {"bucket", dataset.bucket.str()},
          {"snapshot", dataset.version},
          {"rows", dataset.rows()},
          {"bytes", dataset.size_bytes()},
          {"files", dataset.files.size()},
          {"columns", EncodeColumns(dataset.columns)},
          {"lineage", EncodeSources(dataset.sources)},
          {"created_at", FormatTimestamp(dataset.created_at)},
          {"updated_at", FormatTimestamp(dataset.updated_at)},
          {"last_embedded_at", OptionalTime(dataset.last_embedded_at)},
          {"embedding_stale_since", OptionalTime(dataset.embedding_stale_since)}};
}

Json EncodeIngestAnswer(const ingest::IngestAnswer& answer) {
  Json rejected = Json::array();
  for (const ingest::RejectedRow& row : answer.rejected) {
    rejected.push_back({{"line", row.line}, {"reason", row.reason}, {"text", row.text}});
  }
  const catalog::Dataset& dataset = *answer.dataset;
  return {{"dataset", dataset.name.str()},
          {"bucket", dataset.bucket.str()},
          {"snapshot", dataset.version},
          {"unchanged", answer.unchanged},
          {"format", answer.format},
          {"encoding", answer.encoding},
          {"rows", answer.rows_added},
          {"total_rows", dataset.rows()},
          {"rows_rejected", answer.rows_rejected},
          {"rejected", std::move(rejected)},
          {"columns", EncodeColumns(dataset.columns)},
          {"bytes", answer.bytes},
          {"seconds", answer.seconds},
          {"lineage", EncodeSources(dataset.sources)}};
}

}  // namespace lakehouse::gateway
