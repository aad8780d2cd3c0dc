// Expectations that suit what is there: a page of metrics, or a port that somebody listens on.
#pragma once

#include <string>
#include <vector>

#include "platform/sys/sockets/listeners.h"
#include "prometheus/metrics/exposition.h"

namespace ordeal::session {

// One item of `expect`, as text of YAML where it is a value.
struct Suggestion {
  std::string name;
  std::string query;  // PromQL, or "" with a probe
  std::string probe;  // YAML in the flow form, or ""
  std::string condition;
  std::string comment;  // what it is made from
  bool no_data_is_breach = false;
  bool not_during = false;  // judged before and after the attack alone
  std::string unmet = "";   // that what was counted so far is beyond the limit; a comment too
};

// What a page tells of its users: latency histograms, counters of requests with a status, and the page itself under the
// label job. Limits follow what was counted so far, up to
// 1 s and 5 %: beyond that hardly anything could break them. Pure.
std::vector<Suggestion> suggest_from(const metrics::Exposition& page, const std::string& job);

// A probe of a port: HTTP, or only a connection where what usually listens there speaks something else. Pure.
Suggestion suggest_probe(const std::string& address, uint16_t port);
// Of several the one that users most likely ask; never called with none. Pure.
const sys::ListeningSocket& likely_front(const std::vector<sys::ListeningSocket>& sockets);

}  // namespace ordeal::session
