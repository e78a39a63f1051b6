#include "base/config.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/temp_dir.h"

namespace lakehouse {
namespace {

constexpr const char* kOrigin = "lakehouse.toml";

TEST(ParseConfigTest, EmptyTextGivesTheDefaults) {
  const Result<LoadedConfig> loaded = ParseConfig("", kOrigin);
  ASSERT_TRUE(loaded.ok()) << loaded.status().message();
  EXPECT_EQ(loaded->config.server.listen, "127.0.0.1:3100");
  EXPECT_EQ(loaded->config.search.chunk_tokens, 256);
  EXPECT_TRUE(loaded->config.storage.buckets.empty());
  EXPECT_EQ(loaded->path, "");
  for (const SettingValue& setting : loaded->settings) {
    EXPECT_EQ(setting.source, "default") << setting.key;
    EXPECT_TRUE(setting.help.ends_with('.')) << setting.key;
  }
}

TEST(ParseConfigTest, ItsOwnListingIsAValidConfiguration) {
  const Result<LoadedConfig> defaults = ParseConfig("", kOrigin);
  ASSERT_TRUE(defaults.ok());
  std::string text;
  for (const SettingValue& setting : defaults->settings) {
    StrAppend(text, setting.key, " = ", setting.value, '\n');
  }
  const Result<LoadedConfig> again = ParseConfig(text, kOrigin);
  ASSERT_TRUE(again.ok()) << again.status().message() << '\n' << text;
  ASSERT_EQ(again->settings.size(), defaults->settings.size());
  for (size_t i = 0; i < again->settings.size(); ++i) {
    EXPECT_EQ(again->settings[i].key, defaults->settings[i].key);
    EXPECT_EQ(again->settings[i].value, defaults->settings[i].value);
  }
}

TEST(ParseConfigTest, TakesValuesAndNamesTheirSource) {
  const Result<LoadedConfig> loaded = ParseConfig(
      "[server]\nlisten = \"[::1]:0\"\nio_threads = 4\n"
      "[sql]\nmemory_limit_bytes = 1_073_741_824\n"
      "[ai]\nprecision = \"bf16\"\nmodel_dir = \"/models/\\\"x\\\"\"\n"
      "[log]\nlevel = \"debug\"\nformat = \"json\"\n",
      kOrigin);
  ASSERT_TRUE(loaded.ok()) << loaded.status().message();
  EXPECT_EQ(loaded->config.server.listen, "[::1]:0");
  EXPECT_EQ(loaded->config.server.io_threads, 4);
  EXPECT_EQ(loaded->config.sql.memory_limit_bytes, 1'073'741'824);
  EXPECT_EQ(loaded->config.ai.precision, "bf16");
  EXPECT_EQ(loaded->config.log.format, "json");
  std::vector<std::string> set;
  for (const SettingValue& setting : loaded->settings) {
    if (setting.source == kOrigin) set.push_back(StrCat(setting.key, " = ", setting.value));
  }
  EXPECT_THAT(
      set, ::testing::ElementsAre("server.listen = \"[::1]:0\"", "server.io_threads = 4",
                                  "sql.memory_limit_bytes = 1073741824",
                                  "ai.model_dir = \"/models/\\\"x\\\"\"", "ai.precision = \"bf16\"",
                                  "log.level = \"debug\"", "log.format = \"json\""));
}

TEST(ParseConfigTest, TakesBucketsInTheirOrder) {
  const Result<LoadedConfig> loaded = ParseConfig(
      "[[storage.buckets]]\nname = \"primary\"\nroot = \"/a\"\n"
      "[[storage.buckets]]\nname = \"profile:nurse\"\nbackend = \"local\"\n",
      kOrigin);
  ASSERT_TRUE(loaded.ok()) << loaded.status().message();
  const std::vector<BucketConfig>& buckets = loaded->config.storage.buckets;
  ASSERT_EQ(buckets.size(), 2u);
  EXPECT_EQ(buckets[0].name, "primary");
  EXPECT_EQ(buckets[0].root, "/a");
  EXPECT_EQ(buckets[1].name, "profile:nurse");
  EXPECT_EQ(buckets[1].root, "");
  std::vector<std::string> listed;
  for (const SettingValue& setting : loaded->settings) {
    if (setting.key.starts_with("storage.")) {
      listed.push_back(StrCat(setting.key, '=', setting.value, ' ', setting.source));
    }
  }
  EXPECT_THAT(listed,
              ::testing::IsSupersetOf({"storage.rescue=\"\" default",
                                       "storage.buckets[0].name=\"primary\" lakehouse.toml",
                                       "storage.buckets[0].backend=\"local\" default",
                                       "storage.buckets[0].root=\"/a\" lakehouse.toml",
                                       "storage.buckets[1].name=\"profile:nurse\" lakehouse.toml",
                                       "storage.buckets[1].backend=\"local\" lakehouse.toml",
                                       "storage.buckets[1].root=\"\" default",
                                       "storage.buckets[1].path_style=\"auto\" default"}));
}

TEST(ParseConfigTest, TakesProvidersAndModels) {
  const Result<LoadedConfig> loaded = ParseConfig(
      "[ai]\nmodel = \"nomic\"\ngenerate_model = \"writer\"\n"
      "[[ai.models]]\nname = \"nomic\"\nprovider = \"box\"\nquery_prefix = \"q: \"\n"
      "[[ai.models]]\nname = \"writer\"\nprovider = \"box\"\ntask = \"generate\"\n"
      "[[ai.models]]\nname = \"local\"\nprecision = \"int8\"\n"
      "[[ai.providers]]\nname = \"box\"\nurl = \"http://127.0.0.1:11434\"\nallow_cloud = true\n",
      kOrigin);
  ASSERT_TRUE(loaded.ok()) << loaded.status().message();
  const AiConfig& ai = loaded->config.ai;
  ASSERT_EQ(ai.models.size(), 3u);
  EXPECT_EQ(ai.models[0].query_prefix, "q: ");
  EXPECT_EQ(ai.models[0].document_prefix, "auto");
  EXPECT_EQ(ai.models[1].task, "generate");
  EXPECT_EQ(ai.models[2].provider, kEmbeddedProvider);
  ASSERT_EQ(ai.providers.size(), 1u);
  EXPECT_EQ(ai.providers[0].kind, "ollama");
  EXPECT_TRUE(ai.providers[0].allow_cloud);
  EXPECT_FALSE(ai.providers[0].allow_remote);
}

TEST(ParseConfigTest, TakesS3BucketsAndWhatStorageNeeds) {
  const Result<LoadedConfig> loaded = ParseConfig(
      "[storage]\nprofile_root = \"/p\"\nrescue = \"s3:spare\"\ncache_bytes = 0\n"
      "request_timeout_ms = 5_000\nconnect_timeout_ms = 100\nstall_timeout_ms = 200\n"
      "max_retries = 0\n"
      "[[storage.buckets]]\nname = \"primary\"\nbackend = \"s3\"\nbucket = \"lake\"\n"
      "prefix = \"a/b\"\nendpoint = \"http://127.0.0.1:9000\"\nregion = \"eu-west-1\"\n"
      "path_style = true\nallow_http = false\ncredentials = \"minio\"\nca_file = \"/ca.pem\"\n"
      "[[storage.buckets]]\nname = \"s3:spare\"\nbackend = \"s3\"\nbucket = \"spare\"\n"
      "path_style = \"auto\"\ncredentials = \"anonymous\"\n",
      kOrigin);
  ASSERT_TRUE(loaded.ok()) << loaded.status().message();
  const StorageConfig& storage = loaded->config.storage;
  EXPECT_EQ(storage.profile_root, "/p");
  EXPECT_EQ(storage.rescue, "s3:spare");
  EXPECT_EQ(storage.cache_bytes, 0);
  EXPECT_EQ(storage.request_timeout_ms, 5'000);
  EXPECT_EQ(storage.connect_timeout_ms, 100);
  EXPECT_EQ(storage.stall_timeout_ms, 200);
  EXPECT_EQ(storage.max_retries, 0);
  ASSERT_EQ(storage.buckets.size(), 2u);
  const BucketConfig& primary = storage.buckets[0];
  EXPECT_EQ(primary.backend, "s3");
  EXPECT_EQ(primary.bucket, "lake");
  EXPECT_EQ(primary.prefix, "a/b");
  EXPECT_EQ(primary.endpoint, "http://127.0.0.1:9000");
  EXPECT_EQ(primary.region, "eu-west-1");
  EXPECT_EQ(primary.path_style, true);
  EXPECT_EQ(primary.allow_http, false);
  EXPECT_EQ(primary.credentials, "minio");
  EXPECT_EQ(primary.ca_file, "/ca.pem");
  EXPECT_EQ(storage.buckets[1].region, "us-east-1");
  EXPECT_EQ(storage.buckets[1].path_style, std::nullopt);
  EXPECT_EQ(storage.buckets[1].allow_http, std::nullopt);
  std::vector<std::string> switches;
  for (const SettingValue& setting : loaded->settings) {
    if (setting.key.ends_with("_style") || setting.key.ends_with("_http")) {
      switches.push_back(setting.value);
    }
  }
  EXPECT_THAT(switches, ::testing::ElementsAre("true", "false", "\"auto\"", "\"auto\""));
}

struct BadConfig {
  const char* text;
  const char* message;
};

class ParseConfigErrorTest : public ::testing::TestWithParam<BadConfig> {};

TEST_P(ParseConfigErrorTest, NamesLineKeyAndMend) {
  const Status status = ParseConfig(GetParam().text, kOrigin).status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << GetParam().text;
  EXPECT_EQ(status.message(), StrCat("lakehouse.toml:", GetParam().message)) << GetParam().text;
}

INSTANTIATE_TEST_SUITE_P(
    Keys, ParseConfigErrorTest,
    ::testing::Values(
        BadConfig{"[server]\nlisen = 1\n",
                  "2: unknown key server.lisen; did you mean server.listen?"},
        BadConfig{"[serverr]\nlisten = 1\n",
                  "2: unknown key serverr.listen; did you mean server.listen?"},
        BadConfig{"\n[serverr]\n", "2: unknown key serverr; did you mean server?"},
        BadConfig{"listen = 1\n", "1: unknown key listen; `lakehouse config` lists the valid ones"},
        BadConfig{"[server]\n\"a.b\" = 1\n",
                  "2: unknown key server.\"a.b\"; `lakehouse config` lists the valid ones"},
        BadConfig{"\"server.io_threads\" = 1\n",
                  "1: unknown key \"server.io_threads\"; did you mean server.io_threads?"},
        BadConfig{"server = 3\n", "1: server must be a table: write [server], not a whole number"},
        BadConfig{"[sql]\nzzzz = 1\n[server]\nyyyy = 2\n",
                  "2: unknown key sql.zzzz; `lakehouse config` lists the valid ones"},
        BadConfig{"[.server]\n",
                  "1: Error while parsing key: expected bare key starting character or string "
                  "delimiter, saw '.'"},
        BadConfig{"na\u00EFve = 1\n",
                  "1: Error while parsing key-value pair: expected '=', saw '\u00EF'"},
        BadConfig{"[server\n", "1: Error while parsing table header: expected ']', saw '\\n'"}));

INSTANTIATE_TEST_SUITE_P(
    Values, ParseConfigErrorTest,
    ::testing::Values(
        BadConfig{"server.io_threads = 0\n",
                  "1: server.io_threads must be a whole number from 1 to 64, got 0"},
        BadConfig{"server.io_threads = 65\n",
                  "1: server.io_threads must be a whole number from 1 to 64, got 65"},
        BadConfig{"server.io_threads = \"4\"\n",
                  "1: server.io_threads must be a whole number from 1 to 64, got a string"},
        BadConfig{"server.io_threads = 4.0\n",
                  "1: server.io_threads must be a whole number from 1 to 64, got a floating-point "
                  "number"},
        BadConfig{"server.io_threads.x = 4\n",
                  "1: server.io_threads must be a whole number from 1 to 64, got a table"},
        BadConfig{"[sql]\nthreads = -1\n",
                  "2: sql.threads must be 0 or a whole number from 1 to 1024, got -1"},
        BadConfig{"log.level = \"Info\"\n",
                  "1: log.level must be one of \"debug\", \"info\", \"warning\", \"error\", got "
                  "\"Info\""},
        BadConfig{"ai.model = \"\"\n",
                  "1: ai.model must be text without control characters, not empty, got \"\""},
        BadConfig{"ai.model_dir = \"a\\u0000b\"\n",
                  "1: ai.model_dir must be text without control characters, got \"a\\x00b\""},
        BadConfig{"server.listen = \"3100\"\n", "1: server.listen must be HOST:PORT, got \"3100\""},
        BadConfig{"server.listen = \":3100\"\n",
                  "1: server.listen must be HOST:PORT, got \":3100\""},
        BadConfig{"server.listen = \"a:65536\"\n",
                  "1: server.listen must be HOST:PORT, got \"a:65536\""},
        BadConfig{"server.listen = \"a:-1\"\n", "1: server.listen must be HOST:PORT, got \"a:-1\""},
        BadConfig{"server.listen = \"::1:80\"\n",
                  "1: server.listen must be HOST:PORT, got \"::1:80\""},
        BadConfig{"server.listen = true\n",
                  "1: server.listen must be HOST:PORT, got true or false"},
        BadConfig{
            "[search]\nchunk_tokens = 16\n",
            "2: search.chunk_overlap_tokens must be less than search.chunk_tokens, got 32 and "
            "16"},
        BadConfig{
            "[search]\nchunk_tokens = 64\nchunk_overlap_tokens = 64\n",
            "3: search.chunk_overlap_tokens must be less than search.chunk_tokens, got 64 and "
            "64"},
        BadConfig{"[log]\nformat = 1\n[ai]\nthreads = -1\n",
                  "2: log.format must be one of \"text\", \"json\", got a whole number"}));

INSTANTIATE_TEST_SUITE_P(
    Buckets, ParseConfigErrorTest,
    ::testing::Values(
        BadConfig{"[[storage.buckets]]\nname = \"a\"\nbucket = \"lake\"\nbackend = \"gcs\"\n",
                  "4: storage.buckets[0].backend must be one of \"local\", \"s3\", got \"gcs\""},
        BadConfig{"[[storage.buckets]]\nnam = \"a\"\n",
                  "1: a bucket needs a name: write name = \"…\" below its header"},
        BadConfig{"[[storage.buckets]]\nname = \"a\"\nrot = \"/x\"\n",
                  "3: unknown key storage.buckets[0].rot; did you mean storage.buckets[0].root?"},
        BadConfig{"[[storage.bucket]]\nname = \"a\"\n",
                  "1: unknown key storage.bucket; did you mean storage.buckets?"},
        BadConfig{"[[storage.buckets]]\nname = \"../a\"\n",
                  "2: storage.buckets[0].name must be a bucket name: 1 to 63 of a-z, 0-9, _ and -, "
                  "optionally after one such prefix and a colon, got \"../a\""},
        BadConfig{"[[storage.buckets]]\nname = \"a\"\n[[storage.buckets]]\nname = \"a\"\n",
                  "3: two buckets have one name: a"},
        BadConfig{"[[storage.buckets]]\nname = \"a\"\nroot = \"/x\"\n"
                  "[[storage.buckets]]\nname = \"b\"\nroot = \"/x\"\n",
                  "4: two buckets have one root: \"/x\""},
        BadConfig{"[storage]\nbuckets = 3\n",
                  "2: storage.buckets must be an array of tables: write [[storage.buckets]], not a "
                  "whole number"},
        BadConfig{"[storage]\nbuckets = [1]\n",
                  "2: a bucket must be a table: write [[storage.buckets]], not a whole number"}));

INSTANTIATE_TEST_SUITE_P(
    ProvidersAndModels, ParseConfigErrorTest,
    ::testing::Values(
        BadConfig{"[[ai.providers]]\nurl = \"http://x\"\n",
                  "1: a provider needs a name: write name = \"…\" below its header"},
        BadConfig{"[[ai.providers]]\nname = \"x\"\n",
                  "1: a provider needs a url: write url = \"http://…\" below its header"},
        BadConfig{"[[ai.providers]]\nname = \"embedded\"\nurl = \"http://x\"\n",
                  "2: this name is taken by the encoder inside the program: embedded"},
        BadConfig{"[[ai.providers]]\nname = \"x\"\nurl = \"http://x\"\nallow_remote = \"yes\"\n",
                  "4: ai.providers[0].allow_remote must be true or false, got a string"},
        BadConfig{"[[ai.providers]]\nname = \"x\"\nurl = \"http://x\"\n"
                  "[[ai.providers]]\nname = \"x\"\nurl = \"http://y\"\n",
                  "5: two providers have one name: \"x\""},
        BadConfig{"[[ai.models]]\nname = \"x\"\nprovider = \"olama\"\n",
                  "3: the provider of a model must be one of embedded, got \"olama\""},
        BadConfig{"[[ai.models]]\nname = \"x\"\n[[ai.models]]\nname = \"x\"\n",
                  "4: two models have one name: \"x\""},
        BadConfig{"[[ai.models]]\nname = \"x\"\ntask = \"generate\"\n",
                  "3: the embedded provider does not write text; name the provider of a server"},
        BadConfig{"[[ai.models]]\nname = \"x\"\nmodel = \"y\"\n",
                  "3: an embedded model has a directory, and no name at its provider"},
        BadConfig{"[[ai.models]]\nname = \"x\"\nprovider = \"box\"\nprecision = \"f32\"\n"
                  "[[ai.providers]]\nname = \"box\"\nurl = \"http://x\"\n",
                  "4: only an embedded model has a precision"},
        BadConfig{"[ai]\nrerank_model = \"x\"\n",
                  "2: ai.rerank_model names no model of [[ai.models]]: \"x\""},
        BadConfig{"[ai]\nmodel = \"x\"\n[[ai.models]]\nname = \"x\"\ntask = \"rerank\"\n",
                  "2: ai.model must name a model whose task is embed, and that of \"x\" is rerank"},
        BadConfig{"[ai]\nmodels = \"x\"\n",
                  "2: ai.models must be an array of tables: write [[ai.models]], not a string"}));

INSTANTIATE_TEST_SUITE_P(
    BucketsThatContradictThemselves, ParseConfigErrorTest,
    ::testing::Values(
        BadConfig{"[[storage.buckets]]\nname = \"s3:a\"\n",
                  "2: the prefix s3: is not for a local bucket: s3:a"},
        BadConfig{"[[storage.buckets]]\nname = \"x:a\"\n",
                  "2: the prefix of a bucket name is s3: or profile:, not that of x:a"},
        BadConfig{"[[storage.buckets]]\nroot = \"/a\"\nname = \"profile:a\"\n",
                  "2: the bucket of a profile lies below storage.profile_root and takes no root of "
                  "its own: profile:a"},
        BadConfig{"[[storage.buckets]]\nname = \"a\"\nbucket = \"lake\"\n",
                  "3: a local bucket takes no bucket; write backend = \"s3\", or leave bucket out "
                  "of a"},
        BadConfig{"[[storage.buckets]]\nname = \"a\"\ncredentials = \"minio\"\n",
                  "3: a local bucket takes no credentials; write backend = \"s3\", or leave "
                  "credentials out of a"},
        BadConfig{"[[storage.buckets]]\nname = \"a\"\nallow_http = true\n",
                  "3: a local bucket takes no allow_http; write backend = \"s3\", or leave "
                  "allow_http out of a"},
        BadConfig{"[[storage.buckets]]\nname = \"a\"\nbackend = \"s3\"\n",
                  "2: an S3 bucket is named s3:<id>, primary or rescue, not a"},
        BadConfig{"[[storage.buckets]]\nname = \"profile:a\"\nbackend = \"s3\"\n",
                  "2: an S3 bucket is named s3:<id>, primary or rescue, not profile:a"},
        BadConfig{"[[storage.buckets]]\nname = \"s3:a\"\nbackend = \"s3\"\nroot = \"/a\"\n",
                  "4: an S3 bucket takes no root; write bucket and, for a part of it, prefix: "
                  "s3:a"},
        BadConfig{"[[storage.buckets]]\nname = \"s3:a\"\nbackend = \"s3\"\n",
                  "1: an S3 bucket needs bucket, its name on the server: s3:a"},
        BadConfig{"[[storage.buckets]]\nname = \"rescue\"\nbackend = \"s3\"\nbucket = \"x\"\n",
                  "1: an S3 bucket needs credentials: the name of a secret, aws:environment, "
                  "aws:web-identity, aws:instance, aws:chain or anonymous: rescue"}));

INSTANTIATE_TEST_SUITE_P(
    Storage, ParseConfigErrorTest,
    ::testing::Values(
        BadConfig{"storage.cache_bytes = 1\n",
                  "1: storage.cache_bytes must be 0 or a whole number from 67108864 to "
                  "1125899906842624, got 1"},
        BadConfig{"storage.profile_root = \"\"\n",
                  "1: storage.profile_root must be text without control characters, not empty, got "
                  "\"\""},
        BadConfig{"storage.rescue = \"A\"\n",
                  "1: storage.rescue must be empty or a bucket name: 1 to 63 of a-z, 0-9, _ and -, "
                  "optionally after one such prefix and a colon, got \"A\""},
        BadConfig{"storage.rescue = \"spare\"\n",
                  "1: storage.rescue names no bucket of this file: spare"},
        BadConfig{"storage.rescue = \"primary\"\n[[storage.buckets]]\nname = \"primary\"\n",
                  "1: storage.rescue must be another bucket than primary"},
        BadConfig{"[[storage.buckets]]\nname = \"s3:a\"\npath_style = \"yes\"\n",
                  "3: storage.buckets[0].path_style must be true, false or \"auto\", got \"yes\""},
        BadConfig{"[[storage.buckets]]\nname = \"s3:a\"\npath_style = 1\n",
                  "3: storage.buckets[0].path_style must be true, false or \"auto\", got a whole "
                  "number"}));

TEST(ParseConfigTest, RefusesAKeyOfMoreTablesThanTheStackHolds) {
  std::string text = "\na";
  for (int i = 0; i < 500'000; ++i) text += ".a";
  EXPECT_EQ(ParseConfig(text + " = 1\n", kOrigin).status().message(),
            "lakehouse.toml:2: more dots than allowed in one file: 4000");
}

TEST(ParseConfigTest, TakesTheDeepestTablesAllowed) {
  std::string text = "a";
  for (int i = 0; i < 4'000; ++i) text += ".a";
  const Status status = ParseConfig(text + " = 1\n", kOrigin).status();
  EXPECT_TRUE(status.message().starts_with("lakehouse.toml:1: unknown key a.a; "))
      << status.message();
}

class LoadConfigTest : public ::testing::Test {
 protected:
  LoadConfigTest() { unsetenv("LAKEHOUSE_CONFIG"); }
  ~LoadConfigTest() override { unsetenv("LAKEHOUSE_CONFIG"); }

  std::string Write(const std::string& name, int io_threads) {
    const std::string path = dir_.Join(name);
    std::ofstream(path) << "server.io_threads = " << io_threads << '\n';
    return path;
  }

  testing::TempDir dir_;
};

TEST_F(LoadConfigTest, WithoutAFileTheDefaultsHold) {
  const Result<LoadedConfig> loaded = LoadConfig("", dir_.path());
  ASSERT_TRUE(loaded.ok()) << loaded.status().message();
  EXPECT_EQ(loaded->path, "");
  EXPECT_EQ(loaded->config.server.io_threads, 1);
}

TEST_F(LoadConfigTest, TheNearerPlaceWins) {
  const std::string in_data = Write("lakehouse.toml", 2);
  const std::string from_environment = Write("environment.toml", 3);
  const std::string explicit_path = Write("explicit.toml", 4);
  EXPECT_EQ(LoadConfig("", dir_.path())->config.server.io_threads, 2);
  EXPECT_EQ(LoadConfig("", dir_.path())->path, in_data);
  setenv("LAKEHOUSE_CONFIG", "", 1);
  EXPECT_EQ(LoadConfig("", dir_.path())->path, in_data);
  setenv("LAKEHOUSE_CONFIG", from_environment.c_str(), 1);
  EXPECT_EQ(LoadConfig("", dir_.path())->config.server.io_threads, 3);
  EXPECT_EQ(LoadConfig("", dir_.path())->settings[1].source, from_environment);
  EXPECT_EQ(LoadConfig(explicit_path, dir_.path())->config.server.io_threads, 4);
}

TEST_F(LoadConfigTest, ANamedFileMustExist) {
  const std::string missing = dir_.Join("missing.toml");
  EXPECT_EQ(LoadConfig(missing, dir_.path()).status().message(),
            StrCat("configuration: no such file: ", missing));
  setenv("LAKEHOUSE_CONFIG", missing.c_str(), 1);
  EXPECT_EQ(LoadConfig("", dir_.path()).status().code(), StatusCode::kNotFound);
}

TEST_F(LoadConfigTest, ErrorNamesTheFile) {
  const std::string path = Write("lakehouse.toml", 0);
  EXPECT_TRUE(LoadConfig("", dir_.path()).status().message().starts_with(StrCat(path, ":1: ")));
}

// Writes the table of docs/configuration.md from the settings. The tables of a list have no
// defaults of their own: a configuration with one of each shows their keys.
std::vector<std::string> DocumentedRows() {
  std::vector<std::string> rows;
  const LoadedConfig defaults = *ParseConfig("", kOrigin);
  const LoadedConfig tables = *ParseConfig(
      "[[ai.providers]]\nname = \"x\"\nurl = \"http://x\"\n[[ai.models]]\nname = \"x\"\n"
      "[[storage.buckets]]\nname = \"x\"\n",
      kOrigin);
  std::vector<SettingValue> settings = defaults.settings;
  for (const SettingValue& setting : tables.settings) {
    if (setting.key.find("[0]") != std::string::npos) settings.push_back(setting);
  }
  for (const SettingValue& setting : settings) {
    const std::string value =
        setting.source == "default" ? StrCat('`', setting.value, '`') : std::string("required");
    std::string key = setting.key;
    if (const size_t index = key.find("[0]"); index != std::string::npos) key.erase(index + 1, 1);
    rows.push_back(
        StrCat("| `", key, "` | ", value, " | ", setting.accepted, " | ", setting.help, " |"));
  }
  return rows;
}

TEST(ConfigurationDocumentTest, ListsEverySettingAsItIs) {
  std::ifstream file(LAKEHOUSE_SOURCE_DIR "/docs/configuration.md");
  ASSERT_TRUE(file.is_open());
  std::vector<std::string> rows;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("| `")) rows.push_back(line);
  }
  const std::vector<std::string> expected = DocumentedRows();
  EXPECT_EQ(rows, expected) << "write this table into docs/configuration.md:\n"
                            << JoinStrings(expected, "\n");
}

}  // namespace
}  // namespace lakehouse
