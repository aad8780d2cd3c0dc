#include "core/model/victim.h"

#include <array>

#include "core/json/reader.h"

namespace ordeal {
namespace {

constexpr std::array kNames{"host", "process", "container", "pod", "unit"};

Result<VictimKind> kind_from(const json::Reader& reader) {
  std::string word = TRY(reader.word({"host", "process", "container", "pod", "unit"}));
  for (size_t i = 0; i < kNames.size(); ++i)
    if (word == kNames[i]) return static_cast<VictimKind>(i);
  return reader.expected("a kind of victim");
}

Result<ProcessId> process_from(const json::Reader& reader) {
  TRY_VOID(reader.only({"pid", "start"}));
  ProcessId id;
  id.pid = static_cast<pid_t>(TRY(TRY(reader.at("pid")).integer(1, 1 << 30)));
  id.start_ticks = static_cast<uint64_t>(TRY(TRY(reader.at("start")).integer(0, INT64_MAX)));
  return id;
}

}  // namespace

const char* to_text(VictimKind kind) { return kNames[static_cast<size_t>(kind)]; }

json::Value to_json(const Victim& victim) {
  json::Object labels;
  for (const auto& [key, value] : victim.labels) labels[key] = value;
  json::Array processes;
  for (const ProcessId& p : victim.processes) processes.push_back({{"pid", p.pid}, {"start", p.start_ticks}});
  return json::Object{{"kind", to_text(victim.kind)},
                      {"name", victim.name},
                      {"namespace", victim.namespace_},
                      {"labels", std::move(labels)},
                      {"zone", victim.zone},
                      {"cgroup", victim.cgroup},
                      {"cgroup_inode", victim.cgroup_inode},
                      {"processes", std::move(processes)},
                      {"netns", victim.netns}};
}

Result<Victim> victim_from_json(const json::Value& value) {
  json::Document document{value, {}};
  json::Reader reader(document);
  TRY_VOID(
      reader.only({"kind", "name", "namespace", "labels", "zone", "cgroup", "cgroup_inode", "processes", "netns"}));
  auto raw_text = [&](std::string_view key) -> Result<std::string> {
    json::Reader field = TRY(reader.at(key));
    if (!field.value().is_string()) return field.expected("text");
    return std::string(field.value().get_string());
  };
  Victim victim;
  victim.kind = TRY(kind_from(TRY(reader.at("kind"))));
  victim.name = TRY(TRY(reader.at("name")).text());
  victim.namespace_ = TRY(raw_text("namespace"));
  victim.zone = TRY(raw_text("zone"));
  victim.cgroup = TRY(raw_text("cgroup"));
  victim.cgroup_inode = static_cast<uint64_t>(TRY(TRY(reader.at("cgroup_inode")).integer(0, INT64_MAX)));
  victim.netns = static_cast<uint64_t>(TRY(TRY(reader.at("netns")).integer(0, INT64_MAX)));
  for (auto& [key, text] : TRY(TRY(reader.at("labels")).labels())) victim.labels[key] = text;
  for (const json::Reader& item : TRY(TRY(reader.at("processes")).items()))
    victim.processes.push_back(TRY(process_from(item)));
  return victim;
}

}  // namespace ordeal
