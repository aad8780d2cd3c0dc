// Holds space of a file system, in one file that has no name: the kernel gives it back when the process ends. It
// follows what others write and remove, and never takes what is to be kept.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <vector>

#include "fault/attacks/load/load_life.h"
#include "fault/attacks/load/loads.h"
#include "fault/attacks/load/unnamed_file.h"
#include "fault/attacks/room/memory_room.h"

namespace ordeal::fault {
namespace {

constexpr Nanos kDiskEvery = 50ms;
constexpr int64_t kDiskPiece = 1 << 30;
constexpr int64_t kTmpfsPiece = 32 << 20;  // pages are made and cleared
constexpr size_t kWritten = 1 << 20;       // at once, where space cannot be had without writing
constexpr int64_t kWrittenATurn = 32 << 20;
constexpr int64_t kBehind = 64 << 20;  // that the account of the file may be, besides an eighth

class HeldSpace {
 public:
  explicit HeldSpace(int file) : file_(file) {
    struct statvfs system {};
    if (::fstatvfs(file_, &system) == 0) block_ = static_cast<int64_t>(system.f_frsize);
  }
  int64_t block() const { return block_; }
  int64_t length() const { return length_; }
  // With what the file system itself needs for the file.
  int64_t held() const {
    struct stat stat {};
    return ::fstat(file_, &stat) == 0 ? static_cast<int64_t>(stat.st_blocks) * 512 : 0;
  }
  int64_t available() const {
    struct statvfs system {};
    if (::fstatvfs(file_, &system) != 0) return 0;
    return static_cast<int64_t>(system.f_bavail) * static_cast<int64_t>(system.f_frsize);
  }
  bool grow(int64_t by) {
    if (::fallocate(file_, 0, length_, by) == 0) return length_ += by, true;
    return errno == EOPNOTSUPP && write(by);
  }
  // A file system that compresses, or promises nothing, has not taken what it was given.
  bool is_taken() const { return length_ - held() <= kBehind + length_ / 8; }
  void shrink(int64_t by) {
    length_ = std::max<int64_t>(length_ - by, 0);
    (void)::ftruncate(file_, length_);
  }

 private:
  bool write(int64_t by) {
    static const std::vector<char> zeros(kWritten);
    for (int64_t end = length_ + std::min(by, kWrittenATurn); length_ < end;) {
      auto most = static_cast<size_t>(std::min<int64_t>(end - length_, kWritten));
      ssize_t done = ::pwrite(file_, zeros.data(), most, length_);
      if (done <= 0) return false;
      length_ += done;
    }
    (void)::fdatasync(file_);  // else the blocks are given later
    return true;
  }

  int file_;
  int64_t length_ = 0;
  int64_t block_ = 4096;
};

// How much more, or less, is to be held, in whole blocks.
int64_t change_due(const HeldSpace& space, const LoadFlags& flags, const MemoryRoom* memory, int64_t ordered) {
  int64_t available = space.available();
  int64_t change = ordered - space.held();
  if (!flags.text("leave").empty()) {
    int64_t leave = flags.number("leave");
    // Full is when not even one more block can be had: also of those that the file system keeps for root.
    change = leave == 0 ? std::numeric_limits<int64_t>::max() : available - leave;
  }
  int64_t keep = flags.number("keep");
  if (keep > 0) change = std::min(change, available - keep);
  if (memory) change = std::min(change, memory->left().value_or(0));
  return change / space.block() * space.block();
}

// In pieces that become smaller when the file system has no more of that size.
bool grow_towards(HeldSpace& space, int64_t change, int64_t& piece) {
  if (space.grow(std::min(change, piece))) return true;
  piece = std::max(piece / 2 / space.block() * space.block(), space.block());
  return piece > space.block();
}

}  // namespace

int hold_disk(const LoadFlags& flags) {
  LoadOrders orders;
  int file = open_unnamed(kDiskFolder, 0);
  if (file < 0) return orders.complain(std::string("cannot make a file there: ") + std::strerror(errno)), 1;
  if (file != kDiskFile && ::dup2(file, kDiskFile) < 0) return 1;
  if (file != kDiskFile) ::close(file);
  std::optional<MemoryRoom> memory;
  if (!flags.text("memory").empty()) memory = MemoryRoom::open(flags.text("memory")).value();
  HeldSpace space(kDiskFile);
  orders.say_begun();
  const int64_t whole_piece = memory ? kTmpfsPiece : kDiskPiece;
  int64_t piece = whole_piece;
  BootTime end = boot_now() + milliseconds(flags.number("limit-ms"));
  bool busy = false;
  while (boot_now() < end && orders.wait(busy ? Nanos(0) : kDiskEvery)) {
    if (orders.amount() == 0) continue;
    int64_t change = change_due(space, flags, memory ? &*memory : nullptr, orders.amount());
    if (change < 0) space.shrink(-change);
    busy = change > 0 && grow_towards(space, change, piece);
    if (!busy) piece = whole_piece;
    if (!space.is_taken())
      return orders.complain("the file system does not give a file the space that it promises: it compresses"), 1;
    orders.say_holds(space.held());
  }
  return 0;
}

}  // namespace ordeal::fault
