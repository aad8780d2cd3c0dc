#include "fault/packets/names/name_watch.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <set>
#include <thread>

#include "fault/packets/names/lookup.h"
#include "platform/sys/process/capability.h"

namespace ordeal::packets {
namespace {

std::string& look_up_program() {
  static std::string path = "/proc/self/exe";
  return path;
}

bool say(const std::string& line) { return ::write(STDOUT_FILENO, line.data(), line.size()) >= 0; }

// Only what was not said before, and of a name all at once. False when nobody reads.
bool say_new(const std::string& name, std::set<std::string>& said) {
  auto found = addresses_of(name);
  std::vector<std::string> lines;
  if (found) {
    for (const sys::Prefix& address : *found) lines.push_back(fmt::format("{} {}\n", name, address.to_text()));
    lines.push_back(fmt::format("{} .\n", name));
  } else {
    lines.push_back(fmt::format("{} ? {}\n", name, found.error().what));
  }
  std::string text;
  for (const std::string& line : lines)
    if (said.insert(line).second) text += line;
  return text.empty() || say(text);
}

}  // namespace

std::vector<NamedAddress> NameLines::read(std::string_view text) {
  rest_ += text;
  std::vector<NamedAddress> found;
  for (size_t end; (end = rest_.find('\n')) != std::string::npos; rest_.erase(0, end + 1))
    read_line(std::string_view(rest_).substr(0, end), found);
  return found;
}

void NameLines::read_line(std::string_view line, std::vector<NamedAddress>& into) {
  size_t space = line.find(' ');
  if (space == std::string_view::npos) return;
  std::string name(line.substr(0, space));
  std::string_view value = line.substr(space + 1);
  if (auto address = sys::Prefix::parse(value)) {
    into.push_back({name, *address});
  } else if (value == ".") {
    unknown_.erase(name);
  } else if (value.starts_with("? ")) {
    auto known = unknown_.find(name);
    if (known != unknown_.end()) known->second = value.substr(2);
  }
}

Result<NameWatch> NameWatch::start(const std::vector<std::string>& names) {
  sys::SpawnOptions options;
  options.argv = {"ordeal-guard", "--look-up"};
  options.argv.insert(options.argv.end(), names.begin(), names.end());
  options.program = look_up_program();
  options.out = sys::Stream::kPipe;
  options.err = sys::Stream::kNull;
  options.die_with_parent = true;
  NameWatch watch(TRY(sys::Child::start(options)), names);
  if (::fcntl(watch.fd(), F_SETFL, O_NONBLOCK) < 0) return fail_errno("cannot read what the look-up of names says");
  return watch;
}

Result<std::vector<NamedAddress>> NameWatch::read() {
  char buffer[4096];
  std::vector<NamedAddress> found;
  for (;;) {
    ssize_t size = ::read(fd(), buffer, sizeof buffer);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return found;
    if (size == 0) return fail(Errc::kNotInjected, "the process that looks up the hosts' names is gone");
    for (NamedAddress& one : lines_.read({buffer, static_cast<size_t>(size)})) found.push_back(std::move(one));
  }
}

void set_look_up_program(std::string path) { look_up_program() = std::move(path); }

int look_up_main(int argc, char** argv) {
  ::prctl(PR_SET_NAME, "ordeal-names");
  ::signal(SIGPIPE, SIG_DFL);
  if (!sys::drop_all_capabilities()) return 1;
  std::set<std::string> said;
  for (;;) {
    for (int i = 2; i < argc; ++i)
      if (!say_new(argv[i], said)) return 0;
    std::this_thread::sleep_for(kLookUpEvery);
  }
}

}  // namespace ordeal::packets
