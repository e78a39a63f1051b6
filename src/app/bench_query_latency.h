// How long a query waits, alone and beside a job that embeds documents.
#pragma once

#include <span>
#include <string>

#include "ai/embedding_model.h"
#include "base/json.h"
#include "base/status.h"

namespace lakehouse::app {

// Embeds queries of 12 tokens, which begin texts of `texts`, five a second: for some seconds with
// nothing else to do, then for some while another thread embeds `texts` over and over; before and
// between them the documents alone. Takes about 45 s. kInvalidArgument when no text begins with 12
// tokens at the end of a word.
Result<Json> MeasureQueryLatency(ai::EmbeddingModel& model, std::span<const std::string> texts);

}  // namespace lakehouse::app
