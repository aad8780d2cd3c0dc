#include "cli/watching.h"

#include "cli/prepare.h"
#include "watch/source_watcher.h"

namespace ordeal::cli {

Result<> check_queries(const Experiment& experiment) { return watch::validate(experiment); }

Result<std::unique_ptr<Watcher>> make_watcher(const Experiment& experiment, Watcher::Callback callback) {
  watch::WatchOptions options;
  options.offset = WallOffset::measure();
  options.local_ports = net::PortRange{kWatcherFirstPort, kWatcherPorts};
  return TRY(watch::SourceWatcher::create(experiment, options, std::move(callback)));
}

}  // namespace ordeal::cli
