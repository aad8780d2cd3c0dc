// Which processes of a victim the process_killer means: Gremlin's flags as a predicate over a process table. Reads
// nothing but the user database.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/model/input/attack.h"
#include "platform/sys/process/process.h"

namespace re2 {
class RE2;
}

namespace ordeal::fault {

// A regular expression (RE2) on whole command lines.
class CommandPattern {
 public:
  static Result<CommandPattern> parse(const std::string& text);
  bool found_in(const sys::Process& process) const;

 private:
  std::shared_ptr<const re2::RE2> expression_;
};

class ProcessMatch {
 public:
  // From the resolved arguments; kInvalidInput for a bad expression or an unknown user.
  static Result<ProcessMatch> from(const Attack& attack);

  // Those that match, by age, then narrowed to the newest or the oldest; with their children where asked.
  std::vector<sys::Process> choose(const std::vector<sys::Process>& table) const;
  bool matches(const sys::Process& process) const;
  // The name in the table that is nearest to what was looked for; "" when none is near.
  std::string nearest(const std::vector<sys::Process>& table) const;
  bool with_children() const { return children_; }
  // "named postgres", "with a command line like /post.*/"
  std::string text() const;

 private:
  std::string name_;
  bool exact_ = false;
  bool newest_ = false;
  bool oldest_ = false;
  bool children_ = false;
  std::optional<uid_t> user_;
  std::optional<gid_t> group_;
  std::shared_ptr<const re2::RE2> full_;
};

}  // namespace ordeal::fault
