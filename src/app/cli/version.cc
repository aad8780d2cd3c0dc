#include "app/cli/version.h"

#include "ordeal_commit.h"

namespace ordeal::cli {

std::string version_text() {
  std::string text = "ordeal " ORDEAL_VERSION, commit = ORDEAL_COMMIT;
  return commit.empty() ? text : text + " (commit " + commit + ")";
}

}  // namespace ordeal::cli
