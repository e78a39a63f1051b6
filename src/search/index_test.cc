#include "search/index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "search/hashed_words_model.h"

namespace lakehouse::search {
namespace {

using ::testing::HasSubstr;

IndexInfo SampleIndex() {
  IndexInfo index{.name = *IndexName::Parse("people_v1"),
                  .source = *DatasetName::Parse("people"),
                  .bucket = *BucketName::Parse("s3:cold")};
  index.version = 7;
  index.source_version = 3;
  index.source_files = {{"data/people/data/a.parquet", 10}, {"data/people/data/b.parquet", 5}};
  index.id_column = "Candidate \"id\"";
  index.text_column = "bio";
  index.chunk_tokens = 200;
  index.overlap_tokens = 20;
  index.space = HashedWordsModel().space();
  index.parts = {{"vectors/people_v1/embeddings/x.parquet", 1234, 0xFFFFFFFF, 40, 8}};
  index.rows_done = 8;
  index.rows_total = 15;
  index.rows_failed = 2;
  index.failed = {{"17", 4, "invalid_argument: bad"}, {"", -1, "the id of row 3 is NULL"}};
  index.passport = Passport{.canaries = {{"Größe", HashedWordsModel::VectorOf("a")},
                                         {"한국어", HashedWordsModel::VectorOf("b")}},
                            .made_at = {1'763'918'717'500'000}};
  index.created_at = {1'763'918'717'000'001};
  index.updated_at = {1'763'918'718'000'002};
  return index;
}

TEST(IndexCodecTest, ReadsBackWhatItWrote) {
  const Json json = IndexToJson(SampleIndex());
  const Result<Json> parsed = ParseJson(DumpJson(json));
  ASSERT_TRUE(parsed.ok());
  const Result<IndexInfo> index = IndexFromJson(*parsed);
  ASSERT_TRUE(index.ok()) << index.status().ToString();
  EXPECT_EQ(IndexToJson(*index), json);
  EXPECT_EQ(index->space, SampleIndex().space);
  EXPECT_EQ(index->source_files, SampleIndex().source_files);
  EXPECT_EQ(index->parts[0].crc32c, 0xFFFFFFFFu);
  EXPECT_EQ(index->updated_at, SampleIndex().updated_at);
  EXPECT_EQ(index->chunks(), 40u);
  EXPECT_EQ(index->rows_embedded(), 6u);
  EXPECT_EQ(index->failed, SampleIndex().failed);
  ASSERT_TRUE(index->passport.has_value());
  EXPECT_EQ(index->passport->canaries[1].text, "한국어");
  EXPECT_EQ(index->passport->canaries[1].vector, HashedWordsModel::VectorOf("b"));
}

TEST(IndexCodecTest, ReadsWhatOlderVersionsWrote) {
  Json json = IndexToJson(SampleIndex());
  json.erase("passport");
  for (Json& item : json["failed"]) item.erase("chunk_idx");
  const Result<IndexInfo> index = IndexFromJson(json);
  ASSERT_TRUE(index.ok()) << index.status().ToString();
  EXPECT_FALSE(index->passport.has_value());
  EXPECT_EQ(index->failed[0].chunk_idx, -1);
}

TEST(IndexCodecTest, RefusesEveryDamagedField) {
  const Json good = IndexToJson(SampleIndex());
  for (const auto& [field, value] : good.items()) {
    Json wrong_type = good;
    wrong_type[field] = value.is_object() && !value.empty() ? Json(1) : Json::object();
    EXPECT_EQ(IndexFromJson(wrong_type).status().code(), StatusCode::kInternal) << field;
  }
  Json unknown = good;
  unknown["surprise"] = 1;
  EXPECT_THAT(IndexFromJson(unknown).status().message(), HasSubstr("surprise"));
  Json counts = good;
  counts["rows_done"] = 16;
  EXPECT_THAT(IndexFromJson(counts).status().message(), HasSubstr("16 done of 15"));
  Json path = good;
  path["name"] = "../people";
  EXPECT_EQ(IndexFromJson(path).status().code(), StatusCode::kInternal);
  Json time = good;
  time["created_at"] = "yesterday";
  EXPECT_THAT(IndexFromJson(time).status().message(), HasSubstr("created_at"));
}

}  // namespace
}  // namespace lakehouse::search
