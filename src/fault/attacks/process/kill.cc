#include "fault/attacks/process/kill.h"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>

#include "core/base/text/quantity.h"

namespace ordeal::fault {
namespace {

constexpr size_t kMostMoments = 20;
constexpr Nanos kSameRound = 50ms;

}  // namespace

Usability usability_of_signals(const host::Features& features, const std::string& how) {
  if (!features.pidfd) return {false, "this kernel has no pidfds", "", "Ordeal needs Linux 5.10 or newer"};
  return {true, how, features.can("CAP_KILL") ? "" : "only processes of your own user (no CAP_KILL)", ""};
}

Result<> Kills::allowed(const std::vector<sys::Process>& processes) {
  for (const sys::Process& process : processes) {
    auto handle = sys::PidFd::open(process.pid, process.start_ticks);
    auto may = handle ? handle->signal(0) : tl::unexpected(handle.error());
    if (!may && may.error().code != Errc::kNotFound)
      return wrap(std::move(may).error(), fmt::format("cannot kill {} (pid {})", process.comm, process.pid));
  }
  return {};
}

std::string Kills::lasting() const {
  return sent_ == 0 ? "" : counted(static_cast<size_t>(sent_), "process was killed", "processes were killed");
}

Result<> Kills::send(const sys::Process& process) {
  // On a busy machine a killed process takes its time to go; it dies once.
  auto dies = [&](const sys::PidFd& handle) { return handle.pid() == process.pid && !handle.dead(); };
  if (std::any_of(pending_.begin(), pending_.end(), dies)) return {};
  auto handle = sys::PidFd::open(process.pid, process.start_ticks);
  if (!handle && handle.error().code == Errc::kNotFound) return {};
  if (!handle) return tl::unexpected(std::move(handle).error());
  auto sent = handle->signal(SIGKILL);
  if (!sent && sent.error().code == Errc::kNotFound) return {};
  if (!sent) return sent;
  ++sent_;
  BootTime now = boot_now();
  if (moments_.size() < kMostMoments && (moments_.empty() || now - last_ > kSameRound)) moments_.push_back(now);
  last_ = now;
  pending_.push_back(std::move(*handle));
  return {};
}

void Kills::confirm() {
  auto gone = std::remove_if(pending_.begin(), pending_.end(), [](const sys::PidFd& handle) { return handle.dead(); });
  dead_ += static_cast<int>(pending_.end() - gone);
  pending_.erase(gone, pending_.end());
}

void Kills::confirm_within(Nanos limit) {
  BootTime end = boot_now() + limit;
  for (const sys::PidFd& handle : pending_) handle.wait_death(std::max(end - boot_now(), Nanos(0)));
  confirm();
}

Coverage Kills::coverage() const {
  Coverage coverage{"killed", static_cast<double>(dead_), static_cast<double>(sent_ - dead_), "processes", {}};
  if (sent_ > dead_)
    coverage.missing =
        fmt::format("{} were killed and are still there: they hang in the kernel or are frozen", sent_ - dead_);
  return coverage;
}

std::vector<int> Kills::descriptors() const {
  std::vector<int> fds;
  for (const sys::PidFd& handle : pending_) fds.push_back(handle.fd());
  return fds;
}

}  // namespace ordeal::fault
