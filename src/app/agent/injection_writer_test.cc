#include "app/agent/injection_writer.h"

#include <gtest/gtest.h>

#include "core/base/io/wait.h"
#include "platform/kube/testing/script_server.h"

namespace ordeal::agent {
namespace {

using kube::Reply;
using Asked = kube::ScriptServer::Asked;

Reply failure(int code, const char* reason) {
  return {code, json::write({{"kind", "Status"}, {"status", "Failure"}, {"reason", reason}, {"code", code}})};
}

// A writer against a server that answers as `script` says.
struct Writing {
  explicit Writing(std::function<Reply(const Asked&)> script)
      : server(std::move(script)),
        client(std::move(*kube::Client::create(server.access()))),
        writer(*client, {"shop", "slow-n1"}, "u1",
               {[this] { ++written; }, [this] { released = true; }, [this](const std::string&) { ++troubles; }}) {}
  void until(const std::function<bool()>& done) {
    for (BootTime end = boot_now() + 10s; !done() && boot_now() < end;) {
      writer.dispatch();
      wait_readable({client->descriptor()}, std::min<Nanos>(20ms, writer.next_wake() - boot_now()));
      client->dispatch();
    }
    EXPECT_TRUE(done());
  }
  cluster::InjectionStatus status(const char* state) {
    cluster::InjectionStatus status;
    status.state = state;
    return status;
  }

  kube::ScriptServer server;
  std::unique_ptr<kube::Client> client;
  int written = 0, troubles = 0;
  bool released = false;
  InjectionWriter writer;
};

TEST(InjectionWriter, WritesTheStatusOfThatVeryInjectionAndThenReleasesIt) {
  Writing writing([](const Asked&) { return Reply{200, "{}"}; });
  writing.writer.write(writing.status("reverted"));
  writing.until([&] { return writing.written == 1; });
  writing.writer.release();
  writing.until([&] { return writing.released; });
  auto asked = writing.server.asked();
  ASSERT_EQ(asked.size(), 2u);
  EXPECT_EQ(asked[0].path, "/apis/ordeal.dev/v1alpha1/namespaces/shop/injections/slow-n1/status");
  EXPECT_EQ(asked[0].header("Content-Type"), kube::kMergePatch);
  EXPECT_EQ(json::parse(asked[0].body)->at("metadata").at("uid").as_string(), "u1");
  EXPECT_EQ(json::parse(asked[0].body)->at("status").at("state").as_string(), "reverted");
  EXPECT_EQ(asked[1].body, R"([{"op":"test","path":"/metadata/uid","value":"u1"},)"
                           R"({"op":"test","path":"/metadata/finalizers","value":["ordeal.dev/revert"]},)"
                           R"({"op":"remove","path":"/metadata/finalizers"}])");
  EXPECT_EQ(writing.writer.next_wake(), BootTime::max());
}

// Those of 900 nodes come over seven seconds, one alone at once, and none later than half of its lease.
TEST(InjectionWriter, TheEndOfManyIsNotToldAllAtOnce) {
  cluster::InjectionSpec spec;
  for (auto [nodes, most] : {std::pair{1, 0ms}, {2, 16ms}, {900, 7200ms}, {100000, 7500ms}}) {
    spec.nodes = nodes;
    EXPECT_EQ(cluster::may_report_within(spec), most) << nodes;
  }
  Writing writing([](const Asked&) { return Reply{200, "{}"}; });
  Nanos least = 1h, most{0};
  for (int i = 0; i < 200; ++i) {
    InjectionWriter writer(*writing.client, {"shop", "slow-n2"}, "u2", {});
    BootTime now = boot_now();
    writer.write(writing.status("reverted"), 5s);
    least = std::min(least, writer.next_wake() - now);
    most = std::max(most, writer.next_wake() - now);
  }
  EXPECT_LT(least, 500ms);
  EXPECT_GT(most, 4500ms);
  EXPECT_LT(most, 5100ms);
  writing.writer.write(writing.status("reverted"), 1h);
  EXPECT_GT(writing.writer.next_wake(), boot_now());
  writing.writer.write(writing.status("reverted"));
  EXPECT_LE(writing.writer.next_wake(), boot_now()) << "what is urgent does not wait for what was not";
  writing.writer.write(writing.status("reverted"), 1h);
  writing.writer.hurry();
  writing.until([&] { return writing.written == 1; });
}

TEST(InjectionWriter, TriesAgainAndWritesTheNewestOnly) {
  std::atomic<int> count = 0;
  Writing writing([&](const Asked&) { return ++count < 3 ? failure(503, "ServiceUnavailable") : Reply{200, "{}"}; });
  writing.writer.write(writing.status("injected"));
  writing.until([&] { return count == 1; });
  writing.writer.write(writing.status("reverted"));
  writing.until([&] { return writing.written == 1; });
  EXPECT_EQ(json::parse(writing.server.asked().back().body)->at("status").at("state").as_string(), "reverted");
  EXPECT_EQ(count, 3);
  EXPECT_EQ(writing.troubles, 1);
}

TEST(InjectionWriter, AnInjectionThatIsGoneOrAnotherOneNeedsNoMore) {
  for (bool other : {false, true}) {
    Writing writing([=](const Asked& asked) {
      if (!other) return failure(404, "NotFound");
      return asked.method == "GET" ? Reply{200, R"({"metadata":{"uid":"u2"}})"} : failure(409, "Conflict");
    });
    writing.writer.write(writing.status("reverted"));
    writing.writer.release();
    writing.until([&] { return writing.released; });
    EXPECT_EQ(writing.written, 1);
    EXPECT_EQ(writing.server.asked().size(), other ? 2u : 1u);
  }
}

TEST(InjectionWriter, AConflictAndAnAnswerOfSomethingElseAreNoProofThatItIsGone) {
  for (int code : {409, 404}) {
    std::atomic<int> patches = 0, gets = 0;
    Writing writing([&, code](const Asked& asked) {
      Reply unclear = code == 409 ? failure(409, "Conflict") : Reply{404, "not here", {}, "text/plain"};
      if (asked.method == "GET")
        return ++gets == 1 ? Reply{404, "not here"} : Reply{200, R"({"metadata":{"uid":"u1"}})"};
      return ++patches == 1 ? unclear : Reply{200, "{}"};
    });
    writing.writer.write(writing.status("reverted"));
    writing.until([&] { return writing.written == 1; });
    EXPECT_EQ(patches, 2) << code;
    EXPECT_EQ(gets, 2) << code;
    EXPECT_FALSE(writing.released);
  }
}

TEST(InjectionWriter, AFinaliserIsNotTakenForGoneByAnAnswerThatIsNone) {
  std::atomic<int> gets = 0;
  Writing writing([&](const Asked& asked) {
    if (asked.method != "GET") return failure(422, "Invalid");
    if (++gets == 1) return Reply{404, "not here"};
    return gets == 2 ? Reply{200, "{}"} : Reply{200, R"({"metadata":{"uid":"u1"}})"};
  });
  writing.writer.release();
  writing.until([&] { return writing.released; });
  EXPECT_EQ(gets, 3);
}

TEST(InjectionWriter, ALastStatusThatTheServerRefusesIsWrittenShortOnceBeforeTheFinaliserGoes) {
  for (int code : {413, 422}) {
    Writing writing([=](const Asked& asked) {
      return asked.path.ends_with("/status") ? failure(code, "Invalid") : Reply{200, "{}"};
    });
    cluster::InjectionStatus status = writing.status("reverted");
    status.halted_by = "lease";
    status.why = std::string(5000, 'x');
    cluster::ImpactStatus impact;
    impact.state = "reverted";
    impact.clean = false;
    impact.error = "a qdisc";
    impact.steps.resize(1);
    status.impacts = {impact};
    writing.writer.write(status);
    writing.until([&] { return writing.written == 1; });
    writing.writer.release();
    writing.until([&] { return writing.released; });
    EXPECT_EQ(writing.troubles, 1);
    auto asked = writing.server.asked();
    ASSERT_EQ(asked.size(), 3u);
    auto sent = json::parse(asked[1].body)->at("status");
    EXPECT_EQ(sent.at("haltedBy").as_string(), "lease");
    EXPECT_EQ(sent.at("why").as_string().size(), 500u);
    EXPECT_EQ(json::write(sent.at("impacts")), R"([{"id":0,"state":"reverted","clean":false,"error":"a qdisc"}])");
  }
}

TEST(InjectionWriter, OurFinaliserIsFoundAmongOthers) {
  std::atomic<int> patches = 0;
  Writing writing([&](const Asked& asked) {
    if (asked.method == "GET")
      return Reply{200, R"({"metadata":{"uid":"u1","finalizers":["a/b","ordeal.dev/revert"]}})"};
    return ++patches == 1 ? failure(422, "Invalid") : Reply{200, "{}"};
  });
  writing.writer.release();
  writing.until([&] { return writing.released; });
  EXPECT_EQ(writing.server.asked().back().body,
            R"([{"op":"test","path":"/metadata/uid","value":"u1"},)"
            R"({"op":"test","path":"/metadata/finalizers/1","value":"ordeal.dev/revert"},)"
            R"({"op":"remove","path":"/metadata/finalizers/1"}])");
}

TEST(InjectionWriter, WhoHasNoFinaliserOfOursIsReleasedAlready) {
  for (const char* there : {R"({"metadata":{"uid":"u1","finalizers":["a/b"]}})", R"({"metadata":{"uid":"u2"}})"}) {
    std::string object = there;
    Writing writing([=](const Asked& asked) {
      return asked.method == "GET" ? Reply{200, object} : failure(422, "Invalid");
    });
    writing.writer.release();
    writing.until([&] { return writing.released; });
  }
}

}  // namespace
}  // namespace ordeal::agent
