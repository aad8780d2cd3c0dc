#include "app/agent/own_files.h"

#include <fcntl.h>
#include <sys/file.h>

#include <filesystem>
#include <thread>

#include "core/model/run/run_id.h"

namespace ordeal::agent {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPolicyPrefix = "policy-of-";
constexpr Nanos kAskLockAgain = 20ms;
constexpr mode_t kLockMode = 0600;

}  // namespace

Result<UniqueFd> lock_node(const host::Paths& paths, Nanos patience) {
  std::string path = paths.agent_lock();
  UniqueFd lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, kLockMode));
  if (!lock) return fail_errno("cannot open " + path);
  for (BootTime until = boot_now() + patience; ::flock(lock.get(), LOCK_EX | LOCK_NB) < 0;) {
    if (errno != EWOULDBLOCK && errno != EINTR) return fail_errno("cannot lock " + path);
    if (boot_now() >= until)
      return fail(Errc::kRefused, "another agent of this node still runs: it holds " + path,
                  "it ends once its impacts are reverted; where it hangs, end it on the node");
    std::this_thread::sleep_for(kAskLockAgain);
  }
  return lock;
}

std::string id_of_joiner(const std::string& run, const std::string& injection_uid) {
  uint64_t hash = 0xcbf29ce484222325;  // FNV-1a: what std::hash gives may differ from build to build
  for (char c : injection_uid) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  size_t begin = run.rfind('-') + 1;
  return run.substr(0, begin) + make_run_id(Nanos(0), hash).substr(begin);
}

std::string policy_file(const host::Paths& paths, const std::string& injection_uid) {
  return paths.run + "/" + kPolicyPrefix + injection_uid + ".yaml";
}

void remove_policy_files(const host::Paths& paths) {
  std::error_code error;
  for (fs::directory_iterator it(paths.run, error), end; !error && it != end; it.increment(error)) {
    std::error_code kept;
    if (it->path().filename().string().starts_with(kPolicyPrefix)) fs::remove(it->path(), kept);
  }
}

}  // namespace ordeal::agent
