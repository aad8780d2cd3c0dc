// For the tests of the engine.
#pragma once

#include "run/engine/machine.h"

namespace ordeal::engine {

inline const events::Note* note_of(const Action& action) {
  auto* emitted = std::get_if<Emit>(&action);
  return emitted ? std::get_if<events::Note>(&emitted->data) : nullptr;
}

}  // namespace ordeal::engine
