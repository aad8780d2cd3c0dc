// Small files, whole: for /proc, cgroup files, state files and a person's input.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace ordeal {

constexpr size_t kMaxInputBytes = 1 << 20;

// The whole content. Fails with kInvalidInput when it is larger than `limit` bytes.
Result<std::string> read_file(const std::string& path, size_t limit = kMaxInputBytes);
// One write(2) to an existing file (a cgroup or /proc file).
Result<> write_existing(const std::string& path, std::string_view text);
// Replaces `path` as a whole: temporary file, fsync, rename, fsync of the folder. A reader sees old or new.
Result<> write_atomically(const std::string& path, std::string_view text, unsigned mode = 0644);
// The same without fsync: a crash of the machine may lose it.
Result<> replace_whole(const std::string& path, std::string_view text, unsigned mode = 0644);
// The file that execvp() would run; nothing where there is none that may be executed, and errno says why.
std::optional<std::string> find_program(const std::string& name);
// mkdir -p.
Result<> make_folders(const std::string& path, unsigned mode = 0755);

}  // namespace ordeal
