// Moves that fail, and processes that die, at every call of either bucket.
#include <atomic>
#include <mutex>

#include "catalog/catalog_fixture.h"
#include "storage/document_format.h"
#include "storage/document_store.h"
#include "support/temp_dir.h"

namespace lakehouse::catalog {

namespace {

using storage::StoreFault;

constexpr int64_t kHour = 3'600'000'000;

// What must survive whatever happens to a move.
struct Content {
  std::vector<Column> columns;
  std::vector<DataFile> files;
  std::vector<SourceRecord> sources;
  bool operator==(const Content&) const = default;
};
Content ContentOf(const Dataset& dataset) {
  return {dataset.columns, dataset.files, dataset.sources};
}

class CatalogMoveFaultTest : public CatalogFixture {
 protected:
  Result<DatasetPtr> Move(const std::string& to) {
    return catalog_->Move({.name = Name("people"), .bucket = Bucket(to), .work_dir = work_.path()});
  }

  // There is one dataset, it has the content, and its files are whole.
  void ExpectContent(const Content& content) const {
    ASSERT_EQ(catalog_->List().size(), 1u);
    const auto dataset = catalog_->Get(Name("people"));
    ASSERT_TRUE(dataset.ok()) << dataset.status().ToString();
    EXPECT_EQ(ContentOf(**dataset), content);
    ExpectFilesOfEveryDataset();
  }

  // Nothing but what the dataset names is left after a grace period.
  void ExpectNoGarbageStays() {
    for (int i = 0; i < 2; ++i) {
      clock_.AdvanceMicros(2 * kHour);
      const auto freed = catalog_->CollectGarbage(kHour);
      EXPECT_TRUE(freed.ok()) << freed.status().ToString();
    }
    const DatasetPtr dataset = *catalog_->Get(Name("people"));
    const bool in_primary = dataset->bucket == Bucket("primary");
    EXPECT_EQ(StoredFiles(*primary_).size(), in_primary ? dataset->files.size() : 0u);
    EXPECT_EQ(StoredFiles(*spare_).size(), in_primary ? 0u : dataset->files.size());
    ExpectFilesOfEveryDataset();
  }

  // Starts with a dataset of two files in primary and nothing else.
  Content Begin() {
    for (const auto& dataset : catalog_->List()) EXPECT_TRUE(catalog_->Drop(dataset->name).ok());
    MustCommit("people", CommitMode::kCreate);
    return ContentOf(*MustCommit("people", CommitMode::kAppend));
  }

  // Moves with a fault in one bucket; false when the move ended before it.
  bool TryMove(storage::FaultyStore& store, const StoreFault& fault) {
    const Content content = Begin();
    const DatasetPtr before = *catalog_->Get(Name("people"));
    const uint64_t calls = store.calls();
    store.AddFault(fault);
    const auto moved = Move("spare");
    const bool fired = store.calls() - calls >= fault.ordinal;
    store.ClearFaults();
    ExpectContent(content);
    const DatasetPtr seen = *catalog_->Get(Name("people"));
    if (moved.ok()) {
      EXPECT_EQ(seen->bucket, Bucket("spare"));
    } else {
      EXPECT_TRUE(fired);
      EXPECT_NE(moved.status().code(), StatusCode::kConflict) << moved.status().ToString();
      if (moved.status().code() != StatusCode::kCommitStateUnknown) {
        EXPECT_EQ(*seen, *before) << moved.status().ToString();
      }
    }
    Restart();
    ExpectContent(content);
    const DatasetPtr stored = *catalog_->Get(Name("people"));
    EXPECT_GE(stored->version, seen->version);
    if (moved.ok()) {
      EXPECT_EQ(stored->bucket, Bucket("spare")) << "acknowledged, but not stored";
    }
    // A change on top of what storage says, and then the same move again, end well.
    const Content longer =
        ContentOf(*MustCommit(MakeCommit("people", CommitMode::kAppend, stored->bucket.str())));
    const auto again = Move("spare");
    EXPECT_TRUE(again.ok()) << again.status().ToString();
    if (again.ok()) {
      EXPECT_GT((*again)->version, before->version + 1);
    }
    ExpectContent(longer);
    return fired;
  }

  testing::TempDir work_;
};

TEST_F(CatalogMoveFaultTest, EveryFaultLeavesTheDatasetInOnePlaceAndWhole) {
  for (storage::FaultyStore* store : {primary_, spare_}) {
    for (const auto effect : {StoreFault::Effect::kBefore, StoreFault::Effect::kAfter}) {
      for (const StatusCode code : {StatusCode::kUnavailable, StatusCode::kCommitStateUnknown,
                                    StatusCode::kDeadlineExceeded, StatusCode::kPermissionDenied,
                                    StatusCode::kResourceExhausted}) {
        for (const uint64_t repeat : {uint64_t{1}, uint64_t{3}, UINT64_MAX}) {
          bool fired = true;
          for (uint64_t ordinal = 1; fired; ++ordinal) {
            SCOPED_TRACE(StrCat(store == primary_ ? "from" : "to", ", call ", ordinal, ", effect ",
                                static_cast<int>(effect), ", ", StatusCodeName(code), ", ", repeat,
                                " times"));
            fired = TryMove(*store, {.ordinal = ordinal,
                                     .repeat = repeat,
                                     .effect = effect,
                                     .status = Status(code, "injected")});
            if (HasFailure()) return;
          }
        }
      }
    }
  }
  ExpectNoGarbageStays();
}

// Counts the calls of every store together; from a given one on the process is dead.
struct Lifetime {
  std::atomic<uint64_t> calls{0};
  std::atomic<uint64_t> last{UINT64_MAX};
  // Whether the last call reaches the store; its answer never comes.
  std::atomic<bool> last_is_done{false};
};

class MortalStore : public storage::ObjectStore {
 public:
  MortalStore(std::unique_ptr<ObjectStore> target, Lifetime& life)
      : target_(std::move(target)), life_(life) {}

  Result<std::string> Get(std::string_view key, storage::ByteRange range) const override {
    return Live([&] { return target_->Get(key, range); });
  }
  Result<size_t> ReadAt(const storage::ObjectInfo& object, uint64_t offset, char* buffer,
                        size_t size) const override {
    return Live([&] { return target_->ReadAt(object, offset, buffer, size); });
  }
  Result<storage::ObjectInfo> Head(std::string_view key) const override {
    return Live([&] { return target_->Head(key); });
  }
  Result<storage::ObjectInfo> Put(std::string_view key, std::string_view bytes,
                                  const storage::PutCondition& condition) override {
    return Live([&] { return target_->Put(key, bytes, condition); });
  }
  Result<storage::ObjectInfo> PutFile(std::string_view key, const std::string& path,
                                      const storage::PutCondition& condition) override {
    return Live([&] { return target_->PutFile(key, path, condition); });
  }
  Result<std::vector<storage::ObjectInfo>> List(std::string_view prefix, std::string_view after,
                                                size_t limit) const override {
    return Live([&] { return target_->List(prefix, after, limit); });
  }
  Status Delete(std::string_view key) override {
    return Live([&] { return target_->Delete(key); });
  }
  std::optional<std::string> LocalPath(std::string_view) const override { return std::nullopt; }

 private:
  template <typename Call>
  auto Live(const Call& call) const -> decltype(call()) {
    const uint64_t number = ++life_.calls;
    if (number < life_.last) return call();
    if (number == life_.last && life_.last_is_done) static_cast<void>(call());
    return Unavailable("the process is dead");
  }

  const std::unique_ptr<ObjectStore> target_;
  Lifetime& life_;
};

class CatalogMoveKillTest : public CatalogMoveFaultTest {
 protected:
  CatalogMoveKillTest() {
    std::map<BucketName, std::unique_ptr<storage::ObjectStore>> stores;
    for (const std::string name : {"primary", "spare"}) {
      auto store = std::make_unique<storage::FaultyStore>(
          std::make_unique<MortalStore>(storage::NewMemoryStore(clock_), life_));
      (name == "primary" ? primary_ : spare_) = store.get();
      stores.emplace(Bucket(name), std::move(store));
    }
    catalog_.reset();
    buckets_ = storage::BucketRegistry::FromStores(std::move(stores));
    Restart();
  }
  ~CatalogMoveKillTest() override {
    catalog_.reset();
    buckets_.reset();
  }

  Lifetime life_;
};

TEST_F(CatalogMoveKillTest, AKillAnywhereLeavesOneTruthAndTheMoveCanBeFinished) {
  int moved_by_the_dead = 0;
  for (const bool last_is_done : {false, true}) {
    bool died = true;
    for (uint64_t after = 1; died; ++after) {
      SCOPED_TRACE(StrCat("killed at call ", after, last_is_done ? ", which was done" : ""));
      life_.last = UINT64_MAX;
      Restart();
      const Content content = Begin();
      const uint64_t version = (*catalog_->Get(Name("people")))->version;
      life_.last_is_done = last_is_done;
      life_.last = life_.calls + after;
      const auto moved = Move("spare");
      died = life_.calls >= life_.last;
      EXPECT_TRUE(moved.ok() || died);
      // What the dead process thinks does not matter: a new one reads what is stored.
      life_.last = UINT64_MAX;
      Restart();
      ExpectContent(content);
      const DatasetPtr found = *catalog_->Get(Name("people"));
      EXPECT_GE(found->version, version);
      if (moved.ok()) {
        EXPECT_EQ(found->bucket, Bucket("spare"));
      }
      if (!moved.ok() && found->bucket == Bucket("spare")) ++moved_by_the_dead;
      Restart();
      EXPECT_EQ(*catalog_->Get(Name("people")).value_or(nullptr), *found)
          << "a second restart changes nothing";
      const auto again = Move("spare");
      EXPECT_TRUE(again.ok()) << again.status().ToString();
      ExpectContent(content);
      EXPECT_GT((*catalog_->Get(Name("people")))->version, version + 1);
      ExpectNoGarbageStays();
      ASSERT_FALSE(HasFailure());
    }
  }
  EXPECT_GT(moved_by_the_dead, 0) << "some kills come after the commit point";
}

// Whoever goes on after a kill may also leave the dataset where it is and change it there.
TEST_F(CatalogMoveKillTest, AKillAnywhereLeavesADatasetThatCanBeChangedOrDropped) {
  for (const bool drop : {false, true}) {
    bool died = true;
    for (uint64_t after = 1; died; ++after) {
      SCOPED_TRACE(StrCat("killed at call ", after, drop ? ", then dropped" : ", then appended"));
      life_.last = UINT64_MAX;
      Restart();
      Begin();
      life_.last_is_done = true;
      life_.last = life_.calls + after;
      static_cast<void>(Move("spare"));
      died = life_.calls >= life_.last;
      life_.last = UINT64_MAX;
      Restart();
      if (drop) {
        ASSERT_TRUE(catalog_->Drop(Name("people")).ok());
        Restart();
        EXPECT_TRUE(Everything().empty());
        continue;
      }
      const std::string home = (*catalog_->Get(Name("people")))->bucket.str();
      const Content longer =
          ContentOf(*MustCommit(MakeCommit("people", CommitMode::kAppend, home)));
      Restart();
      ExpectContent(longer);
      ExpectNoGarbageStays();
      Restart();
      ExpectContent(longer);
      ASSERT_FALSE(HasFailure());
    }
  }
}

// A store that gives up on deletions of a document, which arrive later all the same.
class LateStore : public storage::FaultyStore {
 public:
  using FaultyStore::FaultyStore;
  Result<storage::ObjectInfo> Put(std::string_view key, std::string_view bytes,
                                  const storage::PutCondition& condition) override {
    if (hold && bytes.find(R"("deleted":true)") != std::string_view::npos) {
      held_key = key;
      held_bytes = bytes;
      return Unavailable("no answer came");
    }
    return FaultyStore::Put(key, bytes, condition);
  }
  std::atomic<bool> hold{false};
  std::string held_key;
  std::string held_bytes;
};

class CatalogLateAnswerTest : public CatalogMoveFaultTest {
 protected:
  CatalogLateAnswerTest() {
    auto late = std::make_unique<LateStore>(storage::NewMemoryStore(clock_));
    auto spare = std::make_unique<storage::FaultyStore>(storage::NewMemoryStore(clock_));
    primary_ = late_ = late.get();
    spare_ = spare.get();
    std::map<BucketName, std::unique_ptr<storage::ObjectStore>> stores;
    stores.emplace(Bucket("primary"), std::move(late));
    stores.emplace(Bucket("spare"), std::move(spare));
    catalog_.reset();
    buckets_ = storage::BucketRegistry::FromStores(std::move(stores));
    Restart();
  }
  ~CatalogLateAnswerTest() override {
    catalog_.reset();
    buckets_.reset();
  }
  Result<storage::ObjectInfo> Arrive() {
    late_->hold = false;
    return late_->Put(late_->held_key, late_->held_bytes, {.if_absent = true});
  }

  LateStore* late_ = nullptr;  // Owned by buckets_.
};

TEST_F(CatalogLateAnswerTest, ADeletionThatArrivesAfterTheMoveFailedLosesNothing) {
  const Content content = Begin();
  late_->hold = true;
  // The files are old enough to be collected, the copy of the document is not.
  const auto wait = [&](const MoveProgress& progress) {
    if (progress.stage == "publishing") clock_.AdvanceMicros(2 * kHour);
  };
  EXPECT_FALSE(catalog_
                   ->Move({.name = Name("people"),
                           .bucket = Bucket("spare"),
                           .work_dir = work_.path(),
                           .report = wait})
                   .ok());
  EXPECT_EQ((*catalog_->Get(Name("people")))->bucket, Bucket("primary"));
  EXPECT_TRUE(catalog_->CollectGarbage(kHour).ok());
  ASSERT_TRUE(Arrive().ok());
  const DatasetCommit stale = MakeCommit("people", CommitMode::kAppend);
  EXPECT_EQ(catalog_->Commit(stale).status().code(), StatusCode::kConflict);
  EXPECT_EQ((*catalog_->Get(Name("people")))->bucket, Bucket("spare")) << "the conflict told";
  ExpectContent(content);
  Restart();
  ExpectContent(content);
}

TEST_F(CatalogLateAnswerTest, ADeletionThatArrivesAfterAnotherChangeComesToNothing) {
  Begin();
  late_->hold = true;
  EXPECT_FALSE(Move("spare").ok());
  late_->hold = false;
  const Content longer = ContentOf(*MustCommit("people", CommitMode::kAppend));
  EXPECT_EQ(Arrive().status().code(), StatusCode::kConflict);
  Restart();
  ExpectContent(longer);
  EXPECT_EQ((*catalog_->Get(Name("people")))->bucket, Bucket("primary"));
  ExpectNoGarbageStays();
}

// The copy alone does not tell whether the dataset went on in the old bucket.
TEST_F(CatalogLateAnswerTest, ACopyWaitsForTheBucketThatItComesFrom) {
  const Content content = Begin();
  late_->hold = true;
  EXPECT_FALSE(Move("spare").ok());
  for (const bool arrives : {false, true}) {
    if (arrives) {
      ASSERT_TRUE(Arrive().ok());
    }
    primary_->AddFault({.repeat = UINT64_MAX});
    catalog_ = *Catalog::Open(*buckets_, {.clock = &clock_, .loading = {.in_background = false}});
    const Status waits = catalog_->Get(Name("people")).status();
    EXPECT_EQ(waits.code(), StatusCode::kUnavailable);
    EXPECT_NE(waits.message().find("primary"), std::string::npos) << waits.message();
    EXPECT_TRUE(catalog_->List().empty());
    const DatasetCommit other = MakeCommit("people", CommitMode::kCreate, "spare");
    EXPECT_EQ(catalog_->Commit(other).status().code(), StatusCode::kUnavailable);
    primary_->ClearFaults();
    ASSERT_TRUE(catalog_->LoadMissing().ok());
    ExpectContent(content);
    EXPECT_EQ((*catalog_->Get(Name("people")))->bucket, Bucket(arrives ? "spare" : "primary"));
  }
}

}  // namespace

}  // namespace lakehouse::catalog
