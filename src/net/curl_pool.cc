#include "net/curl_pool.h"

#include <algorithm>
#include <utility>

#include <poll.h>

#include "base/check.h"

namespace lakehouse::net {
namespace {

bool HasUnreadBytesOrEnd(curl_socket_t socket) {
  pollfd waiting{.fd = socket, .events = POLLIN, .revents = 0};
  return poll(&waiting, 1, 0) != 0;
}

}  // namespace

CurlPool::CurlPool(size_t max_idle) : max_idle_(max_idle) {
  static std::once_flag once;
  std::call_once(once, [] { CHECK(curl_global_init(CURL_GLOBAL_ALL) == CURLE_OK); });
  share_.reset(curl_share_init());
  CHECK(share_ != nullptr);
  CHECK(curl_share_setopt(share_.get(), CURLSHOPT_USERDATA, this) == CURLSHE_OK);
  CHECK(curl_share_setopt(share_.get(), CURLSHOPT_LOCKFUNC, LockShare) == CURLSHE_OK);
  CHECK(curl_share_setopt(share_.get(), CURLSHOPT_UNLOCKFUNC, UnlockShare) == CURLSHE_OK);
  CHECK(curl_share_setopt(share_.get(), CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS) == CURLSHE_OK);
  CHECK(curl_share_setopt(share_.get(), CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION) == CURLSHE_OK);
}

void CurlPool::LockShare(CURL*, curl_lock_data data, curl_lock_access, void* pool) {
  static_cast<CurlPool*>(pool)->share_mutexes_[data].lock();
}

void CurlPool::UnlockShare(CURL*, curl_lock_data data, void* pool) {
  static_cast<CurlPool*>(pool)->share_mutexes_[data].unlock();
}

CurlSlot CurlPool::Take(const std::string& origin) {
  CurlSlot slot;
  {
    const MutexLock lock(mutex_);
    const auto last = std::find_if(idle_.rbegin(), idle_.rend(), [&](const CurlSlot& candidate) {
      return candidate.origin == origin;
    });
    if (last != idle_.rend()) {
      slot = std::move(*last);
      idle_.erase(std::next(last).base());
    }
  }
  if (slot.easy == nullptr) {
    slot.multi.reset(curl_multi_init());
    slot.easy.reset(curl_easy_init());
    CHECK(slot.multi != nullptr && slot.easy != nullptr);
    CHECK(curl_multi_setopt(slot.multi.get(), CURLMOPT_MAXCONNECTS, 1L) == CURLM_OK);
    CHECK(curl_easy_setopt(slot.easy.get(), CURLOPT_SHARE, share_.get()) == CURLE_OK);
    slot.origin = origin;
  }
  // libcurl 7.88 itself notices only an end of stream.
  if (slot.socket != CURL_SOCKET_BAD && HasUnreadBytesOrEnd(slot.socket)) {
    curl_easy_setopt(slot.easy.get(), CURLOPT_FRESH_CONNECT, 1L);
  }
  slot.socket = CURL_SOCKET_BAD;
  return slot;
}

void CurlPool::Give(CurlSlot slot) {
  curl_easy_reset(slot.easy.get());  // Drops every pointer into the transfer; keeps the connection.
  CurlSlot surplus;                  // Closed without the lock: TLS says goodbye.
  const MutexLock lock(mutex_);
  idle_.push_back(std::move(slot));
  if (idle_.size() > max_idle_) {
    surplus = std::move(idle_.front());
    idle_.erase(idle_.begin());
  }
}

}  // namespace lakehouse::net
