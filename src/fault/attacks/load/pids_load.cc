// Holds as many process ids as it is told: its own and one for each thread, which sleeps. It never takes what the host
// or a cgroup above the victim's must keep, and gives back when others need it there; the victim's own limit it may use
// up.
#include <pthread.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <vector>

#include "fault/attacks/load/load_life.h"
#include "fault/attacks/load/loads.h"
#include "fault/attacks/room/pids_room.h"

namespace ordeal::fault {
namespace {

constexpr size_t kSleeperStack = 64 << 10;  // of addresses; two pages of it are touched
constexpr Nanos kPidsEvery = 50ms;
constexpr int64_t kAtOnce = 256;

// Threads that sleep until they are too many.
class Sleepers {
 public:
  Sleepers() {
    ::pthread_attr_init(&attributes_);
    ::pthread_attr_setstacksize(&attributes_, kSleeperStack);
  }
  // As many as can be had of `by`.
  void grow(int64_t by) {
    pthread_t thread{};
    int64_t most = count() + by;
    want(most);
    for (; count() < most; threads_.push_back(thread)) {
      auto* place = new Place{this, count()};
      if (::pthread_create(&thread, &attributes_, sleep, place) == 0) continue;
      delete place;
      return;
    }
  }
  void shrink_to(int64_t most) {
    want(std::max<int64_t>(most, 0));
    wake_.notify_all();
    for (; count() > std::max<int64_t>(most, 0); threads_.pop_back()) ::pthread_join(threads_.back(), nullptr);
  }
  int64_t count() const { return static_cast<int64_t>(threads_.size()); }

 private:
  struct Place {
    Sleepers* all;
    int64_t number;
  };
  static void* sleep(void* place) {
    Place mine = *static_cast<Place*>(place);
    delete static_cast<Place*>(place);
    std::unique_lock lock(mine.all->mutex_);
    mine.all->wake_.wait(lock, [&] { return mine.number >= mine.all->wanted_; });
    return nullptr;
  }

  void want(int64_t most) {
    std::lock_guard lock(mutex_);
    wanted_ = most;
  }

  pthread_attr_t attributes_{};
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<pthread_t> threads_;
  int64_t wanted_ = 0;
};

int64_t ids_due(const PidsRoom& room, bool total, int64_t ordered, int64_t held) {
  int64_t wanted = total ? ordered - (room.used().value_or(ordered) - held) : ordered;
  return std::min(wanted, held + room.left().value_or(0));
}

}  // namespace

int hold_pids(const LoadFlags& flags) {
  LoadOrders orders;
  auto room = PidsRoom::open(flags.text("cgroup"));
  if (!room) return orders.complain(room.error().message()), 1;
  orders.say_begun();
  Sleepers sleepers;
  BootTime end = boot_now() + milliseconds(flags.number("limit-ms"));
  bool busy = false;
  while (boot_now() < end && orders.wait(busy ? Nanos(0) : kPidsEvery)) {
    if (orders.amount() == 0) continue;
    int64_t held = sleepers.count() + 1;  // with its own
    int64_t wanted = ids_due(*room, flags.text("total") == "yes", orders.amount(), held);
    if (wanted < held) sleepers.shrink_to(wanted - 1);
    if (wanted > held) sleepers.grow(std::min(wanted - held, kAtOnce));
    busy = wanted > sleepers.count() + 1 && sleepers.count() + 1 > held;
    orders.say_holds(sleepers.count() + 1);
  }
  return 0;
}

}  // namespace ordeal::fault
