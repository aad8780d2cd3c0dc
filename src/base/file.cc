#include "base/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>

#include "base/text.h"
#include "base/unique_fd.h"

namespace ordeal {
namespace {

Result<> write_all(int fd, std::string_view text, const std::string& path) {
  while (!text.empty()) {
    ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno("cannot write " + path);
    text.remove_prefix(static_cast<size_t>(n));
  }
  return {};
}

}  // namespace

Result<std::string> read_file(const std::string& path, size_t limit) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return fail_errno("cannot open " + path);
  std::string text;
  char buffer[16384];
  for (;;) {
    ssize_t n = ::read(fd.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno("cannot read " + path);
    if (n == 0) return text;
    text.append(buffer, static_cast<size_t>(n));
    if (text.size() > limit) return fail(Errc::kInvalidInput, fmt::format("{} is larger than {} bytes", path, limit));
  }
}

Result<> write_existing(const std::string& path, std::string_view text) {
  UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd) return fail_errno("cannot open " + path);
  if (::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return fail_errno(fmt::format("cannot write \"{}\" to {}", text, path));
  return {};
}

namespace {

Result<> write_and_rename(const std::string& path, std::string_view text, unsigned mode, bool sync) {
  std::string temporary = fmt::format("{}.{}.tmp", path, ::getpid());
  {
    UniqueFd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
    if (!fd) return fail_errno("cannot create " + temporary);
    TRY_VOID(write_all(fd.get(), text, temporary));
    if (sync && ::fsync(fd.get()) < 0) return fail_errno("cannot sync " + temporary);
  }
  if (::rename(temporary.c_str(), path.c_str()) < 0) return fail_errno("cannot rename to " + path);
  return {};
}

}  // namespace

Result<> replace_whole(const std::string& path, std::string_view text, unsigned mode) {
  return write_and_rename(path, text, mode, false);
}

Result<> write_atomically(const std::string& path, std::string_view text, unsigned mode) {
  TRY_VOID(write_and_rename(path, text, mode, true));
  std::string folder = std::filesystem::path(path).parent_path();
  UniqueFd fd(::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) < 0) return fail_errno("cannot sync the folder of " + path);
  return {};
}

Result<> make_folders(const std::string& path, unsigned mode) {
  std::error_code error;
  bool made = std::filesystem::create_directories(path, error);
  if (error) return fail_errno("cannot make the folder " + path, error.value());
  if (made && ::chmod(path.c_str(), mode) < 0) return fail_errno("cannot set the mode of " + path);
  return {};
}

std::optional<std::string> find_program(const std::string& name) {
  auto runs = [](const std::string& file) { return ::access(file.c_str(), X_OK) == 0; };
  if (name.find('/') != std::string::npos) return runs(name) ? std::optional(name) : std::nullopt;
  const char* path = std::getenv("PATH");
  for (std::string_view folder : split_words(path ? path : "/usr/sbin:/usr/bin:/sbin:/bin", ":"))
    if (std::string file = fmt::format("{}/{}", folder, name); runs(file)) return file;
  errno = ENOENT;
  return std::nullopt;
}

}  // namespace ordeal
