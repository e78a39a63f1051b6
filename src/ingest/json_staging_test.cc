#include "ingest/json_staging.h"

#include <gtest/gtest.h>

#include "ingest/mapped_file.h"
#include "support/temp_dir.h"

namespace lakehouse::ingest {
namespace {

class JsonStagingTest : public ::testing::Test {
 protected:
  JsonStagingTest() : directory_(*WorkDirectory::Open(dir_.Join("work"), 0)) {}

  Result<StagedTable> Stage(std::string_view text, JsonLayout layout) {
    rejects_ = {};
    return StageJson(text, layout, {config_, *directory_, {}}, rejects_);
  }

  // "name:TYPE name:TYPE | csv text", or the error.
  std::string Staged(std::string_view text, JsonLayout layout) {
    const auto table = Stage(text, layout);
    if (!table.ok()) return table.status().message();
    std::string out;
    for (const StagedColumn& column : table->columns) {
      StrAppend(out, column.name, ":", column.profile.Infer().type, " ");
    }
    auto file = MappedFile::Open(table->path);
    StrAppend(out, "| ", file->bytes());
    return out;
  }

  testing::TempDir dir_;
  std::unique_ptr<WorkDirectory> directory_;
  IngestConfig config_;
  Rejects rejects_;
};

TEST_F(JsonStagingTest, FlattensObjects) {
  EXPECT_EQ(Staged(R"([{"id":1,"a":{"b":"x","c":{"d":true}}},{"a":{"e":2.5},"id":2}])",
                   JsonLayout::kArray),
            "id:BIGINT a.b:VARCHAR a.c.d:BOOLEAN a.e:DOUBLE | 1,x,true,\n2,,,2.5\n");
}

TEST_F(JsonStagingTest, EveryLayoutHoldsTheSameRows) {
  const std::string expected = "id:BIGINT n:VARCHAR | 1,x\n2,\"\"\n3,\n";
  EXPECT_EQ(Staged("[{\"id\":1,\"n\":\"x\"},\n{\"id\":2,\"n\":\"\"},{\"id\":3,\"n\":null}]",
                   JsonLayout::kArray),
            expected);
  EXPECT_EQ(
      Staged("{\"id\":1,\"n\":\"x\"}\n\n{\"id\":2,\"n\":\"\"}\r\n{\"id\":3}", JsonLayout::kLines),
      expected);
  EXPECT_EQ(
      Staged("{\"id\":1,\n\"n\":\"x\"} {\"id\":2,\"n\":\"\"}\n{\"id\":3}", JsonLayout::kDocuments),
      expected);
}

TEST_F(JsonStagingTest, KeepsWhatNoTypeHolds) {
  EXPECT_EQ(
      Staged(R"([{"n":12345678901234567890},{"n":0.12345678901234567891}])", JsonLayout::kArray),
      "n:VARCHAR | 12345678901234567890\n0.12345678901234567891\n");
  EXPECT_EQ(Staged(R"([{"v":1},{"v":"1"},{"v":true}])", JsonLayout::kArray),
            "v:VARCHAR | 1\n1\ntrue\n");
  EXPECT_EQ(Staged(R"([{"t":[1, 2]},{"t":[]}])", JsonLayout::kArray),
            "t:VARCHAR | \"[1,2]\"\n[]\n");
  EXPECT_EQ(Staged(R"([{"zip":"02139"},{"zip":"60601"}])", JsonLayout::kArray),
            "zip:VARCHAR | 02139\n60601\n");
}

TEST_F(JsonStagingTest, MixedObjectsBecomeText) {
  EXPECT_EQ(Staged(R"([{"a":{"b":1}},{"a":7},{"a":{"b":{"c" : 2}}}])", JsonLayout::kArray),
            "a:VARCHAR | \"{\"\"b\"\":1}\"\n7\n\"{\"\"b\"\":{\"\"c\"\":2}}\"\n");
}

TEST_F(JsonStagingTest, NamesWhatIsWrong) {
  struct Case {
    std::string text;
    JsonLayout layout;
    std::string message;
  };
  const Case cases[] = {
      {"[1, 2]", JsonLayout::kArray, "expected an object a row in line 1, found a number"},
      {"[[1]]", JsonLayout::kArray, "found an array"},
      {"[]", JsonLayout::kArray, "holds no rows"},
      {"[{}]", JsonLayout::kArray, "no object with a field"},
      {"[{\"a\":1}", JsonLayout::kArray, "expected the end of an array"},
      {"[{\"a\":1}] x", JsonLayout::kArray, "expected a value"},
      {"[{\"a\":1}] 5", JsonLayout::kArray, "expected the end after the array"},
      {"[{\"a\":1,\n\"a\":2}]", JsonLayout::kArray, "duplicate JSON key in line 2: \"a\""},
      {"[{\"a\":1,\"A\":2}]", JsonLayout::kArray, "duplicate column name in the JSON keys"},
      {"[{\"a.b\":1,\"a\":{\"b\":2}}]", JsonLayout::kArray, "duplicate column name"},
      {"{\"a\":1}\n{\"b\":\n", JsonLayout::kDocuments, "line 3"},
      {"{\"a\":1}\nx\ny\n", JsonLayout::kLines, "2 of 3; the first is line 2"},
  };
  for (const Case& test : cases) {
    const std::string message = Staged(test.text, test.layout);
    EXPECT_NE(message.find(test.message), std::string::npos) << test.text << ": " << message;
  }
}

TEST_F(JsonStagingTest, BadLinesAreRejectedAlone) {
  const std::string text =
      "{\"a\":1}\n{\"a\":2\n[3]\n{\"a\":4,\"a\":4}\n{\"a\":5} "
      "{}\n{\"a\":6}\n{\"a\":7}\n{\"a\":8}\n{\"a\":9}\n";
  EXPECT_EQ(Staged(text, JsonLayout::kLines), "a:BIGINT | 1\n6\n7\n8\n9\n");
  ASSERT_EQ(rejects_.count, 4u);
  EXPECT_EQ(rejects_.first[0].line, 2u);
  EXPECT_EQ(rejects_.first[0].text, "{\"a\":2");
  EXPECT_EQ(rejects_.first[1].reason, "expected an object in line 3, found an array");
  EXPECT_EQ(rejects_.first[3].reason, "expected one object in line 5, found more");
}

// A line that fails inside a field that is kept as text must fail in the second reading too.
TEST_F(JsonStagingTest, RejectsTheSameLinesWhenObjectsAreKept) {
  EXPECT_EQ(Staged("{\"a\":{\"b\":1,\"b\":2}}\n{\"a\":{\"b\":3}}\n{\"a\":4}\n", JsonLayout::kLines),
            "a:VARCHAR | \"{\"\"b\"\":3}\"\n4\n");
  EXPECT_EQ(rejects_.count, 1u);
}

TEST_F(JsonStagingTest, LimitsFieldsAndRows) {
  config_.max_columns = 2;
  EXPECT_NE(
      Staged(R"([{"a":1},{"b":1},{"c":1}])", JsonLayout::kArray).find("ingest.max_columns is 2"),
      std::string::npos);
  config_.max_line_bytes = 20;
  EXPECT_NE(Staged(R"([{"a":1},{"a":"12345678901234567890"}])", JsonLayout::kArray)
                .find("ingest.max_line_bytes, 20, in line 1"),
            std::string::npos);
  Staged("{\"a\":1}\n{\"a\":\"12345678901234567890\"}\n", JsonLayout::kLines);
  EXPECT_EQ(rejects_.count, 1u);
}

TEST_F(JsonStagingTest, TenMegabytesInOneLine) {
  std::string text = "[{\"id\":0,\"t\":\"" + std::string(5 << 20, 'x') + "\"}";
  for (int i = 1; i < 200'000; ++i) StrAppend(text, ",{\"id\":", i, ",\"t\":\"y\"}");
  text += "]";
  const auto table = Stage(text, JsonLayout::kArray);
  ASSERT_TRUE(table.ok()) << table.status().ToString();
  EXPECT_EQ(table->rows, 200'000u);
  EXPECT_EQ(table->longest_record_bytes, (5u << 20) + 3);
}

}  // namespace
}  // namespace lakehouse::ingest
