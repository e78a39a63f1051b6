#include "ai/chunker/boundaries.h"

#include <unicode/locid.h>
#include <unicode/uchar.h>

#include "ai/unicode/character_class.h"
#include "base/check.h"

namespace lakehouse::ai {
namespace {

char32_t CodePointAt(std::string_view text, size_t position) { return DecodeUtf8(text, position); }

int32_t ClusterClass(char32_t c) {
  return u_getIntPropertyValue(static_cast<UChar32>(c), UCHAR_GRAPHEME_CLUSTER_BREAK);
}

std::unique_ptr<icu::BreakIterator> MakeIterator(Boundaries::Kind kind) {
  UErrorCode error = U_ZERO_ERROR;
  const icu::Locale& locale = icu::Locale::getRoot();
  std::unique_ptr<icu::BreakIterator> iterator;
  switch (kind) {
    case Boundaries::Kind::kSentences:
      iterator.reset(icu::BreakIterator::createSentenceInstance(locale, error));
      break;
    case Boundaries::Kind::kWords:
      iterator.reset(icu::BreakIterator::createWordInstance(locale, error));
      break;
    case Boundaries::Kind::kClusters:
      iterator.reset(icu::BreakIterator::createCharacterInstance(locale, error));
      break;
  }
  CHECK(U_SUCCESS(error));
  return iterator;
}

}  // namespace

bool IsOneCluster(char32_t first, char32_t second) {
  const auto is_control = [](int32_t value) {
    return value == U_GCB_CONTROL || value == U_GCB_CR || value == U_GCB_LF;
  };
  // Most pairs are of ASCII, of which only CR and LF join.
  if (first < 0x80 && second < 0x80) return first == '\r' && second == '\n';
  const int32_t left = ClusterClass(first);
  const int32_t right = ClusterClass(second);
  if (is_control(left) || is_control(right)) return false;
  return left == U_GCB_PREPEND || right == U_GCB_EXTEND || right == U_GCB_ZWJ ||
         right == U_GCB_SPACING_MARK;
}

TextRange TrimWhitespace(std::string_view text, TextRange range) {
  size_t begin = range.begin;
  for (size_t next = begin; begin < range.end; begin = next) {
    if (!IsWhitespace(DecodeUtf8(text, next))) break;
  }
  if (begin == range.end) return {begin, begin};
  if (begin > range.begin) {
    const size_t space = PreviousCodePoint(text, begin);
    if (IsOneCluster(CodePointAt(text, space), CodePointAt(text, begin))) begin = space;
  }
  size_t end = range.end;
  while (end > begin) {
    const size_t last = PreviousCodePoint(text, end);
    size_t after = last;
    if (!IsWhitespace(DecodeUtf8(text, after)) || after != end) break;
    end = last;
  }
  if (end < range.end) {
    const char32_t last = CodePointAt(text, PreviousCodePoint(text, end));
    size_t after_space = end;
    if (IsOneCluster(last, DecodeUtf8(text, after_space))) end = after_space;
  }
  return {begin, end};
}

Boundaries::Boundaries(Kind kind) : iterator_(MakeIterator(kind)) {}

Boundaries::~Boundaries() { utext_close(utext_); }

void Boundaries::SetText(std::string_view text) {
  UErrorCode error = U_ZERO_ERROR;
  text_ = text;
  utext_ = utext_openUTF8(utext_, text.data(), static_cast<int64_t>(text.size()), &error);
  iterator_->setText(utext_, error);
  CHECK(U_SUCCESS(error));
  iterator_->first();
}

size_t Boundaries::Next() {
  while (true) {
    const int32_t boundary = iterator_->next();
    if (boundary == icu::BreakIterator::DONE) return 0;
    const auto position = static_cast<size_t>(boundary);
    if (position == text_.size() ||
        !IsOneCluster(CodePointAt(text_, PreviousCodePoint(text_, position)),
                      CodePointAt(text_, position))) {
      return position;
    }
  }
}

}  // namespace lakehouse::ai
