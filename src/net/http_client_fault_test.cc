// What the client says when names, connections and answers fail, and how far it says it came.

#include <atomic>
#include <chrono>
#include <latch>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/http_client.h"
#include "net/scripted_server.h"

namespace lakehouse::net {
namespace {

using testing::Answer;
using ::testing::HasSubstr;
using testing::LoopbackSocket;
using ::testing::Not;
using testing::Peer;
using testing::ScriptedServer;

constexpr int64_t kFarOffMs = 60'000;

ClientRequest Get(std::string url) {
  ClientRequest request;
  request.url = std::move(url);
  return request;
}

ClientRequest Put(std::string url, std::string body) {
  ClientRequest request = Get(std::move(url));
  request.method = Method::kPut;
  request.body_size = static_cast<int64_t>(body.size());
  request.body = std::make_unique<StringSource>(std::move(body));
  return request;
}

struct Outcome {
  Status status;
  TransferPhase reached = TransferPhase::kDone;
};

Outcome Try(HttpClient& client, ClientRequest request, const BodySink& sink = {}) {
  Outcome outcome;
  outcome.status = client.Fetch(std::move(request), sink, &outcome.reached).status();
  return outcome;
}

Outcome Try(ClientRequest request, HttpClientOptions options = {}) {
  HttpClient client(std::move(options));
  return Try(client, std::move(request));
}

void ExpectOutcome(const Outcome& outcome, StatusCode code, TransferPhase reached,
                   const std::string& words) {
  EXPECT_EQ(outcome.status.code(), code) << outcome.status.ToString();
  EXPECT_EQ(outcome.reached, reached) << outcome.status.ToString();
  EXPECT_THAT(outcome.status.message(), HasSubstr(words));
}

HttpClientOptions Patient() {
  HttpClientOptions options;
  options.connect_timeout_ms = kFarOffMs;
  return options;
}

// Has a port whose connections are never accepted: what comes after the first few is not answered.
class DeafPort {
 public:
  DeafPort() : listener_(0) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(listener_.port());
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int& socket : sockets_) {
      socket = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
      (void)connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof(address));
    }
  }
  ~DeafPort() {
    for (const int socket : sockets_) close(socket);
  }
  std::string Url() const { return listener_.Url("/"); }

 private:
  LoopbackSocket listener_;
  int sockets_[4];
};

TEST(HttpClientFaultTest, AnUnknownHostIsNotResolved) {
  // A label of 64 letters is in no name server.
  const std::string host(64, 'x');
  ExpectOutcome(Try(Get(StrCat("http://", host, "/")), Patient()), StatusCode::kUnavailable,
                TransferPhase::kResolve, StrCat("cannot resolve host ", host));
}

TEST(HttpClientFaultTest, AClosedPortRefusesTheConnection) {
  const LoopbackSocket port(-1);
  ExpectOutcome(Try(Get(port.Url("/"))), StatusCode::kUnavailable, TransferPhase::kConnect,
                StrCat("connection refused by 127.0.0.1:", port.port()));
}

TEST(HttpClientFaultTest, AConnectionThatNobodyAcceptsTimesOut) {
  const DeafPort port;
  HttpClientOptions options;
  options.connect_timeout_ms = 100;
  ExpectOutcome(Try(Get(port.Url()), options), StatusCode::kDeadlineExceeded,
                TransferPhase::kConnect, "connecting to 127.0.0.1");
  ClientRequest brief = Get(port.Url());
  brief.timeout_ms = 90;
  ExpectOutcome(Try(std::move(brief), Patient()), StatusCode::kDeadlineExceeded,
                TransferPhase::kConnect, "(90 ms)");
}

TEST(HttpClientFaultTest, MessagesHoldNoCredentials) {
  const LoopbackSocket port(-1);
  const std::string url =
      StrCat("http://someone:hush@127.0.0.1:", port.port(), "/bucket/key?X-Amz-Signature=hush");
  const ScriptedServer server([](Peer& peer, int) { peer.ReadRequest(); });
  const std::string broken =
      StrCat("http://someone:hush@127.0.0.1:", server.port(), "/bucket/key?X-Amz-Signature=hush");
  const std::string malformed = "http://someone:hu/sh@host:port/?hush";
  for (const std::string& target : {url, broken, malformed}) {
    const Status status = Try(Get(target)).status;
    EXPECT_FALSE(status.ok());
    EXPECT_THAT(status.message(), Not(HasSubstr("hush")));
    EXPECT_THAT(status.message(), Not(HasSubstr("hu/sh")));
    EXPECT_THAT(status.message(), Not(HasSubstr("someone")));
  }
  EXPECT_THAT(Try(Get(broken)).status.message(), HasSubstr("/bucket/key"));
}

TEST(HttpClientFaultTest, LinkLocalAddressesAreRefusedInEveryForm) {
  HttpClientOptions options;
  options.refuse_link_local = true;
  for (const std::string host :
       {"169.254.169.254", "2852039166", "0xa9fea9fe", "[fe80::1]", "[febf::1]", "[fd00:ec2::254]",
        "[::ffff:169.254.1.2]", "[64:ff9b::a9fe:102]"}) {
    ExpectOutcome(Try(Get(StrCat("http://", host, "/")), options), StatusCode::kPermissionDenied,
                  TransferPhase::kConnect, "link-local");
  }
  const ScriptedServer server([](Peer& peer, int) {
    peer.ReadRequest();
    peer.Send(Answer("fine"));
  });
  EXPECT_TRUE(Try(Get(server.Url()), options).status.ok());
  const LoopbackSocket port(-1);
  ExpectOutcome(Try(Get(port.Url("/")), options), StatusCode::kUnavailable, TransferPhase::kConnect,
                "connection refused");
}

TEST(HttpClientFaultTest, AConnectionThatClosesBeforeTheRequestIsReadMayHaveSentIt) {
  const ScriptedServer server([](Peer&, int) {});
  for (int round = 0; round < 10; ++round) {
    const Outcome outcome = Try(Get(server.Url()));
    EXPECT_EQ(outcome.status.code(), StatusCode::kUnavailable);
    EXPECT_GE(outcome.reached, TransferPhase::kSend);
    EXPECT_LT(outcome.reached, TransferPhase::kDone);
  }
}

TEST(HttpClientFaultTest, AResetAfterTheRequestIsNoAnswer) {
  const ScriptedServer server([](Peer& peer, int) {
    peer.ReadRequest();
    peer.ResetWhenClosed();
  });
  ExpectOutcome(Try(Put(server.Url(), "text")), StatusCode::kUnavailable, TransferPhase::kAnswer,
                "broke before the end of the answer");
  ExpectOutcome(Try(Get(server.Url())), StatusCode::kUnavailable, TransferPhase::kAnswer,
                "broke before the end of the answer");
}

TEST(HttpClientFaultTest, AResetAmidTheRequestIsSaidToHaveBeenSending) {
  const ScriptedServer server([](Peer& peer, int) {
    peer.ReadHead();
    peer.ResetWhenClosed();
  });
  // More than any socket buffers.
  ExpectOutcome(Try(Put(server.Url(), std::string(64 << 20, 'x'))), StatusCode::kUnavailable,
                TransferPhase::kSend, "broke before the request was sent");
}

TEST(HttpClientFaultTest, ATruncatedAnswerIsUnavailable) {
  for (const std::string answer :
       {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", "HTTP/1.1 200 OK\r\nContent-Le",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 2", "H",
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nha"}) {
    for (const bool reset : {false, true}) {
      const ScriptedServer server([&](Peer& peer, int) {
        peer.ReadRequest();
        peer.Send(answer);
        if (reset) peer.ResetWhenClosed();
      });
      const Outcome outcome = Try(Get(server.Url()));
      EXPECT_EQ(outcome.status.code(), StatusCode::kUnavailable) << answer;
      EXPECT_EQ(outcome.reached, TransferPhase::kAnswer) << answer;
    }
  }
}

TEST(HttpClientFaultTest, WhatIsNotHttpIsUnavailable) {
  const ScriptedServer server([](Peer& peer, int) {
    peer.ReadRequest();
    peer.Send("SSH-2.0-OpenSSH_9.2\r\n");
  });
  ExpectOutcome(Try(Get(server.Url())), StatusCode::kUnavailable, TransferPhase::kAnswer,
                "is not HTTP");
}

TEST(HttpClientFaultTest, AServerThatNeverAnswersRunsIntoTheAnswersLimit) {
  const ScriptedServer server([](Peer& peer, int) { peer.ReadToEnd(); });
  HttpClientOptions options;
  options.answer_timeout_ms = 60;
  ExpectOutcome(Try(Get(server.Url()), options), StatusCode::kDeadlineExceeded,
                TransferPhase::kAnswer, "no answer in time (60 ms)");
  ExpectOutcome(Try(Put(server.Url(), std::string(1 << 20, 'x')), options),
                StatusCode::kDeadlineExceeded, TransferPhase::kAnswer, "no answer in time (60 ms)");
}

TEST(HttpClientFaultTest, AnAnswerThatDripsHasStalled) {
  const ScriptedServer server([](Peer& peer, int) {
    peer.ReadRequest();
    peer.Send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
    while (peer.Send("x")) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  });
  HttpClientOptions options;
  options.stall_timeout_ms = 300;
  ExpectOutcome(Try(Get(server.Url()), options), StatusCode::kDeadlineExceeded,
                TransferPhase::kAnswer, "stalled (300 ms below 1024 bytes/s)");
  ClientRequest request = Get(server.Url());
  request.timeout_ms = 100;
  ExpectOutcome(Try(std::move(request)), StatusCode::kDeadlineExceeded, TransferPhase::kAnswer,
                "did not end in time (100 ms)");
}

TEST(HttpClientFaultTest, ARequestThatNobodyReadsHasStalled) {
  std::latch done(1);
  const ScriptedServer server([&](Peer&, int) { done.wait(); });
  HttpClientOptions options;
  options.stall_timeout_ms = 100;
  options.answer_timeout_ms = 1;
  ExpectOutcome(Try(Put(server.Url(), std::string(64 << 20, 'x')), options),
                StatusCode::kDeadlineExceeded, TransferPhase::kSend, "stalled");
  done.count_down();
}

TEST(HttpClientFaultTest, ASlowSinkIsNoStall) {
  std::latch slept(1);
  const ScriptedServer server([&](Peer& peer, int) {
    peer.ReadRequest();
    peer.Send("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\npart");
    slept.wait();
    // Long enough for the client to look at its watch once.
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    peer.Send("part");
  });
  HttpClientOptions options;
  options.stall_timeout_ms = 1'000;
  HttpClient client(options);
  const Outcome outcome = Try(client, Get(server.Url()), [&](std::string_view) {
    if (!slept.try_wait()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1'500));
      slept.count_down();
    }
    return OkStatus();
  });
  EXPECT_TRUE(outcome.status.ok()) << outcome.status.ToString();
}

// Cancels a request from another thread once it has come as far as a test wants.
class Canceller {
 public:
  explicit Canceller(const ClientRequest& request)
      : cancel_(request.cancel), thread_([this] {
          reached_.wait();
          cancel_.Cancel();
        }) {}
  ~Canceller() {
    if (!reached_.try_wait()) reached_.count_down();
    thread_.join();
  }
  void Cancel() { reached_.count_down(); }

 private:
  CancelToken cancel_;
  std::latch reached_{1};
  std::thread thread_;
};

TEST(HttpClientFaultTest, CancelsBeforeItBegins) {
  ClientRequest request = Get("http://127.0.0.1:1/");
  request.cancel.Cancel();
  ExpectOutcome(Try(std::move(request)), StatusCode::kCancelled, TransferPhase::kResolve, "");
}

TEST(HttpClientFaultTest, CancelsWhileItConnects) {
  const DeafPort port;
  ClientRequest request = Get(port.Url());
  Canceller canceller(request);
  std::thread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    canceller.Cancel();
  });
  const Outcome outcome = Try(std::move(request), Patient());
  EXPECT_EQ(outcome.status.code(), StatusCode::kCancelled);
  EXPECT_LE(outcome.reached, TransferPhase::kConnect);
  later.join();
}

TEST(HttpClientFaultTest, CancelsWhileItSends) {
  ClientRequest request = Put("", std::string(64 << 20, 'x'));
  Canceller canceller(request);
  std::latch done(1);
  const ScriptedServer server([&](Peer& peer, int) {
    peer.ReadHead();
    canceller.Cancel();
    done.wait();
  });
  request.url = server.Url();
  ExpectOutcome(Try(std::move(request)), StatusCode::kCancelled, TransferPhase::kSend, "");
  done.count_down();
}

TEST(HttpClientFaultTest, CancelsWhileItWaitsForTheAnswer) {
  ClientRequest request = Put("", "text");
  Canceller canceller(request);
  const ScriptedServer server([&](Peer& peer, int) {
    peer.ReadRequest();
    canceller.Cancel();
    peer.ReadToEnd();
  });
  request.url = server.Url();
  ExpectOutcome(Try(std::move(request)), StatusCode::kCancelled, TransferPhase::kAnswer, "");
}

TEST(HttpClientFaultTest, CancelsWhileItReadsTheAnswer) {
  const ScriptedServer server([](Peer& peer, int) {
    peer.ReadRequest();
    peer.Send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\npart");
    peer.ReadToEnd();
  });
  ClientRequest request = Get(server.Url());
  Canceller canceller(request);
  HttpClient client;
  const Outcome outcome = Try(client, std::move(request), [&](std::string_view) {
    canceller.Cancel();
    return OkStatus();
  });
  ExpectOutcome(outcome, StatusCode::kCancelled, TransferPhase::kAnswer, "");
}

// Fails after `bytes` bytes.
class FailingSource : public ByteSource {
 public:
  explicit FailingSource(size_t bytes) : left_(bytes) {}
  Result<size_t> Read(std::span<char> buffer) override {
    if (left_ == 0) return NotFound("the file is gone");
    const size_t count = std::min(left_, buffer.size());
    std::fill_n(buffer.begin(), count, 'x');
    left_ -= count;
    return count;
  }

 private:
  size_t left_;
};

// True when `bytes` end before the body that their head announces, or before their head's end.
bool IsCutRequest(const std::string& bytes) {
  const size_t head = bytes.find("\r\n\r\n");
  if (head == std::string::npos) return true;
  const size_t at = bytes.find("Content-Length: ");
  if (at == std::string::npos) return !bytes.ends_with("\r\n0\r\n\r\n");
  return bytes.size() - head - 4 < std::stoul(bytes.substr(at + 16));
}

TEST(HttpClientFaultTest, ABodyThatFailsIsNeverAWholeRequest) {
  std::atomic<int> whole = 0;
  {
    const ScriptedServer server([&](Peer& peer, int) { whole += !IsCutRequest(peer.ReadToEnd()); });
    for (const int bytes : {0, 3, 2 << 20}) {
      for (const int size : {-1, bytes + 1}) {
        ClientRequest request = Get(server.Url());
        request.method = Method::kPut;
        request.body = std::make_unique<FailingSource>(bytes);
        request.body_size = size;
        ExpectOutcome(Try(std::move(request)), StatusCode::kNotFound, TransferPhase::kSend,
                      "the file is gone");
      }
    }
  }
  EXPECT_EQ(whole, 0);
}

TEST(HttpClientFaultTest, ABodyOfAnotherSizeThanItsRequestSaysIsNeverAWholeRequest) {
  std::atomic<int> whole = 0;
  {
    const ScriptedServer server([&](Peer& peer, int) { whole += !IsCutRequest(peer.ReadToEnd()); });
    for (const auto& [text, size] :
         {std::pair("1234", 5), std::pair("123456", 5), std::pair("", 5), std::pair("1", 0)}) {
      ClientRequest request = Put(server.Url(), text);
      request.body_size = size;
      const Outcome outcome = Try(std::move(request));
      EXPECT_EQ(outcome.status.code(), StatusCode::kInvalidArgument) << text;
      EXPECT_THAT(outcome.status.message(), HasSubstr("the request's body"));
      EXPECT_LT(outcome.reached, TransferPhase::kAnswer);
    }
  }
  EXPECT_EQ(whole, 0);
}

}  // namespace
}  // namespace lakehouse::net
