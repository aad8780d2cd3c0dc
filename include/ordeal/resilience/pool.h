// Pool: connections that always come back. A Lease returns its connection on every path out of the scope that holds it;
// one that an exception passes is closed, since nobody knows what state it is in. There is a limit, a deadline
// for the wait, and a list of leases that are held for too long. Only a new connection allocates.
//
//   Pool<Connection> pool{{.name = "postgres", .limit = 10}, [] { return connect(); }};   // optional<Connection>
//   breaker.call([&]() -> Result<Rows> {
//     auto lease = pool.acquire();
//     if (!lease) return lease.error();   // no slot: not the callee's failure; no connection: its failure
//     auto rows = lease->query(...);
//     if (!rows) lease.discard();   // broken: closed, not returned
//     return rows;
//   });
#pragma once

#include <algorithm>
#include <atomic>
#include <exception>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ordeal/resilience/bulkhead.h"

namespace ordeal::resilience {

struct PoolOptions {
  std::string name = "pool";
  uint32_t limit = 10;                               // connections, idle or leased; 1 to 1 000 000
  Duration wait = std::chrono::seconds(1);           // for a lease, at most; 0 to 1 day
  Duration leaked_after = std::chrono::seconds(30);  // a lease held for this long is reported by leaks(); above 0
};
std::string check(const PoolOptions& options);

// As std::source_location, which clang 14 has not.
class SourceLocation {
 public:
  static constexpr SourceLocation current(const char* file = __builtin_FILE(), uint32_t line = __builtin_LINE()) {
    return SourceLocation(file, line);
  }
  constexpr const char* file_name() const { return file_; }
  constexpr uint32_t line() const { return line_; }

 private:
  constexpr SourceLocation(const char* file, uint32_t line) : file_(file), line_(line) {}
  const char* file_;
  uint32_t line_;
};

struct HeldLease {
  Duration held{0};
  SourceLocation where;  // of acquire()
};

namespace detail {
inline BulkheadOptions slots_of(PoolOptions options) {
  require_valid("pool " + options.name, check(options));
  return {std::move(options.name), options.limit, options.wait};
}
}  // namespace detail

// Thread-safe. Must outlive its leases.
template <class Connection, Clock C = CoarseClock>
class Pool {
 public:
  class Lease;
  using Connect = std::function<std::optional<Connection>()>;

  // `connect` opens one, outside any lock, or gives nullopt. Options out of range: as CircuitBreaker's constructor.
  Pool(PoolOptions options, Connect connect, C clock = {});
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // An empty lease says why by error(): none came free in time, or connect() gave none.
  Lease acquire(TimePoint deadline = TimePoint::max(), SourceLocation where = SourceLocation::current()) {
    return lease_with(slots_.acquire(deadline), where);
  }
  // For callers that wait without blocking (async_acquire of asio.h): a slot of slots(), or a refused one.
  Lease lease_with(Bulkhead::Slot slot, SourceLocation where);
  Bulkhead& slots() { return slots_; }

  uint32_t leased() const { return slots_.in_flight(); }
  size_t idle() const;
  uint64_t connect_failures() const { return connect_failures_.load(std::memory_order_relaxed); }
  uint32_t limit() const { return slots_.limit(); }
  uint64_t refused() const { return slots_.refused(); }
  // Leases that have been held for leaked_after or longer, the longest first.
  std::vector<HeldLease> leaks() const;
  const std::string& name() const { return slots_.name(); }

 private:
  struct Held {
    TimePoint since;
    SourceLocation where;
    Bulkhead::Slot slot;
    std::optional<Connection> connection;  // closed before the slot is free
  };
  using Place = typename std::list<Held>::iterator;
  std::list<Held> take_idle();
  void give_back(Place place, bool keep);

  const Duration leaked_after_;
  Connect connect_;
  [[no_unique_address]] C clock_;
  Bulkhead slots_;
  mutable std::mutex mutex_;
  std::list<Held> idle_, held_;
  std::atomic<uint64_t> connect_failures_{0};
};

template <class Connection, Clock C>
class [[nodiscard]] Pool<Connection, C>::Lease {
 public:
  Lease() = default;
  Lease(Lease&& other) noexcept { take(other); }
  Lease& operator=(Lease&& other) noexcept {
    if (this == &other) return *this;
    release();
    take(other);
    return *this;
  }
  ~Lease() { end(std::uncaught_exceptions() <= exceptions_); }

  explicit operator bool() const { return pool_ != nullptr; }
  Connection& operator*() const { return *place_->connection; }
  Connection* operator->() const { return &*place_->connection; }
  void release() { end(true); }   // before the scope ends
  void discard() { end(false); }  // it is broken
  // Of an empty one, for the call's result: kPoolExhausted, which breakers ignore, or kFailed, which they count.
  Error error() const { return error_; }

 private:
  friend class Pool;
  Lease(Pool* pool, Place place) : pool_(pool), place_(place) {}
  explicit Lease(Error error) : error_(std::move(error)) {}
  void take(Lease& other) {
    pool_ = std::exchange(other.pool_, nullptr);
    place_ = other.place_;
    error_ = other.error_;
  }
  void end(bool keep) {
    if (Pool* pool = std::exchange(pool_, nullptr)) pool->give_back(place_, keep);
  }
  Pool* pool_ = nullptr;
  Place place_;
  int exceptions_ = std::uncaught_exceptions();
  Error error_;
};

template <class Connection, Clock C>
Pool<Connection, C>::Pool(PoolOptions options, Connect connect, C clock)
    : leaked_after_(options.leaked_after),
      connect_(std::move(connect)),
      clock_(std::move(clock)),
      slots_(detail::slots_of(std::move(options))) {}

template <class Connection, Clock C>
auto Pool<Connection, C>::lease_with(Bulkhead::Slot slot, SourceLocation where) -> Lease {
  Refusal none_free{Refusal::Reason::kPoolExhausted, name().c_str(), Duration::zero()};
  if (!slot) return Lease(Error{Error::Kind::kRefused, none_free, nullptr});
  std::list<Held> taken = take_idle();
  if (taken.empty()) {
    std::optional<Connection> connection = connect_();
    if (!connection) {
      connect_failures_.fetch_add(1, std::memory_order_relaxed);
      return Lease(Error{Error::Kind::kFailed, {}, nullptr});
    }
    taken.push_back(Held{{}, where, {}, std::move(connection)});
  }
  Place place = taken.begin();
  place->since = clock_.now();
  place->where = where;
  place->slot = std::move(slot);
  std::lock_guard lock(mutex_);
  held_.splice(held_.end(), taken);
  return Lease(this, place);
}

template <class Connection, Clock C>
auto Pool<Connection, C>::take_idle() -> std::list<Held> {
  std::list<Held> taken;
  std::lock_guard lock(mutex_);
  if (!idle_.empty()) taken.splice(taken.begin(), idle_, idle_.begin());
  return taken;
}

template <class Connection, Clock C>
void Pool<Connection, C>::give_back(Place place, bool keep) {
  std::list<Held> ended;  // closed after the lock, and before its slot is free
  Bulkhead::Slot slot = std::move(place->slot);
  if (!keep) std::swap(slot, place->slot);
  std::lock_guard lock(mutex_);
  std::list<Held>& where = keep ? idle_ : ended;
  where.splice(where.begin(), held_, place);
}

template <class Connection, Clock C>
size_t Pool<Connection, C>::idle() const {
  std::lock_guard lock(mutex_);
  return idle_.size();
}

template <class Connection, Clock C>
std::vector<HeldLease> Pool<Connection, C>::leaks() const {
  TimePoint now = clock_.now();
  std::vector<HeldLease> found;
  std::lock_guard lock(mutex_);
  for (const Held& held : held_) {
    if (now - held.since >= leaked_after_) found.push_back({now - held.since, held.where});
  }
  std::sort(found.begin(), found.end(), [](const HeldLease& a, const HeldLease& b) { return a.held > b.held; });
  return found;
}

}  // namespace ordeal::resilience
