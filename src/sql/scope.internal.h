// What one DuckDB connection may open and see. The only authority that the file systems ask.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"
#include "catalog/catalog.h"
#include "duckdb.hpp"
#include "duckdb/main/client_context_state.hpp"
#include "storage/object_reader.h"

namespace lakehouse::sql {

// Hangs on a ClientContext as registered state; a context without one may open nothing.
// Thread-safe. Invariants:
// 1. A query's datasets are those of one moment: the list it was made with.
// 2. A query opens only the objects of datasets that it named and that were in that list.
class Scope : public duckdb::ClientContextState {
 public:
  // For connections that run only SQL of our own.
  static duckdb::shared_ptr<Scope> Trusted();
  // For SQL from outside. `datasets` is sorted by name, as Catalog::List gives it. `catalog`, which
  // outlives the scope, says why another one is missing; null: it does not exist.
  static duckdb::shared_ptr<Scope> ForQuery(std::vector<catalog::DatasetPtr> datasets,
                                            const catalog::Catalog* catalog = nullptr);

  // The scope of a connection, or null. The pointer lives as long as the connection.
  static Scope* Find(duckdb::ClientContext& context);
  static Scope* Find(duckdb::optional_ptr<duckdb::FileOpener> opener);
  // Makes `scope` the scope of a connection. REQUIRES: it has none yet.
  static void Attach(duckdb::ClientContext& context, duckdb::shared_ptr<Scope> scope);

  bool trusted() const { return trusted_; }
  const std::vector<catalog::DatasetPtr>& datasets() const { return datasets_; }
  // Finds a dataset by its name in any case and permits its objects; null when there is none.
  const catalog::Dataset* Resolve(std::string_view name);
  // What the catalog says of a name that Resolve did not find: kUnavailable when the dataset may be
  // in a bucket that could not be read yet.
  Status WhyMissing(std::string_view name) const;
  bool MayRead(const std::string& lake_path) const;
  // What the catalog says of an object's size; nullopt where only the SQL names the object.
  std::optional<uint64_t> SizeOf(const std::string& lake_path) const;
  // The buckets that were read in place of others so far.
  storage::RescueTrace& rescue_trace() { return rescue_trace_; }

  // Set by the gate once it has seen and accepted the bound plan.
  bool plan_approved = false;

  Scope(bool trusted, std::vector<catalog::DatasetPtr> datasets, const catalog::Catalog* catalog)
      : trusted_(trusted), datasets_(std::move(datasets)), catalog_(catalog) {}

 private:
  const bool trusted_;
  const std::vector<catalog::DatasetPtr> datasets_;
  const catalog::Catalog* const catalog_;
  mutable Mutex mutex_;
  std::unordered_map<std::string, uint64_t> readable_ GUARDED_BY(mutex_);  // With their sizes.
  storage::RescueTrace rescue_trace_;
};

}  // namespace lakehouse::sql
