#include "count_new.h"

#include <atomic>
#include <cstdlib>
#include <new>

namespace ordeal::bench {

namespace {

thread_local uint64_t allocated = 0;
std::atomic<int64_t> live{0};

// The size stands before the block, which keeps the block's alignment.
void* allocate(size_t size, size_t alignment) {
  void* block = std::aligned_alloc(alignment, (size + 2 * alignment - 1) / alignment * alignment);
  if (block == nullptr) std::abort();
  ++allocated;
  live.fetch_add(static_cast<int64_t>(size), std::memory_order_relaxed);
  char* user = static_cast<char*>(block) + alignment;
  reinterpret_cast<size_t*>(user)[-1] = size;
  return user;
}

void release(void* user, size_t alignment) {
  if (user == nullptr) return;
  live.fetch_sub(static_cast<int64_t>(static_cast<size_t*>(user)[-1]), std::memory_order_relaxed);
  std::free(static_cast<char*>(user) - alignment);
}

constexpr size_t kDefault = __STDCPP_DEFAULT_NEW_ALIGNMENT__;

}  // namespace

uint64_t allocations() { return allocated; }
int64_t live_bytes() { return live.load(std::memory_order_relaxed); }

}  // namespace ordeal::bench

using ordeal::bench::allocate;
using ordeal::bench::kDefault;
using ordeal::bench::release;

void* operator new(size_t size) { return allocate(size, kDefault); }
void* operator new(size_t size, std::align_val_t alignment) { return allocate(size, static_cast<size_t>(alignment)); }
void operator delete(void* user) noexcept { release(user, kDefault); }
void operator delete(void* user, size_t) noexcept { release(user, kDefault); }
void operator delete(void* user, std::align_val_t alignment) noexcept { release(user, static_cast<size_t>(alignment)); }
void operator delete(void* user, size_t, std::align_val_t alignment) noexcept {
  release(user, static_cast<size_t>(alignment));
}
