#include "app/bench.h"

#include <cstring>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

#include "app/npy_file.h"
#include "support/temp_dir.h"

namespace lakehouse::app {
namespace {

TEST(MedianTest, IsTheMiddleOrTheLowerOfTwo) {
  EXPECT_EQ(Median({5}), 5);
  EXPECT_EQ(Median({9, 1, 5}), 5);
  EXPECT_EQ(Median({4, 3, 2, 1}), 2);
}

TEST(NpyFileTest, HeaderFillsBlocksOf64AndDataFollows) {
  const lakehouse::testing::TempDir dir;
  const std::vector<float> values = {1, 2, 3, 4, 5, 6};
  ASSERT_TRUE(WriteNpy(dir.Join("a.npy"), values, 3).ok());
  std::ifstream file(dir.Join("a.npy"), std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  ASSERT_GT(bytes.size(), 64U);
  EXPECT_EQ(bytes.substr(0, 8), std::string("\x93NUMPY\x01\x00", 8));
  const size_t header =
      static_cast<unsigned char>(bytes[8]) + 256U * static_cast<unsigned char>(bytes[9]);
  EXPECT_EQ((10 + header) % 64, 0U);
  EXPECT_EQ(bytes.size(), 10 + header + sizeof(float) * values.size());
  EXPECT_NE(bytes.find("'shape': (2, 3)"), std::string::npos);
  float last = 0;
  std::memcpy(&last, bytes.data() + bytes.size() - sizeof(last), sizeof(last));
  EXPECT_EQ(last, 6);
}

}  // namespace
}  // namespace lakehouse::app
