#include "ai/encoder/worker_lane.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <latch>
#include <new>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <sched.h>

#include "base/rng.h"
#include "support/test_seed.h"

namespace lakehouse::ai {
namespace {

std::unique_ptr<WorkerLane> StartLane(size_t threads) {
  auto lane = WorkerLane::Start({.threads = threads});
  EXPECT_TRUE(lane.ok()) << lane.status().ToString();
  return *std::move(lane);
}

TEST(WorkerLaneTest, RunsEveryTaskOnce) {
  const auto lane = StartLane(3);
  Rng rng(lakehouse::testing::TestSeed());
  std::vector<size_t> costs(500);
  for (size_t& cost : costs) cost = rng.Below(100);
  std::vector<std::atomic<int>> runs(costs.size());
  const Status status = lane->Run(costs, CancelToken(), [&](size_t index, size_t place) {
    EXPECT_LT(place, 3U);
    ++runs[index];
    return OkStatus();
  });
  EXPECT_TRUE(status.ok()) << status.ToString();
  for (const auto& count : runs) EXPECT_EQ(count, 1);
}

TEST(WorkerLaneTest, NoTasksEndAtOnce) {
  const auto lane = StartLane(1);
  EXPECT_TRUE(lane->Run({}, CancelToken(), [](size_t, size_t) { return OkStatus(); }).ok());
}

TEST(WorkerLaneTest, AWorkerRunsOneTaskAtATime) {
  const auto lane = StartLane(2);
  std::vector<std::atomic<int>> busy(2);
  const std::vector<size_t> costs(200, 1);
  const auto task = [&](size_t, size_t place) {
    EXPECT_EQ(++busy[place], 1);
    std::this_thread::yield();
    --busy[place];
    return OkStatus();
  };
  std::vector<std::thread> callers;
  for (int i = 0; i < 3; ++i) {
    callers.emplace_back([&] { EXPECT_TRUE(lane->Run(costs, CancelToken(), task).ok()); });
  }
  for (std::thread& caller : callers) caller.join();
}

// Runs a call of `count` tasks of `cost` each beside one of tasks of `other_cost` that ends only
// when the first one has, on one worker. Returns how many tasks the other had meanwhile.
size_t TasksOfTheOtherCall(size_t count, size_t cost, size_t other_cost) {
  const auto lane = StartLane(1);
  std::string order;  // Written by the only worker.
  std::latch other_runs(1);
  CancelToken cancel;
  std::thread other([&] {
    const std::vector<size_t> costs(2'000'000, other_cost);
    const Status status = lane->Run(costs, cancel, [&](size_t index, size_t) {
      if (index == 50) other_runs.count_down();
      order += 'o';
      // So slowly that they do not run out.
      std::this_thread::sleep_for(std::chrono::microseconds(20));
      return OkStatus();
    });
    EXPECT_EQ(status.code(), StatusCode::kCancelled);
  });
  other_runs.wait();
  const std::vector<size_t> costs(count, cost);
  EXPECT_TRUE(lane->Run(costs, CancelToken(),
                        [&](size_t, size_t) {
                          order += '.';
                          return OkStatus();
                        })
                  .ok());
  cancel.Cancel();
  other.join();
  EXPECT_EQ(std::ranges::count(order, '.'), static_cast<std::ptrdiff_t>(count));
  return order.rfind('.') - order.find('.') + 1 - count;
}

TEST(WorkerLaneTest, LaterCallGetsItsShare) {
  EXPECT_NEAR(static_cast<double>(TasksOfTheOtherCall(20, 10, 10)), 20, 2);
}

TEST(WorkerLaneTest, SharesGoByCostNotByNumber) {
  EXPECT_NEAR(static_cast<double>(TasksOfTheOtherCall(200, 10, 100)), 20, 2);
  EXPECT_NEAR(static_cast<double>(TasksOfTheOtherCall(20, 100, 10)), 200, 15);
}

TEST(WorkerLaneTest, CancelStopsWhatHasNotBegun) {
  const auto lane = StartLane(2);
  CancelToken cancel;
  std::atomic<size_t> runs = 0;
  const std::vector<size_t> costs(10'000, 1);
  const Status status = lane->Run(costs, cancel, [&](size_t, size_t) {
    if (++runs == 5) cancel.Cancel();
    return OkStatus();
  });
  EXPECT_EQ(status.code(), StatusCode::kCancelled);
  EXPECT_LT(runs, 10U);
}

TEST(WorkerLaneTest, FirstErrorEndsTheCallAndNoOther) {
  const auto lane = StartLane(2);
  const std::vector<size_t> costs(1'000, 1);
  std::atomic<size_t> others = 0;
  std::thread other([&] {
    EXPECT_TRUE(lane->Run(costs, CancelToken(),
                          [&](size_t, size_t) {
                            ++others;
                            return OkStatus();
                          })
                    .ok());
  });
  std::atomic<size_t> runs = 0;
  const Status status = lane->Run(costs, CancelToken(), [&](size_t index, size_t) -> Status {
    ++runs;
    return index == 3 ? Internal("task three") : OkStatus();
  });
  other.join();
  EXPECT_EQ(status.ToString(), "internal: task three");
  EXPECT_LT(runs, 10U);
  EXPECT_EQ(others, 1'000U);
}

TEST(WorkerLaneTest, LackOfMemoryIsAnError) {
  const auto lane = StartLane(1);
  const std::vector<size_t> costs = {1};
  const Status status =
      lane->Run(costs, CancelToken(), [](size_t, size_t) -> Status { throw std::bad_alloc(); });
  EXPECT_EQ(status.code(), StatusCode::kResourceExhausted);
}

TEST(WorkerLaneTest, CallerRunsItsOnlyTaskWhenAPlaceIsFree) {
  auto lane = WorkerLane::Start({.threads = 1, .callers_run = true});
  ASSERT_TRUE(lane.ok());
  const std::vector<size_t> one = {1};
  const std::vector<size_t> two = {1, 1};
  const auto run = [&](std::span<const size_t> costs) {
    std::thread::id id;
    EXPECT_TRUE((*lane)
                    ->Run(costs, CancelToken(),
                          [&](size_t, size_t place) {
                            EXPECT_EQ(place, 0U);
                            id = std::this_thread::get_id();
                            return OkStatus();
                          })
                    .ok());
    return id;
  };
  EXPECT_EQ(run(one), std::this_thread::get_id());
  EXPECT_NE(run(two), std::this_thread::get_id());
}

TEST(WorkerLaneTest, CallersAndThreadsTogetherKeepToTheirPlaces) {
  auto lane = WorkerLane::Start({.threads = 2, .callers_run = true});
  ASSERT_TRUE(lane.ok());
  std::vector<std::atomic<int>> busy(2);
  std::atomic<int> runs = 0;
  const auto task = [&](size_t, size_t place) {
    EXPECT_EQ(++busy[place], 1);
    std::this_thread::yield();
    --busy[place];
    ++runs;
    return OkStatus();
  };
  std::vector<std::thread> callers;
  for (size_t caller = 0; caller < 4; ++caller) {
    callers.emplace_back([&, costs = std::vector<size_t>(1 + caller % 2 * 9, 1)] {
      for (int i = 0; i < 200; ++i) EXPECT_TRUE((*lane)->Run(costs, CancelToken(), task).ok());
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(runs, 2 * 200 * (1 + 10));
}

TEST(WorkerLaneTest, ThreadsStayWhereTheyArePut) {
  cpu_set_t mask;
  ASSERT_EQ(sched_getaffinity(0, sizeof(mask), &mask), 0);
  int processor = 0;
  while (!CPU_ISSET(processor, &mask)) ++processor;
  auto lane = WorkerLane::Start({.threads = 1, .processors = {processor}});
  ASSERT_TRUE(lane.ok());
  const std::vector<size_t> costs(1, 1);
  EXPECT_TRUE((*lane)
                  ->Run(costs, CancelToken(),
                        [&](size_t, size_t) {
                          cpu_set_t own;
                          EXPECT_EQ(sched_getaffinity(0, sizeof(own), &own), 0);
                          EXPECT_EQ(CPU_COUNT(&own), 1);
                          EXPECT_TRUE(CPU_ISSET(processor, &own));
                          return OkStatus();
                        })
                  .ok());
}

}  // namespace
}  // namespace lakehouse::ai
