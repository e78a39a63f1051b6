#include "app/completion.h"

#include <gtest/gtest.h>

namespace lakehouse::app {
namespace {

const std::vector<CommandWords> kCommands = {
    {"", {"sql", "datasets", "--json"}}, {"sql", {"--format"}}, {"datasets", {"list", "show"}}};

TEST(CompletionTest, BashCompletesTheMostSpecificCommandFirst) {
  const auto script = CompletionScript("bash", kCommands);
  ASSERT_TRUE(script.ok());
  const size_t specific = script->find("'datasets'*) words='list show'");
  const size_t general = script->find("'') words='sql datasets --json'");
  ASSERT_NE(specific, std::string::npos);
  ASSERT_NE(general, std::string::npos);
  EXPECT_LT(specific, general);
}

TEST(CompletionTest, FishTellsOptionsFromCommands) {
  const auto script = CompletionScript("fish", kCommands);
  ASSERT_TRUE(script.ok());
  EXPECT_NE(script->find("-l format"), std::string::npos);
  EXPECT_NE(script->find("-a list"), std::string::npos);
}

TEST(CompletionTest, UnknownShellIsRefusedByName) {
  const auto script = CompletionScript("csh", kCommands);
  EXPECT_EQ(script.status().code(), StatusCode::kInvalidArgument);
  EXPECT_NE(script.status().message().find("csh"), std::string::npos);
}

}  // namespace
}  // namespace lakehouse::app
