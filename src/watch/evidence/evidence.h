// When the data behind a query's answer was taken, and whether it is all there. A query needs of each series that its
// selectors find now the newest sample, and of a range the one before, too. Series that ended are not needed, nor those
// that are looked at with an offset or an @, which are only compared with. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/model/seams.h"
#include "prometheus/promql/eval/result.h"
#include "prometheus/promql/store/storage.h"
#include "prometheus/promql/syntax/ast.h"

namespace ordeal::watch {

struct Need {
  promql::VectorSelector selector;
  bool range = false;
};
struct Needs {
  std::vector<Need> of;
  Nanos window{0};                               // the longest, with those of subqueries around it
  std::vector<promql::VectorSelector> compared;  // with an offset or an @
};
Needs needs_of(const promql::Expr& query);

// `frozen` gives for the labels of a series until when its page is known to be alive, where that is doubtful; -1 is no
// doubt. A query that needs nothing that is there goes by `up`. Nothing when not even that is there.
struct StoreMoment {
  const promql::Storage& storage;
  int64_t at_ms = 0;
  WallOffset offset;
  std::function<int64_t(promql::LabelsView)> alive_until_ms;
};
std::optional<DataTimes> taken_from(const Needs& needs, const StoreMoment& moment);

// For a Prometheus, whose clock is its own affair: a query for how many samples of the series it has from the last
// `ago` at least, how old its newest sample is at most, and what ended since `watched` ago while its target is not up.
std::string samples_query(const Needs& needs, Nanos ago, Nanos watched);
struct SamplesKnown {
  bool some = false;           // one of each series
  bool enough = false;         // of ranges two
  Nanos oldest{0};             // of the newest samples
  std::optional<size_t> lost;  // a need of which every series has ended, one of them with its target
};
// Nothing when none of the series is there.
std::optional<SamplesKnown> read_samples(const Needs& needs, const promql::QueryResult& result);

}  // namespace ordeal::watch
