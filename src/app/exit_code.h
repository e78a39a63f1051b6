// Exit codes of the command line, as API.md fixes them.
#pragma once

#include "base/status.h"

namespace lakehouse::app {

// 0 done, 1 failed, 2 wrong use or bad input, 3 not found, 4 conflict, 5 refused, 6 unavailable.
int ExitCodeFor(StatusCode code);

}  // namespace lakehouse::app
