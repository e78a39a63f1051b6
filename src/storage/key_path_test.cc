#include "storage/key_path.h"

#include <iostream>
#include <map>
#include <string>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "base/strings.h"
#include "storage/object_store.h"

namespace lakehouse::storage {

namespace {

TEST(KeyPathTest, LeavesOrdinaryKeysAlone) {
  for (const std::string key :
       {"data/people/data/1.parquet", "a/b.c", "x.y", "..a", "naïve/é.txt"}) {
    EXPECT_EQ(KeyToPath(key), key);
  }
}

TEST(KeyPathTest, EscapesWhatCouldCollide) {
  const std::map<std::string, std::string> expected = {
      {"k", "k%f"},
      {"k/x", "k/x%f"},
      {"a.b/c.d", "a.b%d/c.d"},
      {"50%.txt", "50%25.txt"},
      {"a%f", "a%25f%f"},
      {".lakehouse", ".lakehouse%f"},
      {".lakehouse/lock", ".lakehouse%d/lock%f"},
      {std::string(255, 'x') + "/y.z", std::string(255, 'x') + "/y.z"},
      {std::string(255, 'x'), std::string(250, 'x') + "%c/xxxxx%f"},
      {std::string(256, 'x') + "/y.z", std::string(250, 'x') + "%c/xxxxxx/y.z"},
      {std::string(249, 'x') + "日本.parquet", std::string(249, 'x') + "%c/日本.parquet"},
      {std::string(248, 'x') + "%12345.z", std::string(248, 'x') + "%c/%2512345.z"},
  };
  for (const auto& [key, path] : expected) EXPECT_EQ(KeyToPath(key), path);
}

TEST(KeyPathTest, PrefixesAreTheDirectoriesOfTheirKeys) {
  EXPECT_EQ(PrefixToPath(""), "");
  EXPECT_EQ(PrefixToPath("a/"), "a");
  EXPECT_EQ(PrefixToPath("a.b/c/"), "a.b%d/c");
}

TEST(KeyPathTest, RefusesForeignNames) {
  for (const std::string path : {"k", "a%", "a%2", "a%25", "a.b%f", "%f", "a%c/b%f", "a%g.x"}) {
    EXPECT_EQ(DecodeSegment(path, SegmentRole::kFile), std::nullopt) << path;
  }
  for (const std::string path : {"a.b", "k%d", "k%f", "%d", "a%.b%d"}) {
    EXPECT_EQ(DecodeSegment(path, SegmentRole::kDirectory), std::nullopt) << path;
  }
  EXPECT_EQ(DecodeSegment(kHiddenDirectory, SegmentRole::kDirectory), std::nullopt);
}

TEST(KeyPathTest, DecodingUndoesEncodingAndNoTwoSegmentsShareAPath) {
  const uint64_t seed = Rng::FromSystem().Next();
  std::cout << "seed " << seed << "\n";
  Rng rng(seed);
  std::map<std::string, std::pair<std::string, SegmentRole>> owners;
  for (int i = 0; i < 20'000; ++i) {
    std::string segment(rng.Below(4) == 0 ? 244 + rng.Below(12) : 0, 'x');
    static constexpr std::string_view kPieces[] = {"a",  ".",   "%", "%f", "%d",
                                                   "%c", "%25", "é", "日"};
    for (size_t n = 1 + rng.Below(5); n > 0; --n) segment += kPieces[rng.Below(9)];
    if (!CheckKey(segment).ok()) continue;
    for (const SegmentRole role : {SegmentRole::kFile, SegmentRole::kDirectory}) {
      const std::string path = EncodeSegment(segment, role);
      EXPECT_EQ(DecodeSegment(path, role), segment);
      for (const std::string_view name : SplitString(path, '/')) {
        EXPECT_LE(name.size(), 255u);
        EXPECT_TRUE(IsValidUtf8(name));
        EXPECT_NE(name, kHiddenDirectory);
      }
      const auto [owner, is_new] = owners.try_emplace(path, segment, role);
      EXPECT_TRUE(owner->second == std::pair(segment, role)) << path;
    }
  }
}

}  // namespace

}  // namespace lakehouse::storage
