// What a search must answer, worked out the slow way, for the tests of this module.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "ai/chunker.h"
#include "base/metrics.h"
#include "search/hashed_words_model.h"
#include "search/test_lake.h"

namespace lakehouse::search {

// Words of a small vocabulary, so that texts share some.
inline std::string RandomText(Rng& rng, size_t words) {
  std::string text;
  for (size_t i = 0; i < words; ++i) StrAppend(text, i == 0 ? "" : " ", "word", rng.Below(60));
  return text;
}

// Rows of one to forty words, so of one to a few chunks.
inline std::vector<TestRow> RandomRows(Rng& rng, size_t count) {
  std::vector<TestRow> rows;
  for (size_t i = 0; i < count; ++i) {
    rows.push_back({StrCat("doc-", i), RandomText(rng, 1 + rng.Below(40))});
  }
  return rows;
}

// Every chunk that an index of the rows has, in order.
inline std::vector<SearchHit> ChunksOf(const std::vector<TestRow>& rows,
                                       const ai::EmbeddingModel& model, const IndexInfo& index) {
  std::vector<SearchHit> chunks;
  for (const TestRow& row : rows) {
    if (!row.id.has_value() || !row.text.has_value()) continue;
    int64_t chunk_idx = 0;
    for (const ai::Chunk& range :
         ai::ChunkText(*row.text,
                       {.max_tokens = static_cast<size_t>(index.chunk_tokens),
                       .overlap_tokens = static_cast<size_t>(index.overlap_tokens)},
                       [&](std::string_view text) { return model.CountTokens(text); })) {
      chunks.push_back({.doc_id = *row.id,
                        .chunk_idx = chunk_idx++,
                        .text = row.text->substr(range.begin, range.end - range.begin),
                        .begin = range.begin,
                        .end = range.end});
    }
  }
  return chunks;
}

inline double CosineOf(const std::vector<float>& a, const std::vector<float>& b) {
  double dot = 0, norm_a = 0, norm_b = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    dot += static_cast<double>(a[i]) * b[i];
    norm_a += static_cast<double>(a[i]) * a[i];
    norm_b += static_cast<double>(b[i]) * b[i];
  }
  return dot / std::sqrt(norm_a * norm_b);
}

// Expects the min(k, chunks) nearest chunks with their scores. Chunks nearer together than float
// precision may stand in either order.
inline void ExpectNearest(const std::vector<SearchHit>& results,
                          const std::vector<SearchHit>& chunks, const std::string& query,
                          int64_t k) {
  const std::vector<float> query_vector = HashedWordsModel::VectorOf(query);
  std::vector<double> scores;
  for (const SearchHit& chunk : chunks) {
    scores.push_back(CosineOf(query_vector, HashedWordsModel::VectorOf(chunk.text)));
  }
  std::vector<double> sorted = scores;
  std::ranges::sort(sorted, std::greater<>());
  ASSERT_EQ(results.size(), std::min<size_t>(static_cast<size_t>(k), chunks.size()));
  for (size_t i = 0; i < results.size(); ++i) {
    EXPECT_NEAR(results[i].score, sorted[i], 1e-5) << i;
    const auto chunk = std::ranges::find_if(chunks, [&](const SearchHit& candidate) {
      return candidate.doc_id == results[i].doc_id && candidate.chunk_idx == results[i].chunk_idx;
    });
    ASSERT_NE(chunk, chunks.end()) << results[i].doc_id;
    EXPECT_EQ(results[i].text, chunk->text);
    EXPECT_EQ(results[i].begin, chunk->begin);
    EXPECT_EQ(results[i].end, chunk->end);
    EXPECT_NEAR(results[i].score, scores[static_cast<size_t>(chunk - chunks.begin())], 1e-5);
  }
}

inline int64_t ResidentBytes(MetricsRegistry& metrics) {
  return metrics
      .GetGauge("lakehouse_index_resident_bytes", "Memory of the indexes that are loaded.")
      .value();
}

// Lets a test decide how many calls to the model pass; the others wait, but not so long that a
// failed test would hang.
class Gate {
 public:
  void Pass(uint64_t call) {
    std::unique_lock lock(mutex_);
    opened_.wait_for(lock, std::chrono::seconds(30), [&] { return call <= allowed_; });
  }
  // Lets the first `calls` calls pass.
  void AllowCalls(uint64_t calls) {
    const std::scoped_lock lock(mutex_);
    allowed_ = std::max(allowed_, calls);
    opened_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable opened_;
  uint64_t allowed_ = 0;
};

}  // namespace lakehouse::search
