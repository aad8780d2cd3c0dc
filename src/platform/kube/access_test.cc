#include "platform/kube/access.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "platform/kube/access/base64.h"

namespace ordeal::kube {
namespace {

// A folder with files of its own, as HOME, and without KUBECONFIG.
class AccessTest : public testing::Test {
 protected:
  AccessTest() {
    std::string pattern = testing::TempDir() + "kube-access-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    setenv("HOME", folder_.c_str(), 1);
    for (const char* name : {"KUBECONFIG", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"}) unsetenv(name);
  }
  ~AccessTest() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& name, const std::string& text) {
    std::string path = folder_ + "/" + name;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path) << text;
    return path;
  }
  // A config with one context, whose cluster and user hold these lines.
  std::string config(const std::string& cluster, const std::string& user, const std::string& name = "config") {
    return write(name,
                 "apiVersion: v1\nkind: Config\ncurrent-context: kind\n"
                 "contexts:\n- name: kind\n  context: {cluster: c, user: u, namespace: shop}\n"
                 "clusters:\n- name: c\n  cluster: {server: 'https://10.0.0.1:6443/', " +
                     cluster +
                     "}\n"
                     "users:\n- name: u\n  user: {" +
                     user + "}\n");
  }
  static Access load(const std::string& path, const std::string& context = "") {
    auto access = load_kubeconfig({path, context});
    EXPECT_TRUE(access) << access.error().message();
    return access.value_or(Access());
  }
  static std::string refusal(const AccessOptions& options) {
    auto access = load_kubeconfig(options);
    EXPECT_FALSE(access);
    if (access) return "";
    EXPECT_EQ(access.error().code, Errc::kInvalidInput);
    return access.error().message() + " | " + access.error().advice();
  }

  std::string folder_;
  const std::string pem_ = "-----BEGIN CERTIFICATE-----\nQQ==\n-----END CERTIFICATE-----\n";
};

TEST_F(AccessTest, ReadsAContextWithInlineCertificates) {
  std::string data = encode_base64(pem_);
  Access access = load(
      config("certificate-authority-data: " + data, "client-certificate-data: " + data + ", client-key-data: " + data));
  EXPECT_EQ(access.server, "https://10.0.0.1:6443");
  EXPECT_EQ(access.namespace_, "shop");
  EXPECT_EQ(access.tls.authority, pem_);
  EXPECT_EQ(access.tls.certificate, pem_);
  EXPECT_EQ(access.tls.key, pem_);
  EXPECT_EQ(access.describe(), "context kind of " + folder_ + "/config (https://10.0.0.1:6443)");
}

TEST_F(AccessTest, FilesAreRelativeToTheKubeconfigAndMustBeThere) {
  std::string path = config("certificate-authority: ../ca.pem", "tokenFile: secrets/token", "deep/config");
  EXPECT_NE(refusal({path, ""}).find("clusters[0].cluster.certificate-authority: "), std::string::npos);
  std::string authority = write("ca.pem", pem_);
  EXPECT_NE(refusal({path, ""}).find("users[0].user.tokenFile: cannot open"), std::string::npos) << refusal({path, ""});
  std::string token = write("deep/secrets/token", "t");
  Access access = load(path);
  EXPECT_EQ(access.tls.authority_file, authority);
  EXPECT_EQ(access.token_file, token);
}

TEST_F(AccessTest, DataWinsOverAFileAndATokenFileOverAToken) {
  std::string token = write("token", "new");
  Access access = load(config("certificate-authority: /nowhere, certificate-authority-data: " + encode_base64(pem_),
                              "token: old, tokenFile: token"));
  EXPECT_EQ(access.tls.authority, pem_);
  EXPECT_EQ(access.tls.authority_file, "");
  EXPECT_EQ(access.token, "");
  EXPECT_EQ(access.token_file, token);
}

TEST_F(AccessTest, ReadsEveryOtherWayToBeSomebody) {
  Access access = load(config("insecure-skip-tls-verify: true, tls-server-name: kubernetes",
                              "username: me, password: 'p:w', as: them, as-groups: [a, b], as-uid: '7', "
                              "as-user-extra: {Reason/x: [y]}"));
  EXPECT_TRUE(access.insecure);
  EXPECT_EQ(access.server_name, "kubernetes");
  EXPECT_EQ(access.login, "me:p:w");
  EXPECT_EQ(access.impersonate, "them");
  net::Headers expected{{"Impersonate-Group", "a"},
                        {"Impersonate-Group", "b"},
                        {"Impersonate-Uid", "7"},
                        {"Impersonate-Extra-Reason%2Fx", "y"}};
  EXPECT_EQ(access.impersonation, expected);
}

TEST_F(AccessTest, ReadsAnExecPlugin) {
  const char* exec =
      "exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: ./bin/login, args: [get, token], "
      "env: [{name: REGION, value: eu}], installHint: 'get it', provideClusterInfo: true, interactiveMode: "
      "IfAvailable}";
  Access access =
      load(config("extensions: [{name: client.authentication.k8s.io/exec, extension: {audience: x}}]", exec));
  ASSERT_TRUE(access.exec);
  EXPECT_EQ(access.exec->command, folder_ + "/bin/login");
  EXPECT_EQ(access.exec->args, (std::vector<std::string>{"get", "token"}));
  EXPECT_EQ(access.exec->environment.at("REGION"), "eu");
  EXPECT_EQ(access.exec->install_hint, "get it");
  EXPECT_EQ(access.exec->cluster_config, R"({"audience":"x"})");
  // kubectl does not ask it either where there is a token.
  EXPECT_FALSE(load(config("", std::string("token: t, ") + exec)).exec);
  EXPECT_EQ(load(config("", "exec: {apiVersion: client.authentication.k8s.io/v1, command: aws}")).exec->command, "aws");
}

TEST_F(AccessTest, OfSeveralFilesTheFirstThatHasANameCountsWhole) {
  std::string first = write("a/config", "users:\n- name: u\n  user: {token: first}\n");
  std::string second = config("", "token: second, as: nobody", "b/config");
  setenv("KUBECONFIG", (first + ":/nowhere/config::" + second).c_str(), 1);
  auto access = load_kubeconfig({});
  ASSERT_TRUE(access) << access.error().message();
  EXPECT_EQ(access->token, "first");
  EXPECT_EQ(access->impersonate, "");
  EXPECT_EQ(access->origin, second);
}

TEST_F(AccessTest, WithoutKubeconfigVariableTheHomeFolderCounts) {
  auto none = load_kubeconfig({});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Errc::kNotFound);
  EXPECT_EQ(none.error().what, "no kubeconfig: nothing in " + folder_ + "/.kube/config");
  config("", "token: t", ".kube/config");
  EXPECT_TRUE(load_kubeconfig({}));
}

TEST_F(AccessTest, ANamedFileMustBeThere) {
  auto access = load_kubeconfig({folder_ + "/nothing", ""});
  ASSERT_FALSE(access);
  EXPECT_NE(access.error().message().find("/nothing"), std::string::npos);
}

TEST_F(AccessTest, AContextThatIsNotThereNamesThoseThatAre) {
  std::string path = config("", "token: t");
  EXPECT_EQ(refusal({path, "prod"}), path + ": there is no context \"prod\" | its contexts are: kind");
  std::string without = write("no", "contexts: [{name: a, context: {cluster: c}}]\n");
  EXPECT_EQ(refusal({without, ""}), without + ": there is no current-context | its contexts are: a");
}

TEST_F(AccessTest, EachErrorNamesFileContextAndField) {
  const std::pair<const char*, const char*> kUsers[] = {
      {"auth-provider: {name: gcp}",
       "line 12: users[0].user.auth-provider: kubectl itself has dropped it | use the provi"},
      {"token: [secret9]", "users[0].user.token: expected text"},
      {"token: 123456789", "users[0].user.token: expected text"},
      {"token: t, username: me", "users[0].user: has a token and a username"},
      {"client-certificate-data: c2VjcmV0OQ==", "users[0].user.client-certificate-data: holds no PEM"},
      {"client-key-data: '!secret9'", "users[0].user.client-key-data: is no base64"},
      {"as-groups: [x]", "users[0].user: has as-groups, as-uid or as-user-extra, but no as"},
      {"exec: {command: x}", "users[0].user.exec: has the apiVersion \"\""},
      {"exec: {apiVersion: client.authentication.k8s.io/v1}", "users[0].user.exec: has no command"},
      {"exec: {apiVersion: client.authentication.k8s.io/v1, command: x, interactiveMode: Always}", "asks a person"},
      {"\"token\": \"a\\nb\"", "has a token of several lines"}};
  for (const auto& [user, expected] : kUsers) {
    std::string path = config("", user);
    std::string told = refusal({path, ""});
    EXPECT_EQ(told.find(path + ": context \"kind\": "), 0u) << told;
    EXPECT_NE(told.find(expected), std::string::npos) << told;
    EXPECT_EQ(told.find("secret9"), std::string::npos) << told;
    EXPECT_EQ(told.find("123456789"), std::string::npos) << told;
  }
}

TEST_F(AccessTest, AClusterIsCheckedToo) {
  const std::pair<const char*, const char*> kClusters[] = {
      {"proxy-url: 'http://p:1'", "clusters[0].cluster.proxy-url: proxies are not supported"},
      {"insecure-skip-tls-verify: 3", "clusters[0].cluster.insecure-skip-tls-verify: expected true or false"},
      {"insecure-skip-tls-verify: true, certificate-authority-data: LS0tLS1CRUdJTg==", "only one can be meant"}};
  for (const auto& [cluster, expected] : kClusters) {
    std::string told = refusal({config(cluster, "token: t"), ""});
    EXPECT_NE(told.find(expected), std::string::npos) << told;
  }
  for (const char* server : {"''", "10.0.0.1:6443", "ftp://x", "'https://me:secret9@x'", "'https://x/?a=b'"}) {
    std::string path = write("config", std::string("current-context: k\ncontexts: [{name: k, context: {cluster: c}}]\n"
                                                   "clusters: [{name: c, cluster: {server: ") +
                                           server + "}}]\n");
    std::string told = refusal({path, ""});
    EXPECT_NE(told.find("clusters[0].cluster"), std::string::npos) << told;
    EXPECT_EQ(told.find("secret9"), std::string::npos) << told;
  }
}

TEST_F(AccessTest, WhatAContextNamesMustBeThereOnce) {
  std::string path = write("config",
                           "current-context: k\ncontexts: [{name: k, context: {cluster: c, user: u}}]\n"
                           "clusters: [{name: c, cluster: {server: 'https://x'}}]\n");
  EXPECT_EQ(refusal({path, ""}), path + ": context \"k\": user \"u\" is not in users | ");
  path = write("twice", "current-context: k\ncontexts: [{name: k, context: {cluster: c}}, {name: k, context: {}}]\n");
  EXPECT_NE(refusal({path, ""}).find("the name \"k\" stands twice in contexts"), std::string::npos);
  path = write("kind", "kind: Pod\n");
  EXPECT_EQ(refusal({path, ""}), path + ": line 1: kind \"Pod\" is no kubeconfig | ");
}

TEST_F(AccessTest, UnknownKeysArePassedOver) {
  EXPECT_EQ(load(config("disable-compression: true, future: [1]", "token: t, later: {}")).token, "t");
}

TEST_F(AccessTest, InAClusterTheServiceAccountIsTaken) {
  auto outside = in_cluster(folder_);
  ASSERT_FALSE(outside);
  EXPECT_EQ(outside.error().code, Errc::kNotFound);
  setenv("KUBERNETES_SERVICE_HOST", "fd00::1", 1);
  setenv("KUBERNETES_SERVICE_PORT", "443", 1);
  EXPECT_NE(in_cluster(folder_).error().message().find("no service account"), std::string::npos);
  write("token", "t");
  write("ca.crt", pem_);
  write("namespace", "ordeal\n");
  auto access = in_cluster(folder_);
  ASSERT_TRUE(access) << access.error().message();
  EXPECT_EQ(access->server, "https://[fd00::1]:443");
  EXPECT_EQ(access->token_file, folder_ + "/token");
  EXPECT_EQ(access->tls.authority_file, folder_ + "/ca.crt");
  EXPECT_EQ(access->namespace_, "ordeal");
}

TEST(Base64, ReadsWhatItWrites) {
  std::string bytes;
  for (int i = 0; i < 70; ++i) {
    EXPECT_EQ(decode_base64(encode_base64(bytes)), bytes);
    bytes += static_cast<char>(i * 37);
  }
  EXPECT_EQ(encode_base64("foob"), "Zm9vYg==");
  EXPECT_EQ(decode_base64("Zm9v\n YmE=\n"), "fooba");
  for (const char* bad : {"Zm9", "Zm9v=", "Zm=v", "Zm9*", "====", "Z==="}) EXPECT_FALSE(decode_base64(bad)) << bad;
}

}  // namespace
}  // namespace ordeal::kube
