#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/bucket_probe_steps.h"
#include "storage/bucket_probe_testing.h"
#include "storage/local_store.h"
#include "support/temp_dir.h"

namespace lakehouse::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::NamesOf;
using testing::StepOf;

class LocalBucketProbeTest : public ::testing::Test {
 protected:
  BucketConfig Bucket(const std::string& root) {
    BucketConfig config;
    config.name = "spare";
    config.root = root;
    return config;
  }
  ProbeReport Probe(const BucketConfig& config, bool read_only = false) {
    return ProbeBucket(config, SecretStore(), dir_.path(), read_only);
  }

  lakehouse::testing::TempDir dir_;
};

TEST_F(LocalBucketProbeTest, TriesEverythingAndLeavesNothing) {
  const std::string root = dir_.Join("a/b");
  const ProbeReport report = Probe(Bucket(root));
  EXPECT_TRUE(report.status().ok()) << report.status().ToString();
  EXPECT_THAT(NamesOf(report),
              ElementsAre("settings", "root", "free_space", "put", "get", "list_after_write",
                          "conditional_put", "conditional_replace", "delete"));
  EXPECT_THAT(StepOf(report, "free_space").note, HasSubstr("free"));
  const auto store = OpenLocalStore(root);
  ASSERT_TRUE(store.ok());
  EXPECT_TRUE((*store)->List("")->empty());
}

TEST_F(LocalBucketProbeTest, DefaultRootLiesInTheDataDirectory) {
  EXPECT_TRUE(Probe(Bucket("")).status().ok());
  EXPECT_TRUE(std::filesystem::is_directory(dir_.Join("buckets/spare")));
}

TEST_F(LocalBucketProbeTest, TakesTheRootThatAProfileBucketWasGiven) {
  BucketConfig config = Bucket(dir_.Join("profiles/7b"));
  config.name = "profile:7b";
  EXPECT_TRUE(Probe(config).status().ok());
}

TEST_F(LocalBucketProbeTest, ReadOnlyChangesNothing) {
  const ProbeReport report = Probe(Bucket(dir_.Join("none")), true);
  EXPECT_TRUE(report.status().ok());
  EXPECT_THAT(NamesOf(report), ElementsAre("settings", "root", "free_space"));
  EXPECT_THAT(StepOf(report, "root").note, HasSubstr("does not exist yet"));
  EXPECT_FALSE(std::filesystem::exists(dir_.Join("none")));
}

TEST_F(LocalBucketProbeTest, SaysThatTheRootIsNoDirectory) {
  std::ofstream(dir_.Join("file")) << "x";
  for (const std::string root : {"file", "file/below"}) {
    const ProbeReport report = Probe(Bucket(dir_.Join(root)));
    EXPECT_EQ(report.status().code(), StatusCode::kInvalidArgument);
    EXPECT_THAT(report.status().message(),
                ::testing::AllOf(::testing::StartsWith("root: not a directory: "),
                                 HasSubstr("set root to a directory")));
    EXPECT_THAT(NamesOf(report), ElementsAre("settings", "root"));
  }
}

// Becomes a user who is not root, whom permissions mean nothing to.
class OtherUser {
 public:
  OtherUser() {
    if (before_ == 0) {
      EXPECT_EQ(seteuid(65'534), 0);
    }
  }
  ~OtherUser() { EXPECT_EQ(seteuid(before_), 0); }
  OtherUser(const OtherUser&) = delete;
  OtherUser& operator=(const OtherUser&) = delete;

 private:
  const uid_t before_ = geteuid();
};

TEST_F(LocalBucketProbeTest, SaysThatTheRootMayNotBeWrittenOrEntered) {
  // The usual directory for tests may lie in one that another user may not enter.
  std::string open = "/tmp/lakehouse_test_XXXXXX";
  ASSERT_NE(mkdtemp(open.data()), nullptr);
  ASSERT_EQ(chmod(open.c_str(), 0755), 0);
  const std::string locked = open + "/locked";
  ASSERT_EQ(mkdir(locked.c_str(), 0500), 0);
  ASSERT_EQ(chmod(locked.c_str(), 0555), 0);
  {
    const OtherUser other;
    const Status status = Probe(Bucket(locked + "/bucket")).status();
    EXPECT_EQ(status.code(), StatusCode::kPermissionDenied) << status.ToString();
    EXPECT_THAT(status.message(),
                ::testing::AllOf(HasSubstr("may not read and write the directory: " + locked),
                                 HasSubstr(StrCat("than number ", geteuid()))));
  }
  ASSERT_EQ(chmod(locked.c_str(), 0), 0);
  {
    const OtherUser other;
    const Status status = Probe(Bucket(locked + "/bucket")).status();
    EXPECT_EQ(status.code(), StatusCode::kPermissionDenied) << status.ToString();
    EXPECT_THAT(status.message(), HasSubstr("may not enter the directories above"));
  }
  std::filesystem::remove_all(open);
}

TEST_F(LocalBucketProbeTest, NamesASettingThatContradictsAnother) {
  BucketConfig config = Bucket("");
  config.endpoint = "http://127.0.0.1:9000";
  const ProbeReport report = Probe(config);
  EXPECT_THAT(NamesOf(report), ElementsAre("settings"));
  EXPECT_THAT(report.status().message(), HasSubstr("correct endpoint"));
  config.backend = "ftp";
  EXPECT_THAT(Probe(config).status().message(), HasSubstr("local or s3"));
}

TEST(ProbeReportTest, TellsTheFirstFailureWithItsMend) {
  ProbeReport report;
  EXPECT_TRUE(report.status().ok());
  report.steps = {{"put", OkStatus(), "", "a note", 1.5},
                  {"get", PermissionDenied("no"), "allow it", "", 0.25},
                  {"delete", NotFound("nothing"), "", "", 0}};
  EXPECT_EQ(report.status().ToString(), "permission_denied: get: no; allow it");
  EXPECT_EQ(DumpJson(ProbeReportToJson(report)),
            R"({"steps":[{"name":"put","ok":true,"milliseconds":1.5,"note":"a note"},)"
            R"({"name":"get","ok":false,"milliseconds":0.25,"code":"permission_denied",)"
            R"("detail":"no","mend":"allow it"},{"name":"delete","ok":false,"milliseconds":0.0,)"
            R"("code":"not_found","detail":"nothing","mend":""}]})");
}

TEST(ProbeStepsTest, TriesNothingPastTheLimit) {
  ProbeSteps steps(0);
  const auto never = []() -> Finding {
    ADD_FAILURE() << "tried";
    return Passed();
  };
  EXPECT_FALSE(steps.Try("put", never));
  EXPECT_FALSE(steps.Try("get", never));
  EXPECT_THAT(NamesOf(steps.report()), ElementsAre("put"));
  EXPECT_EQ(steps.report().status().code(), StatusCode::kDeadlineExceeded);
}

}  // namespace
}  // namespace lakehouse::storage
