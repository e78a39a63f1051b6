#include "ai/tokenizer/bert_normalizer.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "ai/unicode/character_class.h"
#include "ai/unicode/character_traits.h"

namespace lakehouse::ai {
namespace {

// A run is divided after so many bytes, at the next character that no mark moves across.
constexpr size_t kRunBytes = 1024;

bool IsAscii(char32_t c) { return c < 0x80; }

// Writes the characters of one run: decomposed, in canonical order, without marks, in lower case.
class RunWriter {
 public:
  RunWriter(const BertNormalizer& normalizer, std::u32string& out)
      : normalizer_(normalizer), out_(out) {}

  void Add(char32_t c, uint8_t traits) {
    if ((traits & kChangesTrait) == 0) {
      Flush();
      out_.push_back(c);
    } else if (!normalizer_.strip_accents) {
      Append(c);
    } else {
      decomposed_.clear();
      AppendDecomposition(decomposed_, c);
      for (const char32_t part : decomposed_) AddDecomposed(part);
    }
  }

  // Writes the characters that still wait for their order. Call it at the end of the run.
  void Flush() {
    if (waiting_.empty()) return;
    std::ranges::stable_sort(waiting_, std::ranges::less{}, &std::pair<uint8_t, char32_t>::first);
    for (const auto& [combining_class, c] : waiting_) Append(c);
    waiting_.clear();
  }

 private:
  // Marks that are dropped need no order, so few characters ever wait for theirs.
  void AddDecomposed(char32_t c) {
    const uint8_t combining_class = CombiningClass(c);
    if (combining_class == 0) Flush();
    if (IsNonspacingMark(c)) return;
    if (combining_class == 0) {
      Append(c);
    } else {
      waiting_.emplace_back(combining_class, c);
    }
  }

  void Append(char32_t c) {
    if (normalizer_.lowercase) {
      AppendLowerCase(out_, c);
    } else {
      out_.push_back(c);
    }
  }

  const BertNormalizer& normalizer_;
  std::u32string& out_;
  std::u32string decomposed_;
  std::vector<std::pair<uint8_t, char32_t>> waiting_;  // Combining class and character.
};

}  // namespace

void BertNormalizer::NormalizeRun(std::string_view text, size_t& position,
                                  std::u32string& out) const {
  RunWriter writer(*this, out);
  const size_t begin = position;
  while (position < text.size()) {
    size_t next = position;
    char32_t c = DecodeUtf8(text, next);
    const uint8_t traits = CharacterTraits(c);
    const bool is_dropped = clean_text && (traits & kDroppedTrait) != 0;
    if (IsAscii(c) && !is_dropped) break;
    if (position - begin >= kRunBytes && (traits & kJoinsTrait) == 0) break;
    position = next;
    if (is_dropped) continue;
    if (clean_text && (traits & kWhitespaceTrait) != 0) c = ' ';
    if (handle_chinese_chars && (traits & kIdeographTrait) != 0) {
      writer.Add(' ', 0);
      writer.Add(c, traits);
      writer.Add(' ', 0);
    } else {
      writer.Add(c, traits);
    }
  }
  writer.Flush();
}

std::string BertNormalizer::Normalize(std::string_view text) const {
  std::string out;
  out.reserve(text.size());
  std::u32string run;
  for (size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (!IsAscii(byte) || (clean_text && (CharacterTraits(byte) & kDroppedTrait) != 0)) {
      run.clear();
      NormalizeRun(text, i, run);
      for (const char32_t c : run) AppendUtf8(out, c);
      continue;
    }
    ++i;
    if (clean_text && IsWhitespace(byte)) {
      out.push_back(' ');
    } else if (lowercase && byte >= 'A' && byte <= 'Z') {
      out.push_back(static_cast<char>(byte + 'a' - 'A'));
    } else {
      out.push_back(static_cast<char>(byte));
    }
  }
  return out;
}

}  // namespace lakehouse::ai
