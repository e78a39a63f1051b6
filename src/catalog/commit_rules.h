// What a commit must fulfil, and the dataset that comes of it. Pure functions.
#pragma once

#include <string_view>

#include "base/clock.h"
#include "base/status.h"
#include "catalog/catalog.h"

namespace lakehouse::catalog {

// True for "data/<dataset>/data/<file>.parquet" and nothing else: what is not ours is never
// deleted.
bool IsDataFileKey(std::string_view key);

// Checks what a commit says for itself: file keys, no file or column twice, text in UTF-8.
Status CheckCommit(const DatasetCommit& commit);

// Checks a commit against the dataset as it is; null when it does not exist. kConflict or
// kInvalidArgument.
Status CheckApplies(const DatasetCommit& commit, const Dataset* current);

// True when the dataset names every file of a commit that has any: the commit was applied before
// and its answer was lost. Files have unique names, so nobody else can have committed them.
bool WasApplied(const DatasetCommit& commit, const Dataset* current);

// The dataset after `commit`, still with the version that it replaces.
Dataset ApplyCommit(const DatasetCommit& commit, const Dataset* current, Timestamp now);

}  // namespace lakehouse::catalog
