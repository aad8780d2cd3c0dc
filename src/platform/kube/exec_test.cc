// Credential plugins: small programs of the test's own, which are scripts.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <fstream>

#include "platform/kube/access/exec_credential.h"
#include "platform/kube/testing/script_server.h"

namespace ordeal::kube {
namespace {

using Kind = ApiFailure::Kind;
using Asked = ScriptServer::Asked;

constexpr const char* kV1 = "client.authentication.k8s.io/v1";

class ExecTest : public testing::Test {
 protected:
  ExecTest() {
    std::string pattern = testing::TempDir() + "kube-exec-XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~ExecTest() override { std::filesystem::remove_all(folder_); }

  // A plugin that counts its runs in the file "runs" and then does `body`; $N is the number of this run.
  ExecPlugin plugin(const std::string& body) {
    std::string path = folder_ + "/plugin";
    std::ofstream(path) << "#!/bin/sh\necho run >>" << folder_ << "/runs\nN=$(wc -l <" << folder_ << "/runs)\n" << body;
    chmod(path.c_str(), 0700);
    ExecPlugin made;
    made.command = path;
    made.api_version = kV1;
    return made;
  }
  static std::string print(const std::string& status) {
    return "cat <<END\n{\"kind\":\"ExecCredential\",\"apiVersion\":\"" + std::string(kV1) + "\",\"status\":{" + status +
           "}}\nEND\n";
  }
  std::string file(const std::string& name) { return read_file(folder_ + "/" + name).value_or(""); }
  size_t runs() { return split_words(file("runs")).size(); }
  std::unique_ptr<Client> client(const ScriptServer& server, const ExecPlugin& plugin) {
    Access access = server.access();
    access.exec = plugin;
    return client_of(access);
  }

  std::string folder_;
};

const Request kPodA = get(kPods, {"shop", "a"});

TEST_F(ExecTest, SeveralRequestsWaitForOneRunAndItsTokenIsKept) {
  ScriptServer server([](const Asked&) { return Reply{200, "{}"}; });
  auto asks = client(server, plugin(print("\"token\":\"t$N\"")));
  int answers = 0;
  for (int i = 0; i < 3; ++i) asks->send(kPodA, [&](Answer<json::Value> answer) { answers += answer.has_value(); });
  EXPECT_TRUE(drive(*asks, [&] { return answers == 3; }));
  EXPECT_TRUE(ask(*asks, kPodA));
  EXPECT_EQ(runs(), 1u);
  for (const Asked& asked : server.asked()) EXPECT_EQ(asked.header("Authorization"), "Bearer t1");
}

TEST_F(ExecTest, WhatExpiresSoonIsAskedForAgain) {
  ScriptServer server([](const Asked&) { return Reply{200, "{}"}; });
  auto asks = client(server, plugin(print("\"token\":\"t$N\",\"expirationTimestamp\":\"2020-01-01T00:00:00Z\"")));
  EXPECT_TRUE(ask(*asks, kPodA));
  EXPECT_TRUE(ask(*asks, kPodA));
  EXPECT_EQ(runs(), 2u);
  EXPECT_EQ(server.asked().back().header("Authorization"), "Bearer t2");
}

TEST_F(ExecTest, A401AsksItOnceMore) {
  ScriptServer server([](const Asked& asked) {
    return asked.header("Authorization") == "Bearer t2" ? Reply{200, "{}"} : Reply{401, R"({"kind":"Status"})"};
  });
  auto asks = client(server, plugin(print("\"token\":\"t$N\"")));
  EXPECT_TRUE(ask(*asks, kPodA));
  EXPECT_EQ(runs(), 2u);
  ScriptServer never([](const Asked&) { return Reply{401, R"({"kind":"Status"})"}; });
  auto refused = client(never, plugin(print("\"token\":\"t$N\"")));
  EXPECT_EQ(ask(*refused, kPodA).error().kind, Kind::kUnauthorized);
  EXPECT_EQ(never.asked().size(), 2u);
}

TEST_F(ExecTest, AWatchToo) {
  ScriptServer server([](const Asked& asked) {
    if (asked.header("Authorization") != "Bearer t2") return Reply{401, R"({"kind":"Status"})"};
    return Reply{.body = R"({"type":"BOOKMARK","object":{}})"
                         "\n",
                 .piece = 9};
  });
  auto asks = client(server, plugin(print("\"token\":\"t$N\"")));
  std::optional<std::optional<ApiFailure>> end;
  int events = 0;
  asks->watch(
      {.resource = kPods, .version = "1"}, [&](WatchEvent&&) { ++events; },
      [&](const std::optional<ApiFailure>& failure) { end = failure; });
  ASSERT_TRUE(drive(*asks, [&] { return end.has_value(); }));
  EXPECT_FALSE(*end);
  EXPECT_EQ(events, 1);
}

TEST_F(ExecTest, ItGetsItsArgumentsItsEnvironmentAndTheCluster) {
  ScriptServer server([](const Asked&) { return Reply{200, "{}"}; });
  ExecPlugin made = plugin("echo \"$1|$REGION\" >" + folder_ + "/args\nprintf %s \"$KUBERNETES_EXEC_INFO\" >" +
                           folder_ + "/info\n" + print("\"token\":\"t\""));
  made.args = {"a b; touch " + folder_ + "/shell"};
  made.environment = {{"REGION", "eu"}};
  made.provide_cluster_info = true;
  made.cluster_config = R"({"audience":"x"})";
  auto asks = client(server, made);
  EXPECT_TRUE(ask(*asks, kPodA));
  EXPECT_EQ(file("args"), "a b; touch " + folder_ + "/shell|eu\n");
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/shell"));
  EXPECT_EQ(file("info"), R"({"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","spec":)"
                          R"({"interactive":false,"cluster":{"server":")" +
                              server.access().server + R"(","config":{"audience":"x"}}}})");
}

TEST_F(ExecTest, APluginThatFailsIsWhyAndItsStandardOutputIsNotShown) {
  ScriptServer server([](const Asked&) { return Reply{200, "{}"}; });
  auto told = [&](const ExecPlugin& made) {
    auto asks = client(server, made);
    auto answer = ask(*asks, kPodA);
    EXPECT_FALSE(answer);
    if (answer) return std::string();
    EXPECT_EQ(answer.error().kind, Kind::kUnauthorized);
    return answer.error().message;
  };
  EXPECT_NE(told(plugin("echo please log in >&2; exit 3\n")).find("exited with 3: please log in"), std::string::npos);
  std::string secret = told(plugin("echo secret9; exit 3\n"));
  EXPECT_NE(secret.find("exited with 3"), std::string::npos);
  EXPECT_EQ(secret.find("secret9"), std::string::npos);
  EXPECT_EQ(told(plugin("echo secret9\n")).find("secret9"), std::string::npos);
  ExecPlugin missing;
  missing.command = folder_ + "/nothing";
  missing.install_hint = "install it";
  EXPECT_NE(told(missing).find("install it"), std::string::npos);
  EXPECT_TRUE(server.asked().empty());
}

TEST_F(ExecTest, ItIsAskedAgainAfterAFailure) {
  ScriptServer server([](const Asked&) { return Reply{200, "{}"}; });
  auto asks = client(server, plugin("[ $N = 1 ] && exit 1\n" + print("\"token\":\"t$N\"")));
  EXPECT_FALSE(ask(*asks, kPodA));
  EXPECT_TRUE(ask(*asks, kPodA));
}

std::string credential(const std::string& status) {
  return R"({"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":{)" + status + "}}";
}

TEST(ExecCredential, ReadsTokensCertificatesAndTimes) {
  auto read = read_exec_credential(
      credential(
          R"("clientCertificateData":"C","clientKeyData":"K","expirationTimestamp":"2026-01-01T02:00:00+02:00")"),
      kV1);
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(read->certificate + read->key, "CK");
  EXPECT_EQ(read->expires, *parse_rfc3339("2026-01-01T00:00:00Z"));
  auto behind =
      read_exec_credential(credential(R"("token":"t","expirationTimestamp":"2026-01-01T02:00:00-02:30")"), kV1);
  EXPECT_EQ(behind->expires, *parse_rfc3339("2026-01-01T04:30:00Z"));
  EXPECT_FALSE(read_exec_credential(credential(R"("token":"t")"), kV1)->expires);
}

TEST(ExecCredential, RefusesWhatIsNoneAndShowsNothingOfIt) {
  for (const std::string& output :
       {std::string("secret9"), std::string(R"({"token":"secret9"})"), credential(R"("clientKeyData":"secret9")"),
        credential(""), credential(R"("token":"secret9\nx")"), credential(R"("token":["secret9"])"),
        credential(R"("token":"secret9","expirationTimestamp":"tomorrow")"),
        credential(R"("token":"secret9","expirationTimestamp":"2026-01-01T02:00:00+99:00")")}) {
    auto read = read_exec_credential(output, kV1);
    ASSERT_FALSE(read) << output;
    EXPECT_EQ(read.error().message().find("secret9"), std::string::npos) << read.error().message();
  }
  EXPECT_FALSE(read_exec_credential(credential(R"("token":"t")"), "client.authentication.k8s.io/v1beta1"));
}

}  // namespace
}  // namespace ordeal::kube
