// controller, drain: the programs that a cluster's installation starts (charts/ordeal).
#include "app/cli/commands.h"
#include "app/cli/signals.h"
#include "app/controller/drain.h"
#include "app/controller/program.h"
#include "core/base/duration.h"
#include "core/base/io/output.h"

namespace ordeal::cli {
namespace {

Result<> control(const ControllerOptions& options) {
  if (options.scope != "cluster" && options.scope != "namespace")
    return fail(Errc::kInvalidInput, "--scope: expected cluster or namespace, found \"" + options.scope + "\"");
  if (options.keep < 1) return fail(Errc::kInvalidInput, "--keep: expected a number above 0");
  UniqueFd signals = TRY(take_signals());
  auto policy = kube::parse_object_name(options.policy);
  if (!policy) return wrap(policy.error(), "--policy-configmap");
  controller::ProgramOptions program;
  program.namespace_ = options.namespace_;
  program.name = options.name;
  program.whole_cluster = options.scope == "cluster";
  program.policy = *policy;
  program.rollback = options.rollback;
  program.listen = options.listen;
  program.keep_records = options.keep;
  program.kubeconfig = options.kubeconfig;
  program.context = options.context;
  program.agents = options.agents;
  return controller::run_program(program, signals.get());
}

Result<> drain(const DrainCommandOptions& options) {
  controller::DrainOptions drain;
  drain.namespace_ = options.namespace_;
  drain.deployment = options.deployment;
  drain.within = TRY(parse_duration(options.within));
  drain.kubeconfig = options.kubeconfig;
  drain.context = options.context;
  return controller::run_drain(drain, [](const std::string& text) { print_to_error("ordeal drain: {}\n", text); });
}

}  // namespace

ExitCode controller_command(const ControllerOptions& options) {
  auto ended = control(options);
  return ended ? ExitCode::kHeld : print_error(ended.error());
}

ExitCode drain_command(const DrainCommandOptions& options) {
  auto ended = drain(options);
  return ended ? ExitCode::kHeld : print_error(ended.error());
}

}  // namespace ordeal::cli
