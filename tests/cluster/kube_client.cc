// The client, the mirror and the elector against the API server that KUBECONFIG names; CUT_KUBECONFIG goes there
// through a proxy that the test's driver (kube_client_test.py) cuts again and again.
#include <fmt/core.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <cstdlib>

#include "platform/kube/elector.h"
#include "platform/kube/fields.h"
#include "platform/kube/mirror.h"

namespace ordeal::kube {
namespace {

using Kind = ApiFailure::Kind;

Access access(const char* variable = "KUBECONFIG") {
  auto loaded = load_kubeconfig({std::getenv(variable), ""});
  EXPECT_TRUE(loaded) << loaded.error().message();
  return loaded.value_or(Access());
}

std::unique_ptr<Client> client_of(const Access& access) {
  auto client = Client::create(access);
  EXPECT_TRUE(client) << client.error().message();
  return std::move(*client);
}

json::Value config_map(const std::string& name, const std::string& text) {
  return {{"apiVersion", "v1"},
          {"kind", "ConfigMap"},
          {"metadata", {{"name", name}, {"labels", {{"t", "1"}}}}},
          {"data", {{"x", text}}}};
}

// Turns what there is until `done`.
template <typename... Parts>
bool turn(const std::vector<Client*>& clients, const std::function<bool()>& done, Nanos within, Parts&... parts) {
  BootTime until = boot_now() + within;
  while (!done() && boot_now() < until) {
    std::vector<pollfd> waits;
    for (Client* client : clients) waits.push_back({client->descriptor(), POLLIN, 0});
    poll(waits.data(), waits.size(), 5);
    for (Client* client : clients) client->dispatch();
    (parts.dispatch(), ...);
  }
  return done();
}

// A namespace of its own for each test.
class KubeClientLive : public testing::Test {
 protected:
  void SetUp() override {
    client_ = client_of(access());
    must(create(kNamespaces, {}, {{"metadata", {{"name", space_}}}}));
  }
  void TearDown() override { (void)ask(*client_, remove(kNamespaces, {"", space_})); }

  json::Value must(const Request& request) {
    auto answer = ask(*client_, request);
    EXPECT_TRUE(answer) << answer.error().error(request.method + " " + request.path).message();
    return answer.value_or(json::Value());
  }
  Kind refusal(const Request& request) {
    auto answer = ask(*client_, request);
    EXPECT_FALSE(answer) << request.method << " " << request.path;
    return answer ? Kind::kBadAnswer : answer.error().kind;
  }
  void make(const std::string& name, const std::string& text) {
    must(create(kConfigMaps, {space_, ""}, config_map(name, text)));
  }
  std::map<std::string, std::string> on_server() {
    auto items = ask_all(*client_, kConfigMaps, {space_, ""}, "t in (1)");
    EXPECT_TRUE(items);
    std::map<std::string, std::string> texts;
    for (const json::Value& item : items.value_or(json::Array()))
      texts[text_at(item, "metadata.name")] = text_at(item, "data.x");
    return texts;
  }

  static inline int count_ = 0;
  const std::string space_ = fmt::format("client-{}-{}", getpid(), ++count_);
  std::unique_ptr<Client> client_;
};

// What an owner of a mirror keeps.
struct Owner {
  std::map<std::string, std::string> objects, coming;
  bool lists = false;
  size_t relists = 0, troubles = 0;
  MirrorHandlers handlers() {
    MirrorHandlers made;
    made.relist = [this] { lists = true, ++relists, coming.clear(); };
    made.put = [this](json::Value&& o) {
      (lists ? coming : objects)[text_at(o, "metadata.name")] = text_at(o, "data.x");
    };
    made.gone = [this](const json::Value& o) { objects.erase(text_at(o, "metadata.name")); };
    made.synced = [this] { lists = false, objects = std::move(coming); };
    made.trouble = [this](const ApiFailure&) { ++troubles; };
    return made;
  }
};

TEST_F(KubeClientLive, WritesInEveryWay) {
  for (const char* name : {"merge", "json", "strategic", "applied", "gone"}) make(name, "old");
  must(patch(kConfigMaps, {space_, "merge"}, kMergePatch, {{"data", {{"x", "new"}}}}));
  json::Array steps{{{"op", "replace"}, {"path", "/data/x"}, {"value", "new"}}};
  must(patch(kConfigMaps, {space_, "json"}, kJsonPatch, steps));
  must(patch(kConfigMaps, {space_, "strategic"}, kStrategicPatch, {{"data", {{"x", "new"}}}}));
  json::Value applied = config_map("applied", "new");
  EXPECT_EQ(refusal(apply(kConfigMaps, {space_, "applied"}, applied, "another", false)), Kind::kConflict);
  must(apply(kConfigMaps, {space_, "applied"}, applied, "another", true));
  std::string uid = text_at(must(get(kConfigMaps, {space_, "gone"})), "metadata.uid");
  EXPECT_EQ(refusal(remove(kConfigMaps, {space_, "gone"}, "00000000-0000-0000-0000-000000000000")), Kind::kConflict);
  must(remove(kConfigMaps, {space_, "gone"}, uid));
  std::map<std::string, std::string> expected{
      {"merge", "new"}, {"json", "new"}, {"strategic", "new"}, {"applied", "new"}};
  EXPECT_EQ(on_server(), expected);
  EXPECT_EQ(refusal(create(kConfigMaps, {space_, ""}, config_map("merge", ""))), Kind::kAlreadyExists);
  EXPECT_EQ(refusal(get(kConfigMaps, {space_, "nothing"})), Kind::kNotFound);
  auto unknown = ask(*client_, get({"nosuch.io", "v1", "things"}, {space_, ""}));
  EXPECT_TRUE(!unknown && unknown.error().no_such_resource);
}

TEST_F(KubeClientLive, AWarningIsTold) {
  std::vector<std::string> warnings;
  client_->on_warning([&](const std::string& text) { warnings.push_back(text); });
  Request request = create(kConfigMaps, {space_, ""}, {{"metadata", {{"name", "a"}}}, {"nope", 1}});
  request.query = {{"fieldValidation", "Warn"}};
  must(request);
  EXPECT_EQ(warnings, std::vector<std::string>{R"(unknown field "nope")"});
}

TEST_F(KubeClientLive, OthersAreRefused) {
  Access other = access();
  other.impersonate = "alice";
  EXPECT_EQ(ask(*client_of(other), get(kPods, {space_, ""})).error().kind, Kind::kForbidden);
  other = access();
  for (std::string* text : {&other.tls.certificate, &other.tls.certificate_file, &other.tls.key, &other.tls.key_file})
    text->clear();
  other.token = "nonsense";
  EXPECT_EQ(ask(*client_of(other), get(kPods, {space_, ""})).error().kind, Kind::kUnauthorized);
  other = access();
  other.tls.authority.clear();
  other.tls.authority_file.clear();
  EXPECT_EQ(ask(*client_of(other), get(kPods, {space_, ""})).error().kind, Kind::kUnreachable);
}

TEST_F(KubeClientLive, ABudgetRefusesAnEvictionUntilItIsGone) {
  json::Value pod{{"metadata", {{"name", "p"}, {"labels", {{"app", "p"}}}}},
                  {"spec", {{"containers", {{{"name", "c"}, {"image", "i"}}}}}}};
  auto made = ask(*client_, create(kPods, {space_, ""}, pod));
  // The service account of a new namespace comes a moment later.
  for (int i = 0; i < 100 && !made && made.error().passes(); ++i) {
    usleep(100'000);
    made = ask(*client_, create(kPods, {space_, ""}, pod));
  }
  ASSERT_TRUE(made) << made.error().message;
  auto runs = [&] { return text_at(must(get(kPods, {space_, "p"})), "status.phase") == "Running"; };
  for (int i = 0; i < 200 && !runs(); ++i) usleep(100'000);
  must(create(kBudgets, {space_, ""},
              {{"metadata", {{"name", "b"}}},
               {"spec", {{"minAvailable", 1}, {"selector", {{"matchLabels", {{"app", "p"}}}}}}}}));
  EXPECT_EQ(refusal(evict({space_, "p"})), Kind::kBudget);
  must(remove(kBudgets, {space_, "b"}));
  must(evict({space_, "p"}));
}

TEST_F(KubeClientLive, AListFromTheFutureIsTooEarly) {
  std::optional<Answer<std::string>> done;
  Client::List list{.resource = kPods, .version = "99999999"};
  list.page = [](json::Array&&) {};
  list.done = [&](Answer<std::string> answer) { done = std::move(answer); };
  client_->list(std::move(list));
  ASSERT_TRUE(turn(
      {client_.get()}, [&] { return done.has_value(); }, 20s));
  EXPECT_EQ(done->error().kind, Kind::kTooEarly);
}

TEST_F(KubeClientLive, AMirrorFollowsThroughTheGoodEndsOfItsWatches) {
  for (int i = 0; i < 5; ++i) make(fmt::format("c{}", i), "old");
  Owner owner;
  MirrorOptions options{.resource = kConfigMaps, .object = {space_, ""}, .label_selector = "t in (1)", .page_size = 2};
  options.server_timeout = 2s;
  Mirror mirror(*client_, options, owner.handlers());
  ASSERT_TRUE(turn(
      {client_.get()}, [&] { return mirror.in_sync(); }, 20s, mirror));
  EXPECT_EQ(owner.objects.size(), 5u);
  for (int i = 0; i < 5; ++i) {
    turn(
        {client_.get()}, [] { return false; }, 1s, mirror);
    must(patch(kConfigMaps, {space_, "c1"}, kMergePatch, {{"data", {{"x", fmt::format("{}", i)}}}}));
    EXPECT_TRUE(turn(
        {client_.get()}, [&] { return owner.objects["c1"] == fmt::format("{}", i); }, 5s, mirror))
        << i;
  }
  EXPECT_EQ(owner.troubles, 0u);
  EXPECT_TRUE(mirror.in_sync());
}

TEST_F(KubeClientLive, ALeaseIsTakenOverAfterAReleaseAndNeverHeldByTwo) {
  auto other = client_of(access());
  std::vector<Client*> both{client_.get(), other.get()};
  ElectorOptions options{
      .lease = {space_, "leader"}, .identity = "a", .lease_length = 3s, .renew_every = 1s, .give_up = 2s};
  Elector a(*client_, options, {});
  options.identity = "b";
  Elector b(*other, options, {});
  auto one = [&] {
    EXPECT_FALSE(a.leads() && b.leads());
    return a.leads() || b.leads();
  };
  ASSERT_TRUE(turn(both, one, 10s, a, b));
  bool released = false;
  Elector& first = a.leads() ? a : b;
  Elector& second = a.leads() ? b : a;
  turn(
      both, [&] { return one(), false; }, 5s, a, b);
  EXPECT_TRUE(first.leads());
  first.release([&] { released = true; });
  EXPECT_TRUE(turn(
      both, [&] { return second.leads(); }, 5s, a, b));
  EXPECT_TRUE(released);
}

TEST_F(KubeClientLive, CutAgainAndAgainAMirrorEndsWithTheServersObjects) {
  auto through = client_of(access("CUT_KUBECONFIG"));
  Owner owner;
  MirrorOptions options{.resource = kConfigMaps, .object = {space_, ""}, .label_selector = "t in (1)", .page_size = 2};
  options.server_timeout = 4s;
  options.silence = 1s;
  Mirror mirror(*through, options, owner.handlers());
  for (int i = 0; i < 60; ++i) {
    std::string name = fmt::format("c{}", i % 7);
    if (i % 3 == 2 && on_server().contains(name)) {
      must(remove(kConfigMaps, {space_, name}));
    } else {
      must(apply(kConfigMaps, {space_, name}, config_map(name, fmt::format("{}", i)), "test", true));
    }
    turn(
        {through.get()}, [] { return false; }, 150ms, mirror);
  }
  auto expected = on_server();
  EXPECT_TRUE(turn(
      {through.get()}, [&] { return owner.objects == expected && mirror.in_sync(); }, 30s, mirror));
  EXPECT_GT(owner.troubles, 0u);
}

}  // namespace
}  // namespace ordeal::kube
