// The bytes of one version of a document: docs/formats/documents.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/status.h"

namespace lakehouse::storage {

// What one version says. A tombstone has `deleted` set and a null body.
struct DocumentVersion {
  std::string kind;
  std::string name;
  uint64_t version = 0;           // From 1.
  uint64_t previous_version = 0;  // The version that this one replaced; 0 for none.
  std::string previous_sha256;    // Of that version's bytes; "" for none.
  std::string writer;             // Unique to the write, so that no two writes have equal bytes.
  bool deleted = false;
  Json body;
};

std::string EncodeDocument(const DocumentVersion& document);

// Undoes EncodeDocument. kInternal when the bytes are damaged; kInvalidArgument when they are whole
// but not what this version of Lakehouse writes.
Result<DocumentVersion> DecodeDocument(std::string_view bytes);

// "_catalog/<kind>/<name>/", and "_catalog/<kind>/" for every document of a kind.
std::string DocumentPrefix(std::string_view kind, std::string_view name);
std::string DocumentKindPrefix(std::string_view kind);
std::string DocumentKey(std::string_view kind, std::string_view name, uint64_t version);

// A document version's place, as its key says it. Views into the key.
struct DocumentPlace {
  std::string_view name;
  uint64_t version = 0;
};

// Undoes DocumentKey; nullopt for a foreign key.
std::optional<DocumentPlace> ParseDocumentKey(std::string_view kind, std::string_view key);

}  // namespace lakehouse::storage
