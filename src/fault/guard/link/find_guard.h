// Where ordeal-guard is: the program that runs with all of root's rights, so where root takes it from decides.
#pragma once

#include <string>

#include "core/base/result.h"
#include "platform/sys/trusted_file.h"

namespace ordeal::guard {

// The path of ordeal-guard: beside the running program, or, when that is in a directory `bin`, in ../libexec/ordeal (an
// installation) or .. (programs of the tests). The first that is there and can be executed.
//   kInternal  there is none
//   kRefused   as root: users could change it who cannot change the running program (sys/trusted_file.h)
Result<std::string> find_guard();

// The same for the program with that path.
Result<std::string> find_guard_of(const std::string& program, const sys::Trust& trust);
// Whoever may replace the running program is trusted with its guard: root, its owner, its group when that may write
// it, and the owner of /. Not strict when the caller is not root.
Result<sys::Trust> trust_like_this_program();

}  // namespace ordeal::guard
