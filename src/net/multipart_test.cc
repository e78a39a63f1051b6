#include "net/multipart.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/rng.h"
#include "base/strings.h"

namespace lakehouse::net {
namespace {

using ::testing::HasSubstr;

// Hands out a text in pieces of at most `piece` bytes, so that every border is met.
class PieceSource : public ByteSource {
 public:
  PieceSource(std::string text, size_t piece) : text_(std::move(text)), piece_(piece) {}
  Result<size_t> Read(std::span<char> buffer) override {
    const size_t count = text_.copy(buffer.data(), std::min(buffer.size(), piece_), position_);
    position_ += count;
    return count;
  }

 private:
  std::string text_;
  size_t piece_;
  size_t position_ = 0;
};

struct Part {
  PartHead head;
  std::string body;
};

Result<std::vector<Part>> ReadParts(const std::string& content_type, const std::string& body,
                                    size_t piece = SIZE_MAX) {
  PieceSource source(body, piece);
  ASSIGN_OR_RETURN(const auto reader, MultipartReader::Open(content_type, source));
  std::vector<Part> parts;
  while (true) {
    ASSIGN_OR_RETURN(const std::optional<PartHead> head, reader->Next());
    if (!head.has_value()) return parts;
    ASSIGN_OR_RETURN(std::string bytes, ReadAll(reader->body(), 1 << 26));
    parts.push_back({*head, std::move(bytes)});
  }
}

constexpr std::string_view kType = "multipart/form-data; boundary=XX";

std::string Form(std::string_view disposition, std::string_view body) {
  return StrCat("--XX\r\nContent-Disposition: ", disposition, "\r\n\r\n", body, "\r\n--XX--\r\n");
}

TEST(MultipartReaderTest, ReadsPartsAcrossEveryBorder) {
  const std::string body =
      "preamble\r\n--XX \t\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nfirst\r\n"
      "--XX\r\ncontent-type: text/csv\r\nCONTENT-DISPOSITION: form-data; name=file; "
      "filename=\"x \\\"y\\\".csv\"\r\n\r\n\r\n--X\r\nnot the end\r\n\r\n"
      "--XX\r\nContent-Disposition: form-data; name=\"empty\"\r\n\r\n\r\n--XX--\r\nepilogue";
  for (size_t piece = 1; piece <= body.size(); ++piece) {
    const auto parts = ReadParts(std::string(kType), body, piece);
    ASSERT_TRUE(parts.ok()) << piece << " " << parts.status().ToString();
    ASSERT_EQ(parts->size(), 3u);
    EXPECT_EQ((*parts)[0].head.name, "a");
    EXPECT_EQ((*parts)[0].body, "first");
    EXPECT_FALSE((*parts)[0].head.file_name.has_value());
    EXPECT_EQ((*parts)[1].head.name, "file");
    EXPECT_EQ((*parts)[1].head.file_name, "x \"y\".csv");
    EXPECT_EQ((*parts)[1].head.content_type, "text/csv");
    EXPECT_EQ((*parts)[1].body, "\r\n--X\r\nnot the end\r\n");
    EXPECT_EQ((*parts)[2].body, "");
  }
}

TEST(MultipartReaderTest, SkipsWhatIsNotRead) {
  const std::string body =
      StrCat("--XX\r\nContent-Disposition: form-data; name=a\r\n\r\n", std::string(500'000, 'x'),
             "\r\n--XX\r\nContent-Disposition: form-data; name=b\r\n\r\nsecond\r\n--XX--");
  PieceSource source(body, 1000);
  const auto reader = *MultipartReader::Open(kType, source);
  EXPECT_EQ((*reader->Next())->name, "a");
  EXPECT_EQ((*reader->Next())->name, "b");
  EXPECT_EQ(*ReadAll(reader->body(), 100), "second");
  EXPECT_FALSE((*reader->Next()).has_value());
  EXPECT_FALSE((*reader->Next()).has_value());
}

TEST(MultipartReaderTest, RefusesContentTypesWithoutAGoodBoundary) {
  StringSource source("");
  for (const std::string& bad :
       {std::string("application/json"), std::string("multipart/mixed; boundary=x"),
        std::string("multipart/form-data"), std::string("multipart/form-data; boundary="),
        std::string("multipart/form-data; boundary=\"a\""
                    "b"),
        std::string("multipart/form-data; boundary=a{b"),
        std::string("multipart/form-data; boundary=\"open"),
        StrCat("multipart/form-data; boundary=", std::string(71, 'a'))}) {
    EXPECT_EQ(MultipartReader::Open(bad, source).status().code(), StatusCode::kInvalidArgument)
        << bad;
  }
  for (const std::string_view good :
       {"multipart/form-data; boundary=a", "Multipart/Form-Data;charset=utf-8; BOUNDARY=\"a b\"",
        "multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW;"}) {
    EXPECT_TRUE(MultipartReader::Open(good, source).ok()) << good;
  }
}

TEST(MultipartReaderTest, RefusesMalformedBodies) {
  const std::string head = "--XX\r\nContent-Disposition: form-data; name=a\r\n\r\n";
  std::string many;
  for (int i = 0; i < 101; ++i) StrAppend(many, head, "x\r\n");
  for (const std::string& bad :
       {std::string(),
        std::string("no boundary at all"),
        std::string("--XX"),
        std::string("--XXY\r\n"),
        std::string("--XX\r\n"),
        head,
        StrCat(head, "body"),
        StrCat(head, "body\r\n--XX"),
        StrCat(head, "body\r\n--XX-"),
        StrCat(head, "body\r\n--XX junk\r\n"),
        Form("attachment; name=a", "x"),
        Form("form-data", "x"),
        Form("form-data; name=\"\"", "x"),
        Form("form-data; name=\"a", "x"),
        Form("form-data; name=\"a\" b", "x"),
        Form("form-data; name", "x"),
        std::string("--XX\r\n\r\nno head\r\n--XX--"),
        std::string("--XX\r\nno colon\r\n\r\n\r\n--XX--"),
        StrCat("--XX\r\nX: ", std::string(17'000, 'a'), "\r\n\r\n\r\n--XX--"),
        Form(std::string("form-data; name=a\0b", 19), "x"),
        StrCat(many, "--XX--")}) {
    const auto parts = ReadParts(std::string(kType), bad, 100);
    EXPECT_EQ(parts.status().code(), StatusCode::kInvalidArgument) << bad.substr(0, 80);
  }
}

TEST(MultipartFormTest, IsReadBackByTheReader) {
  constexpr uint64_t kSeed = 99;
  SCOPED_TRACE(kSeed);
  Rng rng(kSeed);
  for (int round = 0; round < 200; ++round) {
    std::string content;
    for (uint64_t i = rng.Below(3'000); i > 0; --i) content.push_back("\r\n-Xx\0"[rng.Below(6)]);
    const std::string file_name = "a \"b\\c\" é.csv";
    MultipartForm form({{"dataset", "people"}, {"mode", ""}},
                       MultipartForm::File{.name = "file",
                                           .file_name = file_name,
                                           .content_type = "text/csv",
                                           .content = std::make_unique<StringSource>(content),
                                           .size_bytes = static_cast<int64_t>(content.size())});
    const std::string body = *ReadAll(form, 1 << 20);
    EXPECT_EQ(form.size_bytes(), static_cast<int64_t>(body.size()));
    const auto parts = ReadParts(form.content_type(), body, 1 + rng.Below(100));
    ASSERT_TRUE(parts.ok()) << parts.status().ToString();
    ASSERT_EQ(parts->size(), 3u);
    EXPECT_EQ((*parts)[0].head.name, "dataset");
    EXPECT_EQ((*parts)[0].body, "people");
    EXPECT_EQ((*parts)[1].body, "");
    EXPECT_EQ((*parts)[2].head.file_name, file_name);
    EXPECT_EQ((*parts)[2].head.content_type, "text/csv");
    EXPECT_EQ((*parts)[2].body, content);
  }
}

TEST(MultipartFormTest, LineBreaksInNamesStartNoHeader) {
  MultipartForm form(std::vector<FormField>{{"a\r\nX: y", "1"}});
  const std::string body = *ReadAll(form, 10'000);
  EXPECT_THAT(body, HasSubstr("name=\"a%0D%0AX: y\"\r\n"));
}

TEST(MultipartFormTest, AnUnknownFileSizeMakesTheWholeUnknown) {
  MultipartForm form(
      {}, MultipartForm::File{
              .name = "file", .file_name = "x", .content = std::make_unique<StringSource>("abc")});
  EXPECT_EQ(form.size_bytes(), -1);
  EXPECT_EQ(ReadParts(form.content_type(), *ReadAll(form, 10'000))->at(0).body, "abc");
}

}  // namespace
}  // namespace lakehouse::net
