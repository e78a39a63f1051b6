#include "storage/local_store.h"

#include <cerrno>
#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/key_path.h"
#include "storage/object_store_conformance.h"

namespace lakehouse::storage {

namespace {

namespace fs = std::filesystem;

std::unique_ptr<ObjectStore> MakeLocalStore(const std::string& directory) {
  auto store = OpenLocalStore(directory);
  EXPECT_TRUE(store.ok()) << store.status().ToString();
  return store.ok() ? *std::move(store) : nullptr;
}

INSTANTIATE_TEST_SUITE_P(Local, ObjectStoreConformance, ::testing::Values(&MakeLocalStore));

class LocalStoreTest : public ::testing::Test {
 protected:
  LocalStoreTest() : store_(MakeLocalStore(root())) {}
  std::string root() const { return directory_.Join("deep/er/bucket"); }
  std::string OnDisk(const std::string& path) const { return root() + "/" + path; }
  bool TemporaryDirectoryIsEmpty() const { return fs::is_empty(OnDisk(".lakehouse/tmp")); }

  testing::TempDir directory_;
  std::unique_ptr<ObjectStore> store_;
};

TEST_F(LocalStoreTest, KeepsOrdinaryKeysAtTheirOwnPath) {
  for (const std::string key :
       {"data/people/data/0190a5c1.parquet", "_catalog/dataset/people/00000000000000000001.json",
        "vectors/people_v1/lance/_versions/1.manifest"}) {
    ASSERT_TRUE(store_->Put(key, key).ok());
    EXPECT_TRUE(fs::is_regular_file(OnDisk(key))) << key;
    EXPECT_EQ(store_->LocalPath(key), fs::canonical(root()).string() + "/" + key);
  }
}

TEST_F(LocalStoreTest, ReadsPlainFilesOfOtherEngines) {
  fs::create_directories(OnDisk("data/people/data"));
  std::ofstream(OnDisk("data/people/data/spark.parquet")) << "rows";
  EXPECT_EQ(*store_->Get("data/people/data/spark.parquet"), "rows");
  EXPECT_EQ(store_->List("data/")->size(), 1u);
}

TEST_F(LocalStoreTest, NeverFollowsLinks) {
  std::ofstream(directory_.Join("secret.txt")) << "secret";
  fs::create_directories(OnDisk("data"));
  fs::create_symlink(directory_.Join("secret.txt"), OnDisk("data/link.txt"));
  fs::create_directory_symlink(directory_.path(), OnDisk("out"));
  EXPECT_FALSE(store_->Get("data/link.txt").ok());
  EXPECT_FALSE(store_->Head("data/link.txt").ok());
  EXPECT_FALSE(store_->Get("out/secret.txt").ok());
  EXPECT_FALSE(store_->Put("out/new.txt", "x").ok());
  EXPECT_FALSE(store_->PutFile("k", OnDisk("data/link.txt")).ok());
  EXPECT_FALSE(store_->Delete("out/secret.txt").ok());
  EXPECT_EQ(store_->List("")->size(), 0u);
  EXPECT_TRUE(fs::exists(directory_.Join("secret.txt")));
  EXPECT_FALSE(fs::exists(directory_.Join("new.txt")));
  // Replacing puts an object in the link's place and leaves its target alone.
  EXPECT_TRUE(store_->Put("data/link.txt", "mine").ok());
  EXPECT_EQ(*store_->Get("data/link.txt"), "mine");
  std::ifstream target(directory_.Join("secret.txt"));
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(target), {}), "secret");
}

TEST_F(LocalStoreTest, PassesOverForeignNames) {
  fs::create_directories(OnDisk("a.b"));
  std::ofstream(OnDisk("a.b/x.txt")) << "not reachable by a key";
  std::ofstream(OnDisk("bad%escape.txt")) << "x";
  std::ofstream(OnDisk("Makefile")) << "x";
  ASSERT_EQ(::mkfifo(OnDisk("pipe.txt").c_str(), 0600), 0);
  EXPECT_EQ(store_->List("")->size(), 0u);
  EXPECT_FALSE(store_->Get("pipe.txt").ok());
  EXPECT_EQ(store_->Get("Makefile").status().code(), StatusCode::kNotFound);
}

TEST_F(LocalStoreTest, LeavesNoTemporaryFiles) {
  ASSERT_TRUE(store_->Put("k", "1").ok());
  ASSERT_TRUE(store_->Put("k", "2").ok());
  ASSERT_FALSE(store_->Put("k", "3", {.if_absent = true}).ok());
  ASSERT_FALSE(store_->Put("k", "3", {.if_version = "x"}).ok());
  ASSERT_TRUE(store_->Put("l", "1", {.if_absent = true}).ok());
  EXPECT_TRUE(TemporaryDirectoryIsEmpty());
}

TEST_F(LocalStoreTest, MovesAFileOfTheSameFilesystem) {
  const std::string path = directory_.Join("f.parquet");
  std::ofstream(path) << "rows";
  struct stat before {};
  ASSERT_EQ(::stat(path.c_str(), &before), 0);
  ASSERT_TRUE(store_->PutFile("data/f.parquet", path).ok());
  EXPECT_FALSE(fs::exists(path));
  struct stat after {};
  ASSERT_EQ(::stat(OnDisk("data/f.parquet").c_str(), &after), 0);
  EXPECT_EQ(before.st_ino, after.st_ino);
}

TEST_F(LocalStoreTest, CopiesAFileThatHasASecondName) {
  const std::string path = directory_.Join("f.parquet");
  std::ofstream(path) << "rows";
  fs::create_hard_link(path, directory_.Join("second"));
  ASSERT_TRUE(store_->PutFile("data/f.parquet", path).ok());
  std::ofstream(path) << "changed";
  EXPECT_EQ(*store_->Get("data/f.parquet"), "rows");
}

TEST_F(LocalStoreTest, CopiesAFileOfAnotherFilesystem) {
  struct stat here {};
  struct stat there {};
  if (::stat("/dev/shm", &there) != 0 || ::stat(root().c_str(), &here) != 0 ||
      here.st_dev == there.st_dev || ::access("/dev/shm", W_OK) != 0) {
    GTEST_SKIP() << "there is no second filesystem";
  }
  std::string path = "/dev/shm/lakehouse_test_XXXXXX";
  const FileDescriptor file(::mkstemp(path.data()));
  ASSERT_TRUE(file.valid());
  ASSERT_EQ(::write(file.get(), "rows", 4), 4);
  EXPECT_TRUE(store_->PutFile("data/f.parquet", path).ok());
  EXPECT_EQ(*store_->Get("data/f.parquet"), "rows");
  ::unlink(path.c_str());
  EXPECT_TRUE(TemporaryDirectoryIsEmpty());
}

// Opens the bucket a second time in the middle of a write.
class OpensWhileWriting : public FileOps {
 public:
  explicit OpensWhileWriting(std::string root) : root_(std::move(root)) {}
  ssize_t Write(int file, const char* bytes, size_t size) override {
    EXPECT_TRUE(OpenLocalStore(root_).ok());
    return FileOps::Write(file, bytes, size);
  }

 private:
  const std::string root_;
};

TEST_F(LocalStoreTest, RemovesOrphansAtOpenButNotTheFilesOfLivingWriters) {
  std::ofstream(OnDisk(".lakehouse/tmp/orphan")) << "x";
  OpensWhileWriting ops(root());
  auto second = OpenLocalStore(root(), ops);
  ASSERT_TRUE(second.ok());
  EXPECT_TRUE(TemporaryDirectoryIsEmpty());
  EXPECT_TRUE((*second)->Put("k", "x").ok());
  EXPECT_EQ(*store_->Get("k"), "x");
}

TEST_F(LocalStoreTest, RecreatesADirectoryThatAUserRemoved) {
  ASSERT_TRUE(store_->Put("a/b/c", "1").ok());
  fs::remove_all(OnDisk("a"));
  EXPECT_EQ(store_->Get("a/b/c").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(store_->List("")->size(), 0u);
  EXPECT_TRUE(store_->Put("a/b/c", "2", {.if_absent = true}).ok());
  EXPECT_EQ(*store_->Get("a/b/c"), "2");
}

TEST_F(LocalStoreTest, StaysTheSameAfterReopening) {
  ASSERT_TRUE(store_->Put("k", "1").ok());
  ASSERT_TRUE(store_->Put("k/x", "2").ok());
  const auto before = store_->Head("k");
  store_ = MakeLocalStore(root());
  const auto after = store_->Head("k");
  ASSERT_TRUE(before.ok() && after.ok()) << before.status().ToString() << after.status().ToString();
  EXPECT_EQ(after->version, before->version);
  EXPECT_EQ(*store_->Get("k/x"), "2");
}

TEST_F(LocalStoreTest, RefusesARootThatIsNoDirectory) {
  std::ofstream(directory_.Join("file")) << "x";
  EXPECT_FALSE(OpenLocalStore(directory_.Join("file")).ok());
  EXPECT_FALSE(OpenLocalStore(directory_.Join("file/below")).ok());
}

TEST(LocalStoreRootTest, MayBeRelative) {
  testing::TempDir directory;
  const fs::path before = fs::current_path();
  fs::current_path(directory.path());
  for (const std::string root : {"a", "b/c/", "./d/../e", "."}) {
    const auto store = OpenLocalStore(root);
    ASSERT_TRUE(store.ok()) << store.status().ToString();
    ASSERT_TRUE((*store)->Put("k.txt", root).ok());
    EXPECT_TRUE(fs::exists(fs::path(root) / "k.txt"));
    EXPECT_TRUE((*store)->LocalPath("k.txt")->starts_with("/"));
  }
  fs::current_path(before);
}

TEST(OpenBeneathTest, BothWaysAgree) {
  testing::TempDir directory;
  fs::create_directories(directory.Join("a/b"));
  std::ofstream(directory.Join("a/b/file")) << "x";
  fs::create_symlink("file", directory.Join("a/b/link"));
  fs::create_directory_symlink("a", directory.Join("linked"));
  const FileDescriptor root(::open(directory.path().c_str(), O_RDONLY | O_DIRECTORY));
  ASSERT_TRUE(root.valid());
  for (const auto& [path, error] : std::vector<std::pair<std::string, int>>{{"a/b/file", 0},
                                                                            {"a/b", 0},
                                                                            {".", 0},
                                                                            {"a/b/link", ELOOP},
                                                                            {"a/c", ENOENT},
                                                                            {"a/b/file/x", ENOTDIR},
                                                                            {"c/d", ENOENT}}) {
    for (const auto open : {&OpenBeneath, &OpenBeneathByWalking}) {
      errno = 0;
      const FileDescriptor file(open(root.get(), path, O_RDONLY));
      EXPECT_EQ(file.valid(), error == 0) << path;
      EXPECT_EQ(errno, error) << path;
    }
  }
  for (const auto open : {&OpenBeneath, &OpenBeneathByWalking}) {
    EXPECT_FALSE(FileDescriptor(open(root.get(), "linked/b/file", O_RDONLY)).valid());
  }
}

}  // namespace

}  // namespace lakehouse::storage
