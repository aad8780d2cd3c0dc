#include "fault/attacks/undo.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>

#include "core/base/io/file.h"
#include "core/base/text/text.h"
#include "core/json/reader.h"
#include "platform/sys/cgroup/cgroup_control.h"
#include "platform/sys/process/pidfd.h"
#include "platform/sys/process/process.h"
#include "platform/sys/process/standstill.h"

namespace ordeal::fault {
namespace {

constexpr Nanos kThawLimit = 200ms;

// Before the change, the state must be the original one; afterwards, whatever the change made of it.
enum class Moment { kBefore, kAfter };

class NothingToUndo : public PreparedUndo {
 public:
  explicit NothingToUndo(Undone why) : why_(why) {}
  Result<Undone> run() override { return why_; }

 private:
  Undone why_;
};

std::unique_ptr<PreparedUndo> nothing(Undone why) { return std::make_unique<NothingToUndo>(why); }

// The files of a cgroup's freezer, which differ by version.
struct FreezerFiles {
  int version;
  const char* control;
  std::string_view thaw;
  const char* requested;
};
constexpr std::array<FreezerFiles, 2> kFreezers{
    {{1, "freezer.state", "THAWED", "freezer.self_freezing"}, {2, "cgroup.freeze", "0", "cgroup.freeze"}}};

// Holds the cgroup's own files open, so that a later cgroup of the same name is never touched.
class ThawUndo : public PreparedUndo {
 public:
  ThawUndo(const FreezerFiles& files, sys::Cgroup freezer, uint64_t inode, UniqueFd control, UniqueFd requested)
      : files_(files),
        freezer_(std::move(freezer)),
        inode_(inode),
        control_(std::move(control)),
        requested_(std::move(requested)) {}

  Result<bool> requested() const {
    char buffer[16];
    ssize_t n = ::pread(requested_.get(), buffer, sizeof buffer, 0);
    if (n < 0 && errno == ENODEV) return false;  // the cgroup is gone
    if (n < 0) return fail_errno("cannot read the freezer of " + freezer_.path());
    return trim(std::string_view(buffer, static_cast<size_t>(n))) == "1";
  }

  Result<Undone> run() override {
    auto frozen = requested();
    if (frozen && !*frozen) return Undone::kAsBefore;
    ssize_t n = ::pwrite(control_.get(), files_.thaw.data(), files_.thaw.size(), 0);
    if (n < 0 && errno == ENODEV) return Undone::kAsBefore;
    if (n < 0) return left(std::string("writing to it failed: ") + ::strerror(errno));
    // Gone or replaced since: whatever has the name now is not ours.
    if (freezer_.inode().value_or(0) != inode_) return Undone::kAsBefore;
    // For the caller's convenience only. What we asked is taken back; a cgroup above that somebody else froze, or
    // processes that a busy machine has not woken yet, are not of our making.
    (void)sys::wait_freezer(freezer_, sys::FreezerState::kThawed, kThawLimit);
    frozen = requested();
    if (!frozen || !*frozen || !freezer_.exists()) return Undone::kUndone;
    return left("somebody froze it again");
  }

 private:
  Unexpected left(const std::string& why) const {
    return fail(Errc::kRevertFailed, fmt::format("the cgroup {} is still frozen: {}", freezer_.folder(), why),
                fmt::format("check {}/{}", freezer_.folder(), files_.control));
  }

  const FreezerFiles& files_;
  sys::Cgroup freezer_;
  uint64_t inode_;
  UniqueFd control_;
  UniqueFd requested_;
};

Result<UniqueFd> open_below(int folder, const char* name, int flags) {
  UniqueFd fd(::openat(folder, name, flags | O_CLOEXEC));
  if (!fd) return fail_errno(std::string("cannot open ") + name);
  return fd;
}

// Null: the cgroup that the record means is gone.
Result<std::unique_ptr<ThawUndo>> open_thaw(const FreezerFiles& files, const sys::Cgroup& freezer, uint64_t inode) {
  UniqueFd folder(::open(freezer.folder().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  struct stat info {};
  bool same = folder && ::fstat(folder.get(), &info) == 0 && info.st_ino == inode;
  if (!same) return std::unique_ptr<ThawUndo>();
  UniqueFd control = TRY(open_below(folder.get(), files.control, O_RDWR));
  UniqueFd requested = TRY(open_below(folder.get(), files.requested, O_RDONLY));
  return std::make_unique<ThawUndo>(files, freezer, inode, std::move(control), std::move(requested));
}

Result<std::unique_ptr<PreparedUndo>> prepare_thaw(const json::Document& data, Moment moment,
                                                   const FreezerFiles& files) {
  json::Reader reader(data);
  sys::Cgroup freezer(files.version, TRY(TRY(reader.at("cgroup")).text()), TRY(TRY(reader.at("folder")).text()));
  auto inode = static_cast<uint64_t>(TRY(TRY(reader.at("inode")).integer(1, INT64_MAX)));
  auto undo = TRY(open_thaw(files, freezer, inode));
  if (!undo && moment == Moment::kAfter) return nothing(Undone::kAsBefore);
  if (!undo) return fail(Errc::kNotFound, fmt::format("the cgroup {} is gone", freezer.path()));
  if (moment == Moment::kBefore && TRY(sys::freezer_state(freezer)) != sys::FreezerState::kThawed)
    return fail(Errc::kRefused, fmt::format("the cgroup {} is already frozen, by somebody else", freezer.path()));
  return undo;
}

Result<std::unique_ptr<PreparedUndo>> prepare_thaw_v1(const json::Document& data, Moment moment) {
  return prepare_thaw(data, moment, kFreezers[0]);
}

Result<std::unique_ptr<PreparedUndo>> prepare_thaw_v2(const json::Document& data, Moment moment) {
  return prepare_thaw(data, moment, kFreezers[1]);
}

// Decides only what is said of it. Asleep in the kernel or frozen, a process does not show whether it will stop.
bool looks_running(pid_t pid) {
  auto stat = sys::read_stat(pid);
  return stat && (stat->state == 'R' || stat->state == 'S') && sys::stop_of(pid) == sys::Stop::kNone;
}

class ContinueUndo : public PreparedUndo {
 public:
  explicit ContinueUndo(std::vector<sys::PidFd> handles) : handles_(std::move(handles)) {}

  Result<Undone> run() override {
    std::vector<std::string> left;
    Undone undone = Undone::kAsBefore;
    for (const sys::PidFd& handle : handles_) {
      bool runs = looks_running(handle.pid());
      // To each, however it looks: a stop may still be pending, and only this takes it back.
      auto sent = handle.signal(SIGCONT);
      if (sent && !runs) undone = Undone::kUndone;
      if (!sent && sent.error().code != Errc::kNotFound) left.push_back(sent.error().message());
    }
    if (left.empty()) return undone;
    return fail(Errc::kRevertFailed, fmt::format("some processes are still stopped: {}", join(left, "; ")),
                "send SIGCONT to them");
  }

 private:
  std::vector<sys::PidFd> handles_;
};

Result<std::unique_ptr<PreparedUndo>> prepare_continue(const json::Document& data, Moment moment) {
  std::vector<sys::PidFd> handles;
  for (const json::Reader& item : TRY(TRY(json::Reader(data).at("processes")).items())) {
    auto pid = static_cast<pid_t>(TRY(TRY(item.at("pid")).integer(2, 1 << 30)));
    auto start = static_cast<uint64_t>(TRY(TRY(item.at("start")).integer(0, INT64_MAX)));
    auto handle = sys::PidFd::open(pid, start);
    if (!handle && handle.error().code == Errc::kNotFound) continue;
    if (!handle) return tl::unexpected(std::move(handle).error());
    if (moment == Moment::kBefore && sys::stop_of(pid) != sys::Stop::kNone)
      return fail(Errc::kRefused, fmt::format("process {} is already stopped, by somebody else", pid));
    handles.push_back(std::move(*handle));
  }
  return std::make_unique<ContinueUndo>(std::move(handles));
}

struct Operation {
  std::string_view name;
  Result<std::unique_ptr<PreparedUndo>> (*prepare)(const json::Document& data, Moment moment);
};
constexpr std::array<Operation, 3> kOperations{
    {{"thaw-v1", &prepare_thaw_v1}, {"thaw-v2", &prepare_thaw_v2}, {"continue", &prepare_continue}}};

Result<std::unique_ptr<PreparedUndo>> prepare_at(const UndoRecord& record, Moment moment) {
  std::string boot = TRY(boot_id());
  if (record.boot_id != boot) return nothing(Undone::kOtherBoot);
  for (const Operation& operation : kOperations) {
    if (operation.name != record.operation) continue;
    auto prepared = operation.prepare(json::Document{record.data, {}}, moment);
    if (!prepared) return wrap(std::move(prepared).error(), "cannot prepare to " + record.text);
    return prepared;
  }
  return fail(Errc::kInvalidInput, fmt::format("unknown undo \"{}\"", record.operation));
}

}  // namespace

Result<std::unique_ptr<PreparedUndo>> prepare_undo(const UndoRecord& record) {
  return prepare_at(record, Moment::kBefore);
}

Result<Undone> replay_undo(const UndoRecord& record) {
  auto prepared = TRY(prepare_at(record, Moment::kAfter));
  return prepared->run();
}

Result<UndoRecord> thaw_record(const sys::Cgroup& freezer) {
  UndoRecord record;
  record.operation = freezer.version() == 1 ? "thaw-v1" : "thaw-v2";
  uint64_t inode = TRY(freezer.inode());
  record.data = {{"cgroup", freezer.path()}, {"folder", freezer.folder()}, {"inode", inode}};
  record.text = "thaw the cgroup " + freezer.path();
  record.boot_id = TRY(boot_id());
  return record;
}

Result<UndoRecord> continue_record(const std::vector<ProcessId>& processes, const std::string& of_what) {
  json::Array list;
  for (const ProcessId& id : processes) list.push_back({{"pid", id.pid}, {"start", id.start_ticks}});
  UndoRecord record;
  record.operation = "continue";
  record.data = {{"processes", std::move(list)}};
  record.text = fmt::format("continue {} stopped processes of {}", processes.size(), of_what);
  record.boot_id = TRY(boot_id());
  return record;
}

json::Value to_json(const UndoRecord& record) {
  return json::Object{
      {"operation", record.operation}, {"data", record.data}, {"text", record.text}, {"boot_id", record.boot_id}};
}

Result<UndoRecord> undo_record_from_json(const json::Value& value) {
  json::Document document{value, {}};
  json::Reader reader(document);
  TRY_VOID(reader.only({"operation", "data", "text", "boot_id"}));
  UndoRecord record;
  record.operation = TRY(TRY(reader.at("operation")).text());
  json::Reader data = TRY(reader.at("data"));
  if (!data.value().is_object()) return data.expected("an object");
  record.data = data.value().get_object();
  record.text = TRY(TRY(reader.at("text")).text());
  record.boot_id = TRY(TRY(reader.at("boot_id")).text());
  return record;
}

Result<std::string> boot_id() {
  auto text = read_file("/proc/sys/kernel/random/boot_id");
  if (!text) return wrap(std::move(text).error(), "cannot tell this boot from another");
  return std::string(trim(*text));
}

}  // namespace ordeal::fault
