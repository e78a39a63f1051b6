#include "ingest/ingester.h"

#include <algorithm>
#include <string>
#include <utility>

#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/rng.h"
#include "base/strings.h"
#include "catalog/object_copier.h"
#include "ingest/dataset_name.h"
#include "ingest/dataset_writer.h"
#include "ingest/row_source.h"
#include "ingest/text_staging.h"
#include "ingest/upload.h"
#include "ingest/work_files.h"

namespace lakehouse::ingest {
namespace {

constexpr size_t kReceiveBytes = 256 << 10;
constexpr int kCommitAttempts = 5;

using catalog::CommitMode;
using catalog::DatasetPtr;

bool SameColumns(const std::vector<catalog::Column>& a, const std::vector<catalog::Column>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const catalog::Column& x, const catalog::Column& y) {
                      return x.name == y.name && x.type == y.type;
                    });
}

// The source record of the same bytes, when taking them again would change nothing.
const catalog::SourceRecord* SameBytes(const DatasetPtr& existing, const IngestRequest& request) {
  if (existing == nullptr) return nullptr;
  if (request.mode != CommitMode::kAppend && existing->sources.size() != 1) return nullptr;
  for (const catalog::SourceRecord& source : existing->sources) {
    if (source.sha256 == request.content->sha256) return &source;
  }
  return nullptr;
}

Status ExistsError(const DatasetName& name) {
  return Conflict("the dataset exists with other rows; choose mode append or replace: ", name);
}

// What one ingest knows on its way.
struct Task {
  const IngestRequest& request;
  DatasetName name;
  DatasetPtr existing;  // Null when the dataset does not exist.
  BucketName bucket;
};

class FileIngester : public Ingester {
 public:
  FileIngester(const Options& options, std::unique_ptr<WorkDirectory> directory)
      : options_(options),
        directory_(std::move(directory)),
        rows_(options.metrics->GetCounter("lakehouse_ingest_rows_total", "Rows ingested.")),
        rejected_(options.metrics->GetCounter("lakehouse_ingest_rejected_rows_total",
                                              "Rows of uploads that could not be taken.")),
        bytes_(options.metrics->GetCounter("lakehouse_ingest_bytes_total",
                                           "Bytes of the files ingested.")),
        seconds_(options.metrics->GetHistogram("lakehouse_ingest_seconds",
                                               "Time from received file to commit.")) {}

  Result<std::unique_ptr<SpooledFile>> Receive(ByteSource& content,
                                               const CancelToken& cancel) override {
    auto file = std::make_unique<SpooledFile>(directory_->NewPath(".upload"));
    ASSIGN_OR_RETURN(const auto writer, WorkWriter::Create(*directory_, file->path));
    Sha256 hash;
    std::string buffer(kReceiveBytes, '\0');
    while (true) {
      TRY(cancel.Check());
      ASSIGN_OR_RETURN(const size_t size, content.Read(buffer));
      if (size == 0) break;
      const std::string_view piece(buffer.data(), size);
      hash.Update(piece);
      TRY(writer->Append(piece));
    }
    TRY(writer->Finish());
    file->size_bytes = writer->size_bytes();
    file->sha256 = hash.FinishHex();
    return file;
  }

  Result<IngestAnswer> Ingest(const IngestRequest& request) override {
    const int64_t start_micros = Clock::System().MonotonicMicros();
    auto answer = IngestTimed(request);
    const int64_t micros = Clock::System().MonotonicMicros() - start_micros;
    if (answer.ok()) {
      answer->seconds = static_cast<double>(micros) / 1e6;
      answer->bytes = request.content->size_bytes;
    }
    Record(request, answer, static_cast<double>(micros) / 1e6);
    return answer;
  }

 private:
  Result<IngestAnswer> IngestTimed(const IngestRequest& request) {
    ASSIGN_OR_RETURN(const DatasetName name, request.dataset ? Result<DatasetName>(*request.dataset)
                                                             : DatasetNameFor(request.file_name));
    ASSIGN_OR_RETURN(const DatasetPtr existing, options_.catalog->GetOrNull(name));
    if (const auto* source = SameBytes(existing, request)) return Unchanged(existing, *source);
    if (existing != nullptr && request.mode == CommitMode::kCreate) return ExistsError(name);
    ASSIGN_OR_RETURN(const BucketName bucket, ChooseBucket(request, existing));
    // Parquet is smaller than text by far; a copy in strict form may be needed beside it.
    TRY(directory_->CheckFreeDisk(request.content->size_bytes / 2));
    return Convert({request, name, existing, bucket});
  }

  Result<BucketName> ChooseBucket(const IngestRequest& request, const DatasetPtr& existing) const {
    if (existing != nullptr) {
      if (request.bucket && *request.bucket != existing->bucket) {
        return InvalidArgument("dataset ", existing->name, " lies in bucket ", existing->bucket,
                               ", it cannot be written to bucket ", *request.bucket);
      }
      return existing->bucket;
    }
    if (!request.bucket) return BucketName::Parse("primary");
    TRY(options_.buckets->Find(*request.bucket).status());
    return *request.bucket;
  }

  static IngestAnswer Unchanged(const DatasetPtr& dataset, const catalog::SourceRecord& source) {
    IngestAnswer answer;
    answer.dataset = dataset;
    answer.unchanged = true;
    answer.format = source.format;
    return answer;
  }

  Result<IngestAnswer> Convert(const Task& task) {
    const IngestRequest& request = task.request;
    const StagingContext context{options_.config, *directory_, request.cancel};
    ASSIGN_OR_RETURN(StagedUpload upload,
                     StageUpload(request.content->path, request.file_name, context));
    ASSIGN_OR_RETURN(const auto session, options_.engine->NewSession());
    ASSIGN_OR_RETURN(const RowSource source,
                     DescribeUpload(upload, request.content->path, *session, request.cancel));
    const bool appends = task.existing != nullptr && request.mode == CommitMode::kAppend;
    std::vector<TargetColumn> targets;
    if (appends) {
      ASSIGN_OR_RETURN(targets, ColumnsForAppend(source, *task.existing, *session, request.cancel));
    } else {
      targets = ColumnsForNew(source);
    }
    ASSIGN_OR_RETURN(const WrittenFile written,
                     WriteRows(source, targets, *directory_, *session, request.cancel));
    if (appends && !SameColumns(written.columns, task.existing->columns)) {
      return Internal("the rows were written with other types than the dataset's");
    }
    IngestAnswer answer;
    answer.format = FormatName(upload.format);
    answer.encoding = upload.parquet ? "" : std::string(EncodingName(upload.encoding));
    answer.rows_added = source.rows;
    answer.rows_rejected = upload.rejects.count;
    answer.rejected = std::move(upload.rejects.first);
    TRY(Publish(task, written, answer));
    return answer;
  }

  // Stores the file and commits it. Sets answer.dataset.
  Status Publish(const Task& task, const WrittenFile& written, IngestAnswer& answer) {
    TRY(task.request.cancel.Check());
    ASSIGN_OR_RETURN(storage::ObjectStore * store, options_.buckets->Find(task.bucket));
    catalog::DatasetCommit commit{.name = task.name, .bucket = task.bucket};
    commit.mode = task.request.mode;
    commit.columns = written.columns;
    commit.source = {.kind = "file",
                     .name = std::string(BaseName(task.request.file_name)),
                     .format = answer.format,
                     .sha256 = task.request.content->sha256,
                     .size_bytes = task.request.content->size_bytes,
                     .rows = answer.rows_added,
                     .at = Clock::System().Now()};
    const bool adds_file = answer.rows_added > 0 || task.existing == nullptr ||
                           task.request.mode == CommitMode::kReplace;
    if (adds_file) {
      const std::string key =
          StrCat(catalog::Catalog::DataPrefix(task.name), NewUuid(Clock::System()), ".parquet");
      TRY(store->PutFile(key, written.path->str(), {.if_absent = true}).status());
      commit.files.push_back({key, written.size_bytes, answer.rows_added, written.crc32c});
    }
    const Status status = Commit(task, commit, answer);
    // The dataset may have moved meanwhile, and the file with it.
    ASSIGN_OR_RETURN(store, options_.buckets->Find(commit.bucket));
    // After any other error the commit may have happened, and garbage collection decides.
    const bool certainly_unused = answer.unchanged || status.code() == StatusCode::kConflict ||
                                  status.code() == StatusCode::kInvalidArgument;
    if (certainly_unused && adds_file) {
      if (const Status removed = store->Delete(commit.files[0].key); !removed.ok()) {
        LogWarning("an unused data file is left to garbage collection",
                   {{"key", commit.files[0].key}, {"error", removed.ToString()}});
      }
    }
    return status;
  }

  // Commits on top of whatever others commit meanwhile, as far as the rows still mean the same.
  Status Commit(const Task& task, catalog::DatasetCommit& commit, IngestAnswer& answer) {
    DatasetPtr base = task.existing;
    for (int attempt = 1;; ++attempt) {
      commit.expected_version = base == nullptr ? 0 : base->version;
      auto published = options_.catalog->Commit(commit);
      if (published.ok()) {
        answer.dataset = *std::move(published);
        return OkStatus();
      }
      if (published.status().code() != StatusCode::kConflict) return published.status();
      ASSIGN_OR_RETURN(const DatasetPtr current, options_.catalog->GetOrNull(task.name));
      if (const auto* source = SameBytes(current, task.request)) {
        answer = Unchanged(current, *source);
        return OkStatus();
      }
      if (attempt == kCommitAttempts || !MayRebase(task, base, current, commit)) {
        return published.status();
      }
      if (current->bucket != commit.bucket) TRY(Follow(*current, task.request.cancel, commit));
      base = current;
    }
  }

  // Takes the commit's files to the bucket that the dataset has moved to.
  Status Follow(const catalog::Dataset& dataset, const CancelToken& cancel,
                catalog::DatasetCommit& commit) {
    catalog::ObjectCopier copier(*options_.buckets, {.from = commit.bucket,
                                                     .to = dataset.bucket,
                                                     .work_dir = options_.work_dir,
                                                     .cancel = cancel,
                                                     .on_bytes = {}});
    for (const catalog::DataFile& file : commit.files) {
      TRY(copier.Copy({file.key, file.size_bytes, file.crc32c}));
    }
    // The copies left behind are named by nobody: garbage collection takes them.
    commit.bucket = dataset.bucket;
    return OkStatus();
  }

  static bool MayRebase(const Task& task, const DatasetPtr& base, const DatasetPtr& current,
                        const catalog::DatasetCommit& commit) {
    if (current == nullptr) return false;
    if (task.request.mode == CommitMode::kAppend) {
      return SameColumns(current->columns, commit.columns);
    }
    // Only marks changed, not the rows that the caller decided to replace.
    return base != nullptr && task.request.mode == CommitMode::kReplace &&
           current->snapshot == base->snapshot;
  }

  void Record(const IngestRequest& request, const Result<IngestAnswer>& answer, double seconds) {
    const std::string_view outcome = !answer.ok()        ? StatusCodeName(answer.status().code())
                                     : answer->unchanged ? "unchanged"
                                                         : "ok";
    options_.metrics
        ->GetCounter("lakehouse_ingest_files_total", "Files sent to ingest, by outcome.",
                     {{"outcome", std::string(outcome)}})
        .Add();
    if (!answer.ok()) {
      LogInfo("a file was not ingested",
              {{"bytes", request.content->size_bytes}, {"outcome", outcome}});
      return;
    }
    seconds_.Observe(seconds);
    if (answer->unchanged) return;
    rows_.Add(answer->rows_added);
    rejected_.Add(answer->rows_rejected);
    bytes_.Add(answer->bytes);
    LogInfo("a file was ingested", {{"dataset", answer->dataset->name},
                                    {"format", answer->format},
                                    {"rows", answer->rows_added},
                                    {"rejected", answer->rows_rejected},
                                    {"bytes", answer->bytes},
                                    {"seconds", seconds}});
  }

  const Options options_;
  const std::unique_ptr<WorkDirectory> directory_;
  Counter& rows_;
  Counter& rejected_;
  Counter& bytes_;
  Histogram& seconds_;
};

}  // namespace

SpooledFile::~SpooledFile() { ::unlink(path.c_str()); }

Result<std::unique_ptr<Ingester>> Ingester::Open(const Options& options) {
  ASSIGN_OR_RETURN(auto directory,
                   WorkDirectory::Open(options.work_dir,
                                       static_cast<uint64_t>(options.config.min_free_disk_bytes)));
  return std::make_unique<FileIngester>(options, std::move(directory));
}

}  // namespace lakehouse::ingest
