#include "ai/encoder/encode_call.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace lakehouse::ai {
namespace {

// A slice ends after so many bytes or texts: long enough to hide the hand-over, short enough to
// keep every worker busy.
constexpr size_t kSliceBytes = size_t{1} << 16U;
constexpr size_t kSliceTexts = 256;
// Bytes that are tokenized in the time in which one token is encoded.
constexpr size_t kBytesPerTokenOfWork = 1024;
// Batches of fewer tokens are not worth spreading over more workers.
constexpr size_t kMinBatchTokens = 128;

std::string_view BytesOf(const std::vector<int32_t>& ids) {
  return {reinterpret_cast<const char*>(ids.data()), ids.size() * sizeof(ids[0])};
}

}  // namespace

EncodeCall::EncodeCall(std::span<const std::string> texts, const TokenizeText& tokenize,
                       const TextEncoder& encoder)
    : texts_(texts),
      tokenize_(tokenize),
      encoder_(encoder),
      tokens_(texts.size()),
      results_(texts.size(), std::vector<float>()) {
  size_t bytes = 0;
  slice_begins_.push_back(0);
  for (size_t i = 0; i < texts.size(); ++i) {
    bytes += texts[i].size();
    const bool is_full = bytes >= kSliceBytes || i + 1 - slice_begins_.back() == kSliceTexts;
    if (!is_full && i + 1 < texts.size()) continue;
    slice_begins_.push_back(i + 1);
    slice_costs_.push_back(1 + bytes / kBytesPerTokenOfWork);
    bytes = 0;
  }
}

void EncodeCall::TokenizeSlice(size_t slice) {
  for (size_t i = slice_begins_[slice]; i < slice_begins_[slice + 1]; ++i) {
    Result<TokenPair> tokens = tokenize_(texts_[i]);
    if (!tokens.ok()) {
      results_[i] = tokens.status();
    } else if (tokens->ids.empty()) {
      results_[i] = InvalidArgument("the text has no tokens");
    } else {
      tokens_[i] = *std::move(tokens);
    }
  }
}

void EncodeCall::MergeDuplicates() {
  same_as_.resize(texts_.size());
  // Keys are the bytes of ids, which stay where they are.
  std::unordered_multimap<std::string_view, size_t> known;
  known.reserve(texts_.size());
  for (size_t i = 0; i < texts_.size(); ++i) {
    same_as_[i] = i;
    if (tokens_[i].ids.empty()) continue;  // It has an error already.
    const std::string_view key = BytesOf(tokens_[i].ids);
    const auto [begin, end] = known.equal_range(key);
    const auto same = std::find_if(begin, end, [&](const auto& entry) {
      return tokens_[entry.second].second_begin == tokens_[i].second_begin;
    });
    if (same == end) {
      known.emplace(key, i);
      order_.push_back(i);
    } else {
      same_as_[i] = same->second;
      tokens_[i] = TokenPair();
    }
  }
}

void EncodeCall::CutBatches(const BatchLimits& limits) {
  MergeDuplicates();
  const auto length = [this](size_t i) { return tokens_[i].ids.size(); };
  std::ranges::stable_sort(order_, std::ranges::greater{}, length);
  size_t left = 0;
  for (const size_t i : order_) left += length(i);
  // Batches become smaller towards the end, so that workers finish together (guided
  // self-scheduling; Polychronopoulos and Kuck, 1987).
  const auto target = [&] {
    const size_t largest = std::max(limits.batch_tokens, kMinBatchTokens);
    return std::clamp(left / (2 * limits.workers), kMinBatchTokens, largest);
  };
  batch_begins_.push_back(0);
  size_t tokens = 0;
  for (size_t k = 0; k < order_.size(); ++k) {
    tokens += length(order_[k]);
    const size_t next = k + 1 < order_.size() ? length(order_[k + 1]) : 0;
    // A batch ends where it comes nearest to the target.
    if (next > 0 && tokens + next / 2 < target()) continue;
    batch_begins_.push_back(k + 1);
    batch_costs_.push_back(tokens);
    left -= tokens;
    tokens = 0;
  }
}

size_t EncodeCall::encoded_tokens() const {
  return std::accumulate(batch_costs_.begin(), batch_costs_.end(), size_t{0});
}

void EncodeCall::EncodeBatch(size_t batch, TextEncoder::Workspace& workspace) {
  const std::span<const size_t> members = std::span(order_).subspan(
      batch_begins_[batch], batch_begins_[batch + 1] - batch_begins_[batch]);
  const size_t dimensions = encoder_.dimensions();
  std::vector<TokenSequence> sequences;
  sequences.reserve(members.size());
  for (const size_t i : members) {
    sequences.push_back({.ids = tokens_[i].ids, .second_begin = tokens_[i].second_begin});
  }
  std::vector<float> flat(members.size() * dimensions);
  const Status status = encoder_.Encode(sequences, workspace, flat);
  for (size_t k = 0; k < members.size(); ++k) {
    const std::span<const float> vector = std::span(flat).subspan(k * dimensions, dimensions);
    Result<std::vector<float>>& result = results_[members[k]];
    if (!status.ok()) {
      result = status;
    } else if (std::ranges::all_of(vector, [](float x) { return std::isfinite(x); })) {
      result = std::vector<float>(vector.begin(), vector.end());
    } else {
      result = Internal("the encoder made a vector that is not finite");
    }
    tokens_[members[k]] = TokenPair();
  }
}

Embeddings EncodeCall::TakeResults() {
  for (size_t i = 0; i < same_as_.size(); ++i) {
    if (same_as_[i] != i) results_[i] = results_[same_as_[i]];
  }
  return std::move(results_);
}

}  // namespace lakehouse::ai
