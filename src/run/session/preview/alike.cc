#include "run/session/preview/alike.h"

#include <algorithm>
#include <cctype>

namespace ordeal::session {
namespace {

bool is_word(const std::string& text, size_t at) {
  return at < text.size() && (std::isalnum(static_cast<unsigned char>(text[at])) || text[at] == '_');
}

// Each occurrence of `part` that is no part of a longer word.
std::string replaced(std::string text, const std::string& part) {
  if (part.empty()) return text;
  const std::string own = kItsOwn;
  for (size_t at = 0; (at = text.find(part, at)) != std::string::npos;) {
    bool whole = !(at > 0 && is_word(text, at - 1) && is_word(part, 0)) && !is_word(text, at + part.size());
    if (whole) text.replace(at, part.size(), own);
    at += whole ? own.size() : part.size();
  }
  return text;
}

// The longest first: a pid may be a part of a name.
std::vector<std::string> own_words(const Victim& victim) {
  std::vector<std::string> words{victim.name, victim.cgroup};
  if (victim.netns != 0) words.push_back(std::to_string(victim.netns));
  for (const ProcessId& id : victim.processes) words.push_back("pid " + std::to_string(id.pid));
  std::stable_sort(words.begin(), words.end(), [](auto& a, auto& b) { return a.size() > b.size(); });
  return words;
}

std::string general(std::string text, const std::vector<std::string>& words) {
  for (const std::string& word : words) text = replaced(std::move(text), word);
  return text;
}

VictimPlan general(VictimPlan plan, const Victim& victim) {
  auto words = own_words(victim);
  for (Step& step : plan.steps) {
    step.victim = kItsOwn;
    step.action = general(step.action, words);
    step.undo = general(step.undo, words);
    for (std::string& note : step.notes) note = general(note, words);
  }
  if (plan.refusal) plan.refusal->what = general(plan.refusal->message(), words), plan.refusal->cause = nullptr;
  return plan;
}

// What a look at the machine took, which is never the same twice: " 1.3 ms" and the like count as equal.
std::string without_costs(const std::string& note) {
  std::string text;
  for (size_t at = 0; at < note.size(); ++at)
    if (!(std::isdigit(static_cast<unsigned char>(note[at])) || note[at] == '.')) text += note[at];
  return note.find(" ms of CPU") == std::string::npos && note.find("(that costs ") == std::string::npos ? note : text;
}

bool alike(const Step& a, const Step& b) {
  auto same_note = [](const std::string& x, const std::string& y) { return without_costs(x) == without_costs(y); };
  return a.kind == b.kind && a.action == b.action && a.undo == b.undo && a.proof == b.proof &&
         std::equal(a.notes.begin(), a.notes.end(), b.notes.begin(), b.notes.end(), same_note);
}

bool alike(const VictimPlan& a, const VictimPlan& b) {
  auto why = [](const VictimPlan& plan) { return plan.refusal ? plan.refusal->message() : ""; };
  return why(a) == why(b) && std::equal(a.steps.begin(), a.steps.end(), b.steps.begin(), b.steps.end(),
                                        [](const Step& x, const Step& y) { return alike(x, y); });
}

}  // namespace

std::vector<AlikePlans> group_alike(const std::vector<Victim>& victims, const std::vector<VictimPlan>& plans) {
  std::vector<AlikePlans> groups;
  std::vector<VictimPlan> forms;
  for (size_t i = 0; i < plans.size(); ++i) {
    VictimPlan form = general(plans[i], victims[i]);
    size_t g = 0;
    while (g < groups.size() && !(victims[groups[g].victims.front()].kind == victims[i].kind && alike(forms[g], form)))
      ++g;
    if (g == groups.size()) {
      groups.push_back({{i}, plans[i], false});
      forms.push_back(std::move(form));
      continue;
    }
    AlikePlans& group = groups[g];
    group.victims.push_back(i);
    if (!alike(group.plan, plans[i]) && !group.differs) group.plan = forms[g], group.differs = true;
  }
  return groups;
}

}  // namespace ordeal::session
