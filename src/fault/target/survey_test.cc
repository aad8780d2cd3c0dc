#include "fault/target/survey.h"

#include "core/json/yaml.h"
#include "core/model/input/experiment.h"
#include "fault/target/recorded_host.h"
#include "fault/target/select.h"

namespace ordeal::target {
namespace {

using Names = std::vector<std::string>;

const std::string kDb(64, 'd');
const std::string kEdge(64, 'e');

std::string at(const std::string& path) { return "0::" + path + "\n"; }

class SurveyTest : public RecordedHost {
 protected:
  SurveyTest() {
    process(1, "systemd", at("/init.scope"), 0);
    process(300, "sshd", at("/system.slice/ssh.service"));
    process(400, "nginx", at("/system.slice/nginx.service"));
    process(401, "nginx", at("/system.slice/nginx.service"), 400);
    process(402, "logger", at("/system.slice/nginx.service"), 400);
    process(700, "postgres", at("/docker/" + kDb));
    process(701, "api", at("/system.slice/docker-" + kEdge + ".scope"));
    process(710, "api", at("/shop/api"));
    process(720, "haproxy", at("/"));
    process(721, "haproxy", at("/"));
    process(722, "bash", at("/"));
    process(723, "ordeal", at("/"), 722);
    process(724, "zsh", at("/"));
    process(725, "zsh", at("/"));
    docker_name(kDb, "db");
  }
  Survey all(const std::vector<Policy>& policies = {}) {
    snapshot_ = snapshot({722, 723, 724});
    return survey(snapshot_, policies);
  }
  Snapshot snapshot_;
};

const SurveyEntry& entry_of(const Survey& survey, Group group, const std::string& name) {
  for (const SurveyEntry& entry : survey.entries)
    if (entry.group == group && entry.name == name) return entry;
  throw std::runtime_error("not listed: " + name);
}

Target target_of(const std::string& line) {
  auto document = json::parse_yaml("name: x\n" + line + "\nattack: {type: cpu}\n");
  return decode_experiment(document.value()).value().target;
}

TEST_F(SurveyTest, EachKindIsListedWithItsLine) {
  Survey found = all();
  const SurveyEntry& nginx = entry_of(found, Group::kUnit, "nginx.service");
  EXPECT_EQ(nginx.line, "target: {type: systemd, name: nginx}");
  EXPECT_EQ(nginx.processes, 3u);
  EXPECT_EQ(nginx.programs, (std::vector<std::string>{"nginx", "logger"}));
  EXPECT_FALSE(nginx.refused);
  const SurveyEntry& db = entry_of(found, Group::kContainer, "db");
  EXPECT_EQ(db.line, "target: {type: container, name: db}");
  EXPECT_EQ(db.runtime, "docker");
  EXPECT_EQ(entry_of(found, Group::kContainer, kEdge.substr(0, 12)).line,
            "target: {type: container, name: eeeeeeeeeeee}");
  EXPECT_EQ(entry_of(found, Group::kCgroup, "/shop/api").line, "target: {type: container, cgroup: /shop/api}");
  EXPECT_EQ(entry_of(found, Group::kProcess, "haproxy").processes, 2u);
  EXPECT_EQ(entry_of(found, Group::kProcess, "zsh").processes, 1u);  // the other runs Ordeal
  EXPECT_EQ(entry_of(found, Group::kHost, "recorded").line, "target: {type: host}");
  EXPECT_EQ(found.entries.size(), 12u);
}

// What the list promises is what a run would hit.
TEST_F(SurveyTest, EveryLineSelectsExactlyWhatIsListed) {
  Survey found = all();
  int lines = 0;
  for (const SurveyEntry& entry : found.entries) {
    auto selection = select(target_of(entry.line), std::nullopt, snapshot_, {}, 1);
    EXPECT_EQ(selection.has_value(), !entry.refused) << entry.name;
    if (!selection || entry.group == Group::kHost) continue;
    size_t processes = 0;
    for (const Victim& victim : selection->chosen) processes += victim.processes.size();
    EXPECT_EQ(processes, entry.processes) << entry.line;
    ++lines;
  }
  EXPECT_EQ(lines, 6);
}

TEST_F(SurveyTest, WhatIsProtectedSaysWhy) {
  Survey found = all();
  EXPECT_EQ(entry_of(found, Group::kUnit, "ssh.service").refused, "sshd is always protected (pid 300)");
  EXPECT_EQ(entry_of(found, Group::kUnit, "init.scope").refused, "the host's init (PID 1) is always protected (pid 1)");
  EXPECT_TRUE(entry_of(found, Group::kUnit, "system.slice").refused);
  EXPECT_EQ(entry_of(found, Group::kProcess, "bash").refused, "bash runs Ordeal, and is always protected");
  EXPECT_TRUE(entry_of(found, Group::kProcess, "ordeal").refused);

  Policy narrow;
  narrow.origin = "policy.yaml";
  narrow.blast_radius = ScopeRule{{"staging"}, {}};
  for (const SurveyEntry& entry : all({narrow}).entries) EXPECT_TRUE(entry.refused) << entry.name;
}

TEST_F(SurveyTest, WhatRunsInTheSameSessionAsOrdealIsListedByItsName) {
  const std::string session = "/user.slice/user-1000.slice/session-3.scope";
  process(730, "worker", at(session));
  process(731, "ordeal-guard", at(session));
  process(732, "nginx", at(session));
  Survey found = all();
  EXPECT_TRUE(entry_of(found, Group::kUnit, "session-3.scope").refused);
  EXPECT_EQ(entry_of(found, Group::kProcess, "worker").line, "target: {type: process, name: worker}");
  EXPECT_EQ(entry_of(found, Group::kProcess, "nginx").processes, 3u);  // those of the service too, as the line does
  EXPECT_THROW(entry_of(found, Group::kProcess, "ordeal-guard"), std::runtime_error);
  EXPECT_THROW(entry_of(found, Group::kProcess, "logger"), std::runtime_error);
}

TEST_F(SurveyTest, TwoOfOneNameAreToldApartByTheirPaths) {
  process(800, "nginx", at("/user.slice/user-1000.slice/user@1000.service/app.slice/nginx.service"));
  Survey found = all();
  std::set<std::string> lines;
  for (const SurveyEntry& entry : found.entries)
    if (entry.name == "nginx.service") lines.insert(entry.line);
  EXPECT_EQ(lines, (std::set<std::string>{"target: {type: systemd, cgroup: /system.slice/nginx.service}",
                                          "target: {type: systemd, cgroup: "
                                          "/user.slice/user-1000.slice/user@1000.service/app.slice/nginx.service}"}));
}

TEST_F(SurveyTest, NamesThatYamlWouldReadOtherwiseAreQuoted) {
  for (const char* name : {"true", "null", "1234", "a b", "a: b", "#x", "x,y", "{x}", "\"q\"", "a\\x2db", "-", "~",
                           ".inf", "*a", "naïve"}) {
    process(900, name, at("/"));
    Survey found = all();
    const SurveyEntry& entry = entry_of(found, Group::kProcess, name);
    EXPECT_EQ(target_of(entry.line).names, std::vector<std::string>(1, name)) << entry.line;
  }
}

TEST_F(SurveyTest, WordsAreLookedForInKindsNamesCgroupsEnginesAndPrograms) {
  Survey found = all();
  auto found_by = [&](const std::string& words) {
    std::vector<std::string> names;
    for (const SurveyEntry& entry : filtered(found.entries, words)) names.push_back(entry.name);
    return names;
  };
  EXPECT_EQ(found_by("host"), std::vector<std::string>{"recorded"});
  EXPECT_EQ(found_by("container").size(), 2u);
  EXPECT_EQ(found_by("HAPROXY"), Names{"haproxy"});
  EXPECT_EQ(found_by("postgres"), Names{"db"});
  EXPECT_EQ(found_by("logger"), (Names{"nginx.service", "system.slice"}));
  EXPECT_EQ(found_by("shop/"), Names{"/shop/api"});
  EXPECT_EQ(found_by("").size(), found.entries.size());
  EXPECT_TRUE(found_by("nothing").empty());
}

}  // namespace
}  // namespace ordeal::target
