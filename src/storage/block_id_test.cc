#include "storage/block_id.h"

#include <set>

#include <gtest/gtest.h>

namespace lakehouse::storage {

namespace {

constexpr size_t kBlockBytes = 1 << 20;

TEST(BlockIdTest, EveryPartOfTheNameCounts) {
  const ObjectInfo object{"k", 10, "v", {}};
  std::set<BlockId> ids;
  ids.insert(FirstBlock("b", object, kBlockBytes));
  ids.insert(FirstBlock("b2", object, kBlockBytes));
  ids.insert(FirstBlock("b", object, kBlockBytes / 2));
  ids.insert(FirstBlock("b", {"k2", 10, "v", {}}, kBlockBytes));
  ids.insert(FirstBlock("b", {"k", 11, "v", {}}, kBlockBytes));
  ids.insert(FirstBlock("b", {"k", 10, "v2", {}}, kBlockBytes));
  ids.insert(FirstBlock("bk", {"", 10, "v", {}}, kBlockBytes));
  EXPECT_EQ(ids.size(), 7u);
  EXPECT_EQ(FirstBlock("b", {"k", 10, "v", {5}}, kBlockBytes),
            FirstBlock("b", object, kBlockBytes));
}

TEST(BlockIdTest, RangesHoldTheirBlocksAndNoOthers) {
  BlockId id = FirstBlock("b", {"k", 10, "v", {}}, kBlockBytes);
  id.number = UINT64_MAX;
  const auto holds = [&](const BlockIdRange& range) {
    return range.first <= id && id <= range.last;
  };
  EXPECT_TRUE(holds(BlocksOfBucket("b")));
  EXPECT_FALSE(holds(BlocksOfBucket("c")));
  EXPECT_TRUE(holds(BlocksOfKey("b", "k")));
  EXPECT_FALSE(holds(BlocksOfKey("b", "l")));
  EXPECT_FALSE(holds(BlocksOfKey("c", "k")));
}

TEST(BlockIdTest, PathsAreReadBack) {
  BlockId id = FirstBlock("b", {"k", 10, "v", {}}, kBlockBytes);
  for (const uint64_t number : {uint64_t{0}, uint64_t{255}, uint64_t{256}, UINT64_MAX}) {
    id.number = number;
    EXPECT_EQ(ParseBlockPath(BlockPath(id)), id) << BlockPath(id);
  }
}

TEST(BlockIdTest, OtherPathsAreNotBlocks) {
  const std::string path = BlockPath(FirstBlock("b", {"k", 10, "v", {}}, kBlockBytes));
  ASSERT_TRUE(ParseBlockPath(path));
  const size_t fan = path.find('/') + 1;
  std::string misplaced = path;
  misplaced[fan] = misplaced[fan] == '0' ? '1' : '0';
  for (const std::string& other :
       {std::string(), std::string("lock"), std::string("tmp/1"), path + "0", path.substr(1),
        "0" + path, path + ".old", "x/" + path, path + "/x", misplaced}) {
    EXPECT_EQ(ParseBlockPath(other), std::nullopt) << other;
  }
  std::string upper = path;
  for (char& c : upper) c = static_cast<char>(std::toupper(c));
  EXPECT_EQ(ParseBlockPath(upper), std::nullopt);
  for (size_t at = 0; at < path.size(); ++at) {
    std::string changed = path;
    changed[at] = 'g';
    EXPECT_EQ(ParseBlockPath(changed), std::nullopt) << at;
  }
}

}  // namespace

}  // namespace lakehouse::storage
