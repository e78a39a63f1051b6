// JSON objects as rows of named leaves.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/status.h"
#include "ingest/column_profile.h"
#include "ingest/json_tokenizer.h"

namespace lakehouse::ingest {

// One path below the row's object, in a tree that grows with the rows.
struct JsonField {
  std::string key;
  std::vector<std::unique_ptr<JsonField>> children;  // In order of first sight.
  std::unordered_map<std::string_view, JsonField*> by_key;
  size_t next_child = 0;     // Where the next key is expected: rows repeat their order.
  uint64_t seen_in_row = 0;  // Number of the last row that holds the path.
  bool seen_value = false;   // In some row it was something else than an object.
  uint64_t object_line = 0;  // Line of the first object; 0: never an object.
  ColumnProfile profile;
  size_t column = SIZE_MAX;    // Once columns are chosen: which one takes its value.
  bool keeps_objects = false;  // Once columns are chosen: an object is kept as text.
};

// What one row holds at one path.
struct JsonLeaf {
  JsonField* field = nullptr;
  ValueForm form = ValueForm::kJsonString;
  bool is_null = false;
  bool is_object = false;  // The object itself; its fields follow as leaves of their own.
  size_t begin = 0;        // The value, in JsonRow::text.
  size_t size = 0;
};

// The leaves of one row. Reused from row to row.
struct JsonRow {
  uint64_t line = 0;
  std::vector<JsonLeaf> leaves;
  std::string text;

  std::string_view value(const JsonLeaf& leaf) const {
    return std::string_view(text).substr(leaf.begin, leaf.size);
  }
};

// Reads rows into the tree's terms. Adds fields to the tree, but touches no profile. Not
// thread-safe.
class JsonRowReader {
 public:
  // `root` outlives the reader, which adds at most `max_fields` fields below it.
  JsonRowReader(JsonField& root, size_t max_fields) : root_(root), max_fields_(max_fields) {}

  // Reads the object of `text` that `tokenizer` has just begun. kInvalidArgument names the line.
  Status Read(std::string_view text, JsonTokenizer& tokenizer, JsonRow& row);

 private:
  Status ReadObject(JsonTokenizer& tokenizer, JsonField& object, JsonRow& row);
  Status ReadField(JsonTokenizer& tokenizer, JsonField& field, JsonRow& row);
  Status ReadNested(JsonTokenizer& tokenizer, JsonField& field, JsonRow& row);
  Result<JsonField*> FindField(JsonField& object, std::string_view key, uint64_t line);
  static void AddLeaf(JsonRow& row, JsonField& field, ValueForm form, std::string_view value);

  std::string_view text_;  // Of the row being read.
  JsonField& root_;
  const size_t max_fields_;
  size_t fields_ = 0;
  uint64_t row_number_ = 0;
};

}  // namespace lakehouse::ingest
