// Indexes of several models: which one answers, and what happens when one is away or has changed.
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
using Answer = HashedWordsModel::Answer;

class SearchModelsTest : public ::testing::Test {
 protected:
  SearchModelsTest() {
    second_.mutable_space().model = "second";
    second_.mutable_space().digest = Sha256Hex("second");
    models_.Set("hashed-words", first_);
    models_.Set("second", second_);
  }
  TestLake::Options QuickWaits(int64_t give_up_micros) const {
    return {.waits = {
                .first_micros = 1'000, .longest_micros = 5'000, .give_up_micros = give_up_micros}};
  }
  JobInfo BuildWith(TestLake& lake, const std::string& model) {
    CreateIndexRequest request = lake.Request("people");
    request.model = model;
    return lake.WaitForEnd(TestLake::Take(lake.service().CreateIndex(request)).id);
  }

  testing::TempDir directory_;
  Rng rng_{testing::TestSeed()};
  const std::vector<TestRow> rows_ = RandomRows(rng_, 40);
  HashedWordsModel first_, second_;
  NamedModels models_;
};

TEST_F(SearchModelsTest, EachIndexIsSearchedWithItsModel) {
  TestLake lake(directory_.path(), models_, {});
  lake.Commit("people", rows_);
  ASSERT_EQ(lake.Build("people").state, JobState::kDone) << "the default model";
  ASSERT_EQ(BuildWith(lake, "second").state, JobState::kDone);
  EXPECT_EQ(lake.Index("people_v1").space.model, "hashed-words");
  EXPECT_EQ(lake.Index("people_v2").space.model, "second");
  ASSERT_TRUE(lake.Search("people_v1", "word1").ok());
  EXPECT_EQ(first_.queries_embedded(), 1u);
  EXPECT_EQ(second_.queries_embedded(), 0u);
  ASSERT_TRUE(lake.Search("people_v2", "word1").ok());
  EXPECT_EQ(second_.queries_embedded(), 1u) << "a query's vector belongs to one space";
}

TEST_F(SearchModelsTest, ModelThatIsAwayStopsOnlyItsOwnIndexes) {
  TestLake lake(directory_.path(), models_, {});
  lake.Commit("people", rows_);
  ASSERT_EQ(lake.Build("people").state, JobState::kDone);
  ASSERT_EQ(BuildWith(lake, "second").state, JobState::kDone);
  models_.SetError("second", Unavailable("ollama does not answer at 127.0.0.1:11434: start it"));
  const Status status = lake.Search("people_v2", "word1").status();
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_THAT(status.message(), HasSubstr("index people_v2 needs model second"));
  EXPECT_THAT(status.message(), HasSubstr("start it"));
  EXPECT_TRUE(lake.Search("people_v1", "word1").ok());
  CreateIndexRequest request = lake.Request("people");
  request.model = "second";
  EXPECT_EQ(lake.service().CreateIndex(request).status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(lake.Build("people").state, JobState::kDone);
}

TEST_F(SearchModelsTest, JobWaitsForItsModelAndGoesOn) {
  TestLake lake(directory_.path(), models_, QuickWaits(60'000'000));
  lake.Commit("people", rows_);
  std::atomic<bool> down = true;
  first_.OnText([&](const std::string&) -> std::optional<Answer> {
    if (!down) return std::nullopt;
    return Answer(Unavailable("the server is busy"));
  });
  const JobInfo job = *lake.service().CreateIndex(lake.Request("people"));
  while (lake.service().GetJob(job.id)->attempts < 3) std::this_thread::yield();
  JobInfo waiting = *lake.service().GetJob(job.id);
  while (waiting.stage != "waiting") waiting = *lake.service().GetJob(job.id);
  EXPECT_EQ(waiting.state, JobState::kQueued);
  EXPECT_THAT(waiting.error, HasSubstr("the server is busy"));
  // Others are built meanwhile.
  EXPECT_EQ(BuildWith(lake, "second").state, JobState::kDone);
  down = false;
  const JobInfo ended = lake.WaitForEnd(job.id);
  EXPECT_EQ(ended.state, JobState::kDone);
  EXPECT_EQ(ended.error, "");
  EXPECT_EQ(ended.failed_items, 0u) << "no text was to blame";
}

TEST_F(SearchModelsTest, JobGivesUpWithAClearMessageAndCanBeResumed) {
  TestLake lake(directory_.path(), models_, QuickWaits(30'000));
  lake.Commit("people", rows_);
  first_.OnText([](const std::string&) { return Answer(DeadlineExceeded("no answer in 120 s")); });
  const JobInfo failed = lake.Build("people");
  EXPECT_EQ(failed.state, JobState::kFailed);
  EXPECT_GT(failed.attempts, 1);
  EXPECT_THAT(failed.error, HasSubstr("no answer in 120 s"));
  EXPECT_THAT(failed.error, HasSubstr("asked for again"));
  first_.OnText({});
  CreateIndexRequest request = lake.Request("people");
  request.name = *IndexName::Parse("people_v1");
  EXPECT_EQ(lake.WaitForEnd(lake.service().CreateIndex(request)->id).state, JobState::kDone);
}

TEST_F(SearchModelsTest, WaitingJobCanBeCancelledAndSurvivesARestart) {
  JobId id = *JobId::Parse("none");
  {
    TestLake lake(directory_.path(), models_, QuickWaits(60'000'000));
    lake.Commit("people", rows_);
    first_.OnText([](const std::string&) { return Answer(Unavailable("down")); });
    id = lake.service().CreateIndex(lake.Request("people"))->id;
    while (lake.service().GetJob(id)->stage != "waiting") std::this_thread::yield();
  }
  TestLake lake(directory_.path(), models_, QuickWaits(60'000'000));
  while (lake.service().GetJob(id)->stage != "waiting") std::this_thread::yield();
  // It may be between two waits.
  ASSERT_TRUE(lake.service().CancelJob(id).ok());
  EXPECT_EQ(lake.WaitForEnd(id).state, JobState::kCancelled);
}

TEST_F(SearchModelsTest, ConflictStopsTheJob) {
  TestLake lake(directory_.path(), models_, QuickWaits(60'000'000));
  lake.Commit("people", rows_);
  first_.OnText([](const std::string&) { return Answer(Conflict("the width changed")); });
  const JobInfo job = lake.Build("people");
  EXPECT_EQ(job.state, JobState::kFailed);
  EXPECT_EQ(job.attempts, 1);
  EXPECT_THAT(job.error, HasSubstr("the width changed"));
  EXPECT_EQ(lake.Index("people_v1").rows_done, 0u);
}

TEST_F(SearchModelsTest, IndexHasAPassportAndShowsItsLastCheck) {
  TestLake lake(directory_.path(), models_, {});
  lake.Commit("people", rows_);
  ASSERT_EQ(lake.Build("people").state, JobState::kDone);
  const IndexInfo index = lake.Index("people_v1");
  ASSERT_TRUE(index.passport.has_value());
  EXPECT_EQ(index.passport->canaries.size(), 8u);
  ASSERT_TRUE(index.last_check.has_value());
  EXPECT_TRUE(index.last_check->outcome.ok());
  ASSERT_TRUE(lake.ReopenService().ok());
  EXPECT_FALSE(lake.Index("people_v1").last_check.has_value()) << "not yet in this process";
  ASSERT_TRUE(lake.Search("people_v1", "word1").ok());
  EXPECT_NEAR(lake.service().ListIndexes()[0].last_check->worst_cosine, 1, 1e-6);
}

TEST_F(SearchModelsTest, DriftedModelIsRefusedByNameAndOnlyForText) {
  {
    TestLake lake(directory_.path(), models_, {});
    lake.Commit("people", rows_);
    ASSERT_EQ(lake.Build("people").state, JobState::kDone);
  }
  first_.OnFreshText([](const std::string& text) {
    return Answer(HashedWordsModel::VectorOf(text + " otherwise tokenized"));
  });
  TestLake lake(directory_.path(), models_, {});
  const Status status = lake.Search("people_v1", "word1").status();
  EXPECT_EQ(status.code(), StatusCode::kConflict);
  EXPECT_THAT(status.message(), HasSubstr("the canary text"));
  SearchRequest request{.index = *IndexName::Parse("people_v1")};
  request.vector = HashedWordsModel::VectorOf("word1");
  EXPECT_TRUE(lake.service().Search(request).ok());
}

TEST_F(SearchModelsTest, ReplacedModelIsComparedBeforeItsFirstQuery) {
  TestLake lake(directory_.path(), models_, {});
  lake.Commit("people", rows_);
  ASSERT_EQ(lake.Build("people").state, JobState::kDone);
  ASSERT_TRUE(lake.Search("people_v1", "word1").ok());
  HashedWordsModel replaced;
  replaced.mutable_space().digest = Sha256Hex("pulled again");
  models_.Set("hashed-words", replaced);
  const Status status = lake.Search("people_v1", "word1").status();
  EXPECT_EQ(status.code(), StatusCode::kConflict);
  EXPECT_THAT(status.message(), HasSubstr("belongs to another model by now"));
  EXPECT_EQ(replaced.queries_embedded(), 0u);
  models_.Set("hashed-words", first_);
  EXPECT_TRUE(lake.Search("people_v1", "word1").ok()) << "the model was brought back";
}

TEST_F(SearchModelsTest, DriftBeforeAJobGoesOnStopsIt) {
  {
    TestLake lake(directory_.path(), models_, {.config = {.rows_per_part = 16}});
    lake.Commit("people", rows_);
    // The second part cannot be stored.
    lake.store().AddFault({.call = storage::StoreCall::kPutFile, .ordinal = 2});
    ASSERT_EQ(lake.Build("people").state, JobState::kFailed);
    ASSERT_EQ(lake.Index("people_v1").rows_done, 16u);
  }
  first_.OnFreshText([](const std::string& text) {
    return Answer(HashedWordsModel::VectorOf(text + " otherwise"));
  });
  TestLake lake(directory_.path(), models_, {});
  CreateIndexRequest request = lake.Request("people");
  request.name = *IndexName::Parse("people_v1");
  const JobInfo job = lake.WaitForEnd(lake.service().CreateIndex(request)->id);
  EXPECT_EQ(job.state, JobState::kFailed);
  EXPECT_THAT(job.error, HasSubstr("the canary text"));
  EXPECT_EQ(lake.Index("people_v1").rows_done, 16u) << "what there is stays as it is";
}

TEST_F(SearchModelsTest, IndexWithoutAPassportGetsOneFromItsNextJob) {
  {
    TestLake lake(directory_.path(), models_, {.run_jobs = false});
    lake.Commit("people", rows_);
    ASSERT_TRUE(lake.service().CreateIndex(lake.Request("people")).ok());
    EXPECT_FALSE(lake.Index("people_v1").passport.has_value());
    EXPECT_TRUE(lake.Search("people_v1", "word1").ok()) << "compared by space";
  }
  TestLake lake(directory_.path(), models_, {});
  for (const JobInfo& job : lake.service().ListJobs()) {
    EXPECT_EQ(lake.WaitForEnd(job.id).state, JobState::kDone);
  }
  EXPECT_TRUE(lake.Index("people_v1").passport.has_value());
}

TEST_F(SearchModelsTest, BadChunkIsListedInItsJobAndLosesNoOtherRow) {
  TestLake lake(directory_.path(), models_, {});
  std::string text = "bad";
  for (int i = 0; i < 40; ++i) text += StrCat(" word", i);
  lake.Commit("people", {{"a", "word1"}, {"b", text}, {"c", "word2"}});
  first_.OnText([](const std::string& piece) -> std::optional<Answer> {
    if (piece.find("word20") == std::string::npos) return std::nullopt;
    return Answer(InvalidArgument("embedding contains NaN"));
  });
  const JobInfo job = lake.Build("people");
  EXPECT_EQ(job.state, JobState::kDone);
  EXPECT_EQ(job.failed_items, 1u);
  ASSERT_EQ(job.failed.size(), 1u);
  EXPECT_EQ(job.failed[0].doc_id, "b");
  EXPECT_GT(job.failed[0].chunk_idx, 0);
  EXPECT_THAT(job.failed[0].reason, HasSubstr("contains NaN"));
  EXPECT_EQ(lake.Index("people_v1").failed, job.failed);
  EXPECT_EQ(lake.Index("people_v1").chunks(), 2u) << "a row has all its chunks or none";
  ASSERT_TRUE(lake.ReopenService().ok());
  EXPECT_EQ(lake.service().GetJob(job.id)->failed, job.failed);
}

TEST_F(SearchModelsTest, OnlyTheFirstFailuresAreListed) {
  TestLake lake(directory_.path(), models_, {.config = {.rows_per_part = 64}});
  std::vector<TestRow> rows;
  for (int i = 0; i < 150; ++i) rows.push_back({StrCat("d", i), StrCat("word", i)});
  lake.Commit("people", rows);
  first_.OnText(
      [](const std::string&) { return Answer(InvalidArgument(std::string(5'000, 'x'))); });
  const JobInfo job = lake.Build("people");
  EXPECT_EQ(job.failed_items, 150u);
  EXPECT_EQ(job.failed.size(), kFailedItemsKept);
  EXPECT_LT(job.failed[0].reason.size(), 600u);
}

}  // namespace
}  // namespace lakehouse::search
