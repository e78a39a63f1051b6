#include "app/sample_staffing.h"

#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

#include "base/hash.h"
#include "support/temp_dir.h"

namespace lakehouse::app {
namespace {

using ::lakehouse::testing::TempDir;

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

TEST(SampleStaffingTest, SameOptionsGiveTheSameBytes) {
  const TempDir dir;
  const auto first = WriteStaffingSample({.candidates = 500, .directory = dir.Join("a")});
  const auto second = WriteStaffingSample({.candidates = 500, .directory = dir.Join("b")});
  ASSERT_TRUE(first.ok() && second.ok());
  ASSERT_EQ(first->size(), 7U);
  for (size_t i = 0; i < first->size(); ++i) {
    EXPECT_EQ(Sha256Hex(ReadFile((*first)[i].path)), Sha256Hex(ReadFile((*second)[i].path)));
    EXPECT_EQ(ReadFile((*first)[i].path).size(), (*first)[i].size_bytes);
    EXPECT_GT((*first)[i].rows, 0U);
  }
  const auto other =
      WriteStaffingSample({.candidates = 500, .seed = 7, .directory = dir.Join("c")});
  ASSERT_TRUE(other.ok());
  EXPECT_NE(ReadFile((*first)[2].path), ReadFile((*other)[2].path));
}

TEST(SampleStaffingTest, BytesAreTheSameOnEveryMachine) {
  const TempDir dir;
  const auto files = WriteStaffingSample({.candidates = 2'000, .directory = dir.path()});
  ASSERT_TRUE(files.ok());
  EXPECT_EQ(Sha256Hex(ReadFile(dir.Join("candidates.csv"))),
            "1e5ad82862a30d7d4e42233af913b3ffa9616dded9cf98c6b1a5065893fdab58");
}

TEST(SampleStaffingTest, RefusesAnImpossibleSize) {
  const TempDir dir;
  EXPECT_EQ(WriteStaffingSample({.candidates = 0, .directory = dir.path()}).status().code(),
            StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace lakehouse::app
