// Raw objects of a bucket.
#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <optional>
#include <utility>

#include "base/strings.h"
#include "gateway/codecs.h"
#include "gateway/http_range.h"
#include "gateway/routes.h"
#include "storage/object_reader.h"

namespace lakehouse::gateway {
namespace {

constexpr size_t kReadBytes = 1 << 20;

struct ObjectPlace {
  BucketName bucket;
  std::string key;
};

Result<ObjectPlace> PlaceOf(const net::Request& request) {
  ASSIGN_OR_RETURN(BucketName bucket, BucketName::Parse(request.path_params.at("bucket")));
  const std::string& key = request.path_params.at("key");
  TRY(storage::CheckKey(key));
  return ObjectPlace{std::move(bucket), key};
}

// What Lakehouse keeps itself is read by anybody and written by nobody else: a catalog document
// that a client put there would be taken for the truth. The rescue bucket takes copies of data.
Status CheckMayWrite(const Services& services, const ObjectPlace& place) {
  constexpr std::array<std::string_view, 3> kCatalog = {"_catalog/", "_journal/", "staging/"};
  constexpr std::array<std::string_view, 2> kData = {"data/", "vectors/"};
  const auto is_below = [&place](std::string_view prefix) { return place.key.starts_with(prefix); };
  const bool rescue = services.buckets->rescue() == place.bucket;
  if (std::any_of(kCatalog.begin(), kCatalog.end(), is_below) ||
      (!rescue && std::any_of(kData.begin(), kData.end(), is_below))) {
    return PermissionDenied(
        "keys below _catalog/, _journal/, staging/, data/ and vectors/ are written by Lakehouse "
        "alone; take another key, or ingest the file. The key is: ",
        place.key);
  }
  return OkStatus();
}

std::string QuotedVersion(const storage::ObjectInfo& object) {
  return StrCat("\"", object.version, "\"");
}

// If-None-Match: * and If-Match: "version" (RFC 9110 section 13.1).
Result<storage::PutCondition> ConditionOf(const net::Request& request) {
  storage::PutCondition condition;
  if (const auto value = request.headers.Get("If-None-Match"); value.has_value()) {
    if (TrimWhitespace(*value) != "*") {
      return InvalidArgument("If-None-Match of a write must be *, not: ", *value);
    }
    condition.if_absent = true;
  }
  if (const auto value = request.headers.Get("If-Match"); value.has_value()) {
    std::string_view version = TrimWhitespace(*value);
    if (version.size() < 2 || version.front() != '"' || version.back() != '"') {
      return InvalidArgument("If-Match must be one quoted version, not: ", *value);
    }
    condition.if_version = std::string(version.substr(1, version.size() - 2));
  }
  return condition;
}

// Streams `length` bytes from `offset`.
net::BodyProducer StreamOf(std::shared_ptr<const storage::ObjectReader> reader, uint64_t offset,
                           uint64_t length) {
  return [reader = std::move(reader), offset, length](const net::BodyWriter& write) -> Status {
    std::string buffer(std::min<uint64_t>(length, kReadBytes), '\0');
    for (uint64_t done = 0; done < length;) {
      const size_t wanted = std::min<uint64_t>(length - done, buffer.size());
      ASSIGN_OR_RETURN(const size_t got, reader->ReadAt(offset + done, buffer.data(), wanted));
      if (got == 0) return Internal("the object ended before its size: ", reader->info().key);
      TRY(write(std::string_view(buffer.data(), got)));
      done += got;
    }
    return OkStatus();
  };
}

Answer GetObject(const Services& services, const net::Request& request) {
  ASSIGN_OR_RETURN(const ObjectPlace place, PlaceOf(request));
  storage::RescueTrace trace;
  ASSIGN_OR_RETURN(std::unique_ptr<storage::ObjectReader> opened,
                   storage::ObjectReader::Open(*services.buckets, place.bucket, place.key,
                                               {.write_once = false, .trace = &trace}));
  const std::shared_ptr<const storage::ObjectReader> reader = std::move(opened);
  const storage::ObjectInfo& info = reader->info();
  net::Response response;
  response.headers.Set("Content-Type", "application/octet-stream");
  response.headers.Set("Accept-Ranges", "bytes");
  response.headers.Set("ETag", QuotedVersion(info));
  response.headers.Set("Last-Modified", net::FormatHttpDate(info.modified));
  if (const std::string used = trace.ToHeader(); !used.empty()) {
    response.headers.Set(kRescueHeader, used);
  }
  uint64_t offset = 0;
  uint64_t length = info.size_bytes;
  const auto header = request.headers.Get("Range");
  const RangeAnswer range = ResolveRange(header.value_or(""), info.size_bytes);
  if (range.kind == RangeAnswer::Kind::kUnsatisfiable) {
    net::Response refused = ProblemResponse(
        416, StrCat("the range lies behind the object's end, its bytes are: ", info.size_bytes),
        request.request_id);
    refused.headers.Set("Content-Range", StrCat("bytes */", info.size_bytes));
    return refused;
  }
  if (range.kind == RangeAnswer::Kind::kPart) {
    offset = range.first;
    length = range.last - range.first + 1;
    response.status = 206;
    response.headers.Set("Content-Range",
                         StrCat("bytes ", range.first, "-", range.last, "/", info.size_bytes));
  }
  response.stream = StreamOf(reader, offset, length);
  response.stream_bytes = length;
  return response;
}

Answer PutObject(const Services& services, net::Request& request) {
  ASSIGN_OR_RETURN(const ObjectPlace place, PlaceOf(request));
  TRY(CheckMayWrite(services, place));
  ASSIGN_OR_RETURN(const storage::PutCondition condition, ConditionOf(request));
  ASSIGN_OR_RETURN(storage::ObjectStore * store, services.buckets->Find(place.bucket));
  ASSIGN_OR_RETURN(const std::unique_ptr<ingest::SpooledFile> file,
                   services.ingester->Receive(*request.body, request.cancel));
  ASSIGN_OR_RETURN(const storage::ObjectInfo info,
                   store->PutFile(place.key, file->path, condition));
  Json body = EncodeObject(info);
  body["bucket"] = place.bucket.str();
  net::Response response = JsonResponse(body);
  response.headers.Set("ETag", QuotedVersion(info));
  return response;
}

Answer DeleteObject(const Services& services, const net::Request& request) {
  ASSIGN_OR_RETURN(const ObjectPlace place, PlaceOf(request));
  TRY(CheckMayWrite(services, place));
  ASSIGN_OR_RETURN(storage::ObjectStore * store, services.buckets->Find(place.bucket));
  TRY(store->Head(place.key).status());
  TRY(store->Delete(place.key));
  return JsonResponse({{"bucket", place.bucket.str()}, {"key", place.key}, {"deleted", true}});
}

Answer ListObjects(const Services& services, const net::Request& request) {
  ASSIGN_OR_RETURN(const BucketName bucket, BucketName::Parse(request.path_params.at("bucket")));
  ASSIGN_OR_RETURN(const storage::ObjectStore* store, services.buckets->Find(bucket));
  ASSIGN_OR_RETURN(const size_t limit, PageLimit(request));
  const std::string prefix = request.QueryParam("prefix").value_or("");
  const std::string cursor = request.QueryParam("cursor").value_or("");
  ASSIGN_OR_RETURN(const std::vector<storage::ObjectInfo> objects,
                   store->List(prefix, cursor, limit + 1));
  Json items = Json::array();
  for (const storage::ObjectInfo& object : objects) {
    if (items.size() < limit) items.push_back(EncodeObject(object));
  }
  const Json next = objects.size() > limit ? Json(objects[limit - 1].key) : Json();
  return JsonResponse({{"items", std::move(items)}, {"next_cursor", next}});
}

}  // namespace

void AddObjectRoutes(RouteContext& context, net::Router& router) {
  const Services& services = context.services;
  const std::string pattern = "/storage/buckets/{bucket}/objects/{key:path}";
  std::vector<net::RouteField> list_query = PageFields();
  list_query.push_back({"prefix", "string", false, "Only keys that begin with it."});
  AddRoute(router,
           {.method = net::Method::kGet,
            .pattern = "/storage/buckets/{bucket}/objects",
            .summary = "Lists the objects of a bucket in the order of their keys.",
            .query = std::move(list_query)},
           [&services](net::Request& request) { return ListObjects(services, request); });
  AddRoute(router,
           {.method = net::Method::kGet,
            .pattern = pattern,
            .summary = "Reads an object or a range of it, from the rescue bucket where its own "
                       "fails.",
            .headers = {{"Range", "string", false, "One range: bytes=FIRST-LAST."}}},
           [&services](net::Request& request) { return GetObject(services, request); });
  AddRoute(router,
           {.method = net::Method::kPut,
            .pattern = pattern,
            .summary = "Writes an object, whole or not at all.",
            .body = net::BodyKind::kStream,
            .headers = {{"If-None-Match", "string", false, "*: only if the key holds nothing."},
                        {"If-Match", "string", false, "Only if the key holds this version."}}},
           [&services](net::Request& request) { return PutObject(services, request); });
  AddRoute(router,
           {.method = net::Method::kDelete, .pattern = pattern, .summary = "Deletes an object."},
           [&services](net::Request& request) { return DeleteObject(services, request); });
}

}  // namespace lakehouse::gateway
