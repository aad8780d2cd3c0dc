// Draft: a commented experiment as text, for `ordeal init`. What it writes decodes as it stands.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/json/value.h"
#include "core/model/input/attack.h"
#include "run/session/draft/suggestion.h"

namespace ordeal::session {

struct Draft {
  std::string file = "FILE";           // for the commands in its head
  std::string subject;                 // "nginx"; what it is about, for its name
  std::string target_line;             // "target: {type: systemd, name: nginx}"
  std::vector<std::string> on_target;  // comments
  const AttackInfo* attack = nullptr;
  json::Object args;                   // of those of the attack
  std::vector<std::string> on_attack;  // comments
  std::string metrics_url;             // "" is none
  std::vector<std::string> on_source;  // comments
  std::string job;                     // its label
  std::vector<Suggestion> expect;
  std::string no_expectation;  // why there is none; for a comment
};
// Pure. Texts of others are quoted, and stay on their line.
std::string write(const Draft& draft);

// The arguments of the attack's own example.
json::Object example_arguments(const AttackInfo& attack);
// The same, made to fit: `port` is the one that the target listens on (0: none, and
// then it is left out), `program` the one to kill.
json::Object example_arguments(const AttackInfo& attack, uint16_t port, const std::string& program);
// The line of the target in the attack's own example.
std::string example_target(const AttackInfo& attack);

}  // namespace ordeal::session
