// NameWatch: what host names stand for, looked up again and again by a child process, so that a slow resolver holds
// nobody up. It says each address once; one that a name had before stays. The child dies with the thread that started
// it, and with this object.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "platform/sys/network/packet.h"
#include "platform/sys/process/spawn.h"

namespace ordeal::packets {

constexpr Nanos kLookUpEvery = 2s;

struct NamedAddress {
  std::string name;
  sys::Prefix address;
};

// What the child writes, a line for each: "NAME ADDRESS", "NAME ." after all that a look-up found, and "NAME ? REASON"
// when there is none. Pure; keeps what is not a whole line yet.
class NameLines {
 public:
  explicit NameLines(const std::vector<std::string>& names) {
    for (const std::string& name : names) unknown_[name] = "it was not looked up yet";
  }
  std::vector<NamedAddress> read(std::string_view text);
  // Names of which no look-up was whole so far, and why.
  const std::map<std::string, std::string>& unknown() const { return unknown_; }

 private:
  void read_line(std::string_view line, std::vector<NamedAddress>& into);

  std::string rest_;
  std::map<std::string, std::string> unknown_;
};

class NameWatch {
 public:
  static Result<NameWatch> start(const std::vector<std::string>& names);

  int fd() const { return child_.out(); }
  // What is new; never waits. kNotInjected when the child is gone.
  Result<std::vector<NamedAddress>> read();
  const std::map<std::string, std::string>& unknown() const { return lines_.unknown(); }

 private:
  NameWatch(sys::Child child, const std::vector<std::string>& names) : child_(std::move(child)), lines_(names) {}

  sys::Child child_;
  NameLines lines_;
};

// The program that is started with `--look-up NAME…`; ours by default. For tests.
void set_look_up_program(std::string path);
// The child's main(): without capabilities, until nobody reads.
int look_up_main(int argc, char** argv);

}  // namespace ordeal::packets
