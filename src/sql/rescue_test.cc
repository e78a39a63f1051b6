// What queries answer when the bucket of a dataset fails, with and without a rescue bucket.
#include <algorithm>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sql/lake_fixture.h"
#include "storage/faulty_store.h"

namespace lakehouse::sql {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kAddress = "connection refused by 10.0.0.7:9000";

// Buckets primary and near (local), far (fails on request) and rescue (memory).
class RescueTest : public LakeTest {
 protected:
  RescueTest() {
    engine_.reset();
    catalog_.reset();
    std::map<BucketName, std::unique_ptr<storage::ObjectStore>> stores;
    auto far = std::make_unique<storage::FaultyStore>(storage::NewMemoryStore());
    far_ = far.get();
    stores.emplace(Bucket("primary"), Must(storage::OpenLocalStore(dir_.Join("bucket"))));
    stores.emplace(Bucket("near"), Must(storage::OpenLocalStore(dir_.Join("near"))));
    stores.emplace(Bucket("far"), std::move(far));
    stores.emplace(Bucket("rescue"), storage::NewMemoryStore());
    buckets_ = storage::BucketRegistry::FromStores(std::move(stores));
    catalog_ = Must(catalog::Catalog::Open(*buckets_));
    OpenEngine({});
    AddDataset("near_rows", {"SELECT range AS id FROM range(20000)"}, "near");
    AddDataset("far_rows", {"SELECT range AS id FROM range(20000)"}, "far");
    AddDataset("rows", {"SELECT 7 AS id"});
  }

  void CopyToRescue(const std::string& dataset) {
    const auto found = Must(catalog_->Get(Must(DatasetName::Parse(dataset))));
    storage::ObjectStore& own = *Must(buckets_->Find(found->bucket));
    storage::ObjectStore& rescue = *Must(buckets_->Find(Bucket("rescue")));
    for (const catalog::DataFile& file : found->files) {
      ASSERT_TRUE(rescue.Put(file.key, Must(own.Get(file.key))).ok());
    }
  }
  std::string FileOf(const std::string& dataset) {
    const auto found = Must(catalog_->Get(Must(DatasetName::Parse(dataset))));
    return *Must(buckets_->Find(found->bucket))->LocalPath(found->files.front().key);
  }
  void FailFar(StatusCode code, std::optional<storage::StoreCall> call = std::nullopt) {
    far_->AddFault({.call = call, .repeat = UINT64_MAX, .status = {code, kAddress}});
  }

  storage::FaultyStore* far_;
};

TEST_F(RescueTest, AQueryThatNeedsNoRescueSaysSo) {
  CopyToRescue("near_rows");
  CopyToRescue("far_rows");
  const QueryResult result =
      Must(Run("SELECT count(*), sum(f.id) FROM near_rows JOIN far_rows f USING (id)"));
  EXPECT_EQ(result.rows_json, "[[20000,199990000]]");
  EXPECT_EQ(result.rescue_used, "");
}

TEST_F(RescueTest, ABucketThatCannotBeReachedIsUnavailableAndNamed) {
  for (const StatusCode code :
       {StatusCode::kUnavailable, StatusCode::kDeadlineExceeded, StatusCode::kPermissionDenied}) {
    for (const auto call : {storage::StoreCall::kHead, storage::StoreCall::kReadAt}) {
      FailFar(code, call);
      const Status status = Error("SELECT sum(id) FROM far_rows");
      EXPECT_EQ(status.code(), StatusCode::kUnavailable) << status.ToString();
      EXPECT_THAT(status.message(), AllOf(HasSubstr("bucket far"), HasSubstr("/storage/errors"),
                                          Not(HasSubstr(kAddress))));
      EXPECT_EQ(Rows("SELECT id FROM rows"), "[[7]]");
      far_->ClearFaults();
    }
  }
  EXPECT_EQ(Rows("SELECT count(*) FROM far_rows"), "[[20000]]");
}

TEST_F(RescueTest, ADatasetOfABucketThatIsAwaySinceTheStartIsUnavailable) {
  engine_.reset();
  FailFar(StatusCode::kUnavailable);
  catalog_ = Must(catalog::Catalog::Open(*buckets_, {.loading = {.in_background = false}}));
  OpenEngine({});
  for (const char* sql : {"SELECT sum(id) FROM far_rows", "FROM FAR_ROWS", "DESCRIBE far_rows"}) {
    const Status status = Error(sql);
    EXPECT_EQ(status.code(), StatusCode::kUnavailable) << sql << "\n" << status.ToString();
    EXPECT_THAT(status.message(), HasSubstr("bucket far"));
  }
  EXPECT_EQ(Error("FROM main.far_rows").code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(Error("FROM 'a file.csv'").code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(Rows("SELECT id FROM rows"), "[[7]]");
  far_->ClearFaults();
  ASSERT_TRUE(catalog_->LoadMissing().ok());
  EXPECT_EQ(Rows("SELECT count(*) FROM far_rows"), "[[20000]]");
  EXPECT_EQ(Error("FROM nobody").code(), StatusCode::kInvalidArgument);
}

TEST_F(RescueTest, TheRescueBucketAnswersForOneThatIsAway) {
  CopyToRescue("far_rows");
  FailFar(StatusCode::kUnavailable);
  const QueryResult result = Must(Run("SELECT sum(id) FROM far_rows"));
  EXPECT_EQ(result.rows_json, "[[199990000]]");
  EXPECT_EQ(result.rescue_used, "rescue");
  const auto errors = Must(buckets_->errors().List(0, 100));
  EXPECT_TRUE(std::any_of(errors.begin(), errors.end(), [](const storage::StorageError& error) {
    return error.operation == "rescue" && error.bucket == "far" && error.rescued_by == "rescue";
  }));
  far_->ClearFaults();
  EXPECT_EQ(Must(Run("SELECT sum(id) FROM far_rows")).rescue_used, "");
}

TEST_F(RescueTest, ABucketThatGoesAwayInTheMiddleIsRescued) {
  CopyToRescue("far_rows");
  FailFar(StatusCode::kUnavailable, storage::StoreCall::kReadAt);
  const QueryResult result = Must(Run("SELECT sum(id) FROM far_rows"));
  EXPECT_EQ(result.rows_json, "[[199990000]]");
  EXPECT_EQ(result.rescue_used, "rescue");
}

TEST_F(RescueTest, AMissingLocalFileIsRescued) {
  CopyToRescue("near_rows");
  std::filesystem::remove(FileOf("near_rows"));
  const QueryResult result = Must(Run("SELECT sum(id) FROM near_rows"));
  EXPECT_EQ(result.rows_json, "[[199990000]]");
  EXPECT_EQ(result.rescue_used, "rescue");
}

TEST_F(RescueTest, AMissingFileWithoutACopyIsUnavailable) {
  std::filesystem::remove(FileOf("near_rows"));
  const Status status = Error("SELECT sum(id) FROM near_rows");
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_THAT(status.message(), HasSubstr("not in bucket near"));
}

TEST_F(RescueTest, AFileOfAnotherSizeThanTheCatalogSaysIsNeverRead) {
  CopyToRescue("near_rows");
  const std::string path = FileOf("near_rows");
  const auto size = std::filesystem::file_size(path);
  std::filesystem::resize_file(path, size - 1);
  EXPECT_EQ(Must(Run("SELECT sum(id) FROM near_rows")).rescue_used, "rescue");
  storage::ObjectStore& rescue = *Must(buckets_->Find(Bucket("rescue")));
  const auto near_rows = Must(catalog_->Get(Must(DatasetName::Parse("near_rows"))));
  ASSERT_TRUE(rescue.Put(near_rows->files.front().key, "PAR1").ok());
  const Status status = Error("SELECT sum(id) FROM near_rows");
  EXPECT_EQ(status.code(), StatusCode::kInternal) << status.ToString();
  EXPECT_THAT(status.message(), HasSubstr("bucket near"));
}

TEST_F(RescueTest, SessionsOfOursAreRescuedToo) {
  CopyToRescue("far_rows");
  const auto far_rows = Must(catalog_->Get(Must(DatasetName::Parse("far_rows"))));
  const auto session = Must(engine_->NewSession());
  const std::string sql = "SELECT sum(id)::BIGINT AS s FROM " + DatasetScan(*far_rows);
  FailFar(StatusCode::kUnavailable);
  EXPECT_EQ(Must(session->Query(sql)).rows, 1u);
  ASSERT_TRUE(Must(buckets_->Find(Bucket("rescue")))->Delete(far_rows->files.front().key).ok());
  EXPECT_EQ(session->Query(sql).status().code(), StatusCode::kUnavailable);
}

}  // namespace
}  // namespace lakehouse::sql
