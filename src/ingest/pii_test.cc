#include "ingest/pii.h"

#include <gtest/gtest.h>

namespace lakehouse::ingest {
namespace {

using Kinds = std::vector<std::string>;

TEST(PiiTest, RecognisesValues) {
  for (const char* text : {"a@b.co", "Mail ann.b+c@sub.example.com, please.", "<x@y.org>"}) {
    EXPECT_TRUE(ContainsEmail(text)) << text;
  }
  for (const char* text : {"", "@", "a@b", "user @ example.com", "@handle.com", "a@b.c", "a@1.2"}) {
    EXPECT_FALSE(ContainsEmail(text)) << text;
  }
  for (const char* text : {"(312) 555-0100", "312-555-0100", "312.555.0100", "+49 30 9018200",
                           "+13125550100", "1-312-555-0100", "312 555 0100"}) {
    EXPECT_TRUE(IsPhoneNumber(text)) << text;
  }
  for (const char* text : {"", "3125550100", "2024-01-31", "31.12.2024", "1234567.89", "12-34",
                           "4111 1111 1111 1111", "2024-01-31 10:00:00", "call 312-555-0100"}) {
    EXPECT_FALSE(IsPhoneNumber(text)) << text;
  }
  EXPECT_TRUE(IsSsn("123-45-6789"));
  for (const char* text : {"000-45-6789", "666-45-6789", "900-45-6789", "123-00-6789",
                           "123-45-0000", "123456789", "123-456-789"}) {
    EXPECT_FALSE(IsSsn(text)) << text;
  }
  for (const char* text : {"4111 1111 1111 1111", "5500-0000-0000-0004", "340000000000009"}) {
    EXPECT_TRUE(IsCardNumber(text)) << text;
  }
  for (const char* text :
       {"4111 1111 1111 1112", "1111 1111 1111 1117", "411111", "0000000000000000"}) {
    EXPECT_FALSE(IsCardNumber(text)) << text;
  }
  for (const char* text : {"10.0.0.1", "255.255.255.255", "::1", "2001:db8::ff"}) {
    EXPECT_TRUE(IsIpAddress(text)) << text;
  }
  for (const char* text : {"256.1.1.1", "1.2.3", "12:30", "x"})
    EXPECT_FALSE(IsIpAddress(text)) << text;
}

TEST(PiiTest, JudgesColumnsByValuesAndNames) {
  struct Case {
    PiiColumn column;
    Kinds kinds;
  };
  const Case cases[] = {
      {{"contact", "VARCHAR", {"ann@example.com", "bob@example.com"}}, {"email"}},
      {{"email", "VARCHAR", {"unknown", "none"}}, {}},
      {{"mobile", "BIGINT", {"3125550100", "3125550101"}}, {"phone"}},
      {{"order_id", "BIGINT", {"3125550100", "3125550101"}}, {}},
      {{"SSN", "BIGINT", {"123456789"}}, {"ssn"}},
      {{"tax_no", "VARCHAR", {"123-45-6789", "123-45-6780"}}, {"ssn"}},
      {{"payment", "BIGINT", {"4111111111111111"}}, {"credit_card"}},
      {{"DateOfBirth", "DATE", {"1980-01-31"}}, {"date_of_birth"}},
      {{"dob", "VARCHAR", {"unknown"}}, {"date_of_birth"}},
      {{"start_date", "DATE", {"2020-01-31"}}, {}},
      {{"first_name", "VARCHAR", {"Ann"}}, {"person_name"}},
      {{"candidateName", "VARCHAR", {"Ann"}}, {"person_name"}},
      {{"product_name", "VARCHAR", {"Bolt"}}, {}},
      {{"name", "VARCHAR", {"Bolt"}}, {}},
      {{"home_address", "VARCHAR", {"1 Main St"}}, {"address"}},
      {{"ip_address", "VARCHAR", {"10.0.0.1", "10.0.0.2"}}, {"ip"}},
      {{"app_version", "VARCHAR", {"1.2.3.4"}}, {}},
      {{"empty", "VARCHAR", {}}, {}},
  };
  for (const Case& test : cases) {
    EXPECT_EQ(DetectPii({test.column})[0], test.kinds) << test.column.name;
  }
}

TEST(PiiTest, NameIsAPersonsBesideOtherSigns) {
  const PiiColumn name{"name", "VARCHAR", {"Ann"}};
  const PiiColumn email{"email", "VARCHAR", {"ann@example.com"}};
  EXPECT_EQ(DetectPii({name, email})[0], Kinds{"person_name"});
  EXPECT_EQ(DetectPii({name, {"price", "DOUBLE", {"1.5"}}})[0], Kinds{});
}

}  // namespace
}  // namespace lakehouse::ingest
