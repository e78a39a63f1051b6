#include "search/embedding_pipeline.h"

#include <algorithm>
#include <atomic>
#include <set>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/hash.h"
#include "search/brute_force.h"
#include "search/hashed_words_model.h"
#include "search/test_lake.h"
#include "support/temp_dir.h"
#include "support/test_seed.h"

namespace lakehouse::search {
namespace {

using ::testing::HasSubstr;
using Answer = HashedWordsModel::Answer;

class EmbeddingPipelineTest : public ::testing::Test {
 protected:
  static constexpr uint64_t kRowsPerPart = 10;

  void SetUp() override {
    rows_[7].id = std::nullopt;
    rows_[8].text = std::nullopt;
    rows_[9].text = " \n";
    lake_.Commit("people", rows_);
    dataset_ = *lake_.catalog().Get(*DatasetName::Parse("people"));
    index_.source_files = SourceFilesOf(*dataset_);
    index_.id_column = "id";
    index_.text_column = "text";
    index_.chunk_tokens = 16;
    index_.overlap_tokens = 2;
    index_.rows_total = rows_.size();
  }

  std::unique_ptr<EmbeddingPipeline> Start(uint64_t first_row = 0) {
    index_.rows_done = first_row;
    return std::make_unique<EmbeddingPipeline>(
        TestLake::Take(SourceReader::Open(lake_.engine(), *dataset_, index_, cancel_)),
        EmbeddingPipelineOptions{.model = &model_,
                                 .chunker = {.max_tokens = 16, .overlap_tokens = 2},
                                 .first_row = first_row,
                                 .rows_total = index_.rows_total,
                                 .rows_per_part = kRowsPerPart,
                                 .report =
                                     [this](uint64_t rows) {
                                       EXPECT_GT(rows, reported_);
                                       reported_ = rows;
                                     },
                                 .cancel = cancel_});
  }

  testing::TempDir directory_;
  Rng rng_{testing::TestSeed()};
  std::vector<TestRow> rows_ = RandomRows(rng_, 95);
  HashedWordsModel model_;
  TestLake lake_{directory_.path(), &model_};
  catalog::DatasetPtr dataset_;
  IndexInfo index_{.name = *IndexName::Parse("people_v1"),
                   .source = *DatasetName::Parse("people"),
                   .bucket = *BucketName::Parse("primary")};
  CancelToken cancel_;
  std::atomic<uint64_t> reported_ = 0;
};

TEST_F(EmbeddingPipelineTest, GivesEveryRowAndPieceOnceAndInOrder) {
  for (const uint64_t first_row : {0u, 33u, 95u}) {
    SCOPED_TRACE(first_row);
    reported_ = first_row;
    const uint64_t embedded_before = model_.documents_embedded();
    const auto pipeline = Start(first_row);
    uint64_t row = first_row, pieces = 0;
    std::vector<SearchHit> chunks;
    while (true) {
      const auto batch = TestLake::Take(pipeline->Next());
      if (batch == nullptr) break;
      EXPECT_EQ(batch->first_row, row);
      for (const SourceRow& source : batch->rows) EXPECT_EQ(source.id, rows_[row++].id);
      pieces += batch->pieces.size();
      for (const PartBatch::Piece& piece : batch->pieces) {
        EXPECT_TRUE(piece.failure.ok());
        EXPECT_EQ(piece.embedding, HashedWordsModel::VectorOf(ai::ChunkTextForEmbedding(
                                       *batch->rows[piece.row].text, piece.chunk)));
        chunks.push_back({.doc_id = *batch->rows[piece.row].id,
                          .chunk_idx = piece.chunk_idx,
                          .text = batch->TextOf(piece)});
      }
    }
    EXPECT_EQ(row, rows_.size());
    EXPECT_EQ(reported_, rows_.size());
    EXPECT_EQ(model_.documents_embedded() - embedded_before, pieces);
    const std::vector<TestRow> rest(rows_.begin() + static_cast<ptrdiff_t>(first_row), rows_.end());
    const std::vector<SearchHit> expected = ChunksOf(rest, model_, index_);
    ASSERT_EQ(chunks.size(), expected.size());
    for (size_t i = 0; i < chunks.size(); ++i) {
      EXPECT_EQ(chunks[i].doc_id, expected[i].doc_id);
      EXPECT_EQ(chunks[i].chunk_idx, expected[i].chunk_idx);
      EXPECT_EQ(chunks[i].text, expected[i].text);
    }
  }
}

TEST_F(EmbeddingPipelineTest, ModelIsKeptBusyWhileNobodyTakesParts) {
  const auto pipeline = Start();
  while (reported_ < 4 * kRowsPerPart) std::this_thread::yield();
  EXPECT_LE(reported_, 4 * kRowsPerPart) << "but memory is bounded";
  while (TestLake::Take(pipeline->Next()) != nullptr) {
  }
}

TEST_F(EmbeddingPipelineTest, PartsBeforeAnErrorAreGivenOut) {
  Gate gate;
  model_.OnCall([&](uint64_t call) { gate.Pass(call); });
  gate.AllowCalls(1);
  const auto pipeline = Start();
  ASSERT_TRUE(pipeline->Next().ok());
  model_.OnText([](const std::string&) { return Answer(Unavailable("the server is busy")); });
  gate.AllowCalls(1'000);
  Result<std::unique_ptr<PartBatch>> next = pipeline->Next();
  // A call that was let through with the first one may have ended well.
  while (next.ok() && *next != nullptr) next = pipeline->Next();
  EXPECT_EQ(next.status().code(), StatusCode::kUnavailable);
  EXPECT_TRUE(pipeline->model_failed());
  EXPECT_EQ(pipeline->Next().status().code(), StatusCode::kUnavailable) << "there is no more";
}

TEST_F(EmbeddingPipelineTest, RefusedTextFailsAlone) {
  model_.OnText([](const std::string& text) -> std::optional<Answer> {
    if (text.find("word17") == std::string::npos) return std::nullopt;
    return Answer(InvalidArgument("refused"));
  });
  const auto pipeline = Start();
  size_t failed = 0, expected = 0;
  while (true) {
    const auto batch = TestLake::Take(pipeline->Next());
    if (batch == nullptr) break;
    for (const PartBatch::Piece& piece : batch->pieces) {
      const bool is_bad =
          ai::ChunkTextForEmbedding(*batch->rows[piece.row].text, piece.chunk).find("word17") !=
          std::string::npos;
      EXPECT_EQ(piece.failure.ok(), !is_bad);
      EXPECT_EQ(piece.embedding.empty(), is_bad);
      failed += !piece.failure.ok();
      expected += is_bad;
    }
  }
  EXPECT_EQ(failed, expected);
  EXPECT_GT(failed, 0u);
}

TEST_F(EmbeddingPipelineTest, MissingRowsAreAnErrorOfTheDataset) {
  index_.rows_total = rows_.size() + 1;
  const auto pipeline = Start();
  Result<std::unique_ptr<PartBatch>> next = pipeline->Next();
  while (next.ok()) next = pipeline->Next();
  EXPECT_EQ(next.status().code(), StatusCode::kInternal);
  EXPECT_THAT(next.status().message(), HasSubstr("95 instead of 96"));
  EXPECT_FALSE(pipeline->model_failed());
}

TEST_F(EmbeddingPipelineTest, CancelAndCloseEndWhatIsUnderWay) {
  Gate gate;
  model_.OnCall([&](uint64_t call) { gate.Pass(call); });
  auto pipeline = Start();
  std::thread canceller([&] {
    cancel_.Cancel();
    gate.AllowCalls(1'000);
  });
  EXPECT_EQ(pipeline->Next().status().code(), StatusCode::kCancelled);
  canceller.join();
  pipeline.reset();
  // Closing while parts are under way must not hang either.
  cancel_ = CancelToken();
  reported_ = 0;
  Start().reset();
}

}  // namespace
}  // namespace lakehouse::search
