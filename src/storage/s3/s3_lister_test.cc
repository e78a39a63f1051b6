#include "storage/s3/s3_lister.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "net/test_server.h"
#include "storage/s3/s3_test_server.h"

namespace lakehouse::storage {
namespace {

using testing::NewBucket;
using testing::OpenStore;
using testing::OptionsFor;
using testing::S3Server;
using testing::SharedServer;
using Names = std::vector<std::string>;

Names KeysOf(const Result<std::vector<ObjectInfo>>& listed) {
  EXPECT_TRUE(listed.ok()) << listed.status().ToString();
  Names keys;
  for (const ObjectInfo& object : listed.value_or({})) keys.push_back(object.key);
  return keys;
}

// A server that lists what the test says in the order in which it says so, at most two keys a page.
class S3ListerTest : public ::testing::Test {
 protected:
  S3ListerTest() {
    server_ = net::testing::StartServer([this](net::Request& request) { return Answer(request); });
    options_.location = {.endpoint = StrCat("http://127.0.0.1:", server_->port()),
                         .region = "us-east-1",
                         .bucket = "lake",
                         .prefix = "",
                         .path_style = true};
    options_.credentials = std::make_shared<testing::FixedCredentials>(S3Credentials());
    options_.retry.first_wait_ms = 1;
    options_.retry.max_wait_ms = 1;
  }

  net::Response Answer(const net::Request& request) {
    ++pages_;
    const std::string prefix = request.QueryParam("prefix").value_or("");
    const std::string start = request.QueryParam("start-after").value_or("");
    const size_t skip = std::stoul(request.QueryParam("continuation-token").value_or("0"));
    Names matching;
    for (const std::string& key : keys_) {
      if (key.starts_with(prefix) && key > start) matching.push_back(key);
    }
    std::string xml = "<ListBucketResult>";
    for (size_t i = skip; i < std::min(skip + 2, matching.size()); ++i) {
      StrAppend(xml, "<Contents><Key>", matching[i],
                "</Key><LastModified>2013-05-24T00:00:00Z</LastModified><ETag>e</ETag>"
                "<Size>1</Size></Contents>");
    }
    if (skip + 2 < matching.size()) {
      StrAppend(xml, "<IsTruncated>true</IsTruncated><NextContinuationToken>",
                stuck_ ? std::string("0") : StrCat(skip + 2), "</NextContinuationToken>");
    }
    net::Response response;
    response.body = xml + "</ListBucketResult>";
    return response;
  }

  Names keys_;
  bool stuck_ = false;
  std::atomic<int> pages_{0};
  std::unique_ptr<net::HttpServer> server_;
  S3StoreOptions options_;
};

TEST_F(S3ListerTest, TurnsPages) {
  keys_ = {"a", "b", "c", "d", "e"};
  const auto store = OpenStore(options_);
  EXPECT_EQ(KeysOf(store->List("")), keys_);
  EXPECT_EQ(pages_, 3);
  EXPECT_EQ(KeysOf(store->List("", "b", 2)), (Names{"c", "d"}));
}

TEST_F(S3ListerTest, SortsWhatComesUnsorted) {
  keys_ = {"b/2", "b/1", "a", "c", "b/3", "a"};
  const auto store = OpenStore(options_);
  const Names sorted = {"a", "b/1", "b/2", "b/3", "c"};
  EXPECT_EQ(KeysOf(store->List("")), sorted);
  EXPECT_EQ(KeysOf(store->List("", "", 2)), (Names{"a", "b/1"}));
  EXPECT_EQ(KeysOf(store->List("b/", "b/1")), (Names{"b/2", "b/3"}));
  EXPECT_EQ(KeysOf(store->List("", "b/1", 1)), (Names{"b/2"}));
}

TEST_F(S3ListerTest, LeavesOutWhatIsNotItsOwn) {
  keys_ = {"lake/", "lake//x", "lake/../up", "lake/a", "lake/b/", "other/a"};
  options_.location.prefix = "lake/";
  const auto store = OpenStore(options_);
  EXPECT_EQ(KeysOf(store->List("")), Names{"a"});
  EXPECT_EQ(KeysOf(store->List("a")), Names{"a"});
}

TEST_F(S3ListerTest, NeverListsForEver) {
  keys_ = {"a", "b", "c", "d", "e", "f"};
  stuck_ = true;
  const auto store = OpenStore(options_);
  EXPECT_EQ(store->List("").status().code(), StatusCode::kUnavailable);
}

TEST_F(S3ListerTest, AsksForNothingThatCannotBe) {
  const auto store = OpenStore(options_);
  for (const std::string prefix : {"/", "a//", "../", "a/./", "\\", "\xff\xff\xff\xff"}) {
    EXPECT_EQ(KeysOf(store->List(prefix)), Names{}) << prefix;
  }
  EXPECT_EQ(KeysOf(store->List("a", "", 0)), Names{});
  EXPECT_EQ(KeysOf(store->List("a", "b")), Names{});
  EXPECT_EQ(pages_, 0);
}

TEST_F(S3ListerTest, FindsPrefixesThatEndInTheMiddleOfACharacter) {
  keys_ = {"a\xc3\xa9", "a\xe6\x97\xa5", "b"};
  const auto store = OpenStore(options_);
  EXPECT_EQ(KeysOf(store->List("a\xc3")), Names{"a\xc3\xa9"});
  EXPECT_EQ(KeysOf(store->List("a\xe6\x97")), Names{"a\xe6\x97\xa5"});
  EXPECT_EQ(KeysOf(store->List("", "a\xc3\xff")), (Names{"a\xe6\x97\xa5", "b"}));
}

class S3ListServerTest : public ::testing::TestWithParam<const char*> {};

// MinIO would end such listings early if it was asked in one request.
TEST_P(S3ListServerTest, GoesOnBehindADirectoryThatHasManyNeighbours) {
  S3Server& server = SharedServer(GetParam());
  const auto store = OpenStore(OptionsFor(server, NewBucket(server)));
  Names keys;
  for (int i = 100; i < 150; ++i) keys.push_back(StrCat("p/b-", i, "/x"));
  for (int i = 10; i < 20; ++i) keys.push_back(StrCat("p/b/d/", i));
  keys.insert(keys.end(), {"p/b0", "p/c", "q"});
  for (const std::string& key : keys) {
    const auto put = store->Put(key, "");
    ASSERT_TRUE(put.ok()) << put.status().ToString();
  }
  std::sort(keys.begin(), keys.end());
  for (const std::string start : {"p/b/d/15", "p/b/d/19", "p/b/d", "p/b/a/a", "p/b/z", "p/b-149/x",
                                  "p/b-120/z/z", "p/b0", "p/b/d/999"}) {
    Names expected = keys;
    std::erase_if(expected, [&](const std::string& key) { return key <= start; });
    EXPECT_EQ(KeysOf(store->List("", start)), expected) << start;
    std::erase_if(expected, [](const std::string& key) { return !key.starts_with("p/"); });
    EXPECT_EQ(KeysOf(store->List("p/", start)), expected) << start;
    expected.resize(std::min<size_t>(expected.size(), 3));
    EXPECT_EQ(KeysOf(store->List("p/", start, 3)), expected) << start;
  }
}

TEST_P(S3ListServerTest, ListsThousands) {
  S3Server& server = SharedServer(GetParam());
  S3StoreOptions options = OptionsFor(server, NewBucket(server));
  options.location.prefix = "pre fix/+/";
  const auto store = OpenStore(options);
  Names keys;
  for (int i = 0; i < 1'234; ++i) keys.push_back(StrCat("k/", 10'000 + i));
  for (const std::string& key : keys) ASSERT_TRUE(store->Put(key, "").ok());
  EXPECT_EQ(KeysOf(store->List("")), keys);
  EXPECT_EQ(KeysOf(store->List("k/", keys[99])), Names(keys.begin() + 100, keys.end()));
  EXPECT_EQ(KeysOf(store->List("", "", 1'100)), Names(keys.begin(), keys.begin() + 1'100));
  EXPECT_TRUE(store->DeleteMany(keys).ok());
  EXPECT_EQ(KeysOf(store->List("")), Names{});
}

INSTANTIATE_TEST_SUITE_P(Minio, S3ListServerTest, ::testing::Values("minio"));
INSTANTIATE_TEST_SUITE_P(Versitygw, S3ListServerTest, ::testing::Values("versitygw"));

}  // namespace
}  // namespace lakehouse::storage
