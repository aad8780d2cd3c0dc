#include "platform/kube/api.h"

#include <gtest/gtest.h>

#include "core/base/text/text.h"

namespace ordeal::kube {
namespace {

TEST(ObjectNames, AreReadAsFlagsHaveThem) {
  auto name = parse_object_name("gremlin/gremlin-config");
  ASSERT_TRUE(name);
  EXPECT_EQ(name->namespace_ + " " + name->name, "gremlin gremlin-config");
  for (const char* wrong : {"", "name", "/name", "space/", "a/b/c"}) EXPECT_FALSE(parse_object_name(wrong)) << wrong;
}

using Kind = ApiFailure::Kind;

TEST(Api, PathsOfObjectsAndCollections) {
  EXPECT_EQ(path_of(kPods, {"shop", "api-1", "eviction"}), "/api/v1/namespaces/shop/pods/api-1/eviction");
  EXPECT_EQ(path_of(kPods, {"", ""}), "/api/v1/pods");
  EXPECT_EQ(path_of(kNodes, {"shop", "n1"}), "/api/v1/nodes/n1");
  EXPECT_EQ(path_of(kExperiments, {"shop", ""}), "/apis/ordeal.dev/v1alpha1/namespaces/shop/experiments");
  EXPECT_EQ(to_text(kPods), "pods");
  EXPECT_EQ(to_text(kRollouts), "rollouts.argoproj.io");
}

TEST(Api, NoNameLeavesItsPlace) {
  for (const char* name : {"../../nodes/n1", "..", ".", "a/b", "a?watch=1", "a#b", "a%2fb", "a b", "ä"}) {
    std::string path = path_of(kPods, {"shop", name});
    EXPECT_TRUE(path.starts_with("/api/v1/namespaces/shop/pods/"));
    EXPECT_EQ(path.substr(29).find_first_of("/?# "), std::string::npos) << path;
    EXPECT_NE(path.substr(29).find_first_not_of('.'), std::string::npos) << path;
  }
}

TEST(Api, ARequestWithoutItsNameIsWrongAndNotOfTheCollection) {
  EXPECT_EQ(remove(kPods, {"shop", ""}).wrong, "pods without a name");
  EXPECT_NE(replace(kPods, {"shop", ""}, {}).wrong, "");
  EXPECT_NE(patch(kPods, {"shop", ""}, kMergePatch, {}).wrong, "");
  EXPECT_NE(evict({"shop", ""}).wrong, "");
  EXPECT_EQ(get(kPods, {"shop", ""}).wrong, "");
  EXPECT_EQ(create(kPods, {"shop", ""}, {}).wrong, "");
  for (const char* name : {"..", ".", "a/b", "%41"}) {
    EXPECT_NE(get(kPods, {"shop", name}).wrong, "") << name;
    EXPECT_NE(get(kPods, {name, "a"}).wrong, "") << name;
  }
  EXPECT_EQ(get(kPods, {"shop", "system:a.b-c"}).wrong, "");
}

TEST(Api, RequestsAsTheServerTakesThem) {
  Request made = create(kPods, {"shop", "api"}, {{"kind", "Pod"}});
  EXPECT_EQ(made.method + " " + made.path + " " + made.body, R"(POST /api/v1/namespaces/shop/pods {"kind":"Pod"})");
  Request applied = apply(kConfigMaps, {"shop", "c"}, {{"data", nullptr}}, "ordeal", true);
  EXPECT_EQ(applied.method + " " + applied.type, "PATCH application/apply-patch+yaml");
  EXPECT_EQ(applied.query, (Query{{"fieldManager", "ordeal"}, {"force", "true"}}));
  Request gone = remove(kPods, {"shop", "api"}, "u-1");
  EXPECT_EQ(gone.body, R"({"apiVersion":"v1","kind":"DeleteOptions","preconditions":{"uid":"u-1"}})");
  EXPECT_EQ(remove(kPods, {"shop", "api"}).body, "");
  Request evicted = evict({"shop", "api"}, "v1beta1");
  EXPECT_EQ(evicted.method + " " + evicted.path, "POST /api/v1/namespaces/shop/pods/api/eviction");
  EXPECT_EQ(evicted.body,
            R"({"apiVersion":"policy/v1beta1","kind":"Eviction","metadata":{"name":"api","namespace":"shop"}})");
}

TEST(Failure, OfWhatIsNoStatus) {
  ApiFailure page = failure_of(502, "text/html", "<html>oops</html>", "");
  EXPECT_EQ(page.kind, Kind::kServer);
  EXPECT_EQ(page.message, "answered 502 with text/html");
  ApiFailure redirect = failure_of(302, "", "", "");
  EXPECT_EQ(redirect.kind, Kind::kBadAnswer);
  EXPECT_NE(redirect.error("GET /").hint.find("address"), std::string::npos);
  EXPECT_EQ(failure_of(503, "text/plain", "starting\n", "7").retry_after, 7s);
  EXPECT_EQ(failure_of(429, "text/plain", "slow", "999999999").retry_after, std::chrono::hours(1));
  EXPECT_FALSE(failure_of(429, "text/plain", "slow", "Wed, 21 Oct 2015 07:28:00 GMT").retry_after);
  EXPECT_TRUE(failure_of(404, "application/json", R"({"kind":"Other"})", "").no_such_resource);
}

TEST(Failure, ALongMessageIsCutAndIsValidText) {
  std::string body = R"({"kind":"Status","code":500,"message":")" + std::string(100'000, 'x') + "\"}";
  EXPECT_LT(failure_of(500, "application/json", body, "").message.size(), 5000u);
  ApiFailure broken = failure_of(500, "text/plain", "\xff\xfe", "");
  EXPECT_TRUE(valid_utf8(broken.message));
}

TEST(Failure, OfAStatusThatIsAllWrong) {
  json::Value status{
      {"kind", "Status"}, {"message", 3}, {"code", "x"}, {"details", {{"causes", {1, "a", json::Object()}}}}};
  ApiFailure failure = failure_of(status);
  EXPECT_EQ(failure.kind, Kind::kBadAnswer);
  EXPECT_EQ(failure.causes.size(), 1u);
}

TEST(Failure, WhatPassesByItself) {
  EXPECT_TRUE(failure_of(503, "", "", "").passes());
  EXPECT_FALSE(failure_of(403, "", "", "").passes());
  json::Value no_account{{"kind", "Status"},
                         {"code", 403},
                         {"message", "pods \"a\" is forbidden: error looking up service account x/default: not found"}};
  EXPECT_TRUE(failure_of(no_account).passes());
}

TEST(Failure, AnErrorSaysWhatWasTriedAndWhichFieldsAreWrong) {
  json::Value status = {{"kind", "Status"},
                        {"code", 422},
                        {"message", "no good"},
                        {"details", {{"causes", {{{"field", "spec.x"}, {"message", "must be 1"}}}}}}};
  Error error = failure_of(status).error("create pods");
  EXPECT_EQ(error.what, "create pods: no good; spec.x: must be 1");
  EXPECT_EQ(error.code, Errc::kInvalidInput);
}

}  // namespace
}  // namespace ordeal::kube
