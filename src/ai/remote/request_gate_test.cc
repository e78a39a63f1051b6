#include "ai/remote/request_gate.h"

#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lakehouse::ai {
namespace {

using ::testing::ElementsAre;

// Waits until `count` others stand before the gate, which only time can tell.
void LetArrive() { std::this_thread::sleep_for(std::chrono::milliseconds(30)); }

TEST(RequestGateTest, AdmitsNoMoreThanItHasPlaces) {
  RequestGate gate(3);
  std::atomic<int> inside = 0;
  std::atomic<int> most = 0;
  std::atomic<int> served = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < 50; ++round) {
        const auto place =
            gate.Enter(i % 2 == 0 ? Urgency::kInteractive : Urgency::kBackground, CancelToken());
        ASSERT_TRUE(place.ok());
        const int now = ++inside;
        int seen = most;
        while (now > seen && !most.compare_exchange_weak(seen, now)) {
        }
        std::this_thread::yield();
        --inside;
        ++served;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(served, 800);
  EXPECT_LE(most, 3);
}

TEST(RequestGateTest, TheInteractiveGoFirstAndEachKindInItsOrder) {
  RequestGate gate(1);
  std::optional<RequestGate::Place> held(*gate.Enter(Urgency::kBackground, CancelToken()));
  Mutex mutex;
  std::vector<std::string> order;
  std::vector<std::thread> threads;
  const auto come = [&](const std::string& name, Urgency urgency) {
    threads.emplace_back([&, name, urgency] {
      const auto place = gate.Enter(urgency, CancelToken());
      ASSERT_TRUE(place.ok());
      const MutexLock lock(mutex);
      order.push_back(name);
    });
    LetArrive();
  };
  come("job 1", Urgency::kBackground);
  come("job 2", Urgency::kBackground);
  come("query 1", Urgency::kInteractive);
  come("query 2", Urgency::kInteractive);
  held.reset();
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(order, ElementsAre("query 1", "query 2", "job 1", "job 2"));
}

TEST(RequestGateTest, WhoGivesUpLeavesTheQueueToTheOthers) {
  RequestGate gate(1);
  std::optional<RequestGate::Place> held(*gate.Enter(Urgency::kInteractive, CancelToken()));
  CancelToken cancel;
  std::thread first([&] {
    EXPECT_EQ(gate.Enter(Urgency::kInteractive, cancel).status().code(), StatusCode::kCancelled);
  });
  LetArrive();
  std::thread second([&] { EXPECT_TRUE(gate.Enter(Urgency::kInteractive, CancelToken()).ok()); });
  cancel.Cancel();
  first.join();
  held.reset();
  second.join();
  EXPECT_TRUE(gate.Enter(Urgency::kBackground, CancelToken()).ok());
  EXPECT_EQ(gate.Enter(Urgency::kBackground, cancel).status().code(), StatusCode::kCancelled);
}

}  // namespace
}  // namespace lakehouse::ai
