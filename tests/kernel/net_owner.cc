#include "net_owner.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

namespace ordeal::testing {

NetDelayOwner::NetDelayOwner(const sys::NetNs& where, packets::Direction direction, uint16_t port,
                             const std::string& delay) {
  std::string program = std::filesystem::canonical("/proc/self/exe").parent_path() / "net_delay";
  std::string netns = "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(where.fd());
  std::string number = std::to_string(port);
  const char* name = direction == packets::Direction::kArrival ? "arrival" : "departure";
  int ready[2], input[2];
  if ((::pipe2(ready, O_CLOEXEC) | ::pipe2(input, O_CLOEXEC)) != 0) return;
  UniqueFd ready_write(ready[1]), ready_read(ready[0]), input_read(input[0]);
  input_.reset(input[1]);
  pid_ = ::fork();
  if (pid_ == 0) {
    ::dup2(input[0], 0);
    ::dup2(ready[1], 1);
    ::execl(program.c_str(), program.c_str(), netns.c_str(), name, number.c_str(), delay.c_str(), nullptr);
    ::_exit(127);
  }
  ready_write.reset();
  char byte = 0;
  ready_ = ::read(ready_read.get(), &byte, 1) == 1;
}

void NetDelayOwner::freeze() { ::kill(pid_, SIGSTOP); }

void NetDelayOwner::kill() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(std::exchange(pid_, -1), nullptr, 0);
}

void NetDelayOwner::stop() {
  input_.reset();
  if (pid_ > 0) ::waitpid(std::exchange(pid_, -1), nullptr, 0);
}

}  // namespace ordeal::testing
