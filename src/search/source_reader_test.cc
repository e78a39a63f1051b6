#include "search/source_reader.h"

#include <gtest/gtest.h>

#include "search/hashed_words_model.h"
#include "search/test_lake.h"
#include "support/temp_dir.h"

namespace lakehouse::search {
namespace {

class SourceReaderTest : public ::testing::Test {
 protected:
  // Appends files of numbered rows and returns the index that would embed them.
  IndexInfo CommitNumbered(const std::vector<size_t>& file_sizes) {
    uint64_t next = 0;
    for (const size_t size : file_sizes) {
      std::vector<TestRow> rows;
      for (size_t i = 0; i < size; ++i, ++next) {
        rows.push_back(
            {StrCat(next), next % 3 == 0 ? std::nullopt : std::optional(StrCat("t", next))});
      }
      lake_.Commit("people", rows, catalog::CommitMode::kAppend);
    }
    IndexInfo index{.name = *IndexName::Parse("people_v1"),
                    .source = *DatasetName::Parse("people"),
                    .bucket = *BucketName::Parse("primary")};
    index.id_column = "id";
    index.text_column = "text";
    index.source_files = SourceFilesOf(*Dataset());
    index.rows_total = next;
    return index;
  }
  catalog::DatasetPtr Dataset() {
    return TestLake::Take(lake_.catalog().Get(*DatasetName::Parse("people")));
  }
  // Expects every row from index.rows_done on, in order.
  void ExpectRest(const IndexInfo& index) {
    SourceReader reader =
        TestLake::Take(SourceReader::Open(lake_.engine(), *Dataset(), index, CancelToken()));
    for (uint64_t row = index.rows_done; row < index.rows_total; ++row) {
      const std::optional<SourceRow> read = TestLake::Take(reader.Next());
      ASSERT_TRUE(read.has_value()) << row;
      ASSERT_EQ(read->id, StrCat(row));
      ASSERT_EQ(read->text, row % 3 == 0 ? std::nullopt : std::optional(StrCat("t", row)));
    }
    EXPECT_FALSE(TestLake::Take(reader.Next()).has_value());
    EXPECT_FALSE(TestLake::Take(reader.Next()).has_value()) << "the end repeats";
  }

  testing::TempDir directory_;
  HashedWordsModel model_;
  TestLake lake_{directory_.path(), &model_};
};

// Enough rows that several threads read several row groups at once.
TEST_F(SourceReaderTest, KeepsTheOrderOfFilesAndRows) {
  ExpectRest(CommitNumbered({150'000, 1, 0, 60'000, 5'000}));
}

TEST_F(SourceReaderTest, ContinuesAtEveryKindOfBoundary) {
  IndexInfo index = CommitNumbered({5'000, 1, 0, 3'000, 10});
  for (const uint64_t row :
       {0u, 1u, 2'048u, 4'999u, 5'000u, 5'001u, 5'002u, 8'000u, 8'001u, 8'010u, 8'011u}) {
    SCOPED_TRACE(row);
    index.rows_done = row;
    ExpectRest(index);
  }
}

TEST_F(SourceReaderTest, ReadsOnlyTheSnapshotOfTheIndex) {
  const IndexInfo index = CommitNumbered({100, 50});
  lake_.Commit("people", {{"late", "x"}}, catalog::CommitMode::kAppend);
  EXPECT_TRUE(HoldsSourceFiles(*Dataset(), index));
  ExpectRest(index);
  lake_.Commit("people", {{"other", "x"}}, catalog::CommitMode::kReplace);
  EXPECT_FALSE(HoldsSourceFiles(*Dataset(), index));
  const auto reader = SourceReader::Open(lake_.engine(), *Dataset(), index, CancelToken());
  EXPECT_EQ(reader.status().code(), StatusCode::kInvalidArgument);
}

TEST_F(SourceReaderTest, StopsWhenCancelled) {
  const IndexInfo index = CommitNumbered({50'000});
  CancelToken cancel;
  cancel.Cancel();
  EXPECT_EQ(SourceReader::Open(lake_.engine(), *Dataset(), index, cancel).status().code(),
            StatusCode::kCancelled);
}

TEST_F(SourceReaderTest, FindsTheFirstDuplicateInOrderOfText) {
  lake_.Commit("people", {{"b", "1"}, {"a", "2"}, {"b", "3"}, {std::nullopt, "4"}});
  lake_.Commit("people", {{"a", "5"}, {std::nullopt, "6"}}, catalog::CommitMode::kAppend);
  const auto duplicate = FindDuplicateId(lake_.engine(), *Dataset(), "id");
  ASSERT_TRUE(duplicate.ok()) << duplicate.status().ToString();
  EXPECT_EQ(*duplicate, "a");
  EXPECT_EQ(*FindDuplicateId(lake_.engine(), *Dataset(), "text"), std::nullopt);
}

}  // namespace
}  // namespace lakehouse::search
