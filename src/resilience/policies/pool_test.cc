#include "ordeal/resilience/pool.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <thread>
#include <vector>

#include "ordeal/resilience/circuit_breaker.h"

namespace ordeal::resilience {
namespace {

using namespace std::chrono_literals;

// How many connections are open, and were at most.
struct Server {
  std::atomic<int> open = 0, most = 0, opened = 0;
  bool accepts = true;
};

class Connection {
 public:
  Connection(Server& server, int number) : server_(&server), number_(number) {
    int now = ++server.open, seen = server.most;
    while (now > seen && !server.most.compare_exchange_weak(seen, now)) {
    }
  }
  Connection(Connection&& other) noexcept : server_(std::exchange(other.server_, nullptr)), number_(other.number_) {}
  Connection& operator=(Connection&& other) noexcept {
    std::swap(server_, other.server_);
    number_ = other.number_;
    return *this;
  }
  ~Connection() {
    if (server_ != nullptr) --server_->open;
  }
  int number() const { return number_; }

 private:
  Server* server_;
  int number_;
};

class PoolTest : public testing::Test {
 protected:
  using ManualPool = Pool<Connection, ManualClock>;
  std::optional<Connection> connect() {
    if (!server_.accepts) return std::nullopt;
    return Connection(server_, ++server_.opened);
  }
  void make(PoolOptions options) {
    pool_ = std::make_unique<ManualPool>(
        std::move(options), [this] { return connect(); }, clock_);
  }

  ManualClock clock_;
  Server server_;
  std::unique_ptr<ManualPool> pool_;
};

TEST_F(PoolTest, ALeaseEndsOnEveryPathOutOfItsScopeAndWhatAnExceptionPassedIsClosed) {
  make({.limit = 1, .wait = 0s});
  { auto lease = pool_->acquire(); }
  auto throws = [&] {
    auto lease = pool_->acquire();
    EXPECT_TRUE(lease);
    throw std::runtime_error("query failed");
  };
  for (int i = 0; i < 3; ++i) EXPECT_THROW(throws(), std::runtime_error);
  auto lease = pool_->acquire();
  EXPECT_EQ(lease->number(), 4);
  EXPECT_EQ(server_.open, 1);
  EXPECT_EQ(pool_->leased(), 1u);
  lease.release();
  lease.release();
  EXPECT_FALSE(lease);
  EXPECT_EQ(pool_->leased(), 0u);
  EXPECT_EQ(pool_->idle(), 1u);
  EXPECT_EQ(pool_->acquire()->number(), 4);
}

TEST_F(PoolTest, ADiscardedConnectionIsClosedAndReplaced) {
  make({.limit = 1, .wait = 0s});
  auto lease = pool_->acquire();
  lease.discard();
  EXPECT_EQ(server_.open, 0);
  EXPECT_EQ(pool_->idle(), 0u);
  EXPECT_EQ(pool_->acquire()->number(), 2);
}

TEST_F(PoolTest, TheLimitHoldsAndARefusalIsCounted) {
  make({.limit = 2, .wait = 0s});
  auto one = pool_->acquire(), other = pool_->acquire();
  EXPECT_FALSE(pool_->acquire());
  EXPECT_EQ(pool_->refused(), 1u);
  EXPECT_EQ(server_.opened, 2);
  auto moved = std::move(one);
  EXPECT_FALSE(one);  // NOLINT(bugprone-use-after-move): what a lease promises
  EXPECT_EQ(moved->number(), 1);
  EXPECT_FALSE(pool_->acquire());
}

TEST_F(PoolTest, AWaiterGetsTheConnectionThatComesBack) {
  make({.limit = 1, .wait = 20s});
  auto lease = pool_->acquire();
  std::jthread waiter([&] { EXPECT_EQ(pool_->acquire()->number(), 1); });
  std::this_thread::sleep_for(1ms);
  lease.release();
}

TEST_F(PoolTest, ItWaitsNoLongerThanToldNorPastTheDeadline) {
  make({.limit = 1, .wait = 24h});
  auto lease = pool_->acquire();
  EXPECT_FALSE(pool_->acquire(SteadyClock::now() + 5ms));
  lease.release();
  make({.limit = 1, .wait = 5ms});
  lease = pool_->acquire();
  EXPECT_FALSE(pool_->acquire());
}

TEST_F(PoolTest, AFailedConnectTakesNoPlace) {
  make({.limit = 1, .wait = 0s});
  server_.accepts = false;
  EXPECT_FALSE(pool_->acquire());
  EXPECT_EQ(pool_->leased(), 0u);
  EXPECT_EQ(pool_->refused(), 0u);
  ManualPool throwing(
      {.limit = 1, .wait = 0s}, []() -> std::optional<Connection> { throw std::runtime_error("no"); }, clock_);
  for (int i = 0; i < 3; ++i) EXPECT_THROW((void)throwing.acquire(), std::runtime_error);
  EXPECT_EQ(throwing.leased(), 0u);
  server_.accepts = true;
  EXPECT_TRUE(pool_->acquire());
}

TEST_F(PoolTest, ALeaseThatIsHeldForTooLongIsToldWithItsPlace) {
  make({.limit = 3, .leaked_after = 30s});
  auto oldest = pool_->acquire();
  uint32_t line = __LINE__ - 1;
  clock_.advance(10s);
  auto second = pool_->acquire();
  clock_.advance(20s - 1ns);
  EXPECT_TRUE(pool_->leaks().empty());
  clock_.advance(1ns);
  ASSERT_EQ(pool_->leaks().size(), 1u);
  EXPECT_EQ(pool_->leaks()[0].held, 30s);
  EXPECT_EQ(pool_->leaks()[0].where.line(), line);
  EXPECT_STREQ(pool_->leaks()[0].where.file_name(), __FILE__);
  clock_.advance(10s);
  ASSERT_EQ(pool_->leaks().size(), 2u);
  EXPECT_EQ(pool_->leaks()[0].held, 40s);
  oldest.release();
  EXPECT_EQ(pool_->leaks().size(), 1u);
}

TEST_F(PoolTest, ThreadsNeverOpenMoreThanTheLimit) {
  make({.limit = 3, .wait = 20s});
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 6; ++i) {
      threads.emplace_back([&, i] {
        for (int j = 0; j < 300; ++j) {
          auto lease = pool_->acquire();
          ASSERT_TRUE(lease);
          if ((i + j) % 3 == 0) lease.discard();
        }
      });
    }
  }
  EXPECT_LE(server_.most, 3);
  EXPECT_EQ(pool_->leased(), 0u);
  EXPECT_EQ(static_cast<int>(pool_->idle()), server_.open);
  pool_.reset();
  EXPECT_EQ(server_.open, 0);
}

TEST_F(PoolTest, EachOptionOutOfRangeIsRefusedWithItsNameValueAndRange) {
  EXPECT_EQ(check(PoolOptions()), "");
  EXPECT_EQ(check(PoolOptions{.limit = 0}), "limit is 0: it must be between 1 and 1000000");
  EXPECT_EQ(check(PoolOptions{.limit = 1'000'001}), "limit is 1000001: it must be between 1 and 1000000");
  EXPECT_EQ(check(PoolOptions{.wait = -1ns}), "wait is -1 ns: it must be between 0 and 1 day");
  EXPECT_EQ(check(PoolOptions{.wait = 25h}), "wait is 90000000000000 ns: it must be between 0 and 1 day");
  EXPECT_EQ(check(PoolOptions{.leaked_after = 0s}), "leaked_after is 0 ns: it must be above 0");
  EXPECT_EQ(check(PoolOptions{.leaked_after = -5ns}), "leaked_after is -5 ns: it must be above 0");
  try {
    make({.name = "postgres", .limit = 0});
    ADD_FAILURE();
  } catch (const std::invalid_argument& error) {
    EXPECT_STREQ(error.what(), "pool postgres: limit is 0: it must be between 1 and 1000000");
  }
}

TEST(Pool, AnExhaustedPoolIsNoFailureOfTheCallee) {
  Pool<int> pool({.name = "postgres", .limit = 1, .wait = Duration::zero()}, [] { return std::optional(1); });
  CircuitBreaker breaker({.failures_in_a_row = 1});
  auto held = pool.acquire();
  auto answer = breaker.call([&]() -> Result<int> {
    auto lease = pool.acquire();
    if (!lease) return lease.error();
    return *lease;
  });
  EXPECT_EQ(to_text(answer.error()), "postgres has no connection left");
  EXPECT_EQ(breaker.state(), State::kClosed);
}

TEST(Pool, AConnectionThatCannotBeOpenedIsAFailureOfTheCallee) {
  Pool<int> pool({.name = "postgres"}, [] { return std::optional<int>(); });
  CircuitBreaker breaker({.failures_in_a_row = 3});
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(breaker.call([&]() -> Result<int> {
      auto lease = pool.acquire();
      if (!lease) return lease.error();
      return *lease;
    }));
  }
  EXPECT_EQ(breaker.state(), State::kOpen);
  EXPECT_EQ(pool.connect_failures(), 3u);
  EXPECT_EQ(std::tuple(pool.leased(), pool.refused()), std::tuple(0u, 0u));
}

TEST(Pool, AnAssignedLeaseEndsTheOneBefore) {
  Pool<int> pool({}, [] { return std::optional(1); });
  auto first = pool.acquire(), second = pool.acquire();
  first = std::move(second);
  EXPECT_EQ(std::tuple(pool.leased(), pool.idle()), std::tuple(1u, size_t(1)));
}

}  // namespace
}  // namespace ordeal::resilience
