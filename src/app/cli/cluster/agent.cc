// agent: the program of a node of a cluster (app/agent/agent.h), from its flags to its signal.
#include "app/agent/agent.h"

#include <unistd.h>

#include "app/cli/commands.h"
#include "app/cli/signals.h"
#include "core/base/io/output.h"
#include "core/base/text/text.h"

namespace ordeal::cli {
namespace {

std::string host_name() {
  char name[256] = {};
  return ::gethostname(name, sizeof name - 1) == 0 ? valid_text(name) : "";
}

Result<> serve(const AgentFlags& flags) {
  agent::AgentOptions options;
  options.node = flags.node;
  options.name = flags.name.empty() ? host_name() : flags.name;
  options.namespace_ = flags.namespace_;
  auto policy = kube::parse_object_name(flags.policy);
  if (!policy) return wrap(policy.error(), "--policy-configmap");
  options.policy = *policy;
  options.kubeconfig = flags.kubeconfig;
  options.state_dir = flags.state_dir;
  UniqueFd signals = TRY(take_signals());
  auto agent = TRY(agent::Agent::create(options, [](const std::string& line) { print_to_error("{}\n", line); }));
  return agent->serve(signals.get());
}

}  // namespace

ExitCode agent_command(const AgentFlags& flags) {
  auto served = serve(flags);
  return served ? ExitCode::kHeld : print_error(served.error());
}

}  // namespace ordeal::cli
