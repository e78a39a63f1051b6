#include "catalog/commit_rules.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/strings.h"

namespace lakehouse::catalog {

namespace {

std::string Describe(const std::vector<Column>& columns, size_t i) {
  return i < columns.size() ? StrCat(columns[i].name, " ", columns[i].type) : "no column";
}

Status CheckColumnsEqual(const Dataset& current, const std::vector<Column>& columns) {
  const size_t count = std::max(columns.size(), current.columns.size());
  for (size_t i = 0; i < count; ++i) {
    const std::string there = Describe(current.columns, i);
    const std::string came = Describe(columns, i);
    if (there == came) continue;
    return InvalidArgument("the rows do not fit dataset ", current.name, ": column ", i + 1,
                           " there is ", there, ", in the new rows it is ", came,
                           "; append equal columns or replace the dataset");
  }
  return OkStatus();
}

// A document holds only UTF-8; text from outside is kept as far as it can be.
std::string ValidText(const std::string& text) {
  if (IsValidUtf8(text)) return text;
  std::string quoted;
  AppendJsonString(quoted, text);
  return ParseJson(quoted).value_or(Json("")).get<std::string>();
}

void AddFindings(std::vector<Column>& columns, const std::vector<Column>& found) {
  for (size_t i = 0; i < columns.size(); ++i) {
    std::vector<std::string>& pii = columns[i].pii;
    for (const std::string& finding : found[i].pii) {
      if (std::find(pii.begin(), pii.end(), finding) == pii.end()) pii.push_back(finding);
    }
  }
}

}  // namespace

bool IsDataFileKey(std::string_view key) {
  const std::vector<std::string_view> parts = SplitString(key, '/');
  return parts.size() == 4 && parts[0] == "data" && parts[2] == "data" &&
         DatasetName::Parse(parts[1]).ok() && parts[3].ends_with(".parquet");
}

Status CheckCommit(const DatasetCommit& commit) {
  const std::string prefix = Catalog::DataPrefix(commit.name);
  std::set<std::string_view> keys;
  for (const DataFile& file : commit.files) {
    if (!file.key.starts_with(prefix) || !IsDataFileKey(file.key)) {
      return InvalidArgument("a data file of dataset ", commit.name, " lies below ", prefix,
                             " and ends with .parquet, not at ", QuoteForMessage(file.key));
    }
    if (!keys.insert(file.key).second) {
      return InvalidArgument("a data file is named twice in a commit: ", file.key);
    }
  }
  std::set<std::string_view> names;
  for (const Column& column : commit.columns) {
    if (!IsValidUtf8(column.name) || !IsValidUtf8(column.type)) {
      return InvalidArgument("a column name is not UTF-8: ", QuoteForMessage(column.name));
    }
    if (!names.insert(column.name).second) {
      return InvalidArgument("two columns have one name: ", QuoteForMessage(column.name));
    }
  }
  return OkStatus();
}

Status CheckApplies(const DatasetCommit& commit, const Dataset* current) {
  if (current != nullptr && commit.mode == CommitMode::kCreate) {
    return Conflict("the dataset exists, append or replace its rows instead: ", commit.name);
  }
  const uint64_t version = current == nullptr ? 0 : current->version;
  if (version != commit.expected_version) {
    return Conflict("dataset ", commit.name, " is at version ", version, " now, not at ",
                    commit.expected_version, "; read it again");
  }
  if (current == nullptr) return OkStatus();
  if (current->bucket != commit.bucket) {
    return InvalidArgument("dataset ", commit.name, " lies in bucket ", current->bucket,
                           ", its new files in bucket ", commit.bucket);
  }
  for (const DataFile& file : commit.files) {
    const auto same_key = [&](const DataFile& other) { return other.key == file.key; };
    if (std::any_of(current->files.begin(), current->files.end(), same_key)) {
      return InvalidArgument("dataset ", commit.name, " names a file of the commit: ", file.key);
    }
  }
  if (commit.mode == CommitMode::kAppend) return CheckColumnsEqual(*current, commit.columns);
  return OkStatus();
}

bool WasApplied(const DatasetCommit& commit, const Dataset* current) {
  if (current == nullptr || commit.files.empty()) return false;
  return std::all_of(commit.files.begin(), commit.files.end(), [&](const DataFile& file) {
    return std::find(current->files.begin(), current->files.end(), file) != current->files.end();
  });
}

Dataset ApplyCommit(const DatasetCommit& commit, const Dataset* current, Timestamp now) {
  Dataset next =
      current != nullptr ? *current : Dataset{.name = commit.name, .bucket = commit.bucket};
  if (commit.mode == CommitMode::kAppend && current != nullptr) {
    AddFindings(next.columns, commit.columns);
  } else {
    next.columns = commit.columns;
    next.files.clear();
    next.sources.clear();
  }
  next.files.insert(next.files.end(), commit.files.begin(), commit.files.end());
  next.sources.push_back(commit.source);
  next.sources.back().name = ValidText(commit.source.name);
  if (current == nullptr) next.created_at = now;
  next.updated_at = now;
  next.snapshot = next.version + 1;
  if (next.last_embedded_at.has_value() && !next.embedding_stale_since.has_value()) {
    next.embedding_stale_since = now;
  }
  return next;
}

}  // namespace lakehouse::catalog
