// Whether a load held what was asked of it, by what the kernel counts, from the moment at which it first did.
#pragma once

#include <cstdint>
#include <string>

#include "core/model/proof.h"

namespace ordeal::fault {

struct HoldUse {
  double asked = 0;
  double got = 0;        // at the last look
  double most = 0;       // ever
  double tolerance = 0;  // that `got` may be off, either way
  std::string unit;      // as in core/base/text/quantity.h
  std::string what;      // "resident in /shop"
  double within = 0;     // seconds that it was held, from the first time on
  double outside = 0;    // and that it was not
  std::string counter;   // what another counter of the kernel said, for `measured`
  std::string shortage;  // why it was not held, as far as that is known
};

Proof prove_hold(const HoldUse& use);

}  // namespace ordeal::fault
