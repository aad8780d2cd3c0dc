#include "run/store/live_lock.h"

#include <fcntl.h>

namespace ordeal::store {
namespace {

struct flock one_byte(int64_t number) {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = number;
  lock.l_len = 1;
  return lock;
}

}  // namespace

Result<LiveLock> LiveLock::take(const std::string& path, int64_t number) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) return fail_errno("cannot open " + path);
  struct flock lock = one_byte(number);
  if (::fcntl(fd.get(), F_OFD_SETLK, &lock) != 0) return fail_errno("cannot lock " + path);
  return LiveLock(std::move(fd));
}

bool LiveLock::is_held(const std::string& path, int64_t number) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct flock lock = one_byte(number);
  return fd && ::fcntl(fd.get(), F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

}  // namespace ordeal::store
