#include "base/ids.h"

#include <unordered_set>

#include <gtest/gtest.h>

namespace lakehouse {
namespace {

TEST(StrongNameTest, AcceptsTheGrammar) {
  for (const std::string& text : {std::string("a"), std::string("0"), std::string("a-b_c9"),
                                  std::string("9-"), std::string(63, 'z')}) {
    const Result<DatasetName> name = DatasetName::Parse(text);
    ASSERT_TRUE(name.ok()) << text;
    EXPECT_EQ(name->str(), text);
  }
}

TEST(StrongNameTest, RefusesWhatCouldReachAPath) {
  for (const std::string_view text :
       {std::string_view(""), std::string_view("../x"), std::string_view("a/b"),
        std::string_view("."), std::string_view("A"), std::string_view("-a"),
        std::string_view("_a"), std::string_view("a b"), std::string_view("a.b"),
        std::string_view("é"), std::string_view("a\0b", 3), std::string_view("a\n")}) {
    const Result<DatasetName> name = DatasetName::Parse(text);
    EXPECT_EQ(name.status().code(), StatusCode::kInvalidArgument) << text;
  }
  EXPECT_FALSE(DatasetName::Parse(std::string(64, 'a')).ok());
}

TEST(StrongNameTest, ErrorNamesKindGrammarAndText) {
  EXPECT_EQ(DatasetName::Parse("../x").status().message(),
            "invalid dataset name: expected 1 to 63 of a-z, 0-9, _ and -, starting with a letter "
            "or digit, got \"../x\"");
}

TEST(StrongNameTest, BucketMayHaveOnePrefix) {
  for (const std::string_view text : {"primary", "s3:spare", "profile:nurse-1"}) {
    EXPECT_TRUE(BucketName::Parse(text).ok()) << text;
  }
  for (const std::string_view text : {"", ":", "s3:", ":spare", "a:b:c", "S3:spare", "s3:../x"}) {
    EXPECT_FALSE(BucketName::Parse(text).ok()) << text;
  }
  EXPECT_FALSE(DatasetName::Parse("s3:spare").ok());
}

TEST(StrongNameTest, ComparesHashesAndPrintsAsItsText) {
  const DatasetName a = *DatasetName::Parse("a");
  const DatasetName b = *DatasetName::Parse("b");
  EXPECT_LT(a, b);
  EXPECT_EQ(StrCat("dataset ", a), "dataset a");
  const std::unordered_set<DatasetName> names = {a, b, *DatasetName::Parse("a")};
  EXPECT_EQ(names.size(), 2u);
}

}  // namespace
}  // namespace lakehouse
