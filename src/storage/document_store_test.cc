#include "storage/document_store.h"

#include <atomic>
#include <functional>
#include <thread>

#include <gtest/gtest.h>

#include "base/hash.h"
#include "base/strings.h"
#include "storage/document_format.h"
#include "storage/faulty_store.h"

namespace lakehouse::storage {

namespace {

Json Body(int number) { return Json{{"number", number}}; }

class DocumentStoreTest : public ::testing::Test {
 protected:
  DocumentStoreTest()
      : owned_(std::make_unique<FaultyStore>(NewMemoryStore(clock_))),
        store_(*owned_),
        documents_(store_) {}

  // Writes versions 1 to `last`, each with its number as the body.
  void WriteVersions(int last) {
    for (int i = 1; i <= last; ++i) {
      const auto version =
          documents_.Write("dataset", "people", static_cast<uint64_t>(i - 1), Body(i));
      ASSERT_TRUE(version.ok()) << version.status().ToString();
      ASSERT_EQ(*version, static_cast<uint64_t>(i));
      clock_.AdvanceMicros(1'000'000);
    }
  }

  void Damage(uint64_t version, const std::function<std::string(std::string)>& damage) {
    const std::string key = DocumentKey("dataset", "people", version);
    ASSERT_TRUE(store_.Put(key, damage(*store_.Get(key))).ok());
  }

  static std::string FlipByte(std::string bytes) {
    bytes[bytes.size() / 2] ^= 1;
    return bytes;
  }

  std::vector<uint64_t> StoredVersions() const {
    std::vector<uint64_t> versions;
    const auto infos = store_.List("_catalog/dataset/people/");
    for (const ObjectInfo& info : *infos) {
      const auto place = ParseDocumentKey("dataset", info.key);
      if (place) versions.push_back(place->version);
    }
    return versions;
  }

  ManualClock clock_{{1'000'000'000}};
  std::unique_ptr<FaultyStore> owned_;
  FaultyStore& store_;
  DocumentStore documents_;
};

std::vector<uint64_t> VersionsOf(const Result<std::vector<Document>>& documents) {
  EXPECT_TRUE(documents.ok()) << documents.status().ToString();
  std::vector<uint64_t> versions;
  if (documents.ok()) {
    for (const Document& document : *documents) versions.push_back(document.version);
  }
  return versions;
}

using Versions = std::vector<uint64_t>;

TEST_F(DocumentStoreTest, ReadsWhatWasWritten) {
  EXPECT_EQ(documents_.Read("dataset", "people").status().code(), StatusCode::kNotFound);
  WriteVersions(3);
  const auto document = documents_.Read("dataset", "people");
  ASSERT_TRUE(document.ok());
  EXPECT_EQ(document->name, "people");
  EXPECT_EQ(document->version, 3u);
  EXPECT_EQ(document->body, Body(3));
}

TEST_F(DocumentStoreTest, EachVersionNamesThePredecessorsBytes) {
  WriteVersions(2);
  const std::string first = *store_.Get(DocumentKey("dataset", "people", 1));
  const auto second = DecodeDocument(*store_.Get(DocumentKey("dataset", "people", 2)));
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(second->previous_version, 1u);
  EXPECT_EQ(second->previous_sha256, Sha256Hex(first));
  EXPECT_EQ(DecodeDocument(first)->previous_version, 0u);
  EXPECT_EQ(DecodeDocument(first)->previous_sha256, "");
}

TEST_F(DocumentStoreTest, RefusesAnotherVersionThanTheCurrent) {
  WriteVersions(2);
  for (const uint64_t expected : {0, 1, 3}) {
    EXPECT_EQ(documents_.Write("dataset", "people", expected, Body(9)).status().code(),
              StatusCode::kConflict);
    EXPECT_EQ(documents_.Delete("dataset", "people", expected).code(), StatusCode::kConflict);
  }
  EXPECT_EQ(documents_.Write("dataset", "jobs", 1, Body(9)).status().code(), StatusCode::kConflict);
  EXPECT_EQ(documents_.Read("dataset", "people")->body, Body(2));
}

TEST_F(DocumentStoreTest, RefusesNamesThatAreNoIds) {
  for (const std::string name : {"", "..", "a/b", "UPPER", "a.b"}) {
    EXPECT_EQ(documents_.Write("dataset", name, 0, Body(1)).status().code(),
              StatusCode::kInvalidArgument);
    EXPECT_EQ(documents_.Write(name, "people", 0, Body(1)).status().code(),
              StatusCode::kInvalidArgument);
    EXPECT_EQ(documents_.Read("dataset", name).status().code(), StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(store_.List("")->size(), 0u);
}

TEST_F(DocumentStoreTest, RefusesABodyThatCouldNotBeReadBack) {
  Json deep = 1;
  for (int i = 0; i < 70; ++i) deep = Json{{"in", deep}};
  EXPECT_EQ(documents_.Write("dataset", "people", 0, deep).status().code(),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(store_.List("")->size(), 0u);
}

TEST_F(DocumentStoreTest, SecondWriterSeesConflict) {
  WriteVersions(1);
  for (uint64_t version = 1; version <= 20; ++version) {
    std::atomic<int> winners{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] {
        // Equal bodies: only the identity of the write tells them apart.
        const auto written = documents_.Write("dataset", "people", version, Body(7));
        if (written.ok()) {
          EXPECT_EQ(*written, version + 1);
          ++winners;
        } else {
          EXPECT_EQ(written.status().code(), StatusCode::kConflict) << written.status().ToString();
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    ASSERT_EQ(winners, 1);
  }
  EXPECT_EQ(documents_.Read("dataset", "people")->version, 21u);
}

TEST_F(DocumentStoreTest, ContinuesTheVersionsOfADeletedDocument) {
  WriteVersions(2);
  EXPECT_EQ(documents_.Delete("dataset", "jobs", 0).code(), StatusCode::kNotFound);
  ASSERT_TRUE(documents_.Delete("dataset", "people", 2).ok());
  EXPECT_EQ(documents_.Read("dataset", "people").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(documents_.ReadAll("dataset")->size(), 0u);
  EXPECT_EQ(documents_.Delete("dataset", "people", 3).code(), StatusCode::kNotFound);
  EXPECT_EQ(documents_.Write("dataset", "people", 3, Body(9)).status().code(),
            StatusCode::kConflict);
  EXPECT_EQ(VersionsOf(documents_.History("dataset", "people")), (Versions{2, 1}));
  EXPECT_EQ(*documents_.Write("dataset", "people", 0, Body(4)), 4u);
  EXPECT_EQ(documents_.Read("dataset", "people")->body, Body(4));
  EXPECT_EQ(VersionsOf(documents_.History("dataset", "people")), (Versions{2, 1}));
}

TEST_F(DocumentStoreTest, SkipsVersionsWhenItIsToldTo) {
  EXPECT_EQ(*documents_.Write("dataset", "people", 0, Body(1), 7), 7u);
  EXPECT_EQ(*documents_.Write("dataset", "people", 7, Body(2), 3), 8u) << "never backwards";
  ASSERT_TRUE(documents_.Delete("dataset", "people", 8).ok());
  EXPECT_EQ(*documents_.Write("dataset", "people", 0, Body(3), 20), 20u);
  EXPECT_EQ(documents_.Read("dataset", "people")->body, Body(3));
  EXPECT_EQ(documents_.History("dataset", "people")->size(), 2u);
  const auto beyond = documents_.Write("dataset", "people", 20, Body(4), UINT64_MAX);
  EXPECT_EQ(beyond.status().code(), StatusCode::kInternal);
}

TEST_F(DocumentStoreTest, ReadsEveryLiveDocumentInOrder) {
  for (const std::string name : {"c", "a", "b-2", "b"}) {
    ASSERT_TRUE(documents_.Write("dataset", name, 0, Body(1)).ok());
  }
  ASSERT_TRUE(documents_.Write("dataset", "a", 1, Body(2)).ok());
  ASSERT_TRUE(documents_.Delete("dataset", "c", 1).ok());
  ASSERT_TRUE(documents_.Write("view", "v", 0, Body(1)).ok());
  const auto all = documents_.ReadAll("dataset");
  ASSERT_TRUE(all.ok());
  ASSERT_EQ(all->size(), 3u);
  EXPECT_EQ((*all)[0].name, "a");
  EXPECT_EQ((*all)[0].body, Body(2));
  EXPECT_EQ((*all)[1].name, "b");
  EXPECT_EQ((*all)[2].name, "b-2");
}

TEST_F(DocumentStoreTest, KeepsOnlyTheNewestVersions) {
  DocumentStore documents(store_, 3);
  for (uint64_t i = 0; i < 7; ++i)
    ASSERT_TRUE(documents.Write("dataset", "people", i, Body(1)).ok());
  EXPECT_EQ(StoredVersions(), (Versions{5, 6, 7}));
  EXPECT_EQ(VersionsOf(documents.History("dataset", "people")), (Versions{6, 5}));
  store_.AddFault({.call = StoreCall::kDelete});
  EXPECT_EQ(*documents.Write("dataset", "people", 7, Body(8)), 8u) << "pruning may wait";
  EXPECT_EQ(*documents.Write("dataset", "people", 8, Body(9)), 9u);
  EXPECT_EQ(StoredVersions(), (Versions{7, 8, 9}));
}

TEST_F(DocumentStoreTest, FallsBackFromADamagedVersion) {
  const std::vector<std::function<std::string(std::string)>> damages = {
      FlipByte, [](const std::string& bytes) { return bytes.substr(0, bytes.size() - 20); },
      [](const std::string&) { return std::string(); },
      [](const std::string&) { return std::string("{}"); },
      [this](const std::string&) { return *store_.Get(DocumentKey("dataset", "people", 1)); }};
  WriteVersions(3);
  const std::string whole = *store_.Get(DocumentKey("dataset", "people", 3));
  for (const auto& damage : damages) {
    Damage(3, damage);
    EXPECT_EQ(documents_.Read("dataset", "people")->version, 2u);
    EXPECT_EQ(documents_.ReadAll("dataset")->front().body, Body(2));
    EXPECT_EQ(VersionsOf(documents_.History("dataset", "people")), Versions{1});
    Damage(3, [&](const std::string&) { return whole; });
  }
}

TEST_F(DocumentStoreTest, WritesAboveADamagedVersion) {
  WriteVersions(3);
  Damage(3, FlipByte);
  EXPECT_EQ(documents_.Write("dataset", "people", 3, Body(4)).status().code(),
            StatusCode::kConflict);
  EXPECT_EQ(*documents_.Write("dataset", "people", 2, Body(4)), 4u);
  EXPECT_EQ(documents_.Read("dataset", "people")->body, Body(4));
  EXPECT_EQ(VersionsOf(documents_.History("dataset", "people")), (Versions{2, 1}));
  EXPECT_EQ(StoredVersions(), (Versions{1, 2, 3, 4})) << "damage is evidence";
}

TEST_F(DocumentStoreTest, RefusesToGuessWhenEveryVersionIsDamaged) {
  WriteVersions(2);
  ASSERT_TRUE(documents_.Write("dataset", "sound", 0, Body(1)).ok());
  Damage(1, FlipByte);
  Damage(2, FlipByte);
  EXPECT_EQ(documents_.Read("dataset", "people").status().code(), StatusCode::kInternal);
  EXPECT_EQ(documents_.Write("dataset", "people", 0, Body(9)).status().code(),
            StatusCode::kInternal);
  EXPECT_EQ(documents_.ReadAll("dataset")->size(), 1u);
}

TEST_F(DocumentStoreTest, NeverShowsAnOldVersionBecauseTheNewestCannotBeRead) {
  WriteVersions(3);
  store_.AddFault({.call = StoreCall::kGet});
  EXPECT_EQ(documents_.Read("dataset", "people").status().code(), StatusCode::kUnavailable);
  store_.AddFault({.call = StoreCall::kGet});
  EXPECT_EQ(documents_.ReadAll("dataset").status().code(), StatusCode::kUnavailable);
}

TEST_F(DocumentStoreTest, NeverTakesAShortReadForDamage) {
  WriteVersions(3);
  store_.AddFault({.call = StoreCall::kGet, .effect = StoreFault::Effect::kShortRead});
  EXPECT_EQ(documents_.Read("dataset", "people").status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(documents_.Read("dataset", "people")->version, 3u);
}

TEST_F(DocumentStoreTest, NeverShowsAnOldVersionInsteadOfANewerFormat) {
  WriteVersions(2);
  const std::string sealed = "{\"lakehouse_document\":2";
  ASSERT_TRUE(store_
                  .Put(DocumentKey("dataset", "people", 3),
                       StrCat(sealed, ",\"sha256\":\"", Sha256Hex(sealed), "\"}\n"))
                  .ok());
  EXPECT_EQ(documents_.Read("dataset", "people").status().code(), StatusCode::kInternal);
  EXPECT_EQ(documents_.Write("dataset", "people", 2, Body(9)).status().code(),
            StatusCode::kInternal);
}

TEST_F(DocumentStoreTest, PassesOverForeignObjects) {
  WriteVersions(1);
  for (const std::string name : {"2.json", "99999999999999999999.json", "notes.txt",
                                 "00000000000000000009.json.bak", "x/00000000000000000009.json"}) {
    ASSERT_TRUE(store_.Put("_catalog/dataset/people/" + name, "foreign").ok());
  }
  ASSERT_TRUE(store_.Put("_catalog/dataset/UPPER/00000000000000000001.json", "foreign").ok());
  EXPECT_EQ(documents_.Read("dataset", "people")->version, 1u);
  EXPECT_EQ(documents_.ReadAll("dataset")->size(), 1u);
  EXPECT_EQ(*documents_.Write("dataset", "people", 1, Body(2)), 2u);
}

TEST_F(DocumentStoreTest, HistoryLeavesOutAVersionThatIsNotTheOneReplaced) {
  WriteVersions(3);
  DocumentVersion forged = *DecodeDocument(*store_.Get(DocumentKey("dataset", "people", 2)));
  forged.body = Body(99);
  ASSERT_TRUE(store_.Put(DocumentKey("dataset", "people", 2), EncodeDocument(forged)).ok());
  EXPECT_EQ(VersionsOf(documents_.History("dataset", "people")), Versions{1});
}

TEST_F(DocumentStoreTest, ReadsWhatWasTrueSince) {
  const Timestamp start = clock_.Now();
  const auto at = [&](int64_t seconds) { return Timestamp{start.micros + seconds * 1'000'000}; };
  WriteVersions(3);  // At seconds 0, 1 and 2; now it is 3.
  EXPECT_EQ(VersionsOf(documents_.ReadSince("dataset", "people", at(0))), (Versions{3, 2, 1}));
  EXPECT_EQ(VersionsOf(documents_.ReadSince("dataset", "people", at(2))), (Versions{3, 2}));
  EXPECT_EQ(VersionsOf(documents_.ReadSince("dataset", "people", at(3))), Versions{3});
  ASSERT_TRUE(documents_.Delete("dataset", "people", 3).ok());
  EXPECT_EQ(VersionsOf(documents_.ReadSince("dataset", "people", at(3))), Versions{3});
  EXPECT_EQ(VersionsOf(documents_.ReadSince("dataset", "people", at(4))), Versions{});
  EXPECT_EQ(VersionsOf(documents_.ReadSince("dataset", "jobs", at(0))), Versions{});
}

// Fails every store call of a Write in turn, before it happens and after, once and for good.
TEST_F(DocumentStoreTest, EveryFaultOfAWriteLeavesOldOrNewAndWhole) {
  using Effect = StoreFault::Effect;
  for (const Effect effect : {Effect::kBefore, Effect::kAfter, Effect::kShortRead}) {
    for (const StatusCode code : {StatusCode::kUnavailable, StatusCode::kCommitStateUnknown,
                                  StatusCode::kInternal, StatusCode::kResourceExhausted}) {
      for (const uint64_t repeat : {uint64_t{1}, UINT64_MAX}) {
        bool fired = true;
        for (uint64_t ordinal = 1; fired; ++ordinal) {
          SCOPED_TRACE(StrCat("effect ", static_cast<int>(effect), " code ", StatusCodeName(code),
                              " call ", ordinal));
          FaultyStore store(NewMemoryStore());
          DocumentStore documents(store, 2);
          ASSERT_TRUE(documents.Write("dataset", "people", 0, Body(1)).ok());
          ASSERT_TRUE(documents.Write("dataset", "people", 1, Body(2)).ok());
          const uint64_t calls = store.calls();
          store.AddFault({.ordinal = ordinal,
                          .repeat = repeat,
                          .effect = effect,
                          .status = Status(code, "injected")});
          const auto written = documents.Write("dataset", "people", 2, Body(3));
          fired = store.calls() - calls >= ordinal;
          store.ClearFaults();

          const auto read = documents.Read("dataset", "people");
          ASSERT_TRUE(read.ok()) << read.status().ToString();
          if (written.ok()) {
            EXPECT_EQ(read->version, *written);
            EXPECT_EQ(read->body, Body(3));
          } else {
            EXPECT_TRUE(read->body == Body(2) || read->body == Body(3));
            EXPECT_NE(written.status().code(), StatusCode::kConflict) << "nobody else wrote";
          }
          const uint64_t next = read->version;
          EXPECT_TRUE(documents.Write("dataset", "people", next, Body(4)).ok());
        }
      }
    }
  }
}

TEST_F(DocumentStoreTest, TakesItsOwnLostAnswerForSuccess) {
  for (const StatusCode code :
       {StatusCode::kUnavailable, StatusCode::kCommitStateUnknown, StatusCode::kConflict}) {
    const uint64_t version = documents_.Read("dataset", "people").value_or({}).version;
    store_.AddFault({.call = StoreCall::kPut,
                     .effect = StoreFault::Effect::kAfter,
                     .status = Status(code, "lost")});
    const auto written = documents_.Write("dataset", "people", version, Body(1));
    ASSERT_TRUE(written.ok()) << written.status().ToString();
    EXPECT_EQ(*written, version + 1);
  }
}

TEST_F(DocumentStoreTest, SaysThatItCannotTell) {
  store_.AddFault({.call = StoreCall::kPut,
                   .effect = StoreFault::Effect::kAfter,
                   .status = CommitStateUnknown("lost")});
  store_.AddFault({.call = StoreCall::kGet});
  EXPECT_EQ(documents_.Write("dataset", "people", 0, Body(1)).status().code(),
            StatusCode::kCommitStateUnknown);
}

// Runs something before its first put.
class HeldUpStore : public FaultyStore {
 public:
  using FaultyStore::FaultyStore;
  std::function<void()> before_put;
  Result<ObjectInfo> Put(std::string_view key, std::string_view bytes,
                         const PutCondition& condition) override {
    if (auto run = std::exchange(before_put, nullptr)) run();
    return FaultyStore::Put(key, bytes, condition);
  }
};

// A store whose reads wait until a number of them have come.
class MeetingStore : public FaultyStore {
 public:
  explicit MeetingStore(int expected) : FaultyStore(NewMemoryStore()), expected_(expected) {}
  Result<std::string> Get(std::string_view key, ByteRange range) const override {
    ++came_;
    while (came_ < expected_) std::this_thread::yield();
    return FaultyStore::Get(key, range);
  }

 private:
  const int expected_;
  mutable std::atomic<int> came_{0};
};

TEST(DocumentStoreManyTest, ReadsSideBySideAndInOrder) {
  // One reader after the other would never meet.
  MeetingStore store(16);
  DocumentStore documents(store);
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(documents.Write("dataset", StrCat("d", 100 + i), 0, Body(i)).ok());
  }
  const auto all = documents.ReadAll("dataset");
  ASSERT_TRUE(all.ok()) << all.status().ToString();
  ASSERT_EQ(all->size(), 100u);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ((*all)[static_cast<size_t>(i)].name, StrCat("d", 100 + i));
    EXPECT_EQ((*all)[static_cast<size_t>(i)].body, Body(i));
  }
}

TEST(DocumentStoreManyTest, AnyReadThatFailsFailsAll) {
  FaultyStore store(NewMemoryStore());
  DocumentStore documents(store);
  for (int i = 0; i < 40; ++i) {
    ASSERT_TRUE(documents.Write("dataset", StrCat("d", i), 0, Body(i)).ok());
  }
  for (uint64_t ordinal = 1; ordinal <= 40; ++ordinal) {
    store.AddFault({.call = StoreCall::kGet, .ordinal = ordinal});
    EXPECT_EQ(documents.ReadAll("dataset").status().code(), StatusCode::kUnavailable);
    store.ClearFaults();
  }
  EXPECT_EQ(documents.ReadAll("dataset")->size(), 40u);
}

TEST(DocumentStoreRaceTest, AWriterThatComesFarTooLateSeesConflict) {
  for (const int others : {1, 2, 3, 10}) {
    HeldUpStore store(NewMemoryStore());
    DocumentStore documents(store, 2);
    ASSERT_TRUE(documents.Write("dataset", "people", 0, Body(0)).ok());
    store.before_put = [&] {
      for (int i = 0; i < others; ++i) {
        ASSERT_TRUE(
            documents.Write("dataset", "people", static_cast<uint64_t>(i) + 1, Body(i)).ok());
      }
    };
    EXPECT_EQ(documents.Write("dataset", "people", 1, Body(99)).status().code(),
              StatusCode::kConflict)
        << others;
    EXPECT_EQ(documents.Read("dataset", "people")->body, Body(others - 1));
  }
}

}  // namespace

}  // namespace lakehouse::storage
