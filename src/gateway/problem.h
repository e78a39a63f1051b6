// Errors as application/problem+json (RFC 9457).
#pragma once

#include <string_view>

#include "base/status.h"
#include "net/http_message.h"

namespace lakehouse::gateway {

// The HTTP status of a code: the only place that decides it. REQUIRES: not kOk.
int HttpStatusOf(StatusCode code);

// Renders an error. The text of kInternal is logged under the request's id and not sent.
net::Response ProblemFromStatus(const Status& status, std::string_view request_id);

// The body is larger than a route takes: 413.
net::Response TooLarge(std::string_view detail, std::string_view request_id);

}  // namespace lakehouse::gateway
