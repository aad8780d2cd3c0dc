// Whether a rollback could be sent, asked before anything is injected.
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <cstdlib>
#include <optional>

#include "base/text.h"
#include "net/http_client.h"
#include "rollback/kubectl.h"
#include "rollback/rollback.h"
#include "sys/spawn.h"

namespace ordeal::rollback {
namespace {

constexpr Nanos kCheckTimeout = 5s;
constexpr const char* kWithout = "or give `rollback: []`, or --no-rollback, to run without one";

// As execvp() looks for it.
bool can_execute(const std::string& program) {
  if (program.find('/') != std::string::npos) return ::access(program.c_str(), X_OK) == 0;
  const char* path = std::getenv("PATH");
  for (std::string_view folder : split_words(path ? path : "/bin:/usr/bin", ":"))
    if (::access(fmt::format("{}/{}", folder, program).c_str(), X_OK) == 0) return true;
  return false;
}

Unexpected refuse(const RollbackAction& action, const std::string& why, const std::string& hint) {
  return fail(Errc::kRefused, fmt::format("the rollback could not {}: {}", to_text(action), why),
              fmt::format("{}, {}", hint, kWithout));
}

Result<> check_http(const RollbackAction& action, const HttpAction& http) {
  net::HttpClient client = TRY(net::HttpClient::create());
  net::HttpCall call;
  call.url = http.url;
  call.timeout = kCheckTimeout;
  call.connect_only = true;
  std::optional<net::HttpOutcome> outcome;
  client.start(std::move(call), [&](net::HttpOutcome seen) { outcome = std::move(seen); });
  while (!outcome) {
    pollfd wait{client.descriptor(), POLLIN, 0};
    ::poll(&wait, 1, -1);
    client.dispatch();
  }
  if (*outcome) return {};
  return refuse(action, outcome->error().error.message(), "see that the server answers");
}

Result<> check_cluster(const RollbackAction& action) {
  if (!can_execute("kubectl"))
    return refuse(action, "kubectl is not on the PATH", "install kubectl and give it access to the cluster");
  for (const Argv& argv : kubectl_checks(action)) {
    sys::SpawnOptions options;
    options.argv = argv;
    sys::Finished finished = TRY(sys::run(options, 2 * kCheckTimeout));
    if (!finished.timed_out && finished.status.ok()) continue;
    // What kubectl means stands in its last line; the log of its attempts before.
    std::string_view said = trim(finished.output);
    said = said.substr(said.rfind('\n') + 1);
    std::string why = finished.timed_out ? "it does not answer"
                      : said.empty()     ? finished.status.text()
                                         : std::string(said);
    return refuse(action, fmt::format("`{}`: {}", join(argv, " "), why),
                  "see that kubectl reaches the cluster, that the object is there, and that it may be patched");
  }
  return {};
}

Result<> check_action(const RollbackAction& action) {
  if (const auto* http = std::get_if<HttpAction>(&action.what)) return check_http(action, *http);
  const auto* command = std::get_if<CommandAction>(&action.what);
  if (!command) return check_cluster(action);
  if (can_execute(command->argv[0])) return {};
  return refuse(action, fmt::format("{} is no program that can be executed", command->argv[0]),
                "give its full path or put it on the PATH");
}

}  // namespace

Result<> check(const std::vector<RollbackAction>& actions) {
  for (const RollbackAction& action : actions) TRY_VOID(check_action(action));
  return {};
}

}  // namespace ordeal::rollback
