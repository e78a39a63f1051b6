// The two forms in which Hugging Face directories describe a BERT tokenizer.
#include <limits>
#include <utility>

#include "ai/model_file.h"
#include "ai/tokenizer/tokenizer.h"

namespace lakehouse::ai {
namespace {

constexpr int64_t kMaxId = std::numeric_limits<int32_t>::max() - 1;

// Checks that a part has the one type this tokenizer implements.
Result<ModelFields> PartOfType(const ModelFields& file, const char* part, std::string_view type) {
  ASSIGN_OR_RETURN(const ModelJson* object, file.Object(part));
  ModelFields fields(*object, StrCat(file.origin(), ": ", part));
  ASSIGN_OR_RETURN(const std::string found, fields.String("type", std::string(type)));
  if (found != type) {
    return InvalidArgument(file.origin(), ": this tokenizer has only the ", part, " ", type,
                           ", not ", found);
  }
  return fields;
}

Result<std::vector<AddedToken>> ReadAddedTokens(const ModelFields& file) {
  std::vector<AddedToken> tokens;
  if (!file.Has("added_tokens")) return tokens;
  ASSIGN_OR_RETURN(const ModelJson* list, file.Array("added_tokens"));
  for (const ModelJson& item : *list) {
    const ModelFields fields(item, StrCat(file.origin(), ": added_tokens[", tokens.size(), "]"));
    AddedToken token;
    ASSIGN_OR_RETURN(token.content, fields.String("content"));
    ASSIGN_OR_RETURN(const int64_t id, fields.Int("id", 0, kMaxId));
    token.id = static_cast<int32_t>(id);
    ASSIGN_OR_RETURN(token.single_word, fields.Bool("single_word", false));
    ASSIGN_OR_RETURN(token.lstrip, fields.Bool("lstrip", false));
    ASSIGN_OR_RETURN(token.rstrip, fields.Bool("rstrip", false));
    ASSIGN_OR_RETURN(const bool special, fields.Bool("special", false));
    ASSIGN_OR_RETURN(token.normalized, fields.Bool("normalized", !special));
    tokens.push_back(std::move(token));
  }
  return tokens;
}

// `source` is a normalizer of tokenizer.json.
Result<BertNormalizer> ReadNormalizer(const ModelFields& source) {
  BertNormalizer normalizer;
  ASSIGN_OR_RETURN(normalizer.clean_text, source.Bool("clean_text", true));
  ASSIGN_OR_RETURN(normalizer.handle_chinese_chars, source.Bool("handle_chinese_chars", true));
  ASSIGN_OR_RETURN(normalizer.lowercase, source.Bool("lowercase", true));
  ASSIGN_OR_RETURN(normalizer.strip_accents, source.Bool("strip_accents", normalizer.lowercase));
  return normalizer;
}

Result<WordPiece> ReadWordPiece(const ModelFields& file) {
  // Files of early versions leave out the type; only WordPiece then has a vocabulary of this form.
  ASSIGN_OR_RETURN(const ModelFields model, PartOfType(file, "model", "WordPiece"));
  WordPieceOptions options;
  ASSIGN_OR_RETURN(options.unknown_token, model.String("unk_token", options.unknown_token));
  ASSIGN_OR_RETURN(options.continuing_prefix,
                   model.String("continuing_subword_prefix", options.continuing_prefix));
  ASSIGN_OR_RETURN(const int64_t max_characters,
                   model.Int("max_input_chars_per_word", 100, 1, 1'000'000));
  options.max_word_characters = static_cast<size_t>(max_characters);

  ASSIGN_OR_RETURN(const ModelJson* vocabulary, model.Object("vocab"));
  std::vector<WordPiece::Entry> entries;
  entries.reserve(vocabulary->size());
  for (const auto& [token, id] : vocabulary->items()) {
    if (!id.is_number_integer() || id < 0 || id > kMaxId) {
      return model.Problem("vocab", StrCat("gives no valid id to the token ", token));
    }
    entries.emplace_back(token, id.get<int32_t>());
  }
  Result<WordPiece> word_piece = WordPiece::Build(entries, options);
  if (!word_piece.ok()) return word_piece.status().Annotate(model.origin());
  return word_piece;
}

// Returns the ids of one special token of a template.
Result<std::vector<int32_t>> SpecialTokenIds(const ModelFields& processor,
                                             const std::string& name) {
  ASSIGN_OR_RETURN(const ModelJson* tokens, processor.Object("special_tokens"));
  const ModelFields all(*tokens, StrCat(processor.origin(), ": special_tokens"));
  ASSIGN_OR_RETURN(const ModelJson* token, all.Object(name.c_str()));
  const ModelFields fields(*token, StrCat(all.origin(), ": ", name));
  ASSIGN_OR_RETURN(const ModelJson* list, fields.Array("ids"));
  std::vector<int32_t> ids;
  for (const ModelJson& id : *list) {
    if (!id.is_number_integer() || id < 0 || id > kMaxId) {
      return fields.Problem("ids", "holds something that is no id");
    }
    ids.push_back(id.get<int32_t>());
  }
  return ids;
}

// One element of a template: the text A or B, or special tokens.
struct TemplatePiece {
  char text = 0;  // 'A' or 'B'; 0 for special tokens.
  std::vector<int32_t> ids;
  int64_t type_id = 0;
};

// Reads the template `name`, which is `single` or `pair`.
Result<std::vector<TemplatePiece>> ReadPieces(const ModelFields& processor, const char* name) {
  ASSIGN_OR_RETURN(const ModelJson* list, processor.Array(name));
  std::vector<TemplatePiece> pieces;
  for (const ModelJson& item : *list) {
    const ModelFields fields(item, StrCat(processor.origin(), ": ", name));
    const bool is_text = fields.Has("Sequence");
    ASSIGN_OR_RETURN(const ModelJson* object, fields.Object(is_text ? "Sequence" : "SpecialToken"));
    const ModelFields content(*object, fields.origin());
    TemplatePiece piece;
    ASSIGN_OR_RETURN(piece.type_id, content.Int("type_id", 0, 0, kMaxId));
    ASSIGN_OR_RETURN(const std::string id, content.String("id"));
    if (!is_text) {
      ASSIGN_OR_RETURN(piece.ids, SpecialTokenIds(processor, id));
    } else if (id == "A" || id == "B") {
      piece.text = id[0];
    } else {
      return fields.Problem("Sequence", "must be A or B");
    }
    pieces.push_back(std::move(piece));
  }
  return pieces;
}

Status ReadSingleTemplate(const ModelFields& processor, Tokenizer::Parts& parts) {
  ASSIGN_OR_RETURN(const std::vector<TemplatePiece> pieces, ReadPieces(processor, "single"));
  bool text_seen = false;
  for (const TemplatePiece& piece : pieces) {
    if (piece.type_id != 0) {
      return processor.Problem("single", "must give type_id 0 to a single text");
    }
    if (piece.text != 0) {
      if (piece.text != 'A' || text_seen) {
        return processor.Problem("single", "must hold the Sequence A once, and no other");
      }
      text_seen = true;
    }
    std::vector<int32_t>& side = text_seen ? parts.suffix_ids : parts.prefix_ids;
    side.insert(side.end(), piece.ids.begin(), piece.ids.end());
  }
  if (!text_seen) return processor.Problem("single", "lacks the Sequence A");
  return OkStatus();
}

Result<PairTemplate> ReadPairTemplate(const ModelFields& processor) {
  ASSIGN_OR_RETURN(const std::vector<TemplatePiece> pieces, ReadPieces(processor, "pair"));
  PairTemplate pair;
  std::vector<int32_t>* const sides[] = {&pair.prefix_ids, &pair.middle_ids, &pair.suffix_ids};
  size_t texts = 0;  // Seen so far.
  int64_t last_type = 0;
  for (const TemplatePiece& piece : pieces) {
    if (piece.type_id < last_type || piece.type_id > 1 || (piece.type_id == 1 && texts == 0)) {
      return processor.Problem("pair", "must give type_id 0 to the first text, then 0 or 1");
    }
    last_type = piece.type_id;
    if (piece.text != 0) {
      if (texts == 2 || piece.text != "AB"[texts]) {
        return processor.Problem("pair", "must hold the Sequences A and B in this order, once");
      }
      ++texts;
      if (piece.text == 'B') pair.second_is_type_1 = piece.type_id == 1;
    } else {
      sides[texts]->insert(sides[texts]->end(), piece.ids.begin(), piece.ids.end());
      if (texts == 1 && piece.type_id == 0) pair.middle_of_type_0 += piece.ids.size();
    }
  }
  if (texts < 2) return processor.Problem("pair", "lacks a Sequence: A or B");
  if (!pair.second_is_type_1 && last_type == 1) {
    return processor.Problem("pair", "gives type_id 1 to special tokens only");
  }
  return pair;
}

// BertProcessing names its two tokens as ["[SEP]", 102].
Result<int32_t> NamedTokenId(const ModelFields& processor, const char* name) {
  ASSIGN_OR_RETURN(const ModelJson* pair, processor.Array(name));
  if (pair->size() != 2 || !(*pair)[1].is_number_integer() || (*pair)[1] < 0 ||
      (*pair)[1] > kMaxId) {
    return processor.Problem(name, "is not a token and its id");
  }
  return (*pair)[1].get<int32_t>();
}

// [CLS] A [SEP] and [CLS] A [SEP] B [SEP].
void UseBertTokens(int32_t cls, int32_t sep, Tokenizer::Parts& parts) {
  parts.prefix_ids = {cls};
  parts.suffix_ids = {sep};
  parts.pair = PairTemplate{
      .prefix_ids = {cls}, .middle_ids = {sep}, .suffix_ids = {sep}, .middle_of_type_0 = 1};
}

Status ReadPostProcessor(const ModelFields& file, Tokenizer::Parts& parts) {
  if (!file.Has("post_processor")) return OkStatus();  // No special tokens, in pairs neither.
  ASSIGN_OR_RETURN(const ModelJson* object, file.Object("post_processor"));
  const ModelFields processor(*object, StrCat(file.origin(), ": post_processor"));
  ASSIGN_OR_RETURN(const std::string type, processor.String("type"));
  if (type == "TemplateProcessing") {
    parts.pair = ReadPairTemplate(processor);
    return ReadSingleTemplate(processor, parts);
  }
  if (type == "BertProcessing") {
    ASSIGN_OR_RETURN(const int32_t cls, NamedTokenId(processor, "cls"));
    ASSIGN_OR_RETURN(const int32_t sep, NamedTokenId(processor, "sep"));
    UseBertTokens(cls, sep, parts);
    return OkStatus();
  }
  return InvalidArgument(file.origin(),
                         ": this tokenizer has only the post_processor TemplateProcessing or "
                         "BertProcessing, not ",
                         type);
}

// Returns the name of a special token in tokenizer_config.json, which is text or an object.
Result<std::string> SpecialTokenName(const ModelFields& config, const char* name,
                                     const std::string& fallback) {
  const ModelJson* value = config.Find(name);
  if (value == nullptr || !value->is_object()) return config.String(name, fallback);
  return ModelFields(*value, StrCat(config.origin(), ": ", name)).String("content");
}

std::vector<WordPiece::Entry> VocabularyLines(std::string_view text) {
  std::vector<WordPiece::Entry> entries;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    entries.emplace_back(line, static_cast<int32_t>(entries.size()));
  }
  return entries;
}

Result<Tokenizer> LoadVocabulary(const std::string& model_dir) {
  const std::string vocabulary_path = model_dir + "/vocab.txt";
  const std::string config_path = model_dir + "/tokenizer_config.json";
  Result<std::string> vocabulary = ReadModelFile(vocabulary_path);
  if (!vocabulary.ok()) {
    return InvalidArgument("no tokenizer: expected tokenizer.json or vocab.txt in ", model_dir);
  }
  ModelJson json = ModelJson::object();
  if (Result<std::string> text = ReadModelFile(config_path); text.ok()) {
    ASSIGN_OR_RETURN(json, ParseModelJson(*text, config_path));
  } else if (text.status().code() != StatusCode::kNotFound) {
    return text.status();
  }
  const ModelFields config(json, config_path);
  BertNormalizer normalizer;
  ASSIGN_OR_RETURN(normalizer.lowercase, config.Bool("do_lower_case", true));
  ASSIGN_OR_RETURN(normalizer.strip_accents, config.Bool("strip_accents", normalizer.lowercase));
  ASSIGN_OR_RETURN(normalizer.handle_chinese_chars, config.Bool("tokenize_chinese_chars", true));
  WordPieceOptions options;
  ASSIGN_OR_RETURN(options.unknown_token, SpecialTokenName(config, "unk_token", "[UNK]"));

  Result<WordPiece> word_piece = WordPiece::Build(VocabularyLines(*vocabulary), options);
  if (!word_piece.ok()) return word_piece.status().Annotate(vocabulary_path);
  Tokenizer::Parts parts{.normalizer = normalizer, .word_piece = *std::move(word_piece)};
  const std::pair<const char*, const char*> kSpecialTokens[] = {
      {"cls_token", "[CLS]"}, {"sep_token", "[SEP]"},   {"pad_token", "[PAD]"},
      {"unk_token", "[UNK]"}, {"mask_token", "[MASK]"},
  };
  int32_t cls = -1;
  int32_t sep = -1;
  for (const auto& [field, fallback] : kSpecialTokens) {
    ASSIGN_OR_RETURN(const std::string name, SpecialTokenName(config, field, fallback));
    const int32_t id = parts.word_piece.Find(name);
    const bool is_cls = std::string_view(field) == "cls_token";
    const bool is_sep = std::string_view(field) == "sep_token";
    if (id < 0) {
      if (!is_cls && !is_sep) continue;
      return InvalidArgument(vocabulary_path, ": the special token is missing: ", name);
    }
    if (is_cls) cls = id;
    if (is_sep) sep = id;
    parts.added_tokens.push_back({.content = name, .id = id});
  }
  UseBertTokens(cls, sep, parts);
  return Tokenizer(std::move(parts));
}

}  // namespace

Result<Tokenizer> Tokenizer::FromTokenizerJson(std::string_view json, const std::string& origin) {
  ASSIGN_OR_RETURN(const ModelJson document, ParseModelJson(json, origin));
  const ModelFields file(document, origin);
  TRY(PartOfType(file, "pre_tokenizer", "BertPreTokenizer").status());
  ASSIGN_OR_RETURN(const ModelFields normalizer, PartOfType(file, "normalizer", "BertNormalizer"));
  ASSIGN_OR_RETURN(const BertNormalizer settings, ReadNormalizer(normalizer));
  ASSIGN_OR_RETURN(WordPiece word_piece, ReadWordPiece(file));
  Parts parts{.normalizer = settings, .word_piece = std::move(word_piece)};
  ASSIGN_OR_RETURN(parts.added_tokens, ReadAddedTokens(file));
  TRY(ReadPostProcessor(file, parts));
  return Tokenizer(std::move(parts));
}

Result<Tokenizer> Tokenizer::Load(const std::string& model_dir) {
  const std::string path = model_dir + "/tokenizer.json";
  Result<std::string> text = ReadModelFile(path);
  if (text.ok()) return FromTokenizerJson(*text, path);
  if (text.status().code() != StatusCode::kNotFound) return text.status();
  return LoadVocabulary(model_dir);
}

}  // namespace lakehouse::ai
