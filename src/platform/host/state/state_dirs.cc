#include "platform/host/state/state_dirs.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <thread>

#include "core/base/clock.h"
#include "core/base/io/unique_fd.h"

namespace ordeal::host {
namespace {

namespace fs = std::filesystem;

constexpr Nanos kNotesPatience = 1s;  // the lock is held for milliseconds, and only root can open what is locked

bool is_gone(const std::string& folder) {
  struct stat is {};
  return ::stat(folder.c_str(), &is) < 0 && (errno == ENOENT || errno == ENOTDIR);
}

// Not open: they cannot be locked, so they are left alone.
UniqueFd lock_notes(const std::string& notes) {
  (void)::mkdir(notes.c_str(), 0700);
  UniqueFd fd(::open(notes.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  for (BootTime end = boot_now() + kNotesPatience; fd && ::flock(fd.get(), LOCK_EX | LOCK_NB) < 0;) {
    if (boot_now() > end) fd.reset();
    std::this_thread::sleep_for(1ms);
  }
  return fd;
}

void drop_those_gone(const std::string& notes) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(notes, error)) {
    std::error_code unreadable;
    fs::path folder = fs::read_symlink(entry.path(), unreadable);
    if (!unreadable && is_gone(folder)) (void)::unlink(entry.path().c_str());
  }
}

// Under the first free number.
void add(const std::string& notes, const std::string& folder) {
  for (int number = 0; number < kMostStateDirs; ++number) {
    std::string link = notes + "/" + std::to_string(number);
    if (::symlink(folder.c_str(), link.c_str()) == 0 || errno != EEXIST) return;
  }
}

}  // namespace

void note_state_dir(const Paths& paths, const std::string& notes) {
  std::error_code error;
  std::string folder = fs::canonical(paths.state, error);
  if (::geteuid() != 0 || error || folder == Paths::of_root().state) return;
  UniqueFd lock = lock_notes(notes);
  if (!lock) return;
  drop_those_gone(notes);
  std::vector<std::string> noted = noted_state_dirs(notes);
  if (std::find(noted.begin(), noted.end(), folder) == noted.end()) add(notes, folder);
}

std::vector<std::string> noted_state_dirs(const std::string& notes) {
  std::vector<std::string> folders;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(notes, error)) {
    std::error_code unreadable;
    std::string folder = fs::read_symlink(entry.path(), unreadable);
    if (!unreadable && !is_gone(folder)) folders.push_back(std::move(folder));
  }
  return folders;
}

}  // namespace ordeal::host
