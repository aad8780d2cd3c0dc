// What `plan` and `check` say beside the steps.
#include <gtest/gtest.h>

#include "platform/net/test_server.h"
#include "run/session/preview/alike.h"
#include "run/session/preview/first_look.h"
#include "run/session/preview/loopback.h"

namespace ordeal::session {
namespace {

Attack latency(const std::string& arguments) {
  Attack attack;
  attack.type = "latency";
  attack.args = json::parse(arguments)->as_object();
  return *fault::resolve(attack).map([&](const fault::Fault*) { return attack; });
}

using Sockets = std::vector<sys::ListeningSocket>;
const Sockets kSockets{{"127.0.0.1", 8000, 1, true, false},
                       {"0.0.0.0", 80, 2, false, true},
                       {"::1", 5432, 3, true, false},
                       {"127.0.0.1", 9000, 4, true, false},
                       {"192.0.2.2", 9000, 5, false, false}};

std::vector<uint16_t> missed(const std::string& arguments, std::set<uint64_t> own = {1, 2, 4, 5}) {
  std::vector<uint16_t> ports;
  for (const auto& socket : missed_on_loopback(latency(arguments), kSockets, own)) ports.push_back(socket.port);
  return ports;
}

using PortList = std::vector<uint16_t>;

TEST(Loopback, WithoutPortsTheVictimsOwnListenersAreMissed) {
  EXPECT_EQ(missed("{}"), PortList{8000});  // 5432 is somebody else's; 9000 is served elsewhere, too
  EXPECT_EQ(missed("{}", {3}), PortList{5432});
  EXPECT_EQ(missed("{}", {}), PortList{});
}

TEST(Loopback, APortThatIsNamedIsMissedWhoeverServesIt) {
  EXPECT_EQ(missed(R"({"port": 5432})"), PortList{5432});
  EXPECT_EQ(missed(R"({"port": "8000-9000"})"), PortList{8000});
  EXPECT_EQ(missed(R"({"port": 80})"), PortList{});
  EXPECT_EQ(missed(R"({"ports": "^8000"})"), PortList{});
}

TEST(Loopback, WhatDoesNotMeanItMissesNothing) {
  EXPECT_EQ(missed(R"({"device": "lo"})"), PortList{});
  EXPECT_EQ(missed(R"({"protocol": "udp"})"), PortList{});
  EXPECT_EQ(missed(R"({"ips": "192.0.2.0/24"})"), PortList{});
}

Victim victim(int number) {
  Victim made;
  made.name = "web-" + std::to_string(number);
  made.cgroup = "/shop/" + made.name;
  made.netns = 4026532200 + static_cast<uint64_t>(number);
  made.processes = {{100 + number, 1}};
  return made;
}

VictimPlan plan_on(const Victim& victim, const std::string& what, const std::string& cost) {
  VictimPlan plan;
  Step step;
  step.action =
      what + " in the cgroup " + victim.cgroup + ": web (pid " + std::to_string(victim.processes[0].pid) + ")";
  step.undo = "none";
  step.notes = {"whoever joins … (that costs " + cost + " ms of CPU)"};
  plan.steps = {step};
  return plan;
}

TEST(Alike, WhatDiffersOnlyInTheVictimIsSaidOnce) {
  std::vector<Victim> victims{victim(1), victim(2), victim(11)};
  std::vector<VictimPlan> plans{plan_on(victims[0], "stop all", "1.0"), plan_on(victims[1], "stop all", "12.5"),
                                plan_on(victims[2], "stop some", "1.0")};
  auto groups = group_alike(victims, plans);
  ASSERT_EQ(groups.size(), 2u);
  EXPECT_EQ(groups[0].victims, (std::vector<size_t>{0, 1}));
  EXPECT_TRUE(groups[0].differs);
  EXPECT_EQ(groups[0].plan.steps[0].action, "stop all in the cgroup [its own]: web ([its own])");
  EXPECT_FALSE(groups[1].differs);
  EXPECT_EQ(groups[1].plan.steps[0].action, plans[2].steps[0].action);
}

TEST(Alike, ARefusalIsNeverJoinedWithWhatCanBeHit) {
  std::vector<Victim> victims{victim(1), victim(2), victim(3)};
  std::vector<VictimPlan> plans(3);
  plans[0] = plan_on(victims[0], "stop", "1.0");
  for (int i : {1, 2}) plans[i].refusal = Error{Errc::kRefused, victims[i].name + " is protected", 0, "", nullptr};
  auto groups = group_alike(victims, plans);
  ASSERT_EQ(groups.size(), 2u);
  EXPECT_EQ(groups[1].plan.refusal->message(), "[its own] is protected");
}

class FirstLookTest : public testing::Test {
 protected:
  net::Task<net::HttpResponse> answer(const net::HttpRequest& request) {
    if (request.path == "/post") ++posts_;
    if (request.path == "/gone") co_return net::HttpResponse{404, ""};
    co_return net::HttpResponse{200, "requests_total{code=\"200\"} " + std::to_string(10 * ++pages_) + "\nqueue 7\n"};
  }

  Expectation on(const std::string& name, const std::string& condition) {
    Expectation expectation;
    expectation.name = name;
    expectation.condition = condition;
    return expectation;
  }
  Expectation query(const std::string& text, const std::string& condition) {
    Expectation expectation = on(text, condition);
    expectation.query = text;
    return expectation;
  }
  Expectation http(const std::string& path, const std::string& condition) {
    Expectation expectation = on(path, condition);
    expectation.http = HttpProbe{server_.url(path)};
    return expectation;
  }

  std::vector<FirstReading> look(std::vector<Expectation> expectations, Ask ask = Ask::kAll) {
    experiment_.expect = std::move(expectations);
    auto readings = look_once(experiment_, ask);
    EXPECT_TRUE(readings) << readings.error().message();
    return readings.value_or(std::vector<FirstReading>{});
  }

  int posts_ = 0, pages_ = 0;
  net::TestServer server_{[this](const net::HttpRequest& request) { return answer(request); }};
  Experiment experiment_;
};

TEST_F(FirstLookTest, SaysWhatEachIsNowAndWhetherThatWouldHold) {
  experiment_.sources.scrape = {{server_.url("/metrics"), "api", {}}};
  auto readings = look(
      {query("queue", "result < 5"), query("rate(requests_total[10s])", "result > 0"), http("/", "result == 200")});
  EXPECT_EQ(in_words(readings[0]), "queue: 7 (limit: below 5), does not hold");
  EXPECT_EQ(readings[1].reading, Reading::kHolds);
  EXPECT_EQ(readings[1].series, "code=200, instance=127.0.0.1:" + std::to_string(server_.port()) + ", job=api");
  EXPECT_EQ(in_words(readings[2]), "/: 200 (expected 200), holds");
  EXPECT_EQ(exit_code_of(readings), ExitCode::kDeviated);
  EXPECT_EQ(exit_code_of({readings[1], readings[2]}), ExitCode::kHeld);
}

TEST_F(FirstLookTest, SaysWhyThereIsNoValueAndWhatToDo) {
  experiment_.sources.scrape = {{server_.url("/metrics"), "api", {}}};
  auto readings = look({query("queeu", "result < 5"), query("requests_total{code=\"500\"}", "result < 5")});
  EXPECT_NE(readings[0].why.find("there is no metric queeu; the nearest is queue"), std::string::npos)
      << readings[0].why;
  EXPECT_NE(readings[0].advice.find("Fix the query"), std::string::npos);
  EXPECT_EQ(readings[1].reading, Reading::kNoData);
  EXPECT_NE(readings[1].why, "");
  EXPECT_EQ(exit_code_of(readings), ExitCode::kInconclusive);
}

TEST_F(FirstLookTest, APageThatDoesNotAnswerIsNamedAndSoIsAProbe) {
  experiment_.sources.scrape = {{"http://127.0.0.1:1/metrics", "api", {}}};
  Expectation refused = on("port", "result < 1");
  refused.tcp = TcpProbe{"127.0.0.1:1"};
  BootTime began = boot_now();
  auto readings = look({query("queue", "result < 5"), refused});
  EXPECT_LT(to_seconds(boot_now() - began), 3);
  EXPECT_NE(readings[0].why.find("http://127.0.0.1:1/metrics cannot be scraped"), std::string::npos) << readings[0].why;
  EXPECT_NE(readings[0].advice.find("sources.scrape[0].url"), std::string::npos);
  EXPECT_EQ(readings[1].reading, Reading::kNoData);
  EXPECT_NE(readings[1].advice.find("the probe's address"), std::string::npos);
}

TEST_F(FirstLookTest, APlanStartsNoProgramAndPostsNothing) {
  Expectation post = http("/post", "result == 200");
  post.http->method = "POST";
  Expectation command = on("command", "result == 0");
  command.command = CommandProbe{{"/bin/true"}};
  auto harmless = look({post, command, http("/", "result == 200")}, Ask::kHarmless);
  EXPECT_EQ(posts_, 0);
  EXPECT_EQ(in_words(harmless[0]), "/post: not asked (expected 200): it sends a POST");
  EXPECT_EQ(in_words(harmless[1]), "command: not asked (expected 0): it starts a program");
  EXPECT_EQ(harmless[2].reading, Reading::kHolds);
  EXPECT_EQ(exit_code_of(harmless), ExitCode::kHeld);
  auto all = look({post, command});
  EXPECT_EQ(posts_, 1);
  EXPECT_EQ(exit_code_of(all), ExitCode::kHeld);
}

}  // namespace
}  // namespace ordeal::session
