#include "storage/block_file.h"

#include <algorithm>
#include <fstream>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/rng.h"
#include "base/strings.h"
#include "storage/file_ops.h"
#include "support/temp_dir.h"

namespace lakehouse::storage {

namespace {

constexpr size_t kBlockBytes = 256 << 10;  // Sixteen slices.

std::string RandomBytes(Rng& rng, size_t size) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(rng.Next());
  return bytes;
}

class BlockFileTest : public ::testing::Test {
 protected:
  // The third block, nine slices and a half long.
  BlockFileTest() : rng_(Rng::FromSystem()), data_(RandomBytes(rng_, 152 << 10)) {
    object_ = {"data/people.parquet", 2 * kBlockBytes + data_.size(), "\"etag\"", {}};
    Write(*EncodeBlockHeader(address_, data_) + data_);
  }

  void Write(const std::string& bytes) {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << bytes;
  }

  BlockRead Read(const BlockAddress& address, size_t begin, size_t size) {
    const FileDescriptor file(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
    EXPECT_TRUE(file.valid());
    read_.assign(size, '#');
    return ReadBlock(file.get(), address, begin, size, read_.data());
  }
  BlockRead ReadAll() { return Read(address_, 0, data_.size()); }

  testing::TempDir directory_;
  const std::string path_ = directory_.Join("block");
  Rng rng_;
  ObjectInfo object_;
  const std::string data_;
  const BlockAddress address_{"s3://bucket", &object_, kBlockBytes, 2};
  std::string read_;
};

TEST_F(BlockFileTest, ReadsAnyPart) {
  ASSERT_EQ(ReadAll(), BlockRead::kOk);
  EXPECT_TRUE(read_ == data_);
  for (int i = 0; i < 300; ++i) {
    const size_t begin = rng_.Below(data_.size());
    const size_t size = 1 + rng_.Below(data_.size() - begin);
    ASSERT_EQ(Read(address_, begin, size), BlockRead::kOk) << begin << " " << size;
    ASSERT_TRUE(read_ == data_.substr(begin, size)) << begin << " " << size;
  }
  constexpr size_t kSlice = 16 << 10;
  for (size_t first = 0; first < 10; ++first) {
    for (size_t last = first; last < 10; ++last) {
      const size_t begin = first * kSlice;
      const size_t end = std::min((last + 1) * kSlice, data_.size());
      for (const size_t shift : {0, 1}) {
        ASSERT_EQ(Read(address_, begin + shift, end - begin - shift), BlockRead::kOk);
        ASSERT_TRUE(read_ == data_.substr(begin + shift, end - begin - shift));
        ASSERT_EQ(Read(address_, begin, end - begin - shift), BlockRead::kOk);
        ASSERT_TRUE(read_ == data_.substr(begin, end - begin - shift));
      }
    }
  }
}

TEST_F(BlockFileTest, NoticesEveryFlippedByteOfTheHeader) {
  const std::string header = *EncodeBlockHeader(address_, data_);
  const FileDescriptor file(::open(path_.c_str(), O_WRONLY | O_CLOEXEC));
  for (size_t at = 0; at < kBlockHeaderBytes; ++at) {
    const char flipped = static_cast<char>(header[at] ^ (1 << rng_.Below(8)));
    ASSERT_EQ(::pwrite(file.get(), &flipped, 1, static_cast<off_t>(at)), 1);
    ASSERT_EQ(ReadAll(), BlockRead::kDamaged) << at;
    ASSERT_EQ(::pwrite(file.get(), &header[at], 1, static_cast<off_t>(at)), 1);
  }
  EXPECT_EQ(ReadAll(), BlockRead::kOk);
}

TEST_F(BlockFileTest, NoticesFlippedBitsOfWhatIsRead) {
  const std::string bytes = *EncodeBlockHeader(address_, data_) + data_;
  for (int i = 0; i < 100; ++i) {
    std::string damaged = bytes;
    const size_t at = rng_.Below(data_.size());
    char& byte = damaged[kBlockHeaderBytes + at];
    byte = static_cast<char>(byte ^ (1 << rng_.Below(8)));
    Write(damaged);
    ASSERT_EQ(ReadAll(), BlockRead::kDamaged) << at;
    ASSERT_EQ(Read(address_, at, 1), BlockRead::kDamaged) << at;
  }
}

TEST_F(BlockFileTest, NoticesEveryOtherLength) {
  const std::string bytes = *EncodeBlockHeader(address_, data_) + data_;
  for (const size_t length :
       {size_t{0}, size_t{1}, kBlockHeaderBytes - 1, kBlockHeaderBytes, kBlockHeaderBytes + 1,
        kBlockHeaderBytes + (64 << 10), bytes.size() - 1}) {
    Write(bytes.substr(0, length));
    EXPECT_EQ(ReadAll(), BlockRead::kDamaged) << length;
    EXPECT_EQ(Read(address_, 0, 1), BlockRead::kDamaged) << length;
  }
  Write(bytes + "x");
  EXPECT_EQ(ReadAll(), BlockRead::kDamaged);
}

TEST_F(BlockFileTest, IsNoOtherBlock) {
  const auto differs = [&](const auto& change) {
    ObjectInfo object = object_;
    BlockAddress address = address_;
    address.object = &object;
    change(address, object);
    return Read(address, 0, 1) == BlockRead::kDamaged;
  };
  EXPECT_FALSE(differs([](BlockAddress&, ObjectInfo&) {}));
  EXPECT_TRUE(differs([](BlockAddress& address, ObjectInfo&) { address.identity = "s3://bucke"; }));
  EXPECT_TRUE(differs([](BlockAddress&, ObjectInfo& object) { object.key += "x"; }));
  EXPECT_TRUE(differs([](BlockAddress&, ObjectInfo& object) { object.version = "\"etaG\""; }));
  EXPECT_TRUE(differs([](BlockAddress&, ObjectInfo& object) { object.size_bytes += kBlockBytes; }));
  EXPECT_TRUE(differs([](BlockAddress& address, ObjectInfo&) { address.number = 1; }));
  // A text that ends where the next one begins.
  EXPECT_TRUE(differs([](BlockAddress&, ObjectInfo& object) {
    object.key += object.version.front();
    object.version.erase(0, 1);
  }));
}

TEST_F(BlockFileTest, RefusesNamesThatFillTheHeader) {
  object_.version = std::string(kBlockHeaderBytes, 'v');
  EXPECT_EQ(EncodeBlockHeader(address_, data_), std::nullopt);
  EXPECT_EQ(ReadAll(), BlockRead::kDamaged);
}

TEST_F(BlockFileTest, SaysThatTheDiskFailed) {
  const FileDescriptor file(::open(directory_.path().c_str(), O_RDONLY | O_CLOEXEC));
  char byte = 0;
  EXPECT_EQ(ReadBlock(file.get(), address_, 0, 1, &byte), BlockRead::kFailed);
}

}  // namespace

}  // namespace lakehouse::storage
