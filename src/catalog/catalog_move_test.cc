// Moving datasets between buckets: what is seen meanwhile and afterwards.
#include <atomic>
#include <filesystem>
#include <thread>

#include <gmock/gmock.h>

#include "catalog/catalog_fixture.h"
#include "storage/document_store.h"
#include "support/temp_dir.h"

namespace lakehouse::catalog {

namespace {

using ::testing::HasSubstr;

constexpr int64_t kHour = 3'600'000'000;

class CatalogMoveTest : public CatalogFixture {
 protected:
  MoveRequest Request(const std::string& dataset, const std::string& bucket) const {
    return {.name = Name(dataset), .bucket = Bucket(bucket), .work_dir = work_.Join("moves")};
  }
  Result<DatasetPtr> Move(const std::string& dataset, const std::string& bucket) {
    return catalog_->Move(Request(dataset, bucket));
  }
  DatasetPtr MustMove(const std::string& dataset, const std::string& bucket) {
    const auto moved = Move(dataset, bucket);
    EXPECT_TRUE(moved.ok()) << moved.status().ToString();
    return moved.value_or(nullptr);
  }
  bool NothingIsOnItsWay() const {
    const std::filesystem::path moves = work_.Join("moves");
    return !std::filesystem::exists(moves) || std::filesystem::is_empty(moves);
  }

  testing::TempDir work_;
};

TEST_F(CatalogMoveTest, MovesFilesAndDocument) {
  MustCommit("people", CommitMode::kCreate);
  const DatasetPtr before = MustCommit("people", CommitMode::kAppend);
  std::vector<std::string> heard;
  catalog_->Subscribe([&](const DatasetName& name) { heard.push_back(name.str()); });
  const DatasetPtr moved = MustMove("people", "spare");
  ASSERT_NE(moved, nullptr);
  EXPECT_EQ(heard, std::vector<std::string>{"people"});
  Dataset expected = *before;
  expected.bucket = Bucket("spare");
  expected.version = moved->version;
  EXPECT_EQ(*moved, expected) << "only the place changes";
  EXPECT_GT(moved->version, before->version + 1) << "no version of the old bucket comes again";
  EXPECT_EQ(StoredFiles(*spare_).size(), 2u);
  EXPECT_EQ(StoredFiles(*primary_).size(), 2u) << "a query may still read them";
  EXPECT_TRUE(NothingIsOnItsWay());
  ExpectFilesOfEveryDataset();
  EXPECT_EQ(Everything(), std::vector{*moved});
  Restart();
  EXPECT_EQ(Everything(), std::vector{*moved});
  EXPECT_EQ(MustCommit(MakeCommit("people", CommitMode::kAppend, "spare"))->files.size(), 3u);
}

TEST_F(CatalogMoveTest, TheOldFilesAreGarbageAfterTheGracePeriod) {
  MustCommit("people", CommitMode::kCreate);
  clock_.AdvanceMicros(10 * kHour);
  MustMove("people", "spare");
  EXPECT_EQ(*catalog_->CollectGarbage(kHour), 0u);
  clock_.AdvanceMicros(kHour + 1);
  EXPECT_GT(*catalog_->CollectGarbage(kHour), 0u);
  EXPECT_TRUE(StoredFiles(*primary_).empty());
  EXPECT_EQ(StoredFiles(*spare_).size(), 1u);
  ExpectFilesOfEveryDataset();
}

TEST_F(CatalogMoveTest, VersionsOnlyGrowOverAnyNumberOfMoves) {
  uint64_t last = MustCommit("people", CommitMode::kCreate)->version;
  for (int i = 0; i < 6; ++i) {
    const std::string to = i % 2 == 0 ? "spare" : "primary";
    const DatasetPtr moved = MustMove("people", to);
    ASSERT_NE(moved, nullptr);
    EXPECT_GT(moved->version, last);
    DatasetCommit stale = MakeCommit("people", CommitMode::kAppend, to);
    stale.expected_version = last;
    EXPECT_EQ(catalog_->Commit(stale).status().code(), StatusCode::kConflict);
    last = MustCommit(MakeCommit("people", CommitMode::kAppend, to))->version;
    EXPECT_GT(last, moved->version);
  }
  ExpectFilesOfEveryDataset();
  EXPECT_EQ((*catalog_->Get(Name("people")))->files.size(), 7u);
  ASSERT_TRUE(catalog_->Drop(Name("people")).ok());
  Restart();
  EXPECT_TRUE(Everything().empty()) << "no bucket has kept it";
}

TEST_F(CatalogMoveTest, ANameThatWasDroppedContinuesItsNumbersInAnyBucket) {
  const uint64_t dropped = MustCommit("people", CommitMode::kCreate)->version;
  ASSERT_TRUE(catalog_->Drop(Name("people")).ok());
  EXPECT_GT(MustCommit(MakeCommit("people", CommitMode::kCreate, "spare"))->version, dropped);
}

TEST_F(CatalogMoveTest, MovingToWhereItIsDoesNothing) {
  const DatasetPtr dataset = MustCommit("people", CommitMode::kCreate);
  const uint64_t calls = primary_->calls() + spare_->calls();
  EXPECT_EQ(MustMove("people", "primary"), dataset);
  EXPECT_EQ(primary_->calls() + spare_->calls(), calls);
}

TEST_F(CatalogMoveTest, SaysWhatItCannotMove) {
  MustCommit("people", CommitMode::kCreate);
  EXPECT_EQ(Move("peple", "spare").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(Move("people", "nowhere").status().code(), StatusCode::kNotFound);
  const std::vector<Dataset> before = Everything();
  spare_->AddFault({.repeat = UINT64_MAX});
  EXPECT_EQ(Move("people", "spare").status().code(), StatusCode::kUnavailable);
  spare_->ClearFaults();
  spare_->AddFault({.call = storage::StoreCall::kPutFile, .status = ResourceExhausted("full")});
  EXPECT_EQ(Move("people", "spare").status().code(), StatusCode::kResourceExhausted);
  EXPECT_TRUE(NothingIsOnItsWay());
  EXPECT_EQ(Everything(), before);
  Restart();
  EXPECT_EQ(Everything(), before);
}

TEST_F(CatalogMoveTest, NeverCopiesADamagedFile) {
  const DatasetPtr dataset = MustCommit("people", CommitMode::kCreate);
  const DataFile& file = dataset->files[0];
  for (const std::string& bytes : {std::string("other"), std::string(file.size_bytes, 'x')}) {
    ASSERT_TRUE(primary_->Put(file.key, bytes).ok());
    const Status status = Move("people", "spare").status();
    EXPECT_EQ(status.code(), StatusCode::kInternal);
    EXPECT_THAT(status.message(), HasSubstr(file.key));
    EXPECT_TRUE(StoredFiles(*spare_).empty());
  }
}

TEST_F(CatalogMoveTest, ReplacesWhatStandsThereWrongly) {
  const DatasetPtr dataset = MustCommit("people", CommitMode::kCreate);
  const DataFile& file = dataset->files[0];
  ASSERT_TRUE(spare_->Put(file.key, std::string(file.size_bytes, 'x')).ok());
  MustMove("people", "spare");
  ExpectFilesOfEveryDataset();
}

TEST_F(CatalogMoveTest, WhatIsAppendedMeanwhileMovesToo) {
  MustCommit("people", CommitMode::kCreate);
  MoveRequest request = Request("people", "spare");
  int appended = 0;
  request.report = [&](const MoveProgress& progress) {
    if (progress.stage != "copying" || appended == 3) return;
    ++appended;
    MustCommit("people", CommitMode::kAppend);
  };
  const auto moved = catalog_->Move(request);
  ASSERT_TRUE(moved.ok()) << moved.status().ToString();
  EXPECT_EQ((*moved)->files.size(), 4u);
  EXPECT_EQ((*moved)->bucket, Bucket("spare"));
  ExpectFilesOfEveryDataset();
}

TEST_F(CatalogMoveTest, EndsWhileOthersAppendWithoutPause) {
  MustCommit("people", CommitMode::kCreate);
  std::atomic<bool> done{false};
  std::atomic<int> appended{0};
  std::thread writer([&] {
    while (!done) {
      const auto current = catalog_->Get(Name("people"));
      DatasetCommit commit = MakeCommit("people", CommitMode::kAppend, (*current)->bucket.str());
      commit.expected_version = (*current)->version;
      const auto published = catalog_->Commit(commit);
      if (published.ok()) ++appended;
      // The dataset went to another bucket after the file was stored.
      EXPECT_TRUE(published.ok() || published.status().code() == StatusCode::kConflict)
          << published.status().ToString();
    }
  });
  uint64_t last = 0;
  for (int i = 0; i < 20; ++i) {
    const DatasetPtr moved = MustMove("people", i % 2 == 0 ? "spare" : "primary");
    ASSERT_NE(moved, nullptr);
    EXPECT_GT(moved->version, last);
    last = moved->version;
  }
  done = true;
  writer.join();
  const DatasetPtr dataset = *catalog_->Get(Name("people"));
  EXPECT_EQ(dataset->files.size(), static_cast<size_t>(appended) + 1);
  ExpectFilesOfEveryDataset();
  const std::vector<Dataset> before = Everything();
  Restart();
  EXPECT_EQ(Everything(), before);
}

// A query keeps the version that it began with, and finds its files where that version says.
TEST_F(CatalogMoveTest, QueriesGoOnWhileItMovesBackAndForth) {
  MustCommit("people", CommitMode::kCreate);
  MustCommit("people", CommitMode::kAppend);
  std::atomic<bool> done{false};
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      uint64_t last = 0;
      while (!done) {
        const auto dataset = catalog_->Get(Name("people"));
        ASSERT_TRUE(dataset.ok()) << dataset.status().ToString();
        EXPECT_GE((*dataset)->version, last);
        last = (*dataset)->version;
        EXPECT_EQ(catalog_->List().size(), 1u);
        for (const DataFile& file : (*dataset)->files) {
          const auto bytes = (*buckets_->Find((*dataset)->bucket))->Get(file.key);
          ASSERT_TRUE(bytes.ok()) << bytes.status().ToString();
          EXPECT_EQ(Crc32c(*bytes), file.crc32c);
        }
      }
    });
  }
  std::thread collector([&] {
    while (!done) EXPECT_TRUE(catalog_->CollectGarbage(kHour).ok());
  });
  for (int i = 0; i < 30; ++i) MustMove("people", i % 2 == 0 ? "spare" : "primary");
  done = true;
  for (std::thread& reader : readers) reader.join();
  collector.join();
}

// With no grace at all the source is garbage at once, and the copies would be.
TEST_F(CatalogMoveTest, GarbageCollectionNeverTakesWhatIsOnItsWay) {
  MustCommit("people", CommitMode::kCreate);
  MustCommit("people", CommitMode::kAppend);
  std::atomic<bool> done{false};
  std::thread collector([&] {
    while (!done) EXPECT_TRUE(catalog_->CollectGarbage(-1).ok());
  });
  for (int i = 0; i < 30; ++i) {
    MustMove("people", i % 2 == 0 ? "spare" : "primary");
    ExpectFilesOfEveryDataset();
  }
  done = true;
  collector.join();
}

TEST_F(CatalogMoveTest, CopiesAreNoGarbageBeforeTheyAreNamed) {
  MustCommit("people", CommitMode::kCreate);
  MustCommit("people", CommitMode::kAppend);
  MoveRequest request = Request("people", "spare");
  bool collected = false;
  request.report = [&](const MoveProgress& progress) {
    if (progress.files_done != 1 || collected) return;
    collected = true;
    EXPECT_EQ(StoredFiles(*spare_).size(), 1u);
    EXPECT_TRUE(catalog_->CollectGarbage(-1).ok());
    EXPECT_EQ(StoredFiles(*spare_).size(), 1u);
  };
  ASSERT_TRUE(catalog_->Move(request).ok());
  EXPECT_TRUE(collected);
  ExpectFilesOfEveryDataset();
}

TEST_F(CatalogMoveTest, MovesOnceAtATime) {
  MustCommit("people", CommitMode::kCreate);
  MoveRequest request = Request("people", "spare");
  Status second;
  request.report = [&](const MoveProgress&) {
    if (second.ok()) second = Move("people", "spare").status();
  };
  ASSERT_TRUE(catalog_->Move(request).ok());
  EXPECT_EQ(second.code(), StatusCode::kConflict) << second.ToString();
}

TEST_F(CatalogMoveTest, CancelledMoveChangesNothingAndCanBeFinished) {
  MustCommit("people", CommitMode::kCreate);
  MustCommit("people", CommitMode::kAppend);
  MustCommit("people", CommitMode::kAppend);
  const std::vector<Dataset> before = Everything();
  MoveRequest request = Request("people", "spare");
  request.report = [&](const MoveProgress& progress) {
    EXPECT_LE(progress.bytes_done, progress.bytes_total);
    if (progress.files_done == 1) request.cancel.Cancel();
  };
  EXPECT_EQ(catalog_->Move(request).status().code(), StatusCode::kCancelled);
  EXPECT_EQ(Everything(), before);
  EXPECT_TRUE(NothingIsOnItsWay());
  Restart();
  EXPECT_EQ(Everything(), before);
  const uint64_t puts = spare_->calls(storage::StoreCall::kPutFile);
  MustMove("people", "spare");
  EXPECT_EQ(spare_->calls(storage::StoreCall::kPutFile) - puts, 1u) << "two were there already";
}

TEST_F(CatalogMoveTest, DroppedMeanwhileStaysDropped) {
  MustCommit("people", CommitMode::kCreate);
  MoveRequest request = Request("people", "spare");
  request.report = [&](const MoveProgress& progress) {
    if (progress.stage == "copying" && catalog_->Get(Name("people")).ok()) {
      EXPECT_TRUE(catalog_->Drop(Name("people")).ok());
    }
  };
  EXPECT_EQ(catalog_->Move(request).status().code(), StatusCode::kNotFound);
  Restart();
  EXPECT_TRUE(Everything().empty());
}

TEST_F(CatalogMoveTest, AnotherProcessThatCommittedAtTheLastMomentIsNotLost) {
  MustCommit("people", CommitMode::kCreate);
  const auto other = *Catalog::Open(*buckets_, clock_);
  MoveRequest request = Request("people", "spare");
  request.report = [&](const MoveProgress& progress) {
    if (progress.stage != "publishing" || (*other->Get(Name("people")))->files.size() > 1) return;
    ASSERT_TRUE(other->Commit(MakeCommit("people", CommitMode::kAppend)).ok());
  };
  const auto moved = catalog_->Move(request);
  ASSERT_TRUE(moved.ok()) << moved.status().ToString();
  EXPECT_EQ((*moved)->files.size(), 2u);
  ExpectFilesOfEveryDataset();
  // The other process finds out when it commits on top of what it knows.
  DatasetCommit late = MakeCommit("people", CommitMode::kAppend);
  late.expected_version = (*other->Get(Name("people")))->version;
  EXPECT_EQ(other->Commit(late).status().code(), StatusCode::kConflict);
  EXPECT_EQ(*(*other->Get(Name("people"))), **moved);
}

TEST_F(CatalogMoveTest, AnotherDatasetOfThatNameIsNotOverwritten) {
  MustCommit("people", CommitMode::kCreate);
  Json body = storage::DocumentStore(*primary_).Read("dataset", "people")->body;
  body["updated_at"] = FormatTimestamp({clock_.Now().micros - 1});
  ASSERT_TRUE(storage::DocumentStore(*spare_).Write("dataset", "people", 0, body).ok());
  Restart();
  const std::vector<Dataset> before = Everything();
  EXPECT_EQ(Move("people", "spare").status().code(), StatusCode::kConflict);
  EXPECT_EQ(Everything(), before);
  EXPECT_EQ(storage::DocumentStore(*spare_).Read("dataset", "people")->version, 1u);
}

}  // namespace

}  // namespace lakehouse::catalog
