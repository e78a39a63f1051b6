// What is left of an index job after cancels, restarts, kills and storage faults.
#include <algorithm>
#include <set>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "search/brute_force.h"
#include "search/hashed_words_model.h"
#include "search/search_service.h"
#include "search/test_lake.h"
#include "support/temp_dir.h"
#include "support/test_seed.h"

namespace lakehouse::search {
namespace {

using ::testing::HasSubstr;

class SearchRecoveryTest : public ::testing::Test {
 protected:
  static constexpr uint64_t kRows = 64;  // Four parts of 16.

  // Two parts of 32: enough to fail in and between, few enough to try every call.
  static constexpr TestLake::Options kTwoParts = {.config = {.rows_per_part = 32}};

  // Starts the index of "people" and waits until exactly two parts are published; the third waits
  // at the gate.
  JobInfo BuildHalf(TestLake& lake) {
    model_.OnCall([this](uint64_t call) { gate_.Pass(call); });
    gate_.AllowCalls(2);
    JobInfo job = *lake.service().CreateIndex(lake.Request("people"));
    while (lake.Index("people_v1").rows_done < 32) std::this_thread::yield();
    return job;
  }
  void OpenGate() { gate_.AllowCalls(1'000'000); }

  CreateIndexRequest ResumeRequest(TestLake& lake) {
    CreateIndexRequest request = lake.Request("people");
    request.name = *IndexName::Parse("people_v1");
    return request;
  }

  // The invariants that hold at every moment: what is published can be searched, and it is exactly
  // the chunks of the first rows.
  void ExpectSound(TestLake& lake, const std::vector<TestRow>& rows) {
    const IndexInfo index = lake.Index("people_v1");
    ASSERT_LE(index.rows_done, rows.size());
    EXPECT_EQ(index.complete, index.rows_done == index.rows_total);
    const std::vector<TestRow> covered(rows.begin(),
                                       rows.begin() + static_cast<ptrdiff_t>(index.rows_done));
    const std::vector<SearchHit> chunks = ChunksOf(covered, model_, index);
    const Result<SearchAnswer> answer = lake.Search("people_v1", "word1 word2", 10'000);
    ASSERT_TRUE(answer.ok()) << answer.status().ToString();
    ExpectNearest(answer->results, chunks, "word1 word2", 10'000);
  }

  // The objects of the index that no document names.
  static size_t CountOrphans(TestLake& lake) {
    std::set<std::string> named;
    for (const EmbeddingPart& part : lake.Index("people_v1").parts) named.insert(part.key);
    size_t orphans = 0;
    const std::vector<storage::ObjectInfo> objects = *lake.store().List("vectors/");
    for (const storage::ObjectInfo& object : objects) orphans += !named.contains(object.key);
    return orphans;
  }

  testing::TempDir directory_;
  Gate gate_;
  HashedWordsModel model_;
  Rng rng_{testing::TestSeed()};
  const std::vector<TestRow> rows_ = RandomRows(rng_, kRows);
};

TEST_F(SearchRecoveryTest, CancelledJobKeepsWhatItHasAndCanBeResumed) {
  TestLake lake(directory_.path(), &model_);
  lake.Commit("people", rows_);
  const JobInfo job = BuildHalf(lake);
  const Status busy = lake.service().CreateIndex(ResumeRequest(lake)).status();
  EXPECT_EQ(busy.code(), StatusCode::kConflict);
  EXPECT_THAT(busy.message(), HasSubstr(job.id.str()));

  ASSERT_TRUE(lake.service().CancelJob(job.id).ok());
  OpenGate();
  const JobInfo ended = lake.WaitForEnd(job.id);
  EXPECT_EQ(ended.state, JobState::kCancelled);
  EXPECT_EQ(ended.error, "");
  EXPECT_FALSE(lake.Index("people_v1").complete);
  EXPECT_EQ(lake.Index("people_v1").rows_done, 32u);
  ExpectSound(lake, rows_);

  const uint64_t embedded = model_.documents_embedded();
  const JobInfo resumed = *lake.service().CreateIndex(ResumeRequest(lake));
  EXPECT_EQ(lake.WaitForEnd(resumed.id).state, JobState::kDone);
  ExpectSound(lake, rows_);
  const std::vector<TestRow> second_half(rows_.begin() + 32, rows_.end());
  EXPECT_EQ(model_.documents_embedded() - embedded,
            ChunksOf(second_half, model_, lake.Index("people_v1")).size())
      << "what was published is not embedded again";
}

TEST_F(SearchRecoveryTest, ShutdownLeavesTheJobToTheNextStart) {
  JobId id = *JobId::Parse("none");
  {
    TestLake lake(directory_.path(), &model_);
    lake.Commit("people", rows_);
    id = BuildHalf(lake).id;
    std::thread opener([this] { OpenGate(); });
    lake.service().Shutdown();
    opener.join();
    lake.service().Shutdown();
  }
  TestLake lake(directory_.path(), &model_);
  const JobInfo job = lake.WaitForEnd(id);
  EXPECT_EQ(job.state, JobState::kDone) << job.error;
  EXPECT_EQ(job.done, kRows);
  EXPECT_EQ(job.attempts, 2);
  ExpectSound(lake, rows_);
  EXPECT_EQ(CountOrphans(lake), 0u);
}

TEST_F(SearchRecoveryTest, RestartAmidARowGroupSkipsExactlyThePublishedRows) {
  // Several files of odd sizes, so that parts end amid files.
  std::vector<TestRow> rows;
  JobId id = *JobId::Parse("none");
  {
    TestLake lake(directory_.path(), &model_);
    for (const size_t size : {5u, 30u, 1u, 40u, 17u}) {
      std::vector<TestRow> file = RandomRows(rng_, size);
      for (TestRow& row : file) row.id = StrCat("row-", rows.size()), rows.push_back(row);
      lake.Commit("people", file, catalog::CommitMode::kAppend);
    }
    id = BuildHalf(lake).id;
    lake.store().AddFault({.repeat = UINT64_MAX});
    OpenGate();
  }
  TestLake lake(directory_.path(), &model_);
  EXPECT_EQ(lake.WaitForEnd(id).state, JobState::kDone);
  ExpectSound(lake, rows);
}

// A process that is killed stops at one call to storage and never comes to the next.
TEST_F(SearchRecoveryTest, KillAtEveryCallToStorageLosesNothingPublished) {
  uint64_t ordinal = 0;
  for (bool killed = true; killed;) {
    ++ordinal;
    SCOPED_TRACE(ordinal);
    const std::string directory = directory_.Join(StrCat("kill-", ordinal));
    std::optional<JobId> id;
    uint64_t published = 0;
    {
      TestLake lake(directory, &model_, kTwoParts);
      lake.Commit("people", rows_);
      lake.store().AddFault({.ordinal = ordinal, .repeat = UINT64_MAX});
      const Result<JobInfo> job = lake.service().CreateIndex(lake.Request("people"));
      if (job.ok()) {
        id = job->id;
        killed = lake.WaitForEnd(*id).state != JobState::kDone;
        published = lake.Index("people_v1").rows_done;
      }
    }
    TestLake lake(directory, &model_, kTwoParts);
    EXPECT_EQ(lake.service().ListIndexes().size(), lake.service().ListJobs().size())
        << "a request that was killed left half of itself";
    // The end of the job may not have been written; then the job runs, or has nothing left to do.
    for (const JobInfo& job : lake.service().ListJobs()) lake.WaitForEnd(job.id);
    if (lake.service().ListIndexes().empty()) {
      EXPECT_FALSE(id.has_value()) << "an acknowledged index is gone";
      continue;
    }
    EXPECT_GE(lake.Index("people_v1").rows_done, published);
    ExpectSound(lake, rows_);
    if (!lake.Index("people_v1").complete) {
      const JobInfo resumed = *lake.service().CreateIndex(ResumeRequest(lake));
      EXPECT_EQ(lake.WaitForEnd(resumed.id).state, JobState::kDone);
      ExpectSound(lake, rows_);
    }
    EXPECT_EQ(CountOrphans(lake), 0u);
  }
  EXPECT_GT(ordinal, 10u);
}

struct FaultCase {
  storage::StoreFault::Effect effect;
  Status status;
};

class SearchFaultTest : public SearchRecoveryTest,
                        public ::testing::WithParamInterface<FaultCase> {};

// One call fails, or its answer is lost, and the process goes on.
TEST_P(SearchFaultTest, FaultAtEveryCallLeavesASoundIndexThatCanBeResumed) {
  uint64_t failures = 0;
  for (uint64_t ordinal = 1;; ++ordinal) {
    SCOPED_TRACE(ordinal);
    TestLake lake(directory_.Join(StrCat("fault-", ordinal)), &model_, kTwoParts);
    lake.Commit("people", rows_);
    const uint64_t calls_before = lake.store().calls();
    lake.store().AddFault(
        {.ordinal = ordinal, .effect = GetParam().effect, .status = GetParam().status});
    const Result<JobInfo> job = lake.service().CreateIndex(lake.Request("people"));
    if (job.ok()) {
      const JobInfo ended = lake.WaitForEnd(job->id);
      if (ended.state == JobState::kFailed) {
        ++failures;
        EXPECT_THAT(ended.error, HasSubstr(GetParam().status.message()));
      }
    } else {
      ++failures;
    }
    const bool beyond_the_end = lake.store().calls() - calls_before < ordinal;
    lake.store().ClearFaults();
    if (lake.service().ListIndexes().empty()) {
      EXPECT_FALSE(job.ok());
      continue;
    }
    ExpectSound(lake, rows_);
    if (!lake.Index("people_v1").complete) {
      const Result<JobInfo> resumed = lake.service().CreateIndex(ResumeRequest(lake));
      ASSERT_TRUE(resumed.ok()) << resumed.status().ToString();
      EXPECT_EQ(lake.WaitForEnd(resumed->id).state, JobState::kDone);
      ExpectSound(lake, rows_);
    }
    if (beyond_the_end) break;
  }
  EXPECT_GT(failures, 4u);
}

INSTANTIATE_TEST_SUITE_P(
    Faults, SearchFaultTest,
    ::testing::Values(FaultCase{storage::StoreFault::Effect::kBefore,
                                {StatusCode::kResourceExhausted, "no space left on the disk"}},
                      FaultCase{storage::StoreFault::Effect::kAfter,
                                {StatusCode::kCommitStateUnknown, "the answer was lost"}}),
    [](const auto& param) { return param.index == 0 ? "DiskFull" : "AnswerLost"; });

TEST_F(SearchRecoveryTest, ReplacedDatasetBeginsAnew) {
  TestLake lake(directory_.path(), &model_);
  lake.Commit("people", rows_);
  const JobInfo job = BuildHalf(lake);
  ASSERT_TRUE(lake.service().CancelJob(job.id).ok());
  OpenGate();
  ASSERT_EQ(lake.WaitForEnd(job.id).state, JobState::kCancelled);
  const std::vector<TestRow> other = {{"new-1", "word1 word2"}, {"new-2", "word3"}};
  lake.Commit("people", other, catalog::CommitMode::kReplace);
  const JobInfo resumed = *lake.service().CreateIndex(ResumeRequest(lake));
  ASSERT_EQ(lake.WaitForEnd(resumed.id).state, JobState::kDone);
  EXPECT_EQ(lake.Index("people_v1").rows_total, 2u);
  ExpectSound(lake, other);
  EXPECT_EQ(CountOrphans(lake), 0u) << "the old parts are gone";
}

TEST_F(SearchRecoveryTest, AppendedRowsDoNotDisturbARunningBuild) {
  TestLake lake(directory_.path(), &model_);
  lake.Commit("people", rows_);
  const JobInfo job = BuildHalf(lake);
  lake.Commit("people", {{"late", "word1"}}, catalog::CommitMode::kAppend);
  OpenGate();
  ASSERT_EQ(lake.WaitForEnd(job.id).state, JobState::kDone);
  EXPECT_EQ(lake.Index("people_v1").rows_total, kRows);
  ExpectSound(lake, rows_);
  const auto dataset = *lake.catalog().Get(*DatasetName::Parse("people"));
  EXPECT_TRUE(dataset->embedding_stale_since.has_value()) << "the late row is not embedded";
}

TEST_F(SearchRecoveryTest, DroppedDatasetFailsTheJobWithItsName) {
  TestLake lake(directory_.path(), &model_, {.config = {.rows_per_part = 16}, .run_jobs = false});
  lake.Commit("people", rows_);
  const JobInfo job = *lake.service().CreateIndex(lake.Request("people"));
  ASSERT_TRUE(lake.catalog().Drop(*DatasetName::Parse("people")).ok());
  lake.CloseService();
  TestLake running(directory_.path(), &model_);
  const JobInfo ended = running.WaitForEnd(job.id);
  EXPECT_EQ(ended.state, JobState::kFailed);
  EXPECT_THAT(ended.error, HasSubstr("people"));
}

TEST_F(SearchRecoveryTest, DamagedPartIsNamedNotSearched) {
  {
    TestLake lake(directory_.path(), &model_);
    lake.Commit("people", rows_);
    ASSERT_EQ(lake.Build("people").state, JobState::kDone);
  }
  TestLake lake(directory_.path(), &model_);
  const std::string key = lake.Index("people_v1").parts[1].key;
  std::string bytes = *lake.store().Get(key);
  bytes[bytes.size() / 2] ^= 1;
  ASSERT_TRUE(lake.store().Put(key, bytes).ok());
  const Status flipped = lake.Search("people_v1", "word1").status();
  EXPECT_EQ(flipped.code(), StatusCode::kInternal);
  EXPECT_THAT(flipped.message(), HasSubstr("checksum"));
  ASSERT_TRUE(lake.store().Put(key, bytes.substr(0, 100)).ok());
  EXPECT_THAT(lake.Search("people_v1", "word1").status().message(), HasSubstr("has 100"));
  ASSERT_TRUE(lake.store().Delete(key).ok());
  EXPECT_EQ(lake.Search("people_v1", "word1").status().code(), StatusCode::kNotFound);
}

}  // namespace
}  // namespace lakehouse::search
