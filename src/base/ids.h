// Strong names. Every name that reaches a path, a key or SQL is one of these types, so text that
// was not checked against the grammar cannot be used as one.
#pragma once

#include <compare>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "base/status.h"

namespace lakehouse {

// Checks the id grammar `[a-z0-9][a-z0-9_-]{0,62}`; `kind` ("dataset") is used in the error.
Status CheckId(std::string_view kind, std::string_view text);

// Checks the bucket grammar: an id, optionally after one `prefix:` that is itself an id.
Status CheckBucketName(std::string_view text);

// A checked name. `Tag` supplies `static Status Check(std::string_view)`. Copyable value; ordered
// by bytes.
template <typename Tag>
class StrongName {
 public:
  static Result<StrongName> Parse(std::string_view text) {
    TRY(Tag::Check(text));
    return StrongName(std::string(text));
  }

  const std::string& str() const { return text_; }
  auto operator<=>(const StrongName&) const = default;

 private:
  explicit StrongName(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

template <typename Tag>
void AppendPiece(std::string& out, const StrongName<Tag>& name) {
  out.append(name.str());
}

struct DatasetTag {
  static Status Check(std::string_view text) { return CheckId("dataset", text); }
};
struct IndexTag {
  static Status Check(std::string_view text) { return CheckId("index", text); }
};
struct JobTag {
  static Status Check(std::string_view text) { return CheckId("job", text); }
};
struct BucketTag {
  static Status Check(std::string_view text) { return CheckBucketName(text); }
};

using DatasetName = StrongName<DatasetTag>;
using IndexName = StrongName<IndexTag>;
using JobId = StrongName<JobTag>;
using BucketName = StrongName<BucketTag>;

}  // namespace lakehouse

template <typename Tag>
struct std::hash<lakehouse::StrongName<Tag>> {
  size_t operator()(const lakehouse::StrongName<Tag>& name) const {
    return std::hash<std::string>()(name.str());
  }
};
