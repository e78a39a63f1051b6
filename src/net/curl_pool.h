// The libcurl handles of one HttpClient and the connections they keep alive.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <curl/curl.h>

#include "base/mutex.h"

namespace lakehouse::net {

struct CurlEasyDeleter {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct CurlMultiDeleter {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};
struct CurlShareDeleter {
  void operator()(CURLSH* share) const { curl_share_cleanup(share); }
};

// One transfer at a time, and at most one connection. The multi handle owns the connection, and
// lets its owner decide how long a wait may be.
struct CurlSlot {
  std::unique_ptr<CURLM, CurlMultiDeleter> multi;  // Outlives `easy`.
  std::unique_ptr<CURL, CurlEasyDeleter> easy;
  std::string origin;
  curl_socket_t socket = CURL_SOCKET_BAD;  // Of the connection, while it is idle.
};

// Hands out slots and keeps idle ones. Thread-safe.
//
// Invariants
// 1. A slot is idle or belongs to one transfer.
// 2. An idle connection is used again only while its peer has sent nothing since the last answer:
//    an end of stream, and bytes that the next request would take for its own answer, cost a new
//    connection.
class CurlPool {
 public:
  explicit CurlPool(size_t max_idle);

  // Returns a slot for `origin`, with a connection where an idle one is fit for use.
  CurlSlot Take(const std::string& origin);
  // Takes a slot back after its transfer; closes the one that was idle longest when they are too
  // many.
  void Give(CurlSlot slot);

 private:
  static void LockShare(CURL*, curl_lock_data data, curl_lock_access, void* pool);
  static void UnlockShare(CURL*, curl_lock_data data, void* pool);

  // libcurl locks and unlocks through callbacks, which no analysis follows: plain mutexes.
  std::array<std::mutex, CURL_LOCK_DATA_LAST> share_mutexes_;
  // Names that were resolved and TLS sessions to resume, for all slots.
  std::unique_ptr<CURLSH, CurlShareDeleter> share_;
  const size_t max_idle_;
  Mutex mutex_;
  std::vector<CurlSlot> idle_ GUARDED_BY(mutex_);  // The longest idle first.
};

}  // namespace lakehouse::net
