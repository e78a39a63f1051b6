#include "storage/s3/s3_xml.h"

#include <gtest/gtest.h>

#include "base/strings.h"
#include "storage/s3/s3_time.h"

namespace lakehouse::storage {
namespace {

constexpr std::string_view kListing =
    R"(<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>lake</Name>
<IsTruncated>true</IsTruncated><NextContinuationToken>a&amp;b=</NextContinuationToken>
<EncodingType>url</EncodingType>
<Contents><Key>with+space/%2B/%C3%A9</Key><LastModified>2013-05-24T00:00:00.123Z</LastModified>
<ETag>&quot;d41d8cd98f00b204e9800998ecf8427e&quot;</ETag><Size>5</Size></Contents>
<Contents><ETag>"x-2"</ETag><Size>5368709120</Size><Key>b</Key>
<LastModified>2013-05-24T00:00:00Z</LastModified></Contents></ListBucketResult>)";

TEST(S3XmlTest, ReadsAListing) {
  const auto page = ParseListObjects(kListing);
  ASSERT_TRUE(page.ok()) << page.status().ToString();
  EXPECT_TRUE(page->truncated);
  EXPECT_EQ(page->next_token, "a&b=");
  ASSERT_EQ(page->objects.size(), 2u);
  EXPECT_EQ(page->objects[0].key, "with space/+/é");
  EXPECT_EQ(page->objects[0].size_bytes, 5u);
  EXPECT_EQ(page->objects[0].version, "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(page->objects[0].modified, *ParseIsoTime("2013-05-24T00:00:00Z"));
  EXPECT_EQ(page->objects[1].version, "x-2");
  EXPECT_EQ(page->objects[1].size_bytes, 5'368'709'120u);
}

TEST(S3XmlTest, DecodesKeysOnlyWhenTheServerEncodedThem) {
  const auto page = ParseListObjects(
      "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>a+b%20<![CDATA[<c>]]></Key>"
      "<LastModified>2013-05-24T00:00:00Z</LastModified><ETag>e</ETag><Size>0</Size></Contents>"
      "<Contents><Key> </Key><LastModified>2013-05-24T00:00:00Z</LastModified><ETag>e</ETag>"
      "<Size>0</Size></Contents></ListBucketResult>");
  ASSERT_TRUE(page.ok()) << page.status().ToString();
  ASSERT_EQ(page->objects.size(), 2u);
  EXPECT_EQ(page->objects[0].key, "a+b%20<c>");
  EXPECT_EQ(page->objects[1].key, " ");
}

TEST(S3XmlTest, RefusesListingsThatMakeNoSense) {
  const auto with = [](const std::string& contents, const std::string& rest = "") {
    return StrCat("<ListBucketResult><Contents>", contents, "</Contents>", rest,
                  "</ListBucketResult>");
  };
  const std::string time = "<LastModified>2013-05-24T00:00:00Z</LastModified>";
  const std::string key = "<Key>k</Key>";
  const std::string size = "<Size>1</Size>";
  EXPECT_TRUE(ParseListObjects(with(key + time + size)).ok());
  for (const std::string& bad :
       {with(key + time), with(key + size), with(key + time + "<Size>-1</Size>"),
        with(key + time + "<Size>99999999999999999999999</Size>"),
        with(key + size + "<LastModified>yesterday</LastModified>"),
        with(key + time + size, "<IsTruncated>true</IsTruncated>"),
        with("<Key>%zz</Key>" + time + size, "<EncodingType>url</EncodingType>"),
        std::string("<html><body>hello</body></html>"), std::string("{}"), std::string()}) {
    EXPECT_EQ(ParseListObjects(bad).status().code(), StatusCode::kUnavailable) << bad;
  }
}

TEST(S3XmlTest, RefusesEveryCutDocument) {
  for (size_t length = 0; length < kListing.size(); ++length) {
    EXPECT_FALSE(ParseListObjects(kListing.substr(0, length)).ok()) << length;
  }
}

TEST(S3XmlTest, ResolvesNoEntityOfADocument) {
  const auto page = ParseListObjects(
      "<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY f SYSTEM \"file:///etc/passwd\">]>"
      "<ListBucketResult><Contents><Key>&a;&f;</Key><LastModified>2013-05-24T00:00:00Z"
      "</LastModified><Size>1</Size></Contents></ListBucketResult>");
  ASSERT_TRUE(page.ok()) << page.status().ToString();
  EXPECT_EQ(page->objects[0].key, "&a;&f;");
}

TEST(S3XmlTest, SurvivesDeepNesting) {
  std::string deep;
  for (int i = 0; i < 200'000; ++i) deep += "<a>";
  EXPECT_FALSE(ParseListObjects(deep).ok());
  for (int i = 0; i < 200'000; ++i) deep += "</a>";
  EXPECT_FALSE(ParseListObjects(StrCat("<ListBucketResult>", deep, "</ListBucketResultx>")).ok());
  EXPECT_TRUE(ParseListObjects(StrCat("<ListBucketResult>", deep, "</ListBucketResult>")).ok());
}

TEST(S3XmlTest, ReadsErrors) {
  const auto error = ParseS3Error(
      "<Error><Code>AuthorizationHeaderMalformed</Code><Message>no\n</Message>"
      "<Region>eu-west-1</Region><RequestId>1</RequestId></Error>");
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code, "AuthorizationHeaderMalformed");
  EXPECT_EQ(error->message, "no");
  EXPECT_EQ(error->region, "eu-west-1");
  EXPECT_EQ(ParseS3Error(kListing), std::nullopt);
  EXPECT_EQ(ParseS3Error("<Error><Code>x</Code>"), std::nullopt);
}

TEST(S3XmlTest, ReadsUploads) {
  const auto page = ParseListUploads(
      "<ListMultipartUploadsResult><EncodingType>url</EncodingType>"
      "<IsTruncated>true</IsTruncated><NextKeyMarker>a%2Fb</NextKeyMarker>"
      "<NextUploadIdMarker>7</NextUploadIdMarker><Upload><Key>a%2Fb</Key><UploadId>7</UploadId>"
      "<Initiated>2013-05-24T00:00:00Z</Initiated></Upload></ListMultipartUploadsResult>");
  ASSERT_TRUE(page.ok()) << page.status().ToString();
  ASSERT_EQ(page->uploads.size(), 1u);
  EXPECT_EQ(page->uploads[0].key, "a/b");
  EXPECT_EQ(page->uploads[0].upload_id, "7");
  EXPECT_EQ(page->next_key, "a/b");
  EXPECT_EQ(page->next_upload_id, "7");
  EXPECT_EQ(ParseUploadId("<InitiateMultipartUploadResult><UploadId>u</UploadId>"
                          "</InitiateMultipartUploadResult>")
                .value_or(""),
            "u");
  EXPECT_FALSE(ParseUploadId("<InitiateMultipartUploadResult/>").ok());
  EXPECT_EQ(ParseCompletedVersion("<CompleteMultipartUploadResult><ETag>\"e-2\"</ETag>"
                                  "</CompleteMultipartUploadResult>")
                .value_or(""),
            "e-2");
  EXPECT_FALSE(ParseCompletedVersion("<CompleteMultipartUploadResult/>").ok());
}

TEST(S3XmlTest, WritesWhatItCanRead) {
  EXPECT_EQ(
      WriteCompleteUpload({{.etag = "\"a\"", .crc32c = "AAAAAA=="}, {.etag = "b", .crc32c = ""}}),
      "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
      "<Part><PartNumber>1</PartNumber><ETag>&quot;a&quot;</ETag>"
      "<ChecksumCRC32C>AAAAAA==</ChecksumCRC32C></Part>"
      "<Part><PartNumber>2</PartNumber><ETag>b</ETag></Part></CompleteMultipartUpload>");
  EXPECT_EQ(WriteDeleteObjects({"a<b>&\"c\"", "tab\tnew\nline\r"}),
            "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Quiet>true</Quiet>"
            "<Object><Key>a&lt;b&gt;&amp;&quot;c&quot;</Key></Object>"
            "<Object><Key>tab&#9;new&#10;line&#13;</Key></Object></Delete>");
}

TEST(S3XmlTest, KnowsWhichKeysXmlCannotHold) {
  EXPECT_TRUE(FitsXml("plain/é/日/tab\t\r\n"));
  EXPECT_TRUE(FitsXml("\xef\xbf\xbd"));
  EXPECT_FALSE(FitsXml("bell\x07"));
  EXPECT_FALSE(FitsXml("\xef\xbf\xbe"));
  EXPECT_FALSE(FitsXml("a\xef\xbf\xbf"));
}

TEST(S3XmlTest, ReadsFailedDeletions) {
  const auto failures = ParseDeleteResult(
      "<DeleteResult><Deleted><Key>a</Key></Deleted><Error><Key>b</Key><Code>AccessDenied</Code>"
      "<Message>no</Message></Error></DeleteResult>");
  ASSERT_TRUE(failures.ok()) << failures.status().ToString();
  ASSERT_EQ(failures->size(), 1u);
  EXPECT_EQ(failures->front().key, "b");
  EXPECT_EQ(failures->front().code, "AccessDenied");
}

}  // namespace
}  // namespace lakehouse::storage
