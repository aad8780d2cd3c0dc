// Journal: what must be undone, on disk before it is done (docs/formats/journal.md). A preallocated file of 4 KiB
// records, only appended, each synced before append() returns. Written by the reaper alone and locked while it lives.
// It is removed when everything in it is undone; a journal that exists without a lock is an earlier death's.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/base/io/unique_fd.h"
#include "core/base/result.h"
#include "fault/attacks/undo.h"

namespace ordeal::guard {

class Journal {
 public:
  // Fails with kRefused when the file exists already.
  static Result<Journal> create(const std::string& path, const std::string& run_id);
  Result<> append_undo(int number, const fault::UndoRecord& record);
  Result<> append_done(int number);
  Result<> remove();

 private:
  Journal(std::string path, UniqueFd fd) : path_(std::move(path)), fd_(std::move(fd)) {}
  Result<> append(const json::Value& value);

  std::string path_;
  UniqueFd fd_;
  int64_t records_ = 0;
  int64_t open_ = 0;  // undo records without their done
};

// The undo records that are not marked done, by number. A torn last record (power loss while appending) is ignored:
// its change was never made. Damage before that is an error.
Result<std::map<int, fault::UndoRecord>> read_journal(const std::string& path);
// The same of a journal's bytes; `path` is for the error.
Result<std::map<int, fault::UndoRecord>> open_records(std::string_view text, const std::string& path);

// The runs of which the folder holds a journal. One that is not there holds none.
Result<std::vector<std::string>> runs_with_journal(const std::string& folder);

// Takes the journal's lock; nothing when a live run holds it.
Result<std::optional<UniqueFd>> lock_journal(const std::string& path);

}  // namespace ordeal::guard
