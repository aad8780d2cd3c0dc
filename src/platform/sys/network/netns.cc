#include "platform/sys/network/netns.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <system_error>
#include <thread>

namespace ordeal::sys {

Result<NetNs> NetNs::open(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return fail_errno("cannot open the network namespace " + path);
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return fail_errno("cannot inspect the network namespace " + path);
  return NetNs(std::move(fd), Id{status.st_dev, status.st_ino});
}

Result<NetNs> NetNs::of_process(pid_t pid) { return open("/proc/" + std::to_string(pid) + "/ns/net"); }

bool NetNs::all_processes_are_visible() {
  constexpr ino_t kInitialPidNamespace = 0xEFFFFFFC;  // PROC_PID_INIT_INO, the same on every Linux
  struct stat status {};
  return ::stat("/proc/self/ns/pid", &status) == 0 && status.st_ino == kInitialPidNamespace;
}

Result<NetNs> NetNs::current() { return open("/proc/thread-self/ns/net"); }

bool NetNs::of_our_users() const {
  UniqueFd owner(::ioctl(fd_.get(), NS_GET_USERNS));
  struct stat theirs {
  }, ours{};
  if (!owner || ::fstat(owner.get(), &theirs) != 0 || ::stat("/proc/self/ns/user", &ours) != 0) return false;
  return theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino;
}

Result<> NetNs::run_inside(const std::function<void()>& function) const {
  Result<> entered;
  try {
    std::thread([&] {
      if (::setns(fd_.get(), CLONE_NEWNET) != 0) {
        entered = fail_errno("cannot enter the network namespace " + std::to_string(id_.inode));
        if (entered.error().sys_errno == EPERM)
          entered.error().hint = "CAP_SYS_ADMIN is needed in the user namespace that owns the network namespace";
        return;
      }
      function();
    }).join();
  } catch (const std::system_error& error) {
    return fail_errno("cannot start a thread for the network namespace", error.code().value());
  }
  return entered;
}

}  // namespace ordeal::sys
