// One page over many runs, the first entry on top: outcome, name, when, attack, and a link to each report that there
// is.
#pragma once

#include <string>
#include <vector>

namespace ordeal::report {

struct IndexEntry {
  std::string run;
  std::string name;
  std::string started;  // RFC 3339
  std::string outcome;  // its word; "interrupted", "running"
  std::string attack;   // in words
  std::string link;     // to its report, relative to the page; "" is none
};
std::string html_index(const std::vector<IndexEntry>& runs);

}  // namespace ordeal::report
