// What an API client must know, each on the bytes of a real API server (v1.34.9).
#include <gtest/gtest.h>

#include <filesystem>

#include "platform/kube/client.h"
#include "platform/kube/testing/script_server.h"
#include "platform/net/client/testing.h"

namespace ordeal::kube {
namespace {

using Kind = ApiFailure::Kind;

class RecordedApi : public testing::Test {
 protected:
  void SetUp() override {
    if (recordings().empty()) GTEST_SKIP() << "ORDEAL_CONFORMANCE_DATA names no folder";
    ASSERT_TRUE(std::filesystem::is_directory(recordings())) << recordings();
  }
  // The client's outcome where the server answers as recorded.
  static Answer<json::Value> replay(const std::string& name, const Request& request = get(kPods, {"staging", ""})) {
    ScriptServer server([&](const ScriptServer::Asked&) { return reply_of(recorded(name)); });
    auto client = client_of(server.access());
    return ask(*client, request);
  }
  static ApiFailure refusal(const std::string& name) {
    auto answer = replay(name);
    EXPECT_FALSE(answer) << name;
    return answer ? ApiFailure() : answer.error();
  }
  struct Watched {
    std::vector<WatchEvent> events;
    std::optional<std::optional<ApiFailure>> end;
    bool opened = false;
  };
  static Watched watch(const Reply& reply) {
    ScriptServer server([&](const ScriptServer::Asked&) { return reply; });
    auto client = client_of(server.access());
    Watched watched;
    client->watch(
        {.resource = kPods, .object = {"staging", ""}, .version = "1"},
        [&](WatchEvent&& event) { watched.events.push_back(std::move(event)); },
        [&](const std::optional<ApiFailure>& failure) { watched.end = failure; }, [&] { watched.opened = true; });
    EXPECT_TRUE(drive(*client, [&] { return watched.end.has_value(); }));
    return watched;
  }
  static std::string version(const json::Value& object) {
    return std::string(object.at("metadata").at("resourceVersion").as_string());
  }
};

TEST_F(RecordedApi, EveryRefusalHasItsKind) {
  const std::pair<const char*, Kind> kKinds[] = {{"err_400_bad_json", Kind::kInvalid},
                                                 {"err_400_unknown_field_strict", Kind::kInvalid},
                                                 {"err_401_bad_token", Kind::kUnauthorized},
                                                 {"err_403_alice_delete", Kind::kForbidden},
                                                 {"err_403_anonymous", Kind::kForbidden},
                                                 {"err_404_pod", Kind::kNotFound},
                                                 {"err_404_create_in_missing_ns", Kind::kNotFound},
                                                 {"evict_404", Kind::kNotFound},
                                                 {"lease_get_404", Kind::kNotFound},
                                                 {"rollout_404", Kind::kNotFound},
                                                 {"err_405_method", Kind::kInvalid},
                                                 {"err_406_accept", Kind::kInvalid},
                                                 {"err_409_already_exists", Kind::kAlreadyExists},
                                                 {"lease_create_409", Kind::kAlreadyExists},
                                                 {"err_409_update_conflict", Kind::kConflict},
                                                 {"deploy_patch_409_rv", Kind::kConflict},
                                                 {"lease_update_409_stale", Kind::kConflict},
                                                 {"pod_delete_409_uid_precondition", Kind::kConflict},
                                                 {"ssa_conflict_409", Kind::kConflict},
                                                 {"err_415_patch_type", Kind::kInvalid},
                                                 {"rollout_415_strategic", Kind::kInvalid},
                                                 {"err_422_immutable", Kind::kInvalid},
                                                 {"deploy_jsonpatch_test_fails_422", Kind::kInvalid},
                                                 {"lease_update_422_bad_time", Kind::kInvalid},
                                                 {"pods_list_bad_field", Kind::kInvalid},
                                                 {"pods_list_410_continue", Kind::kExpired},
                                                 {"pods_list_410_exact", Kind::kExpired}};
  for (const auto& [name, kind] : kKinds) {
    ApiFailure failure = refusal(name);
    EXPECT_STREQ(to_text(failure.kind), to_text(kind)) << name;
    EXPECT_EQ(failure.code, recorded(name).status) << name;
    EXPECT_FALSE(failure.reason.empty() && kind != Kind::kInvalid) << name;
    EXPECT_FALSE(failure.no_such_resource) << name;
    EXPECT_FALSE(failure.passes()) << name;
  }
}

TEST_F(RecordedApi, AWatchFromAnExpiredVersionIsA200AndThenExpired) {
  for (size_t piece : {1, 7, 100'000}) {
    Watched watched = watch(reply_of(recorded("watch_pods_410_rv1"), piece));
    EXPECT_TRUE(watched.opened);
    EXPECT_TRUE(watched.events.empty());
    ASSERT_TRUE(*watched.end);
    EXPECT_EQ((*watched.end)->kind, Kind::kExpired);
    EXPECT_EQ((*watched.end)->code, 410);
    EXPECT_EQ((*watched.end)->reason, "Expired");
  }
}

TEST_F(RecordedApi, AWatchIsReadInPiecesOfAnySizeAndItsBookmarksHaveAVersionOnly) {
  for (size_t piece : {3, 1009, 65'536}) {
    Watched watched = watch(reply_of(recorded("watch_pods_stream"), piece));
    ASSERT_EQ(watched.events.size(), 11u);
    EXPECT_FALSE(*watched.end);
    using Event = WatchEvent::Kind;
    EXPECT_EQ(watched.events[0].kind, Event::kAdded);
    EXPECT_EQ(watched.events[1].kind, Event::kModified);
    EXPECT_EQ(watched.events[8].kind, Event::kDeleted);
    EXPECT_EQ(watched.events[10].kind, Event::kBookmark);
    EXPECT_EQ(version(watched.events[0].object), "1248");
    EXPECT_EQ(version(watched.events[10].object), "1300");
    EXPECT_FALSE(watched.events[10].object.at("metadata").as_object().contains("name"));
  }
}

TEST_F(RecordedApi, TheChunksOfAWatchAsTheyLayOnTheWire) {
  for (const char* name : {"watch_pods_stream_chunked_raw", "watch_pods_410_rv1_chunked_raw"}) {
    std::string wire = wire_head(name) + recorded_text(std::string(name) + ".body");
    net::RawServer server([&](int fd) {
      for (size_t at = 0; at < wire.size(); at += 977) net::send_raw(fd, std::string_view(wire).substr(at, 977));
    });
    Access access;
    access.server = server.url().substr(0, server.url().size() - 1);
    auto client = client_of(access);
    size_t events = 0;
    std::optional<std::optional<ApiFailure>> end;
    client->watch(
        {.resource = kPods, .object = {"staging", ""}, .version = "1"}, [&](WatchEvent&&) { ++events; },
        [&](const std::optional<ApiFailure>& failure) { end = failure; });
    ASSERT_TRUE(drive(*client, [&] { return end.has_value(); })) << name;
    bool expired = std::string_view(name).find("410") != std::string_view::npos;
    EXPECT_EQ(end->has_value(), expired) << name << (*end ? (*end)->message : "");
    EXPECT_EQ(events, expired ? 0u : 9u) << name;
  }
}

TEST_F(RecordedApi, TheEndOfInitialEventsIsAnAnnotationOfABookmark) {
  Watched watched = watch(reply_of(recorded("watch_pods_initial_events"), 333));
  ASSERT_EQ(watched.events.size(), 10u);
  const json::Value& bookmark = watched.events[8].object;
  EXPECT_EQ(watched.events[8].kind, WatchEvent::Kind::kBookmark);
  EXPECT_EQ(bookmark.at("metadata").at("annotations").at("k8s.io/initial-events-end").as_string(), "true");
}

TEST_F(RecordedApi, AWatchFromTheFutureIsSilentAndEndsWell) {
  Watched watched = watch(reply_of(recorded("watch_pods_future_rv"), 1));
  EXPECT_TRUE(watched.opened);
  EXPECT_TRUE(watched.events.empty());
  EXPECT_FALSE(*watched.end);
}

TEST_F(RecordedApi, AListFromTheFutureIsTooEarlyAndSaysWhen) {
  ApiFailure failure = refusal("pods_list_504_future_rv");
  EXPECT_EQ(failure.kind, Kind::kTooEarly);
  EXPECT_EQ(failure.retry_after, 1s);
  EXPECT_TRUE(failure.passes());
}

TEST_F(RecordedApi, ABudgetRefusesWithoutRetryAfterAndAnEvictionIsAStatus) {
  ApiFailure failure = refusal("evict_429_pdb");
  EXPECT_EQ(failure.kind, Kind::kBudget);
  EXPECT_FALSE(failure.retry_after);
  EXPECT_FALSE(failure.passes());
  EXPECT_EQ(failure.error("evict web-1").what,
            "evict web-1: Cannot evict pod as it would violate the pod's disruption budget.; "
            "The disruption budget web needs 3 healthy pods and has 3 currently");
  auto evicted = replay("evict_201");
  ASSERT_TRUE(evicted);
  EXPECT_EQ(evicted->at("kind").as_string(), "Status");
  for (const char* name : {"pod_delete_graceful_200", "pod_delete_force_200"}) {
    auto deleted = replay(name);
    ASSERT_TRUE(deleted) << name;
    EXPECT_EQ(deleted->at("kind").as_string(), "Pod") << name;
  }
}

TEST_F(RecordedApi, AnUnknownGroupIsAPlain404) {
  ApiFailure failure = refusal("err_404_group");
  EXPECT_EQ(failure.kind, Kind::kNotFound);
  EXPECT_TRUE(failure.no_such_resource);
  EXPECT_EQ(failure.error("list things.nosuch.io").what,
            "list things.nosuch.io: the server does not know this resource");
}

TEST_F(RecordedApi, AListInAMissingNamespaceIsEmpty) {
  ScriptServer server([](const ScriptServer::Asked&) { return reply_of(recorded("err_404_namespace_list_empty")); });
  auto client = client_of(server.access());
  auto items = ask_all(*client, kPods, {"nosuchns", ""});
  ASSERT_TRUE(items);
  EXPECT_TRUE(items->empty());
}

TEST_F(RecordedApi, AnAbortIsAMergePatchOfTheStatusAndNothingElse) {
  Recorded abort = recorded("rollout_abort_200");
  json::Value body{{"status", {{"abort", true}}}};
  Request request = patch(kRollouts, {"staging", "checkout", "status"}, kMergePatch, body);
  EXPECT_EQ(abort.method + " " + abort.target, request.method + " " + request.path);
  EXPECT_EQ(abort.asked, request.body);
  auto answer = replay("rollout_abort_200", request);
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->at("status").at("abort").as_bool());
  // On the main resource it is 200 too, and nothing is written: the version stays.
  auto ignored = replay("rollout_abort_main_resource_ignored");
  ASSERT_TRUE(ignored);
  EXPECT_EQ(version(*ignored), version(*answer));
}

TEST_F(RecordedApi, AnUndoIsAJsonPatchAndAFailedTestIsA422) {
  Recorded undo = recorded("deploy_rollback_jsonpatch");
  auto body = json::parse(undo.asked);
  ASSERT_TRUE(body);
  EXPECT_EQ(body->at(0).at("op").as_string(), "test");
  EXPECT_EQ(body->at(1).at("path").as_string(), "/spec/template");
  Request request = patch(kDeployments, {"staging", "web"}, kJsonPatch, *body);
  EXPECT_EQ(undo.method + " " + undo.target.substr(0, undo.target.find('?')), request.method + " " + request.path);
  EXPECT_NE(recorded_text("deploy_rollback_jsonpatch.req").find("Content-Type: " + request.type), std::string::npos);
  EXPECT_TRUE(replay("deploy_rollback_jsonpatch", request));
  EXPECT_EQ(refusal("deploy_jsonpatch_test_fails_422").code, 422);
}

TEST_F(RecordedApi, FieldsThatAreWrongAreNamed) {
  ApiFailure failure = refusal("err_422_invalid");
  ASSERT_FALSE(failure.causes.empty());
  EXPECT_FALSE(failure.causes[0].field.empty());
  ApiFailure conflict = refusal("ssa_conflict_409");
  ASSERT_FALSE(conflict.causes.empty());
  EXPECT_EQ(conflict.causes[0].reason, "FieldManagerConflict");
}

TEST_F(RecordedApi, AWarningGoesToTheListener) {
  ScriptServer server([](const ScriptServer::Asked&) { return reply_of(recorded("warn_unknown_field")); });
  auto client = client_of(server.access());
  std::vector<std::string> warnings;
  client->on_warning([&](const std::string& text) { warnings.push_back(text); });
  ASSERT_TRUE(ask(*client, create(kConfigMaps, {"staging", ""}, {{"kind", "ConfigMap"}})));
  EXPECT_EQ(warnings, std::vector<std::string>{R"(unknown field "nope")"});
}

TEST_F(RecordedApi, PagesAreAskedForOneAfterTheOther) {
  ScriptServer server([](const ScriptServer::Asked& asked) {
    return reply_of(recorded(asked.value("continue").empty() ? "pods_list_page1" : "pods_list_page2"));
  });
  auto client = client_of(server.access());
  size_t pages = 0;
  size_t items = 0;
  Ticket ticket = 0;
  ticket = client->list({.resource = kPods,
                         .object = {"staging", ""},
                         .label_selector = "app=web",
                         .page_size = 2,
                         .page = [&](json::Array&& page) {
                           items += page.size();
                           if (++pages == 2) client->cancel(ticket);  // page 2 names a third
                         }});
  ASSERT_TRUE(drive(*client, [&] { return pages == 2; }));
  EXPECT_EQ(items, 4u);
  auto asked = server.asked();
  ASSERT_EQ(asked.size(), 2u);
  Recorded second = recorded("pods_list_page2");
  EXPECT_EQ(asked[1].path + "?" + asked[1].query, second.target);
}

TEST_F(RecordedApi, ATokenOfAListThatHasExpiredBeginsItAnew) {
  std::atomic<int> count = 0;
  ScriptServer server([&](const ScriptServer::Asked& asked) {
    if (!asked.value("continue").empty()) return reply_of(recorded("pods_list_410_continue"));
    return reply_of(recorded(++count == 1 ? "pods_list_page_for_gone" : "pods_list_gzip"));
  });
  auto client = client_of(server.access());
  auto items = ask_all(*client, kPods, {"staging", ""});
  ASSERT_TRUE(items) << items.error().message;
  EXPECT_EQ(items->size(),
            json::Value(json::parse(recorded("pods_list_gzip").body).value()).at("items").as_array().size());
  EXPECT_EQ(server.asked().size(), 3u);
}

TEST_F(RecordedApi, AnExpiredVersionOfAFirstPageIsTheListsFailure) {
  ScriptServer server([](const ScriptServer::Asked&) { return reply_of(recorded("pods_list_410_exact")); });
  auto client = client_of(server.access());
  auto items = ask_all(*client, kPods, {"staging", ""});
  ASSERT_FALSE(items);
  EXPECT_EQ(items.error().kind, Kind::kExpired);
  EXPECT_EQ(server.asked().size(), 1u);
}

}  // namespace
}  // namespace ordeal::kube
