#include "ai/chunker/long_text_splitter.h"

#include <algorithm>

#include "ai/unicode/character_class.h"

namespace lakehouse::ai {
namespace {

// Dictionaries take memory for all of the text they are given.
constexpr size_t kMinWindowBytes = 16 << 10;
constexpr size_t kPartsOfBudget = 8;

}  // namespace

LongTextSplitter::LongTextSplitter(std::string_view text, size_t budget, const PieceCost& cost)
    : text_(text),
      budget_(budget),
      joined_cost_(std::max<size_t>(1, budget / kPartsOfBudget)),
      // A cluster that fills a window is too long for a chunk, too.
      window_bytes_(std::max(kMinWindowBytes, (budget + 1) * kMaxBytesPerToken)),
      cost_(cost) {}

const std::vector<LongTextSplitter::Piece>& LongTextSplitter::Split(TextRange range) {
  pieces_.clear();
  if (!words_.has_value()) words_.emplace(Boundaries::Kind::kWords);
  while (range.begin < range.end) {
    const size_t window_end = FindWindowEnd(range);
    const bool is_last = window_end == range.end;
    words_->SetText(TextOf({range.begin, window_end}));
    // The last word of a window may go on behind it, so the next window begins with it again.
    std::optional<TextRange> last_word;
    size_t begin = range.begin;
    for (size_t size = words_->Next(); size > 0; size = words_->Next()) {
      const size_t end = range.begin + size;
      if (last_word.has_value()) AddWord(*last_word);
      last_word = TextRange{begin, end};
      begin = end;
    }
    if (is_last) {
      AddWord(*last_word);
      break;
    }
    if (last_word->begin > range.begin) {
      range.begin = last_word->begin;
    } else {
      range.begin = AddClustersOfWindow({range.begin, window_end}, false);
    }
  }
  JoinParts();
  return pieces_;
}

size_t LongTextSplitter::FindWindowEnd(TextRange range) const {
  if (range.end - range.begin <= window_bytes_) return range.end;
  size_t end = range.begin + window_bytes_;
  while (end > range.begin + 1 && (text_[end] & 0xC0) == 0x80) --end;
  return end;
}

void LongTextSplitter::AddWord(TextRange word) {
  const TextRange trimmed = TrimWhitespace(text_, word);
  if (trimmed.empty()) return;
  const size_t cost = cost_(TextOf(trimmed));
  if (cost <= budget_) {
    AddPart(trimmed, cost);
  } else {
    AddClusters(trimmed);
  }
}

void LongTextSplitter::AddClusters(TextRange range) {
  while (range.begin < range.end) {
    const size_t window_end = FindWindowEnd(range);
    range.begin = AddClustersOfWindow({range.begin, window_end}, window_end == range.end);
  }
}

// Returns where the next window begins: at the last cluster, which may go on behind this one.
size_t LongTextSplitter::AddClustersOfWindow(TextRange window, bool is_last) {
  if (!clusters_.has_value()) clusters_.emplace(Boundaries::Kind::kClusters);
  clusters_->SetText(TextOf(window));
  size_t begin = window.begin;
  for (size_t size = clusters_->Next(); size > 0; size = clusters_->Next()) {
    const size_t end = window.begin + size;
    if (end == window.end && !is_last && begin > window.begin) return begin;
    AddCluster({begin, end});
    begin = end;
  }
  return window.end;
}

void LongTextSplitter::AddCluster(TextRange cluster) {
  const size_t cost = cost_(TextOf(cluster));
  if (cost <= budget_) {
    if (!TrimWhitespace(text_, cluster).empty()) AddPart(cluster, cost);
    return;
  }
  for (size_t i = cluster.begin; i < cluster.end;) {
    const size_t begin = i;
    if (IsWhitespace(DecodeUtf8(text_, i))) continue;
    AddPart({begin, i}, cost_(TextOf({begin, i})));
  }
}

void LongTextSplitter::AddPart(TextRange range, size_t cost) {
  if (!parts_.empty() && parts_cost_ + cost > joined_cost_) JoinParts();
  parts_.push_back({range, cost});
  parts_cost_ += cost;
}

void LongTextSplitter::JoinParts() {
  if (parts_.size() > 1) {
    const TextRange joined{parts_.front().range.begin, parts_.back().range.end};
    const size_t cost = cost_(TextOf(joined));
    if (cost <= budget_) parts_ = {{joined, cost}};
  }
  pieces_.insert(pieces_.end(), parts_.begin(), parts_.end());
  parts_.clear();
  parts_cost_ = 0;
}

}  // namespace lakehouse::ai
