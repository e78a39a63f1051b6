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

struct S3Lister::Query {
  std::string prefix;       // Whole, with the bucket's.
  std::string start_after;  // Whole; "" for none.
  std::string sent_prefix;  // What the server is asked for; the rest is filtered here.
  std::string sent_start;
  size_t limit = SIZE_MAX;
};

struct S3Lister::Progress {
  std::vector<ObjectInfo> objects;
  std::string last_key;  // Whole, of the last page's last object.
  bool ordered = true;
};

Result<std::vector<ObjectInfo>> S3Lister::List(std::string_view prefix,
                                               std::string_view start_after, size_t limit) const {
  if (limit == 0 || !CanBeginKey(prefix)) return std::vector<ObjectInfo>();
  // Servers disagree about a start that does not begin with the prefix.
  if (!start_after.starts_with(prefix)) {
    if (start_after > prefix) return std::vector<ObjectInfo>();
    start_after = {};
  }
  const std::string& root = client_.options().location.prefix;
  Query query;
  query.prefix = StrCat(root, prefix);
  query.sent_prefix = StrCat(root, CleanBeginning(prefix));
  query.limit = limit;
  if (!start_after.empty()) {
    query.start_after = StrCat(root, start_after);
    std::string_view clean = CleanBeginning(start_after);
    while (clean.ends_with('/')) clean.remove_suffix(1);
    if (clean.size() > prefix.size()) query.sent_start = StrCat(root, clean);
  }
  if (!unordered_.load(std::memory_order_relaxed)) {
    bool ordered = true;
    ASSIGN_OR_RETURN(std::vector<ObjectInfo> objects, ListOrdered(query, ordered));
    if (ordered) return objects;
    if (!unordered_.exchange(true)) {
      LogWarning("the server does not list in the order of bytes; listings read all of a prefix",
                 {{"bucket", client_.options().location.ToString()}});
    }
  }
  return ListUnordered(query);
}

Result<S3ListPage> S3Lister::Page(const Query& query, const std::string& token) const {
  S3ListPage page;
  S3Request request;
  request.operation = S3Operation::kListObjects;
  request.query = {{"list-type", "2"}, {"encoding-type", "url"}};
  if (!query.sent_prefix.empty()) request.query.emplace_back("prefix", query.sent_prefix);
  if (!token.empty()) {
    request.query.emplace_back("continuation-token", token);
  } else if (!query.sent_start.empty()) {
    request.query.emplace_back("start-after", query.sent_start);
  }
  if (query.limit < kMaxPageKeys) request.query.emplace_back("max-keys", StrCat(query.limit));
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

void S3Lister::TakePage(const Query& query, S3ListPage page, Progress& progress) const {
  const std::string& root = client_.options().location.prefix;
  size_t foreign = 0;
  std::string example;
  for (ObjectInfo& object : page.objects) {
    if (!progress.last_key.empty() && object.key <= progress.last_key) progress.ordered = false;
    progress.last_key = object.key;
    if (!object.key.starts_with(query.prefix) || object.key <= query.start_after) continue;
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

Result<std::vector<ObjectInfo>> S3Lister::ListOrdered(const Query& query, bool& ordered) const {
  Progress progress;
  std::string token;
  while (true) {
    ASSIGN_OR_RETURN(S3ListPage page, Page(query, token));
    const bool more = page.truncated;
    token = page.next_token;
    TakePage(query, std::move(page), progress);
    ordered = progress.ordered;
    if (!more || !ordered || progress.objects.size() >= query.limit) break;
  }
  if (progress.objects.size() > query.limit) progress.objects.resize(query.limit);
  return std::move(progress.objects);
}

Result<std::vector<ObjectInfo>> S3Lister::ListUnordered(const Query& query) const {
  Query everything = query;
  everything.sent_start.clear();
  everything.limit = SIZE_MAX;
  Progress progress;
  std::string token;
  bool more = true;
  while (more) {
    ASSIGN_OR_RETURN(S3ListPage page, Page(everything, token));
    more = page.truncated;
    token = page.next_token;
    TakePage(query, std::move(page), progress);
  }
  std::vector<ObjectInfo>& objects = progress.objects;
  const auto key_of = [](const ObjectInfo& object) -> const std::string& { return object.key; };
  std::ranges::sort(objects, {}, key_of);
  const auto repeated = std::ranges::unique(objects, {}, key_of);
  objects.erase(repeated.begin(), repeated.end());
  if (objects.size() > query.limit) objects.resize(query.limit);
  return std::move(objects);
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
