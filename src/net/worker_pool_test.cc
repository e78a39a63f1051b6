#include "net/worker_pool.h"

#include <atomic>
#include <latch>

#include <gtest/gtest.h>

namespace lakehouse::net {
namespace {

TEST(WorkerPoolTest, RunsTasksAtTheSameTime) {
  WorkerPool pool(4, 0);
  std::latch all_run(4);
  int accepted = 0;
  // A thread that has not come to its first wait yet does not take tasks.
  while (accepted < 4) accepted += pool.Submit([&] { all_run.arrive_and_wait(); }).ok() ? 1 : 0;
  all_run.wait();
}

TEST(WorkerPoolTest, RefusesWhatDoesNotFitTheQueue) {
  WorkerPool pool(1, 2);
  std::latch started(1);
  std::latch release(1);
  ASSERT_TRUE(pool.Submit([&] {
                    started.count_down();
                    release.wait();
                  })
                  .ok());
  started.wait();
  EXPECT_TRUE(pool.Submit([] {}).ok());
  EXPECT_TRUE(pool.Submit([] {}).ok());
  EXPECT_EQ(pool.Submit([] {}).code(), StatusCode::kUnavailable);
  release.count_down();
}

TEST(WorkerPoolTest, StopRunsWhatIsQueuedAndRefusesTheRest) {
  std::atomic<int> ran = 0;
  WorkerPool pool(1, 100);
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(pool.Submit([&] { ++ran; }).ok());
  pool.Stop();
  EXPECT_EQ(ran, 100);
  EXPECT_EQ(pool.Submit([] {}).code(), StatusCode::kUnavailable);
  pool.Stop();
}

}  // namespace
}  // namespace lakehouse::net
