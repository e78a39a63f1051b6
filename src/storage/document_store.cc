#include "storage/document_store.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <map>
#include <optional>
#include <thread>
#include <utility>

#include "base/ids.h"
#include "base/log.h"
#include "base/rng.h"
#include "storage/document_chain.h"
#include "storage/document_format.h"

namespace lakehouse::storage {

namespace {

constexpr size_t kParallelReads = 16;

Status CheckNames(std::string_view kind, std::string_view name) {
  TRY(CheckId("document kind", kind));
  return CheckId(kind, name);
}

Document MakeDocument(const LoadedVersion& loaded) {
  return {loaded.document.name, loaded.document.version, loaded.document.body};
}

// A document to read, and what came of it.
struct ListedDocument {
  std::string name;
  std::vector<ListedVersion> versions;
  Status status = OkStatus();
  std::optional<Document> document = std::nullopt;  // Nullopt: deleted, or an error.
};

void ReadListed(ObjectStore& store, std::string_view kind, ListedDocument& wanted) {
  DocumentChain chain(store, kind, wanted.name);
  const Result<bool> found = chain.OpenListed(std::move(wanted.versions));
  wanted.status = found.status();
  if (found.ok() && *found && !chain.newest().document.deleted) {
    wanted.document = MakeDocument(chain.newest());
  }
}

// In a remote bucket each document costs a round trip. Stops early at an error that ends it all.
void ReadSideBySide(ObjectStore& store, std::string_view kind,
                    std::vector<ListedDocument>& wanted) {
  std::atomic<size_t> next{0};
  std::atomic<bool> failed{false};
  const auto work = [&] {
    for (size_t i = next++; i < wanted.size() && !failed; i = next++) {
      ReadListed(store, kind, wanted[i]);
      if (!wanted[i].status.ok() && wanted[i].status.code() != StatusCode::kInternal) failed = true;
    }
  };
  std::vector<std::thread> others;
  const size_t readers = std::min(kParallelReads, wanted.size());
  for (size_t i = 1; i < readers; ++i) others.emplace_back(work);
  work();
  for (std::thread& other : others) other.join();
}

Status NoDocument(std::string_view kind, std::string_view name) {
  return NotFound("there is no ", kind, " named ", name);
}

}  // namespace

Result<Document> DocumentStore::Read(std::string_view kind, std::string_view name) const {
  TRY(CheckNames(kind, name));
  DocumentChain chain(store_, kind, name);
  ASSIGN_OR_RETURN(const bool found, chain.Open());
  if (!found || chain.newest().document.deleted) return NoDocument(kind, name);
  return MakeDocument(chain.newest());
}

Result<std::vector<Document>> DocumentStore::ReadAll(std::string_view kind) const {
  TRY(CheckId("document kind", kind));
  ASSIGN_OR_RETURN(const std::vector<ObjectInfo> infos, store_.List(DocumentKindPrefix(kind)));
  std::map<std::string, std::vector<ListedVersion>, std::less<>> listed;
  for (const ObjectInfo& info : infos) {
    const std::optional<DocumentPlace> place = ParseDocumentKey(kind, info.key);
    if (!place) continue;
    listed[std::string(place->name)].push_back({place->version, info.size_bytes, info.modified});
  }
  std::vector<ListedDocument> wanted;
  for (auto& [name, versions] : listed) wanted.push_back({name, std::move(versions)});
  ReadSideBySide(store_, kind, wanted);
  std::vector<Document> documents;
  for (ListedDocument& read : wanted) {
    if (read.status.code() == StatusCode::kInternal) {
      LogError("A document cannot be read.",
               {{"kind", kind}, {"name", read.name}, {"error", read.status.message()}});
      continue;
    }
    TRY(read.status);
    if (read.document.has_value()) documents.push_back(*std::move(read.document));
  }
  return documents;
}

Result<std::vector<Document>> DocumentStore::History(std::string_view kind,
                                                     std::string_view name) const {
  TRY(CheckNames(kind, name));
  DocumentChain chain(store_, kind, name);
  ASSIGN_OR_RETURN(const bool found, chain.Open());
  if (!found) return NoDocument(kind, name);
  std::vector<Document> documents;
  DocumentVersion successor = chain.newest().document;
  for (size_t i = chain.newest_index(); i-- > 0;) {
    const ListedVersion& listed = chain.versions()[i];
    if (listed.version > successor.previous_version) continue;  // Passed over when it was replaced.
    const auto loaded = chain.Load(listed);
    if (loaded.status().code() == StatusCode::kNotFound) break;  // Pruned meanwhile.
    if (!loaded.ok()) return loaded.status();
    if (!*loaded) continue;
    if (listed.version == successor.previous_version &&
        (*loaded)->sha256 != successor.previous_sha256) {
      LogWarning("A version of a document is not the one that its successor replaced.",
                 {{"kind", kind}, {"name", name}, {"version", listed.version}});
      continue;
    }
    successor = (*loaded)->document;
    if (!successor.deleted) documents.push_back(MakeDocument(**loaded));
  }
  return documents;
}

Result<std::vector<Document>> DocumentStore::ReadSince(std::string_view kind, std::string_view name,
                                                       Timestamp since) const {
  TRY(CheckNames(kind, name));
  DocumentChain chain(store_, kind, name);
  ASSIGN_OR_RETURN(const bool found, chain.Open());
  std::vector<Document> documents;
  if (!found) return documents;
  if (!chain.newest().document.deleted) documents.push_back(MakeDocument(chain.newest()));
  for (size_t i = chain.newest_index(); i > 0 && chain.versions()[i].modified >= since; --i) {
    const auto loaded = chain.Load(chain.versions()[i - 1]);
    if (loaded.status().code() == StatusCode::kNotFound) break;  // Pruned meanwhile.
    if (!loaded.ok()) return loaded.status();
    if (*loaded && !(*loaded)->document.deleted) documents.push_back(MakeDocument(**loaded));
  }
  return documents;
}

Result<uint64_t> DocumentStore::Write(std::string_view kind, std::string_view name,
                                      uint64_t expected_version, const Json& body,
                                      uint64_t at_least) {
  return Append(kind, name, expected_version, &body, at_least);
}

Status DocumentStore::Delete(std::string_view kind, std::string_view name,
                             uint64_t expected_version) {
  return Append(kind, name, expected_version, nullptr, 0).status();
}

// A tombstone has no body.
Result<uint64_t> DocumentStore::Append(std::string_view kind, std::string_view name,
                                       uint64_t expected_version, const Json* body,
                                       uint64_t at_least) {
  TRY(CheckNames(kind, name));
  DocumentChain chain(store_, kind, name);
  ASSIGN_OR_RETURN(const bool found, chain.Open());
  const DocumentVersion& newest = chain.newest().document;
  const uint64_t current = found && !newest.deleted ? newest.version : 0;
  if (current == 0 && body == nullptr) return NoDocument(kind, name);
  if (current != expected_version) {
    return Conflict("the ", kind, " ", name, " is at version ", current, ", not at the expected ",
                    expected_version);
  }
  const uint64_t highest = found ? chain.versions().back().version : 0;
  if (std::max(highest + 1, at_least) > std::numeric_limits<int64_t>::max()) {
    return Internal("the version numbers of the ", kind, " are used up: ", name);
  }
  DocumentVersion next;
  next.kind = kind;
  next.name = name;
  next.version = std::max(highest + 1, at_least);
  next.previous_version = newest.version;
  next.previous_sha256 = chain.newest().sha256;
  next.writer = NewUuid(Clock::System());
  next.deleted = body == nullptr;
  if (body != nullptr) next.body = *body;
  TRY(chain.Publish(next));
  chain.Prune(history_);
  return next.version;
}

}  // namespace lakehouse::storage
