// Undo: what gives back a journalled change, as data (UndoRecord), and the code that runs it. Compare-and-restore
// and idempotent: already gone is success; a value that someone else changed since is left and reported.
// The reaper prepares an undo (opens what it needs, checks identities) before the change is made.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/json/value.h"
#include "core/model/victim.h"
#include "platform/sys/cgroup/cgroup.h"

namespace ordeal::fault {

// `operation` is a name of the table in undo.cc; `data` is that operation's own (paths, inodes, original values).
struct UndoRecord {
  std::string operation;
  json::Object data;
  std::string text;     // for people: "thaw the cgroup /shop/db"
  std::string boot_id;  // a record of another boot has nothing to undo
};

// What an undo found, and so did.
enum class Undone {
  kUndone,     // the change was in force and is not any more
  kAsBefore,   // it was gone, or given back already: nothing was done
  kOtherBoot,  // made before the machine was started again, so it cannot be in force
};

class PreparedUndo {
 public:
  virtual ~PreparedUndo() = default;
  // kRevertFailed: something stays behind and a person must look; the message says what and where.
  virtual Result<Undone> run() = 0;
};

// Opens and verifies; no change. kRefused when the state is not what the record says (for example already frozen
// by someone else before us).
Result<std::unique_ptr<PreparedUndo>> prepare_undo(const UndoRecord& record);

// For the journal of a dead Ordeal, where the change may have been made or not: opens, checks identities and undoes.
// What is gone or already back as it was is success.
Result<Undone> replay_undo(const UndoRecord& record);

// The records of the journalled changes. `freezer` was thawed, the processes were running when they were made. Each of
// the processes gets its SIGCONT, whether the stop shows or not.
Result<UndoRecord> thaw_record(const sys::Cgroup& freezer);
Result<UndoRecord> continue_record(const std::vector<ProcessId>& processes, const std::string& of_what);

// Where undo records go before the change is made. In the guard this is the reaper, at the other end of a socket.
class UndoLog {
 public:
  virtual ~UndoLog() = default;
  // Returns when the record is prepared, fsynced and acknowledged; the number names it from then on.
  virtual Result<int> record(const UndoRecord& undo) = 0;
  // Runs it and marks it done.
  virtual Result<> undo(int number) = 0;
};

json::Value to_json(const UndoRecord& record);
Result<UndoRecord> undo_record_from_json(const json::Value& value);
// The kernel's random id of this boot.
Result<std::string> boot_id();

}  // namespace ordeal::fault
