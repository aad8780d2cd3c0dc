#include "fault/attacks/load/load_life.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>

#include "core/base/text/text.h"
#include "fault/attacks/load/loads.h"

namespace ordeal::fault {
namespace {

struct LoadKind {
  std::string_view name;
  int (*live)(const LoadFlags& flags);
};
constexpr LoadKind kKinds[] = {
    {"disk", hold_disk}, {"inodes", hold_inodes}, {"io", work_io}, {"memory", hold_memory}, {"pids", hold_pids}};

void say(std::string_view line) { (void)!::write(STDOUT_FILENO, line.data(), line.size()); }

}  // namespace

LoadFlags::LoadFlags(int argc, char** argv) {
  for (int i = 3; i + 1 < argc; i += 2) {
    std::string_view name = argv[i];
    if (name.starts_with("--")) flags_.emplace(name.substr(2), argv[i + 1]);
  }
}

std::string LoadFlags::text(const std::string& name) const {
  auto found = flags_.find(name);
  return found == flags_.end() ? "" : found->second;
}

int64_t LoadFlags::number(const std::string& name) const { return parse_number<int64_t>(text(name)).value_or(0); }

bool load_may_begin() {
  char byte = 0;
  ssize_t n = 0;
  while ((n = ::read(STDIN_FILENO, &byte, 1)) < 0 && errno == EINTR) {
  }
  return n == 1;
}

bool LoadOrders::wait(Nanos limit) {
  pollfd poll{STDIN_FILENO, POLLIN, 0};
  if (::poll(&poll, 1, static_cast<int>(limit / 1ms)) <= 0) return true;
  char buffer[4096];
  ssize_t got = ::read(STDIN_FILENO, buffer, sizeof buffer);
  if (got <= 0) return got < 0 && errno == EINTR;
  heard_.append(buffer, static_cast<size_t>(got));
  size_t end = 0;
  for (; (end = heard_.find('\n')) != std::string::npos; heard_.erase(0, end + 1))
    amount_ = parse_number<int64_t>(std::string_view(heard_).substr(0, end)).value_or(amount_);
  return true;
}

void LoadOrders::say_begun() const { say("b\n"); }

void LoadOrders::say_holds(int64_t amount) {
  if (said_ == amount) return;
  said_ = amount;
  say(fmt::format("{}\n", amount));
}

void LoadOrders::complain(std::string_view sentence) const { say(fmt::format("!{}\n", sentence)); }

int load_main(int argc, char** argv) {
  ::prctl(PR_SET_NAME, "ordeal-load");
  LoadFlags flags(argc, argv);
  std::string_view kind = argc > 2 ? argv[2] : "";
  for (const LoadKind& known : kKinds)
    if (known.name == kind) return load_may_begin() ? known.live(flags) : 0;
  return 2;
}

}  // namespace ordeal::fault
