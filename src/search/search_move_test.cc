// Datasets and indexes that change their bucket, and buckets that do not answer, seen from outside.
#include <atomic>
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

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

class SearchMoveTest : public ::testing::Test {
 protected:
  static BucketName Bucket(const char* name) { return *BucketName::Parse(name); }
  static DatasetName Dataset(const char* name) { return *DatasetName::Parse(name); }
  static IndexName Index(const char* name) { return *IndexName::Parse(name); }

  static void MustEnd(TestLake& lake, const Result<JobInfo>& job) {
    ASSERT_TRUE(job.ok()) << job.status().ToString();
    const JobInfo ended = lake.WaitForEnd(job->id);
    EXPECT_EQ(ended.state, JobState::kDone) << ended.error;
    EXPECT_EQ(ended.done, ended.total);
  }
  static size_t PartsIn(storage::ObjectStore& store) { return store.List("vectors/")->size(); }
  // The index answers with exactly the chunks of the rows.
  void ExpectAnswers(TestLake& lake) {
    const std::vector<SearchHit> chunks = ChunksOf(rows_, model_, lake.Index("people_v1"));
    const Result<SearchAnswer> answer = lake.Search("people_v1", "word1 word2", 10'000);
    ASSERT_TRUE(answer.ok()) << answer.status().ToString();
    ExpectNearest(answer->results, chunks, "word1 word2", 10'000);
  }

  testing::TempDir directory_;
  Gate gate_;
  HashedWordsModel model_;
  Rng rng_{testing::TestSeed()};
  const std::vector<TestRow> rows_ = RandomRows(rng_, 48);
};

TEST_F(SearchMoveTest, AnIndexMovesWhileItAnswers) {
  TestLake lake(directory_.path(), &model_);
  lake.Commit("people", rows_);
  ASSERT_EQ(lake.Build("people").state, JobState::kDone);
  ExpectAnswers(lake);
  const Result<JobInfo> job = lake.service().StartMoveIndex(Index("people_v1"), Bucket("spare"));
  ASSERT_TRUE(job.ok()) << job.status().ToString();
  EXPECT_EQ(job->kind, "move_index");
  EXPECT_EQ(job->subject, "people_v1");
  EXPECT_EQ(job->target, "spare");
  MustEnd(lake, job);
  EXPECT_EQ(lake.Index("people_v1").bucket, Bucket("spare"));
  const uint64_t reads = lake.spare().calls();
  ExpectAnswers(lake);
  EXPECT_EQ(lake.spare().calls(), reads) << "what is in memory is not read again";
  ASSERT_TRUE(lake.ReopenService().ok());
  ExpectAnswers(lake);
  EXPECT_GT(lake.spare().calls(), reads);

  const auto freed = lake.service().CollectGarbage(-1);
  ASSERT_TRUE(freed.ok()) << freed.status().ToString();
  EXPECT_GT(*freed, 0u);
  EXPECT_EQ(PartsIn(lake.store()), 0u);
  EXPECT_EQ(PartsIn(lake.spare()), 3u);
  ASSERT_TRUE(lake.ReopenService().ok());
  ExpectAnswers(lake);
}

TEST_F(SearchMoveTest, SearchesGoOnWhileItMovesBackAndForth) {
  TestLake lake(directory_.path(), &model_);
  lake.Commit("people", rows_);
  ASSERT_EQ(lake.Build("people").state, JobState::kDone);
  std::atomic<bool> done{false};
  std::thread searcher([&] {
    while (!done) ExpectAnswers(lake);
  });
  for (int i = 0; i < 8; ++i) {
    MustEnd(lake, lake.service().StartMoveIndex(Index("people_v1"),
                                                Bucket(i % 2 == 0 ? "spare" : "primary")));
  }
  done = true;
  searcher.join();
}

TEST_F(SearchMoveTest, ADatasetMovesUnderTheJobThatIndexesIt) {
  TestLake lake(directory_.path(), &model_);
  lake.Commit("people", rows_);
  model_.OnCall([this](uint64_t call) { gate_.Pass(call); });
  gate_.AllowCalls(1);
  const Result<JobInfo> build = lake.service().CreateIndex(lake.Request("people"));
  ASSERT_TRUE(build.ok());
  const Result<JobInfo> move = lake.service().StartMoveDataset(Dataset("people"), Bucket("spare"));
  MustEnd(lake, move);
  EXPECT_EQ(move->kind, "move_dataset");
  EXPECT_EQ((*lake.catalog().Get(Dataset("people")))->bucket, Bucket("spare"));
  gate_.AllowCalls(1'000'000);
  MustEnd(lake, build);
  EXPECT_EQ(model_.documents_embedded(), lake.Index("people_v1").chunks())
      << "no row was embedded twice";
  ExpectAnswers(lake);
  EXPECT_FALSE((*lake.catalog().Get(Dataset("people")))->embedding_stale_since.has_value());
  // A new index of it is at home where the dataset is now.
  ASSERT_EQ(lake.Build("people").state, JobState::kDone);
  EXPECT_EQ(lake.Index("people_v2").bucket, Bucket("spare"));
}

TEST_F(SearchMoveTest, OneJobAtATimeWorksOnAnything) {
  TestLake lake(directory_.path(), &model_);
  lake.Commit("people", rows_);
  model_.OnCall([this](uint64_t call) { gate_.Pass(call); });
  const Result<JobInfo> build = lake.service().CreateIndex(lake.Request("people"));
  ASSERT_TRUE(build.ok());
  const Status busy = lake.service().StartMoveIndex(Index("people_v1"), Bucket("spare")).status();
  EXPECT_EQ(busy.code(), StatusCode::kConflict);
  EXPECT_THAT(busy.message(), HasSubstr(build->id.str()));
  gate_.AllowCalls(1'000'000);
  MustEnd(lake, build);
}

TEST_F(SearchMoveTest, QueuedMovesAreSeenRefusedTwiceAndRunAfterARestart) {
  {
    TestLake lake(directory_.path(), &model_);
    lake.Commit("people", rows_);
    ASSERT_EQ(lake.Build("people").state, JobState::kDone);
  }
  JobId dataset_job = *JobId::Parse("x");
  {
    TestLake lake(directory_.path(), &model_, {.run_jobs = false});
    const Result<JobInfo> job = lake.service().StartMoveDataset(Dataset("people"), Bucket("spare"));
    ASSERT_TRUE(job.ok());
    dataset_job = job->id;
    const Status twice =
        lake.service().StartMoveDataset(Dataset("people"), Bucket("primary")).status();
    EXPECT_EQ(twice.code(), StatusCode::kConflict);
    EXPECT_THAT(twice.message(), HasSubstr(job->id.str()));
    ASSERT_TRUE(lake.service().StartMoveIndex(Index("people_v1"), Bucket("spare")).ok());
    CreateIndexRequest resume = lake.Request("people");
    resume.name = Index("people_v1");
    EXPECT_THAT(lake.service().CreateIndex(resume).status().message(), HasSubstr("being moved"));
    EXPECT_EQ(lake.service().UsersOf(Bucket("spare")).size(), 2u) << "the two moves";
    EXPECT_THAT(lake.service().UsersOf(Bucket("primary")),
                ElementsAre("dataset people", "index people_v1"));
  }
  TestLake lake(directory_.path(), &model_);
  for (const JobInfo& job : lake.service().ListJobs()) {
    EXPECT_EQ(lake.WaitForEnd(job.id).state, JobState::kDone);
  }
  EXPECT_EQ(lake.service().GetJob(dataset_job)->attempts, 1);
  EXPECT_THAT(lake.service().UsersOf(Bucket("spare")),
              ElementsAre("dataset people", "index people_v1"));
  EXPECT_TRUE(lake.service().UsersOf(Bucket("primary")).empty());
  ExpectAnswers(lake);
}

TEST_F(SearchMoveTest, SaysAtOnceWhatCannotMove) {
  TestLake lake(directory_.path(), &model_);
  lake.Commit("people", rows_);
  SearchService& service = lake.service();
  EXPECT_EQ(service.StartMoveDataset(Dataset("nobody"), Bucket("spare")).status().code(),
            StatusCode::kNotFound);
  EXPECT_EQ(service.StartMoveDataset(Dataset("people"), Bucket("nowhere")).status().code(),
            StatusCode::kNotFound);
  EXPECT_EQ(service.StartMoveIndex(Index("people_v1"), Bucket("spare")).status().code(),
            StatusCode::kNotFound);
  EXPECT_TRUE(service.ListJobs().empty());
}

TEST_F(SearchMoveTest, AMoveThatFailsSaysWhyAndChangesNothing) {
  TestLake lake(directory_.path(), &model_);
  lake.Commit("people", rows_);
  lake.spare().AddFault({.call = storage::StoreCall::kPutFile,
                         .repeat = UINT64_MAX,
                         .status = ResourceExhausted("the bucket is full")});
  const JobInfo job =
      lake.WaitForEnd(lake.service().StartMoveDataset(Dataset("people"), Bucket("spare"))->id);
  EXPECT_EQ(job.state, JobState::kFailed);
  EXPECT_THAT(job.error, HasSubstr("the bucket is full"));
  EXPECT_EQ((*lake.catalog().Get(Dataset("people")))->bucket, Bucket("primary"));
}

TEST_F(SearchMoveTest, ABucketThatDoesNotAnswerStopsOnlyWhatIsInIt) {
  {
    TestLake lake(directory_.path(), &model_);
    lake.Commit("people", rows_);
    lake.Commit("jobs", rows_);
    ASSERT_EQ(lake.Build("people").state, JobState::kDone);
    ASSERT_EQ(lake.Build("jobs").state, JobState::kDone);
    MustEnd(lake, lake.service().StartMoveIndex(Index("people_v1"), Bucket("spare")));
    MustEnd(lake, lake.service().StartMoveDataset(Dataset("jobs"), Bucket("spare")));
  }
  TestLake::Options down{.spare_is_down = true};
  down.loading.in_background = false;
  TestLake lake(directory_.path(), &model_, down);
  const Status gone = lake.Search("people_v1", "word1").status();
  EXPECT_EQ(gone.code(), StatusCode::kUnavailable);
  EXPECT_THAT(gone.message(), HasSubstr("index people_v1 is in bucket spare"));
  EXPECT_TRUE(lake.Search("jobs_v1", "word1").ok());
  EXPECT_EQ(lake.catalog().Get(Dataset("jobs")).status().code(), StatusCode::kUnavailable);
  EXPECT_THAT(lake.service().UsersOf(Bucket("spare")),
              UnorderedElementsAre("dataset jobs", "index people_v1"));
  EXPECT_EQ(lake.service().StartMoveDataset(Dataset("people"), Bucket("spare")).status().code(),
            StatusCode::kUnavailable);
  CreateIndexRequest request = lake.Request("people");
  request.name = Index("people_v1");
  EXPECT_EQ(lake.service().CreateIndex(request).status().code(), StatusCode::kUnavailable);
  const JobInfo fresh = lake.Build("people");
  EXPECT_EQ(fresh.subject, "people_v2") << "the default name avoids what the bucket holds";
  EXPECT_TRUE(lake.service().CollectGarbage(-1).ok());

  lake.spare().ClearFaults();
  ASSERT_TRUE(lake.service().LoadBucket(Bucket("spare")).ok());
  ExpectAnswers(lake);
  EXPECT_TRUE(lake.catalog().Get(Dataset("jobs")).ok());
}

TEST_F(SearchMoveTest, WithoutThePrimaryBucketThereAreNoJobsUntilItAnswers) {
  TestLake::Options options;
  options.loading.in_background = false;
  TestLake lake(directory_.path(), &model_, options);
  lake.Commit("people", rows_);
  const JobInfo built = lake.Build("people");
  TestLake::TakeDown(lake.store());
  ASSERT_TRUE(lake.ReopenService().ok()) << "the start does not need it";
  EXPECT_TRUE(lake.service().ListJobs().empty());
  EXPECT_EQ(lake.service().GetJob(built.id).status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(lake.service().CreateIndex(lake.Request("people")).status().code(),
            StatusCode::kUnavailable);
  lake.store().ClearFaults();
  ASSERT_TRUE(lake.service().LoadBucket(Bucket("primary")).ok());
  EXPECT_EQ(lake.service().GetJob(built.id)->state, JobState::kDone);
  ExpectAnswers(lake);
}

}  // namespace
}  // namespace lakehouse::search
