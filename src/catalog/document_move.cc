#include "catalog/document_move.h"

#include <limits>
#include <utility>

#include "base/log.h"
#include "storage/document_store.h"

namespace lakehouse::catalog {

namespace {

constexpr std::string_view kMark = "moving_from";

// The deletion in the old bucket takes one version, so that this one is above all of them there.
constexpr uint64_t kVersionsAhead = 2;

Json WithMark(const DocumentMove& move) {
  Json body = move.body;
  body[std::string(kMark)] = {
      {"bucket", move.from.str()}, {"version", move.version}, {"at", FormatTimestamp(move.at)}};
  return body;
}

// Writes the marked copy; returns its version.
Result<uint64_t> WriteMarked(const DocumentMove& move) {
  storage::DocumentStore target(*move.to_store);
  const Result<storage::Document> there = target.Read(move.kind, move.name);
  uint64_t expected = 0;
  if (there.ok()) {
    ASSIGN_OR_RETURN(const auto mark, ReadMovingFrom(there->body));
    if (!mark.has_value()) {
      return Conflict("the bucket holds another ", move.kind, " named ", move.name,
                      " already; drop that one first");
    }
    expected = there->version;
  } else if (there.status().code() != StatusCode::kNotFound) {
    return there.status();
  }
  return target.Write(move.kind, move.name, expected, WithMark(move),
                      move.version + kVersionsAhead);
}

// Best effort: a copy that stays does not count.
void RemoveMarked(const DocumentMove& move, uint64_t version) {
  const Status removed =
      storage::DocumentStore(*move.to_store).Delete(move.kind, move.name, version);
  if (removed.ok()) return;
  LogWarning("The copy of a document that was not moved stays for now.",
             {{"kind", move.kind}, {"name", move.name}, {"error", removed.message()}});
}

// What the old bucket says after a deletion that did not succeed: ok when it is deleted all the
// same.
Status FindOutcome(const DocumentMove& move, const Status& failure) {
  const Result<storage::Document> left =
      storage::DocumentStore(*move.from_store).Read(move.kind, move.name);
  if (left.status().code() == StatusCode::kNotFound) return OkStatus();
  if (!left.ok()) {
    return CommitStateUnknown("the ", move.kind, " ", move.name,
                              " may or may not have moved, move it again: ", failure.message());
  }
  if (left->version != move.version) {
    return Conflict("the ", move.kind, " ", move.name, " is at version ", left->version,
                    " now, not at ", move.version);
  }
  return failure;
}

}  // namespace

Result<std::optional<MovingFrom>> ReadMovingFrom(const Json& body) {
  const auto found = body.is_object() ? body.find(kMark) : body.end();
  if (found == body.end()) return std::optional<MovingFrom>();
  if (!found->is_object()) return Internal("the mark of a document on its way is no object");
  ObjectReader reader(*found, kMark);
  const std::string bucket = reader.String("bucket");
  const int64_t version = reader.Int("version", 1, std::numeric_limits<int64_t>::max());
  const std::string at = reader.String("at");
  Status status = reader.Finish();
  const Result<BucketName> name = BucketName::Parse(bucket);
  const Result<Timestamp> time = ParseTimestamp(at);
  if (status.ok()) status = name.status();
  if (status.ok()) status = time.status();
  if (!status.ok()) return Internal("the mark of a document on its way: ", status.message());
  return std::optional(MovingFrom{*name, static_cast<uint64_t>(version), *time});
}

bool IsDeadCopy(const std::optional<MovingFrom>& copy, uint64_t version, Timestamp since) {
  return copy.has_value() && (version > copy->version || copy->at < since);
}

Result<MovedDocument> MoveDocument(const DocumentMove& move) {
  ASSIGN_OR_RETURN(const uint64_t marked, WriteMarked(move));
  Status status =
      storage::DocumentStore(*move.from_store).Delete(move.kind, move.name, move.version);
  if (status.code() == StatusCode::kNotFound) {
    RemoveMarked(move, marked);
    return Conflict("the ", move.kind, " ", move.name, " was dropped while it moved");
  }
  const bool sure = status.ok() || status.code() == StatusCode::kConflict;
  if (!sure) status = FindOutcome(move, status);
  // Only here nothing can come later of the deletion: somebody else took its place. After other
  // errors it may still arrive, and the marked copy is the dataset then.
  if (status.code() == StatusCode::kConflict) RemoveMarked(move, marked);
  TRY(status);
  const Result<uint64_t> settled =
      storage::DocumentStore(*move.to_store).Write(move.kind, move.name, marked, move.body);
  if (settled.ok()) return MovedDocument{.version = *settled, .settled = true};
  LogWarning("A document that has moved keeps its mark for now.",
             {{"kind", move.kind}, {"name", move.name}, {"error", settled.status().message()}});
  return MovedDocument{.version = marked, .settled = false};
}

}  // namespace lakehouse::catalog
