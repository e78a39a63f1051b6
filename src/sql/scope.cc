#include <algorithm>

#include "base/strings.h"
#include "duckdb/common/file_opener.hpp"
#include "sql/engine.h"
#include "sql/scope.internal.h"

namespace lakehouse::sql {

namespace {
constexpr const char* kStateKey = "lakehouse_scope";
}  // namespace

duckdb::shared_ptr<Scope> Scope::Trusted() {
  return duckdb::make_shared_ptr<Scope>(true, std::vector<catalog::DatasetPtr>(), nullptr);
}

duckdb::shared_ptr<Scope> Scope::ForQuery(std::vector<catalog::DatasetPtr> datasets,
                                          const catalog::Catalog* catalog) {
  return duckdb::make_shared_ptr<Scope>(false, std::move(datasets), catalog);
}

Scope* Scope::Find(duckdb::ClientContext& context) {
  return context.registered_state->Get<Scope>(kStateKey).get();
}

Scope* Scope::Find(duckdb::optional_ptr<duckdb::FileOpener> opener) {
  auto context = duckdb::FileOpener::TryGetClientContext(opener);
  return context ? Find(*context) : nullptr;
}

void Scope::Attach(duckdb::ClientContext& context, duckdb::shared_ptr<Scope> scope) {
  CHECK(Find(context) == nullptr);
  context.registered_state->Insert(kStateKey, std::move(scope));
}

const catalog::Dataset* Scope::Resolve(std::string_view name) {
  const std::string wanted = ToLowerAscii(name);
  const auto found =
      std::lower_bound(datasets_.begin(), datasets_.end(), wanted,
                       [](const catalog::DatasetPtr& dataset, const std::string& text) {
                         return dataset->name.str() < text;
                       });
  if (found == datasets_.end() || (*found)->name.str() != wanted) return nullptr;
  const catalog::Dataset& dataset = **found;
  MutexLock lock(mutex_);
  for (const catalog::DataFile& file : dataset.files) {
    readable_.emplace(LakePath(dataset.bucket, file.key), file.size_bytes);
  }
  return &dataset;
}

Status Scope::WhyMissing(std::string_view name) const {
  const auto dataset = DatasetName::Parse(ToLowerAscii(name));
  TRY(dataset.status());
  if (catalog_ == nullptr) return NotFound("there is no dataset ", *dataset);
  return catalog_->Get(*dataset).status();
}

bool Scope::MayRead(const std::string& lake_path) const {
  if (trusted_) return true;
  MutexLock lock(mutex_);
  return readable_.contains(lake_path);
}

std::optional<uint64_t> Scope::SizeOf(const std::string& lake_path) const {
  MutexLock lock(mutex_);
  const auto found = readable_.find(lake_path);
  return found == readable_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace lakehouse::sql
