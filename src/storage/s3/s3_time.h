// The three ways in which S3 writes a time. All of them are cut to whole seconds, so that what a
// listing says equals what a HEAD says.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace lakehouse::storage {

// "20130524T000000Z": the form that requests are signed with; its first 8 characters are the date.
std::string FormatAmzTime(Timestamp time);

// Reads "Fri, 24 May 2013 00:00:00 GMT" (RFC 9110 section 5.6.7, IMF-fixdate); nullopt for anything
// else.
std::optional<Timestamp> ParseHttpDate(std::string_view text);

// Reads "2013-05-24T00:00:00Z", with or without a fraction of a second; nullopt for anything else.
std::optional<Timestamp> ParseIsoTime(std::string_view text);

}  // namespace lakehouse::storage
