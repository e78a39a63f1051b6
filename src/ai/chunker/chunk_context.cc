#include "ai/chunker/chunk_context.h"

#include <utility>

#include "ai/chunker/block_scanner.h"
#include "ai/chunker/boundaries.h"
#include "ai/unicode/character_class.h"
#include "base/strings.h"

namespace lakehouse::ai {

ChunkContext::ChunkContext(std::string_view text, const TextUnits& units, size_t max_tokens,
                           const PieceCost& cost)
    : text_(text), units_(units), max_tokens_(max_tokens), cost_(cost) {}

const std::string& ChunkContext::At(size_t unit) {
  Advance(unit);
  if (!is_current_) context_ = Build();
  is_current_ = true;
  return context_;
}

void ChunkContext::Advance(size_t unit) {
  for (; unit_ < unit; ++unit_) {
    if (units_.units[unit_].heading_level == 0) continue;
    LeaveSections(units_.units[unit_].heading_level);
    headings_.push_back(unit_);
    is_current_ = false;
  }
  // A heading that begins the chunk is no part of its context, nor is what it ends.
  if (units_.units[unit].heading_level > 0) LeaveSections(units_.units[unit].heading_level);
  const std::vector<HeadedRows>& rows = units_.headed_rows;
  while (rows_ < rows.size() && rows[rows_].last_unit <= unit) ++rows_;
  const HeadedRows* in_rows =
      rows_ < rows.size() && rows[rows_].first_unit <= unit ? &rows[rows_] : nullptr;
  if (std::exchange(in_rows_, in_rows) != in_rows) is_current_ = false;
}

void ChunkContext::LeaveSections(uint32_t level) {
  while (!headings_.empty() && units_.units[headings_.back()].heading_level >= level) {
    headings_.pop_back();
    is_current_ = false;
  }
}

std::string ChunkContext::Build() const {
  if (max_tokens_ == 0) return "";
  const std::string header = RepeatedHeader();
  std::string path;
  std::string context = header;
  for (size_t i = headings_.size(); i-- > 0;) {
    // A heading that was cut into units is too long for a context.
    const bool is_cut = !units_.units[headings_[i] + 1].starts_block;
    const TextUnit& unit = units_.units[headings_[i]];
    if (is_cut || unit.end - unit.begin > max_tokens_ * kMaxBytesPerToken) continue;
    const std::string heading =
        RepairUtf8(HeadingText(text_.substr(unit.begin, unit.end - unit.begin)));
    if (heading.empty()) continue;
    path = path.empty() ? heading : StrCat(heading, " > ", path);
    std::string longer = header.empty() ? path : StrCat(path, "\n", header);
    if (!Fits(longer)) break;
    context = std::move(longer);
  }
  return context;
}

std::string ChunkContext::RepeatedHeader() const {
  if (in_rows_ == nullptr) return "";
  const size_t size = in_rows_->header_end - in_rows_->header_begin;
  if (size > max_tokens_ * kMaxBytesPerToken) return "";
  const TextRange range = TrimWhitespace(text_, {in_rows_->header_begin, in_rows_->header_end});
  std::string header = RepairUtf8(text_.substr(range.begin, range.end - range.begin));
  return Fits(header) ? header : "";
}

bool ChunkContext::Fits(std::string_view context) const { return cost_(context) <= max_tokens_; }

}  // namespace lakehouse::ai
