// The life of a load, in its own process: what every kind of it does with its two pipes (load_child.h), and the table
// of the kinds. `ordeal-guard --load KIND --name value …` ends in load_main().
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/clock.h"
#include "core/base/result.h"

namespace ordeal::fault {

// --name value; each at most once.
class LoadFlags {
 public:
  LoadFlags(int argc, char** argv);
  std::string text(const std::string& name) const;
  int64_t number(const std::string& name) const;  // 0 when it is missing or none

 private:
  std::map<std::string, std::string> flags_;
};

// Waits for the guard's "go": one byte. The end of the pipe instead means that the guard is gone.
bool load_may_begin();

// The orders that the guard gives, and what is said to it.
class LoadOrders {
 public:
  // Waits for an order, for so long; false when the guard has gone.
  bool wait(Nanos limit);
  int64_t amount() const { return amount_; }
  void say_begun() const;
  // Each amount is said once.
  void say_holds(int64_t amount);
  void complain(std::string_view sentence) const;

 private:
  int64_t amount_ = 0;
  std::string heard_;
  std::optional<int64_t> said_;
};

// The child's whole life. Returns its exit code.
int load_main(int argc, char** argv);

}  // namespace ordeal::fault
