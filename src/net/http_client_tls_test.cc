#include <atomic>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "net/http_client.h"
#include "net/scripted_server.h"
#include "net/test_certificates.h"
#include "support/temp_dir.h"

namespace lakehouse::net {
namespace {

namespace asio = boost::asio;
using testing::Answer;
using ::testing::HasSubstr;
using testing::Peer;
using testing::ScriptedServer;

// The server's side of TLS on a connection of its own copy of the peer's socket.
class TlsPeer {
 public:
  TlsPeer(Peer& peer, const char* certificate_pem)
      : context_(Context(certificate_pem)),
        tcp_(io_, asio::ip::tcp::v4(), dup(peer.socket())),
        tls_(tcp_, context_) {
    boost::system::error_code error;
    tls_.handshake(asio::ssl::stream_base::server, error);
    ok_ = !error;
  }

  bool ok() const { return ok_; }

  // Reads up to the end of a request's head; "" when the connection ends before.
  std::string ReadHead() {
    std::string head;
    char byte = 0;
    boost::system::error_code error;
    while (!head.ends_with("\r\n\r\n")) {
      if (tls_.read_some(asio::buffer(&byte, 1), error) == 0) return "";
      head.push_back(byte);
    }
    return head;
  }
  size_t ReadBytes(size_t count) {
    std::string bytes(count, '\0');
    boost::system::error_code error;
    return asio::read(tls_, asio::buffer(bytes), error);
  }
  void Send(std::string_view bytes) {
    boost::system::error_code error;
    asio::write(tls_, asio::buffer(bytes), error);
  }

 private:
  static asio::ssl::context Context(const char* certificate_pem) {
    asio::ssl::context context(asio::ssl::context::tls_server);
    const std::string_view certificate = certificate_pem;
    const std::string_view key = testing::kServerKeyPem;
    context.use_certificate(asio::buffer(certificate), asio::ssl::context::pem);
    context.use_private_key(asio::buffer(key), asio::ssl::context::pem);
    return context;
  }

  asio::ssl::context context_;
  asio::io_context io_;
  asio::ip::tcp::socket tcp_;
  asio::ssl::stream<asio::ip::tcp::socket&> tls_;
  bool ok_ = false;
};

class HttpClientTlsTest : public ::testing::Test {
 protected:
  HttpClientTlsTest() { std::ofstream(TrustedIssuer().ca_file) << testing::kIssuerPem; }

  HttpClientOptions TrustedIssuer() const {
    HttpClientOptions options;
    options.ca_file = directory_.Join("issuer.pem");
    options.connect_timeout_ms = 30'000;
    return options;
  }

 private:
  const lakehouse::testing::TempDir directory_;
};

std::string Https(const ScriptedServer& server) {
  return StrCat("https://127.0.0.1:", server.port(), "/object");
}

ClientRequest Get(std::string url) {
  ClientRequest request;
  request.url = std::move(url);
  return request;
}

// Answers every request of a connection.
ScriptedServer::Script ServeWith(const char* certificate_pem) {
  return [certificate_pem](Peer& peer, int) {
    TlsPeer tls(peer, certificate_pem);
    while (tls.ok() && !tls.ReadHead().empty()) tls.Send(Answer("secret text"));
  };
}

TEST_F(HttpClientTlsTest, TrustsTheIssuerOfTheFileAndKeepsTheConnection) {
  const ScriptedServer server(ServeWith(testing::kServerPem));
  HttpClient client(TrustedIssuer());
  for (int i = 0; i < 5; ++i) {
    const auto response = client.Fetch(Get(Https(server)));
    ASSERT_TRUE(response.ok()) << response.status().ToString();
    EXPECT_EQ(response->body, "secret text");
  }
  EXPECT_EQ(server.accepted(), 1);
}

TEST_F(HttpClientTlsTest, ResumesOnANewConnection) {
  const ScriptedServer server([](Peer& peer, int) {
    TlsPeer tls(peer, testing::kServerPem);
    if (tls.ok() && !tls.ReadHead().empty()) tls.Send(Answer("secret text"));
  });
  HttpClient client(TrustedIssuer());
  for (int i = 1; i <= 5; ++i) {
    const auto response = client.Fetch(Get(Https(server)));
    ASSERT_TRUE(response.ok()) << response.status().ToString();
    EXPECT_EQ(server.accepted(), i);
    while (server.open() > 0) std::this_thread::yield();
  }
}

// What a client of `options` says to a server with that certificate.
void ExpectUntrusted(const char* certificate_pem, HttpClientOptions options,
                     const std::string& reason, const std::string& mend) {
  std::atomic<int> requests = 0;
  const ScriptedServer server([&](Peer& peer, int) {
    TlsPeer tls(peer, certificate_pem);
    if (tls.ok() && !tls.ReadHead().empty()) ++requests;
  });
  HttpClient client(std::move(options));
  TransferPhase reached = TransferPhase::kDone;
  const Status status = client.Fetch(Get(Https(server)), {}, &reached).status();
  EXPECT_EQ(status.code(), StatusCode::kPermissionDenied) << status.ToString();
  EXPECT_EQ(reached, TransferPhase::kTls);
  EXPECT_THAT(status.message(), HasSubstr(StrCat("certificate of 127.0.0.1:", server.port())));
  EXPECT_THAT(status.message(), HasSubstr(reason));
  EXPECT_THAT(status.message(), HasSubstr(mend));
  EXPECT_EQ(requests, 0);
}

TEST_F(HttpClientTlsTest, SaysWhatIsWrongWithACertificate) {
  HttpClientOptions system;
  system.connect_timeout_ms = 30'000;
  ExpectUntrusted(testing::kServerPem, system, "unknown issuer", "as ca_file");
  ExpectUntrusted(testing::kExpiredServerPem, TrustedIssuer(), "has expired", "renew it");
  ExpectUntrusted(testing::kFutureServerPem, TrustedIssuer(), "not valid yet", "clock");
  ExpectUntrusted(testing::kOtherHostPem, TrustedIssuer(), "for another host", "host name");
}

TEST_F(HttpClientTlsTest, TrustsOnlyTheFileThatWasNamed) {
  HttpClientOptions options = TrustedIssuer();
  std::ofstream(options.ca_file) << testing::kServerPem;
  ExpectUntrusted(testing::kOtherHostPem, options, "unknown issuer", options.ca_file);
}

TEST_F(HttpClientTlsTest, AMissingCertificateFileIsNamed) {
  const ScriptedServer server(ServeWith(testing::kServerPem));
  HttpClientOptions options = TrustedIssuer();
  options.ca_file += ".missing";
  HttpClient client(options);
  TransferPhase reached = TransferPhase::kDone;
  const Status status = client.Fetch(Get(Https(server)), {}, &reached).status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("ca_file"));
  EXPECT_LT(reached, TransferPhase::kSend);
}

TEST_F(HttpClientTlsTest, APlainServerFailsTheHandshake) {
  const ScriptedServer server([](Peer& peer, int) {
    peer.Send("HTTP/1.1 400 Bad Request\r\n\r\n");
    peer.ReadToEnd();
  });
  HttpClient client(TrustedIssuer());
  TransferPhase reached = TransferPhase::kDone;
  const Status status = client.Fetch(Get(Https(server)), {}, &reached).status();
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_THAT(status.message(), HasSubstr("does the server speak https?"));
  EXPECT_EQ(reached, TransferPhase::kTls);
}

TEST_F(HttpClientTlsTest, AHandshakeThatClosesOrNeverEndsSentNothing) {
  const ScriptedServer closing([](Peer&, int) {});
  HttpClient patient(TrustedIssuer());
  TransferPhase reached = TransferPhase::kDone;
  EXPECT_EQ(patient.Fetch(Get(Https(closing)), {}, &reached).status().code(),
            StatusCode::kUnavailable);
  EXPECT_EQ(reached, TransferPhase::kTls);

  const ScriptedServer silent([](Peer& peer, int) { peer.ReadToEnd(); });
  HttpClientOptions options = TrustedIssuer();
  options.connect_timeout_ms = 150;
  HttpClient client(options);
  const Status status = client.Fetch(Get(Https(silent)), {}, &reached).status();
  EXPECT_EQ(status.code(), StatusCode::kDeadlineExceeded);
  EXPECT_THAT(status.message(), HasSubstr("the TLS handshake with"));
  EXPECT_EQ(reached, TransferPhase::kTls);
}

TEST_F(HttpClientTlsTest, CancelsTheHandshake) {
  ClientRequest request;
  CancelToken cancel = request.cancel;
  const ScriptedServer silent([&](Peer& peer, int) {
    char byte = 0;
    EXPECT_EQ(recv(peer.socket(), &byte, 1, 0), 1);
    cancel.Cancel();
    peer.ReadToEnd();
  });
  request.url = Https(silent);
  HttpClient client(TrustedIssuer());
  TransferPhase reached = TransferPhase::kDone;
  EXPECT_EQ(client.Fetch(std::move(request), {}, &reached).status().code(), StatusCode::kCancelled);
  EXPECT_EQ(reached, TransferPhase::kTls);
}

TEST_F(HttpClientTlsTest, AResetAmidAnUploadEndsTheTransferAndNotTheProcess) {
  const ScriptedServer server([](Peer& peer, int) {
    TlsPeer tls(peer, testing::kServerPem);
    tls.ReadHead();
    peer.ResetWhenClosed();
  });
  for (int round = 0; round < 5; ++round) {
    ClientRequest request = Get(Https(server));
    request.method = Method::kPut;
    request.body = std::make_unique<StringSource>(std::string(16 << 20, 'x'));
    request.body_size = 16 << 20;
    HttpClient client(TrustedIssuer());
    TransferPhase reached = TransferPhase::kDone;
    EXPECT_EQ(client.Fetch(std::move(request), {}, &reached).status().code(),
              StatusCode::kUnavailable);
    EXPECT_EQ(reached, TransferPhase::kSend);
  }
}

TEST_F(HttpClientTlsTest, CarriesLargeBodiesBothWays) {
  static constexpr size_t kBytes = 8 << 20;
  const ScriptedServer server([](Peer& peer, int) {
    TlsPeer tls(peer, testing::kServerPem);
    tls.ReadHead();
    EXPECT_EQ(tls.ReadBytes(kBytes), kBytes);
    tls.Send(Answer(std::string(kBytes, 'y')));
  });
  ClientRequest request = Get(Https(server));
  request.method = Method::kPut;
  request.body = std::make_unique<StringSource>(std::string(kBytes, 'x'));
  request.body_size = kBytes;
  HttpClient client(TrustedIssuer());
  const auto response = client.Fetch(std::move(request));
  ASSERT_TRUE(response.ok()) << response.status().ToString();
  EXPECT_EQ(response->body, std::string(kBytes, 'y'));
}

}  // namespace
}  // namespace lakehouse::net
