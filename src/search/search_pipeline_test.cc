// The whole way with the real model: rows to Parquet to vectors to answers.
#include <algorithm>
#include <cstdlib>

#include <gtest/gtest.h>

#include "ai/models.h"
#include "base/metrics.h"
#include "base/secrets.h"
#include "search/brute_force.h"
#include "search/search_service.h"
#include "search/test_lake.h"
#include "support/temp_dir.h"

namespace lakehouse::search {
namespace {

TEST(SearchPipelineTest, FindsByMeaningWhatBruteForceFinds) {
  MetricsRegistry metrics;
  const SecretStore secrets;
  const auto models = TestLake::Take(ai::Models::Open({.secrets = &secrets, .metrics = &metrics}));
  const auto model = models->Get(models->default_name(), {});
  ASSERT_TRUE(model.ok()) << model.status().ToString() << "; install it with tools/bootstrap";
  testing::TempDir directory;
  TestLake lake(directory.path(), *models, {.config = {.rows_per_part = 3}});
  const std::vector<TestRow> rows = {
      {"nurse", "Night-shift nurse who speaks Spanish and works in intensive care."},
      {"java", "Senior Java developer in Chicago, Spring and Kafka, ten years of banking."},
      {"cook", "Line cook with experience in Italian kitchens and pastry."},
      {"welder", "Certified welder for pipelines, willing to travel."},
      {"teacher", "Elementary school teacher, mathematics and music."},
      {"driver", "Long-haul truck driver with a clean record."},
      {"empty", ""},
      {"null", std::nullopt}};
  lake.Commit("people", rows);
  CreateIndexRequest request = lake.Request("people");
  request.chunk_tokens = 256;
  request.overlap_tokens = 32;
  const JobInfo job = lake.WaitForEnd(lake.service().CreateIndex(request)->id);
  ASSERT_EQ(job.state, JobState::kDone) << job.error;
  EXPECT_EQ(job.failed_items, 0u);

  struct Question {
    std::string text;
    std::string nearest;
  };
  for (const Question& question :
       {Question{"hospital staff for the night, bilingual", "nurse"},
        Question{"backend software engineer", "java"}, Question{"chef", "cook"},
        Question{"someone to teach children", "teacher"}}) {
    const Result<SearchAnswer> answer = lake.Search("people_v1", question.text, 100);
    ASSERT_TRUE(answer.ok()) << answer.status().ToString();
    ASSERT_EQ(answer->results.size(), 6u);
    EXPECT_EQ(answer->results[0].doc_id, question.nearest) << question.text;

    const auto query = (*model)->Embed(std::span(&question.text, 1), {.role = ai::Role::kQuery});
    for (const SearchHit& hit : answer->results) {
      const auto document = (*model)->Embed(std::span(&hit.text, 1), {});
      EXPECT_NEAR(hit.score, CosineOf(*(*query)[0], *(*document)[0]), 1e-4) << hit.doc_id;
    }
    EXPECT_TRUE(std::ranges::is_sorted(answer->results, std::greater<>(), &SearchHit::score));
  }
}

}  // namespace
}  // namespace lakehouse::search
