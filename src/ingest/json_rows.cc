#include "ingest/json_rows.h"

#include "base/strings.h"

namespace lakehouse::ingest {

Status JsonRowReader::Read(std::string_view text, JsonTokenizer& tokenizer, JsonRow& row) {
  text_ = text;
  row.line = tokenizer.line();
  row.leaves.clear();
  row.text.clear();
  ++row_number_;
  return ReadObject(tokenizer, root_, row);
}

Status JsonRowReader::ReadObject(JsonTokenizer& tokenizer, JsonField& object, JsonRow& row) {
  object.next_child = 0;
  while (true) {
    ASSIGN_OR_RETURN(const JsonToken token, tokenizer.Next());
    if (token == JsonToken::kObjectEnd) return OkStatus();
    ASSIGN_OR_RETURN(JsonField* const field,
                     FindField(object, tokenizer.value(), tokenizer.line()));
    TRY(ReadField(tokenizer, *field, row));
  }
}

Result<JsonField*> JsonRowReader::FindField(JsonField& object, std::string_view key,
                                            uint64_t line) {
  JsonField* field = nullptr;
  if (object.next_child < object.children.size() &&
      object.children[object.next_child]->key == key) {
    field = object.children[object.next_child].get();
    ++object.next_child;
  } else if (const auto known = object.by_key.find(key); known != object.by_key.end()) {
    field = known->second;
  } else {
    if (++fields_ > max_fields_) {
      return InvalidArgument("too many different JSON fields up to line ", line,
                             "; ingest.max_columns is ", max_fields_);
    }
    object.children.push_back(std::make_unique<JsonField>());
    field = object.children.back().get();
    field->key = key;
    object.by_key.emplace(field->key, field);
    object.next_child = object.children.size();
  }
  if (field->seen_in_row == row_number_) {
    return InvalidArgument("duplicate JSON key in line ", line, ": ", QuoteForMessage(key));
  }
  field->seen_in_row = row_number_;
  return field;
}

Status JsonRowReader::ReadField(JsonTokenizer& tokenizer, JsonField& field, JsonRow& row) {
  ASSIGN_OR_RETURN(const JsonToken token, tokenizer.Next());
  const size_t begin = tokenizer.token_begin();
  switch (token) {
    case JsonToken::kString:
      AddLeaf(row, field, ValueForm::kJsonString, tokenizer.value());
      return OkStatus();
    case JsonToken::kNumber:
      AddLeaf(row, field, ValueForm::kJsonNumber, tokenizer.value());
      return OkStatus();
    case JsonToken::kTrue:
    case JsonToken::kFalse:
      AddLeaf(row, field, ValueForm::kJsonBoolean, tokenizer.value());
      return OkStatus();
    case JsonToken::kNull:
      AddLeaf(row, field, ValueForm::kJsonString, "");
      row.leaves.back().is_null = true;
      return OkStatus();
    case JsonToken::kObjectBegin:
      return ReadNested(tokenizer, field, row);
    default:
      break;
  }
  TRY(tokenizer.SkipValue(token));
  AddLeaf(row, field, ValueForm::kJsonString,
          CompactJson(text_.substr(begin, tokenizer.position() - begin)));
  return OkStatus();
}

Status JsonRowReader::ReadNested(JsonTokenizer& tokenizer, JsonField& field, JsonRow& row) {
  const size_t begin = tokenizer.token_begin();
  AddLeaf(row, field, ValueForm::kJsonString, "");
  row.leaves.back().is_object = true;
  const size_t leaves = row.leaves.size();
  const size_t text_bytes = row.text.size();
  TRY(ReadObject(tokenizer, field, row));
  if (!field.keeps_objects) return OkStatus();
  row.leaves.resize(leaves);
  row.text.resize(text_bytes);
  AddLeaf(row, field, ValueForm::kJsonString,
          CompactJson(text_.substr(begin, tokenizer.position() - begin)));
  return OkStatus();
}

void JsonRowReader::AddLeaf(JsonRow& row, JsonField& field, ValueForm form,
                            std::string_view value) {
  JsonLeaf leaf;
  leaf.field = &field;
  leaf.form = form;
  leaf.begin = row.text.size();
  leaf.size = value.size();
  row.text.append(value);
  row.leaves.push_back(leaf);
}

}  // namespace lakehouse::ingest
