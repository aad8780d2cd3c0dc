// ClusterRecord: the record of a run as the parts that ConfigMaps of a cluster carry (docs/formats/record.md): each is
// gzip of lines of JSON, the first line of part 0 is the run itself (id, name, started, experiment, plan), every other
// line an event. Only the last part changes; one that has reached kPartBytes is sealed. A record has at most kMostParts:
// beyond them looks are left out, and the last line says how many; what decides is never left out.
// Pure: who talks to the cluster puts the parts there and brings them back.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/model/run/run_event.h"
#include "run/store/store.h"

namespace ordeal::store {

constexpr size_t kPartBytes = size_t{384} << 10;  // compressed; a ConfigMap holds 1 MiB, base64 takes a third more
constexpr int kMostParts = 8;

struct RecordPart {
  int index = 0;
  bool sealed = false;
  std::string gzip;
};

class ClusterRecord {
 public:
  explicit ClusterRecord(const NewRun& run);
  void append(const RunEvent& event);
  // The parts that changed since they were taken last; the last one may be returned again and again.
  std::vector<RecordPart> take_changed();

 private:
  std::vector<std::string> lines_;
};

// In any order; kInvalidInput when a part is missing or is no gzip.
Result<RecordedRun> read_cluster_record(std::vector<RecordPart> parts);

}  // namespace ordeal::store
