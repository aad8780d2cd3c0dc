// dashboard and rules: what Grafana and Prometheus need to show and to guard what an experiment is about.
#include <fmt/format.h>

#include <algorithm>
#include <boost/crc.hpp>

#include "app/cli/commands.h"
#include "core/base/io/output.h"
#include "core/base/io/output_file.h"
#include "core/base/text/printable.h"
#include "interop/dashboard/grafana.h"
#include "interop/dashboard/rules.h"
#include "run/session/budget.h"
#include "run/session/prepare.h"

namespace ordeal::cli {
namespace {

struct Subject {
  std::optional<Experiment> experiment;
  std::vector<slo::Slo> slos;
};

Result<Subject> read_subject(const ObservabilityOptions& options) {
  Subject subject;
  session::RunOptions files;
  files.experiment = options.experiment;
  files.expect = options.expect;
  session::Prepared prepared;
  if (!options.experiment.empty()) {
    TRY_VOID(session::read_experiment(files, prepared));
    subject.experiment = prepared.experiment;
  }
  std::string slo = options.slo;
  if (slo.empty() && subject.experiment && subject.experiment->budget) slo = subject.experiment->budget->slo;
  if (!slo.empty()) subject.slos = TRY(session::read_openslo(slo));
  for (const std::string& note : slo::notes_of(subject.slos)) print_to_error("ordeal: {}: {}\n", slo, note);
  return subject;
}

// "Slow network!" to "ordeal-slow-network": at most 40 characters, which Grafana takes as a uid. Of a title in another
// alphabet, or a long one, a checksum tells it from others.
std::string uid_of(const std::string& title) {
  boost::crc_32_type sum;
  sum.process_bytes(title.data(), title.size());
  bool foreign = title.size() > 32 || std::any_of(title.begin(), title.end(), [](char c) { return (c & 0x80) != 0; });
  std::string uid = foreign ? fmt::format("ordeal-{:08x}-", sum.checksum()) : "ordeal-";
  for (char c : title) {
    bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0;
    if (plain) uid += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (!plain && !uid.ends_with('-')) uid += '-';
  }
  uid.resize(std::min<size_t>(uid.size(), 40));
  while (uid.ends_with('-')) uid.pop_back();
  return uid;
}

Result<> put(const std::string& text, const std::string& file) {
  if (!file.empty() && file != "-") return write_output(file, text);
  put_document(text);
  return {};
}

Result<> make_dashboard(const ObservabilityOptions& options) {
  Subject subject = TRY(read_subject(options));
  std::string title = subject.experiment ? subject.experiment->name : "Chaos Engineering Dashboard";
  auto panels = dashboard::panels_for(subject.experiment, subject.slos);
  return put(printable_json(json::write_pretty(dashboard::grafana_dashboard(title, uid_of(title), panels))) + "\n",
             options.output);
}

Result<> make_rules(const ObservabilityOptions& options) {
  Subject subject = TRY(read_subject(options));
  for (const std::string& sentence : dashboard::left_out(subject.experiment, subject.slos))
    print_to_error("ordeal: {}\n", sentence);
  // Text of others stands in double quotes there, where YAML reads \x1b as we write it.
  return put(printable_lines(dashboard::write_rules(dashboard::rules_for(subject.experiment, subject.slos))),
             options.output);
}

}  // namespace

ExitCode dashboard_command(const ObservabilityOptions& options) {
  auto made = make_dashboard(options);
  return made ? ExitCode::kHeld : print_error(made.error());
}

ExitCode rules_command(const ObservabilityOptions& options) {
  auto made = make_rules(options);
  return made ? ExitCode::kHeld : print_error(made.error());
}

}  // namespace ordeal::cli
