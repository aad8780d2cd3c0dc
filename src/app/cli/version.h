// Which Ordeal this is.
#pragma once

#include <string>

namespace ordeal::cli {

// "ordeal 0.1.0 (commit 1a2b3c4d5e6f)"; "…, changed since" of a tree with changes; without the commit where nobody
// knows it.
std::string version_text();

}  // namespace ordeal::cli
