// What one caller wants encoded, as steps that the threads of an encoder take.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "ai/embedding_model.h"
#include "ai/encoder/text_encoder.h"
#include "ai/tokenizer/tokenizer.h"

namespace lakehouse::ai {

// The ids of a text that stands alone.
inline TokenPair OneText(std::vector<int32_t> ids) {
  const size_t size = ids.size();
  return {.ids = std::move(ids), .second_begin = size};
}

// Turns a text, or a text and what it is compared with, into token ids. Thread-safe. Texts without
// ids and errors are reported as the text's own.
using TokenizeText = std::function<Result<TokenPair>(const std::string& text)>;

// Texts on their way to vectors: first tokenized in slices; then those with equal ids merged,
// sorted by length and cut into batches; then encoded. Every step frees what it consumed, so that a
// large call holds the ids or the vector of a text, not both. Slices may run on several threads at
// once, and batches too; each step begins after the end of the one before.
class EncodeCall {
 public:
  // Borrows everything.
  EncodeCall(std::span<const std::string> texts, const TokenizeText& tokenize,
             const TextEncoder& encoder);

  // One step for each slice of the texts. A cost is about the tokens that one could encode
  // meanwhile.
  std::span<const size_t> slice_costs() const { return slice_costs_; }
  void TokenizeSlice(size_t slice);

  // Cuts batches of about `batch_tokens` at most, the longest texts first, and smaller ones towards
  // the end.
  struct BatchLimits {
    size_t batch_tokens = 0;
    size_t workers = 1;
  };
  void CutBatches(const BatchLimits& limits);

  // One step for each batch; costs are tokens.
  std::span<const size_t> batch_costs() const { return batch_costs_; }
  void EncodeBatch(size_t batch, TextEncoder::Workspace& workspace);

  // Tokens of all batches: duplicates count once.
  size_t encoded_tokens() const;

  // One result per text, in order. REQUIRES: every step was taken; called once.
  Embeddings TakeResults();

 private:
  void MergeDuplicates();

  const std::span<const std::string> texts_;
  const TokenizeText& tokenize_;
  const TextEncoder& encoder_;
  std::vector<size_t> slice_begins_;  // One more than there are slices.
  std::vector<size_t> slice_costs_;
  std::vector<TokenPair> tokens_;     // Of each text; emptied when it is encoded.
  std::vector<size_t> same_as_;       // The first text with the same ids.
  std::vector<size_t> order_;         // The texts to encode, the longest first.
  std::vector<size_t> batch_begins_;  // In `order_`; one more than there are batches.
  std::vector<size_t> batch_costs_;
  Embeddings results_;
};

}  // namespace lakehouse::ai
