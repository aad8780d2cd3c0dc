// ClusterRecord: the record of a run as the parts that ConfigMaps of a cluster carry (docs/formats/record.md): each is
// gzip of lines of JSON, the first line of part 0 is the run itself (id, name, started, experiment, plan), every other
// line an event. Only the last part changes; one that has reached kPartBytes is sealed. A record has at most
// kMostParts: beyond kPartsWithLooks looks are left out, and the last line says how many; what decides is never left
// out. Pure: who talks to the cluster puts the parts there and brings them back.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/model/run/run_event.h"
#include "run/store/store.h"

namespace ordeal::store {

constexpr size_t kPartBytes = size_t{384} << 10;  // compressed; a ConfigMap holds 1 MiB, base64 takes a third more
constexpr int kMostParts = 8;
constexpr int kPartsWithLooks = 5;  // the rest is for what decides

struct RecordPart {
  int index = 0;
  bool sealed = false;
  std::string gzip;
};

class ClusterRecord {
 public:
  explicit ClusterRecord(const NewRun& run);
  ClusterRecord(ClusterRecord&&) noexcept;
  ClusterRecord& operator=(ClusterRecord&&) noexcept;
  ~ClusterRecord();
  void append(const RunEvent& event);
  bool changed() const;
  // The parts that changed since they were taken last; the last one may be returned again and again.
  std::vector<RecordPart> take_changed();

 private:
  friend RecordPart closing_part(int index, const std::vector<RunEvent>& events);
  class Stream;
  void add(const std::string& line);

  std::unique_ptr<Stream> stream_;  // of the part that is open
  int index_ = 0;
  std::vector<RecordPart> sealed_;  // and not taken yet
  bool changed_ = false;
  int64_t left_out_ = 0;
};

// The last part of a record whose writer is gone.
RecordPart closing_part(int index, const std::vector<RunEvent>& events);
// Of all parts together; a text of 3 MiB may claim to be any number of GiB.
constexpr size_t kMostExpanded = size_t{512} << 20;
// In any order; kInvalidInput when a part is missing, is no gzip, or all expand to more than `most`.
Result<RecordedRun> read_cluster_record(std::vector<RecordPart> parts, size_t most = kMostExpanded);

}  // namespace ordeal::store
