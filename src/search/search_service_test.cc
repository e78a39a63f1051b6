#include "search/search_service.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <set>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "search/brute_force.h"
#include "search/hashed_words_model.h"
#include "search/test_lake.h"
#include "support/temp_dir.h"
#include "support/test_seed.h"

namespace lakehouse::search {
namespace {

using ::testing::HasSubstr;
using Answer = HashedWordsModel::Answer;

class SearchServiceTest : public ::testing::Test {
 protected:
  testing::TempDir directory_;
  Gate gate_;
  HashedWordsModel model_;
};

TEST_F(SearchServiceTest, AnswersLikeBruteForceOverEveryChunk) {
  Rng rng(testing::TestSeed());
  TestLake lake(directory_.path(), &model_);
  const std::vector<TestRow> rows = RandomRows(rng, 200);
  lake.Commit("people", rows);
  const JobInfo job = lake.Build("people");
  ASSERT_EQ(job.state, JobState::kDone) << job.error;
  EXPECT_EQ(job.done, 200u);
  EXPECT_EQ(job.total, 200u);

  const IndexInfo index = lake.Index("people_v1");
  EXPECT_TRUE(index.complete);
  EXPECT_EQ(index.rows_done, 200u);
  EXPECT_EQ(index.parts.size(), 13u) << "200 rows in parts of 16";
  const std::vector<SearchHit> chunks = ChunksOf(rows, model_, index);
  EXPECT_EQ(index.chunks(), chunks.size());
  for (int round = 0; round < 20; ++round) {
    const std::string query = RandomText(rng, 1 + rng.Below(6));
    const int64_t k = 1 + static_cast<int64_t>(rng.Below(chunks.size() + 10));
    const Result<SearchAnswer> answer = lake.Search("people_v1", query, k);
    ASSERT_TRUE(answer.ok()) << answer.status().ToString();
    ExpectNearest(answer->results, chunks, query, k);
    EXPECT_EQ(answer->method, "flat");
    EXPECT_EQ(answer->generation, index.version);
    EXPECT_EQ(answer->rows_embedded, 200u);
    EXPECT_EQ(answer->rows_total, 200u);
  }
}

TEST_F(SearchServiceTest, HitIsAByteRangeOfItsText) {
  Rng rng(testing::TestSeed());
  TestLake lake(directory_.path(), &model_);
  const std::vector<TestRow> rows = {{"a", RandomText(rng, 100)},
                                     {"b", "Grüße, 東京 und 🙂"}};
  lake.Commit("people", rows);
  ASSERT_EQ(lake.Build("people").state, JobState::kDone);
  const SearchAnswer answer = TestLake::Take(lake.Search("people_v1", "Grüße, word7", 100));
  EXPECT_GT(answer.results.size(), 7u);
  for (const SearchHit& hit : answer.results) {
    const std::string& text = *(hit.doc_id == "a" ? rows[0] : rows[1]).text;
    ASSERT_LE(hit.end, text.size());
    EXPECT_EQ(hit.text, text.substr(hit.begin, hit.end - hit.begin));
  }
}

TEST_F(SearchServiceTest, CountsClose) {
  TestLake lake(directory_.path(), &model_);
  std::vector<TestRow> rows = {{"null-text", std::nullopt}, {"blank", " \n "}, {std::nullopt, "x"}};
  for (int i = 0; i < 40; ++i) rows.push_back({StrCat("d", i), StrCat("word", i, " body")});
  lake.Commit("people", rows);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  model_.OnText([nan](const std::string& text) -> std::optional<Answer> {
    if (text == "word3 body") return Answer(InvalidArgument("the model refused it"));
    if (text == "word5 body") return Answer(std::vector<float>(384, 1.0f));
    if (text == "word20 body") return Answer(std::vector<float>(48, nan));
    if (text == "word30 body") return Answer(std::vector<float>(48, 0.0f));
    return std::nullopt;
  });
  const JobInfo job = lake.Build("people");
  EXPECT_EQ(job.state, JobState::kDone) << job.error;
  EXPECT_EQ(job.failed_items, 5u);
  const IndexInfo index = lake.Index("people_v1");
  EXPECT_EQ(index.rows_done, 43u);
  EXPECT_EQ(index.rows_failed, 5u);
  EXPECT_EQ(index.rows_embedded(), 38u);
  EXPECT_EQ(index.chunks(), 36u);
  ASSERT_EQ(index.failed.size(), 5u);
  EXPECT_THAT(index.failed[0].reason, HasSubstr("the id of row 3 is NULL"));
  EXPECT_EQ(index.failed[1].doc_id, "d3");
  EXPECT_THAT(index.failed[1].reason, HasSubstr("the model refused it"));
  EXPECT_THAT(index.failed[2].reason, HasSubstr("384 components instead of 48"));
  EXPECT_THAT(index.failed[3].reason, HasSubstr("component 0 is NaN"));
  EXPECT_THAT(index.failed[4].reason, HasSubstr("every component is zero"));
  const SearchAnswer answer = *lake.Search("people_v1", "word3 body", 100);
  EXPECT_EQ(answer.results.size(), 36u);
  EXPECT_EQ(answer.rows_embedded, 38u);
  for (const SearchHit& hit : answer.results) EXPECT_NE(hit.doc_id, "d3");
}

TEST_F(SearchServiceTest, RowWithOneBadChunkIsNotHalfThere) {
  Rng rng(testing::TestSeed());
  TestLake lake(directory_.path(), &model_);
  lake.Commit("people", {{"a", RandomText(rng, 60) + " poison"}, {"b", "fine"}});
  model_.OnText([](const std::string& text) -> std::optional<Answer> {
    if (text.find("poison") == std::string::npos) return std::nullopt;
    return Answer(InvalidArgument("no"));
  });
  ASSERT_EQ(lake.Build("people").state, JobState::kDone);
  EXPECT_EQ(lake.Index("people_v1").rows_failed, 1u);
  EXPECT_EQ(lake.Search("people_v1", "word1", 100)->results.size(), 1u);
}

TEST_F(SearchServiceTest, ListsTheFirstFailuresAndCountsTheRest) {
  TestLake lake(directory_.path(), &model_);
  std::vector<TestRow> rows;
  for (int i = 0; i < 130; ++i) rows.push_back({StrCat("d", i), "text"});
  lake.Commit("people", rows);
  model_.OnText([](const std::string&) { return Answer(Internal(std::string(5'000, 'x'))); });
  const JobInfo job = lake.Build("people");
  EXPECT_EQ(job.state, JobState::kDone);
  const IndexInfo index = lake.Index("people_v1");
  EXPECT_EQ(index.rows_failed, 130u);
  EXPECT_EQ(index.failed.size(), 100u);
  EXPECT_LT(index.failed[0].reason.size(), 600u);
  EXPECT_TRUE(index.parts.empty());
  EXPECT_TRUE(lake.Search("people_v1", "text")->results.empty());
}

TEST_F(SearchServiceTest, EmptyDatasetGivesAnEmptyCompleteIndex) {
  TestLake lake(directory_.path(), &model_);
  lake.Commit("people", {});
  EXPECT_EQ(lake.Build("people").state, JobState::kDone);
  EXPECT_TRUE(lake.Index("people_v1").complete);
  EXPECT_TRUE(lake.Search("people_v1", "anything")->results.empty());
}

TEST_F(SearchServiceTest, CompletionMarksTheDatasetAsEmbedded) {
  TestLake lake(directory_.path(), &model_);
  lake.Commit("people", {{"a", "x"}});
  EXPECT_FALSE((*lake.catalog().Get(*DatasetName::Parse("people")))->last_embedded_at.has_value());
  ASSERT_EQ(lake.Build("people").state, JobState::kDone);
  const auto dataset = *lake.catalog().Get(*DatasetName::Parse("people"));
  EXPECT_TRUE(dataset->last_embedded_at.has_value());
  EXPECT_FALSE(dataset->embedding_stale_since.has_value());
}

TEST_F(SearchServiceTest, DefaultNamesCountUp) {
  TestLake lake(directory_.path(), &model_);
  lake.Commit("people", {{"a", "x"}});
  EXPECT_EQ(lake.Build("people").subject, "people_v1");
  EXPECT_EQ(lake.Build("people").subject, "people_v2");
  ASSERT_TRUE(lake.service().DropIndex(*IndexName::Parse("people_v1")).ok());
  EXPECT_EQ(lake.Build("people").subject, "people_v1");
  EXPECT_EQ(lake.service().ListIndexes().size(), 2u);
  EXPECT_EQ(lake.service().ListJobs().size(), 3u);
}

TEST_F(SearchServiceTest, GetDocumentReturnsItsChunksInOrder) {
  Rng rng(testing::TestSeed());
  TestLake lake(directory_.path(), &model_);
  const std::vector<TestRow> rows = RandomRows(rng, 50);
  lake.Commit("people", rows);
  ASSERT_EQ(lake.Build("people").state, JobState::kDone);
  const IndexName name = *IndexName::Parse("people_v1");
  const std::vector<SearchHit> all = ChunksOf(rows, model_, lake.Index("people_v1"));
  for (const TestRow& row : rows) {
    std::vector<std::string> expected;
    for (const SearchHit& hit : all) {
      if (hit.doc_id == *row.id) expected.push_back(hit.text);
    }
    const auto chunks = lake.service().GetDocument(name, *row.id);
    ASSERT_TRUE(chunks.ok());
    ASSERT_EQ(chunks->size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      EXPECT_EQ((*chunks)[i].text, expected[i]);
      EXPECT_EQ((*chunks)[i].chunk_idx, static_cast<int64_t>(i));
    }
  }
  EXPECT_EQ(lake.service().GetDocument(name, "nobody").status().code(), StatusCode::kNotFound);
}

TEST_F(SearchServiceTest, RepeatedQueryIsEmbeddedOnce) {
  TestLake lake(directory_.path(), &model_);
  lake.Commit("people", {{"a", "x y"}});
  ASSERT_EQ(lake.Build("people").state, JobState::kDone);
  const SearchAnswer first = *lake.Search("people_v1", "x");
  const SearchAnswer second = *lake.Search("people_v1", "x");
  EXPECT_EQ(model_.queries_embedded(), 1u);
  EXPECT_EQ(first.results[0].score, second.results[0].score);
  ASSERT_TRUE(lake.Search("people_v1", "y").ok());
  EXPECT_EQ(model_.queries_embedded(), 2u);
}

TEST_F(SearchServiceTest, GivenVectorIsSearchedAsItIs) {
  TestLake lake(directory_.path(), &model_);
  lake.Commit("people", {{"a", "alpha beta"}, {"b", "gamma delta"}});
  ASSERT_EQ(lake.Build("people").state, JobState::kDone);
  SearchRequest request{.index = *IndexName::Parse("people_v1")};
  request.vector = HashedWordsModel::VectorOf("gamma delta");
  const SearchAnswer answer = *lake.service().Search(request);
  EXPECT_EQ(answer.results[0].doc_id, "b");
  EXPECT_NEAR(answer.results[0].score, 1, 1e-5);
  EXPECT_EQ(model_.queries_embedded(), 0u);
}

TEST_F(SearchServiceTest, IndexesAreFoundAgainAfterARestart) {
  Rng rng(testing::TestSeed());
  const std::vector<TestRow> rows = RandomRows(rng, 60);
  std::vector<SearchHit> before;
  {
    TestLake lake(directory_.path(), &model_);
    lake.Commit("people", rows);
    ASSERT_EQ(lake.Build("people").state, JobState::kDone);
    before = lake.Search("people_v1", "word1 word2", 20)->results;
  }
  const uint64_t embedded = model_.documents_embedded();
  TestLake lake(directory_.path(), &model_);
  EXPECT_EQ(lake.service().ListJobs()[0].state, JobState::kDone);
  const std::vector<SearchHit> after = lake.Search("people_v1", "word1 word2", 20)->results;
  ASSERT_EQ(after.size(), before.size());
  for (size_t i = 0; i < after.size(); ++i) {
    EXPECT_EQ(after[i].doc_id, before[i].doc_id);
    EXPECT_EQ(after[i].score, before[i].score) << "to the bit";
  }
  EXPECT_EQ(model_.documents_embedded(), embedded) << "a restart embeds nothing again";
}

TEST_F(SearchServiceTest, SearchSeesPartsAsTheyArePublished) {
  Rng rng(testing::TestSeed());
  TestLake lake(directory_.path(), &model_);
  const std::vector<TestRow> rows = RandomRows(rng, 64);
  lake.Commit("people", rows);
  model_.OnCall([this](uint64_t call) { gate_.Pass(call); });
  gate_.AllowCalls(2);
  const JobInfo job = *lake.service().CreateIndex(lake.Request("people"));
  const std::vector<float> query = HashedWordsModel::VectorOf("word1");
  SearchRequest request{.index = *IndexName::Parse("people_v1")};
  request.vector = query;
  request.top_k = 1'000;
  while (lake.Index("people_v1").rows_done < 32) std::this_thread::yield();
  const SearchAnswer half = *lake.service().Search(request);
  EXPECT_EQ(half.rows_embedded, 32u);
  EXPECT_EQ(half.rows_total, 64u);
  const uint64_t reads_before = lake.store().calls(storage::StoreCall::kReadAt);
  const std::vector<TestRow> covered(rows.begin(), rows.begin() + 32);
  EXPECT_EQ(half.results.size(), ChunksOf(covered, model_, lake.Index("people_v1")).size());
  ASSERT_TRUE(lake.service().Search(request).ok());
  EXPECT_EQ(lake.store().calls(storage::StoreCall::kReadAt), reads_before)
      << "what is resident is not read again";
  gate_.AllowCalls(1'000);
  ASSERT_EQ(lake.WaitForEnd(job.id).state, JobState::kDone);
  const SearchAnswer whole = *lake.service().Search(request);
  EXPECT_EQ(whole.rows_embedded, 64u);
  EXPECT_EQ(whole.results.size(), ChunksOf(rows, model_, lake.Index("people_v1")).size());
}

TEST_F(SearchServiceTest, ConcurrentSearchesDuringABuildAgreeWithWhatIsPublished) {
  Rng rng(testing::TestSeed());
  TestLake lake(directory_.path(), &model_);
  const std::vector<TestRow> rows = RandomRows(rng, 300);
  lake.Commit("people", rows);
  const JobInfo job = *lake.service().CreateIndex(lake.Request("people"));
  std::atomic<bool> ended = false;
  std::vector<std::thread> searchers;
  for (int thread = 0; thread < 2; ++thread) {
    searchers.emplace_back([&, thread] {
      uint64_t covered = 0;
      while (!ended) {
        const Result<SearchAnswer> answer =
            lake.Search("people_v1", StrCat("word", thread, " word9"), 100'000);
        ASSERT_TRUE(answer.ok()) << answer.status().ToString();
        EXPECT_GE(answer->rows_embedded, covered);
        covered = answer->rows_embedded;
        std::set<std::string> documents;
        for (const SearchHit& hit : answer->results) documents.insert(hit.doc_id);
        EXPECT_EQ(documents.size(), covered);
      }
    });
  }
  EXPECT_EQ(lake.WaitForEnd(job.id).state, JobState::kDone);
  ended = true;
  for (std::thread& searcher : searchers) searcher.join();
}

TEST_F(SearchServiceTest, FirstSearchesLoadAnIndexOnce) {
  Rng rng(testing::TestSeed());
  {
    TestLake lake(directory_.path(), &model_);
    lake.Commit("people", RandomRows(rng, 100));
    ASSERT_EQ(lake.Build("people").state, JobState::kDone);
  }
  const auto reads_of_cold_searches = [&](int count) {
    TestLake lake(directory_.path(), &model_);
    const uint64_t before = lake.store().calls(storage::StoreCall::kReadAt);
    std::vector<std::thread> searchers;
    for (int i = 0; i < count; ++i) {
      searchers.emplace_back([&] { EXPECT_TRUE(lake.Search("people_v1", "word1").ok()); });
    }
    for (std::thread& searcher : searchers) searcher.join();
    return lake.store().calls(storage::StoreCall::kReadAt) - before;
  };
  EXPECT_EQ(reads_of_cold_searches(4), reads_of_cold_searches(1));
}

TEST_F(SearchServiceTest, MemoryBudgetEvictsTheLeastRecentlyUsed) {
  Rng rng(testing::TestSeed());
  std::vector<TestRow> rows = RandomRows(rng, 100);
  {
    TestLake lake(directory_.path(), &model_);
    for (const char* name : {"a", "b", "c"}) lake.Commit(name, rows);
    for (const char* name : {"a", "b", "c"}) ASSERT_EQ(lake.Build(name).state, JobState::kDone);
  }
  uint64_t one = 0;
  {
    TestLake lake(directory_.path(), &model_);
    ASSERT_TRUE(lake.Search("a_v1", "word1").ok());
    one = static_cast<uint64_t>(ResidentBytes(lake.metrics()));
    EXPECT_GT(one, lake.Index("a_v1").chunks() * 48 * sizeof(float));
  }
  TestLake lake(directory_.path(), &model_,
                {.config = {.rows_per_part = 16,
                            .max_resident_bytes = static_cast<int64_t>(2 * one + one / 2)}});
  const auto loads = [&](const char* index) {
    const uint64_t before = lake.store().calls(storage::StoreCall::kReadAt);
    EXPECT_TRUE(lake.Search(index, "word1").ok());
    return lake.store().calls(storage::StoreCall::kReadAt) > before;
  };
  EXPECT_TRUE(loads("a_v1"));
  EXPECT_TRUE(loads("b_v1"));
  EXPECT_FALSE(loads("a_v1"));
  EXPECT_TRUE(loads("c_v1"));
  EXPECT_LE(ResidentBytes(lake.metrics()), static_cast<int64_t>(2 * one + one / 2));
  EXPECT_FALSE(loads("a_v1")) << "used after b";
  EXPECT_TRUE(loads("b_v1")) << "was the least recently used";
}

TEST_F(SearchServiceTest, IndexBeyondTheBudgetIsRefusedWithTheNumbers) {
  Rng rng(testing::TestSeed());
  TestLake lake(directory_.path(), &model_,
                {.config = {.rows_per_part = 16, .max_resident_bytes = 1'000}});
  lake.Commit("people", RandomRows(rng, 50));
  ASSERT_EQ(lake.Build("people").state, JobState::kDone);
  const Status status = lake.Search("people_v1", "word1").status();
  EXPECT_EQ(status.code(), StatusCode::kResourceExhausted);
  EXPECT_THAT(status.message(), HasSubstr("search.max_resident_bytes allows 1000 B"));
}

TEST_F(SearchServiceTest, DropRemovesDocumentAndObjects) {
  TestLake lake(directory_.path(), &model_);
  lake.Commit("people", {{"a", "secret words"}});
  ASSERT_EQ(lake.Build("people").state, JobState::kDone);
  ASSERT_TRUE(lake.Search("people_v1", "words").ok());
  EXPECT_FALSE(lake.store().List("vectors/")->empty());
  const IndexName name = *IndexName::Parse("people_v1");
  ASSERT_TRUE(lake.service().DropIndex(name).ok());
  EXPECT_TRUE(lake.store().List("vectors/")->empty());
  EXPECT_EQ(lake.service().DropIndex(name).code(), StatusCode::kNotFound);
  EXPECT_EQ(lake.Search("people_v1", "words").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(ResidentBytes(lake.metrics()), 0);
  ASSERT_TRUE(lake.ReopenService().ok());
  EXPECT_TRUE(lake.service().ListIndexes().empty());
}

TEST_F(SearchServiceTest, DropDuringABuildStopsItsJob) {
  Rng rng(testing::TestSeed());
  TestLake lake(directory_.path(), &model_);
  lake.Commit("people", RandomRows(rng, 2'000));
  model_.OnCall([this](uint64_t call) { gate_.Pass(call); });
  gate_.AllowCalls(2);
  const JobInfo job = *lake.service().CreateIndex(lake.Request("people"));
  while (lake.Index("people_v1").rows_done < 32) std::this_thread::yield();
  std::atomic<bool> dropped = false;
  std::thread dropper([&] {
    EXPECT_TRUE(lake.service().DropIndex(*IndexName::Parse("people_v1")).ok());
    dropped = true;
  });
  for (uint64_t calls = 3; !dropped; ++calls) {
    gate_.AllowCalls(calls);
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  dropper.join();
  EXPECT_EQ(lake.service().GetJob(job.id)->state, JobState::kCancelled);
  EXPECT_TRUE(lake.store().List("vectors/")->empty());
  gate_.AllowCalls(100'000);
  EXPECT_EQ(lake.Build("people").state, JobState::kDone) << "the name is free again";
}

}  // namespace
}  // namespace lakehouse::search
