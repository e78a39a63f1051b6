// Uploads.
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "base/strings.h"
#include "gateway/codecs.h"
#include "gateway/problem.h"
#include "gateway/routes.h"
#include "net/multipart.h"

namespace lakehouse::gateway {
namespace {

constexpr size_t kMaxFieldBytes = 4'096;

// The parts of one upload form.
struct UploadForm {
  std::map<std::string, std::string, std::less<>> fields;
  std::unique_ptr<ingest::SpooledFile> file;
  std::string file_name;
};

// What a browser or script calls a file may be a path of the sender; only its last part counts.
std::string LastSegment(std::string_view path) {
  const size_t slash = path.find_last_of("/\\");
  return std::string(slash == std::string_view::npos ? path : path.substr(slash + 1));
}

Status ReadField(net::MultipartReader& reader, const std::string& name, UploadForm& form) {
  if (name != "dataset" && name != "mode") {
    return InvalidArgument("unknown form field ", QuoteForMessage(name),
                           "; expected 'file', 'dataset' or 'mode'");
  }
  auto value = ReadAll(reader.body(), kMaxFieldBytes);
  if (value.status().code() == StatusCode::kResourceExhausted) {
    return InvalidArgument("form field ", QuoteForMessage(name), " is too long");
  }
  TRY(value.status());
  if (!form.fields.emplace(name, *std::move(value)).second) {
    return InvalidArgument("form field ", QuoteForMessage(name), " is given twice");
  }
  return OkStatus();
}

// Fields may come after the file, so the file is received before anything is known about it.
Result<UploadForm> ReadForm(net::MultipartReader& reader, ingest::Ingester& ingester,
                            const CancelToken& cancel) {
  UploadForm form;
  while (true) {
    ASSIGN_OR_RETURN(const std::optional<net::PartHead> part, reader.Next());
    if (!part.has_value()) break;
    if (part->name != "file") {
      TRY(ReadField(reader, part->name, form));
      continue;
    }
    if (form.file != nullptr) return InvalidArgument("form field 'file' is given twice");
    form.file_name = LastSegment(part->file_name.value_or(""));
    ASSIGN_OR_RETURN(form.file, ingester.Receive(reader.body(), cancel));
  }
  if (form.file == nullptr) return InvalidArgument("form field 'file' is missing");
  return form;
}

Result<catalog::CommitMode> ParseMode(std::string_view text) {
  if (text == "create") return catalog::CommitMode::kCreate;
  if (text == "append") return catalog::CommitMode::kAppend;
  if (text == "replace") return catalog::CommitMode::kReplace;
  return InvalidArgument("form field 'mode' must be create, append or replace, not ",
                         QuoteForMessage(text));
}

Result<ingest::IngestRequest> DecodeForm(const UploadForm& form) {
  ingest::IngestRequest request;
  request.file_name = form.file_name;
  request.content = form.file.get();
  if (const auto dataset = form.fields.find("dataset"); dataset != form.fields.end()) {
    ASSIGN_OR_RETURN(request.dataset, DatasetName::Parse(dataset->second));
  } else if (form.file_name.empty()) {
    return InvalidArgument("form field 'dataset' is missing, and the file has no name to take");
  }
  if (request.file_name.empty()) request.file_name = request.dataset->str();
  if (const auto mode = form.fields.find("mode"); mode != form.fields.end()) {
    ASSIGN_OR_RETURN(request.mode, ParseMode(mode->second));
  }
  return request;
}

Answer IngestFile(const Services& services, net::Request& request) {
  if (MediaType(request) != "multipart/form-data") {
    return ProblemResponse(415, "send the content type multipart/form-data", request.request_id);
  }
  std::optional<BucketName> bucket;
  if (const auto text = request.headers.Get("X-Lakehouse-Bucket"); text.has_value()) {
    ASSIGN_OR_RETURN(bucket, BucketName::Parse(*text));
    TRY(services.buckets->Find(*bucket).status());
  }
  ASSIGN_OR_RETURN(const auto reader,
                   net::MultipartReader::Open(*request.headers.Get("Content-Type"), *request.body));
  ASSIGN_OR_RETURN(const UploadForm form, ReadForm(*reader, *services.ingester, request.cancel));
  ASSIGN_OR_RETURN(ingest::IngestRequest ingest, DecodeForm(form));
  ingest.bucket = bucket;
  ingest.cancel = request.cancel;
  ASSIGN_OR_RETURN(const ingest::IngestAnswer answer, services.ingester->Ingest(ingest));
  return JsonResponse(EncodeIngestAnswer(answer));
}

}  // namespace

void AddIngestRoutes(RouteContext& context, net::Router& router) {
  const Services& services = context.services;
  AddRoute(router,
           {.method = net::Method::kPost,
            .pattern = "/ingest/file",
            .summary = "Takes a file into a dataset; what the file is, its content says.",
            .body = net::BodyKind::kStream,
            .fields = {{"file", "file", true, "The file."},
                       {"dataset", "string", false, "Default: made from the file's name."},
                       {"mode", "string", false, "create (default), append or replace."}},
            .headers = {{"X-Lakehouse-Bucket", "string", false, "The bucket of a new dataset."}}},
           [&services](net::Request& request) { return IngestFile(services, request); });
}

}  // namespace lakehouse::gateway
