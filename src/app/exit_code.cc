#include "app/exit_code.h"

namespace lakehouse::app {

int ExitCodeFor(StatusCode code) {
  switch (code) {
    case StatusCode::kOk:
      return 0;
    case StatusCode::kInvalidArgument:
      return 2;
    case StatusCode::kNotFound:
      return 3;
    case StatusCode::kConflict:
      return 4;
    case StatusCode::kOutOfScope:
    case StatusCode::kUnauthenticated:
    case StatusCode::kPermissionDenied:
      return 5;
    case StatusCode::kUnavailable:
      return 6;
    case StatusCode::kResourceExhausted:
    case StatusCode::kDeadlineExceeded:
    case StatusCode::kCancelled:
    case StatusCode::kCommitStateUnknown:
    case StatusCode::kInternal:
      return 1;
  }
  CHECK(false);
}

}  // namespace lakehouse::app
