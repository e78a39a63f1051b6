#include "storage/s3/credentials_cache.h"

#include <atomic>
#include <latch>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"

namespace lakehouse::storage {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr int64_t kSecond = 1'000'000;
constexpr int64_t kHour = 3'600 * kSecond;

// What a source says next, and how often it was asked.
struct Script {
  std::atomic<int> asked{0};
  std::atomic<bool> fails{false};
  std::atomic<int64_t> lifetime_micros{kHour};
  std::atomic<bool> forever{false};
  // When set, Issue announces itself on `entered` and waits for `leave`.
  std::latch* entered = nullptr;
  std::latch* leave = nullptr;
};

// Numbers the keys it issues.
class ScriptedSource : public CredentialsSource {
 public:
  ScriptedSource(Script& script, const Clock& clock) : script_(script), clock_(clock) {}
  bool configured() const override { return true; }
  Result<IssuedCredentials> Issue() override {
    const int number = ++script_.asked;
    if (script_.entered != nullptr) {
      script_.entered->count_down();
      script_.leave->wait();
    }
    if (script_.fails) return Unavailable("the service is down");
    IssuedCredentials issued;
    issued.credentials.access_key_id = StrCat("key", number);
    if (!script_.forever) {
      issued.expires = Timestamp{clock_.Now().micros + script_.lifetime_micros};
    }
    return issued;
  }

 private:
  Script& script_;
  const Clock& clock_;
};

class CredentialsCacheTest : public ::testing::Test {
 protected:
  std::string Key() {
    const Result<S3Credentials> credentials = cache_.Get();
    return credentials.ok() ? credentials->access_key_id : credentials.status().ToString();
  }

  ManualClock clock_{Timestamp{1'000 * kHour}};
  Script script_;
  CredentialsCache cache_{std::make_unique<ScriptedSource>(script_, clock_), "s3://lake", clock_};
};

TEST_F(CredentialsCacheTest, KeepsWhatNeverExpiresUntilItIsInvalidated) {
  script_.forever = true;
  EXPECT_EQ(Key(), "key1");
  clock_.AdvanceMicros(100'000 * kHour);
  EXPECT_EQ(Key(), "key1");
  cache_.Invalidate();
  EXPECT_EQ(Key(), "key2");
}

TEST_F(CredentialsCacheTest, RenewsFiveMinutesBeforeTheEnd) {
  EXPECT_EQ(Key(), "key1");
  clock_.AdvanceMicros(kHour - 301 * kSecond);
  EXPECT_EQ(Key(), "key1");
  clock_.AdvanceMicros(kSecond);
  EXPECT_EQ(Key(), "key2");
  EXPECT_EQ(script_.asked, 2);
}

TEST_F(CredentialsCacheTest, ServesTheOldOnesToTheirEndWhileRenewalFails) {
  EXPECT_EQ(Key(), "key1");
  script_.fails = true;
  clock_.AdvanceMicros(kHour - 300 * kSecond);
  EXPECT_EQ(Key(), "key1");
  EXPECT_EQ(script_.asked, 2);
  // A service that is down is not asked with every request.
  EXPECT_EQ(Key(), "key1");
  EXPECT_EQ(script_.asked, 2);
  clock_.AdvanceMicros(10 * kSecond);
  EXPECT_EQ(Key(), "key1");
  EXPECT_EQ(script_.asked, 3);
  clock_.AdvanceMicros(290 * kSecond);
  EXPECT_THAT(Key(), AllOf(HasSubstr("unavailable"), HasSubstr("credentials for s3://lake"),
                           HasSubstr("the service is down")));
  script_.fails = false;
  EXPECT_EQ(Key(), "key5");
}

TEST_F(CredentialsCacheTest, DoesNotAskWithEveryRequestWhenLifetimesAreShort) {
  script_.lifetime_micros = 60 * kSecond;
  EXPECT_EQ(Key(), "key1");
  clock_.AdvanceMicros(9 * kSecond);
  EXPECT_EQ(Key(), "key1");
  clock_.AdvanceMicros(kSecond);
  EXPECT_EQ(Key(), "key2");
}

TEST_F(CredentialsCacheTest, RefusesWhatIsExpiredOnArrival) {
  script_.lifetime_micros = -kSecond;
  EXPECT_THAT(Key(), AllOf(HasSubstr("expired already"), HasSubstr("the clock here says")));
}

TEST_F(CredentialsCacheTest, ManyThreadsShareOneFirstRequest) {
  std::latch entered(1);
  std::latch leave(1);
  script_.entered = &entered;
  script_.leave = &leave;
  std::vector<std::string> keys(8);
  std::vector<std::thread> threads;
  for (std::string& key : keys) threads.emplace_back([&] { key = Key(); });
  entered.wait();
  leave.count_down();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(script_.asked, 1);
  EXPECT_THAT(keys, ::testing::Each("key1"));
}

TEST_F(CredentialsCacheTest, TheOldOnesAreServedWhileOneThreadRenews) {
  EXPECT_EQ(Key(), "key1");
  clock_.AdvanceMicros(kHour - 60 * kSecond);
  std::latch entered(1);
  std::latch leave(1);
  script_.entered = &entered;
  script_.leave = &leave;
  std::string renewed;
  std::thread thread([&] { renewed = Key(); });
  entered.wait();
  EXPECT_EQ(Key(), "key1");
  leave.count_down();
  thread.join();
  EXPECT_EQ(renewed, "key2");
  EXPECT_EQ(Key(), "key2");
  EXPECT_EQ(script_.asked, 2);
}

TEST_F(CredentialsCacheTest, WaitingThreadsShareAFailure) {
  script_.fails = true;
  std::latch entered(1);
  std::latch leave(1);
  script_.entered = &entered;
  script_.leave = &leave;
  std::string first;
  std::thread thread([&] { first = Key(); });
  entered.wait();
  std::string second;
  std::thread waiting([&] { second = Key(); });
  leave.count_down();
  thread.join();
  waiting.join();
  EXPECT_THAT(first, HasSubstr("the service is down"));
  EXPECT_THAT(second, HasSubstr("the service is down"));
}

}  // namespace
}  // namespace lakehouse::storage
