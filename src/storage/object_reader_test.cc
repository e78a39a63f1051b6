#include "storage/object_reader.h"

#include <atomic>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/faulty_store.h"

namespace lakehouse::storage {

namespace {

using ::testing::HasSubstr;

constexpr const char* kKey = "data/people/1.parquet";
const StoreFault kAway = {.repeat = UINT64_MAX, .status = {StatusCode::kUnavailable, "away"}};

BucketName Name(const std::string& text) { return *BucketName::Parse(text); }

// Buckets primary, far and rescue, of which the last two fail on request.
class ObjectReaderTest : public ::testing::Test {
 protected:
  ObjectReaderTest() {
    std::map<BucketName, std::unique_ptr<ObjectStore>> stores;
    stores.emplace(Name("primary"), NewMemoryStore());
    auto far = std::make_unique<FaultyStore>(NewMemoryStore());
    auto rescue = std::make_unique<FaultyStore>(NewMemoryStore());
    far_ = far.get();
    rescue_ = rescue.get();
    stores.emplace(Name("far"), std::move(far));
    stores.emplace(Name("rescue"), std::move(rescue));
    buckets_ = BucketRegistry::FromStores(std::move(stores));
  }

  void Store(const std::string& bucket, const std::string& bytes) {
    ASSERT_TRUE((*buckets_->Find(Name(bucket)))->Put(kKey, bytes).ok());
  }

  Result<std::unique_ptr<ObjectReader>> Open(const std::string& bucket = "far") {
    options_.trace = &trace_;
    return ObjectReader::Open(*buckets_, Name(bucket), kKey, options_);
  }

  static Result<std::string> Read(const ObjectReader& reader, uint64_t offset, size_t size) {
    std::string bytes(size, '\0');
    ASSIGN_OR_RETURN(const size_t count, reader.ReadAt(offset, bytes.data(), size));
    bytes.resize(count);
    return bytes;
  }

  // The buckets that the journal says were rescued, newest first.
  std::vector<std::string> Rescued() const {
    std::vector<std::string> rescued;
    const auto errors = buckets_->errors().List(0, 100);
    EXPECT_TRUE(errors.ok()) << errors.status().ToString();
    for (const StorageError& error : errors.value_or({})) {
      if (error.operation != "rescue") continue;
      EXPECT_EQ(error.rescued_by, "rescue");
      EXPECT_EQ(error.key, kKey);
      rescued.push_back(error.bucket);
    }
    return rescued;
  }

  FaultyStore* far_;
  FaultyStore* rescue_;
  std::unique_ptr<BucketRegistry> buckets_;
  RescueTrace trace_;
  ObjectReader::Options options_{.write_once = true};
};

TEST_F(ObjectReaderTest, ReadsFromItsOwnBucketAndLeavesNoTrace) {
  Store("far", "0123456789");
  Store("rescue", "abcdefghij");
  const auto reader = Open();
  ASSERT_TRUE(reader.ok()) << reader.status().ToString();
  EXPECT_EQ((*reader)->info().size_bytes, 10u);
  EXPECT_EQ(*Read(**reader, 2, 3), "234");
  EXPECT_EQ(*Read(**reader, 8, 10), "89");
  EXPECT_EQ(*Read(**reader, 10, 10), "");
  EXPECT_EQ(trace_.ToHeader(), "");
  EXPECT_TRUE(Rescued().empty());
  EXPECT_EQ(rescue_->calls(StoreCall::kHead), 0u);
}

TEST_F(ObjectReaderTest, ReadsWhatItsBucketDoesNotHaveFromTheRescueBucket) {
  Store("rescue", "abc");
  const auto reader = Open();
  ASSERT_TRUE(reader.ok()) << reader.status().ToString();
  EXPECT_EQ(*Read(**reader, 0, 9), "abc");
  EXPECT_EQ(trace_.ToHeader(), "rescue");
  EXPECT_THAT(Rescued(), ::testing::ElementsAre("far"));
}

TEST_F(ObjectReaderTest, ReadsFromTheRescueBucketWhileItsOwnIsAway) {
  Store("far", "0123");
  Store("rescue", "0123");
  for (const StatusCode code : {StatusCode::kUnavailable, StatusCode::kDeadlineExceeded}) {
    StoreFault away = kAway;
    away.status = {code, "away"};
    far_->AddFault(away);
    const auto reader = Open();
    ASSERT_TRUE(reader.ok()) << reader.status().ToString();
    EXPECT_EQ(*Read(**reader, 1, 2), "12");
    far_->ClearFaults();
  }
  EXPECT_EQ(trace_.ToHeader(), "rescue");
}

TEST_F(ObjectReaderTest, OtherErrorsAreNotRescued) {
  Store("far", "0123");
  Store("rescue", "0123");
  for (const StatusCode code : {StatusCode::kPermissionDenied, StatusCode::kInternal,
                                StatusCode::kConflict, StatusCode::kResourceExhausted}) {
    far_->AddFault({.repeat = UINT64_MAX, .status = {code, "no"}});
    EXPECT_EQ(Open().status().code(), code);
    far_->ClearFaults();
  }
  EXPECT_EQ(trace_.ToHeader(), "");
  EXPECT_EQ(rescue_->calls(StoreCall::kHead), 0u);
}

TEST_F(ObjectReaderTest, TheErrorIsThatOfItsOwnBucket) {
  far_->AddFault(kAway);
  EXPECT_EQ(Open().status().code(), StatusCode::kUnavailable);
  EXPECT_THAT(Open().status().message(), HasSubstr("bucket far"));
  far_->ClearFaults();
  rescue_->AddFault(kAway);
  EXPECT_EQ(Open().status().code(), StatusCode::kNotFound);
  EXPECT_EQ(Open("nowhere").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(Open("rescue").status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(trace_.ToHeader(), "");
  EXPECT_TRUE(Rescued().empty());
}

TEST_F(ObjectReaderTest, AnEquallyLongObjectTakesOverInTheMiddle) {
  Store("far", "0123456789");
  Store("rescue", "0123456789");
  const auto reader = Open();
  ASSERT_TRUE(reader.ok());
  EXPECT_EQ(*Read(**reader, 0, 4), "0123");
  far_->AddFault(kAway);
  EXPECT_EQ(*Read(**reader, 4, 4), "4567");
  EXPECT_EQ(trace_.ToHeader(), "rescue");
  far_->ClearFaults();
  EXPECT_EQ(*Read(**reader, 8, 4), "89");
  rescue_->AddFault(kAway);
  EXPECT_EQ(Read(**reader, 0, 4).status().code(), StatusCode::kUnavailable);
}

TEST_F(ObjectReaderTest, AnObjectOfAnotherLengthNeverTakesOver) {
  Store("far", "0123456789");
  Store("rescue", "0123");
  const auto reader = Open();
  ASSERT_TRUE(reader.ok());
  far_->AddFault(kAway);
  EXPECT_EQ(Read(**reader, 0, 4).status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(trace_.ToHeader(), "");
}

TEST_F(ObjectReaderTest, VersionsOfAnObjectThatMayChangeAreNeverMixed) {
  options_.write_once = false;
  Store("far", "0123456789");
  Store("rescue", "abcdefghij");
  const auto untouched = Open();
  const auto begun = Open();
  ASSERT_TRUE(untouched.ok() && begun.ok());
  EXPECT_EQ(*Read(**begun, 0, 4), "0123");
  far_->AddFault(kAway);
  EXPECT_EQ(Read(**begun, 4, 4).status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(trace_.ToHeader(), "");
  EXPECT_EQ(*Read(**untouched, 4, 4), "efgh");
  EXPECT_EQ(trace_.ToHeader(), "rescue");
  EXPECT_EQ((*untouched)->info().version, (*buckets_->Find(Name("rescue")))->Head(kKey)->version);
}

TEST_F(ObjectReaderTest, AnObjectOfTheWrongSizeIsDamagedAndRescued) {
  options_.size_bytes = 10;
  Store("far", "01234");
  const auto damaged = Open();
  EXPECT_EQ(damaged.status().code(), StatusCode::kInternal);
  EXPECT_THAT(damaged.status().message(), HasSubstr("5 bytes, not 10"));
  Store("rescue", "012");
  EXPECT_EQ(Open().status().code(), StatusCode::kInternal);
  Store("rescue", "0123456789");
  const auto reader = Open();
  ASSERT_TRUE(reader.ok()) << reader.status().ToString();
  EXPECT_EQ(*Read(**reader, 5, 5), "56789");
  EXPECT_EQ(trace_.ToHeader(), "rescue");
}

TEST_F(ObjectReaderTest, ReadersThatFailTogetherSeeOneVersion) {
  options_.write_once = false;
  Store("far", std::string(4'000, 'f'));
  Store("rescue", std::string(4'000, 'r'));
  for (int round = 0; round < 50; ++round) {
    const auto reader = Open();
    ASSERT_TRUE(reader.ok());
    far_->AddFault({.call = StoreCall::kReadAt,
                    .ordinal = static_cast<uint64_t>(1 + round % 5),
                    .repeat = UINT64_MAX,
                    .status = {StatusCode::kUnavailable, "away"}});
    std::atomic<int> far_bytes{0};
    std::atomic<int> rescue_bytes{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&, i] {
        const auto bytes = Read(**reader, static_cast<uint64_t>(i) * 1'000, 1'000);
        if (bytes.ok()) ++(bytes->front() == 'f' ? far_bytes : rescue_bytes);
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_TRUE(far_bytes == 0 || rescue_bytes == 0) << far_bytes << " and " << rescue_bytes;
    far_->ClearFaults();
  }
}

TEST(RescueTraceTest, NamesEveryBucketOnce) {
  RescueTrace trace;
  EXPECT_EQ(trace.ToHeader(), "");
  trace.Add(Name("s3:spare"));
  trace.Add(Name("rescue"));
  trace.Add(Name("rescue"));
  EXPECT_EQ(trace.ToHeader(), "rescue, s3:spare");
}

}  // namespace

}  // namespace lakehouse::storage
