#include "storage/s3/s3_xml.h"

#include <charconv>

#include <pugixml.hpp>

#include "base/strings.h"
#include "net/http_message.h"
#include "storage/s3/s3_time.h"

namespace lakehouse::storage {
namespace {

// Keeps white space, of which a key may consist.
constexpr unsigned kParseFlags = (pugi::parse_default | pugi::parse_ws_pcdata) & ~pugi::parse_eol;

class Document {
 public:
  // The root element's name without its namespace prefix is `name`.
  static Result<Document> Parse(std::string_view xml, std::string_view name) {
    Document document;
    const pugi::xml_parse_result parsed =
        document.document_.load_buffer(xml.data(), xml.size(), kParseFlags, pugi::encoding_utf8);
    if (!parsed) {
      return Unavailable("the server's answer is no complete XML: expected ", name);
    }
    if (document.root().name() != name) {
      return Unavailable("the server's answer is no ", name, ": ",
                         QuoteForMessage(document.root().name()));
    }
    return document;
  }

  pugi::xml_node root() const { return document_.document_element(); }

 private:
  pugi::xml_document document_;
};

// The element's whole text; "" when it is missing.
std::string TextOf(const pugi::xml_node& parent, const char* name) {
  std::string text;
  for (const pugi::xml_node& piece : parent.child(name).children()) text += piece.value();
  return text;
}

bool IsTrue(const pugi::xml_node& parent, const char* name) {
  return EqualsIgnoreCase(TrimWhitespace(TextOf(parent, name)), "true");
}

Result<uint64_t> SizeOf(const pugi::xml_node& parent) {
  const std::string text = TextOf(parent, "Size");
  uint64_t size = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), size);
  if (error != std::errc() || end != text.data() + text.size()) {
    return Unavailable("the server lists an object without a size: ", QuoteForMessage(text));
  }
  return size;
}

Result<Timestamp> TimeOf(const pugi::xml_node& parent, const char* name) {
  const std::string text = TextOf(parent, name);
  const std::optional<Timestamp> time = ParseIsoTime(text);
  if (!time) return Unavailable("the server lists no valid ", name, ": ", QuoteForMessage(text));
  return *time;
}

// Reads keys, which are percent-encoded when the answer says so.
class KeyDecoder {
 public:
  explicit KeyDecoder(const pugi::xml_node& root)
      : encoded_(EqualsIgnoreCase(TextOf(root, "EncodingType"), "url")) {}

  Result<std::string> Decode(std::string text) const {
    if (!encoded_) return text;
    Result<std::string> key = net::PercentDecode(text, /*plus_is_space=*/true);
    if (!key.ok()) {
      return Unavailable("the server lists a key that it has not encoded: ", QuoteForMessage(text));
    }
    return key;
  }

 private:
  const bool encoded_;
};

std::string XmlEscaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\t':
      case '\n':
      case '\r':
        // Readers of XML would turn the bare character into a space or another line end.
        StrAppend(out, "&#", static_cast<int>(c), ";");
        break;
      default:
        out.push_back(c);
    }
  }
  return out;
}

}  // namespace

std::string VersionOfEtag(std::string_view etag) {
  etag = TrimWhitespace(etag);
  if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"') {
    etag = etag.substr(1, etag.size() - 2);
  }
  return std::string(etag);
}

std::optional<S3Error> ParseS3Error(std::string_view xml) {
  const Result<Document> document = Document::Parse(xml, "Error");
  if (!document.ok()) return std::nullopt;
  const pugi::xml_node root = document->root();
  S3Error error;
  error.code = TrimWhitespace(TextOf(root, "Code"));
  error.message = TrimWhitespace(TextOf(root, "Message"));
  error.region = TrimWhitespace(TextOf(root, "Region"));
  return error;
}

Result<S3ListPage> ParseListObjects(std::string_view xml) {
  ASSIGN_OR_RETURN(const Document document, Document::Parse(xml, "ListBucketResult"));
  const KeyDecoder decoder(document.root());
  S3ListPage page;
  for (const pugi::xml_node& node : document.root().children("Contents")) {
    ObjectInfo info;
    ASSIGN_OR_RETURN(info.key, decoder.Decode(TextOf(node, "Key")));
    ASSIGN_OR_RETURN(info.size_bytes, SizeOf(node));
    ASSIGN_OR_RETURN(info.modified, TimeOf(node, "LastModified"));
    info.version = VersionOfEtag(TextOf(node, "ETag"));
    page.objects.push_back(std::move(info));
  }
  page.truncated = IsTrue(document.root(), "IsTruncated");
  page.next_token = TextOf(document.root(), "NextContinuationToken");
  if (page.truncated && page.next_token.empty()) {
    return Unavailable("the server cuts a listing and does not say where it goes on");
  }
  return page;
}

Result<S3UploadPage> ParseListUploads(std::string_view xml) {
  ASSIGN_OR_RETURN(const Document document, Document::Parse(xml, "ListMultipartUploadsResult"));
  const pugi::xml_node root = document.root();
  const KeyDecoder decoder(root);
  S3UploadPage page;
  for (const pugi::xml_node& node : root.children("Upload")) {
    S3Upload upload;
    ASSIGN_OR_RETURN(upload.key, decoder.Decode(TextOf(node, "Key")));
    ASSIGN_OR_RETURN(upload.initiated, TimeOf(node, "Initiated"));
    upload.upload_id = TextOf(node, "UploadId");
    page.uploads.push_back(std::move(upload));
  }
  page.truncated = IsTrue(root, "IsTruncated");
  ASSIGN_OR_RETURN(page.next_key, decoder.Decode(TextOf(root, "NextKeyMarker")));
  page.next_upload_id = TextOf(root, "NextUploadIdMarker");
  if (page.truncated && page.next_key.empty()) {
    return Unavailable("the server cuts a list of uploads and does not say where it goes on");
  }
  return page;
}

Result<std::string> ParseUploadId(std::string_view xml) {
  ASSIGN_OR_RETURN(const Document document, Document::Parse(xml, "InitiateMultipartUploadResult"));
  std::string id(TrimWhitespace(TextOf(document.root(), "UploadId")));
  if (id.empty()) return Unavailable("the server begins an upload without an id");
  return id;
}

Result<std::string> ParseCompletedVersion(std::string_view xml) {
  ASSIGN_OR_RETURN(const Document document, Document::Parse(xml, "CompleteMultipartUploadResult"));
  std::string version = VersionOfEtag(TextOf(document.root(), "ETag"));
  if (version.empty()) return Unavailable("the server completes an upload without an ETag");
  return version;
}

std::string WriteCompleteUpload(const std::vector<S3Part>& parts) {
  std::string xml = "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
  for (size_t i = 0; i < parts.size(); ++i) {
    StrAppend(xml, "<Part><PartNumber>", i + 1, "</PartNumber><ETag>", XmlEscaped(parts[i].etag),
              "</ETag>");
    if (!parts[i].crc32c.empty()) {
      StrAppend(xml, "<ChecksumCRC32C>", parts[i].crc32c, "</ChecksumCRC32C>");
    }
    xml += "</Part>";
  }
  return xml + "</CompleteMultipartUpload>";
}

bool FitsXml(std::string_view key) {
  for (size_t i = 0; i < key.size(); ++i) {
    const auto byte = static_cast<unsigned char>(key[i]);
    if (byte < 0x20 && key[i] != '\t' && key[i] != '\n' && key[i] != '\r') return false;
    const std::string_view rest = key.substr(i);
    if (rest.starts_with("\xef\xbf\xbe") || rest.starts_with("\xef\xbf\xbf")) return false;
  }
  return true;
}

std::string WriteDeleteObjects(const std::vector<std::string>& keys) {
  std::string xml = "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Quiet>true</Quiet>";
  for (const std::string& key : keys) {
    StrAppend(xml, "<Object><Key>", XmlEscaped(key), "</Key></Object>");
  }
  return xml + "</Delete>";
}

Result<std::vector<S3DeleteFailure>> ParseDeleteResult(std::string_view xml) {
  ASSIGN_OR_RETURN(const Document document, Document::Parse(xml, "DeleteResult"));
  std::vector<S3DeleteFailure> failures;
  for (const pugi::xml_node& node : document.root().children("Error")) {
    failures.push_back({.key = TextOf(node, "Key"),
                        .code = TextOf(node, "Code"),
                        .message = TextOf(node, "Message")});
  }
  return failures;
}

}  // namespace lakehouse::storage
