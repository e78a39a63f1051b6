// DuckDB's errors as ours.
#pragma once

#include <exception>
#include <string>

#include "base/cancel.h"
#include "base/ids.h"
#include "base/status.h"
#include "duckdb.hpp"

namespace lakehouse::sql {

// Translates an error. What the writer of the SQL can mend keeps DuckDB's text, without paths;
// everything else gets a text of ours and goes to the log as it was. An interrupted statement
// becomes what `cancel` says.
Status FromError(const duckdb::ErrorData& error, const CancelToken& cancel = {});
Status FromException(const std::exception& exception, const CancelToken& cancel = {});

// Throws a text that FromError gives back as it is, as kUnavailable.
[[noreturn]] void ThrowUnavailable(const std::string& text);

// Throws what reading an object from storage came to, so that FromError gives it back: kInternal
// stays, everything else is kUnavailable, for whoever asks can only try again. `what` says what
// could not be done, without a path.
[[noreturn]] void ThrowStorageError(const Status& error, const std::string& what,
                                    const BucketName& bucket);

}  // namespace lakehouse::sql
