#include "cli/watching.h"

namespace ordeal::cli {
namespace {

class NoWatcher : public Watcher {
 public:
  void look(size_t) override {}
  int descriptor() const override { return -1; }
  void dispatch() override {}
};

}  // namespace

Result<> check_queries(const Experiment& experiment) {
  if (experiment.expect.empty()) return {};
  return fail(Errc::kUnsupported, "watching is not built in yet");
}

Result<std::unique_ptr<Watcher>> make_watcher(const Experiment&, Watcher::Answer) {
  return std::make_unique<NoWatcher>();
}

}  // namespace ordeal::cli
