// What SearchService refuses, and how it says so.
#include <functional>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "search/brute_force.h"
#include "search/hashed_words_model.h"
#include "search/search_service.h"
#include "search/test_lake.h"
#include "support/temp_dir.h"

namespace lakehouse::search {
namespace {

using ::testing::HasSubstr;

class SearchRequestTest : public ::testing::Test {
 protected:
  void SetUp() override {
    lake_.Commit("people", {{"1", "alpha beta"}, {"2", "gamma"}, {"3", "delta"}});
  }

  testing::TempDir directory_;
  HashedWordsModel model_;
  TestLake lake_{directory_.path(), &model_};
};

TEST_F(SearchRequestTest, CreateNamesTheFieldAndTheMend) {
  struct Case {
    std::function<void(CreateIndexRequest&)> change;
    StatusCode code;
    const char* message;
  };
  const Case cases[] = {
      {[](auto& r) { r.source = *DatasetName::Parse("peple"); }, StatusCode::kNotFound, "people"},
      {[](auto& r) { r.id_column = "idd"; }, StatusCode::kInvalidArgument,
       "id_column: dataset people has no column \"idd\"; did you mean \"id\"?"},
      {[](auto& r) { r.text_column = "biography"; }, StatusCode::kInvalidArgument,
       "text_column: dataset people has no column \"biography\"; it has id, text"},
      {[](auto& r) { r.chunk_tokens = 65; }, StatusCode::kInvalidArgument,
       "chunk_size: hashed-words takes 8 to 64 tokens, not 65"},
      {[](auto& r) { r.chunk_tokens = 0; }, StatusCode::kInvalidArgument, "chunk_size"},
      {[](auto& r) { r.chunk_tokens = -1; }, StatusCode::kInvalidArgument, "chunk_size"},
      {[](auto& r) { r.overlap_tokens = 8; }, StatusCode::kInvalidArgument, "overlap"},
      {[](auto& r) { r.overlap_tokens = -1; }, StatusCode::kInvalidArgument, "overlap"},
      {[](auto& r) { r.overlap_tokens = std::numeric_limits<int64_t>::max(); },
       StatusCode::kInvalidArgument, "overlap"},
      {[](auto& r) { r.model = "gpt"; }, StatusCode::kNotFound,
       "model gpt: no model is configured as gpt"},
  };
  for (const Case& c : cases) {
    CreateIndexRequest request = lake_.Request("people");
    c.change(request);
    const Status status = lake_.service().CreateIndex(request).status();
    EXPECT_EQ(status.code(), c.code) << c.message;
    EXPECT_THAT(status.message(), HasSubstr(c.message));
  }
  EXPECT_TRUE(lake_.service().ListIndexes().empty());
  EXPECT_TRUE(lake_.service().ListJobs().empty());
}

TEST_F(SearchRequestTest, DuplicateIdIsNamed) {
  lake_.Commit("twice", {{"7", "a"}, {std::nullopt, "x"}, {"9", "b"}, {std::nullopt, "y"}});
  EXPECT_EQ(lake_.Build("twice").state, JobState::kDone) << "NULL is no value";
  lake_.Commit("twice", {{"9", "c"}, {"10", "d"}}, catalog::CommitMode::kAppend);
  const Status status = lake_.service().CreateIndex(lake_.Request("twice")).status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("stands in several rows: 9"));
}

TEST_F(SearchRequestTest, LongSourceNeedsAName) {
  const std::string name(63, 'a');
  lake_.Commit(name, {{"1", "x"}});
  CreateIndexRequest request = lake_.Request(name);
  const Status status = lake_.service().CreateIndex(request).status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("index_name: give one"));
  request.name = *IndexName::Parse("short");
  EXPECT_TRUE(lake_.service().CreateIndex(request).ok());
}

TEST_F(SearchRequestTest, TakenNameIsAConflictThatSaysWhy) {
  ASSERT_EQ(lake_.Build("people").state, JobState::kDone);
  CreateIndexRequest request = lake_.Request("people");
  request.name = *IndexName::Parse("people_v1");
  const Status complete = lake_.service().CreateIndex(request).status();
  EXPECT_EQ(complete.code(), StatusCode::kConflict);
  EXPECT_THAT(complete.message(), HasSubstr("is complete"));
  request.text_column = "id";
  const Status different = lake_.service().CreateIndex(request).status();
  EXPECT_EQ(different.code(), StatusCode::kConflict);
  EXPECT_THAT(different.message(), HasSubstr("text_column text"));
}

TEST_F(SearchRequestTest, SearchNamesWhatIsWrong) {
  ASSERT_EQ(lake_.Build("people").state, JobState::kDone);
  struct Case {
    std::function<void(SearchRequest&)> change;
    StatusCode code;
    const char* message;
  };
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Case cases[] = {
      {[](auto& r) { r.index = *IndexName::Parse("people_v2"); }, StatusCode::kNotFound,
       "there is no index people_v2; did you mean people_v1?"},
      {[](auto& r) { r.top_k = 0; }, StatusCode::kInvalidArgument, "top_k"},
      {[](auto& r) { r.top_k = -5; }, StatusCode::kInvalidArgument, "top_k"},
      {[](auto& r) { r.query = ""; }, StatusCode::kInvalidArgument,
       "exactly one of query and vector"},
      {[](auto& r) { r.query = " \n"; }, StatusCode::kInvalidArgument, "query: it is blank"},
      {[](auto& r) { r.vector = std::vector<float>(48, 1.0f); }, StatusCode::kInvalidArgument,
       "exactly one of query and vector"},
      {[](auto& r) { r.query = "", r.vector = std::vector<float>(384, 1.0f); },
       StatusCode::kInvalidArgument,
       "vector: 384 components were given, but index people_v1 (hashed-words) has 48"},
      {[nan](auto& r) { r.query = "", r.vector = std::vector<float>(48, nan); },
       StatusCode::kInvalidArgument, "component 0 is NaN"},
      {[](auto& r) { r.query = "", r.vector = std::vector<float>(48, 0.0f); },
       StatusCode::kInvalidArgument, "zero"},
      {[](auto& r) { r.cancel.Cancel(); }, StatusCode::kCancelled, ""},
  };
  for (const Case& c : cases) {
    SearchRequest request{.index = *IndexName::Parse("people_v1")};
    request.query = "alpha";
    c.change(request);
    const Result<SearchAnswer> answer = lake_.service().Search(request);
    ASSERT_FALSE(answer.ok()) << c.message;
    EXPECT_EQ(answer.status().code(), c.code) << c.message;
    EXPECT_THAT(answer.status().message(), HasSubstr(c.message));
  }
  EXPECT_EQ(lake_.Search("people_v1", "alpha", std::numeric_limits<int64_t>::max())->results.size(),
            3u)
      << "k beyond the rows returns all";
}

TEST_F(SearchRequestTest, TextOfAnotherSpaceIsRefusedButAVectorIsNot) {
  ASSERT_EQ(lake_.Build("people").state, JobState::kDone);
  model_.mutable_space().digest = Sha256Hex("retrained");
  const Status status = lake_.Search("people_v1", "alpha").status();
  EXPECT_EQ(status.code(), StatusCode::kConflict);
  EXPECT_THAT(status.message(), HasSubstr(Sha256Hex("retrained").substr(0, 12)));
  EXPECT_THAT(status.message(), HasSubstr(Sha256Hex("hashed-words").substr(0, 12)));
  SearchRequest request{.index = *IndexName::Parse("people_v1")};
  request.vector = HashedWordsModel::VectorOf("alpha");
  EXPECT_TRUE(lake_.service().Search(request).ok());
}

TEST_F(SearchRequestTest, JobOfAnotherSpaceFailsAndLeavesTheIndexAlone) {
  model_.OnCall([this](uint64_t) { model_.mutable_space().digest = Sha256Hex("retrained"); });
  // The space changes while the first part is embedded; a restart then finds another model.
  lake_.store().AddFault({.call = storage::StoreCall::kPutFile});
  ASSERT_EQ(lake_.Build("people").state, JobState::kFailed);
  CreateIndexRequest request = lake_.Request("people");
  request.name = *IndexName::Parse("people_v1");
  const Status status = lake_.service().CreateIndex(request).status();
  EXPECT_EQ(status.code(), StatusCode::kConflict);
  EXPECT_THAT(status.message(), HasSubstr("what answers now is"));
}

TEST_F(SearchRequestTest, WithoutAModelStoredIndexesAreStillFound) {
  ASSERT_EQ(lake_.Build("people").state, JobState::kDone);
  lake_.CloseService();
  TestLake bare(directory_.path(), nullptr);
  EXPECT_EQ(bare.service().ListIndexes().size(), 1u);
  const Status search = bare.Search("people_v1", "alpha").status();
  EXPECT_EQ(search.code(), StatusCode::kUnavailable);
  EXPECT_THAT(search.message(), HasSubstr("tools/bootstrap"));
  EXPECT_THAT(search.message(), HasSubstr("index people_v1 needs model hashed-words"));
  const Status create = bare.service().CreateIndex(bare.Request("people")).status();
  EXPECT_EQ(create.code(), StatusCode::kUnavailable);
  EXPECT_THAT(create.message(), HasSubstr("tools/bootstrap"));
  SearchRequest request{.index = *IndexName::Parse("people_v1")};
  request.vector = HashedWordsModel::VectorOf("gamma");
  EXPECT_EQ(bare.service().Search(request)->results[0].doc_id, "2");
}

TEST_F(SearchRequestTest, ReadOnlyServiceLeavesJobsQueued) {
  lake_.CloseService();
  TestLake lake(directory_.path(), &model_, {.run_jobs = false});
  const JobInfo job = *lake.service().CreateIndex(lake.Request("people"));
  EXPECT_EQ(lake.service().GetJob(job.id)->state, JobState::kQueued);
  EXPECT_TRUE(lake.Search("people_v1", "alpha")->results.empty());
  EXPECT_TRUE(lake.service().CancelJob(job.id).ok());
  EXPECT_EQ(lake.service().GetJob(job.id)->state, JobState::kCancelled);
}

}  // namespace
}  // namespace lakehouse::search
