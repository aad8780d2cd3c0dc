// Usability: whether an attack works on a machine, as `ordeal doctor` lists it. Each attack judges the features of the
// machine itself (Fault::usability); plan and guard do not ask it, they look for themselves.
#pragma once

#include <string>

namespace ordeal::fault {

struct Usability {
  bool usable = false;
  std::string how;     // the mechanism, or why there is none
  std::string limits;  // what works less well, "" when nothing
  std::string advice;  // what makes it work, or work better; "" when nothing is to be done
};

}  // namespace ordeal::fault
