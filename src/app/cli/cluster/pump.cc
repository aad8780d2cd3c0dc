#include "app/cli/cluster/pump.h"

#include <algorithm>

#include "core/base/io/wait.h"

namespace ordeal::cli {

bool pump(kube::Client& client, const std::vector<kube::Mirror*>& mirrors, const std::function<bool()>& done,
          BootTime until, int more) {
  while (!done()) {
    BootTime now = boot_now();
    if (now >= until) return false;
    BootTime wake = std::min({until, client.next_wake(), now + 100ms});
    for (const kube::Mirror* mirror : mirrors) wake = std::min(wake, mirror->next_wake());
    wait_readable({client.descriptor(), more}, wake - now);
    client.dispatch();
    for (kube::Mirror* mirror : mirrors)
      if (boot_now() >= mirror->next_wake()) mirror->dispatch();
  }
  return true;
}

}  // namespace ordeal::cli
