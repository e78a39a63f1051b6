#include "storage/s3/credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "net/test_server.h"
#include "storage/s3/credentials_testing.h"
#include "support/temp_dir.h"

namespace lakehouse::storage {
namespace {

using ::testing::AllOf;
using testing::ExpectNoCanary;
using ::testing::HasSubstr;
using testing::kCanarySecret;
using testing::kCanaryToken;
using testing::OpenOrDie;

class CredentialsTest : public ::testing::Test {
 protected:
  // Opens `words` with a secrets file of this text.
  Result<std::unique_ptr<CredentialsProvider>> Open(std::string_view words,
                                                    const std::string& secrets_text = "") {
    const std::string path = dir_.Join("secrets.toml");
    std::ofstream(path) << secrets_text;
    EXPECT_EQ(chmod(path.c_str(), 0600), 0);
    const Result<SecretStore> secrets = SecretStore::Load(path);
    EXPECT_TRUE(secrets.ok()) << secrets.status().ToString();
    CredentialsOptions options;
    options.bucket_url = "s3://lake";
    return OpenCredentials(words, *secrets, options);
  }

  testing::CleanEnvironment environment_;
  lakehouse::testing::TempDir dir_;
};

TEST_F(CredentialsTest, GivesTheKeysOfASecret) {
  const auto provider = Open("minio",
                             "[minio]\naccess_key_id = \"id\"\nsecret_access_key = \"secret\"\n"
                             "[other]\naccess_key_id = \"no\"\nsecret_access_key = \"no\"\n");
  ASSERT_TRUE(provider.ok()) << provider.status().ToString();
  (*provider)->Invalidate();
  const auto credentials = (*provider)->Get();
  ASSERT_TRUE(credentials.ok());
  EXPECT_EQ(credentials->access_key_id, "id");
  EXPECT_EQ(credentials->secret_access_key.Reveal(), "secret");
  EXPECT_TRUE(credentials->session_token.empty());
}

TEST_F(CredentialsTest, TakesASessionTokenWhereTheSecretHasOne) {
  const auto provider = Open("minio",
                             "[minio]\naccess_key_id = \"id\"\nsecret_access_key = \"secret\"\n"
                             "session_token = \"token\"\n");
  ASSERT_TRUE(provider.ok()) << provider.status().ToString();
  EXPECT_EQ((*provider)->Get()->session_token.Reveal(), "token");
}

TEST_F(CredentialsTest, NamesTheKeyThatASecretLacks) {
  const Status none = Open("minio").status();
  EXPECT_EQ(none.code(), StatusCode::kNotFound);
  EXPECT_THAT(none.message(), AllOf(HasSubstr("s3://lake"), HasSubstr("minio.access_key_id")));
  const Status half = Open("minio", "[minio]\naccess_key_id = \"id\"\n").status();
  EXPECT_EQ(half.code(), StatusCode::kNotFound);
  EXPECT_THAT(half.message(), HasSubstr("minio.secret_access_key"));
}

TEST_F(CredentialsTest, RefusesKeysThatCannotSign) {
  for (const std::string bad : {"\\n", " ", "\\u00e4", ""}) {
    const std::string value = bad.empty() ? "" : StrCat(kCanarySecret, bad);
    const Status status =
        Open("minio",
             StrCat("[minio]\naccess_key_id = \"id\"\nsecret_access_key = \"", value, "\"\n"))
            .status();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << bad;
    EXPECT_THAT(status.message(), HasSubstr("minio.secret_access_key"));
    ExpectNoCanary(status.message());
  }
}

TEST_F(CredentialsTest, AnonymousSignsNothing) {
  const auto provider = Open("anonymous");
  ASSERT_TRUE(provider.ok());
  EXPECT_EQ((*provider)->Get()->access_key_id, "");
  EXPECT_TRUE((*provider)->Get()->secret_access_key.empty());
}

TEST_F(CredentialsTest, RefusesWordsThatNameNothing) {
  environment_.Set("AWS_ACCESS_KEY_ID", "id");
  environment_.Set("AWS_SECRET_ACCESS_KEY", "secret");
  for (const std::string_view words : {"", "aws", "aws:", "aws:environments", "Minio", "env:X"}) {
    if (words == "aws") continue;  // May be the name of a secret.
    const Status status = Open(words).status();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << words;
    EXPECT_THAT(status.message(), AllOf(HasSubstr("aws:environment"), HasSubstr("s3://lake")));
  }
  EXPECT_EQ(Open("aws").status().code(), StatusCode::kNotFound);
}

TEST_F(CredentialsTest, DoesNotRepeatAKeyThatStandsInTheWrongPlace) {
  ExpectNoCanary(Open(kCanarySecret).status().message());
}

TEST_F(CredentialsTest, EnvironmentGivesItsKeysWithoutLineEnds) {
  environment_.Set("AWS_ACCESS_KEY_ID", "id");
  environment_.Set("AWS_SECRET_ACCESS_KEY", "secret\n");
  environment_.Set("AWS_SESSION_TOKEN", "token");
  const auto credentials = OpenOrDie("aws:environment", Clock::System())->Get();
  ASSERT_TRUE(credentials.ok()) << credentials.status().ToString();
  EXPECT_EQ(credentials->access_key_id, "id");
  EXPECT_EQ(credentials->secret_access_key.Reveal(), "secret");
  EXPECT_EQ(credentials->session_token.Reveal(), "token");
}

TEST_F(CredentialsTest, EnvironmentNamesTheVariableThatIsMissing) {
  const auto provider = OpenOrDie("aws:environment", Clock::System());
  EXPECT_EQ(provider->Get().status().code(), StatusCode::kNotFound);
  EXPECT_THAT(provider->Get().status().message(), HasSubstr("AWS_ACCESS_KEY_ID"));
  environment_.Set("AWS_ACCESS_KEY_ID", "id");
  EXPECT_THAT(provider->Get().status().message(), HasSubstr("AWS_SECRET_ACCESS_KEY"));
}

TEST_F(CredentialsTest, EnvironmentRefusesAKeyThatCannotSign) {
  environment_.Set("AWS_ACCESS_KEY_ID", "id");
  environment_.Set("AWS_SECRET_ACCESS_KEY", StrCat(kCanarySecret, " ", kCanaryToken));
  const Status status = OpenOrDie("aws:environment", Clock::System())->Get().status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("AWS_SECRET_ACCESS_KEY"));
  ExpectNoCanary(status.message());
}

TEST_F(CredentialsTest, ChainTakesTheEnvironmentFirst) {
  environment_.Set("AWS_ACCESS_KEY_ID", "id");
  environment_.Set("AWS_SECRET_ACCESS_KEY", "secret");
  environment_.Set("AWS_ROLE_ARN", "arn:aws:iam::1:role/lake");
  EXPECT_EQ(OpenOrDie("aws:chain", Clock::System())->Get()->access_key_id, "id");
}

TEST_F(CredentialsTest, ChainDoesNotSignAsSomebodyElseWhenWhatIsNamedFails) {
  std::atomic<int> asked{0};
  const auto instance = net::testing::StartServer([&](net::Request&) {
    ++asked;
    return net::Response{.status = 500, .headers = {}, .body = "", .stream = {}};
  });
  environment_.Set("AWS_EC2_METADATA_SERVICE_ENDPOINT", net::testing::Url(*instance, ""));
  environment_.Set("AWS_ACCESS_KEY_ID", "id");
  const auto provider = OpenOrDie("aws:chain", Clock::System());
  EXPECT_THAT(provider->Get().status().message(), HasSubstr("AWS_SECRET_ACCESS_KEY"));
  EXPECT_EQ(asked, 0);
  environment_.Set("AWS_ACCESS_KEY_ID", "");
  EXPECT_EQ(provider->Get().status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(asked, 1);
}

TEST_F(CredentialsTest, ChainSaysWhatItLookedFor) {
  environment_.Set("AWS_EC2_METADATA_DISABLED", "true");
  const Status status = OpenOrDie("aws:chain", Clock::System())->Get().status();
  EXPECT_EQ(status.code(), StatusCode::kNotFound);
  EXPECT_THAT(status.message(), AllOf(HasSubstr("s3://lake"), HasSubstr("AWS_ACCESS_KEY_ID"),
                                      HasSubstr("AWS_WEB_IDENTITY_TOKEN_FILE"),
                                      HasSubstr("AWS_EC2_METADATA_DISABLED")));
}

}  // namespace
}  // namespace lakehouse::storage
