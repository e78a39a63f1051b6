// The contract of the server as an OpenAPI 3.1 document, generated from the route table.
#pragma once

#include "base/json.h"
#include "net/router.h"

namespace lakehouse::gateway {

Json OpenApiDocument(const net::Router& router);

}  // namespace lakehouse::gateway
