// How one document leaves a bucket for another one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/ids.h"
#include "base/json.h"
#include "base/status.h"
#include "storage/object_store.h"

namespace lakehouse::catalog {

// The mark of a document that is on its way into its bucket: member `moving_from` of its body
// (docs/formats/documents.md). Such a document counts only when no bucket holds one of its name
// without the mark. Of two marked ones the one with the higher `version` counts.
struct MovingFrom {
  BucketName bucket;     // Where it comes from.
  uint64_t version = 0;  // The version there that was copied.
  Timestamp at;
};

// Nullopt when `body` has no mark. kInternal when the mark cannot be read.
Result<std::optional<MovingFrom>> ReadMovingFrom(const Json& body);

// True for the copy of a move that came to nothing and cannot count any more, when the document is
// at `version` in another bucket: no deletion without an answer can arrive there, because the
// version that it would take has been taken, or because the move was before `since`.
bool IsDeadCopy(const std::optional<MovingFrom>& copy, uint64_t version, Timestamp since);

struct DocumentMove {
  std::string kind;
  std::string name;
  BucketName from;
  uint64_t version = 0;  // The version in `from` that `body` was made of.
  storage::ObjectStore* from_store = nullptr;
  storage::ObjectStore* to_store = nullptr;
  Json body;
  Timestamp at;
};

struct MovedDocument {
  uint64_t version = 0;
  bool settled = false;  // False: the mark is still there, and the next write removes it.
};

// Writes the document with the mark into the new bucket, deletes it in the old one, then writes it
// without the mark. The deletion is the commit point: it succeeds only on top of `move.version`,
// and before it the old document counts, after it the new one. The version in the new bucket is
// higher than any in the old one, so no reader's version is ever mistaken for another state.
//
// REQUIRES: nobody else in this process changes the document. kConflict: the document is at another
// version by now, or the new bucket holds a document of that name that is not on its way; nothing
// has moved. kCommitStateUnknown: it may have moved; moving again tells. After any other error
// nothing has moved; a marked copy that stays in the new bucket does not count.
Result<MovedDocument> MoveDocument(const DocumentMove& move);

}  // namespace lakehouse::catalog
