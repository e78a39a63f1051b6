// What every kind of file becomes: ordinary and hostile ones.
#include <gtest/gtest.h>

#include "base/hash.h"
#include "ingest/ingest_fixture.h"
#include "ingest/ingester.h"

namespace lakehouse::ingest {
namespace {

using namespace std::string_literals;

class IngesterFormatTest : public IngestTest {};

TEST_F(IngesterFormatTest, TakesOrdinaryFiles) {
  struct Case {
    std::string file_name;
    std::string bytes;
    std::string format;
    std::string encoding;
    std::string schema;
    std::string rows;  // Of select *, as JSON.
  };
  const Case cases[] = {
      {"a.csv", "id,name\n1,Ann\n2,\n", "csv", "utf-8", "id BIGINT, name VARCHAR",
       R"([[1,"Ann"],[2,null]])"},
      {"a.csv", "\xEF\xBB\xBFid,name\n1,Ann\n", "csv", "utf-8", "id BIGINT, name VARCHAR",
       R"([[1,"Ann"]])"},
      {"a.csv", "\xEF\xBB\xBF"s + "1,Ann\n2,Bob\n", "csv", "utf-8",
       "column_1 BIGINT, column_2 VARCHAR", R"([[1,"Ann"],[2,"Bob"]])"},
      {"a.csv", "1,Ann\n2,Bob\n", "csv", "utf-8", "column_1 BIGINT, column_2 VARCHAR",
       R"([[1,"Ann"],[2,"Bob"]])"},
      {"a.csv", "id,name\r\n1,\"a \"\"b\"\"\r\nc, d\"\r\n", "csv", "utf-8",
       "id BIGINT, name VARCHAR", R"([[1,"a \"b\"\r\nc, d"]])"},
      {"a.csv", "name,city\nJos\xE9,K\xF6ln\n", "csv", "latin-1", "name VARCHAR, city VARCHAR",
       R"([["José","Köln"]])"},
      {"a.csv", "\xFF\xFEi\0d\0,\0n\0\n\0\x31\0,\0\xE9\0\n\0"s, "csv", "utf-16le",
       "id BIGINT, n VARCHAR", R"([[1,"é"]])"},
      {"a.csv", "\0i\0d\0,\0n\0\n\0\x31\0,\0x\0\n"s, "csv", "utf-16be", "id BIGINT, n VARCHAR",
       R"([[1,"x"]])"},
      {"data", "id;price\n1;2,50\n2;3,75\n", "csv", "utf-8", "id BIGINT, price VARCHAR",
       R"([[1,"2,50"],[2,"3,75"]])"},
      {"data", "id\tzip\n1\t02139\n", "tsv", "utf-8", "id BIGINT, zip VARCHAR", R"([[1,"02139"]])"},
      {"a.csv", "when,amount,ok\n31/01/2024,12.50,true\n01/02/2024,3.00,false\n", "csv", "utf-8",
       "when DATE, amount DECIMAL(18,2), ok BOOLEAN",
       R"([["2024-01-31",12.50,true],["2024-02-01",3.00,false]])"},
      {"a.csv", "n, t\n 1 ,x\n  ,y\n", "csv", "utf-8", "n BIGINT, t VARCHAR",
       R"([[1,"x"],[null,"y"]])"},
      {"a.csv", "t,q\n\"\",1\n,2\n", "csv", "utf-8", "t VARCHAR, q BIGINT", R"([["",1],[null,2]])"},
      {"a.csv", "name\nAnn\n\nBob\n", "csv", "utf-8", "name VARCHAR", R"([["Ann"],["Bob"]])"},
      {"a.csv", "select,\"\"\"; drop table people; --\",from.where\n1,2,3\n", "csv", "utf-8",
       "select BIGINT, \"; drop table people; -- BIGINT, from.where BIGINT", "[[1,2,3]]"},
      {"a.csv", ",value\nx,1\n", "csv", "utf-8", "column_1 VARCHAR, value BIGINT", R"([["x",1]])"},
      {"a.csv", "id,name,city\n", "csv", "utf-8", "id VARCHAR, name VARCHAR, city VARCHAR", "[]"},
      {"a.json", R"([{"id":1,"a":{"b":"x"},"t":[1,2]},{"id":2,"a":null}])", "json", "utf-8",
       "id BIGINT, a.b VARCHAR, t VARCHAR", ""},
      {"a.json", R"({"id":7,"n":12345678901234567890})", "json", "utf-8", "id BIGINT, n VARCHAR",
       R"([[7,"12345678901234567890"]])"},
      {"a.json", R"([{"v":null},{"v":"x"},{"v":null}])", "json", "utf-8", "v VARCHAR",
       R"([[null],["x"],[null]])"},
      {"x", "{\"id\":1,\"d\":\"2024-01-31\"}\n{\"id\":2}\n", "ndjson", "utf-8", "id BIGINT, d DATE",
       R"([[1,"2024-01-31"],[2,null]])"},
      {"notes.txt", "Hello, world\nsecond line\n", "text", "utf-8",
       "doc_id VARCHAR, title VARCHAR, text VARCHAR",
       R"([["notes.txt","Hello, world","Hello, world\nsecond line\n"]])"},
      {"dir/readme.md", "# The Title\n\nSome *text*.\n", "markdown", "utf-8",
       "doc_id VARCHAR, title VARCHAR, text VARCHAR",
       R"([["readme.md","The Title","# The Title\n\nSome *text*.\n"]])"},
  };
  for (const Case& test : cases) {
    const std::string label = test.file_name + " " + QuoteForMessage(test.bytes);
    const auto answer =
        Ingest(test.bytes, {.file_name = test.file_name, .mode = catalog::CommitMode::kReplace});
    ASSERT_TRUE(answer.ok()) << label << ": " << answer.status().ToString();
    EXPECT_EQ(answer->format, test.format) << label;
    EXPECT_EQ(answer->encoding, test.encoding) << label;
    EXPECT_EQ(Schema(), test.schema) << label;
    if (!test.rows.empty()) {
      EXPECT_EQ(Rows("select * from people"), test.rows) << label;
    }
    EXPECT_EQ(answer->rows_rejected, 0u) << label;
    EXPECT_TRUE(WorkIsEmpty()) << label;
  }
}

TEST_F(IngesterFormatTest, RefusesHostileFiles) {
  struct Case {
    std::string file_name;
    std::string bytes;
    std::string message;
  };
  const Case cases[] = {
      {"a.csv", "", "the file is empty"},
      {"a.csv", " \n\n", "the file is empty"},
      {"a.csv", "id,name\n1,a\0b\n"s, "NUL byte in line 2 at offset 11"},
      {"a.csv", "id,id\n1,2\n", "line 1: column 1 \"id\" and column 2 \"id\""},
      {"a.csv", "id,ID\n1,2\n", "SQL cannot tell them apart"},
      {"a.csv", "id,name\n1\n2\n3,x\n", "most rows cannot be read: 2 of 3; the first is line 2"},
      {"a.csv",
       "\x7F"
       "ELF\x02\x01\x01",
       "a program (ELF)"},
      {"a.csv", "PK\x03\x04xl/workbook.xml", "a spreadsheet"},
      {"a.csv", "PK\x03\x04other", "a ZIP archive"},
      {"a.csv.gz", "\x1F\x8B\x08\0\0\0"s, "gzip-compressed"},
      {"a.pdf", "%PDF-1.7\n", "a PDF document"},
      {"a.png", "\x89PNG\r\n\x1A\n\0\0"s, "a PNG image"},
      {"a.html", "<!DOCTYPE html>\n<html></html>", "an HTML page"},
      {"a.txt", "<?xml version=\"1.0\"?><a/>", "an XML document"},
      {"a.bin", "\x01\x02\x03\x04\x05\x06\x07\x08", "binary"},
      {"a.csv", "caf\xC3\xA9,th\xC3\xA9\n1,\xC3\n", "damaged UTF-8"},
      {"a.json", "[1, 2, 3]", "expected an object a row in line 1, found a number"},
      {"a.json", "[{\"a\":1},\n{\"a\":}]", "line 2 column 6: expected a value"},
      {"a.json", "[{\"a\":1}", "expected the end of an array, found the end"},
      {"a.json", "{\"a\":1,\"a\":2}", "duplicate JSON key in line 1: \"a\""},
      {"a.json", "[]", "no rows"},
      {"a.json", "{\"a\":" + std::string(100, '[') + "}", "at most 64 levels"},
      {"a.parquet", "PAR1", "damaged"},
      {"a.parquet", "PAR1 some bytes that are no footer PAR1", "damaged"},
  };
  for (const Case& test : cases) {
    const std::string label = test.file_name + " " + QuoteForMessage(test.bytes);
    const auto answer = Ingest(test.bytes, {.file_name = test.file_name});
    ASSERT_FALSE(answer.ok()) << label;
    EXPECT_EQ(answer.status().code(), StatusCode::kInvalidArgument) << label;
    EXPECT_NE(answer.status().message().find(test.message), std::string::npos)
        << label << ": " << answer.status().message();
    EXPECT_TRUE(catalog_->List().empty()) << label;
    EXPECT_EQ(FilesInBucket(), 0u) << label;
    EXPECT_TRUE(WorkIsEmpty()) << label;
  }
}

TEST_F(IngesterFormatTest, ReportsRowsThatItCouldNotTake) {
  const auto answer = Ingest("id,name\n1,a\n2\n3,b\n4,c,d\n6,e\n5,\"cut");
  ASSERT_TRUE(answer.ok()) << answer.status().ToString();
  EXPECT_EQ(answer->rows_added, 3u);
  EXPECT_EQ(answer->rows_rejected, 3u);
  ASSERT_EQ(answer->rejected.size(), 3u);
  EXPECT_EQ(answer->rejected[0].line, 3u);
  EXPECT_EQ(answer->rejected[1].line, 5u);
  EXPECT_EQ(answer->rejected[1].text, "4,c,d");
  EXPECT_EQ(answer->rejected[2].line, 7u);
  EXPECT_EQ(Rows("select * from people"), R"([[1,"a"],[3,"b"],[6,"e"]])");
}

TEST_F(IngesterFormatTest, NamesTheDatasetAfterTheFile) {
  const auto answer =
      Ingest("id,name\n1,a\n", {.file_name = "C:\\data\\Q3 Report (final).CSV", .dataset = ""});
  ASSERT_TRUE(answer.ok()) << answer.status().ToString();
  EXPECT_EQ(answer->dataset->name.str(), "q3_report_final");
  EXPECT_EQ(answer->dataset->sources[0].name, "Q3 Report (final).CSV");
  EXPECT_EQ(Ingest("id,name\n1,a\n", {.file_name = "-", .dataset = ""}).status().code(),
            StatusCode::kInvalidArgument);
}

TEST_F(IngesterFormatTest, MarksPersonalData) {
  ASSERT_TRUE(Ingest("id,email,phone,note\n1,ann@example.com,(312) "
                     "555-0100,x\n2,bob@example.com,312-555-0101,y\n")
                  .ok());
  const auto dataset = Must(catalog_->Get(Must(DatasetName::Parse("people"))));
  EXPECT_TRUE(dataset->columns[0].pii.empty());
  EXPECT_EQ(dataset->columns[1].pii, std::vector<std::string>{"email"});
  EXPECT_EQ(dataset->columns[2].pii, std::vector<std::string>{"phone"});
  EXPECT_TRUE(dataset->columns[3].pii.empty());
}

TEST_F(IngesterFormatTest, RecordsWhereRowsCameFrom) {
  const std::string bytes = "id,name\n1,a\n2,b\n";
  ASSERT_TRUE(Ingest(bytes).ok());
  const auto dataset = Must(catalog_->Get(Must(DatasetName::Parse("people"))));
  ASSERT_EQ(dataset->sources.size(), 1u);
  EXPECT_EQ(dataset->sources[0].kind, "file");
  EXPECT_EQ(dataset->sources[0].sha256, Sha256Hex(bytes));
  EXPECT_EQ(dataset->sources[0].size_bytes, bytes.size());
  EXPECT_EQ(dataset->sources[0].rows, 2u);
  ASSERT_EQ(dataset->files.size(), 1u);
  EXPECT_EQ(dataset->files[0].rows, 2u);
  const std::string stored = Must(buckets_->primary().Get(dataset->files[0].key));
  EXPECT_EQ(dataset->files[0].size_bytes, stored.size());
  EXPECT_EQ(dataset->files[0].crc32c, Crc32c(stored));
}

TEST_F(IngesterFormatTest, LongLinesAndManyColumns) {
  const std::string text(20 << 20, 'x');
  ASSERT_TRUE(Ingest("id,t\n1," + text + "\n2,y\n", {.dataset = "long"}).ok());
  EXPECT_EQ(Rows("select sum(length(t)) from long"), "[[20971521]]");

  const std::string json = "[{\"id\":1,\"t\":\"" + std::string(10 << 20, 'y') + "\"}]";
  ASSERT_TRUE(Ingest(json, {.file_name = "a.json", .dataset = "json"}).ok());
  EXPECT_EQ(Rows("select length(t) from json"), "[[10485760]]");

  std::string wide_header;
  std::string wide_row;
  for (int i = 0; i < 4096; ++i) {
    StrAppend(wide_header, i == 0 ? "" : ",", "c", i);
    StrAppend(wide_row, i == 0 ? "" : ",", i);
  }
  const auto wide = Ingest(wide_header + "\n" + wide_row + "\n", {.dataset = "wide"});
  ASSERT_TRUE(wide.ok()) << wide.status().ToString();
  EXPECT_EQ(Rows("select c4095 from wide"), "[[4095]]");
  EXPECT_NE(Ingest(wide_header + ",x\n" + wide_row + ",1\n", {.dataset = "wider"})
                .status()
                .message()
                .find("ingest.max_columns is 4096"),
            std::string::npos);
}

}  // namespace
}  // namespace lakehouse::ingest
