// Holds inodes of a file system: open files without a name and without content. A process may have only so many open
// files, a thread with a table of its own as many again.
#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <limits>
#include <memory>
#include <thread>
#include <vector>

#include "fault/attacks/load/load_life.h"
#include "fault/attacks/load/loads.h"
#include "fault/attacks/load/unnamed_file.h"

namespace ordeal::fault {
namespace {

constexpr Nanos kInodesEvery = 20ms;
constexpr int64_t kOtherFiles = 64;  // of a process, besides those that it holds
constexpr int64_t kInodesAtOnce = 1000;

int64_t files_of_a_table() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  return std::max<int64_t>(static_cast<int64_t>(std::min<rlim_t>(limit.rlim_max, 1 << 20)) - kOtherFiles, 1);
}

// A thread with a table of its own. It opens and closes until it has as many as it is to have.
class InodeHolder {
 public:
  InodeHolder() : thread_([this] { live(); }) { thread_.detach(); }
  void want(int64_t files) { wanted_ = files; }
  int64_t held() const { return held_; }

 private:
  void live() {
    std::vector<int> files;
    bool own = ::unshare(CLONE_FILES) == 0;
    for (;; held_ = static_cast<int64_t>(files.size())) {
      auto wanted = static_cast<size_t>(wanted_.load());
      for (; files.size() > wanted; files.pop_back()) ::close(files.back());
      size_t most = std::min(wanted, files.size() + kInodesAtOnce);
      bool grew = own && files.size() < most;
      for (; own && files.size() < most;) {
        int file = open_unnamed(kDiskFolder, 0);
        if (file < 0) break;
        files.push_back(file);
      }
      if (!grew || files.size() < most) std::this_thread::sleep_for(5ms);
    }
  }

  std::atomic<int64_t> wanted_ = 0;
  std::atomic<int64_t> held_ = 0;
  std::thread thread_;
};

class HeldInodes {
 public:
  int64_t held() const {
    int64_t sum = 0;
    for (const auto& holder : holders_) sum += holder->held();
    return sum;
  }
  void want(int64_t files) {
    auto tables = static_cast<size_t>((files + table_ - 1) / table_);
    while (holders_.size() < tables) holders_.push_back(std::make_unique<InodeHolder>());
    for (size_t i = 0; i < holders_.size(); ++i)
      holders_[i]->want(std::clamp<int64_t>(files - static_cast<int64_t>(i) * table_, 0, table_));
  }

 private:
  int64_t table_ = files_of_a_table();
  std::vector<std::unique_ptr<InodeHolder>> holders_;
};

int64_t inodes_left() {
  struct statvfs system {};
  return ::fstatvfs(kDiskFolder, &system) == 0 ? static_cast<int64_t>(system.f_favail) : 0;
}

}  // namespace

int hold_inodes(const LoadFlags& flags) {
  LoadOrders orders;
  orders.say_begun();
  HeldInodes inodes;
  const int64_t leave = std::max(flags.number("leave"), flags.number("keep"));
  BootTime end = boot_now() + milliseconds(flags.number("limit-ms"));
  while (boot_now() < end && orders.wait(kInodesEvery)) {
    if (orders.amount() == 0) continue;
    int64_t held = inodes.held();
    inodes.want(std::max<int64_t>(held + inodes_left() - leave, 0));
    orders.say_holds(held);
  }
  ::_exit(0);  // its threads never end
}

}  // namespace ordeal::fault
