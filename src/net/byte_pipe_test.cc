#include "net/byte_pipe.h"

#include <atomic>
#include <string>
#include <thread>

#include <gtest/gtest.h>

namespace lakehouse::net {
namespace {

TEST(BytePipeTest, BytesComeOutInOrderThenTheEnd) {
  BytePipe pipe(8, [] {});
  pipe.Append("abc");
  pipe.Append("def");
  pipe.CloseWriter(OkStatus());
  std::string got;
  char buffer[4];
  while (true) {
    const size_t count = *pipe.Read(buffer);
    if (count == 0) break;
    got.append(buffer, count);
  }
  EXPECT_EQ(got, "abcdef");
}

TEST(BytePipeTest, TheEndMayBeAnErrorAndRepeats) {
  BytePipe pipe(8, [] {});
  pipe.Append("a");
  pipe.CloseWriter(Unavailable("gone"));
  pipe.CloseWriter(OkStatus());  // Comes too late.
  char buffer[4];
  EXPECT_EQ(*pipe.Read(buffer), 1u);
  EXPECT_FALSE(pipe.error_delivered());
  EXPECT_EQ(pipe.Read(buffer).status().message(), "gone");
  EXPECT_EQ(pipe.Read(buffer).status().message(), "gone");
  EXPECT_TRUE(pipe.error_delivered());
}

TEST(BytePipeTest, AWriterWaitsForRoom) {
  std::atomic<int> changes = 0;
  BytePipe pipe(4, [&] { ++changes; });
  std::thread writer([&] { EXPECT_TRUE(pipe.Write("0123456789").ok()); });
  std::string got;
  while (got.size() < 10) {
    const std::string taken = pipe.TakeAll();
    EXPECT_LE(taken.size(), 4u);
    got += taken;
    std::this_thread::yield();
  }
  writer.join();
  EXPECT_EQ(got, "0123456789");
  EXPECT_GE(changes, 1);
}

TEST(BytePipeTest, AReaderWaitsAndSaysSoOnce) {
  std::atomic<int> changes = 0;
  BytePipe pipe(4, [&] { ++changes; });
  EXPECT_FALSE(pipe.reader_waited());
  std::string got;
  std::thread reader([&] {
    char buffer[8];
    while (got.size() < 2) got.append(buffer, *pipe.Read(buffer));
  });
  while (changes == 0) std::this_thread::yield();
  EXPECT_TRUE(pipe.reader_waited());
  pipe.Append("a");
  pipe.Append("b");
  reader.join();
  EXPECT_EQ(got, "ab");
  EXPECT_EQ(changes, 1);
}

TEST(BytePipeTest, AClosedReaderFailsTheWriter) {
  BytePipe pipe(4, [] {});
  std::thread writer([&] { EXPECT_EQ(pipe.Write("0123456789").code(), StatusCode::kUnavailable); });
  while (!pipe.full()) std::this_thread::yield();
  pipe.CloseReader();
  writer.join();
  EXPECT_EQ(pipe.TakeAll(), "");
  pipe.Append("dropped");
  EXPECT_FALSE(pipe.full());
}

TEST(BytePipeTest, DestroyingTheSourceClosesTheReader) {
  const auto pipe = std::make_shared<BytePipe>(4, [] {});
  { const PipeSource source(pipe); }
  EXPECT_TRUE(pipe->reader_closed());
}

}  // namespace
}  // namespace lakehouse::net
