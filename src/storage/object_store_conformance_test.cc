#include "storage/object_store_conformance.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <map>
#include <thread>

#include "base/rng.h"
#include "base/strings.h"
#include "support/test_seed.h"

namespace lakehouse::storage {

ObjectInfo ObjectStoreConformance::Put(const std::string& key, const std::string& bytes) {
  const Result<ObjectInfo> info = store_->Put(key, bytes);
  EXPECT_TRUE(info.ok()) << info.status().ToString();
  return info.value_or({});
}

void ObjectStoreConformance::ExpectConflict(const Status& status) {
  if (!GetParam().always_answers && status.code() == StatusCode::kCommitStateUnknown) return;
  EXPECT_EQ(status.code(), StatusCode::kConflict) << status.ToString();
}

bool ObjectStoreConformance::HasAncestor(const std::string& key) {
  for (size_t slash = key.find('/'); slash != std::string::npos; slash = key.find('/', slash + 1)) {
    if (store_->Head(key.substr(0, slash)).ok()) return true;
  }
  return false;
}

bool ObjectStoreConformance::PutIfHeld(const std::string& key, const std::string& bytes) {
  const OddKeySupport support = GetParam().odd_keys;
  if (support == OddKeySupport::kFilesHidden &&
      (HasAncestor(key) || !Keys(key + "/", "", 1).empty())) {
    return false;
  }
  const Status status = store_->Put(key, bytes).status();
  if (status.ok()) return true;
  EXPECT_NE(support, OddKeySupport::kAll) << status.ToString();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << status.ToString();
  return false;
}

std::vector<std::string> ObjectStoreConformance::PutHeld(const std::vector<std::string>& keys) {
  std::vector<std::string> held;
  for (const std::string& key : keys) {
    if (PutIfHeld(key, key)) held.push_back(key);
  }
  return held;
}

std::string ObjectStoreConformance::Get(const std::string& key) {
  const Result<std::string> bytes = store_->Get(key);
  EXPECT_TRUE(bytes.ok()) << bytes.status().ToString();
  return bytes.value_or("");
}

std::vector<std::string> ObjectStoreConformance::Keys(const std::string& prefix,
                                                      const std::string& start_after,
                                                      size_t limit) {
  const auto infos = store_->List(prefix, start_after, limit);
  EXPECT_TRUE(infos.ok()) << infos.status().ToString();
  std::vector<std::string> keys;
  if (infos.ok()) {
    for (const ObjectInfo& info : *infos) keys.push_back(info.key);
  }
  return keys;
}

std::string ObjectStoreConformance::WriteLocalFile(const std::string& name,
                                                   const std::string& bytes) {
  std::ofstream(directory_.Join(name), std::ios::binary) << bytes;
  return directory_.Join(name);
}

namespace {

using Names = std::vector<std::string>;

// Keys that look ordinary to a user and are not to a filesystem.
const std::vector<std::string>& OddKeys() {
  static const std::vector<std::string> keys = {
      "k",
      "k/x",
      "k/x/y",
      "k.d",
      "k.d/x",
      "k.d/x.y/z.w",
      "k!",
      "k0",
      "with space/and + plus/50%/100%25.txt",
      "a%f",
      "a%d/x",
      "a%c/x",
      "a%2",
      "%",
      "naïve/日本語/emoji-🦉.parquet",
      "quote'\"`$(x);&|<>*?[]{}",
      "tab\there\nnewline",
      "-rf",
      "~",
      "...",
      "..a/b..",
      ".hidden",
      ".lakehouse",
      ".lakehouse/lock",
      ".lakehouse/tmp/x",
      "CON",
      std::string(255, 'x'),
      std::string(254, 'x'),
      std::string(256, 'x') + "/y.parquet",
      std::string(252, 'p') + ".b",
      std::string(252, 'p') + "a",
      std::string(252, 'p') + std::string(300, 'm'),
      std::string(252, 'p') + std::string(300, 'm') + "/below",
      std::string(252, 'p') + "z",
      std::string(1024, 'k'),
      std::string(1024, '%'),
      std::string(512, 'd') + "/" + std::string(507, 'e') + ".txt",
  };
  return keys;
}

TEST_P(ObjectStoreConformance, ReturnsWhatWasPut) {
  const std::string bytes("a\0b\n\xff", 5);
  const ObjectInfo put = Put("data/people/data/1.parquet", bytes);
  EXPECT_EQ(put.key, "data/people/data/1.parquet");
  EXPECT_EQ(put.size_bytes, 5u);
  EXPECT_FALSE(put.version.empty());
  EXPECT_GT(put.modified.micros, 0);
  EXPECT_EQ(Get("data/people/data/1.parquet"), bytes);

  const auto head = store_->Head("data/people/data/1.parquet");
  ASSERT_TRUE(head.ok()) << head.status().ToString();
  EXPECT_EQ(head->version, put.version);
  EXPECT_LE(std::abs(head->modified.micros - put.modified.micros), 2'000'000);
  EXPECT_EQ(head->size_bytes, put.size_bytes);
}

TEST_P(ObjectStoreConformance, StoresEmptyAndLargeObjects) {
  Put("empty", "");
  EXPECT_EQ(Get("empty"), "");
  std::string large(5'000'000, '\0');
  Rng rng(7);
  for (char& byte : large) byte = static_cast<char>(rng.Next());
  Put("large", large);
  EXPECT_TRUE(Get("large") == large);
}

TEST_P(ObjectStoreConformance, ReadsRanges) {
  const ObjectInfo info = Put("k", "0123456789");
  EXPECT_EQ(*store_->Get("k", {3, 4}), "3456");
  EXPECT_EQ(*store_->Get("k", {0, 0}), "");
  EXPECT_EQ(*store_->Get("k", {8, 100}), "89");
  EXPECT_EQ(*store_->Get("k", {8}), "89");
  EXPECT_EQ(*store_->Get("k", {10, 1}), "");
  EXPECT_EQ(store_->Get("k", {11, 1}).status().code(), StatusCode::kInvalidArgument);

  char buffer[16];
  const auto read = [&](uint64_t offset, size_t size) {
    std::fill(std::begin(buffer), std::end(buffer), '#');
    const auto count = store_->ReadAt(info, offset, buffer, size);
    EXPECT_TRUE(count.ok()) << count.status().ToString();
    EXPECT_EQ(buffer[*count], '#');
    return std::string(buffer, *count);
  };
  EXPECT_EQ(read(2, 5), "23456");
  EXPECT_EQ(read(7, 10), "789");
  EXPECT_EQ(read(10, 5), "");
  EXPECT_EQ(read(0, 0), "");
  EXPECT_EQ(store_->ReadAt(info, 11, buffer, 1).status().code(), StatusCode::kInvalidArgument);
}

TEST_P(ObjectStoreConformance, ReadsOnlyTheVersionItIsAskedFor) {
  char buffer[4] = {};
  const ObjectInfo first = Put("k", "old!");
  const ObjectInfo second = Put("k", "new!");
  EXPECT_EQ(store_->ReadAt(first, 0, buffer, 4).status().code(), StatusCode::kConflict);
  for (const ObjectInfo& info : {second, *store_->Head("k"), store_->List("k")->front()}) {
    ASSERT_EQ(store_->ReadAt(info, 0, buffer, 4).value_or(0), 4u);
    EXPECT_EQ(std::string(buffer, 4), "new!");
  }
  ASSERT_TRUE(store_->Delete("k").ok());
  EXPECT_EQ(store_->ReadAt(second, 0, buffer, 4).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(store_->ReadAt(first, 0, buffer, 4).status().code(), StatusCode::kNotFound);
}

TEST_P(ObjectStoreConformance, DeletesMany) {
  for (const char* key : {"a", "b/c", "b/d", "e"}) Put(key, "x");
  EXPECT_TRUE(store_->DeleteMany({}).ok());
  EXPECT_TRUE(store_->DeleteMany({"b/d", "missing", "a", "a"}).ok());
  EXPECT_EQ(Keys(""), (Names{"b/c", "e"}));
  EXPECT_EQ(store_->DeleteMany({"../x"}).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(Keys(""), (Names{"b/c", "e"}));
}

TEST_P(ObjectStoreConformance, SaysWhatIsMissing) {
  char buffer[1];
  Put("there/is.one", "x");
  for (const std::string key :
       {"missing", "missing/below", "there", "there/is", "there/is.one/x"}) {
    EXPECT_EQ(store_->Get(key).status().code(), StatusCode::kNotFound) << key;
    EXPECT_EQ(store_->Head(key).status().code(), StatusCode::kNotFound) << key;
    EXPECT_EQ(store_->ReadAt({key, 1, "v"}, 0, buffer, 1).status().code(), StatusCode::kNotFound)
        << key;
    EXPECT_TRUE(store_->Delete(key).ok()) << key;
  }
  EXPECT_EQ(Get("there/is.one"), "x");
}

TEST_P(ObjectStoreConformance, ReplacesAndChangesTheVersion) {
  std::map<std::string, int> versions;
  for (int i = 0; i < 200; ++i) {
    const std::string bytes = StrCat("same size ", 100 + i);
    ++versions[Put("k", bytes).version];
    ASSERT_EQ(Get("k"), bytes);
  }
  EXPECT_EQ(versions.size(), 200u) << "a version came back";
}

TEST_P(ObjectStoreConformance, PutsOnlyIfAbsent) {
  const PutCondition if_absent{.if_absent = true};
  EXPECT_TRUE(store_->Put("k", "first", if_absent).ok());
  ExpectConflict(store_->Put("k", "second", if_absent).status());
  EXPECT_EQ(Get("k"), "first");
  EXPECT_TRUE(store_->Delete("k").ok());
  EXPECT_TRUE(store_->Put("k", "third", if_absent).ok());
  EXPECT_EQ(Get("k"), "third");
}

TEST_P(ObjectStoreConformance, PutsOnlyIfVersionMatches) {
  ExpectConflict(store_->Put("k", "x", {.if_version = "1"}).status());
  const ObjectInfo first = Put("k", "first");
  const auto second = store_->Put("k", "second", {.if_version = first.version});
  ASSERT_TRUE(second.ok()) << second.status().ToString();
  ExpectConflict(store_->Put("k", "third", {.if_version = first.version}).status());
  EXPECT_EQ(Get("k"), "second");
  EXPECT_TRUE(store_->Put("k", "third", {.if_version = second->version}).ok());
  EXPECT_TRUE(store_->Delete("k").ok());
  ExpectConflict(store_->Put("k", "fourth", {.if_version = second->version}).status());
}

TEST_P(ObjectStoreConformance, StoresFiles) {
  const std::string bytes(3'000'000, 'f');
  const auto put = store_->PutFile("data/d/data/f.parquet", WriteLocalFile("f", bytes));
  ASSERT_TRUE(put.ok()) << put.status().ToString();
  EXPECT_EQ(put->size_bytes, bytes.size());
  EXPECT_TRUE(Get("data/d/data/f.parquet") == bytes);
  EXPECT_EQ(store_->Head("data/d/data/f.parquet")->version, put->version);

  ASSERT_TRUE(store_->PutFile("empty", WriteLocalFile("e", "")).ok());
  EXPECT_EQ(Get("empty"), "");
}

TEST_P(ObjectStoreConformance, KeepsTheFileWhenItsConditionFails) {
  Put("k", "old");
  const std::string path = WriteLocalFile("f", "new");
  ExpectConflict(store_->PutFile("k", path, {.if_absent = true}).status());
  ExpectConflict(store_->PutFile("k", path, {.if_version = "0"}).status());
  EXPECT_EQ(Get("k"), "old");
  ASSERT_TRUE(store_->PutFile("k", path).ok());
  EXPECT_EQ(Get("k"), "new");
}

TEST_P(ObjectStoreConformance, RefusesFilesItCannotRead) {
  for (const std::string& path : {directory_.Join("missing"), directory_.path()}) {
    EXPECT_EQ(store_->PutFile("k", path).status().code(), StatusCode::kInvalidArgument) << path;
  }
  EXPECT_EQ(Keys(""), Names{});
}

TEST_P(ObjectStoreConformance, ListsInTheOrderOfBytes) {
  Names keys = PutHeld({"b", "a/b", "a!", "a", "a/b/c", "a.b", "a0", "a/b!", "a/b.c", "\xc3\xa9",
                        "Z", "a/c/d", "ab/c", "a-b/c"});
  std::sort(keys.begin(), keys.end());
  EXPECT_EQ(Keys(""), keys);
  for (size_t i = 0; i < keys.size(); ++i) {
    EXPECT_EQ(Keys("", keys[i]), Names(keys.begin() + static_cast<int64_t>(i) + 1, keys.end()));
    EXPECT_EQ(Keys("", "", i), Names(keys.begin(), keys.begin() + static_cast<int64_t>(i)));
  }
  const auto held = [&](Names expected) {
    std::erase_if(expected, [&](const std::string& key) {
      return !std::binary_search(keys.begin(), keys.end(), key);
    });
    return expected;
  };
  EXPECT_EQ(Keys("a/b"), held({"a/b", "a/b!", "a/b.c", "a/b/c"}));
  EXPECT_EQ(Keys("a/b/"), held({"a/b/c"}));
  EXPECT_EQ(Keys("a/", "a/b", 2), held({"a/b!", "a/b.c"}));
  EXPECT_EQ(Keys("a/", "0"), held({"a/b", "a/b!", "a/b.c", "a/b/c", "a/c/d"}));
  EXPECT_EQ(Keys("a/", "b"), Names{});
  EXPECT_EQ(Keys("nothing/here"), Names{});
}

TEST_P(ObjectStoreConformance, ListsNothingUnderPrefixesThatNoKeyHas) {
  Put("a/b", "x");
  for (const std::string prefix : {"/", "//", "../", "./", "a//", "/a", "a/../a/"}) {
    EXPECT_EQ(Keys(prefix), Names{}) << prefix;
  }
}

TEST_P(ObjectStoreConformance, ListsWhatHeadSays) {
  Put("a/1.parquet", "one");
  Put("a/2.parquet", "two2");
  const auto infos = store_->List("a/");
  ASSERT_TRUE(infos.ok());
  ASSERT_EQ(infos->size(), 2u);
  for (const ObjectInfo& info : *infos) {
    const auto head = store_->Head(info.key);
    ASSERT_TRUE(head.ok());
    EXPECT_EQ(info.version, head->version);
    EXPECT_EQ(info.size_bytes, head->size_bytes);
    EXPECT_EQ(info.modified, head->modified);
  }
}

TEST_P(ObjectStoreConformance, KeepsOddKeysApart) {
  std::map<std::string, std::string> model;
  for (const std::string& key : OddKeys()) {
    if (PutIfHeld(key, "old")) model[key] = "old";
  }
  for (const std::string& key : OddKeys()) {
    if (PutIfHeld(key, key)) model[key] = key;
  }
  EXPECT_GE(model.size(), OddKeys().size() / 2);
  Names keys;
  for (const auto& [key, bytes] : model) {
    EXPECT_EQ(Get(key), bytes);
    keys.push_back(key);
  }
  EXPECT_EQ(Keys(""), keys);
  for (const std::string& key : OddKeys()) {
    if (model.contains(key)) {
      EXPECT_EQ(Keys(key, "", 1), Names{key});
    } else {
      EXPECT_EQ(store_->Get(key).status().code(), StatusCode::kNotFound) << key;
      EXPECT_EQ(store_->Head(key).status().code(), StatusCode::kNotFound) << key;
      EXPECT_TRUE(store_->Delete(key).ok()) << key;
    }
  }
  while (!keys.empty()) {
    EXPECT_TRUE(store_->Delete(keys.back()).ok());
    keys.pop_back();
    EXPECT_EQ(Keys(""), keys);
  }
}

TEST_P(ObjectStoreConformance, ListsLikeASortedMap) {
  Rng rng(lakehouse::testing::TestSeed());
  std::map<std::string, std::string> model;
  const auto random_text = [&](size_t limit) {
    std::string text;
    for (size_t i = 0, n = rng.Below(limit); i < n; ++i) text += "ab.!%0/"[rng.Below(7)];
    return text;
  };
  for (int i = 0; i < 400; ++i) {
    std::string key = random_text(9);
    if (rng.Below(10) == 0) key += std::string(240 + rng.Below(30), 'l') + random_text(4);
    if (!CheckKey(key).ok()) continue;
    if (rng.Below(5) == 0) {
      EXPECT_TRUE(store_->Delete(key).ok());
      model.erase(key);
    } else {
      if (PutIfHeld(key, key)) model[key] = key;
    }
  }
  for (int i = 0; i < 200; ++i) {
    const std::string prefix = random_text(4);
    const std::string start_after = random_text(6);
    const size_t limit = rng.Below(2) == 0 ? SIZE_MAX : rng.Below(10);
    if (GetParam().odd_keys == OddKeySupport::kFilesHidden && HasAncestor(start_after)) continue;
    Names expected;
    for (const auto& [key, bytes] : model) {
      if (key.starts_with(prefix) && key > start_after && expected.size() < limit) {
        expected.push_back(key);
      }
    }
    EXPECT_EQ(Keys(prefix, start_after, limit), expected)
        << "prefix '" << prefix << "' start_after '" << start_after << "' limit " << limit;
  }
}

TEST_P(ObjectStoreConformance, RefusesBadKeys) {
  const Names bad = {"",
                     "/",
                     "/a",
                     "a/",
                     "a//b",
                     ".",
                     "..",
                     "a/./b",
                     "a/../b",
                     "../etc/passwd",
                     "a\\b",
                     std::string("a\0b", 3),
                     "\xff\xfe",
                     "\xc0\xaf",
                     std::string(1025, 'k')};
  const std::string path = WriteLocalFile("f", "x");
  char buffer[1];
  for (const std::string& key : bad) {
    EXPECT_EQ(CheckKey(key).code(), StatusCode::kInvalidArgument);
    EXPECT_EQ(store_->Put(key, "x").status().code(), StatusCode::kInvalidArgument);
    EXPECT_EQ(store_->PutFile(key, path).status().code(), StatusCode::kInvalidArgument);
    EXPECT_EQ(store_->Get(key).status().code(), StatusCode::kInvalidArgument);
    EXPECT_EQ(store_->ReadAt({key, 1, "v"}, 0, buffer, 1).status().code(),
              StatusCode::kInvalidArgument);
    EXPECT_EQ(store_->Head(key).status().code(), StatusCode::kInvalidArgument);
    EXPECT_EQ(store_->Delete(key).code(), StatusCode::kInvalidArgument);
    EXPECT_EQ(store_->LocalPath(key), std::nullopt);
  }
  EXPECT_EQ(Keys(""), Names{});
}

TEST_P(ObjectStoreConformance, LocalPathReadsTheObject) {
  Put("data/d/data/x.parquet", "bytes");
  const auto path = store_->LocalPath("data/d/data/x.parquet");
  if (!path) GTEST_SKIP() << "the store is not on this machine's disk";
  std::ifstream file(*path);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), "bytes");
}

// Runs `work(i)` on 16 threads at once and waits for them.
template <typename Work>
void Race(const Work& work) {
  std::atomic<int> waiting{16};
  std::vector<std::thread> threads;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&, i] {
      --waiting;
      while (waiting > 0) std::this_thread::yield();
      work(i);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// What 16 writers that wrote under one condition were told.
class RaceResult {
 public:
  void Add(int writer, const Status& status) {
    if (status.ok()) {
      ++winners_;
      winner_ = writer;
    } else if (status.code() == StatusCode::kCommitStateUnknown) {
      ++unknown_;
    } else {
      EXPECT_EQ(status.code(), StatusCode::kConflict) << status.ToString();
    }
  }

  // Checks that one of them won, and that `bytes` are those of the winner, which begin with its
  // number. Where answers get lost the winner may be one that was told nothing.
  void Check(const std::string& bytes, bool always_answers) const {
    if (always_answers) {
      EXPECT_EQ(unknown_, 0);
    }
    if (winners_ == 1 || unknown_ == 0) {
      EXPECT_EQ(winners_, 1);
      EXPECT_EQ(std::stoi(bytes), winner_);
    } else {
      EXPECT_EQ(winners_, 0);
    }
  }

 private:
  std::atomic<int> winners_{0};
  std::atomic<int> unknown_{0};
  std::atomic<int> winner_{-1};
};

TEST_P(ObjectStoreConformance, OneOfManyCreatorsWins) {
  for (int round = 0; round < 20; ++round) {
    const std::string key = StrCat("race/", round);
    RaceResult result;
    Race([&](int i) {
      result.Add(i, store_->Put(key, StrCat(i, " wrote"), {.if_absent = true}).status());
    });
    result.Check(Get(key), GetParam().always_answers);
  }
}

TEST_P(ObjectStoreConformance, OneOfManyReplacersWins) {
  std::string version = Put("k", "start").version;
  for (int round = 0; round < 20; ++round) {
    RaceResult result;
    Race([&](int i) {
      const std::string bytes = StrCat(i, " wrote in round ", round);
      result.Add(i, store_->Put("k", bytes, {.if_version = version}).status());
    });
    result.Check(Get("k"), GetParam().always_answers);
    version = store_->Head("k")->version;
  }
}

// Every successful replacement by version adds one; unconditional writers in between would lose
// additions if the comparison and the replacement were two steps.
TEST_P(ObjectStoreConformance, CountsWithoutLosingAnAddition) {
  Put("counter", "0");
  std::atomic<int> added{0};
  std::atomic<int> unknown{0};
  Race([&](int) {
    for (int tries = 0; tries < 25; ++tries) {
      const auto head = store_->Head("counter");
      const auto bytes = store_->Get("counter");
      ASSERT_TRUE(head.ok() && bytes.ok());
      const auto put =
          store_->Put("counter", StrCat(std::stoi(*bytes) + 1), {.if_version = head->version});
      if (put.ok()) ++added;
      if (put.status().code() == StatusCode::kCommitStateUnknown) ++unknown;
    }
  });
  EXPECT_GT(added, 0);
  const int count = std::stoi(Get("counter"));
  EXPECT_GE(count, added);
  EXPECT_LE(count, added + unknown);
  if (GetParam().always_answers) {
    EXPECT_EQ(unknown, 0);
  }
}

TEST_P(ObjectStoreConformance, DeletesManyOddKeys) {
  Names keys;
  for (int i = 0; i < 30; ++i) keys.push_back(StrCat("gone/", i, i % 2 == 0 ? "/<&>'\"" : " + %"));
  keys.push_back("gone/tab\there");
  keys.push_back("gone/bell\x07");
  keys.push_back("gone/\xef\xbf\xbf");
  for (const std::string& key : keys) Put(key, "x");
  Put("stays", "x");
  keys.push_back("gone/was never there");
  EXPECT_TRUE(store_->DeleteMany(keys).ok());
  EXPECT_EQ(Keys(""), Names{"stays"});
}

TEST_P(ObjectStoreConformance, ReadersNeverSeeATornObject) {
  // Every object repeats one letter, as often as its position in the alphabet times a thousand.
  const auto make = [](int letter) {
    return std::string(static_cast<size_t>(letter + 1) * 1000, static_cast<char>('a' + letter));
  };
  Put("k", make(0));
  std::atomic<bool> done{false};
  std::atomic<int> reads{0};
  std::thread writer([&] {
    for (int i = 0; i < 300 || reads < 100; ++i) EXPECT_TRUE(store_->Put("k", make(i % 26)).ok());
    done = true;
  });
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      while (!done) {
        const auto bytes = store_->Get("k");
        ASSERT_TRUE(bytes.ok()) << bytes.status().ToString();
        ASSERT_FALSE(bytes->empty());
        ASSERT_EQ(*bytes, make(bytes->front() - 'a'));
        ASSERT_EQ(Keys("k"), Names{"k"});
        ++reads;
      }
    });
  }
  writer.join();
  for (std::thread& reader : readers) reader.join();
}

}  // namespace

}  // namespace lakehouse::storage
