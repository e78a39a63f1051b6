// From a request for an index to the index that would be built, with everything checked that can be
// checked before the work starts.
#pragma once

#include "ai/embedding_space.h"
#include "base/clock.h"
#include "base/status.h"
#include "catalog/dataset.h"
#include "search/index.h"

namespace lakehouse::search {

// The index before its first row, but for duplicate ids; its name is `name`. kInvalidArgument names
// the field and what was expected, a column with the nearest one there is.
Result<IndexInfo> PlanIndex(const CreateIndexRequest& request, const IndexName& name,
                            const catalog::Dataset& dataset, const ai::EmbeddingSpace& space,
                            Timestamp now);

// "{source}_v{n}". kInvalidArgument when the source's name is too long for that.
Result<IndexName> DefaultIndexName(const DatasetName& source, int n);

// Ok when building `planned` can go on with what `existing` has; else kConflict says what differs.
Status CheckResumable(const IndexInfo& existing, const IndexInfo& planned);

}  // namespace lakehouse::search
