// Which addresses and hosts are this machine.
#pragma once

#include <string>

#include <sys/socket.h>

namespace lakehouse::net {

// Whether nothing sent there leaves the machine: 127.0.0.0/8, ::1, or the former inside IPv6.
bool IsLoopback(const sockaddr& address);

// Whether every address of a host, as ClientUrl has it, is a loopback one. "localhost" is, whatever
// it resolves to (RFC 6761); a host that cannot be resolved is not. Asks the system's resolver for
// other names and blocks until it answers.
bool IsThisMachine(const std::string& host);

}  // namespace lakehouse::net
