#include "platform/kube/client.h"

#include <gtest/gtest.h>

#include <atomic>

#include "platform/kube/testing/script_server.h"
#include "platform/net/client/testing.h"
#include "platform/net/server/test_certificates.h"

namespace ordeal::kube {
namespace {

using Kind = ApiFailure::Kind;
using Asked = ScriptServer::Asked;

Reply pod(const Asked&) { return {200, R"({"kind":"Pod"})"}; }

std::string page(const std::string& items, const std::string& go_on = "") {
  return R"({"kind":"PodList","metadata":{"resourceVersion":"7","continue":")" + go_on + R"("},"items":[)" + items +
         "]}";
}

TEST(KubeClient, SendsWhoWeAreAndWhatWeTake) {
  ScriptServer server(pod);
  Access access = server.access();
  access.token = "t1";
  access.impersonate = "system:node";
  access.impersonation = {{"Impersonate-Group", "a"}, {"Impersonate-Group", "b"}};
  auto client = client_of(access);
  Request request = patch(kPods, {"shop", "api"}, kMergePatch, {{"a", 1}});
  request.query = {{"fieldManager", "a b&c"}};
  ASSERT_TRUE(ask(*client, request));
  Asked asked = server.asked().at(0);
  EXPECT_EQ(asked.method + " " + asked.path + "?" + asked.query,
            "PATCH /api/v1/namespaces/shop/pods/api?fieldManager=a%20b%26c");
  EXPECT_EQ(asked.body, R"({"a":1})");
  EXPECT_EQ(asked.header("Authorization"), "Bearer t1");
  EXPECT_EQ(asked.header("Impersonate-User"), "system:node");
  EXPECT_EQ(asked.header("Content-Type"), kMergePatch);
  EXPECT_EQ(asked.header("Accept"), "application/json");
  EXPECT_EQ(asked.header("Accept-Encoding"), "gzip");
  EXPECT_EQ(std::count(asked.headers.begin(), asked.headers.end(),
                       std::pair<std::string, std::string>("Impersonate-Group", "b")),
            1);
}

TEST(KubeClient, ALoginIsBasicAndATokenFileIsReadEachTime) {
  ScriptServer server(pod);
  Access access = server.access();
  access.login = "me:pw";
  auto by_login = client_of(access);
  ASSERT_TRUE(ask(*by_login, get(kPods, {"shop", "a"})));
  EXPECT_EQ(server.asked().at(0).header("Authorization"), "Basic bWU6cHc=");
  access.login.clear();
  std::string file = testing::TempDir() + "kube-token-" + std::to_string(getpid());
  access.token_file = file;
  auto by_file = client_of(access);
  for (const char* token : {"one", "two"}) {
    ASSERT_TRUE(write_atomically(file, token));
    ASSERT_TRUE(ask(*by_file, get(kPods, {"shop", "a"})));
    EXPECT_EQ(server.asked().back().header("Authorization"), std::string("Bearer ") + token);
  }
  std::filesystem::remove(file);
  auto without = ask(*by_file, get(kPods, {"shop", "a"}));
  ASSERT_FALSE(without);
  EXPECT_NE(without.error().message.find(file), std::string::npos);
}

TEST(KubeClient, AWrongRequestIsNotSent) {
  ScriptServer server(pod);
  auto client = client_of(server.access());
  auto answer = ask(*client, remove(kPods, {"shop", ""}));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, Kind::kInvalid);
  EXPECT_EQ(answer.error().message, "pods without a name");
  auto list = ask_all(*client, kPods, {"shop", "a,metadata.namespace=b"});
  ASSERT_FALSE(list);
  EXPECT_EQ(list.error().kind, Kind::kInvalid);
  EXPECT_TRUE(server.asked().empty());
}

TEST(KubeClient, AServerThatIsNotThereIsUnreachable) {
  Access access;
  { access = ScriptServer(pod).access(); }
  auto client = client_of(access);
  auto answer = ask(*client, get(kPods, {"shop", "a"}));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, Kind::kUnreachable);
  EXPECT_TRUE(answer.error().passes());
  EXPECT_EQ(answer.error().error("get pod a").code, Errc::kSystem);
}

TEST(KubeClient, NoAnswerIsATimeoutAndABrokenWriteMayHaveBeenDone) {
  ScriptServer server([](const Asked&) { return Reply{.body = "{", .hangs = true}; });
  auto client = client_of(server.access());
  Request slow = get(kPods, {"shop", "a"});
  slow.timeout = 50ms;
  EXPECT_EQ(ask(*client, slow).error().kind, Kind::kTimeout);
  ScriptServer breaks([](const Asked&) { return Reply{.body = "{", .breaks = true}; });
  auto other = client_of(breaks.access());
  EXPECT_EQ(ask(*other, create(kPods, {"shop", ""}, {})).error().kind, Kind::kTimeout);
  EXPECT_EQ(ask(*other, get(kPods, {"shop", "a"})).error().kind, Kind::kUnreachable);
}

TEST(KubeClient, WhatIsNoJsonIsABadAnswerAndNothingIsNull) {
  std::string body = "<html>";
  ScriptServer server([&](const Asked&) { return Reply{200, body}; });
  auto client = client_of(server.access());
  EXPECT_EQ(ask(*client, get(kPods, {"shop", "a"})).error().kind, Kind::kBadAnswer);
  EXPECT_EQ(ask_all(*client, kPods).error().kind, Kind::kBadAnswer);
  body = R"({"kind":"Pod"})";
  EXPECT_EQ(ask_all(*client, kPods).error().message, "the answer is no list");
  body = "";
  EXPECT_TRUE(ask(*client, get(kPods, {"shop", "a"})).value().is_null());
  // As deep as the schema of a Rollout is.
  body = std::string(150, '[') + std::string(150, ']');
  EXPECT_TRUE(ask(*client, get(kPods, {"shop", "a"})));
}

TEST(KubeClient, ALargeAnswerComesCompressed) {
  // gzip of {"kind":"Pod"}
  const unsigned char kBytes[] = {0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xab, 0x56,
                                  0xca, 0xce, 0xcc, 0x4b, 0x51, 0xb2, 0x52, 0x0a, 0xc8, 0x4f, 0x51, 0xaa,
                                  0x05, 0x00, 0xc8, 0xb0, 0x9c, 0x7b, 0x0e, 0x00, 0x00, 0x00};
  std::string zipped(reinterpret_cast<const char*>(kBytes), sizeof kBytes);
  ScriptServer server([&](const Asked&) { return Reply{200, zipped, {{"Content-Encoding", "gzip"}}}; });
  auto client = client_of(server.access());
  auto answer = ask(*client, get(kPods, {"shop", "a"}));
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->at("kind").as_string(), "Pod");
}

TEST(KubeClient, AListOfOneObjectAsksByItsNameAndKeepsTheFirstVersion) {
  ScriptServer server([](const Asked& asked) {
    return Reply{200, asked.value("continue").empty() ? page("{}", "more") : page("{},{}")};
  });
  auto client = client_of(server.access());
  std::vector<size_t> pages;
  std::string version;
  Client::List list{.resource = kLeases, .object = {"shop", "leader"}, .field_selector = "a=b", .version = "0"};
  list.page = [&](json::Array&& items) { pages.push_back(items.size()); };
  list.done = [&](Answer<std::string> done) { version = done.value_or("?"); };
  client->list(std::move(list));
  ASSERT_TRUE(drive(*client, [&] { return !version.empty(); }));
  EXPECT_EQ(version, "7");
  EXPECT_EQ(pages, (std::vector<size_t>{1, 2}));
  auto asked = server.asked();
  EXPECT_EQ(asked[0].path, "/apis/coordination.k8s.io/v1/namespaces/shop/leases");
  EXPECT_EQ(asked[0].value("fieldSelector"), "a=b,metadata.name=leader");
  EXPECT_EQ(asked[0].value("resourceVersion"), "0");
  // The server refuses a version together with a token.
  EXPECT_EQ(asked[1].value("resourceVersion"), "");
}

TEST(KubeClient, AListWhoseTokensAlwaysExpireEnds) {
  ScriptServer server([](const Asked& asked) {
    return asked.value("continue").empty() ? Reply{200, page("{}", "more")} : Reply{410, R"({"kind":"Status"})"};
  });
  auto client = client_of(server.access());
  auto items = ask_all(*client, kPods);
  ASSERT_FALSE(items);
  EXPECT_EQ(items.error().kind, Kind::kExpired);
  EXPECT_EQ(server.asked().size(), 12u);
}

TEST(KubeClient, AWatchAsksForBookmarksFromItsVersionAndOneObjectByItsName) {
  ScriptServer server([](const Asked&) { return Reply{.body = "", .piece = 1}; });
  auto client = client_of(server.access());
  bool ended = false;
  client->watch(
      {.resource = kPods, .object = {"shop", "api"}, .label_selector = "a in (b)", .version = "42"},
      [](WatchEvent&&) {}, [&](const std::optional<ApiFailure>& failure) { ended = !failure; });
  ASSERT_TRUE(drive(*client, [&] { return ended; }));
  Asked asked = server.asked().at(0);
  EXPECT_EQ(asked.path, "/api/v1/namespaces/shop/pods");
  EXPECT_EQ(asked.query,
            "labelSelector=a%20in%20%28b%29&fieldSelector=metadata.name%3Dapi&watch=true&allowWatchBookmarks=true&"
            "timeoutSeconds=290&resourceVersion=42");
}

struct Ended {
  size_t events = 0;
  std::optional<std::optional<ApiFailure>> end;
};
Ended watch(const Reply& reply, Nanos silence = 0ns) {
  ScriptServer server([&](const Asked&) { return reply; });
  auto client = client_of(server.access());
  Ended ended;
  client->watch(
      {.resource = kPods, .version = "1", .silence = silence}, [&](WatchEvent&&) { ++ended.events; },
      [&](const std::optional<ApiFailure>& failure) { ended.end = failure; });
  EXPECT_TRUE(drive(*client, [&] { return ended.end.has_value(); }));
  return ended;
}
Kind kind_of(const Ended& ended) { return ended.end && *ended.end ? (*ended.end)->kind : Kind::kInvalid; }

const char kAdded[] = R"({"type":"ADDED","object":{"metadata":{"resourceVersion":"2"}}})"
                      "\n";

TEST(KubeClient, AWatchThatStallsBreaksOrMumblesFails) {
  Ended stalled = watch({.body = kAdded, .hangs = true}, 100ms);
  EXPECT_EQ(stalled.events, 1u);
  EXPECT_EQ(kind_of(stalled), Kind::kTimeout);
  Ended broken = watch({.body = kAdded, .breaks = true});
  EXPECT_EQ(broken.events, 1u);
  EXPECT_EQ(kind_of(broken), Kind::kUnreachable);
  for (const char* line : {"<html>\n", "{}\n",
                           R"({"type":"LATER","object":{}})"
                           "\n",
                           R"({"type":"ADDED","object":1})"
                           "\n"}) {
    Ended odd = watch({.body = std::string(kAdded) + line + kAdded, .piece = 5});
    EXPECT_EQ(odd.events, 1u) << line;
    EXPECT_EQ(kind_of(odd), Kind::kBadAnswer) << line;
  }
  Ended endless = watch({.body = std::string(5 << 20, 'x'), .piece = 1 << 20});
  EXPECT_EQ(kind_of(endless), Kind::kBadAnswer);
}

TEST(KubeClient, AWatchThatIsRefusedSaysWhy) {
  Ended refused = watch({403, R"({"kind":"Status","message":"no","reason":"Forbidden","code":403})"});
  EXPECT_EQ(kind_of(refused), Kind::kForbidden);
  EXPECT_EQ((*refused.end)->message, "no");
}

TEST(KubeClient, CallbacksMayCancelAndSend) {
  ScriptServer server([](const Asked& asked) {
    return asked.query.empty() ? Reply{200, "{}"} : Reply{.body = std::string(kAdded) + kAdded, .hangs = true};
  });
  auto client = client_of(server.access());
  int events = 0;
  bool answered = false;
  Ticket ticket = client->watch(
      {.resource = kPods, .version = "1"},
      [&](WatchEvent&&) {
        ++events;
        client->cancel(ticket);
        client->send(get(kPods, {"shop", "a"}), [&](Answer<json::Value>) { answered = true; });
      },
      [](const std::optional<ApiFailure>&) { FAIL() << "it was cancelled"; });
  EXPECT_TRUE(drive(*client, [&] { return answered; }));
  EXPECT_EQ(events, 1);
}

class KubeTls : public testing::Test {
 protected:
  net::TestAuthority authority_;
  net::HttpServerOptions with(const std::string& names) {
    net::HttpServerOptions options;
    options.tls = authority_.issue("server", names);
    return options;
  }
  Access access_to(const ScriptServer& server) const {
    Access access = server.access();
    access.server = "https://127.0.0.1:" + std::to_string(server.port());
    access.tls.authority_file = authority_.ca();
    return access;
  }
};

TEST_F(KubeTls, TheServersNameInTheCertificateMayBeAnother) {
  ScriptServer server(pod, with("DNS:kubernetes.default"));
  Access access = access_to(server);
  auto wrong = client_of(access);
  auto refused = ask(*wrong, get(kPods, {"shop", "a"}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, Kind::kUnreachable);
  access.server_name = "kubernetes.default";
  auto client = client_of(access);
  auto answer = ask(*client, get(kPods, {"shop", "a"}));
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(server.asked().at(0).header("Host"), access.server.substr(8));
  access.server_name = "elsewhere";
  auto other = client_of(access);
  auto no = ask(*other, get(kPods, {"shop", "a"}));
  ASSERT_FALSE(no);
  EXPECT_NE(no.error().message.find("elsewhere"), std::string::npos) << no.error().message;
}

TEST_F(KubeTls, InsecureTakesAnyCertificate) {
  ScriptServer server(pod, with("DNS:nobody"));
  Access access = access_to(server);
  access.tls = {};
  access.insecure = true;
  auto client = client_of(access);
  EXPECT_TRUE(ask(*client, get(kPods, {"shop", "a"})));
}

}  // namespace
}  // namespace ordeal::kube
