#include "storage/document_chain.h"

#include <utility>

#include "base/hash.h"
#include "base/log.h"
#include "base/strings.h"

namespace lakehouse::storage {

namespace {

constexpr int kMaxListings = 16;
constexpr int kMaxPuts = 3;

}  // namespace

std::optional<ListedVersion> ParseListedVersion(std::string_view kind, const ObjectInfo& info) {
  const std::optional<DocumentPlace> place = ParseDocumentKey(kind, info.key);
  if (!place) return std::nullopt;
  return ListedVersion{place->version, info.size_bytes, info.modified};
}

Result<bool> DocumentChain::Open() {
  for (int i = 0; i < kMaxListings; ++i) {
    ASSIGN_OR_RETURN(versions_, List());
    if (versions_.empty()) return false;
    ASSIGN_OR_RETURN(const bool found, FindNewest());
    if (found) return true;
  }
  return Unavailable("the document is written faster than it can be read: ", kind_, " ", name_);
}

Result<bool> DocumentChain::OpenListed(std::vector<ListedVersion> versions) {
  versions_ = std::move(versions);
  ASSIGN_OR_RETURN(const bool found, FindNewest());
  return found ? true : Open();
}

Result<std::vector<ListedVersion>> DocumentChain::List() const {
  ASSIGN_OR_RETURN(const std::vector<ObjectInfo> infos, store_.List(DocumentPrefix(kind_, name_)));
  std::vector<ListedVersion> versions;
  for (const ObjectInfo& info : infos) {
    const std::optional<ListedVersion> listed = ParseListedVersion(kind_, info);
    if (listed) versions.push_back(*listed);
  }
  return versions;
}

Result<bool> DocumentChain::FindNewest() {
  for (size_t i = versions_.size(); i-- > 0;) {
    Result<std::optional<LoadedVersion>> loaded = Load(versions_[i]);
    if (loaded.status().code() == StatusCode::kNotFound) return false;
    if (!loaded.ok()) return loaded.status();
    if (!*loaded) continue;
    newest_ = *std::move(*loaded);
    newest_index_ = i;
    return true;
  }
  return Internal("every version of the document is damaged: ", kind_, " ", name_);
}

Result<std::optional<LoadedVersion>> DocumentChain::Load(const ListedVersion& listed) const {
  const uint64_t version = listed.version;
  ASSIGN_OR_RETURN(const std::string bytes, store_.Get(DocumentKey(kind_, name_, version)));
  if (bytes.size() != listed.size_bytes) {
    // A version never changes, so this is a bad answer and not a damaged object.
    return Unavailable("a version of the document was read short: ", kind_, " ", name_);
  }
  Result<DocumentVersion> document = DecodeDocument(bytes);
  if (document.status().code() == StatusCode::kInvalidArgument) {
    // Whole but strange: a newer Lakehouse wrote it. An older version would be a wrong answer.
    return Internal("the document was written by another version of Lakehouse: ", kind_, " ", name_,
                    ": ", document.status().message());
  }
  std::string problem = document.status().message();
  if (document.ok() &&
      (document->kind != kind_ || document->name != name_ || document->version != version)) {
    problem = "the document belongs under another key";
  }
  if (!problem.empty()) {
    LogWarning("A damaged version of a document is passed over.",
               {{"kind", kind_}, {"name", name_}, {"version", version}, {"problem", problem}});
    return std::optional<LoadedVersion>();
  }
  return std::optional(LoadedVersion{*std::move(document), Sha256Hex(bytes)});
}

Status DocumentChain::Publish(const DocumentVersion& document) {
  const std::string bytes = EncodeDocument(document);
  TRY(DecodeDocument(bytes).status().Annotate("the document could not be read back"));
  const std::string key = DocumentKey(kind_, name_, document.version);
  Status status;
  bool absent = true;
  for (int i = 0; i < kMaxPuts && absent; ++i) status = PutOnce(key, bytes, absent);
  TRY(status);
  return ConfirmInChain(key, Sha256Hex(bytes));
}

// Sets `absent` when the version is not there although the store does not rule out that it wrote
// it, so that the same bytes may be put again.
Status DocumentChain::PutOnce(const std::string& key, const std::string& bytes, bool& absent) {
  absent = false;
  Status status = store_.Put(key, bytes, {.if_absent = true}).status();
  const bool answer_lost =
      status.code() == StatusCode::kUnavailable || status.code() == StatusCode::kCommitStateUnknown;
  if (!answer_lost && status.code() != StatusCode::kConflict) return status;
  // Also a conflict may be with ourselves, when the store repeated a request whose answer it lost.
  const Result<std::string> found = store_.Get(key);
  if (found.ok() && *found == bytes) return OkStatus();
  if (found.ok()) return Conflict("somebody else has written the document: ", kind_, " ", name_);
  if (found.status().code() == StatusCode::kNotFound) {
    absent = answer_lost;
    return status;
  }
  if (!answer_lost) return status;
  return CommitStateUnknown("the document may or may not have been written: ", kind_, " ", name_,
                            ": ", found.status().message());
}

// A writer that was held up while others wrote so often that pruning took the version it was about
// to create would succeed far below the truth. The next higher version tells: it names ours.
Status DocumentChain::ConfirmInChain(const std::string& key, const std::string& sha256) const {
  const auto later = store_.List(DocumentPrefix(kind_, name_), key);
  if (!later.ok()) {
    return CommitStateUnknown("the document may or may not have been written: ", kind_, " ", name_,
                              ": ", later.status().message());
  }
  for (const ObjectInfo& info : *later) {
    const std::optional<ListedVersion> listed = ParseListedVersion(kind_, info);
    if (!listed) continue;
    const Result<std::optional<LoadedVersion>> next = Load(*listed);
    if (next.ok() && *next && (*next)->document.previous_sha256 == sha256) return OkStatus();
    if (next.ok() && !*next) continue;
    if (next.ok()) {
      const Status removed = store_.Delete(key);  // Pruning would get it, only later.
      if (!removed.ok()) LogWarning("A late version stays for now.", {{"key", key}});
      return Conflict("the document was written meanwhile: ", kind_, " ", name_);
    }
    return CommitStateUnknown("the document may or may not have been written: ", kind_, " ", name_,
                              ": ", next.status().message());
  }
  return OkStatus();
}

void DocumentChain::Prune(size_t keep) {
  for (size_t i = 0; i + keep <= versions_.size(); ++i) {
    const Status status = store_.Delete(DocumentKey(kind_, name_, versions_[i].version));
    if (status.ok()) continue;
    LogWarning("An old version of a document could not be deleted.",
               {{"kind", kind_}, {"name", name_}, {"error", status.ToString()}});
    return;
  }
}

}  // namespace lakehouse::storage
