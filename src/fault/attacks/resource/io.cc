// io: reads and writes on the disk of a folder of the victim's, by a child process, as fast as the disk lets it.
#include <fmt/format.h>

#include <algorithm>

#include "core/base/io/file.h"
#include "core/base/text/quantity.h"
#include "core/base/text/text.h"
#include "fault/attacks/faults.h"
#include "fault/attacks/load/load_child.h"
#include "fault/attacks/load/load_place.h"
#include "fault/attacks/load/loads.h"
#include "fault/attacks/resource/io_proof.h"
#include "fault/attacks/room/disk_place.h"
#include "fault/attacks/room/memory_room.h"
#include "fault/attacks/room/pids_room.h"

namespace ordeal::fault {
namespace {

constexpr Nanos kIoGrace = 10s;
constexpr Nanos kIoDeath = 1s;
constexpr int64_t kMemoryOfWorker = 128 << 10;  // besides its block
constexpr Nanos kIoLookEvery = 500ms;

AttackInfo describe_io() {
  AttackInfo info;
  info.type = "io";
  info.summary = "Keeps the disk of a folder of the victim's busy with reads and writes, past the page cache.";
  info.arguments = {{.name = "dir",
                     .kind = ArgumentKind::kText,
                     .fallback = "\"/tmp\"",
                     .help = "The folder, an absolute path as the victim sees it.",
                     .gremlin = "-d, --dir."},
                    {.name = "workers",
                     .kind = ArgumentKind::kInteger,
                     .fallback = "1",
                     .help = "How many threads read and write at once, 1 to 1024.",
                     .gremlin = "-w, --workers.",
                     .least = 1,
                     .most = 1024},
                    {.name = "mode",
                     .kind = ArgumentKind::kWord,
                     .fallback = "\"rw\"",
                     .help = "Reads, writes, or both in turn.",
                     .gremlin = "-m, --mode.",
                     .choices = {"r", "w", "rw"}},
                    {.name = "block_size",
                     .kind = ArgumentKind::kInteger,
                     .fallback = "4",
                     .help = "Of one read or write, in KiB, 1 to 16384; the disk is given at most 64 KiB at once.",
                     .gremlin = "-s, --blocksize.",
                     .least = 1,
                     .most = 16384},
                    {.name = "block_count",
                     .kind = ArgumentKind::kInteger,
                     .fallback = "1",
                     .help = "How many blocks each worker's file has, 1 to 1000000.",
                     .gremlin = "-c, --blockcount.",
                     .least = 1,
                     .most = 1000000}};
  info.example =
      "name: queries stay fast beside a backup\n"
      "target: {type: container, name: db}\n"
      "attack:\n"
      "  type: io\n"
      "  args: {dir: /var/lib/postgresql, workers: 4, block_size: 64, block_count: 256}\n"
      "  length: 1m\n";
  info.limits = {
      "a folder on a tmpfs has no disk behind it: not injected (4)",
      "the files take workers x block_size x block_count of space while the attack lasts; where there is no room, or "
      "less "
      "than 5 % and 1 GiB of a file system that Ordeal needs would stay free, it is refused (3)",
      "block sizes that are no multiple of 4 KiB, and file systems without direct I/O, go through the page cache, "
      "which "
      "is written out and dropped each round",
      "how much it reads and writes is up to the disk and to the limits of the victim's cgroup, and is measured",
      "a disk that hangs lets no process die: the revert then fails (6), and says so",
      "a victim in a frozen cgroup is refused"};
  info.step = StepKind::kOwned;
  info.mechanisms = {"the threads of one child process in the victim's io cgroup, on files without a name"};
  info.capabilities = {"CAP_SYS_ADMIN or the victim's user, to look into its file systems (/proc/PID/root)",
                       "write access to the victim's cgroup.procs"};
  info.noticed = "reads and writes of the same disk take longer; nothing where the victim's data is in memory";
  info.proof =
      "bytes that the kernel counts as read from and written to a disk by the child (/proc/PID/io), above 0 in each "
      "direction asked, in 95 % of the time";
  info.judged =
      "a disk that the host's init sees, too: the whole host, by the policies alone; else everything in the victim. A "
      "protected process is refused (3); one that joins later ends the attack";
  info.when_frozen =
      "the reaper, which has its own cgroup, ends the load within 1 s; if it is frozen too, the load continues until "
      "Ordeal is thawed, at most until 10 s after the attack's length";
  return info;
}

const AttackInfo& io_info() {
  static const AttackInfo info = describe_io();
  return info;
}

struct IoLoad {
  DiskPlace place;
  std::string folder;
  std::string cgroup;
  std::vector<sys::Cgroup> join;
  std::string mode;
  int64_t workers = 1;
  int64_t block = 4096;
  int64_t count = 1;

  int64_t space() const { return workers * block * count; }
};

Result<DiskPlace> io_place_of(const Victim& victim, const Attack& attack, const LiveVictim& live) {
  return DiskPlace::open(TRY(process_that_sees(victim, live)), text_argument(attack, "dir"));
}

Result<> refuse_without_disk(const IoLoad& load) {
  if (load.place.in_memory())
    return fail(Errc::kNotInjected, fmt::format("{} is on a tmpfs, which has no disk", load.folder));
  Space space = TRY(load.place.space());
  std::string ours = load.place.holds_ours();
  int64_t keep = ours.empty() ? 0 : kept_on_our_disk(space.whole());
  if (load.space() <= space.available - keep) return {};
  return fail(Errc::kRefused,
              fmt::format("there is no room for {} in {}", plain_value(static_cast<double>(load.space()), "bytes"),
                          load.folder),
              "ask for fewer workers, blocks, or smaller ones");
}

// In cgroup version 2 the victim pays for them.
Result<> refuse_too_many_workers(const IoLoad& load, const LiveVictim& live) {
  bool victim_pays = !load.join.empty() && load.join.front().version() == 2;
  std::string payer = victim_pays ? load.cgroup : "/";
  MemoryRoom::Narrowest memory = TRY(MemoryRoom(live.tree, payer).narrowest());
  PidsRoom::Narrowest pids = TRY(PidsRoom(live.tree, payer).narrowest());
  bool fits = load.workers * (load.block + kMemoryOfWorker) <= memory.left && load.workers + 1 <= pids.left;
  if (fits) return {};
  return fail(Errc::kRefused,
              fmt::format("there is no room for {} threads with a block each: {} leaves {}, {} leaves {} process ids",
                          load.workers, memory.where,
                          plain_value(static_cast<double>(std::max<int64_t>(memory.left, 0)), "bytes"), pids.where,
                          std::max<int64_t>(pids.left, 0)),
              "ask for fewer workers, or smaller blocks");
}

Result<IoLoad> io_load_for(const Victim& victim, const Attack& attack, const LiveVictim& live) {
  if (victim.kind != VictimKind::kHost) TRY_VOID(refuse_frozen(live));
  IoLoad load;
  load.folder = text_argument(attack, "dir");
  load.place = TRY(io_place_of(victim, attack, live));
  std::string controller = live.tree.with("blkio") ? "blkio" : "io";
  load.cgroup = loaded_cgroup(victim, live, controller);
  load.join = cgroups_to_join(live, load.cgroup, {controller});
  load.mode = text_argument(attack, "mode");
  load.workers = static_cast<int64_t>(number_argument(attack, "workers"));
  load.block = static_cast<int64_t>(number_argument(attack, "block_size")) * 1024;
  load.count = static_cast<int64_t>(number_argument(attack, "block_count"));
  TRY_VOID(refuse_without_disk(load));
  TRY_VOID(refuse_too_many_workers(load, live));
  return load;
}

LoadPlan child_for_io(const IoLoad& load, Nanos length) {
  LoadPlan plan;
  plan.what = "disk load";
  plan.join = load.join;
  plan.pass = {{load.place.folder(), kDiskFolder}};
  plan.argv = {"--load",     "io",
               "--workers",  std::to_string(load.workers),
               "--mode",     load.mode,
               "--block",    std::to_string(load.block),
               "--count",    std::to_string(load.count),
               "--limit-ms", std::to_string(std::chrono::ceil<milliseconds>(length + kIoGrace).count())};
  return plan;
}

struct DiskBytes {
  int64_t read = 0;
  int64_t written = 0;
};

Result<DiskBytes> disk_bytes_of(pid_t pid) {
  std::string text = TRY(read_file(fmt::format("/proc/{}/io", pid)));
  DiskBytes bytes;
  for (std::string_view line : split(text, '\n')) {
    if (line.starts_with("read_bytes:")) bytes.read = parse_number<int64_t>(trim(line.substr(11))).value_or(0);
    if (line.starts_with("write_bytes:")) bytes.written = parse_number<int64_t>(trim(line.substr(12))).value_or(0);
  }
  return bytes;
}

class IoImpact : public Impact {
 public:
  IoImpact(const IoLoad& load, LoadChild child) : child_(std::move(child)) {
    use_.reads = load.mode != "w";
    use_.writes = load.mode != "r";
    use_.where = load.folder;
  }

  std::vector<int> descriptors() const override { return ended_ ? std::vector<int>{} : child_.descriptors(); }
  std::optional<BootTime> next_work() const override {
    return ended_ || !seen_at_ ? std::nullopt : std::optional(next_);
  }

  Result<> work(BootTime now) override {
    if (ended_) return {};
    if (auto heard = child_.listen(); !heard) {
      broken_ = heard.error().message();
      return heard;
    }
    if (!child_.begun() || (seen_at_ && now < next_)) return {};
    return look(now);
  }

  std::optional<BootTime> let_go() override {
    if (ended_ || gone_by_) return gone_by_;
    if (seen_at_) (void)look(boot_now());
    child_.kill();
    return gone_by_ = boot_now() + kIoDeath;
  }
  bool is_going() const override { return !ended_ && child_.dying(); }

  Result<> revert() override {
    if (ended_) return {};
    let_go();
    ended_ = true;
    return child_.stop(kIoDeath);
  }

  Proof proof(BootTime) const override {
    Proof proof = prove_io(use_);
    if (broken_.empty()) return proof;
    proof.proven = false;
    proof.reason = broken_;
    return proof;
  }

 private:
  Result<> look(BootTime now) {
    DiskBytes bytes = TRY(disk_bytes_of(child_.pid()));
    next_ = now + kIoLookEvery;
    if (seen_at_) {
      double passed = to_seconds(now - *seen_at_);
      bool worked = (!use_.reads || bytes.read > seen_.read) && (!use_.writes || bytes.written > seen_.written);
      use_.seconds += passed;
      use_.busy += worked ? passed : 0;
      use_.read += bytes.read - seen_.read;
      use_.written += bytes.written - seen_.written;
    }
    seen_ = bytes;
    seen_at_ = now;
    return {};
  }

  LoadChild child_;
  IoUse use_;
  DiskBytes seen_;
  std::optional<BootTime> seen_at_;
  BootTime next_{};
  std::string broken_;
  std::optional<BootTime> gone_by_;
  bool ended_ = false;
};

class IoFault : public Fault {
 public:
  const AttackInfo& info() const override { return io_info(); }

  Usability usability(const host::Features& features) const override {
    Usability use{true, info().mechanisms[0], "", ""};
    if (features.root && features.cgroups_writable && features.can("CAP_SYS_ADMIN")) return use;
    use.limits = "only victims of the same user, in Ordeal's own cgroup";
    use.advice = "run Ordeal as root";
    return use;
  }

  Result<> check_arguments(const Attack& attack) const override {
    if (text_argument(attack, "dir").starts_with('/')) return {};
    return refuse_field(attack, "args.dir", "expected an absolute path");
  }

  Result<std::vector<Step>> plan(const Victim& victim, const Attack& attack, const Protection&) const override {
    IoLoad load = TRY(io_load_for(victim, attack, TRY(look_at(victim))));
    Step step;
    step.kind = StepKind::kOwned;
    step.victim = victim.name;
    step.action =
        fmt::format("{} {} of {} KiB in {} (device {}) with {} of a child process",
                    load.mode == "r"   ? "read"
                    : load.mode == "w" ? "write"
                                       : "write and read",
                    counted(static_cast<size_t>(load.count), "block", "blocks"), load.block / 1024, load.folder,
                    load.place.device(), counted(static_cast<size_t>(load.workers), "thread", "threads"));
    step.undo = "the kernel kills the child when the guard exits, and frees its files";
    step.proof = info().proof;
    step.claims = claims_of_load(load.cgroup, load.cgroup, "io");
    step.claims.push_back(load.place.claim("io"));
    if (load.place.shared_with_host())
      step.notes.push_back("others on this host use the same disk, and are hit as well");
    return std::vector<Step>{std::move(step)};
  }

  Result<Reach> reach(const Victim& victim, const Attack& attack) const override {
    DiskPlace place = TRY(io_place_of(victim, attack, TRY(look_at(victim))));
    Reach reach = whole_victim(victim);
    if (place.shared_with_host() || victim.cgroup.empty()) reach.host = reach.beside = true;
    return reach;
  }

  Result<std::unique_ptr<Impact>> apply(const Victim& victim, const Attack& attack,
                                        const Context& context) const override {
    IoLoad load = TRY(io_load_for(victim, attack, TRY(look_at(victim))));
    auto child = LoadChild::start(child_for_io(load, context.length));
    if (!child) return wrap(std::move(child).error(), fmt::format("cannot load a disk of {}", victim.name));
    return std::make_unique<IoImpact>(load, std::move(*child));
  }
};

}  // namespace

const Fault& io_fault() {
  static const IoFault fault;
  return fault;
}

}  // namespace ordeal::fault
