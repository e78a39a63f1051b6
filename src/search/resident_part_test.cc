#include "search/resident_part.h"

#include <limits>

#include <gtest/gtest.h>

namespace lakehouse::search {
namespace {

ChunkTable SampleChunks() {
  ChunkTable chunks;
  chunks.doc_ids = {"a", "", "a-very-long-identifier-that-no-small-string-holds"};
  chunks.chunk_idxs = {0, 1, 2};
  chunks.texts = {"", "Grüße", "x"};
  chunks.begins = {0, 10, 20};
  chunks.ends = {0, 17, 21};
  chunks.vectors = {1, 0, 0, 1, 1, 1};
  return chunks;
}

TEST(ResidentPartTest, GivesBackEveryChunk) {
  const ChunkTable chunks = SampleChunks();
  const Result<ResidentPart> part = ResidentPart::Create(chunks, 2);
  ASSERT_TRUE(part.ok());
  ASSERT_EQ(part->chunks(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    const SearchHit hit = part->HitAt(i, 0.5f);
    EXPECT_EQ(hit.doc_id, chunks.doc_ids[i]);
    EXPECT_EQ(hit.chunk_idx, chunks.chunk_idxs[i]);
    EXPECT_EQ(hit.text, chunks.texts[i]);
    EXPECT_EQ(hit.begin, static_cast<uint64_t>(chunks.begins[i]));
    EXPECT_EQ(hit.end, static_cast<uint64_t>(chunks.ends[i]));
    EXPECT_EQ(hit.score, 0.5f);
    EXPECT_EQ(part->doc_id(i), chunks.doc_ids[i]);
  }
  EXPECT_EQ(part->vectors().size(), 3u);
  EXPECT_GT(part->resident_bytes(), 3 * 2 * sizeof(float));
}

TEST(ResidentPartTest, RefusesRaggedColumnsAndBadVectors) {
  for (const int column : {0, 1, 2, 3, 4, 5}) {
    ChunkTable chunks = SampleChunks();
    if (column == 0) chunks.doc_ids.pop_back();
    if (column == 1) chunks.chunk_idxs.pop_back();
    if (column == 2) chunks.texts.pop_back();
    if (column == 3) chunks.begins.pop_back();
    if (column == 4) chunks.ends.pop_back();
    if (column == 5) chunks.vectors.pop_back();
    EXPECT_EQ(ResidentPart::Create(chunks, 2).status().code(), StatusCode::kInvalidArgument)
        << column;
  }
  ChunkTable nan = SampleChunks();
  nan.vectors[3] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_FALSE(ResidentPart::Create(nan, 2).ok());
  EXPECT_FALSE(ResidentPart::Create(SampleChunks(), 3).ok());
}

}  // namespace
}  // namespace lakehouse::search
