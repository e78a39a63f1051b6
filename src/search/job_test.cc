#include "search/job.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lakehouse::search {
namespace {

JobInfo SampleJob() {
  JobInfo job{.id = *JobId::Parse("0193-abc")};
  job.kind = "index";
  job.subject = "people_v1";
  job.state = JobState::kRunning;
  job.stage = "embedding";
  job.done = 5;
  job.total = 9;
  job.failed_items = 1;
  job.rate_per_second = 12.5;
  job.eta_seconds = 0.32;
  job.error = "";
  job.created_at = {1};
  job.updated_at = {2};
  job.attempts = 3;
  return job;
}

TEST(JobCodecTest, ReadsBackEveryState) {
  for (const JobState state : {JobState::kQueued, JobState::kRunning, JobState::kDone,
                               JobState::kFailed, JobState::kCancelled}) {
    JobInfo job = SampleJob();
    job.state = state;
    const Json json = JobToJson(job);
    const Result<JobInfo> read = JobFromJson(*ParseJson(DumpJson(json)));
    ASSERT_TRUE(read.ok()) << read.status().ToString();
    EXPECT_EQ(read->state, state);
    EXPECT_EQ(JobToJson(*read), json);
  }
}

TEST(JobCodecTest, WritesWhatWasNotMeasuredAsNull) {
  JobInfo job = SampleJob();
  job.rate_per_second = job.eta_seconds = -1;
  const Json json = JobToJson(job);
  EXPECT_TRUE(json["rate_per_second"].is_null());
  EXPECT_TRUE(json["eta_seconds"].is_null());
  EXPECT_EQ(JobFromJson(json)->rate_per_second, -1);
}

TEST(JobCodecTest, SaysWhatIsCountedAndWhereAMoveLeads) {
  JobInfo job = SampleJob();
  EXPECT_EQ(JobToJson(job)["unit"], "rows");
  EXPECT_TRUE(JobToJson(job)["target"].is_null());
  job.kind = "move_dataset";
  job.target = "s3:lake";
  const Json json = JobToJson(job);
  EXPECT_EQ(json["unit"], "bytes");
  EXPECT_EQ(JobFromJson(json)->target, "s3:lake");
  Json earlier = JobToJson(SampleJob());
  earlier.erase("unit");
  earlier.erase("target");
  EXPECT_TRUE(JobFromJson(earlier).ok()) << "jobs of before there were moves are read";
}

TEST(JobCodecTest, RefusesEveryDamagedField) {
  const Json good = JobToJson(SampleJob());
  for (const auto& [field, value] : good.items()) {
    Json damaged = good;
    damaged[field] = Json::object();
    EXPECT_EQ(JobFromJson(damaged).status().code(), StatusCode::kInternal) << field;
  }
  Json state = good;
  state["state"] = "sleeping";
  EXPECT_THAT(JobFromJson(state).status().message(), ::testing::HasSubstr("state"));
}

}  // namespace
}  // namespace lakehouse::search
