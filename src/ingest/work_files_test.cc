#include "ingest/work_files.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "base/hash.h"
#include "ingest/mapped_file.h"
#include "support/temp_dir.h"

namespace lakehouse::ingest {
namespace {

TEST(WorkDirectoryTest, OpenRemovesWhatAnEarlierProcessLeft) {
  testing::TempDir dir;
  std::filesystem::create_directories(dir.Join("work/old"));
  std::ofstream(dir.Join("work/spool")) << "rest";
  ASSERT_TRUE(WorkDirectory::Open(dir.Join("work"), 0).ok());
  EXPECT_TRUE(std::filesystem::is_empty(dir.Join("work")));
}

TEST(WorkDirectoryTest, RefusesWhenTheMinimumWouldNotStayFree) {
  testing::TempDir dir;
  const auto directory = WorkDirectory::Open(dir.Join("work"), 0);
  EXPECT_TRUE((*directory)->CheckFreeDisk(1).ok());
  EXPECT_EQ((*directory)->CheckFreeDisk(uint64_t{1} << 60).code(), StatusCode::kResourceExhausted);
  const auto greedy = WorkDirectory::Open(dir.Join("work2"), uint64_t{1} << 60);
  EXPECT_EQ((*greedy)->CheckFreeDisk(0).code(), StatusCode::kResourceExhausted);
}

TEST(WorkWriterTest, WritesWhatWasAppended) {
  testing::TempDir dir;
  const auto directory = *WorkDirectory::Open(dir.Join("work"), 0);
  const WorkPath path(directory->NewPath(".bin"));
  auto writer = *WorkWriter::Create(*directory, path.str());
  std::string expected;
  for (int i = 0; i < 3000; ++i) {
    const std::string piece(static_cast<size_t>(i), static_cast<char>('a' + i % 26));
    expected += piece;
    ASSERT_TRUE(writer->Append(piece).ok());
  }
  EXPECT_EQ(writer->size_bytes(), expected.size());
  ASSERT_TRUE(writer->Finish().ok());
  const auto file = MappedFile::Open(path.str());
  EXPECT_EQ(Sha256Hex(file->bytes()), Sha256Hex(expected));
  EXPECT_EQ(*Crc32cOfFile(path.str()), Crc32c(expected));
}

TEST(WorkWriterTest, NeverOverwritesAFile) {
  testing::TempDir dir;
  const auto directory = *WorkDirectory::Open(dir.Join("work"), 0);
  const WorkPath path(directory->NewPath(".bin"));
  ASSERT_TRUE(WorkWriter::Create(*directory, path.str()).ok());
  EXPECT_FALSE(WorkWriter::Create(*directory, path.str()).ok());
}

TEST(WorkPathTest, RemovesTheFileAtTheEndOfItsScope) {
  testing::TempDir dir;
  {
    const WorkPath path(dir.Join("file"));
    std::ofstream(path.str()) << "x";
    EXPECT_TRUE(std::filesystem::exists(path.str()));
  }
  EXPECT_TRUE(std::filesystem::is_empty(dir.path()));
}

TEST(MappedFileTest, ReadsAnEmptyFile) {
  testing::TempDir dir;
  std::ofstream(dir.Join("empty")).flush();
  const auto file = MappedFile::Open(dir.Join("empty"));
  ASSERT_TRUE(file.ok());
  EXPECT_TRUE(file->bytes().empty());
  EXPECT_FALSE(MappedFile::Open(dir.Join("missing")).ok());
}

}  // namespace
}  // namespace lakehouse::ingest
