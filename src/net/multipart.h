// multipart/form-data (RFC 7578) as streams: neither side ever holds a whole file.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/byte_source.h"
#include "base/status.h"
#include "net/http_message.h"

namespace lakehouse::net {

// What precedes the bytes of one part.
struct PartHead {
  std::string name;
  std::optional<std::string> file_name;  // As sent: may hold anything but NUL and line breaks.
  std::string content_type;              // "" when not sent.
};

// Reads the parts of a body one after the other, in whatever order they come. Not thread-safe.
//
//   ASSIGN_OR_RETURN(auto reader, MultipartReader::Open(content_type, *request.body));
//   while (true) {
//     ASSIGN_OR_RETURN(const std::optional<PartHead> part, reader->Next());
//     if (!part) break;
//     ... read reader->body() to its end, or not at all ...
//   }
class MultipartReader {
 public:
  // `body` outlives the reader. kInvalidArgument unless `content_type` is multipart/form-data with
  // a valid boundary.
  static Result<std::unique_ptr<MultipartReader>> Open(std::string_view content_type,
                                                       ByteSource& body);
  ~MultipartReader();

  // Skips the rest of the current part and reads the head of the next; nullopt after the last.
  // kInvalidArgument when the body ends before its closing boundary, a part has no name, its head
  // is longer than 16 KiB, or more than 100 parts come. Errors of the body are returned as they
  // are.
  Result<std::optional<PartHead>> Next();

  // The bytes of the part that Next returned last.
  ByteSource& body();

 private:
  class PartBody;
  MultipartReader(std::string_view boundary, ByteSource& body);

  Status SkipPart();
  // Reads the line end or the closing dashes after a delimiter; true when a part follows.
  Result<bool> AfterDelimiter();
  Result<PartHead> ReadHead();
  Result<size_t> ReadPart(std::span<char> out);
  // Reads more of the body into buffer_; kInvalidArgument at its end.
  Status Fill();

  const std::string delimiter_;  // "\r\n--boundary"
  ByteSource& source_;
  std::unique_ptr<PartBody> part_body_;
  std::string buffer_;
  size_t begin_ = 0;     // Bytes of buffer_ that were used already.
  bool in_part_ = true;  // The preamble is read like a part that nobody wants.
  bool at_end_ = false;  // The closing delimiter was read.
  int parts_ = 0;
  Status failure_;  // The first error; it repeats.
};

struct FormField {
  std::string name;
  std::string value;
};

// A form with fields and at most one file, as a request body. Not thread-safe.
class MultipartForm : public ByteSource {
 public:
  struct File {
    std::string name = "file";
    std::string file_name;
    std::string content_type = "application/octet-stream";
    std::unique_ptr<ByteSource> content;
    int64_t size_bytes = -1;  // -1: not known.
  };

  // The fields come first, so that the receiver knows them when the file arrives.
  explicit MultipartForm(const std::vector<FormField>& fields, std::optional<File> file = {});

  // For the request's Content-Type header.
  const std::string& content_type() const { return content_type_; }
  // Of the whole body; -1 when the file's size is not known.
  int64_t size_bytes() const { return size_bytes_; }

  Result<size_t> Read(std::span<char> buffer) override;

 private:
  std::string head_;  // Everything before the file's bytes.
  std::unique_ptr<ByteSource> content_;
  std::string tail_;
  std::string content_type_;
  int64_t size_bytes_ = 0;
  size_t head_read_ = 0;
  size_t tail_read_ = 0;
};

}  // namespace lakehouse::net
