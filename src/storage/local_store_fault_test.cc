// What the local store does when a system call fails: every call of every workflow in turn.
#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>

#include <gtest/gtest.h>

#include "base/strings.h"
#include "storage/local_store.h"
#include "support/temp_dir.h"

namespace lakehouse::storage {

namespace {

// Fails the n-th call with an error. Notes how syncs are used.
class FailingOps : public FileOps {
 public:
  void FailCall(int ordinal, int error) {
    remaining_ = ordinal;
    error_ = error;
    failed_syncs_.clear();
  }
  bool fired() const { return remaining_ == 0; }
  bool synced_again() const { return synced_again_; }

  int Create(int directory, const std::string& name) override {
    return Fails() ? -1 : FileOps::Create(directory, name);
  }
  ssize_t Write(int file, const char* bytes, size_t size) override {
    if (Fails()) return -1;
    return FileOps::Write(file, bytes, size);
  }
  int Sync(int file) override {
    struct stat metadata {};
    EXPECT_EQ(::fstat(file, &metadata), 0);
    if (failed_syncs_.contains(metadata.st_ino)) synced_again_ = true;
    if (!Fails()) return 0;
    failed_syncs_.insert(metadata.st_ino);
    return -1;
  }
  int Link(int from_directory, const std::string& from, int to_directory,
           const std::string& to) override {
    return Fails() ? -1 : FileOps::Link(from_directory, from, to_directory, to);
  }
  int Rename(int from_directory, const std::string& from, int to_directory,
             const std::string& to) override {
    return Fails() ? -1 : FileOps::Rename(from_directory, from, to_directory, to);
  }
  int Unlink(int directory, const std::string& name) override {
    return Fails() ? -1 : FileOps::Unlink(directory, name);
  }
  int MakeDirectory(int directory, const std::string& name) override {
    return Fails() ? -1 : FileOps::MakeDirectory(directory, name);
  }

 private:
  bool Fails() {
    if (remaining_ == 0 || --remaining_ > 0) return false;
    errno = error_;
    return true;
  }

  int remaining_ = 0;
  int error_ = 0;
  bool synced_again_ = false;
  std::set<ino_t> failed_syncs_;
};

// One change of the key "a/b/k.txt" that holds "old" or, with `starts_absent`, nothing.
struct Workflow {
  std::string name;
  bool starts_absent = false;
  std::optional<std::string> outcome;  // What the key holds afterwards.
  std::function<Status(ObjectStore&, const std::string& file)> run;
};

constexpr std::string_view kKey = "a/b/k.txt";

std::vector<Workflow> Workflows() {
  const auto version = [](ObjectStore& store) { return store.Head(kKey)->version; };
  return {
      {"create", true, "new", [](ObjectStore& s, auto&) { return s.Put(kKey, "new").status(); }},
      {"create if absent", true, "new",
       [](ObjectStore& s, auto&) { return s.Put(kKey, "new", {.if_absent = true}).status(); }},
      {"replace", false, "new", [](ObjectStore& s, auto&) { return s.Put(kKey, "new").status(); }},
      {"replace by version", false, "new",
       [=](ObjectStore& s, auto&) {
         return s.Put(kKey, "new", {.if_version = version(s)}).status();
       }},
      {"create from file", true, "new",
       [](ObjectStore& s, auto& file) {
         return s.PutFile(kKey, file, {.if_absent = true}).status();
       }},
      {"replace by file", false, "new",
       [](ObjectStore& s, auto& file) { return s.PutFile(kKey, file).status(); }},
      {"delete", false, std::nullopt, [](ObjectStore& s, auto&) { return s.Delete(kKey); }},
  };
}

std::optional<std::string> Read(const ObjectStore& store) {
  const auto bytes = store.Get(kKey);
  EXPECT_TRUE(bytes.ok() || bytes.status().code() == StatusCode::kNotFound);
  return bytes.ok() ? std::optional(*bytes) : std::nullopt;
}

class LocalStoreFaultTest : public ::testing::TestWithParam<int> {};

TEST_P(LocalStoreFaultTest, EveryFailedCallLeavesOldOrNewAndWhole) {
  for (const Workflow& workflow : Workflows()) {
    const std::optional<std::string> before =
        workflow.starts_absent ? std::nullopt : std::optional<std::string>("old");
    bool fired = true;
    for (int ordinal = 1; fired; ++ordinal) {
      SCOPED_TRACE(StrCat(workflow.name, ", call ", ordinal));
      testing::TempDir directory;
      const std::string file = directory.Join("file");
      std::ofstream(file) << "new";
      FailingOps ops;
      auto store = OpenLocalStore(directory.Join("bucket"), ops);
      ASSERT_TRUE(store.ok());
      if (before) {
        ASSERT_TRUE((*store)->Put(kKey, *before).ok());
      }

      ops.FailCall(ordinal, GetParam());
      const Status status = workflow.run(**store, file);
      fired = ops.fired();
      const std::optional<std::string> after = Read(**store);
      if (status.ok()) {
        EXPECT_EQ(after, workflow.outcome);
      } else {
        EXPECT_TRUE(fired);
        EXPECT_TRUE(after == before || after == workflow.outcome);
        EXPECT_FALSE(status.message().find(directory.path()) != std::string::npos)
            << "leaks a path";
      }
      EXPECT_FALSE(ops.synced_again()) << "a failed sync was tried again";

      ops.FailCall(0, 0);
      auto reopened = OpenLocalStore(directory.Join("bucket"), ops);
      ASSERT_TRUE(reopened.ok());
      EXPECT_EQ(Read(**reopened), after);
      EXPECT_EQ((*reopened)->List("")->size(), after ? 1u : 0u);
      EXPECT_TRUE(std::filesystem::is_empty(directory.Join("bucket/.lakehouse/tmp")));
      EXPECT_TRUE((*reopened)->Put(kKey, "newer").ok());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Errors, LocalStoreFaultTest, ::testing::Values(EIO, ENOSPC));

TEST(LocalStoreDiskTest, SaysWhenTheDiskIsFull) {
  for (const int error : {ENOSPC, EDQUOT}) {
    testing::TempDir directory;
    FailingOps ops;
    auto store = OpenLocalStore(directory.Join("bucket"), ops);
    ASSERT_TRUE(store.ok());
    ASSERT_TRUE((*store)->Put("old", "x").ok());
    ops.FailCall(2, error);  // Create, then Write.
    const auto put = (*store)->Put("new", "x");
    EXPECT_EQ(put.status().code(), StatusCode::kResourceExhausted);
    EXPECT_EQ(*(*store)->Get("old"), "x");
    EXPECT_TRUE((*store)->Delete("old").ok());
    EXPECT_TRUE((*store)->Put("new", "x").ok()) << "recovers by itself";
  }
}

TEST(LocalStoreDiskTest, DiscardsAFileWhoseSyncFailed) {
  testing::TempDir directory;
  FailingOps ops;
  auto store = OpenLocalStore(directory.Join("bucket"), ops);
  ASSERT_TRUE(store.ok());
  ASSERT_TRUE((*store)->Put("k", "old").ok());
  ops.FailCall(3, EIO);  // Create, Write, Sync.
  EXPECT_EQ((*store)->Put("k", "new").status().code(), StatusCode::kInternal);
  EXPECT_EQ(*(*store)->Get("k"), "old");
  EXPECT_TRUE(std::filesystem::is_empty(directory.Join("bucket/.lakehouse/tmp")));
  EXPECT_TRUE((*store)->Put("k", "new").ok()) << "a new file may well be synced";
}

TEST(LocalStoreDiskTest, TakesNoWritesAfterADirectoryCouldNotBeSynced) {
  testing::TempDir directory;
  FailingOps ops;
  auto store = OpenLocalStore(directory.Join("bucket"), ops);
  ASSERT_TRUE(store.ok());
  ASSERT_TRUE((*store)->Put("k", "old").ok());
  ops.FailCall(5, EIO);  // Create, Write, Sync, Rename, Sync of the directory.
  EXPECT_EQ((*store)->Put("k", "new").status().code(), StatusCode::kInternal);
  EXPECT_EQ((*store)->Put("k", "newer").status().code(), StatusCode::kUnavailable);
  EXPECT_EQ((*store)->Delete("k").code(), StatusCode::kUnavailable);
  EXPECT_EQ(*(*store)->Get("k"), "new");
}

// Writes one byte at a time and is interrupted before each.
class ShortWrites : public FileOps {
 public:
  ssize_t Write(int file, const char* bytes, size_t size) override {
    interrupt_ = !interrupt_;
    if (!interrupt_) return FileOps::Write(file, bytes, std::min<size_t>(size, 1));
    errno = EINTR;
    return -1;
  }

 private:
  bool interrupt_ = false;
};

TEST(LocalStoreDiskTest, CompletesShortAndInterruptedWrites) {
  testing::TempDir directory;
  ShortWrites ops;
  auto store = OpenLocalStore(directory.Join("bucket"), ops);
  ASSERT_TRUE(store.ok());
  ASSERT_TRUE((*store)->Put("k", "0123456789").ok());
  EXPECT_EQ(*(*store)->Get("k"), "0123456789");
}

}  // namespace

}  // namespace lakehouse::storage
