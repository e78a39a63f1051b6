#include <string>
#include <string_view>
#include <unordered_map>

#include "base/log.h"
#include "sql/error.internal.h"
#include "sql/lake_file_system.internal.h"

namespace lakehouse::sql {

namespace {

// Marks an exception of ThrowStorageError.
constexpr const char* kStatusKey = "lakehouse_status";

// What a caller may know of a storage failure: no address and no path, which the error journal has.
std::string Explain(const Status& error, const BucketName& bucket) {
  constexpr std::string_view kWhere = "; GET /storage/errors says why";
  switch (error.code()) {
    case StatusCode::kNotFound:
      return StrCat("it is not in bucket ", bucket);
    case StatusCode::kConflict:
      return StrCat("it was replaced in bucket ", bucket, " while it was read");
    case StatusCode::kPermissionDenied:
    case StatusCode::kUnauthenticated:
      return StrCat("bucket ", bucket, " refuses the credentials of this server", kWhere);
    case StatusCode::kInternal:
      return StrCat("it is damaged, or bucket ", bucket, " is", kWhere);
    default:
      return StrCat("bucket ", bucket, " cannot be reached", kWhere);
  }
}

// Replaces every path of one of our schemes with `name`.
std::string HidePaths(std::string text, std::string_view scheme, std::string_view name) {
  for (size_t at = text.find(scheme); at != std::string::npos; at = text.find(scheme, at)) {
    const size_t end = text.find_first_of("\"' \n\t,;)]", at);
    text.replace(at, end == std::string::npos ? end : end - at, name);
  }
  return text;
}

std::string PublicText(const duckdb::ErrorData& error) {
  return HidePaths(HidePaths(error.Message(), kLakeScheme, "the object"), kStageScheme, "the file");
}

Status FromIoError(const duckdb::ErrorData& error) {
  if (const auto marked = error.ExtraInfo().find(kStatusKey); marked != error.ExtraInfo().end()) {
    const bool damaged = marked->second == StatusCodeName(StatusCode::kInternal);
    return {damaged ? StatusCode::kInternal : StatusCode::kUnavailable, error.RawMessage()};
  }
  const std::string& text = error.RawMessage();
  if (text.find("No space left on device") != std::string::npos) {
    return ResourceExhausted("The disk is full; free space or lower sql.max_temp_bytes");
  }
  // Our file systems name files without their place; DuckDB's own texts may hold paths.
  if (text.starts_with("Cannot ")) return Unavailable(text);
  LogError("a statement could not read or write", {{"error", error.Message()}});
  return Unavailable("A file could not be read or written; the server's log says which");
}

}  // namespace

Status FromError(const duckdb::ErrorData& error, const CancelToken& cancel) {
  switch (error.Type()) {
    case duckdb::ExceptionType::INTERRUPT: {
      const Status why = cancel.Check();
      return why.ok() ? Cancelled("The statement was interrupted") : why;
    }
    case duckdb::ExceptionType::OUT_OF_MEMORY:
      LogWarning("a statement ran out of memory", {{"error", error.Message()}});
      return ResourceExhausted(
          "The statement needs more memory or temporary disk than it may use; read fewer rows or "
          "columns, or raise sql.memory_limit_bytes or sql.max_temp_bytes");
    case duckdb::ExceptionType::IO:
    case duckdb::ExceptionType::HTTP:
    case duckdb::ExceptionType::NETWORK:
      return FromIoError(error);
    case duckdb::ExceptionType::FATAL:
    case duckdb::ExceptionType::INTERNAL:
    case duckdb::ExceptionType::UNKNOWN_TYPE:
    case duckdb::ExceptionType::NULL_POINTER:
      LogError("DuckDB failed", {{"error", error.Message()}});
      return Internal("The SQL engine failed on this statement; the server's log says how");
    default:
      return InvalidArgument(PublicText(error));
  }
}

void ThrowUnavailable(const std::string& text) {
  const std::string code(StatusCodeName(StatusCode::kUnavailable));
  throw duckdb::IOException(std::unordered_map<std::string, std::string>{{kStatusKey, code}}, text);
}

void ThrowStorageError(const Status& error, const std::string& what, const BucketName& bucket) {
  LogWarning("a statement could not read an object",
             {{"bucket", bucket.str()}, {"error", error.message()}});
  const std::string code(StatusCodeName(error.code()));
  throw duckdb::IOException(std::unordered_map<std::string, std::string>{{kStatusKey, code}},
                            StrCat("Cannot ", what, ": ", Explain(error, bucket)));
}

Status FromException(const std::exception& exception, const CancelToken& cancel) {
  if (dynamic_cast<const std::bad_alloc*>(&exception) != nullptr) {
    return ResourceExhausted("The machine has no memory left for this statement");
  }
  return FromError(duckdb::ErrorData(exception), cancel);
}

}  // namespace lakehouse::sql
