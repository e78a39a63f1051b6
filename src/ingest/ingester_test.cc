// Modes, idempotence, races, faults: what is visible when.
#include "ingest/ingester.h"

#include <fstream>
#include <thread>

#include <gtest/gtest.h>
#include <sys/mount.h>

#include "base/rng.h"
#include "ingest/ingest_fixture.h"

namespace lakehouse::ingest {
namespace {

using catalog::CommitMode;

class IngesterTest : public IngestTest {
 protected:
  // Every way to see a half-done ingest.
  void ExpectNothingChanged(const std::string& rows_before, const std::string& label) {
    EXPECT_EQ(Rows("select * from people order by 1"), rows_before) << label;
    const auto reopened = Must(catalog::Catalog::Open(*buckets_));
    const auto dataset = reopened->Get(Must(DatasetName::Parse("people")));
    ASSERT_TRUE(dataset.ok()) << label;
    EXPECT_EQ((*dataset)->version, Must(catalog_->Get((*dataset)->name))->version) << label;
    EXPECT_TRUE(WorkIsEmpty()) << label;
  }
};

TEST_F(IngesterTest, CreateRefusesAnExistingDatasetAndNamesTheModes) {
  ASSERT_TRUE(Ingest("id,name\n1,a\n").ok());
  const auto again = Ingest("id,name\n2,b\n");
  EXPECT_EQ(again.status().code(), StatusCode::kConflict);
  EXPECT_NE(again.status().message().find("append or replace"), std::string::npos);
  ExpectNothingChanged(R"([[1,"a"]])", "create twice");
}

TEST_F(IngesterTest, TheSameBytesTwiceChangeNothing) {
  const std::string first = "id,name\n1,a\n";
  const std::string second = "id,name\n2,b\n";
  for (const CommitMode mode : {CommitMode::kCreate, CommitMode::kAppend, CommitMode::kReplace}) {
    ASSERT_TRUE(Ingest(first, {.mode = CommitMode::kReplace}).ok());
    const uint64_t version = Must(catalog_->Get(Must(DatasetName::Parse("people"))))->version;
    const auto again = Ingest(first, {.mode = mode});
    ASSERT_TRUE(again.ok()) << again.status().ToString();
    EXPECT_TRUE(again->unchanged);
    EXPECT_EQ(again->rows_added, 0u);
    EXPECT_EQ(again->dataset->version, version);
    EXPECT_EQ(again->format, "csv");
  }
  ASSERT_TRUE(Append(second).ok());
  EXPECT_TRUE(Append(first)->unchanged);
  EXPECT_TRUE(Append(second)->unchanged);
  EXPECT_EQ(Rows("select count(*) from people"), "[[2]]");
  // The dataset holds more than these bytes: replacing does change it.
  const auto replaced = Ingest(first, {.mode = CommitMode::kReplace});
  ASSERT_TRUE(replaced.ok());
  EXPECT_FALSE(replaced->unchanged);
  EXPECT_EQ(Rows("select * from people"), R"([[1,"a"]])");
}

TEST_F(IngesterTest, AppendMatchesColumnsByName) {
  ASSERT_TRUE(Ingest("id,name,zip\n1,a,02139\n").ok());
  ASSERT_TRUE(Append("NAME,id\nb,2\n").ok());
  ASSERT_TRUE(
      Ingest(R"([{"id":3,"zip":60601}])", {.file_name = "x.json", .mode = CommitMode::kAppend})
          .ok());
  EXPECT_EQ(Rows("select * from people order by id"),
            R"([[1,"a","02139"],[2,"b",null],[3,null,"60601"]])");
  const auto dataset = Must(catalog_->Get(Must(DatasetName::Parse("people"))));
  EXPECT_EQ(dataset->sources.size(), 3u);
  EXPECT_EQ(dataset->files.size(), 3u);
  EXPECT_EQ(dataset->rows(), 3u);
}

TEST_F(IngesterTest, AppendRefusesWhatDoesNotFit) {
  ASSERT_TRUE(Ingest("id,pay,day,ok\n1,12.50,2024-01-31,true\n").ok());
  const std::string before = Rows("select * from people");
  struct Case {
    std::string bytes;
    std::string message;
  };
  const Case cases[] = {
      {"id,extra\n2,x\n", "has no column \"extra\"; its columns are id, pay, day, ok"},
      {"id,pay\n2,1.50\n007,2.50\n",
       "column \"id\": a value does not fit the column's type BIGINT in line 3: \"007\""},
      {"id,pay\n2,1.125\n",
       "column \"pay\": a value does not fit the column's type DECIMAL(18,2) in line 2"},
      {"id,day\n2,soon\n",
       "column \"day\": a value does not fit the column's type DATE in line 2: \"soon\""},
      {"id,day\n2,01/02/2024\n",
       "column \"day\": every date can be read with the day or the month first"},
      {"id,ok\n2,yes\n", "type BOOLEAN in line 2: \"yes\""},
      {R"([{"id":"two"}])", "type BIGINT in line 1: \"two\""},
  };
  for (const Case& test : cases) {
    const auto answer = Append(test.bytes);
    ASSERT_FALSE(answer.ok()) << test.bytes;
    EXPECT_EQ(answer.status().code(), StatusCode::kInvalidArgument);
    EXPECT_NE(answer.status().message().find(test.message), std::string::npos)
        << answer.status().message();
    ExpectNothingChanged(before, test.bytes);
  }
  ASSERT_TRUE(Append("day,pay,id,ok\n31/12/2024,7,2,FALSE\n").ok());
  EXPECT_EQ(Rows("select * from people where id = 2"), R"([[2,7.00,"2024-12-31",false]])");
}

TEST_F(IngesterTest, AppendToATypeThatIsNeverInferred) {
  const std::string path = dir_.Join("small.parquet");
  const auto session = Must(engine_->NewSession());
  ASSERT_TRUE(session
                  ->Execute(StrCat("COPY (SELECT 1::TINYINT AS id, 'x' AS t) TO ",
                                   sql::QuoteLiteral(sql::StagePath(path)), " (FORMAT parquet)"))
                  .ok());
  std::ifstream file(path, std::ios::binary);
  ASSERT_TRUE(
      Ingest(std::string(std::istreambuf_iterator<char>(file), {}), {.file_name = "a.parquet"})
          .ok());
  ASSERT_TRUE(Append("id,t\n2,b\n  ,blank\n").ok());
  const auto answer = Append("id,t\n3,c\n1000,d\n");
  EXPECT_NE(
      answer.status().message().find(
          "column \"id\": a value does not fit the dataset's type TINYINT in row 2: \"1000\""),
      std::string::npos)
      << answer.status().ToString();
  ExpectNothingChanged(R"([[1,"x"],[2,"b"],[null,"blank"]])", "tinyint");
}

TEST_F(IngesterTest, AppendOfNoRowsAddsNoFile) {
  ASSERT_TRUE(Ingest("id,name\n1,a\n").ok());
  const auto answer = Append("id,name\n");
  ASSERT_TRUE(answer.ok()) << answer.status().ToString();
  EXPECT_EQ(answer->dataset->files.size(), 1u);
  EXPECT_EQ(Rows("select * from people"), R"([[1,"a"]])");
}

TEST_F(IngesterTest, ReplaceChangesTheSchema) {
  ASSERT_TRUE(Ingest("id,name\n1,a\n").ok());
  ASSERT_TRUE(Ingest("when\n2024-01-31\n", {.mode = CommitMode::kReplace}).ok());
  EXPECT_EQ(Schema(), "when DATE");
  EXPECT_EQ(Rows("select * from people"), R"([["2024-01-31"]])");
}

TEST_F(IngesterTest, ChoosesTheBucket) {
  const auto answer = Ingest("id,name\n1,a\n", {.bucket = "other"});
  ASSERT_TRUE(answer.ok()) << answer.status().ToString();
  EXPECT_EQ(answer->dataset->bucket.str(), "other");
  EXPECT_EQ(FilesInBucket(), 0u);
  ASSERT_TRUE(Append("id,name\n2,b\n").ok());
  EXPECT_EQ(Rows("select count(*) from people"), "[[2]]");
  EXPECT_EQ(Ingest("id\n3\n", {.mode = CommitMode::kAppend, .bucket = "primary"}).status().code(),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(Ingest("id\n3\n", {.dataset = "new", .bucket = "missing"}).status().code(),
            StatusCode::kNotFound);
}

TEST_F(IngesterTest, AFaultInAnyStorageCallLeavesNothingHalfVisible) {
  ASSERT_TRUE(Ingest("id,name\n1,a\n").ok());
  const std::string before = Rows("select * from people order by 1");
  const std::string more = "id,name\n2,b\n";
  // How many calls one append makes.
  const uint64_t calls_before = faults_->calls();
  ASSERT_TRUE(Ingest(more, {.dataset = "probe"}).ok());
  const uint64_t calls = faults_->calls() - calls_before;
  ASSERT_GE(calls, 2u);
  int failed = 0;
  for (const StatusCode code : {StatusCode::kUnavailable, StatusCode::kResourceExhausted}) {
    for (uint64_t ordinal = 1; ordinal <= calls + 2; ++ordinal) {
      faults_->AddFault({.ordinal = ordinal, .status = {code, "an injected fault"}});
      const auto answer = Append(StrCat(more, ordinal + 10, ",", StatusCodeName(code), "\n"));
      faults_->ClearFaults();
      const std::string label = StrCat("call ", ordinal, " ", StatusCodeName(code));
      if (answer.ok()) continue;
      ++failed;
      ExpectNothingChanged(Rows("select * from people order by 1"), label);
      EXPECT_NE(Rows("select * from people order by 1").find(before.substr(1, 5)),
                std::string::npos);
    }
  }
  EXPECT_GE(failed, 4);
}

TEST_F(IngesterTest, ALostAnswerOfTheUploadIsAnErrorWithoutARow) {
  faults_->AddFault({.call = storage::StoreCall::kPutFile,
                     .effect = storage::StoreFault::Effect::kAfter,
                     .status = {StatusCode::kCommitStateUnknown, "lost"}});
  EXPECT_EQ(Ingest("id,name\n1,a\n").status().code(), StatusCode::kCommitStateUnknown);
  faults_->ClearFaults();
  EXPECT_TRUE(catalog_->List().empty());
  EXPECT_TRUE(WorkIsEmpty());
  ASSERT_TRUE(Ingest("id,name\n1,a\n").ok());
  EXPECT_EQ(Rows("select * from people"), R"([[1,"a"]])");
}

TEST_F(IngesterTest, CancelledWorkLeavesNothing) {
  CancelToken cancel;
  StringSource source("id,name\n1,a\n");
  const auto file = Must(ingester_->Receive(source, {}));
  cancel.Cancel();
  IngestRequest request;
  request.file_name = "people.csv";
  request.content = file.get();
  request.cancel = cancel;
  EXPECT_EQ(ingester_->Ingest(request).status().code(), StatusCode::kCancelled);
  EXPECT_TRUE(catalog_->List().empty());
  EXPECT_EQ(FilesInBucket(), 0u);
  StringSource more("x");
  EXPECT_EQ(ingester_->Receive(more, cancel).status().code(), StatusCode::kCancelled);
}

TEST_F(IngesterTest, ConcurrentAppendsAllArrive) {
  ASSERT_TRUE(Ingest("id,name\n0,a\n").ok());
  constexpr int kThreads = 4;
  constexpr int kEach = 3;
  std::vector<std::thread> threads;
  std::atomic<int> failures{0};
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < kEach; ++i) {
        while (true) {
          const auto answer = Append(StrCat("id,name\n", 1 + thread * kEach + i, ",t\n"));
          if (answer.ok()) break;
          if (answer.status().code() != StatusCode::kConflict) {
            ++failures;
            break;
          }
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failures.load(), 0);
  EXPECT_EQ(Rows("select count(*), count(distinct id), max(id) from people"), "[[13,13,12]]");
}

TEST_F(IngesterTest, ConcurrentCreatesOfTheSameBytesAgree) {
  std::vector<std::thread> threads;
  std::atomic<int> created{0};
  std::atomic<int> unchanged{0};
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      const auto answer = Ingest("id,name\n1,a\n");
      if (answer.ok()) ++(answer->unchanged ? unchanged : created);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(created.load(), 1);
  EXPECT_EQ(unchanged.load(), 3);
  EXPECT_EQ(Rows("select * from people"), R"([[1,"a"]])");
  EXPECT_EQ(FilesInBucket(), 1u);
}

TEST_F(IngesterTest, KeepsTheMinimumOfTheDiskFree) {
  config_.min_free_disk_bytes = int64_t{1} << 60;
  OpenIngester();
  const auto answer = Ingest("id,name\n1,a\n");
  EXPECT_EQ(answer.status().code(), StatusCode::kResourceExhausted);
  EXPECT_NE(answer.status().message().find("ingest.min_free_disk_bytes"), std::string::npos);
  EXPECT_TRUE(WorkIsEmpty());
}

// A disk of 8 MiB that fills in the middle of the work.
TEST_F(IngesterTest, AFullDiskIsReportedAndChangesNothing) {
  ASSERT_TRUE(Ingest("id,name\n1,a\n").ok());
  const std::string before = Rows("select * from people");
  const std::string small = dir_.Join("small_disk");
  std::filesystem::create_directory(small);
  if (mount("tmpfs", small.c_str(), "tmpfs", 0, "size=8m") != 0) {
    GTEST_SKIP() << "mounting a small disk needs root";
  }
  work_dir_ = small + "/work";
  config_.min_free_disk_bytes = 0;
  OpenIngester();
  std::string too_large = "id,name\n";
  for (int64_t i = 0; i < 600'000; ++i)
    StrAppend(too_large, i, ",some longer name ", i * 7919 % 104729, "\n");
  const auto full_at_upload = Ingest(too_large, {.mode = CommitMode::kReplace});
  EXPECT_EQ(full_at_upload.status().code(), StatusCode::kResourceExhausted)
      << full_at_upload.status().ToString();
  // The upload fits; its copy in strict form does not.
  const std::string copied = "\n" + too_large.substr(0, 5 << 20) + "\n";
  const auto full_at_copy = Ingest(copied, {.mode = CommitMode::kReplace});
  EXPECT_EQ(full_at_copy.status().code(), StatusCode::kResourceExhausted)
      << full_at_copy.status().ToString();
  // The upload fits and needs no copy; its Parquet file does not.
  std::string noise = "id,text\n";
  Rng rng(1);
  for (int i = 0; noise.size() < (5 << 20); ++i) {
    StrAppend(noise, i, ",");
    for (int j = 0; j < 100; ++j) noise.push_back(static_cast<char>('-' + rng.Below(78)));
    noise.push_back('\n');
  }
  const auto full_at_parquet = Ingest(noise, {.mode = CommitMode::kReplace});
  EXPECT_EQ(full_at_parquet.status().code(), StatusCode::kResourceExhausted)
      << full_at_parquet.status().ToString();
  EXPECT_EQ(Rows("select * from people"), before);
  EXPECT_TRUE(std::filesystem::is_empty(work_dir_));
  const auto small_file = Ingest("id,name\n2,b\n", {.mode = CommitMode::kReplace});
  EXPECT_TRUE(small_file.ok()) << small_file.status().ToString();
  ingester_.reset();
  umount2(small.c_str(), MNT_DETACH);
}

TEST_F(IngesterTest, CountsWhatItDid) {
  ASSERT_TRUE(Ingest("id,name\n1,a\n2,b\n3\n").ok());
  ASSERT_FALSE(Ingest("id,id\n1,2\n", {.dataset = "bad"}).ok());
  const std::string text = metrics_.PrometheusText();
  EXPECT_NE(text.find("lakehouse_ingest_rows_total 2"), std::string::npos) << text;
  EXPECT_NE(text.find("lakehouse_ingest_rejected_rows_total 1"), std::string::npos);
  EXPECT_NE(text.find("lakehouse_ingest_files_total{outcome=\"ok\"} 1"), std::string::npos);
  EXPECT_NE(text.find("lakehouse_ingest_files_total{outcome=\"invalid_argument\"} 1"),
            std::string::npos);
}

}  // namespace
}  // namespace lakehouse::ingest
