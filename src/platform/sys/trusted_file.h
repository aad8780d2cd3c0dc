// Reading a file that says what root may do: whoever can change it, or what its path leads to, decides. Every folder
// and link on the way and the file itself are opened one by one and checked on their own descriptors, so nothing can
// be exchanged between the look and the read. Nothing else than a regular file is read: a pipe would hang.
// The same check serves a program that root is about to execute.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"

namespace ordeal::sys {

struct Trust {
  bool strict = true;                   // false: only what is no regular file is refused
  uid_t owner = 0;                      // who may own the file, and the folders and links that lead to it, besides root
  std::vector<uid_t> more_owners = {};  // and these, too
  std::optional<gid_t> group = std::nullopt;  // whose members may write, as well as the owner

  // For root strict, since others could use its rights; a user can only hurt himself.
  static Trust of_this_process();
};

// The whole text, at most kMaxInputBytes. Errors name the part of the path that is at fault:
//   kNotFound      nothing has that name, and no link led there
//   kInvalidInput  a link that leads nowhere, a folder, pipe or device, what cannot be opened, too large
//   kRefused       not `owner`'s or root's, or others can write it. A folder that others can write passes only when it
//                  is sticky as /tmp is (they cannot replace what is not theirs) or on a read-only mount
Result<std::string> read_trusted(const std::string& path, const Trust& trust = Trust::of_this_process());
// The same without reading it, whatever its size. It holds for as long as nobody who is trusted changes the path.
Result<> check_trusted(const std::string& path, const Trust& trust);

}  // namespace ordeal::sys
