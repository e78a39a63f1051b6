#include "net/loopback.h"

#include <cstdint>
#include <cstring>
#include <memory>

#include <netdb.h>
#include <netinet/in.h>

#include "base/strings.h"

namespace lakehouse::net {
namespace {

struct AddressListDeleter {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};

}  // namespace

bool IsLoopback(const sockaddr& address) {
  static constexpr uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  static constexpr uint8_t kLoopback[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  uint8_t bytes[16];
  if (address.sa_family == AF_INET) {
    std::memcpy(bytes, &reinterpret_cast<const sockaddr_in&>(address).sin_addr, 4);
    return bytes[0] == 127;
  }
  if (address.sa_family != AF_INET6) return false;
  std::memcpy(bytes, &reinterpret_cast<const sockaddr_in6&>(address).sin6_addr, 16);
  return std::memcmp(bytes, kLoopback, 16) == 0 ||
         (std::memcmp(bytes, kMapped, 12) == 0 && bytes[12] == 127);
}

bool IsThisMachine(const std::string& host) {
  if (EqualsIgnoreCase(host, "localhost")) return true;
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  const std::string name = bracketed ? host.substr(1, host.size() - 2) : host;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(name.c_str(), nullptr, &hints, &found) != 0) return false;
  const std::unique_ptr<addrinfo, AddressListDeleter> list(found);
  for (const addrinfo* entry = list.get(); entry != nullptr; entry = entry->ai_next) {
    if (!IsLoopback(*entry->ai_addr)) return false;
  }
  return list != nullptr;
}

}  // namespace lakehouse::net
