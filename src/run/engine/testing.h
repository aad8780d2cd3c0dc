// For the tests of the engine.
#pragma once

#include "run/engine/machine.h"

namespace ordeal::engine {

inline const events::Note* note_of(const Action& action) {
  auto* told = std::get_if<Tell>(&action);
  return told ? std::get_if<events::Note>(&told->data) : nullptr;
}

}  // namespace ordeal::engine
