#include "ingest/upload.h"

#include <utility>

#include "ingest/csv_sniffer.h"
#include "ingest/json_staging.h"
#include "ingest/mapped_file.h"
#include "ingest/text_staging.h"

namespace lakehouse::ingest {
namespace {

Status StageText(std::string_view text, const std::string& path, const std::string& file_name,
                 const StagingContext& context, StagedUpload& upload) {
  ASSIGN_OR_RETURN(const TextFormat found, DetectTextFormat(text, file_name));
  upload.format = found.format;
  switch (found.format) {
    case FileFormat::kCsv:
    case FileFormat::kTsv: {
      ASSIGN_OR_RETURN(upload.table, StageCsv(text, path, found.csv, context, upload.rejects));
      return OkStatus();
    }
    case FileFormat::kJson:
    case FileFormat::kNdjson: {
      ASSIGN_OR_RETURN(upload.table, StageJson(text, found.json_layout, context, upload.rejects));
      return OkStatus();
    }
    case FileFormat::kText:
    case FileFormat::kMarkdown: {
      ASSIGN_OR_RETURN(upload.table, StageText(text, found.format, file_name, context));
      return OkStatus();
    }
    case FileFormat::kParquet:
      break;
  }
  return Internal("a text was taken for Parquet");
}

}  // namespace

Result<StagedUpload> StageUpload(const std::string& path, const std::string& file_name,
                                 const StagingContext& context) {
  StagedUpload upload;
  ASSIGN_OR_RETURN(const MappedFile original, MappedFile::Open(path));
  if (original.bytes().empty()) return InvalidArgument("the file is empty");
  ASSIGN_OR_RETURN(const bool is_parquet, IsParquet(original.bytes()));
  if (is_parquet) {
    upload.format = FileFormat::kParquet;
    ASSIGN_OR_RETURN(upload.parquet, CheckParquet(original.bytes()));
    TRY(CheckColumnNames(upload.parquet->columns, "the Parquet schema",
                         static_cast<size_t>(context.config.max_columns)));
    return upload;
  }
  ASSIGN_OR_RETURN(upload.encoding, DetectEncoding(original.bytes(), context.cancel));
  if (upload.encoding == Encoding::kUtf8) {
    const size_t mark = ByteOrderMarkSize(original.bytes(), Encoding::kUtf8);
    TRY(StageText(original.bytes().substr(mark), path, file_name, context, upload));
    return upload;
  }
  upload.transcoded = std::make_unique<WorkPath>(context.directory.NewPath(".utf8"));
  const std::string& utf8_path = upload.transcoded->str();
  TRY(TranscodeToUtf8(original.bytes(), upload.encoding, context.directory, utf8_path,
                      context.cancel));
  ASSIGN_OR_RETURN(const MappedFile utf8, MappedFile::Open(utf8_path));
  TRY(CheckText(utf8.bytes(), context.cancel));
  TRY(StageText(utf8.bytes(), utf8_path, file_name, context, upload));
  return upload;
}

}  // namespace lakehouse::ingest
