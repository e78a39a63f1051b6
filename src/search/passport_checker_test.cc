#include "search/passport_checker.h"

#include <atomic>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "search/brute_force.h"
#include "search/hashed_words_model.h"

namespace lakehouse::search {
namespace {

using ::testing::HasSubstr;
using Answer = HashedWordsModel::Answer;

constexpr int64_t kSecond = 1'000'000;

class PassportCheckerTest : public ::testing::Test {
 protected:
  static ModelPtr Share(HashedWordsModel& model) {
    return {&model, [](HashedWordsModel*) {}};
  }
  IndexPtr MakeIndex(bool with_passport = true) {
    IndexInfo index{.name = *IndexName::Parse("people_v1"),
                    .source = *DatasetName::Parse("people"),
                    .bucket = *BucketName::Parse("primary")};
    index.space = model_.space();
    index.created_at = clock_.Now();
    if (with_passport) index.passport = *MakePassport(model_, clock_.Now(), {});
    return std::make_shared<const IndexInfo>(std::move(index));
  }
  Status Check(const IndexPtr& index) { return checker_.CheckForSearch(index, shared_, {}); }
  // Calls for canaries that `action` caused.
  template <typename Action>
  uint64_t Asked(Action action) {
    const uint64_t before = model_.fresh_calls();
    action();
    return model_.fresh_calls() - before;
  }
  void Drift() {
    model_.OnFreshText([](const std::string& text) {
      return Answer(HashedWordsModel::VectorOf(text + " quite different"));
    });
  }

  ManualClock clock_{{1'763'918'717'000'000}};
  HashedWordsModel model_;
  ModelPtr shared_ = Share(model_);
  PassportChecker checker_{clock_};
};

TEST_F(PassportCheckerTest, AsksTheModelOncePerObject) {
  const IndexPtr index = MakeIndex();
  EXPECT_FALSE(checker_.Last(index->name).has_value());
  EXPECT_EQ(Asked([&] { EXPECT_TRUE(Check(index).ok()); }), 1u);
  EXPECT_EQ(Asked([&] { EXPECT_TRUE(Check(index).ok()); }), 0u);
  ASSERT_TRUE(checker_.Last(index->name).has_value());
  EXPECT_TRUE(checker_.Last(index->name)->outcome.ok());
  EXPECT_EQ(checker_.Last(index->name)->at, clock_.Now());
  shared_ = Share(model_);
  EXPECT_EQ(Asked([&] { EXPECT_TRUE(Check(index).ok()); }), 1u) << "another object";
  clock_.AdvanceMicros(1);
  const IndexPtr anew = MakeIndex();
  EXPECT_EQ(Asked([&] { EXPECT_TRUE(Check(anew).ok()); }), 1u) << "another index of the name";
}

TEST_F(PassportCheckerTest, ConcurrentSearchesShareOneComparison) {
  const IndexPtr index = MakeIndex();
  std::atomic<int> ready = 0;
  model_.OnFreshText([&](const std::string&) -> std::optional<Answer> {
    while (ready < 4) std::this_thread::yield();
    return std::nullopt;
  });
  const uint64_t before = model_.fresh_calls();
  std::vector<std::thread> searches;
  for (int i = 0; i < 4; ++i) {
    searches.emplace_back([&] {
      ++ready;
      EXPECT_TRUE(Check(index).ok());
    });
  }
  for (std::thread& search : searches) search.join();
  EXPECT_EQ(model_.fresh_calls() - before, 1u);
}

TEST_F(PassportCheckerTest, DriftIsRefusedUntilTheModelIsBack) {
  const IndexPtr index = MakeIndex();
  Drift();
  const Status refused = Check(index);
  EXPECT_EQ(refused.code(), StatusCode::kConflict);
  EXPECT_THAT(refused.message(), HasSubstr("index people_v1"));
  EXPECT_EQ(Asked([&] { EXPECT_EQ(Check(index).message(), refused.message()); }), 0u)
      << "every search would ask";
  EXPECT_FALSE(checker_.Last(index->name)->outcome.ok());
  model_.OnFreshText({});
  clock_.AdvanceMicros(PassportChecker::kRetryMicros);
  EXPECT_TRUE(Check(index).ok());
}

TEST_F(PassportCheckerTest, ServerIsComparedAgainInTheBackground) {
  const IndexPtr index = MakeIndex();
  ASSERT_TRUE(Check(index).ok());
  const uint64_t before = model_.fresh_calls();
  clock_.AdvanceMicros(PassportChecker::kRecheckMicros - 1);
  EXPECT_TRUE(Check(index).ok());
  EXPECT_EQ(model_.fresh_calls(), before);
  Drift();
  clock_.AdvanceMicros(1);
  EXPECT_TRUE(Check(index).ok()) << "the search goes on with what was true";
  while (checker_.Last(index->name)->outcome.ok()) std::this_thread::yield();
  EXPECT_EQ(Check(index).code(), StatusCode::kConflict);
}

TEST_F(PassportCheckerTest, ServerThatIsDownAtARecheckStaysTrusted) {
  const IndexPtr index = MakeIndex();
  ASSERT_TRUE(Check(index).ok());
  model_.OnFreshText([](const std::string&) { return Answer(Unavailable("down")); });
  clock_.AdvanceMicros(PassportChecker::kRecheckMicros);
  const uint64_t before = model_.fresh_calls();
  EXPECT_TRUE(Check(index).ok());
  while (model_.fresh_calls() == before) std::this_thread::yield();
  EXPECT_TRUE(Check(index).ok());
}

TEST_F(PassportCheckerTest, EncoderOfThisProcessIsNotComparedAgain) {
  model_.mutable_space().provider = "embedded";
  const IndexPtr index = MakeIndex();
  ASSERT_TRUE(Check(index).ok());
  clock_.AdvanceMicros(10 * PassportChecker::kRecheckMicros);
  EXPECT_EQ(Asked([&] { EXPECT_TRUE(Check(index).ok()); }), 0u);
}

TEST_F(PassportCheckerTest, ModelThatCannotBeAskedIsAskedByTheNextSearch) {
  const IndexPtr index = MakeIndex();
  model_.SetIdentity(Unavailable("the server does not answer"));
  EXPECT_EQ(Check(index).code(), StatusCode::kUnavailable);
  EXPECT_FALSE(checker_.Last(index->name).has_value());
  model_.SetIdentity(OkStatus());
  EXPECT_TRUE(Check(index).ok());
}

TEST_F(PassportCheckerTest, LostIdentityIsAConflict) {
  const IndexPtr index = MakeIndex();
  model_.SetIdentity(Conflict("the tag holds another model"));
  const Status status = Check(index);
  EXPECT_EQ(status.code(), StatusCode::kConflict);
  EXPECT_THAT(status.message(), HasSubstr("index people_v1: the tag holds another model"));
}

TEST_F(PassportCheckerTest, IndexWithoutAPassportIsComparedBySpace) {
  const IndexPtr index = MakeIndex(false);
  EXPECT_EQ(Asked([&] { EXPECT_TRUE(Check(index).ok()); }), 0u);
  model_.mutable_space().precision = "bf16";
  shared_ = Share(model_);
  EXPECT_EQ(Check(index).code(), StatusCode::kConflict) << "nothing shows that it is the same";
}

TEST_F(PassportCheckerTest, OtherPrecisionIsShownByTheCanaries) {
  const IndexPtr index = MakeIndex();
  model_.mutable_space().precision = "bf16";
  EXPECT_TRUE(Check(index).ok());
  Drift();
  shared_ = Share(model_);
  EXPECT_EQ(Check(index).code(), StatusCode::kConflict);
}

TEST_F(PassportCheckerTest, BuildsCompareEveryTimeAndKnowTheChunker) {
  const IndexPtr index = MakeIndex();
  EXPECT_EQ(Asked([&] { EXPECT_TRUE(checker_.CheckForBuild(index, shared_, {}).ok()); }), 1u);
  EXPECT_EQ(Asked([&] { EXPECT_TRUE(checker_.CheckForBuild(index, shared_, {}).ok()); }), 1u);
  EXPECT_EQ(Asked([&] { EXPECT_TRUE(Check(index).ok()); }), 0u) << "searches know it from there";
  model_.mutable_space().chunker_version += 1;
  EXPECT_EQ(checker_.CheckForBuild(index, shared_, {}).code(), StatusCode::kConflict);
  EXPECT_TRUE(Check(index).ok()) << "queries are not cut";
}

TEST_F(PassportCheckerTest, ForgottenIndexIsComparedAnew) {
  const IndexPtr index = MakeIndex();
  ASSERT_TRUE(Check(index).ok());
  checker_.Forget(index->name);
  EXPECT_FALSE(checker_.Last(index->name).has_value());
  EXPECT_EQ(Asked([&] { EXPECT_TRUE(Check(index).ok()); }), 1u);
}

TEST_F(PassportCheckerTest, CancelledSearchLeavesNoVerdict) {
  const IndexPtr index = MakeIndex();
  CancelToken cancel;
  cancel.Cancel();
  EXPECT_EQ(checker_.CheckForSearch(index, shared_, cancel).code(), StatusCode::kCancelled);
  EXPECT_TRUE(Check(index).ok());
}

}  // namespace
}  // namespace lakehouse::search
