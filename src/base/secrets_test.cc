#include "base/secrets.h"

#include <cstdlib>
#include <fstream>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "support/temp_dir.h"

namespace lakehouse {
namespace {

// Sets an environment variable for one scope.
class ScopedVariable {
 public:
  ScopedVariable(const char* name, const char* value) : name_(name) { setenv(name, value, 1); }
  ~ScopedVariable() { unsetenv(name_); }
  ScopedVariable(const ScopedVariable&) = delete;
  ScopedVariable& operator=(const ScopedVariable&) = delete;

 private:
  const char* name_;
};

class SecretStoreTest : public ::testing::Test {
 protected:
  Result<SecretStore> Load(const std::string& text, mode_t mode = 0600) {
    std::ofstream(path_) << text;
    EXPECT_EQ(chmod(path_.c_str(), mode), 0);
    return SecretStore::Load(path_);
  }

  testing::TempDir dir_;
  std::string path_ = dir_.Join("secrets.toml");
};

TEST_F(SecretStoreTest, GivesWhatTheFileHolds) {
  const Result<SecretStore> store =
      Load("[minio]\naccess_key_id = \"abc\"\nsecret-key = \"d\\\"e\"\n[warehouse]\ndsn = \"x\"\n");
  ASSERT_TRUE(store.ok()) << store.status().message();
  EXPECT_EQ(store->Get("minio", "access_key_id")->Reveal(), "abc");
  EXPECT_EQ(store->Get("minio", "secret-key")->Reveal(), "d\"e");
  EXPECT_EQ(store->Get("warehouse", "dsn")->Reveal(), "x");
}

TEST_F(SecretStoreTest, MissingSecretNamesBothPlaces) {
  const Result<SecretStore> store = SecretStore::Load(dir_.Join("none.toml"));
  ASSERT_TRUE(store.ok());
  const Status status = store->Get("my-minio", "access_key_id").status();
  EXPECT_EQ(status.code(), StatusCode::kNotFound);
  EXPECT_EQ(status.message(),
            "no secret my-minio.access_key_id: write it into secrets.toml or set "
            "LAKEHOUSE_SECRET_MY_MINIO_ACCESS_KEY_ID");
}

TEST_F(SecretStoreTest, EnvironmentWinsUnlessEmpty) {
  const Result<SecretStore> store = Load("[minio]\nkey = \"file\"\n");
  ASSERT_TRUE(store.ok());
  {
    const ScopedVariable variable("LAKEHOUSE_SECRET_MINIO_KEY", "environment");
    EXPECT_EQ(store->Get("minio", "key")->Reveal(), "environment");
    EXPECT_EQ(SecretStore().Get("minio", "key")->Reveal(), "environment");
  }
  const ScopedVariable variable("LAKEHOUSE_SECRET_MINIO_KEY", "");
  EXPECT_EQ(store->Get("minio", "key")->Reveal(), "file");
}

TEST_F(SecretStoreTest, NamesThatAreNoIdsAreRefused) {
  const SecretStore store;
  EXPECT_EQ(store.Get("../x", "key").status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(store.Get("minio", "Key").status().code(), StatusCode::kInvalidArgument);
}

TEST_F(SecretStoreTest, FileOpenToOthersIsRefused) {
  EXPECT_EQ(Load("[a]\nb = \"c\"\n", 0640).status().code(), StatusCode::kPermissionDenied);
}

TEST_F(SecretStoreTest, ErrorsNameThePlaceAndNeverTheValue) {
  const struct {
    const char* text;
    const char* message;
  } kCases[] = {
      {"[a]\nb = \"hunter2", ":2: not valid TOML"},
      {"[a]\nb = hunter2\n", ":2: not valid TOML"},
      {"[a]\nb = \"x\"\nc = 1\n", ":3: secret must be text in quotes, not a whole number: a.c"},
      {"[a]\nb = [\"hunter2\"]\n", ":2: secret must be text in quotes, not an array: a.b"},
      {"a = \"hunter2\"\n", ":1: secret must be a table: write [a] and its keys below"},
      {"[A]\n", ":1: invalid secret name: "},
      {"[a]\n\"b.c\" = \"hunter2\"\n", ":2: invalid secret key name: "},
  };
  for (const auto& test : kCases) {
    const Status status = Load(test.text).status();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << test.text;
    EXPECT_TRUE(status.message().starts_with(path_ + test.message)) << status.message();
    EXPECT_EQ(status.message().find("hunter2"), std::string::npos) << status.message();
  }
}

}  // namespace
}  // namespace lakehouse
