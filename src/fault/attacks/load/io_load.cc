// Reads and writes blocks as fast as the disk lets it, past the page cache, in files without a name.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include "fault/attacks/load/load_life.h"
#include "fault/attacks/load/loads.h"
#include "fault/attacks/load/unnamed_file.h"

namespace ordeal::fault {
namespace {

constexpr size_t kAlignment = 4096;
constexpr size_t kMostAtOnce = 64 << 10;  // who waits for the disk is not killed meanwhile, whatever throttles it

struct IoPlan {
  bool reads = true;
  bool writes = true;
  int64_t block = 4096;
  int64_t count = 1;
};

// Of one thread: its file and its block.
class IoWorker {
 public:
  IoWorker(const IoPlan& plan, int file) : plan_(plan), file_(file) {
    auto size =
        static_cast<size_t>((plan.block + static_cast<int64_t>(kAlignment) - 1) / static_cast<int64_t>(kAlignment)) *
        kAlignment;
    block_.reset(static_cast<char*>(std::aligned_alloc(kAlignment, size)));
    if (block_) std::memset(block_.get(), 0x5a, size);
    direct_ = (::fcntl(file_, F_GETFL) & O_DIRECT) != 0;
  }
  bool prepare() { return block_ && write_all() && (direct_ || settle()); }
  bool round() { return (!plan_.writes || (write_all() && settle())) && (!plan_.reads || read_all()); }

 private:
  struct Free {
    void operator()(char* memory) const { std::free(memory); }
  };
  bool write_all() {
    for (int64_t i = 0; i < plan_.count; ++i)
      if (!move_block(::pwrite, i)) return false;
    return true;
  }
  template <class Move>
  bool move_block(Move move, int64_t number) {
    auto size = static_cast<size_t>(plan_.block);
    for (size_t done = 0; done < size;) {
      size_t most = std::min(size - done, kMostAtOnce);
      ssize_t got = move(file_, block_.get() + done, most, number * plan_.block + static_cast<off_t>(done));
      if (got <= 0) return false;
      done += static_cast<size_t>(got);
    }
    return true;
  }
  bool read_all() {
    if (!direct_) ::posix_fadvise(file_, 0, 0, POSIX_FADV_DONTNEED);
    for (int64_t i = 0; i < plan_.count; ++i)
      if (!move_block(::pread, i)) return false;
    return true;
  }
  bool settle() { return direct_ || ::fdatasync(file_) == 0; }

  IoPlan plan_;
  int file_;
  std::unique_ptr<char, Free> block_;
  bool direct_ = false;
};

// Where the page cache cannot be passed by, it is written out and dropped.
int open_for_io(int folder, int64_t block) {
  bool aligned = block % static_cast<int64_t>(kAlignment) == 0;
  int file = aligned ? open_unnamed(folder, O_DIRECT) : -1;
  return file >= 0 ? file : open_unnamed(folder, 0);
}

}  // namespace

int work_io(const LoadFlags& flags) {
  LoadOrders orders;
  IoPlan plan{flags.text("mode") != "w", flags.text("mode") != "r", flags.number("block"), flags.number("count")};
  std::atomic<int> broken = 0;
  std::vector<std::thread> threads;
  orders.say_begun();
  for (int64_t i = 0; i < flags.number("workers"); ++i)
    threads.emplace_back([&] {
      int file = open_for_io(kDiskFolder, plan.block);
      if (file < 0) {
        broken = errno;
        return;
      }
      IoWorker worker(plan, file);
      bool good = worker.prepare();
      while (good && broken == 0) good = worker.round();
      if (broken == 0) broken = errno == 0 ? EIO : errno;
    });
  BootTime end = boot_now() + milliseconds(flags.number("limit-ms"));
  while (boot_now() < end && broken == 0 && orders.wait(50ms)) continue;
  if (broken != 0) orders.complain(std::string("cannot read and write there: ") + std::strerror(broken));
  ::_exit(broken != 0);  // its threads may wait for the disk
}

}  // namespace ordeal::fault
