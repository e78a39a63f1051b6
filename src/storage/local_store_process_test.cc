// Several processes on one local bucket, some of which are killed.
#include <filesystem>
#include <iostream>
#include <map>

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/rng.h"
#include "base/strings.h"
#include "storage/local_store.h"
#include "support/temp_dir.h"

namespace lakehouse::storage {

namespace {

constexpr int kKeys = 20;

// The i-th write of the child goes to one of a few keys, so objects are created and replaced.
std::string KeyOf(int write) { return StrCat("data/d", write % 3, "/o", write % kKeys, ".bin"); }

// Says which write made it, and differs in size and bytes from every other.
std::string BytesOf(int write) {
  std::string bytes = StrCat(write, "\n");
  Rng rng(static_cast<uint64_t>(write));
  bytes.resize(bytes.size() + 1 + rng.Below(100'000));
  for (size_t i = StrCat(write, "\n").size(); i < bytes.size(); ++i) {
    bytes[i] = static_cast<char>('a' + (i * 31 + static_cast<size_t>(write)) % 26);
  }
  return bytes;
}

// Writes until it is killed; acknowledges every write through the pipe.
[[noreturn]] void WriteForever(const std::string& root, int first_write, int pipe) {
  auto store = OpenLocalStore(root);
  if (!store.ok()) ::_exit(1);
  for (int write = first_write;; ++write) {
    if (!(*store)->Put(KeyOf(write), BytesOf(write)).ok()) ::_exit(2);
    if (::write(pipe, &write, sizeof(write)) != sizeof(write)) ::_exit(3);
  }
}

TEST(LocalStoreProcessTest, KilledWritersLoseNothingTheyAcknowledged) {
  const uint64_t seed = Rng::FromSystem().Next();
  std::cout << "seed " << seed << "\n";
  Rng rng(seed);
  testing::TempDir directory;
  const std::string root = directory.Join("bucket");
  std::map<std::string, int> acknowledged;  // The last write of each key.
  int next_write = 0;
  for (int round = 0; round < 30; ++round) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) WriteForever(root, next_write, ends[1]);
    ::close(ends[1]);
    int write = 0;
    const auto receive = [&] {
      if (::read(ends[0], &write, sizeof(write)) != sizeof(write)) return false;
      acknowledged[KeyOf(write)] = write;
      next_write = write + 1;
      return true;
    };
    for (uint64_t answers = rng.Below(5); answers > 0; --answers) ASSERT_TRUE(receive());
    ::usleep(static_cast<useconds_t>(rng.Below(20'000)));
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child ended by itself: " << status;
    while (receive()) continue;
    ::close(ends[0]);
    // The one write that was under way may have happened.
    const int unanswered = next_write++;

    auto store = OpenLocalStore(root);
    ASSERT_TRUE(store.ok()) << store.status().ToString();
    EXPECT_TRUE(std::filesystem::is_empty(root + "/.lakehouse/tmp"));
    const auto listed = (*store)->List("");
    ASSERT_TRUE(listed.ok());
    std::map<std::string, int> found;
    for (const ObjectInfo& info : *listed) {
      const auto bytes = (*store)->Get(info.key);
      ASSERT_TRUE(bytes.ok());
      const int number = std::atoi(bytes->c_str());
      EXPECT_TRUE(info.key == KeyOf(number) && *bytes == BytesOf(number)) << "torn: " << info.key;
      found[info.key] = number;
    }
    std::map<std::string, int> expected = acknowledged;
    if (found != expected) expected[KeyOf(unanswered)] = unanswered;
    ASSERT_EQ(found, expected);
    acknowledged = found;
  }
  EXPECT_FALSE(acknowledged.empty());
}

TEST(LocalStoreProcessTest, ProcessesCountWithoutLosingAnAddition) {
  constexpr int kProcesses = 4;
  constexpr int kAdditions = 25;
  testing::TempDir directory;
  const std::string root = directory.Join("bucket");
  ASSERT_TRUE((*OpenLocalStore(root))->Put("counter", "0").ok());
  std::vector<pid_t> children;
  for (int i = 0; i < kProcesses; ++i) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      auto store = OpenLocalStore(root);
      if (!store.ok()) ::_exit(1);
      for (int added = 0; added < kAdditions;) {
        const auto head = (*store)->Head("counter");
        const auto bytes = (*store)->Get("counter");
        if (!head.ok() || !bytes.ok()) ::_exit(2);
        const auto put =
            (*store)->Put("counter", StrCat(std::stoi(*bytes) + 1), {.if_version = head->version});
        if (put.ok()) ++added;
        if (!put.ok() && put.status().code() != StatusCode::kConflict) ::_exit(3);
      }
      ::_exit(0);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(*(*OpenLocalStore(root))->Get("counter"), StrCat(kProcesses * kAdditions));
}

}  // namespace

}  // namespace lakehouse::storage
