// Small files, whole: for /proc, cgroup files, state files and a person's input. Nothing here waits for ever: a pipe, a
// folder or a device where a file is expected is an error. What a person names to be written is base/output_file.h.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace ordeal {

constexpr size_t kMaxInputBytes = 1 << 20;

// The whole content. Fails with kInvalidInput when it is larger than `limit` bytes or no regular file.
Result<std::string> read_file(const std::string& path, size_t limit = kMaxInputBytes);
// The same of what a person names, which may also be "-" (standard input) or a pipe, as a shell makes one of <(…):
// read until its writers close it, for at most 30 s, and 5 s of silence. Every error is kInvalidInput.
Result<std::string> read_input(const std::string& path, size_t limit = kMaxInputBytes);
// One write(2) to an existing file (a cgroup or /proc file).
Result<> write_existing(const std::string& path, std::string_view text);
// Replaces what has the name `path` by a file of exactly this mode: temporary file (O_EXCL, random name, same folder),
// fsync, rename, fsync of the folder. A reader sees old or new; a link is replaced, not followed. For Ordeal's own
// files.
Result<> write_atomically(const std::string& path, std::string_view text, unsigned mode = 0644);
// The same without fsync: a crash of the machine may lose it.
Result<> replace_whole(const std::string& path, std::string_view text, unsigned mode = 0644);
// An empty file of mode 0644, which takes no room on a full disk. False where it cannot be made or the name is taken.
bool make_empty(const std::string& path);
// The file that execvp() would run; nothing where there is none that may be executed, and errno says why.
std::optional<std::string> find_program(const std::string& name);
// mkdir -p.
Result<> make_folders(const std::string& path, unsigned mode = 0755);

// For those who hold descriptors already. `what` is for the error.
Result<> write_all(int fd, std::string_view text, const std::string& what);
enum class Sync { kNo, kYes };
// write_atomically() within an open folder. Without `mode` it is 0666 less the umask.
Result<> replace_in(int folder, const std::string& name, std::string_view text, std::optional<unsigned> mode,
                    Sync sync);
// "a directory", "a pipe", "a device", "a socket", "a file", of a stat's mode.
const char* kind_of_file(mode_t mode);

}  // namespace ordeal
