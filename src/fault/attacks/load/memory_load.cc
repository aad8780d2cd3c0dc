// Holds as much memory as it is told, every page of it written and kept from swap. Before each piece, and all the time
// that it holds them, it looks at every limit above it and at the host: it never grows beyond the room, and shrinks
// when others need it.
#include <sys/mman.h>

#include <algorithm>
#include <cstring>

#include "fault/attacks/load/load_life.h"
#include "fault/attacks/load/loads.h"
#include "fault/attacks/room/memory_room.h"

namespace ordeal::fault {
namespace {

constexpr int kPopulateWrite = 23;  // MADV_POPULATE_WRITE, of Linux 5.14
constexpr int64_t kPiece = 16 << 20;
constexpr int64_t kPage = 4096;
constexpr Nanos kEvery = 50ms;
constexpr Nanos kEveryWhenNear = 5ms;  // a victim takes 1 GiB a second at most
constexpr int64_t kNear = 64 << 20;
constexpr int64_t kCorrectBy = 128 << 10;  // in all: what others take and give back all the time

bool fill(void* at, size_t length) {
  if (::madvise(at, length, kPopulateWrite) == 0) return true;
  if (errno != EINVAL) return false;
  for (size_t offset = 0; offset < length; offset += kPage) static_cast<volatile char*>(at)[offset] = 1;
  return true;
}

class HeldMemory {
 public:
  ~HeldMemory() { shrink_to(0); }
  int64_t held() const { return held_; }

  bool grow(int64_t by) {
    auto length = static_cast<size_t>(by);
    void* at = ::mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) return false;
    (void)::madvise(at, length, MADV_NOHUGEPAGE);
    if (!fill(at, length)) {
      ::munmap(at, length);
      return false;
    }
    (void)::mlock(at, length);  // where it may: else the proof sees what was swapped out
    pieces_.push_back({static_cast<char*>(at), by});
    held_ += by;
    return true;
  }

  void shrink_to(int64_t bytes) {
    while (held_ > bytes) {
      Piece& last = pieces_.back();
      int64_t less = std::min(held_ - bytes, last.length);
      ::munmap(last.at + (last.length - less), static_cast<size_t>(less));
      last.length -= less;
      held_ -= less;
      if (last.length == 0) pieces_.pop_back();
    }
  }

 private:
  struct Piece {
    char* at;
    int64_t length;
  };
  std::vector<Piece> pieces_;
  int64_t held_ = 0;
};

int64_t in_pages(int64_t bytes) { return std::max<int64_t>(bytes, 0) / kPage * kPage; }

// Until it looks again.
Nanos pause_of(const MemoryRoom& room) { return room.left().value_or(0) < kNear ? kEveryWhenNear : kEvery; }

// What it is to hold now of what was ordered.
int64_t due(const MemoryRoom& room, const LoadFlags& flags, int64_t ordered, int64_t held) {
  int64_t wanted = ordered;
  if (flags.text("total") == "yes") {
    wanted = ordered - (room.used().value_or(ordered) - held);
    if (std::abs(wanted - held) < kCorrectBy) wanted = held;
  }
  return in_pages(std::min(wanted, held + room.left().value_or(0)));
}

}  // namespace

int hold_memory(const LoadFlags& flags) {
  LoadOrders orders;
  auto room = MemoryRoom::open(flags.text("cgroup"));
  if (!room) return orders.complain(room.error().message()), 1;
  orders.say_begun();
  HeldMemory memory;
  BootTime end = boot_now() + milliseconds(flags.number("limit-ms"));
  bool busy = false;
  while (boot_now() < end && orders.wait(busy ? Nanos(0) : pause_of(*room))) {
    int64_t wanted = due(*room, flags, orders.amount(), memory.held());
    memory.shrink_to(std::min(wanted, memory.held()));
    busy = wanted > memory.held() && memory.grow(std::min(wanted - memory.held(), kPiece));
    orders.say_holds(memory.held());
  }
  return 0;
}

}  // namespace ordeal::fault
