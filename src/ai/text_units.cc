#include "ai/text_units.h"

#include <algorithm>
#include <memory>
#include <optional>

#include <unicode/brkiter.h>
#include <unicode/locid.h>
#include <unicode/uchar.h>
#include <unicode/utext.h>

#include "ai/unicode/character_class.h"
#include "base/check.h"

namespace lakehouse::ai {
namespace {

char32_t CodePointAt(std::string_view text, size_t position) { return DecodeUtf8(text, position); }

int32_t ClusterClass(char32_t c) {
  return u_getIntPropertyValue(static_cast<UChar32>(c), UCHAR_GRAPHEME_CLUSTER_BREAK);
}

// Says whether two characters belong to one grapheme cluster by the rules that need no more than
// them (Unicode Standard Annex 29, GB3 to GB5 and GB9 to GB9b).
bool IsOneCluster(char32_t first, char32_t second) {
  const auto is_control = [](int32_t value) {
    return value == U_GCB_CONTROL || value == U_GCB_CR || value == U_GCB_LF;
  };
  const int32_t left = ClusterClass(first);
  const int32_t right = ClusterClass(second);
  if (left == U_GCB_CR && right == U_GCB_LF) return true;
  if (is_control(left) || is_control(right)) return false;
  return left == U_GCB_PREPEND || right == U_GCB_EXTEND || right == U_GCB_ZWJ ||
         right == U_GCB_SPACING_MARK;
}

// Finds boundaries of one kind (Unicode Standard Annex 29) in UTF-8, but for those of sentences and
// words that lie within a grapheme cluster: after a character that is written before its base.
class Boundaries {
 public:
  using Factory = icu::BreakIterator* (*)(const icu::Locale&, UErrorCode&);

  explicit Boundaries(Factory factory) {
    UErrorCode error = U_ZERO_ERROR;
    iterator_.reset(factory(icu::Locale::getRoot(), error));
    CHECK(U_SUCCESS(error));
  }
  ~Boundaries() { utext_close(text_); }
  Boundaries(const Boundaries&) = delete;
  Boundaries& operator=(const Boundaries&) = delete;

  // Calls `visit(begin, end)` for each piece of `text`.
  template <typename Visit>
  void ForEach(std::string_view text, Visit visit) {
    UErrorCode error = U_ZERO_ERROR;
    text_ = utext_openUTF8(text_, text.data(), static_cast<int64_t>(text.size()), &error);
    iterator_->setText(text_, error);
    CHECK(U_SUCCESS(error));
    iterator_->first();
    size_t begin = 0;
    for (int32_t end = iterator_->next(); end != icu::BreakIterator::DONE;
         end = iterator_->next()) {
      const auto position = static_cast<size_t>(end);
      if (position < text.size() &&
          IsOneCluster(CodePointAt(text, PreviousCodePoint(text, position)),
                       CodePointAt(text, position))) {
        continue;
      }
      visit(begin, position);
      begin = position;
    }
  }

 private:
  std::unique_ptr<icu::BreakIterator> iterator_;
  UText* text_ = nullptr;
};

// Returns the range between leading and trailing white space.
TextUnit BetweenWhitespace(std::string_view text) {
  TextUnit range;
  bool found = false;
  for (size_t i = 0; i < text.size();) {
    const size_t begin = i;
    if (IsWhitespace(DecodeUtf8(text, i))) continue;
    if (!found) range.begin = begin;
    found = true;
    range.end = i;
  }
  return range;
}

// A paragraph, heading or fence of code.
struct Block {
  size_t begin = 0;
  size_t end = 0;
  bool is_heading = false;
};

// What a line means to Markdown.
struct Line {
  std::string_view text;  // With its end.
  bool is_blank = false;
  bool is_heading = false;
  char fence = 0;  // '`' or '~' when it may open or close a fence of code.
  size_t fence_length = 0;
};

Line ReadLine(std::string_view rest) {
  const size_t stop = rest.find_first_of("\r\n");
  size_t end = stop == std::string_view::npos ? rest.size() : stop + 1;
  if (end < rest.size() && rest[end - 1] == '\r' && rest[end] == '\n') ++end;
  Line line{.text = rest.substr(0, end)};
  const size_t indent = line.text.find_first_not_of(" \t\f\v\r\n");
  line.is_blank = indent == std::string_view::npos;
  if (line.is_blank || indent > 3) return line;
  const std::string_view content = line.text.substr(indent);
  const size_t run = std::min(content.find_first_not_of(content[0]), content.size());
  if (content[0] == '#') {
    line.is_heading =
        run <= 6 && (run == content.size() ||
                     std::string_view(" \t\r\n").find(content[run]) != std::string_view::npos);
  } else if ((content[0] == '`' || content[0] == '~') && run >= 3) {
    line.fence = content[0];
    line.fence_length = run;
  }
  return line;
}

std::vector<Block> SplitIntoBlocks(std::string_view text) {
  std::vector<Block> blocks;
  std::optional<Block> open;
  std::optional<Line> fence;  // The line that opened the fence we are in.
  const auto close = [&] {
    if (open.has_value()) blocks.push_back(*open);
    open.reset();
  };
  for (size_t begin = 0; begin < text.size();) {
    const Line line = ReadLine(text.substr(begin));
    const size_t end = begin + line.text.size();
    if (fence.has_value()) {
      open->end = end;
      if (line.fence == fence->fence && line.fence_length >= fence->fence_length) {
        fence.reset();
        close();
      }
    } else if (line.is_blank) {
      close();
    } else if (line.is_heading || line.fence != 0) {
      close();
      open = Block{begin, end, line.is_heading};
      if (line.is_heading) close();
      if (line.fence != 0) fence = line;
    } else if (open.has_value()) {
      open->end = end;
    } else {
      open = Block{begin, end, false};
    }
    begin = end;
  }
  close();
  return blocks;
}

// Makes the units of one text; its boundary finders are made when first needed.
class UnitSplitter {
 public:
  UnitSplitter(std::string_view text, size_t max_tokens, const UnitCounter& count)
      : text_(text), max_tokens_(max_tokens), count_(count) {}

  void AddBlock(const Block& block) {
    const size_t first = units_.size();
    sentences_.ForEach(
        text_.substr(block.begin, block.end - block.begin),
        [&](size_t begin, size_t end) { AddSentence(block.begin + begin, block.begin + end); });
    if (units_.size() == first) return;
    units_[first].is_heading = block.is_heading;
    for (size_t i = first; i < units_.size(); ++i) units_[first].block_tokens += units_[i].tokens;
  }

  std::vector<TextUnit> Take() { return std::move(units_); }

 private:
  // Adds a piece unless it is blank or too long; says whether the piece is dealt with.
  bool AddIfFits(size_t begin, size_t end) {
    TextUnit unit = TrimToUnit(text_.substr(begin, end - begin));
    if (unit.begin == unit.end) return true;
    unit.begin += begin;
    unit.end += begin;
    unit.tokens = count_(text_.substr(unit.begin, unit.end - unit.begin));
    if (unit.tokens > max_tokens_) return false;
    units_.push_back(unit);
    return true;
  }

  void AddSentence(size_t begin, size_t end) {
    const size_t first = units_.size();
    if (!AddIfFits(begin, end)) {
      if (!words_.has_value()) words_.emplace(icu::BreakIterator::createWordInstance);
      words_->ForEach(text_.substr(begin, end - begin), [&](size_t from, size_t to) {
        if (!AddIfFits(begin + from, begin + to)) AddGraphemes(begin + from, begin + to);
      });
    }
    if (units_.size() > first) units_[first].starts_sentence = true;
  }

  void AddGraphemes(size_t begin, size_t end) {
    if (!graphemes_.has_value()) graphemes_.emplace(icu::BreakIterator::createCharacterInstance);
    graphemes_->ForEach(text_.substr(begin, end - begin), [&](size_t from, size_t to) {
      if (AddIfFits(begin + from, begin + to)) return;
      const size_t tokens = count_(text_.substr(begin + from, to - from));
      units_.push_back({.begin = begin + from, .end = begin + to, .tokens = tokens});
    });
  }

  const std::string_view text_;
  const size_t max_tokens_;
  const UnitCounter& count_;
  std::vector<TextUnit> units_;
  Boundaries sentences_{icu::BreakIterator::createSentenceInstance};
  std::optional<Boundaries> words_;
  std::optional<Boundaries> graphemes_;
};

}  // namespace

TextUnit TrimToUnit(std::string_view text) {
  TextUnit range = BetweenWhitespace(text);
  if (range.begin == range.end) return range;
  if (range.begin > 0) {
    const size_t space = PreviousCodePoint(text, range.begin);
    if (IsOneCluster(CodePointAt(text, space), CodePointAt(text, range.begin))) range.begin = space;
  }
  if (range.end < text.size()) {
    const char32_t last = CodePointAt(text, PreviousCodePoint(text, range.end));
    size_t after_space = range.end;
    if (IsOneCluster(last, DecodeUtf8(text, after_space))) range.end = after_space;
  }
  return range;
}

std::vector<TextUnit> SplitIntoUnits(std::string_view text, size_t max_tokens,
                                     const UnitCounter& count) {
  UnitSplitter splitter(text, max_tokens, count);
  for (const Block& block : SplitIntoBlocks(text)) splitter.AddBlock(block);
  return splitter.Take();
}

}  // namespace lakehouse::ai
