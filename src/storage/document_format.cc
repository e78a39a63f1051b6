#include "storage/document_format.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "base/hash.h"
#include "base/ids.h"
#include "base/strings.h"

namespace lakehouse::storage {

namespace {

constexpr int64_t kFormat = 1;
constexpr size_t kVersionDigits = 20;
constexpr std::string_view kKeySuffix = ".json";
constexpr std::string_view kSealBegin = ",\"sha256\":\"";
constexpr std::string_view kSealEnd = "\"}\n";
constexpr size_t kSealBytes = kSealBegin.size() + 64 + kSealEnd.size();
constexpr int64_t kMaxVersion = std::numeric_limits<int64_t>::max();

void AppendField(std::string& out, std::string_view name, std::string_view text) {
  StrAppend(out, ",\"", name, "\":");
  AppendJsonString(out, text);
}

Result<DocumentVersion> ParseEnvelope(std::string_view bytes) {
  ASSIGN_OR_RETURN(const Json json, ParseJson(bytes));
  DocumentVersion document;
  ObjectReader reader(json, "document");
  reader.Int("lakehouse_document", kFormat, kFormat);
  document.kind = reader.String("kind");
  document.name = reader.String("name");
  document.version = static_cast<uint64_t>(reader.Int("version", 1, kMaxVersion));
  document.previous_version = static_cast<uint64_t>(reader.Int("previous_version", 0, kMaxVersion));
  document.previous_sha256 = reader.String("previous_sha256");
  document.writer = reader.String("writer");
  document.deleted = reader.Bool("deleted", false);
  const Json* body = reader.Raw("body");
  reader.String("sha256");
  TRY(reader.Finish());
  if (body != nullptr) document.body = *body;
  return document;
}

}  // namespace

std::string EncodeDocument(const DocumentVersion& document) {
  std::string bytes = StrCat("{\"lakehouse_document\":", kFormat);
  AppendField(bytes, "kind", document.kind);
  AppendField(bytes, "name", document.name);
  StrAppend(bytes, ",\"version\":", document.version);
  StrAppend(bytes, ",\"previous_version\":", document.previous_version);
  AppendField(bytes, "previous_sha256", document.previous_sha256);
  AppendField(bytes, "writer", document.writer);
  StrAppend(bytes, ",\"deleted\":", document.deleted, ",\"body\":", DumpJson(document.body));
  StrAppend(bytes, kSealBegin, Sha256Hex(bytes), kSealEnd);
  return bytes;
}

Result<DocumentVersion> DecodeDocument(std::string_view bytes) {
  if (bytes.size() < kSealBytes) return Internal("the document is truncated");
  const std::string_view sealed = bytes.substr(0, bytes.size() - kSealBytes);
  const std::string_view seal = bytes.substr(sealed.size());
  if (seal != StrCat(kSealBegin, Sha256Hex(sealed), kSealEnd)) {
    return Internal("the document's checksum does not match its bytes");
  }
  return ParseEnvelope(bytes);
}

std::string DocumentKindPrefix(std::string_view kind) { return StrCat("_catalog/", kind, "/"); }

std::string DocumentPrefix(std::string_view kind, std::string_view name) {
  return StrCat(DocumentKindPrefix(kind), name, "/");
}

std::string DocumentKey(std::string_view kind, std::string_view name, uint64_t version) {
  const std::string digits = StrCat(version);
  return StrCat(DocumentPrefix(kind, name), std::string(kVersionDigits - digits.size(), '0'),
                digits, kKeySuffix);
}

std::optional<DocumentPlace> ParseDocumentKey(std::string_view kind, std::string_view key) {
  const std::string prefix = DocumentKindPrefix(kind);
  if (!key.starts_with(prefix)) return std::nullopt;
  key.remove_prefix(prefix.size());
  const size_t slash = key.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  DocumentPlace place;
  place.name = key.substr(0, slash);
  std::string_view digits = key.substr(slash + 1);
  if (!CheckId(kind, place.name).ok() || !digits.ends_with(kKeySuffix)) return std::nullopt;
  digits.remove_suffix(kKeySuffix.size());
  if (digits.size() != kVersionDigits) return std::nullopt;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), place.version);
  const bool whole = error == std::errc() && end == digits.data() + digits.size();
  if (!whole || place.version == 0 || place.version > kMaxVersion) return std::nullopt;
  return place;
}

}  // namespace lakehouse::storage
