#include "catalog/catalog.h"

#include <atomic>
#include <thread>

#include "catalog/catalog_fixture.h"
#include "storage/document_format.h"
#include "storage/document_store.h"

namespace lakehouse::catalog {

namespace {

using storage::StoreCall;
using storage::StoreFault;

class CatalogTest : public CatalogFixture {
 protected:
  void ExpectRefused(const DatasetCommit& commit, StatusCode code, const std::string& reason) {
    const std::vector<Dataset> before = Everything();
    const auto dataset = catalog_->Commit(commit);
    EXPECT_EQ(dataset.status().code(), code) << dataset.status().ToString();
    EXPECT_NE(dataset.status().message().find(reason), std::string::npos)
        << dataset.status().message();
    EXPECT_EQ(Everything(), before);
  }
};

TEST_F(CatalogTest, CreatesADataset) {
  DatasetCommit commit = MakeCommit("people", CommitMode::kCreate);
  const DatasetPtr dataset = MustCommit(commit);
  EXPECT_EQ(dataset->name, Name("people"));
  EXPECT_EQ(dataset->bucket, Bucket("primary"));
  EXPECT_EQ(dataset->version, 1u);
  EXPECT_EQ(dataset->snapshot, 1u);
  EXPECT_EQ(dataset->columns, commit.columns);
  EXPECT_EQ(dataset->files, commit.files);
  EXPECT_EQ(dataset->sources, std::vector{commit.source});
  EXPECT_EQ(dataset->created_at, clock_.Now());
  EXPECT_EQ(dataset->updated_at, clock_.Now());
  EXPECT_EQ(dataset->last_embedded_at, std::nullopt);
  EXPECT_EQ(*catalog_->Get(Name("people")), dataset);
  EXPECT_EQ(Catalog::DataPrefix(Name("people")), "data/people/data/");
}

TEST_F(CatalogTest, AppendsRows) {
  const DatasetPtr first = MustCommit("people", CommitMode::kAppend);
  clock_.AdvanceMicros(10);
  DatasetCommit commit = MakeCommit("people", CommitMode::kAppend);
  commit.columns[0].pii = {"ssn"};
  commit.columns[1].pii = {"phone", "email"};
  const DatasetPtr second = MustCommit(commit);
  EXPECT_EQ(second->version, 2u);
  EXPECT_EQ(second->snapshot, 2u);
  EXPECT_EQ(second->files, (std::vector{first->files[0], commit.files[0]}));
  EXPECT_EQ(second->sources.size(), 2u);
  EXPECT_EQ(second->created_at, first->created_at);
  EXPECT_EQ(second->updated_at, clock_.Now());
  EXPECT_EQ(second->columns[0].pii, std::vector<std::string>{"ssn"});
  EXPECT_EQ(second->columns[1].pii, (std::vector<std::string>{"email", "phone"}));
  EXPECT_EQ(first->files.size(), 1u) << "readers of the first version keep it";
}

TEST_F(CatalogTest, ReplacesRowsAndColumns) {
  MustCommit("people", CommitMode::kReplace);
  DatasetCommit commit = MakeCommit("people", CommitMode::kReplace);
  commit.columns = {{"other", "DATE", {}}};
  const DatasetPtr second = MustCommit(commit);
  EXPECT_EQ(second->version, 2u);
  EXPECT_EQ(second->columns, commit.columns);
  EXPECT_EQ(second->files, commit.files);
  EXPECT_EQ(second->sources, std::vector{commit.source});
}

TEST_F(CatalogTest, RefusesToCreateWhatExists) {
  MustCommit("people", CommitMode::kCreate);
  ExpectRefused(MakeCommit("people", CommitMode::kCreate), StatusCode::kConflict, "exists");
}

TEST_F(CatalogTest, RefusesAnotherVersionThanTheCurrent) {
  MustCommit("people", CommitMode::kCreate);
  MustCommit("people", CommitMode::kAppend);
  for (const uint64_t version : {0, 1, 3}) {
    DatasetCommit commit = MakeCommit("people", CommitMode::kAppend);
    commit.expected_version = version;
    ExpectRefused(commit, StatusCode::kConflict, "at version 2");
  }
  DatasetCommit commit = MakeCommit("jobs", CommitMode::kAppend);
  commit.expected_version = 4;
  ExpectRefused(commit, StatusCode::kConflict, "at version 0");
}

TEST_F(CatalogTest, AppendNamesTheFirstColumnThatDiffers) {
  MustCommit("people", CommitMode::kCreate);
  const auto expect_refused = [&](std::vector<Column> columns, const std::string& reason) {
    DatasetCommit commit = MakeCommit("people", CommitMode::kAppend);
    commit.columns = std::move(columns);
    ExpectRefused(commit, StatusCode::kInvalidArgument, reason);
  };
  expect_refused({{"id", "BIGINT", {}}, {"mail", "DATE", {}}},
                 "column 2 there is mail VARCHAR, in the new rows it is mail DATE");
  expect_refused({{"ID", "BIGINT", {}}, {"mail", "DATE", {}}}, "column 1 there is id BIGINT");
  expect_refused({{"id", "BIGINT", {}}}, "in the new rows it is no column");
  expect_refused({{"id", "BIGINT", {}}, {"mail", "VARCHAR", {}}, {"x", "DATE", {}}},
                 "column 3 there is no column, in the new rows it is x DATE");
}

TEST_F(CatalogTest, RefusesFilesThatCannotBeItsOwn) {
  MustCommit("jobs", CommitMode::kCreate);
  for (const std::string& key :
       {std::string("data/jobs/data/file-1.parquet"), std::string("data/people/data/"),
        std::string("data/people/data/a/b.parquet"), std::string("data/people/data/x.csv"),
        std::string("data/people/data/../../jobs/data/file-1.parquet"),
        std::string("data/people/metadata/x.parquet"), std::string("people.parquet")}) {
    DatasetCommit commit = MakeCommit("people", CommitMode::kCreate);
    commit.files[0].key = key;
    ExpectRefused(commit, StatusCode::kInvalidArgument, "data/people/data/");
  }
  DatasetCommit twice = MakeCommit("people", CommitMode::kCreate);
  twice.files.push_back(twice.files[0]);
  ExpectRefused(twice, StatusCode::kInvalidArgument, "twice");
  DatasetCommit missing = MakeCommit("people", CommitMode::kCreate);
  missing.files[0].key = "data/people/data/missing.parquet";
  ExpectRefused(missing, StatusCode::kInvalidArgument, "not in bucket primary");
  DatasetCommit resized = MakeCommit("people", CommitMode::kCreate);
  ++resized.files[0].size_bytes;
  ExpectRefused(resized, StatusCode::kInvalidArgument, "bytes");
  DatasetCommit elsewhere = MakeCommit("people", CommitMode::kCreate);
  elsewhere.bucket = Bucket("nowhere");
  ExpectRefused(elsewhere, StatusCode::kNotFound, "primary, spare");
}

TEST_F(CatalogTest, RefusesToNameAFileAgainWithOthers) {
  const DatasetPtr first = MustCommit("people", CommitMode::kCreate);
  DatasetCommit commit = MakeCommit("people", CommitMode::kAppend);
  commit.files.push_back(first->files[0]);
  ExpectRefused(commit, StatusCode::kInvalidArgument, first->files[0].key);
}

TEST_F(CatalogTest, RefusesColumnsThatNoDocumentCanHold) {
  DatasetCommit commit = MakeCommit("people", CommitMode::kCreate);
  commit.columns[1].name = commit.columns[0].name;
  ExpectRefused(commit, StatusCode::kInvalidArgument, "one name");
  commit.columns[1].name = "\xff";
  ExpectRefused(commit, StatusCode::kInvalidArgument, "UTF-8");
}

TEST_F(CatalogTest, KeepsADatasetInItsBucket) {
  MustCommit(MakeCommit("people", CommitMode::kCreate, "spare"));
  EXPECT_EQ((*catalog_->Get(Name("people")))->bucket, Bucket("spare"));
  ExpectRefused(MakeCommit("people", CommitMode::kAppend, "primary"), StatusCode::kInvalidArgument,
                "lies in bucket spare");
  EXPECT_EQ(MustCommit(MakeCommit("people", CommitMode::kAppend, "spare"))->version, 2u);
}

TEST_F(CatalogTest, NamesTheNearestDataset) {
  MustCommit("people", CommitMode::kCreate);
  MustCommit("jobs", CommitMode::kCreate);
  const auto missing = catalog_->Get(Name("peopel"));
  EXPECT_EQ(missing.status().code(), StatusCode::kNotFound);
  EXPECT_NE(missing.status().message().find("did you mean people"), std::string::npos);
}

TEST_F(CatalogTest, IsTheSameAfterARestart) {
  MustCommit("people", CommitMode::kCreate);
  clock_.AdvanceMicros(1);
  DatasetCommit odd = MakeCommit("people", CommitMode::kAppend);
  odd.source.name = "bad \xff name\n\"é\".csv";
  MustCommit(odd);
  MustCommit(MakeCommit("jobs", CommitMode::kCreate, "spare"));
  ASSERT_TRUE(catalog_->MarkEmbedded(Name("people"), 2).ok());
  MustCommit("people", CommitMode::kAppend);
  MustCommit("gone", CommitMode::kCreate);
  ASSERT_TRUE(catalog_->Drop(Name("gone")).ok());
  const std::vector<Dataset> before = Everything();
  ASSERT_EQ(before.size(), 2u);
  for (int i = 0; i < 2; ++i) {
    Restart();
    EXPECT_EQ(Everything(), before);
  }
}

TEST_F(CatalogTest, DropsADataset) {
  const DatasetPtr old = MustCommit("people", CommitMode::kCreate);
  ASSERT_TRUE(catalog_->Drop(Name("people")).ok());
  EXPECT_EQ(catalog_->Get(Name("people")).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(catalog_->Drop(Name("people")).code(), StatusCode::kNotFound);
  EXPECT_EQ(old->files.size(), 1u);
  // Created again, it is another dataset whose version no reader of the old one has seen.
  EXPECT_EQ(MustCommit("people", CommitMode::kCreate)->version, 3u);
  EXPECT_EQ((*catalog_->Get(Name("people")))->files.size(), 1u);
}

TEST_F(CatalogTest, DropsAlsoADuplicateInAnotherBucket) {
  MustCommit(MakeCommit("people", CommitMode::kCreate, "spare"));
  storage::DocumentStore spare(*spare_);
  const Json body = spare.Read("dataset", "people")->body;
  ASSERT_TRUE(storage::DocumentStore(*primary_).Write("dataset", "people", 0, body).ok());
  ASSERT_TRUE(catalog_->Drop(Name("people")).ok());
  Restart();
  EXPECT_EQ(Everything().size(), 0u);
}

TEST_F(CatalogTest, OfDuplicatesTheLastUpdatedCounts) {
  MustCommit("people", CommitMode::kCreate);
  Json body = storage::DocumentStore(*primary_).Read("dataset", "people")->body;
  body["updated_at"] = FormatTimestamp({clock_.Now().micros + 1});
  ASSERT_TRUE(storage::DocumentStore(*spare_).Write("dataset", "people", 0, body).ok());
  Restart();
  EXPECT_EQ((*catalog_->Get(Name("people")))->bucket, Bucket("spare"));
  body["updated_at"] = FormatTimestamp({clock_.Now().micros - 1});
  ASSERT_TRUE(storage::DocumentStore(*spare_).Write("dataset", "people", 1, body).ok());
  Restart();
  EXPECT_EQ((*catalog_->Get(Name("people")))->bucket, Bucket("primary"));
}

TEST_F(CatalogTest, UsesThePreviousVersionOfADamagedDocument) {
  MustCommit("people", CommitMode::kCreate);
  const std::vector<Dataset> before = Everything();
  MustCommit("people", CommitMode::kAppend);
  ASSERT_TRUE(primary_->Put(storage::DocumentKey("dataset", "people", 2), "damaged").ok());
  Restart();
  EXPECT_EQ(Everything(), before);
  EXPECT_EQ(MustCommit("people", CommitMode::kAppend)->version, 3u);
}

TEST_F(CatalogTest, StartsWithoutADatasetThatItCannotRead) {
  MustCommit("people", CommitMode::kCreate);
  MustCommit("jobs", CommitMode::kCreate);
  storage::DocumentStore documents(*primary_);
  ASSERT_TRUE(documents.Write("dataset", "people", 1, Json{{"strange", 1}}).ok());
  Restart();
  ASSERT_EQ(Everything().size(), 1u);
  EXPECT_FALSE(catalog_->Commit(MakeCommit("people", CommitMode::kCreate)).ok());
  EXPECT_EQ(documents.Read("dataset", "people")->version, 2u) << "it was overwritten";
}

TEST_F(CatalogTest, MarksWhatIsEmbeddedAndWhatIsStale) {
  MustCommit("people", CommitMode::kCreate);
  clock_.AdvanceMicros(10);
  ASSERT_TRUE(catalog_->MarkEmbedded(Name("people"), 1).ok());
  DatasetPtr dataset = *catalog_->Get(Name("people"));
  EXPECT_EQ(dataset->last_embedded_at, clock_.Now());
  EXPECT_EQ(dataset->embedding_stale_since, std::nullopt);
  EXPECT_EQ(dataset->version, 2u);
  EXPECT_EQ(dataset->snapshot, 1u) << "the rows are the same";

  clock_.AdvanceMicros(10);
  const Timestamp stale_since = clock_.Now();
  MustCommit("people", CommitMode::kAppend);
  clock_.AdvanceMicros(10);
  dataset = MustCommit("people", CommitMode::kReplace);
  EXPECT_EQ(dataset->embedding_stale_since, stale_since) << "since the first new rows";

  ASSERT_TRUE(catalog_->MarkEmbedded(Name("people"), 3).ok());
  dataset = *catalog_->Get(Name("people"));
  EXPECT_EQ(dataset->embedding_stale_since, stale_since) << "the replacement is not embedded";
  ASSERT_TRUE(catalog_->MarkEmbedded(Name("people"), dataset->version).ok());
  EXPECT_EQ((*catalog_->Get(Name("people")))->embedding_stale_since, std::nullopt);
}

TEST_F(CatalogTest, RowsThatCameDuringTheFirstEmbeddingAreStale) {
  MustCommit("people", CommitMode::kCreate);
  clock_.AdvanceMicros(10);
  const DatasetPtr appended = MustCommit("people", CommitMode::kAppend);
  clock_.AdvanceMicros(10);
  ASSERT_TRUE(catalog_->MarkEmbedded(Name("people"), 1).ok());
  EXPECT_EQ((*catalog_->Get(Name("people")))->embedding_stale_since, appended->updated_at);
  EXPECT_TRUE(catalog_->MarkEmbedded(Name("gone"), 1).ok());
}

TEST_F(CatalogTest, TellsItsListeners) {
  std::vector<std::string> changed;
  catalog_->Subscribe([&](const DatasetName& name) {
    changed.push_back(name.str());
    EXPECT_EQ(catalog_->Get(name).ok(), changed.size() < 3) << "a listener may call back";
  });
  MustCommit("people", CommitMode::kCreate);
  MustCommit("people", CommitMode::kAppend);
  ASSERT_TRUE(catalog_->Drop(Name("people")).ok());
  EXPECT_FALSE(catalog_->Drop(Name("people")).ok());
  EXPECT_EQ(changed, (std::vector<std::string>{"people", "people", "people"}));
}

TEST_F(CatalogTest, AnswersACommitThatHappenedBefore) {
  const DatasetCommit create = MakeCommit("people", CommitMode::kCreate);
  MustCommit(create);
  const DatasetCommit append = MakeCommit("people", CommitMode::kAppend);
  MustCommit(append);
  const std::vector<Dataset> before = Everything();
  EXPECT_EQ(*MustCommit(append), before[0]);
  EXPECT_EQ(*MustCommit(create), before[0]);
  EXPECT_EQ(Everything(), before);
}

TEST_F(CatalogTest, OfTwoCommittersOneSeesConflict) {
  MustCommit("people", CommitMode::kCreate);
  for (int round = 0; round < 20; ++round) {
    std::vector<DatasetCommit> commits;
    for (int i = 0; i < 4; ++i) commits.push_back(MakeCommit("people", CommitMode::kAppend));
    std::atomic<int> winners{0};
    std::vector<std::thread> threads;
    for (const DatasetCommit& commit : commits) {
      threads.emplace_back([&] {
        const auto dataset = catalog_->Commit(commit);
        if (dataset.ok()) ++winners;
        EXPECT_TRUE(dataset.ok() || dataset.status().code() == StatusCode::kConflict);
      });
    }
    for (std::thread& thread : threads) thread.join();
    ASSERT_EQ(winners, 1);
  }
  EXPECT_EQ((*catalog_->Get(Name("people")))->files.size(), 21u);
}

TEST_F(CatalogTest, OneNameIsCreatedInOneBucketOnly) {
  for (int round = 0; round < 20; ++round) {
    const std::string name = StrCat("d", round);
    const DatasetCommit commits[] = {MakeCommit(name, CommitMode::kCreate, "primary"),
                                     MakeCommit(name, CommitMode::kCreate, "spare")};
    std::atomic<int> winners{0};
    std::vector<std::thread> threads;
    for (const DatasetCommit& commit : commits) {
      threads.emplace_back([&] { winners += catalog_->Commit(commit).ok() ? 1 : 0; });
    }
    for (std::thread& thread : threads) thread.join();
    ASSERT_EQ(winners, 1);
  }
}

TEST_F(CatalogTest, CommittersDroppersAndReadersAgreeWithStorage) {
  std::atomic<bool> done{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    std::vector<DatasetCommit> commits;
    for (int n = 0; n < 40; ++n) {
      commits.push_back(MakeCommit(StrCat("d", n % 4), CommitMode::kAppend));
    }
    threads.emplace_back([this, i, commits = std::move(commits)]() mutable {
      for (DatasetCommit& commit : commits) {
        const auto current = catalog_->Get(commit.name);
        commit.expected_version = current.ok() ? (*current)->version : 0;
        const Status status = catalog_->Commit(commit).status();
        EXPECT_TRUE(status.ok() || status.code() == StatusCode::kConflict) << status.ToString();
        EXPECT_TRUE(catalog_->MarkEmbedded(commit.name, commit.expected_version).ok());
        if (i == 0 && commit.expected_version % 5 == 4) {
          const Status dropped = catalog_->Drop(commit.name);
          EXPECT_TRUE(dropped.ok() || dropped.code() == StatusCode::kNotFound);
        }
      }
    });
  }
  std::thread reader([&] {
    while (!done) {
      for (const DatasetPtr& dataset : catalog_->List()) EXPECT_FALSE(dataset->files.empty());
    }
  });
  for (std::thread& thread : threads) thread.join();
  done = true;
  reader.join();
  const std::vector<Dataset> before = Everything();
  Restart();
  EXPECT_EQ(Everything(), before);
}

TEST_F(CatalogTest, SeesWhatAnotherProcessCommitted) {
  MustCommit("people", CommitMode::kCreate);
  auto other = Catalog::Open(*buckets_, clock_);
  ASSERT_TRUE(other.ok());
  ASSERT_TRUE((*other)->Commit(MakeCommit("people", CommitMode::kAppend)).ok());
  const DatasetCommit late = MakeCommit("people", CommitMode::kAppend);
  EXPECT_EQ(catalog_->Commit(late).status().code(), StatusCode::kConflict);
  EXPECT_EQ((*catalog_->Get(Name("people")))->version, 2u) << "the conflict told";
  EXPECT_EQ(MustCommit("people", CommitMode::kAppend)->files.size(), 3u);
  ASSERT_TRUE((*other)->Drop(Name("people")).ok()) << "it drops what it does not know yet";
  EXPECT_FALSE(catalog_->Commit(MakeCommit("people", CommitMode::kAppend)).ok());
  EXPECT_FALSE(catalog_->Get(Name("people")).ok());
}

}  // namespace

}  // namespace lakehouse::catalog
