#include "platform/kube/client/credentials.h"

#include <fmt/core.h>

#include <algorithm>

#include "core/base/text/text.h"

namespace ordeal::kube {
namespace {

constexpr Nanos kPluginTimeout = 30s;
constexpr Nanos kAhead = 10s;  // so long before it expires it is asked for again
constexpr size_t kMostOutput = size_t{256} << 10;
constexpr size_t kMostComplaint = 300;

// What a failed plugin says for people. Where it also printed to its standard output, that may be a secret.
std::string complaint(const sys::ChildResult& result) {
  std::string_view text = trim(result.output);
  if (!result.out.empty() || text.empty()) return "";
  if (text.size() > kMostComplaint) text = text.substr(text.size() - kMostComplaint);
  return ": " + valid_text(text);
}

}  // namespace

Result<> Credentials::begin() {
  if (access_.exec) runner_.emplace(TRY(sys::ChildRunner::create()));
  return {};
}

bool Credentials::ready() const { return !renewable() || (generation_ > 0 && boot_now() < stale_); }

void Credentials::refused(uint64_t generation) {
  if (generation == generation_) stale_ = BootTime::min();
}

void Credentials::ask() {
  if (asking_ || outcome_) return;
  const ExecPlugin& plugin = *access_.exec;
  auto info = exec_info(access_);
  if (!info) return give_up(info.error().message());
  sys::Command command;
  command.argv = {plugin.command};
  command.argv.insert(command.argv.end(), plugin.args.begin(), plugin.args.end());
  command.timeout = kPluginTimeout;
  command.most_out = kMostOutput;
  for (const auto& [name, value] : plugin.environment) command.environment.push_back(name + "=" + value);
  command.environment.push_back("KUBERNETES_EXEC_INFO=" + *info);
  auto started = runner_->start(command, [this](const sys::ChildResult& result) { ended(result); });
  asking_ = started.has_value();
  if (!started) give_up(started.error().message() + (plugin.install_hint.empty() ? "" : "\n" + plugin.install_hint));
}

void Credentials::ended(const sys::ChildResult& result) {
  asking_ = false;
  if (result.exit_code != 0 || result.timed_out) return give_up(sys::to_text(result) + complaint(result));
  if (result.cut) return give_up(fmt::format("it printed more than {} bytes", kMostOutput));
  auto credential = read_exec_credential(result.out, access_.exec->api_version);
  if (!credential) return give_up(credential.error().message());
  take(std::move(*credential));
}

void Credentials::take(Credential credential) {
  current_ = std::move(credential);
  ++generation_;
  stale_ = BootTime::max();
  if (current_.expires) {
    // Kept within what a clock can hold, whatever the plugin says.
    Nanos left = std::clamp<Nanos>(*current_.expires - wall_now(), 0s, std::chrono::hours(24 * 365));
    stale_ = boot_now() + left - kAhead;
  }
  outcome_ = Answer<void>();
}

void Credentials::give_up(const std::string& why) {
  ApiFailure failure;
  failure.kind = ApiFailure::Kind::kUnauthorized;
  failure.message =
      fmt::format("{}: the credential plugin {}: {}", access_.describe(), valid_text(access_.exec->command), why);
  outcome_ = tl::unexpected(std::move(failure));
}

std::optional<Answer<void>> Credentials::take_outcome() { return std::exchange(outcome_, std::nullopt); }

void Credentials::dispatch() {
  if (runner_) runner_->dispatch();
}

}  // namespace ordeal::kube
