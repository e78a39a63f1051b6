#include "storage/s3/s3_lister.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/strings.h"

namespace lakehouse::storage {
namespace {

constexpr size_t kMaxPageKeys = 1000;

// The longest beginning of `text` that a key could begin with, and that every server takes as it
// is: gateways normalise empty, "." and ".." segments, and UTF-8 may be cut anywhere.
std::string_view CleanBeginning(std::string_view text) {
  size_t end = 0;
  while (end < text.size() && text[end] != '\0' && text[end] != '\\') {
    const size_t length = Utf8SequenceLength(text.substr(end));
    if (length == 0) break;
    end += length;
  }
  text = text.substr(0, end);
  size_t segment = 0;
  while (segment <= text.size()) {
    const size_t slash = std::min(text.find('/', segment), text.size());
    const std::string_view name = text.substr(segment, slash - segment);
    const bool bad = name == "." || name == ".." || (name.empty() && slash < text.size());
    if (bad) return text.substr(0, segment);
    segment = slash + 1;
  }
  return text;
}

// True when some key may begin so.
bool CanBeginKey(std::string_view prefix) {
  const std::string_view clean = CleanBeginning(prefix);
  if (clean == prefix) return true;
  const std::string_view rest = prefix.substr(clean.size());
  // A cut character or a "." at the very end may still become part of a key.
  return rest == "." || rest == ".." ||
         (rest.find_first_of("/\\") == std::string_view::npos &&
          rest.find('\0') == std::string_view::npos && rest.size() < 4 &&
          Utf8SequenceLength(rest) == 0);
}

}  // namespace

// A part of the keys: those that begin with `prefix` and sort after `start`.
struct S3Lister::Span {
  std::string prefix;
  std::string start;  // "" for none.
  // The key that is only just in the span, though it does not sort after `start`; "" for none.
  std::string first_key;
};

struct S3Lister::Filter {
  std::string prefix;       // Whole, with the bucket's.
  std::string start_after;  // Whole; "" for none.
};

struct S3Lister::Progress {
  std::vector<ObjectInfo> objects;
  std::string last_key;  // Whole, of the last object that the server named.
  bool ordered = true;
};

// Divides what sorts after `start` into spans whose starts lie in the directory that their prefix
// names. MinIO ends a listing early, and says that it is complete, when many keys sort between a
// directory of the start and the directory's "/", as those below "a-b/" do for "a/x".
std::vector<S3Lister::Span> S3Lister::Divide(const std::string& prefix, const std::string& start) {
  std::vector<Span> spans;
  const auto directory_of = [&](size_t end) {
    const size_t slash = end == 0 ? std::string::npos : start.rfind('/', end - 1);
    return slash == std::string::npos || slash < prefix.size() ? prefix
                                                               : start.substr(0, slash + 1);
  };
  spans.push_back({.prefix = directory_of(start.size()), .start = start, .first_key = ""});
  for (size_t slash = start.rfind('/'); slash != std::string::npos && slash >= prefix.size();
       slash = slash == 0 ? std::string::npos : start.rfind('/', slash - 1)) {
    // The next text of the same length after all keys below the directory: "0" follows "/".
    const std::string after = start.substr(0, slash) + "0";
    spans.push_back({.prefix = directory_of(slash), .start = after, .first_key = after});
  }
  return spans;
}

Result<std::vector<ObjectInfo>> S3Lister::List(std::string_view prefix,
                                               std::string_view start_after, size_t limit) const {
  if (limit == 0 || !CanBeginKey(prefix)) return std::vector<ObjectInfo>();
  // Servers disagree about a start that does not begin with the prefix.
  if (!start_after.starts_with(prefix)) {
    if (start_after > prefix) return std::vector<ObjectInfo>();
    start_after = {};
  }
  const std::string& root = client_.options().location.prefix;
  Filter filter;
  filter.prefix = StrCat(root, prefix);
  if (!start_after.empty()) filter.start_after = StrCat(root, start_after);
  const std::string sent_prefix = StrCat(root, CleanBeginning(prefix));
  std::string_view start = CleanBeginning(start_after);
  while (start.ends_with('/')) start.remove_suffix(1);
  std::vector<Span> spans = {{.prefix = sent_prefix, .start = "", .first_key = ""}};
  if (start.size() > prefix.size()) spans = Divide(sent_prefix, StrCat(root, start));

  Progress progress;
  if (!unordered_.load(std::memory_order_relaxed)) {
    for (const Span& span : spans) {
      if (progress.objects.size() < limit) TRY(ListOrdered(span, filter, limit, progress));
    }
    if (!progress.ordered && !unordered_.exchange(true)) {
      LogWarning("the server does not list in the order of bytes; listings read all of a prefix",
                 {{"bucket", client_.options().location.ToString()}});
    }
  }
  if (unordered_.load(std::memory_order_relaxed)) {
    progress = {};
    TRY(ListUnordered(sent_prefix, filter, progress));
  }
  if (progress.objects.size() > limit) progress.objects.resize(limit);
  return std::move(progress.objects);
}

Result<S3ListPage> S3Lister::Page(const Span& span, const std::string& token, size_t limit) const {
  S3ListPage page;
  S3Request request;
  request.operation = S3Operation::kListObjects;
  request.query = {{"list-type", "2"}, {"encoding-type", "url"}};
  if (!span.prefix.empty()) request.query.emplace_back("prefix", span.prefix);
  if (!token.empty()) {
    request.query.emplace_back("continuation-token", token);
  } else if (!span.start.empty()) {
    request.query.emplace_back("start-after", span.start);
  }
  if (limit < kMaxPageKeys) request.query.emplace_back("max-keys", StrCat(limit));
  request.check = [&](const net::ClientResponse& answer) -> Status {
    ASSIGN_OR_RETURN(page, ParseListObjects(answer.body));
    if (page.truncated && page.next_token == token) {
      return Unavailable("the server's listing does not advance");
    }
    return OkStatus();
  };
  TRY(client_.Send(std::move(request)).status);
  return page;
}

void S3Lister::TakePage(const Filter& filter, S3ListPage page, Progress& progress) const {
  const std::string& root = client_.options().location.prefix;
  size_t foreign = 0;
  std::string example;
  for (ObjectInfo& object : page.objects) {
    if (!progress.last_key.empty() && object.key <= progress.last_key) progress.ordered = false;
    progress.last_key = object.key;
    if (!object.key.starts_with(filter.prefix) || object.key <= filter.start_after) continue;
    std::string key = object.key.substr(root.size());
    if (!CheckKey(key).ok()) {
      if (foreign++ == 0) example = std::move(key);
      continue;
    }
    object.key = std::move(key);
    progress.objects.push_back(std::move(object));
  }
  if (foreign > 0) {
    LogWarning("a listing leaves out keys that Lakehouse cannot have",
               {{"bucket", client_.options().location.ToString()},
                {"keys", foreign},
                {"first", QuoteForMessage(example)}});
  }
}

Status S3Lister::ListOrdered(const Span& span, const Filter& filter, size_t limit,
                             Progress& progress) const {
  if (!span.first_key.empty()) {
    const Span first = {.prefix = span.first_key, .start = "", .first_key = ""};
    ASSIGN_OR_RETURN(S3ListPage page, Page(first, "", 1));
    std::erase_if(page.objects,
                  [&](const ObjectInfo& object) { return object.key != span.first_key; });
    TakePage(filter, std::move(page), progress);
  }
  std::string token;
  bool more = true;
  while (more && progress.ordered && progress.objects.size() < limit) {
    ASSIGN_OR_RETURN(S3ListPage page, Page(span, token, limit - progress.objects.size()));
    more = page.truncated;
    token = page.next_token;
    TakePage(filter, std::move(page), progress);
  }
  return OkStatus();
}

Status S3Lister::ListUnordered(const std::string& prefix, const Filter& filter,
                               Progress& progress) const {
  const Span everything = {.prefix = prefix, .start = "", .first_key = ""};
  std::string token;
  bool more = true;
  while (more) {
    ASSIGN_OR_RETURN(S3ListPage page, Page(everything, token, SIZE_MAX));
    more = page.truncated;
    token = page.next_token;
    TakePage(filter, std::move(page), progress);
  }
  std::vector<ObjectInfo>& objects = progress.objects;
  const auto key_of = [](const ObjectInfo& object) -> const std::string& { return object.key; };
  std::ranges::sort(objects, {}, key_of);
  const auto repeated = std::ranges::unique(objects, {}, key_of);
  objects.erase(repeated.begin(), repeated.end());
  return OkStatus();
}

Result<std::vector<S3Upload>> S3Lister::ListUploads() const {
  std::vector<S3Upload> uploads;
  S3UploadPage page;
  do {
    S3Request request;
    request.operation = S3Operation::kListUploads;
    request.query = {{"uploads", ""}, {"encoding-type", "url"}};
    const std::string& prefix = client_.options().location.prefix;
    if (!prefix.empty()) request.query.emplace_back("prefix", prefix);
    const std::string key_marker = page.next_key;
    const std::string id_marker = page.next_upload_id;
    if (page.truncated) {
      request.query.emplace_back("key-marker", key_marker);
      if (!id_marker.empty()) request.query.emplace_back("upload-id-marker", id_marker);
    }
    request.check = [&](const net::ClientResponse& answer) -> Status {
      ASSIGN_OR_RETURN(page, ParseListUploads(answer.body));
      if (page.truncated && page.next_key == key_marker && page.next_upload_id == id_marker) {
        return Unavailable("the server's list of uploads does not advance");
      }
      return OkStatus();
    };
    TRY(client_.Send(std::move(request)).status);
    for (S3Upload& upload : page.uploads) {
      if (upload.key.starts_with(prefix)) uploads.push_back(std::move(upload));
    }
  } while (page.truncated);
  return uploads;
}

}  // namespace lakehouse::storage
