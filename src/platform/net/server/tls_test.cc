// TLS on both sides: whom each trusts, what it refuses, and that a changed certificate is taken up.
#include <fstream>

#include "platform/net/client/testing.h"
#include "platform/net/server/test_certificates.h"
#include "platform/net/test_server.h"

namespace ordeal::net {
namespace {

using Cause = HttpFailure::Cause;
constexpr const char* kNames = "DNS:localhost,IP:127.0.0.1";

Task<HttpResponse> hello(const HttpRequest&) { co_return HttpResponse{200, "hello"}; }

HttpServerOptions with_tls(TlsFiles files) {
  HttpServerOptions options;
  options.tls = std::move(files);
  return options;
}

class TlsTest : public testing::Test {
 protected:
  TestAuthority authority_;
  HttpClient client_ = std::move(*HttpClient::create());

  HttpCall call_to(uint16_t port, const std::string& host = "127.0.0.1") {
    HttpCall call;
    call.url = fmt::format("https://{}:{}/", host, port);
    call.tls.authority_file = authority_.ca();
    call.fresh_connection = true;
    return call;
  }
  HttpOutcome ask(HttpCall call) {
    std::optional<HttpOutcome> outcome;
    client_.start(std::move(call), [&](HttpOutcome o) { outcome = std::move(o); });
    EXPECT_TRUE(drive(client_, [&] { return outcome.has_value(); }));
    return *outcome;
  }
  std::string refusal(HttpCall call) {
    auto outcome = ask(std::move(call));
    if (outcome) return "no refusal";
    EXPECT_EQ(outcome.error().kind, Cause::kTls) << outcome.error().error.message();
    return outcome.error().error.message();
  }
  std::string file_refusal(TlsFiles files) {
    auto identity = TlsIdentity::load(std::move(files));
    if (identity) return "no refusal";
    EXPECT_EQ(identity.error().code, Errc::kInvalidInput);
    return identity.error().message();
  }
};

TEST_F(TlsTest, ATrustedCertificateForTheRightNameIsTaken) {
  TestServer server(hello, with_tls(authority_.issue("good", kNames)));
  auto outcome = ask(call_to(server.port()));
  ASSERT_TRUE(outcome) << outcome.error().error.message();
  EXPECT_EQ(outcome->body, "hello");
  EXPECT_TRUE(ask(call_to(server.port(), "localhost")));
  auto call = call_to(server.port());
  std::ifstream file(authority_.ca());
  call.tls.authority = std::string(std::istreambuf_iterator<char>(file), {});
  call.tls.authority_file.clear();
  EXPECT_TRUE(ask(call));
}

TEST_F(TlsTest, AnUnknownAuthorityAnotherNameAndAnOldCertificateAreRefused) {
  TestAuthority other;
  TestServer unknown(hello, with_tls(other.issue("unknown", kNames)));
  EXPECT_NE(refusal(call_to(unknown.port())).find("unable to get local issuer certificate"), std::string::npos);
  TestServer wrong(hello, with_tls(authority_.issue("wrong", "DNS:elsewhere.invalid,IP:127.0.0.2")));
  EXPECT_NE(refusal(call_to(wrong.port())).find("127.0.0.1"), std::string::npos);
  EXPECT_NE(refusal(call_to(wrong.port(), "localhost")).find("localhost"), std::string::npos);
  TestServer expired(hello, with_tls(authority_.issue("expired", kNames, -60)));
  EXPECT_NE(refusal(call_to(expired.port())).find("certificate has expired"), std::string::npos);
  for (const TestServer* server : {&unknown, &wrong, &expired}) {
    auto call = call_to(server->port());
    call.insecure = true;
    EXPECT_TRUE(ask(call));
  }
  // What was taken without a look is no reason to take it with one.
  EXPECT_NE(refusal(call_to(expired.port())), "no refusal");
  auto call = call_to(unknown.port());
  call.tls = {};
  EXPECT_NE(refusal(call), "no refusal");
}

TEST_F(TlsTest, AConnectionThatWasMadeInsecureIsNotReusedForASecureCall) {
  TestServer expired(hello, with_tls(authority_.issue("expired", kNames, -60)));
  auto call = call_to(expired.port());
  call.fresh_connection = false;
  call.insecure = true;
  EXPECT_TRUE(ask(call));
  call.insecure = false;
  EXPECT_NE(refusal(call), "no refusal");
}

TEST_F(TlsTest, PlainTextMeetsTlsAndIsEnded) {
  TestServer tls(hello, with_tls(authority_.issue("good", kNames)));
  UniqueFd fd = connect_raw(tls.port());
  send_raw(fd.get(), "GET / HTTP/1.1\r\n\r\n");
  EXPECT_EQ(read_all(fd.get()).find("hello"), std::string::npos);
  TestServer plain(hello);
  EXPECT_NE(refusal(call_to(plain.port())), "no refusal");
}

TEST_F(TlsTest, AHandshakeThatStallsIsEndedAndHoldsNobodyUp) {
  auto options = with_tls(authority_.issue("good", kNames));
  options.request_timeout = 2s;
  TestServer server(hello, options);
  UniqueFd silent = connect_raw(server.port());
  UniqueFd half = connect_raw(server.port());
  send_raw(half.get(), std::string_view("\x16\x03\x01\x02\x00\x01", 6));
  EXPECT_TRUE(ask(call_to(server.port())));
  EXPECT_EQ(read_all(silent.get()), "");
  EXPECT_EQ(read_all(half.get()), "");
}

TEST_F(TlsTest, AStreamIsHeldByWhoPauses) {
  std::atomic<size_t> written = 0;
  TestServer server(
      [&](const HttpRequest&) -> Task<HttpResponse> {
        HttpResponse response;
        response.stream = [&](BodyWriter& out) -> Task<> {
          std::string piece(65536, 'x');
          bool taken = true;
          while (taken && !out.stopping()) {
            taken = co_await out.write(piece);
            written += piece.size();
          }
        };
        co_return response;
      },
      with_tls(authority_.issue("good", kNames)));
  HttpStream stream;
  stream.call = call_to(server.port());
  size_t taken = 0;
  stream.on_data = [&](std::string_view bytes) {
    taken += bytes.size();
    return Flow::kPause;
  };
  size_t before = allocated();
  auto ticket = client_.stream(std::move(stream));
  EXPECT_LT(settled(client_, [&] { return written.load(); }), size_t{16} << 20);
  EXPECT_LT(allocated(), before + (size_t{2} << 20));
  ASSERT_TRUE(drive(client_, [&] {
    client_.resume(ticket);
    return taken > (size_t{30} << 20);
  }));
  client_.cancel(ticket);
}

TEST_F(TlsTest, FilesThatOthersCanReadOrWriteAreRefused) {
  auto files = authority_.issue("good", kNames);
  EXPECT_TRUE(TlsIdentity::load(files));
  for (mode_t mode : {0644, 0620, 0604, 0606, 0660, 0666}) {
    chmod(files.key.c_str(), mode);
    EXPECT_NE(file_refusal(files).find(fmt::format("its mode is {:04o}", mode)), std::string::npos);
  }
  chmod(files.key.c_str(), 0600);
  for (mode_t mode : {0664, 0646}) {
    chmod(files.certificate.c_str(), mode);
    EXPECT_NE(file_refusal(files).find("others could write it"), std::string::npos);
  }
  chmod(files.certificate.c_str(), 0644);
  if (geteuid() == 0) {
    chmod(files.key.c_str(), 0640);
    EXPECT_EQ(file_refusal(files), "no refusal");
    ASSERT_EQ(chown(files.key.c_str(), 65534, 65534), 0);
    EXPECT_NE(file_refusal(files).find("it belongs to the user 65534"), std::string::npos);
  }
}

TEST_F(TlsTest, WhatIsNoCertificateOrKeyIsSaidPrecisely) {
  auto files = authority_.issue("good", kNames), other = authority_.issue("other", kNames);
  EXPECT_NE(file_refusal({files.certificate, other.key}).find("it is not the key of"), std::string::npos);
  EXPECT_NE(file_refusal({files.certificate, authority_.path("none")}).find("No such file"), std::string::npos);
  EXPECT_NE(file_refusal({authority_.path(""), files.key}).find("it is a directory"), std::string::npos);
  std::ofstream(files.key) << "-----BEGIN ENCRYPTED PRIVATE KEY-----\nnonsense\n-----END ENCRYPTED PRIVATE KEY-----\n";
  EXPECT_NE(file_refusal(files).find("it holds no key in PEM"), std::string::npos);
  std::ofstream(files.certificate) << "hello";
  EXPECT_NE(file_refusal(files).find("it holds no certificate in PEM"), std::string::npos);
}

TEST_F(TlsTest, AChangedCertificateIsTakenUpAndABadOneIsNot) {
  auto files = authority_.issue("good", kNames);
  Loop loop;
  auto server = std::move(*HttpServer::listen(loop, with_tls(files), hello));
  std::thread thread([&] { loop.run(); });
  EXPECT_TRUE(ask(call_to(server->port())));
  authority_.issue("good", "DNS:renamed.invalid");
  std::this_thread::sleep_for(1100ms);
  EXPECT_NE(refusal(call_to(server->port())), "no refusal");
  authority_.issue("good", kNames);
  std::this_thread::sleep_for(1100ms);
  EXPECT_TRUE(ask(call_to(server->port())));
  std::ofstream(files.key) << "broken";
  std::this_thread::sleep_for(1100ms);
  EXPECT_TRUE(ask(call_to(server->port())));
  loop.post([&] {
    EXPECT_TRUE(server->tls_trouble());
    server->stop();
  });
  thread.join();
}

}  // namespace
}  // namespace ordeal::net
