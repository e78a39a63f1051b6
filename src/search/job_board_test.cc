#include "search/job_board.h"

#include <array>
#include <atomic>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/faulty_store.h"

namespace lakehouse::search {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kSecond = 1'000'000;

class JobBoardTest : public ::testing::Test {
 protected:
  void SetUp() override { Reopen(); }
  // What a restart does: the documents are all that stays.
  void Reopen() {
    board_ = std::make_unique<JobBoard>(store_, clock_);
    const Status loaded = board_->Load();
    ASSERT_TRUE(loaded.ok()) << loaded.ToString();
  }
  JobInfo Add(const std::string& subject) {
    clock_.AdvanceMicros(1);
    return *board_->Add({.kind = "index", .subject = subject, .total = 100});
  }

  std::optional<ClaimedJob> Claim() {
    static constexpr std::array<std::string_view, 1> kKinds = {kIndexJob};
    return board_->Claim(kKinds);
  }

  ManualClock clock_{{1'763'918'717'000'000}};
  storage::FaultyStore store_{storage::NewMemoryStore()};
  std::unique_ptr<JobBoard> board_;
};

TEST_F(JobBoardTest, AddedJobWaitsAndSurvivesARestart) {
  const JobInfo added = Add("a_v1");
  EXPECT_EQ(added.state, JobState::kQueued);
  EXPECT_EQ(added.total, 100u);
  Reopen();
  const Result<JobInfo> job = board_->Get(added.id);
  ASSERT_TRUE(job.ok());
  EXPECT_EQ(JobToJson(*job), JobToJson(added));
}

TEST_F(JobBoardTest, SubjectHasOneUnfinishedJob) {
  const JobInfo first = Add("a_v1");
  const Status second = board_->Add({.kind = "index", .subject = "a_v1", .total = 1}).status();
  EXPECT_EQ(second.code(), StatusCode::kConflict);
  EXPECT_THAT(second.message(), HasSubstr(first.id.str()));
  ASSERT_TRUE(board_->Cancel(first.id).ok());
  EXPECT_TRUE(board_->Add({.kind = "index", .subject = "a_v1", .total = 1}).ok());
}

TEST_F(JobBoardTest, OneIndexIsNotBuiltAndMovedAtOnceButADatasetOfItsNameIsMoved) {
  const JobInfo build = Add("people");
  const NewJob move_index{.kind = "move_index", .subject = "people", .target = "spare"};
  const NewJob move_dataset{.kind = "move_dataset", .subject = "people", .target = "spare"};
  const Status busy = board_->Add(move_index).status();
  EXPECT_EQ(busy.code(), StatusCode::kConflict);
  EXPECT_THAT(busy.message(), HasSubstr(build.id.str()));
  const Result<JobInfo> moving = board_->Add(move_dataset);
  ASSERT_TRUE(moving.ok());
  EXPECT_THAT(board_->Add(move_dataset).status().message(), HasSubstr(moving->id.str()));
  Reopen();
  EXPECT_EQ(board_->Get(moving->id)->target, "spare");
  EXPECT_EQ(board_->FindActive("move_index", "people")->id, build.id);
  EXPECT_EQ(board_->FindActive("move_dataset", "people")->id, moving->id);
}

TEST_F(JobBoardTest, WorkersGetOnlyTheirKinds) {
  const JobInfo build = Add("a_v1");
  const Result<JobInfo> move =
      board_->Add({.kind = "move_dataset", .subject = "people", .target = "spare"});
  static constexpr std::array<std::string_view, 2> kMoves = {kMoveIndexJob, kMoveDatasetJob};
  const std::optional<ClaimedJob> claimed = board_->Claim(kMoves);
  ASSERT_TRUE(claimed.has_value());
  EXPECT_EQ(claimed->id, move->id);
  EXPECT_EQ(claimed->kind, "move_dataset");
  EXPECT_EQ(claimed->target, "spare");
  EXPECT_EQ(Claim()->id, build.id);
}

TEST_F(JobBoardTest, AnswersUnavailableUntilTheJobsCouldBeRead) {
  const JobInfo job = Add("a_v1");
  ASSERT_TRUE(Claim().has_value());
  board_ = std::make_unique<JobBoard>(store_, clock_);
  EXPECT_EQ(board_->Get(job.id).status().code(), StatusCode::kUnavailable);
  store_.AddFault({.status = Unavailable("it is down")});
  EXPECT_EQ(board_->Load().code(), StatusCode::kUnavailable);
  for (const Status& status : {board_->CheckLoaded(), board_->Get(job.id).status(),
                               board_->Cancel(job.id), board_->CancelSubject("index", "a_v1"),
                               board_->Add({.kind = "index", .subject = "b_v1"}).status()}) {
    EXPECT_EQ(status.code(), StatusCode::kUnavailable);
    EXPECT_THAT(status.message(), HasSubstr("it is down"));
  }
  EXPECT_TRUE(board_->List().empty());
  ASSERT_TRUE(board_->Load().ok());
  EXPECT_EQ(Claim()->id, job.id);
  ASSERT_TRUE(board_->Load().ok()) << "it reads the jobs once";
  EXPECT_EQ(board_->Get(job.id)->state, JobState::kRunning);
}

TEST_F(JobBoardTest, ClaimsInOrderAndFinishes) {
  const JobInfo first = Add("a_v1");
  const JobInfo second = Add("b_v1");
  const std::optional<ClaimedJob> claimed = Claim();
  ASSERT_TRUE(claimed.has_value());
  EXPECT_EQ(claimed->id, first.id);
  EXPECT_EQ(board_->Get(first.id)->state, JobState::kRunning);
  EXPECT_EQ(board_->Get(first.id)->attempts, 1);
  board_->Finish(first.id, OkStatus());
  EXPECT_EQ(board_->Get(first.id)->state, JobState::kDone);
  EXPECT_EQ(Claim()->id, second.id);
  board_->Finish(second.id, ResourceExhausted("the disk is full"));
  Reopen();
  EXPECT_EQ(board_->Get(first.id)->state, JobState::kDone);
  EXPECT_EQ(board_->Get(second.id)->state, JobState::kFailed);
  EXPECT_EQ(board_->Get(second.id)->error, "resource_exhausted: the disk is full");
  EXPECT_EQ(board_->List().front().id, second.id) << "newest first";
}

TEST_F(JobBoardTest, MeasuresProgressOfThisAttemptOnly) {
  const JobInfo job = Add("a_v1");
  ASSERT_TRUE(Claim().has_value());
  board_->Report(job.id, {.stage = "reading", .done = 40, .total = 100});
  EXPECT_EQ(board_->Get(job.id)->rate_per_second, -1);
  clock_.AdvanceMicros(2 * kSecond);
  board_->Report(job.id, {.stage = "embedding", .done = 60, .total = 100, .failed_items = 3});
  const JobInfo now = *board_->Get(job.id);
  EXPECT_DOUBLE_EQ(now.rate_per_second, 10);
  EXPECT_DOUBLE_EQ(now.eta_seconds, 4);
  EXPECT_EQ(now.stage, "embedding");
  EXPECT_EQ(now.failed_items, 3u);
  board_->Finish(job.id, OkStatus());
  EXPECT_EQ(board_->Get(job.id)->rate_per_second, -1) << "an ended job has no rate";
}

TEST_F(JobBoardTest, RunningJobStopsWhenCancelled) {
  const JobInfo job = Add("a_v1");
  const std::optional<ClaimedJob> claimed = Claim();
  EXPECT_FALSE(claimed->cancel.stopped());
  ASSERT_TRUE(board_->Cancel(job.id).ok());
  EXPECT_TRUE(claimed->cancel.stopped());
  EXPECT_EQ(board_->Get(job.id)->state, JobState::kRunning);
  board_->Finish(job.id, claimed->cancel.Check());
  EXPECT_EQ(board_->Get(job.id)->state, JobState::kCancelled);
  EXPECT_EQ(board_->Get(job.id)->error, "");
  EXPECT_EQ(board_->Cancel(job.id).code(), StatusCode::kConflict);
  Reopen();
  EXPECT_EQ(board_->Get(job.id)->state, JobState::kCancelled);
}

TEST_F(JobBoardTest, StopLeavesTheRunningJobResumable) {
  const JobInfo job = Add("a_v1");
  const std::optional<ClaimedJob> claimed = Claim();
  board_->Stop();
  EXPECT_TRUE(claimed->cancel.stopped());
  board_->Finish(job.id, claimed->cancel.Check());
  EXPECT_FALSE(Claim().has_value());
  Reopen();
  EXPECT_EQ(board_->Get(job.id)->state, JobState::kQueued);
  EXPECT_EQ(Claim()->id, job.id);
  EXPECT_EQ(board_->Get(job.id)->attempts, 2);
}

TEST_F(JobBoardTest, KilledProcessLeavesTheRunningJobResumable) {
  const JobInfo job = Add("a_v1");
  ASSERT_TRUE(Claim().has_value());
  Reopen();
  EXPECT_EQ(Claim()->id, job.id);
}

TEST_F(JobBoardTest, StopWakesAWaitingWorker) {
  std::thread worker([&] { EXPECT_FALSE(Claim().has_value()); });
  board_->Stop();
  worker.join();
}

TEST_F(JobBoardTest, CancelSubjectWaitsForTheWorker) {
  const JobInfo job = Add("a_v1");
  const std::optional<ClaimedJob> claimed = Claim();
  std::atomic<bool> ended = false;
  std::thread worker([&] {
    while (!claimed->cancel.stopped()) std::this_thread::yield();
    ended = true;
    board_->Finish(job.id, claimed->cancel.Check());
  });
  EXPECT_TRUE(board_->CancelSubject("index", "a_v1").ok());
  EXPECT_TRUE(ended);
  worker.join();
  EXPECT_TRUE(board_->CancelSubject("index", "unknown").ok());
}

TEST_F(JobBoardTest, JobThatCannotBeRecordedIsNotQueued) {
  store_.AddFault({.call = storage::StoreCall::kPut, .status = ResourceExhausted("no space")});
  EXPECT_EQ(board_->Add({.kind = "index", .subject = "a_v1", .total = 1}).status().code(),
            StatusCode::kResourceExhausted);
  EXPECT_TRUE(board_->List().empty());
}

TEST_F(JobBoardTest, CancelThatCannotBeRecordedLeavesTheJobQueued) {
  const JobInfo job = Add("a_v1");
  store_.AddFault({.call = storage::StoreCall::kPut, .status = ResourceExhausted("no space")});
  EXPECT_EQ(board_->Cancel(job.id).code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(board_->Get(job.id)->state, JobState::kQueued);
  EXPECT_TRUE(board_->Cancel(job.id).ok());
}

TEST_F(JobBoardTest, EndIsSeenEvenWhenItCannotBeRecorded) {
  const JobInfo job = Add("a_v1");
  ASSERT_TRUE(Claim().has_value());
  store_.AddFault({.call = storage::StoreCall::kPut, .status = ResourceExhausted("no space")});
  board_->Finish(job.id, OkStatus());
  EXPECT_EQ(board_->Get(job.id)->state, JobState::kDone);
  Reopen();
  EXPECT_EQ(board_->Get(job.id)->state, JobState::kQueued)
      << "it runs again and finds its work done";
}

TEST_F(JobBoardTest, KeepsTheNewestEndedJobs) {
  std::vector<JobId> ids;
  for (int i = 0; i < 205; ++i) {
    const JobInfo job = Add(StrCat("s", i));
    ids.push_back(job.id);
    if (i > 0) {
      ASSERT_TRUE(board_->Cancel(job.id).ok());
    }
  }
  Reopen();
  EXPECT_EQ(board_->List().size(), 201u);
  EXPECT_TRUE(board_->Get(ids[0]).ok()) << "an unfinished job is never deleted";
  EXPECT_EQ(board_->Get(ids[1]).status().code(), StatusCode::kNotFound);
  EXPECT_TRUE(board_->Get(ids[204]).ok());
}

TEST_F(JobBoardTest, NamesUnknownJobs) {
  const JobId id = *JobId::Parse("nothing");
  EXPECT_EQ(board_->Get(id).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(board_->Cancel(id).code(), StatusCode::kNotFound);
}

TEST_F(JobBoardTest, PostponedJobComesBackLaterAndLater) {
  const JobInfo added = Add("a_v1");
  const Status why = Unavailable("the model is away");
  int64_t wait = JobWaits{}.first_micros;
  for (int attempt = 1; attempt <= 4; ++attempt) {
    ASSERT_EQ(Claim()->id, added.id);
    EXPECT_EQ(board_->Get(added.id)->error, "") << "it runs";
    board_->Postpone(added.id, why);
    JobInfo job = *board_->Get(added.id);
    EXPECT_EQ(job.state, JobState::kQueued);
    EXPECT_EQ(job.stage, "waiting");
    EXPECT_EQ(job.error, why.ToString());
    EXPECT_EQ(job.attempts, attempt);
    // Another job is claimed meanwhile, also when it is younger.
    clock_.AdvanceMicros(wait - 2);
    const JobInfo other = Add(StrCat("b_v", attempt));
    ASSERT_EQ(Claim()->id, other.id);
    board_->Finish(other.id, OkStatus());
    clock_.AdvanceMicros(1);
    wait *= 2;
  }
}

TEST_F(JobBoardTest, ProgressForgivesEarlierWaits) {
  const JobInfo added = Add("a_v1");
  for (uint64_t done = 0; done < 40; ++done) {
    clock_.AdvanceMicros(JobWaits{}.longest_micros);
    ASSERT_EQ(Claim()->id, added.id);
    board_->Report(added.id, {.stage = "embedding", .done = done, .total = 100});
    board_->Postpone(added.id, Unavailable("away"));
    EXPECT_EQ(board_->Get(added.id)->state, JobState::kQueued) << done;
  }
}

TEST_F(JobBoardTest, JobThatGetsNowhereGivesUp) {
  const JobInfo added = Add("a_v1");
  int attempts = 0;
  while (!HasEnded(board_->Get(added.id)->state)) {
    ASSERT_EQ(Claim()->id, added.id);
    board_->Postpone(added.id, Unavailable("away"));
    clock_.AdvanceMicros(JobWaits{}.longest_micros);
    ASSERT_LT(++attempts, 100);
  }
  const JobInfo job = *board_->Get(added.id);
  EXPECT_EQ(job.state, JobState::kFailed);
  EXPECT_THAT(job.error, HasSubstr("gave up after 900 s"));
  EXPECT_GT(attempts, 10);
}

TEST_F(JobBoardTest, WaitingJobCanBeCancelledAndStopped) {
  const JobInfo first = Add("a_v1");
  ASSERT_TRUE(Claim().has_value());
  board_->Postpone(first.id, Unavailable("away"));
  EXPECT_TRUE(board_->Cancel(first.id).ok());
  EXPECT_EQ(board_->Get(first.id)->state, JobState::kCancelled);

  const JobInfo second = Add("b_v1");
  ASSERT_TRUE(Claim().has_value());
  board_->Postpone(second.id, Unavailable("away"));
  std::thread stopper([this] { board_->Stop(); });
  EXPECT_FALSE(Claim().has_value());
  stopper.join();
  Reopen();
  EXPECT_EQ(Claim()->id, second.id) << "a restart tries at once";
}

TEST_F(JobBoardTest, CancelOfARunningJobEndsItWhenItWouldWait) {
  const JobInfo added = Add("a_v1");
  ASSERT_TRUE(Claim().has_value());
  ASSERT_TRUE(board_->Cancel(added.id).ok());
  board_->Postpone(added.id, Unavailable("away"));
  EXPECT_EQ(board_->Get(added.id)->state, JobState::kCancelled);
}

}  // namespace
}  // namespace lakehouse::search
