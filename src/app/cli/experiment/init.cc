// init: a commented experiment on something that is here, with expectations found on a page of metrics or a port.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "app/cli/commands.h"
#include "core/base/io/output.h"
#include "core/base/io/output_file.h"
#include "core/base/io/wait.h"
#include "core/base/text/secrets.h"
#include "core/base/text/text.h"
#include "core/json/reader.h"
#include "core/json/yaml.h"
#include "core/model/input/experiment.h"
#include "fault/attacks/fault.h"
#include "platform/host/policy_file.h"
#include "platform/net/http_client.h"
#include "run/session/draft/draft.h"
#include "run/session/draft/subject.h"
#include "run/session/draft/templates.h"

namespace ordeal::cli {
namespace {

// What it is aimed at, as far as that is here.
struct Aim {
  std::string line, name, program;
  std::vector<Victim> victims;
  std::optional<session::Front> front;
};

// What is called like nothing here may be a template's name with a letter amiss.
Unexpected or_a_template(Error error, const std::string& words) {
  std::vector<std::string_view> names;
  for (const session::Template& one : session::templates()) names.push_back(one.name);
  std::string near = error.code == Errc::kInvalidInput ? json::nearest(words, names) : "";
  if (!near.empty())
    error.hint = fmt::format("Did you mean the template \"{}\"? `ordeal init --list` has them all.", near);
  return tl::unexpected(std::move(error));
}

Result<Aim> aim_at(const InitOptions& options) {
  auto policies = TRY(host::read_policies(options.policies));
  target::Snapshot snapshot = TRY(target::Snapshot::look());
  auto found = session::choose_subject(target::survey(snapshot, policies), options.target);
  if (!found) return or_a_template(std::move(found).error(), options.target);
  const target::SurveyEntry& entry = *found;
  Aim aim{entry.line, entry.name, entry.programs.empty() ? "" : entry.programs.front(), {}, {}};
  aim.victims = TRY(session::victims_of(aim.line, snapshot, policies));
  for (const Victim& victim : aim.victims)
    if (!aim.front) aim.front = session::front_of(victim);
  return aim;
}

bool can_be_planned(const fault::Fault& fault, const json::Object& args, const Aim& aim) {
  Attack attack;
  attack.type = fault.info().type;
  attack.args = args;
  if (aim.victims.empty() || !fault::resolve(attack)) return false;
  return std::all_of(aim.victims.begin(), aim.victims.end(),
                     [&](const Victim& victim) { return fault.plan(victim, attack).has_value(); });
}

uint16_t port_of(const Aim& aim) { return aim.front ? aim.front->port : 0; }

// The gentlest of those that this target can have: nothing of it is lost.
Result<const fault::Fault*> choose_fault(const InitOptions& options, const Aim& aim) {
  if (!options.attack.empty()) return fault::find_fault(options.attack);
  for (const fault::Fault* fault : fault::all_faults()) {
    const AttackInfo& info = fault->info();
    bool suits = info.step != StepKind::kOneWay && (!info.hits_network || aim.front);
    if (info.hits_network && suits && can_be_planned(*fault, session::example_arguments(info, port_of(aim), ""), aim))
      return fault;
  }
  for (const fault::Fault* fault : fault::all_faults())
    if (fault->info().step != StepKind::kOneWay &&
        can_be_planned(*fault, session::example_arguments(fault->info(), 0, ""), aim))
      return fault;
  return fault::find_fault("pause");
}

Result<metrics::Exposition> read_page(const std::string& url) {
  if (!is_http_url(url))
    return fail(Errc::kInvalidInput, fmt::format("--metrics: expected {}, found \"{}\"", kUrlExpected, url));
  net::HttpClient client = TRY(net::HttpClient::create());
  std::optional<net::HttpOutcome> answer;
  net::HttpCall call;
  call.url = url;
  call.headers = {{"Accept", std::string(metrics::kAccept)}};
  client.start(std::move(call), [&](net::HttpOutcome outcome) { answer = std::move(outcome); });
  net::HttpOutcome reply = wait_for(client, answer);
  const char* advice = "Give the page that Prometheus would scrape, such as http://127.0.0.1:8000/metrics.";
  std::string what = fmt::format("--metrics: {} gave no metrics", without_password(url));
  if (!reply) return fail(Errc::kInvalidInput, what + ": " + reply.error().error.message(), advice);
  if (reply->status != 200) return fail(Errc::kInvalidInput, fmt::format("{}: HTTP {}", what, reply->status), advice);
  const std::string* type = net::find_header(reply->headers, "Content-Type");
  metrics::Exposition page = metrics::parse_exposition(reply->body, metrics::format_of(type ? *type : ""));
  if (page.samples.empty()) return fail(Errc::kInvalidInput, what + ": it has no samples", advice);
  return page;
}

// A label of Prometheus that needs no quotes in a query.
std::string job_of(const std::string& name) {
  bool plain = std::all_of(name.begin(), name.end(),
                           [](unsigned char c) { return std::isalnum(c) || c == '_' || c == '-' || c == '.'; });
  return plain && !name.empty() ? name : "service";
}

// What is asked from this host comes over loopback, which rules leave alone unless it is named.
void name_loopback(session::Draft& draft, const Aim& aim) {
  auto has = [&](const char* name) {
    return std::any_of(draft.attack->arguments.begin(), draft.attack->arguments.end(),
                       [&](const ArgumentInfo& argument) { return argument.name == name; });
  };
  if (!aim.front || !aim.front->beside_us || !draft.metrics_url.empty() || !has("device")) return;
  draft.args["device"] = "lo";
  draft.on_attack.push_back(
      "`device: lo` hits what comes from this host, as the probe below does; leave it out to hit what comes from "
      "others");
}

// Everybody on the host would be hit, whoever is logged in included.
void narrow_host(session::Draft& draft, const Aim& aim) {
  bool host = !aim.victims.empty() && aim.victims.front().kind == VictimKind::kHost;
  if (!host || draft.args.contains("port")) return;
  draft.args["port"] = 8080;
  draft.on_attack.push_back(
      "`port` is an example: without one every packet of this host would be hit, your own included");
}

void name_target(session::Draft& draft, Aim& aim) {
  if (aim.line.empty()) {
    aim.name = "your service";
    aim.line = session::example_target(*draft.attack);
    draft.on_target = {"Only an example: replace it with one of the lines of `ordeal targets`."};
  } else if (aim.victims.size() > 1) {
    aim.line.insert(aim.line.rfind('}'), ", count: 1");
    draft.on_target = {
        fmt::format("One of the {} that match here; without `count` all of them are hit.", aim.victims.size())};
  } else {
    draft.on_target = {"`ordeal targets` lists what else can be hit here."};
  }
}

void expect(session::Draft& draft, const Aim& aim, const metrics::Exposition* page) {
  if (page) {
    draft.expect = session::suggest_from(*page, draft.job);
  } else if (aim.front && !aim.front->address.empty()) {
    draft.expect = {session::suggest_probe(aim.front->address, aim.front->port)};
  } else if (aim.front) {
    draft.no_expectation = fmt::format(
        "{} listens on port {} of a loopback that is not ours, so it cannot be asked "
        "from here.",
        aim.name, aim.front->port);
  } else {
    draft.no_expectation = aim.victims.empty() ? "What your users see of it cannot be known here."
                                               : "No port was found on which it listens (as root, all are seen).";
  }
}

bool holds_secret(const std::string& url) { return without_password(url) != url; }

// An experiment has no other place for the secrets of a page than its URL, so whoever reads one reads the other.
enum class Secrets { kWritten, kLeftOut };

void name_source(session::Draft& draft, const std::string& url, Secrets secrets) {
  draft.metrics_url = secrets == Secrets::kWritten ? url : without_password(url);
  if (!holds_secret(url)) return;
  draft.on_source = {
      secrets == Secrets::kWritten
          ? "The URL holds a secret: only you can read this file (mode 600); keep it out of repositories."
          : "Replace *** with the secret, which is left out here, and first run `chmod 600` on the file."};
}

// A template's name is meant before a target's, unless there is something to fit to a target.
const session::Template* template_of(const InitOptions& options) {
  bool fits = !options.attack.empty() || !options.metrics.empty();
  return fits ? nullptr : session::find_template(options.target);
}

std::string text_of(const session::Template& one) {
  return fmt::format(
      "# Made by `ordeal init {}`; every line is yours to change, the target (`ordeal targets`) and the addresses "
      "first.\n"
      "# Then `ordeal check FILE`, `ordeal plan FILE`, `ordeal run FILE`; docs/formats/experiment.md has all keys.\n{}",
      one.name, one.text);
}

Result<std::string> make_text(const InitOptions& options, Secrets secrets) {
  if (const session::Template* one = template_of(options)) return text_of(*one);
  session::Draft draft;
  Aim aim;
  if (!options.target.empty()) aim = TRY(aim_at(options));
  const fault::Fault* fault = TRY(choose_fault(options, aim));
  draft.attack = &fault->info();
  name_target(draft, aim);
  std::optional<metrics::Exposition> page;
  if (!options.metrics.empty()) page = TRY(read_page(options.metrics));
  if (!options.output.empty() && options.output != "-") draft.file = options.output;
  draft.subject = aim.name;
  draft.target_line = aim.line;
  name_source(draft, options.metrics, secrets);
  draft.job = job_of(aim.name);
  draft.args = session::example_arguments(*draft.attack, port_of(aim), aim.program);
  if (draft.attack->hits_network) name_loopback(draft, aim), narrow_host(draft, aim);
  expect(draft, aim, page ? &*page : nullptr);
  return write(draft);
}

// What it writes it must be able to read.
Result<> check_text(const std::string& text) {
  auto document = json::parse_document(text);
  auto experiment = document ? decode_experiment(*document) : tl::unexpected(document.error());
  if (!experiment)
    return fail(Errc::kInternal, "what was written is not an experiment: " + experiment.error().message());
  if (auto fault = fault::resolve(experiment->attack); !fault)
    return fail(Errc::kInternal, "what was written is not an attack: " + fault.error().message());
  return {};
}

Result<std::string> make_checked_text(const InitOptions& options, Secrets secrets) {
  std::string text = TRY(make_text(options, secrets));
  TRY_VOID(check_text(text));
  return text;
}

// A pipe or a terminal has readers that nobody can choose.
Result<> write_file(const InitOptions& options) {
  OutputFile file = TRY(OutputFile::prepare(options.output));
  Secrets secrets = file.can_be_rewritten() ? Secrets::kWritten : Secrets::kLeftOut;
  std::string text = TRY(make_checked_text(options, secrets));
  bool secret = secrets == Secrets::kWritten && holds_secret(options.metrics);
  if (secret) TRY_VOID(file.keep_private());
  TRY_VOID(file.write(text));
  print("Wrote {0}. Now `ordeal check {0}`, then `ordeal plan {0}`.\n", options.output);
  if (secret)
    print_to_error(
        "The URL of --metrics holds a secret, so only you can read {} (mode 600). Keep it out of repositories.\n",
        options.output);
  return {};
}

Result<> make_experiment(const InitOptions& options) {
  bool to_file = !options.output.empty() && options.output != "-";
  std::error_code error;
  if (to_file && !options.force && std::filesystem::is_regular_file(options.output, error))
    return fail(Errc::kInvalidInput, fmt::format("{} is there already", options.output),
                "Give another name, or --force to replace it.");
  if (options.target.empty() && options.attack.empty())
    return fail(Errc::kInvalidInput, "what is it to be about?",
                "Give one of what `ordeal targets` lists, a template of `ordeal init --list`, or --attack NAME.");
  if (to_file) return write_file(options);
  put_document(TRY(make_checked_text(options, Secrets::kLeftOut)));
  return {};
}

}  // namespace

ExitCode init_command(const InitOptions& options) {
  if (options.list) {
    for (const session::Template& one : session::templates()) print("{:<30}{}\n", one.name, one.summary);
    return ExitCode::kHeld;
  }
  hide_in_output(secrets_in(options.metrics));
  auto made = make_experiment(options);
  return made ? ExitCode::kHeld : print_error(made.error());
}

}  // namespace ordeal::cli
