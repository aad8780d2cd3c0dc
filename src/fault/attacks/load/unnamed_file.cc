#include "fault/attacks/load/unnamed_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <string>

namespace ordeal::fault {

int open_unnamed(int folder, int more_flags) {
  int file = ::openat(folder, ".", O_TMPFILE | O_EXCL | O_RDWR | O_CLOEXEC | more_flags, 0600);
  if (file >= 0 || (errno != EOPNOTSUPP && errno != EISDIR)) return file;
  static std::atomic<int> number = 0;
  std::string name = ".ordeal-load-" + std::to_string(::getpid()) + "-" + std::to_string(++number);
  file = ::openat(folder, name.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0) return file;
  bool gone = ::unlinkat(folder, name.c_str(), 0) == 0;
  if (gone && (more_flags == 0 || ::fcntl(file, F_SETFL, more_flags) == 0)) return file;
  ::close(file);
  return -1;
}

}  // namespace ordeal::fault
