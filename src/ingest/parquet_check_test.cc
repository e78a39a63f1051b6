#include "ingest/parquet_check.h"

#include <fstream>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "ingest/ingest_fixture.h"
#include "ingest/mapped_file.h"

namespace lakehouse::ingest {
namespace {

class ParquetCheckTest : public IngestTest {
 protected:
  // The bytes of a Parquet file that DuckDB writes.
  std::string Written(const std::string& select, const std::string& options = "") {
    const std::string path = dir_.Join("made.parquet");
    const auto session = Must(engine_->NewSession());
    const Status status =
        session->Execute(StrCat("COPY (", select, ") TO ", sql::QuoteLiteral(sql::StagePath(path)),
                                " (FORMAT parquet", options, ")"));
    EXPECT_TRUE(status.ok()) << status.ToString();
    const auto file = Must(MappedFile::Open(path));
    return std::string(file.bytes());
  }

  Result<IngestAnswer> Send(const std::string& bytes, const std::string& dataset,
                            catalog::CommitMode mode = catalog::CommitMode::kCreate) {
    return Ingest(bytes, {.file_name = "x.parquet", .dataset = dataset, .mode = mode});
  }
};

// A footer written by hand: what a hostile file would say.
class ThriftWriter {
 public:
  ThriftWriter& Field(int delta, int type) { return Raw(static_cast<char>(delta << 4 | type)); }
  ThriftWriter& Int(int64_t value) {
    uint64_t zigzag = (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
    for (; zigzag >= 0x80; zigzag >>= 7) Raw(static_cast<char>((zigzag & 0x7F) | 0x80));
    return Raw(static_cast<char>(zigzag));
  }
  ThriftWriter& Text(std::string_view text) {
    Raw(static_cast<char>(text.size()));
    out_ += text;
    return *this;
  }
  ThriftWriter& Raw(char byte) {
    out_.push_back(byte);
    return *this;
  }
  const std::string& out() const { return out_; }

 private:
  std::string out_;
};

struct HostileFile {
  int64_t codec = 0;
  int64_t values = 1;
  int64_t rows = 1;
  int64_t page_uncompressed = 4;
  int64_t page_compressed = 4;
  int64_t offset = 4;
  int64_t chunk_bytes = -1;  // -1: what is there.
  std::string name = "a";

  std::string Bytes() const {
    ThriftWriter page;
    page.Field(1, 5).Int(0).Field(1, 5).Int(page_uncompressed).Field(1, 5).Int(page_compressed);
    page.Field(2, 12).Field(1, 5).Int(values).Field(1, 5).Int(0).Raw(0).Raw(0);
    const std::string data = page.out() + "1234";
    const int64_t chunk = chunk_bytes >= 0 ? chunk_bytes : static_cast<int64_t>(data.size());

    ThriftWriter footer;
    footer.Field(1, 5).Int(1);                                  // version
    footer.Field(1, 9).Raw(static_cast<char>(2 << 4 | 12));     // schema: two elements
    footer.Field(4, 8).Text("root").Field(1, 5).Int(1).Raw(0);  //   name, children
    footer.Field(1, 5).Int(1).Field(2, 5).Int(0).Field(1, 8).Text(name).Raw(0);
    footer.Field(1, 6).Int(rows);                            // rows
    footer.Field(1, 9).Raw(static_cast<char>(1 << 4 | 12));  // one row group
    footer.Field(1, 9).Raw(static_cast<char>(1 << 4 | 12));  //   one column
    footer.Field(2, 6).Int(0).Field(1, 12);                  //     its metadata
    footer.Field(1, 5).Int(1).Field(3, 5).Int(codec).Field(1, 6).Int(values);
    footer.Field(1, 6).Int(page_uncompressed).Field(1, 6).Int(chunk).Field(2, 6).Int(offset);
    footer.Raw(0).Raw(0);
    footer.Field(1, 6).Int(0).Field(1, 6).Int(rows).Raw(0);  //   bytes, rows
    footer.Raw(0);

    std::string file = "PAR1" + data + footer.out();
    const auto size = static_cast<uint32_t>(footer.out().size());
    for (int shift = 0; shift < 32; shift += 8) file.push_back(static_cast<char>(size >> shift));
    return file + "PAR1";
  }
};

TEST_F(ParquetCheckTest, AcceptsWhatDuckdbWrites) {
  for (const char* options :
       {"", ", COMPRESSION snappy", ", COMPRESSION zstd", ", COMPRESSION gzip",
        ", COMPRESSION uncompressed", ", COMPRESSION lz4_raw", ", PARQUET_VERSION v2",
        ", ROW_GROUP_SIZE 2048"}) {
    const auto summary = CheckParquet(
        Written("SELECT range AS id, 'name ' || range AS name, [range, 2] AS list, "
                "{'a': range, 'b': {'c': 'x'}} AS s, CASE WHEN range % 2 = 0 THEN 1.5 END AS n "
                "FROM range(10000)",
                options));
    ASSERT_TRUE(summary.ok()) << options << summary.status().ToString();
    EXPECT_EQ(summary->rows, 10000u);
    EXPECT_EQ(summary->columns, (std::vector<std::string>{"id", "name", "list", "s", "n"}));
  }
  EXPECT_EQ(CheckParquet(Written("SELECT 1 AS a WHERE false"))->rows, 0u);
}

TEST_F(ParquetCheckTest, RefusesHostileFooters) {
  ASSERT_TRUE(CheckParquet(HostileFile().Bytes()).ok())
      << CheckParquet(HostileFile().Bytes()).status().ToString();
  struct Case {
    HostileFile file;
    std::string message;
  };
  const Case cases[] = {
      {{.codec = 4}, "BROTLI"},
      {{.codec = 3}, "a codec that is not supported: 3"},
      {{.codec = 99}, "a codec that is not supported: 99"},
      {{.codec = -1}, "a codec that is not supported: -1"},
      {{.values = 2}, "another number of values"},
      {{.rows = -1}, "rows do not add up"},
      {{.page_uncompressed = 5}, "has two sizes"},
      {{.codec = 6, .page_uncompressed = 2'000'000'000}, "too much memory"},
      {{.codec = 6, .page_uncompressed = 100'000'000}, "too much memory"},
      {{.page_uncompressed = 5, .page_compressed = 5}, "reaches beyond its column"},
      {{.page_uncompressed = -1, .page_compressed = -1}, "reaches beyond its column"},
      {{.offset = 0}, "outside of the file"},
      {{.offset = 1'000'000}, "outside of the file"},
      {{.offset = -5}, "outside of the file"},
      {{.chunk_bytes = 1'000'000}, "outside of the file"},
      {{.chunk_bytes = 0}, "fewer values than it says"},
      {{.name = "\xFF"}, "not text"},
  };
  for (const Case& test : cases) {
    const auto summary = CheckParquet(test.file.Bytes());
    ASSERT_FALSE(summary.ok()) << test.message;
    EXPECT_EQ(summary.status().code(), StatusCode::kInvalidArgument);
    EXPECT_NE(summary.status().message().find(test.message), std::string::npos)
        << summary.status().message();
  }
}

TEST_F(ParquetCheckTest, EveryTruncationIsRefused) {
  const std::string bytes = Written("SELECT range AS id FROM range(100)");
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(CheckParquet(bytes.substr(0, size)).ok()) << size;
  }
  for (size_t size = 0; size + 4 < bytes.size(); ++size) {
    EXPECT_FALSE(CheckParquet(bytes.substr(0, size) + "PAR1").ok()) << size;
  }
}

// A flipped byte is refused here, or by the decoder, or changes a value; it never gets further.
TEST_F(ParquetCheckTest, FlippedBytesNeverCrash) {
  const uint64_t seed = 11;
  Rng rng(seed);
  const std::string bytes =
      Written("SELECT range AS id, 'x' || range AS t FROM range(300)", ", COMPRESSION zstd");
  int refused = 0;
  for (int round = 0; round < 300; ++round) {
    std::string damaged = bytes;
    const uint64_t place = rng.Below(damaged.size());
    damaged[place] = static_cast<char>(damaged[place] ^ (1 << rng.Below(8)));
    const auto answer = Send(damaged, "flipped", catalog::CommitMode::kReplace);
    if (!answer.ok()) ++refused;
  }
  EXPECT_GT(refused, 20) << "seed " << seed;
}

TEST_F(ParquetCheckTest, IngestKeepsScalarsAndFlattensTheRest) {
  const auto answer =
      Send(Written("SELECT 1::INTEGER AS i, 2::HUGEINT AS h, 'a' AS t, DATE '2024-01-31' AS d, "
                   "1.50::DECIMAL(9,2) AS n, [1.5::FLOAT, 2] AS v, {'x': 1, 'y': [2]} AS s, "
                   "MAP {'k': 1} AS m, TIMESTAMPTZ '2024-01-31 10:00:00+00' AS z"),
           "people");
  ASSERT_TRUE(answer.ok()) << answer.status().ToString();
  EXPECT_EQ(answer->format, "parquet");
  EXPECT_EQ(Schema(),
            "i INTEGER, h DOUBLE, t VARCHAR, d DATE, n DECIMAL(9,2), v FLOAT[], s VARCHAR, "
            "m VARCHAR, z TIMESTAMP WITH TIME ZONE");
  EXPECT_EQ(Rows("select i, t, n, s, m, v[2] from people"),
            R"([[1,"a",1.50,"{\"x\":1,\"y\":[2]}","{\"k\":1}",2.0]])");
}

TEST_F(ParquetCheckTest, AppendConvertsOnlyWithoutLoss) {
  using catalog::CommitMode;
  ASSERT_TRUE(Send(Written("SELECT 1::BIGINT AS id, 'a' AS t"), "people").ok());
  ASSERT_TRUE(Send(Written("SELECT 2::INTEGER AS id"), "people", CommitMode::kAppend).ok());
  ASSERT_TRUE(
      Send(Written("SELECT 3.0::DOUBLE AS id, 4 AS t"), "people", CommitMode::kAppend).ok());
  EXPECT_EQ(Rows("select * from people order by id"), R"([[1,"a"],[2,null],[3,"4"]])");
  const auto lossy =
      Send(Written("SELECT unnest([1.0, 2.5]) AS id"), "people", CommitMode::kAppend);
  EXPECT_EQ(lossy.status().code(), StatusCode::kInvalidArgument);
  EXPECT_NE(lossy.status().message().find(
                "column \"id\": a value does not fit the dataset's type BIGINT in row 2: \"2.5\""),
            std::string::npos)
      << lossy.status().message();
}

TEST_F(ParquetCheckTest, DuplicateColumnsAreRefused) {
  std::string twice = Written("SELECT 1 AS aa, 2 AS ab");
  for (size_t at = 0; (at = twice.find("ab", at)) != std::string::npos;) twice.replace(at, 2, "AA");
  const auto duplicate = Send(twice, "people");
  EXPECT_EQ(duplicate.status().code(), StatusCode::kInvalidArgument);
  EXPECT_NE(duplicate.status().message().find("duplicate column name in the Parquet schema"),
            std::string::npos)
      << duplicate.status().message();
}

}  // namespace
}  // namespace lakehouse::ingest
