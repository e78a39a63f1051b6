#include "ingest/csv_staging.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "ingest/mapped_file.h"
#include "support/temp_dir.h"

namespace lakehouse::ingest {
namespace {

class CsvStagingTest : public ::testing::Test {
 protected:
  CsvStagingTest() : directory_(*WorkDirectory::Open(dir_.Join("work"), 0)) {}

  Result<StagedTable> Stage(std::string_view text) {
    rejects_ = {};
    return StageCsv(text, "original", SniffCsv(text), {config_, *directory_, cancel_}, rejects_);
  }

  static std::string Content(const StagedTable& table) {
    auto file = MappedFile::Open(table.path);
    return std::string(file->bytes());
  }

  testing::TempDir dir_;
  std::unique_ptr<WorkDirectory> directory_;
  IngestConfig config_;
  CancelToken cancel_;
  Rejects rejects_;
};

TEST_F(CsvStagingTest, CleanTextIsUsedAsItIs) {
  const auto table = Stage("id,name\n1,\"a,b\"\n2,\n");
  ASSERT_TRUE(table.ok());
  EXPECT_EQ(table->path, "original");
  EXPECT_EQ(table->owned, nullptr);
  EXPECT_TRUE(table->has_header);
  EXPECT_EQ(table->rows, 2u);
  EXPECT_EQ(table->longest_record_bytes, 7u);
  EXPECT_EQ(table->columns[1].profile.nulls(), 1u);
  EXPECT_EQ(rejects_.count, 0u);
}

TEST_F(CsvStagingTest, RaggedRowsAreReportedWithTheirLines) {
  const auto table = Stage("id,name\n1,a\n2\n\n3,b,c\n4,d\n5,e\n");
  ASSERT_TRUE(table.ok());
  EXPECT_EQ(table->rows, 3u);
  ASSERT_EQ(rejects_.count, 2u);
  EXPECT_EQ(rejects_.first[0].line, 3u);
  EXPECT_EQ(rejects_.first[0].reason, "expected this many fields: 2; found: 1");
  EXPECT_EQ(rejects_.first[0].text, "2");
  EXPECT_EQ(rejects_.first[1].line, 5u);
  EXPECT_EQ(rejects_.first[1].text, "3,b,c");
  EXPECT_EQ(Content(*table), "1,a\n4,d\n5,e\n");
  EXPECT_FALSE(table->has_header);
}

TEST_F(CsvStagingTest, ATruncatedQuoteIsOneRejectedRow) {
  const auto table = Stage("id,name\n1,a\n2,b\n3,\"cut of");
  ASSERT_TRUE(table.ok());
  ASSERT_EQ(rejects_.count, 1u);
  EXPECT_EQ(rejects_.first[0].line, 4u);
  EXPECT_EQ(rejects_.first[0].reason, "the quote that opens field 2 is never closed");
}

TEST_F(CsvStagingTest, RefusesWhenMostRowsAreBad) {
  const auto table = Stage("id,name\n1,a\n2\n3\n");
  ASSERT_FALSE(table.ok());
  EXPECT_NE(table.status().message().find("2 of 3; the first is line 3"), std::string::npos)
      << table.status().message();
}

TEST_F(CsvStagingTest, OtherDialectsAreCopiedStrictly) {
  const auto table = Stage("id;note\r\n1;5\" pipe\r\n\r\n2;\"\"\r\n3;\r\n");
  ASSERT_TRUE(table.ok());
  EXPECT_EQ(Content(*table), "1;\"5\"\" pipe\"\n2;\"\"\n3;\n");
  EXPECT_EQ(table->longest_record_bytes, 13u);
}

TEST_F(CsvStagingTest, CopiesAreRemovedWithTheTable) {
  { ASSERT_TRUE(Stage("a,b\n\n1,2\n").ok()); }
  EXPECT_TRUE(std::filesystem::is_empty(dir_.Join("work")));
}

TEST_F(CsvStagingTest, KeepsOnlySomeRejects) {
  std::string text = "id,name\n";
  for (int i = 0; i < 1500; ++i) text += "1,a\n2\n";
  ASSERT_TRUE(Stage(text).ok());
  EXPECT_EQ(rejects_.count, 1500u);
  EXPECT_EQ(rejects_.first.size(), kMaxKeptRejects);
}

TEST_F(CsvStagingTest, LongRecordsAreRejected) {
  config_.max_line_bytes = 100;
  const auto table = Stage("id,name\n1,a\n2," + std::string(200, 'x') + "\n");
  ASSERT_TRUE(table.ok());
  ASSERT_EQ(rejects_.count, 1u);
  EXPECT_EQ(rejects_.first[0].reason, "the row is longer than ingest.max_line_bytes, 100");
}

TEST_F(CsvStagingTest, StopsWhenCancelled) {
  std::string text = "id,name\n";
  for (int i = 0; i < 70'000; ++i) text += "1,a\n";
  cancel_.Cancel();
  EXPECT_EQ(Stage(text).status().code(), StatusCode::kCancelled);
}

}  // namespace
}  // namespace lakehouse::ingest
