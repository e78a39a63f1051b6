#include "base/byte_source.h"

#include <array>

#include <gtest/gtest.h>

namespace lakehouse {
namespace {

// Gives one byte at a time, then an error.
class FailingSource : public ByteSource {
 public:
  explicit FailingSource(int good_bytes) : left_(good_bytes) {}
  Result<size_t> Read(std::span<char> buffer) override {
    if (left_ == 0) return Unavailable("the peer went away");
    --left_;
    buffer[0] = 'x';
    return size_t{1};
  }

 private:
  int left_;
};

TEST(StringSourceTest, FillsBuffersUntilTheEnd) {
  StringSource source("abcde");
  std::array<char, 3> buffer{};
  EXPECT_EQ(*source.Read(buffer), 3u);
  EXPECT_EQ(std::string_view(buffer.data(), 3), "abc");
  EXPECT_EQ(*source.Read(buffer), 2u);
  EXPECT_EQ(std::string_view(buffer.data(), 2), "de");
  EXPECT_EQ(*source.Read(buffer), 0u);
  EXPECT_EQ(*source.Read(buffer), 0u);
}

TEST(ReadAllTest, TakesExactlyTheLimit) {
  const std::string text(200'000, 'y');
  StringSource fits(text);
  const Result<std::string> read = ReadAll(fits, text.size());
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(*read, text);

  StringSource larger(text);
  EXPECT_EQ(ReadAll(larger, text.size() - 1).status().code(), StatusCode::kResourceExhausted);

  StringSource empty("");
  EXPECT_EQ(*ReadAll(empty, 0), "");
}

TEST(ReadAllTest, PassesTheSourcesErrorOn) {
  FailingSource source(3);
  EXPECT_EQ(ReadAll(source, 100).status().message(), "the peer went away");
}

}  // namespace
}  // namespace lakehouse
