// PausedTime: of the time of a victim's processes, how much they stood still. Pure; told at each look how many do and
// how many do not. Between two looks only what stood still at both counts as paused.
#pragma once

#include <optional>

#include "core/base/clock.h"
#include "core/model/proof.h"

namespace ordeal::fault {

class PausedTime {
 public:
  void look(BootTime now, int paused, int running);
  Coverage coverage() const;

 private:
  struct Look {
    BootTime at;
    int paused, running;
  };
  std::optional<Look> last_;
  Nanos paused_{0}, running_{0};  // process time
};

}  // namespace ordeal::fault
