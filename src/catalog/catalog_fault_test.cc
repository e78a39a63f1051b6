// What the catalog does when a call of its store fails: every call of every change in turn.
#include <functional>
#include <future>
#include <utility>

#include "catalog/catalog_fixture.h"

namespace lakehouse::catalog {

namespace {

using storage::StoreFault;

// One change of the dataset "people", which has two files.
struct Change {
  std::string name;
  std::function<Status(Catalog&, const DatasetCommit&)> run;
  CommitMode mode = CommitMode::kAppend;
};

class CatalogFaultTest : public CatalogFixture {
 protected:
  // Runs a change with one fault and compares what is seen before, after and after a restart.
  // Returns false when the change ended before the fault.
  bool TryChange(const Change& change, const StoreFault& fault) {
    for (const auto& dataset : catalog_->List()) EXPECT_TRUE(catalog_->Drop(dataset->name).ok());
    MustCommit("people", CommitMode::kCreate);
    MustCommit("people", CommitMode::kAppend);
    const DatasetCommit commit = MakeCommit("people", change.mode);
    const std::vector<Dataset> before = Everything();
    const uint64_t calls = primary_->calls();
    primary_->AddFault(fault);
    const Status status = change.run(*catalog_, commit);
    const bool fired = primary_->calls() - calls >= fault.ordinal;
    primary_->ClearFaults();

    const std::vector<Dataset> seen = Everything();
    Restart();
    const std::vector<Dataset> stored = Everything();
    ExpectFilesOfEveryDataset();
    if (status.ok()) {
      EXPECT_NE(seen, before);
      EXPECT_EQ(stored, seen) << "acknowledged, but not in storage";
    } else {
      EXPECT_TRUE(fired);
      EXPECT_NE(status.code(), StatusCode::kConflict) << "nobody else committed";
      EXPECT_TRUE(seen == before || seen == stored) << "neither old nor new";
    }
    // The same again ends well, whatever happened the first time, and changes nothing twice.
    const Status again = change.run(*catalog_, commit);
    EXPECT_TRUE(again.ok() || again.code() == StatusCode::kNotFound) << again.ToString();
    if (const auto dataset = catalog_->Get(Name("people")); dataset.ok()) {
      EXPECT_EQ((*dataset)->files.size(), change.mode == CommitMode::kReplace ? 1u : 3u);
    }
    return fired;
  }
};

TEST_F(CatalogFaultTest, EveryFaultLeavesOldOrNewAndWhole) {
  const auto commit = [](Catalog& catalog, const DatasetCommit& c) {
    return catalog.Commit(c).status();
  };
  const std::vector<Change> changes = {
      {"append", commit},
      {"replace", commit, CommitMode::kReplace},
      {"drop", [](Catalog& catalog, const DatasetCommit& c) { return catalog.Drop(c.name); }}};
  for (const Change& change : changes) {
    for (const auto effect : {StoreFault::Effect::kBefore, StoreFault::Effect::kAfter}) {
      for (const StatusCode code : {StatusCode::kUnavailable, StatusCode::kCommitStateUnknown,
                                    StatusCode::kInternal, StatusCode::kResourceExhausted}) {
        for (const uint64_t repeat : {uint64_t{1}, UINT64_MAX}) {
          bool fired = true;
          for (uint64_t ordinal = 1; fired; ++ordinal) {
            SCOPED_TRACE(StrCat(change.name, ", call ", ordinal, ", effect ",
                                static_cast<int>(effect), ", ", StatusCodeName(code)));
            fired = TryChange(change, {.ordinal = ordinal,
                                       .repeat = repeat,
                                       .effect = effect,
                                       .status = Status(code, "injected")});
          }
        }
      }
    }
  }
}

// The document store cannot tell whether it wrote, but the catalog can a moment later.
TEST_F(CatalogFaultTest, ALostAnswerIsSettledBeforeTheCommitIsAnswered) {
  primary_->AddFault({.call = storage::StoreCall::kPut,
                      .ordinal = 2,
                      .effect = StoreFault::Effect::kAfter,
                      .status = CommitStateUnknown("lost")});
  primary_->AddFault({.call = storage::StoreCall::kGet});
  const DatasetPtr dataset = MustCommit("people", CommitMode::kCreate);
  ASSERT_NE(dataset, nullptr);
  EXPECT_EQ(dataset->version, 1u);
  EXPECT_EQ(Everything(), std::vector{*dataset});
}

// A store whose puts wait for a permit.
class GatedStore : public storage::FaultyStore {
 public:
  using FaultyStore::FaultyStore;
  Result<storage::ObjectInfo> Put(std::string_view key, std::string_view bytes,
                                  const storage::PutCondition& condition) override {
    if (key.starts_with("_catalog/dataset/slow/")) {
      arrived.set_value();
      permit.get_future().wait();
    }
    return FaultyStore::Put(key, bytes, condition);
  }
  std::promise<void> arrived;
  std::promise<void> permit;
};

TEST(CatalogProgressTest, ASlowCommitHoldsUpNeitherReadersNorOtherDatasets) {
  auto owned = std::make_unique<GatedStore>(storage::NewMemoryStore());
  GatedStore& store = *owned;
  std::map<BucketName, std::unique_ptr<storage::ObjectStore>> stores;
  stores.emplace(Bucket("primary"), std::move(owned));
  const auto buckets = storage::BucketRegistry::FromStores(std::move(stores));
  const auto catalog = *Catalog::Open(*buckets);
  const auto create = [&](const std::string& name) {
    return catalog->Commit({.name = Name(name), .bucket = Bucket("primary")}).status();
  };
  auto slow = std::async(std::launch::async, [&] { return create("slow"); });
  store.arrived.get_future().wait();
  // Without progress beside the slow commit the test would hang here.
  EXPECT_TRUE(create("quick").ok());
  EXPECT_TRUE(catalog->Get(Name("quick")).ok());
  EXPECT_EQ(catalog->List().size(), 1u);
  store.permit.set_value();
  EXPECT_TRUE(slow.get().ok());
  EXPECT_EQ(catalog->List().size(), 2u);
}

}  // namespace

}  // namespace lakehouse::catalog
