// Wakes a coroutine from any thread.
#pragma once

#include <atomic>
#include <memory>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace lakehouse::net {

// An event that resets itself, with one waiter. Owned by shared_ptr, because a notification on its
// way holds it.
class AsyncSignal : public std::enable_shared_from_this<AsyncSignal> {
 public:
  // `strand` is where the waiter runs.
  explicit AsyncSignal(const boost::asio::any_io_executor& strand)
      : timer_(strand, boost::asio::steady_timer::time_point::max()) {}

  // Thread-safe; never blocks.
  void Notify() {
    if (posted_.exchange(true)) return;
    boost::asio::post(timer_.get_executor(), [self = shared_from_this()] {
      self->posted_ = false;
      self->set_ = true;
      self->timer_.cancel();
    });
  }

  // Returns once Notify was called after the last Wait returned. REQUIRES: on the strand.
  boost::asio::awaitable<void> Wait() {
    while (!set_) {
      co_await timer_.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
    }
    set_ = false;
  }

 private:
  boost::asio::steady_timer timer_;
  std::atomic<bool> posted_{false};
  bool set_ = false;
};

}  // namespace lakehouse::net
