#include "run/session/draft/draft.h"

#include <fmt/format.h>

#include "core/base/text/text.h"
#include "core/json/yaml.h"

namespace ordeal::session {
namespace {

constexpr const char* kLength = "30s";

std::string quoted(const std::string& text) { return json::write(json::Value(text)); }

// For PromQL, which is full of double quotes and has no control characters here.
std::string single_quoted(std::string text) {
  for (size_t at = 0; (at = text.find('\'', at)) != std::string::npos; at += 2) text.insert(at, "'");
  return "'" + text + "'";
}

// As a comment: on one line, whoever wrote it.
std::string comment(const std::string& text, const char* indent = "") {
  std::string line = json::write(json::Value(text));  // controls are escaped in it
  line = line.substr(1, line.size() - 2);
  for (size_t at = 0; (at = line.find("\\\"", at)) != std::string::npos; ++at) line.erase(at, 1);
  return fmt::format("{}# {}\n", indent, line);
}

std::string comments(const std::vector<std::string>& texts, const char* indent = "") {
  std::string all;
  for (const std::string& text : texts) all += comment(text, indent);
  return all;
}

std::string head(const Draft& draft) {
  return comments({"Made by `ordeal init`; every line is yours to change. docs/formats/experiment.md has all keys.",
                   fmt::format("  ordeal check {}   the value of each expectation now, without a fault", draft.file),
                   fmt::format("  ordeal plan {}    who would be hit, and how; changes nothing", draft.file),
                   fmt::format("  ordeal run {}", draft.file)}) +
         "\n";
}

std::string about(const Draft& draft) {
  return fmt::format("name: {}\n", quoted(fmt::format("{} on {}", draft.attack->type, draft.subject))) +
         "# What you believe, in a sentence:\n" +
         fmt::format("hypothesis: {}\n\n", quoted(fmt::format("Users of {} do not notice", draft.subject)));
}

std::string argument_line(const ArgumentInfo& argument, const json::Value* value) {
  std::string shown = value ? json::write(*value) : argument.fallback == "null" ? "…" : argument.fallback;
  std::string line = fmt::format("{}{}: {}", value ? "" : "# ", argument.name, shown);
  return fmt::format("    {:<28}# {}\n", line, argument.help);
}

std::string attack_block(const Draft& draft) {
  std::string text = comment(draft.attack->summary) + comments(draft.on_attack);
  text += fmt::format("attack:\n  type: {}\n", draft.attack->type);
  text += draft.args.empty() ? "  args: {}\n" : "  args:\n";
  for (const ArgumentInfo& argument : draft.attack->arguments)
    text += argument_line(argument, draft.args.if_contains(argument.name));
  return text + fmt::format("  length: {}\n\n", kLength);
}

std::string sources_block(const Draft& draft) {
  if (draft.metrics_url.empty()) return "";
  return "# Ordeal reads this page five times a second while the experiment runs.\n" + comments(draft.on_source) +
         fmt::format("sources: {{scrape: [{{url: {}, job: {}}}]}}\n\n", quoted(draft.metrics_url), quoted(draft.job));
}

std::string item(const Suggestion& one) {
  std::string text = comment(one.comment) + (one.unmet.empty() ? "" : comment(one.unmet));
  text += fmt::format("- name: {}\n", quoted(one.name));
  text += one.query.empty() ? fmt::format("  probe: {}\n", one.probe)
                            : fmt::format("  query: {}\n", single_quoted(one.query));
  text += fmt::format("  condition: {}\n", one.condition);
  if (one.no_data_is_breach) text += "  no_data: breach   # no answer counts as a violation\n";
  if (one.not_during) text += "  when: [before, after]\n";
  return text;
}

std::string placeholder(const Draft& draft) {
  return comment(draft.no_expectation) +
         "# Without an expectation a run ends as inconclusive: say what your users see, in one of these ways.\n"
         "# expect:\n"
         "# - name: time to the page\n"
         "#   probe: {http: {url: \"http://127.0.0.1:8080/\", result: latency}}\n"
         "#   condition: result < 0.5\n"
         "#   no_data: breach\n"
         "# - name: error rate      # with `ordeal init --metrics URL`, or sources: {prometheus: URL}\n"
         "#   query: sum(rate(http_requests_total{status=~\"5..\"}[5s])) / sum(rate(http_requests_total[5s]))\n"
         "#   condition: result < 0.01\n";
}

std::string expect_block(const Draft& draft) {
  if (draft.attack->only_looks && draft.expect.empty())
    return "# What it looks at is what must hold; `expect` adds to that.\n";
  if (draft.expect.empty()) return placeholder(draft);
  std::string text =
      "# What must hold: before, during and after. A violation during the attack ends it at once.\nexpect:\n";
  for (const Suggestion& one : draft.expect) text += item(one);
  return text;
}

json::Value example_of(const AttackInfo& attack) { return json::parse_document(attack.example)->value; }

}  // namespace

std::string write(const Draft& draft) {
  return head(draft) + about(draft) + comments(draft.on_target) + draft.target_line + "\n\n" + attack_block(draft) +
         sources_block(draft) + expect_block(draft);
}

json::Object example_arguments(const AttackInfo& attack) {
  json::Value example = example_of(attack);
  const json::Value* given = example.at("attack").as_object().if_contains("args");
  return given ? given->as_object() : json::Object{};
}

json::Object example_arguments(const AttackInfo& attack, uint16_t port, const std::string& program) {
  json::Object args = example_arguments(attack);
  if (attack.only_looks) return args;
  if (args.contains("port") && port != 0) args["port"] = port;
  if (args.contains("port") && port == 0) args.erase("port");
  if (args.contains("process") && !program.empty()) args["process"] = program;
  return args;
}

std::string example_target(const AttackInfo& attack) {
  for (std::string_view line : split(attack.example, '\n'))
    if (line.starts_with("target:")) return std::string(line);
  return "target: {type: host}";
}

}  // namespace ordeal::session
