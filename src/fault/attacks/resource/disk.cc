// disk: space of a file system, held by a child process in a file without a name.
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cmath>

#include "core/base/io/file.h"
#include "core/base/text/quantity.h"
#include "core/base/text/text.h"
#include "fault/attacks/faults.h"
#include "fault/attacks/load/hold_impact.h"
#include "fault/attacks/load/load_place.h"
#include "fault/attacks/load/loads.h"
#include "fault/attacks/room/disk_place.h"
#include "fault/attacks/room/memory_room.h"

namespace ordeal::fault {
namespace {

constexpr Nanos kDiskGrace = 10s;
constexpr Nanos kDiskDeath = 300ms;
constexpr Nanos kUsualDeath = 500ms;
constexpr Nanos kDiskDeathOfGigabyte = 100ms;
constexpr Nanos kDeathOfThousandInodes = 20ms;
constexpr int64_t kMemoryOfInode = 2 << 10;  // and of the open file

AttackInfo describe_disk() {
  AttackInfo info;
  info.type = "disk";
  info.summary = "Fills the file system of a folder of the victim's, with a file that has no name.";
  info.arguments = {
      {.name = "dir",
       .kind = ArgumentKind::kText,
       .fallback = "\"/tmp\"",
       .help = "The folder, an absolute path as the victim sees it.",
       .gremlin = "-d, --dir."},
      {.name = "percent",
       .kind = ArgumentKind::kPercent,
       .fallback = "null",
       .help = "How full it is to be in all, as df shows it, 1 to 100; 100 where none of percent, bytes and reserve is "
               "given, and then not even root can write another block.",
       .gremlin = "-p, --percent.",
       .least = 1,
       .most = 100},
      {.name = "bytes",
       .kind = ArgumentKind::kInteger,
       .fallback = "null",
       .help = "How much to take besides, 4096 to 10^15.",
       .gremlin = "",
       .least = 4096,
       .most = 1e15},
      {.name = "reserve",
       .kind = ArgumentKind::kInteger,
       .fallback = "null",
       .help = "How many bytes (with inodes: inodes) to leave free, 0 to 10^15.",
       .gremlin = "",
       .least = 0,
       .most = 1e15},
      {.name = "inodes",
       .kind = ArgumentKind::kBoolean,
       .fallback = "false",
       .help = "Take inodes instead of space, so that no file can be made: percent and reserve are then of them.",
       .gremlin = ""}};
  info.example =
      "name: the database says so when its disk is full\n"
      "target: {type: container, name: db}\n"
      "attack:\n"
      "  type: disk\n"
      "  args: {dir: /var/lib/postgresql, percent: 95}\n"
      "  length: 1m\n";
  info.limits = {
      "where Ordeal's own state, programs or libraries are on the same file system (also below an overlay), 5 % and at "
      "least 1 GiB stay free there; asking for more is refused (3)",
      "a tmpfs is memory: it is charged to the victim's cgroup, and refused (3) where the attack memory would be",
      "Gremlin's workers and block size have no meaning here: the space is reserved, not written, where the file "
      "system "
      "can",
      "inodes of a file system that makes them as needed are not injected (4); each costs the victim about 2 KiB of "
      "memory",
      "each inode is an open file: of what the host can have (fs.file-max) 10 % stay free, else it is refused (3)",
      "a file system served by a process or over the network (FUSE, NFS and the like) is not supported",
      "a quota by user does not count the file, which is root's; a quota of the folder's project does"};
  info.step = StepKind::kOwned;
  info.mechanisms = {"files without a name that a child process holds open: one for space, one for each inode"};
  info.capabilities = {"CAP_SYS_ADMIN or the victim's user, to look into its file systems (/proc/PID/root)"};
  info.noticed = "writes that need new space fail where it is used up; nothing while the victim writes little";
  info.proof =
      "by the file system's own account: the blocks of the file (bytes), or the space in use (percent, reserve), "
      "within "
      "one block (inodes: one) of what was asked for 95 % of the time from the first moment on";
  info.judged =
      "a file system that the host's init sees, too, and that of a lone process: the whole host, by the policies "
      "alone; "
      "else everything in the victim, and of memory what the attack memory would judge. A protected process is refused "
      "(3); one that joins later ends the attack";
  info.when_frozen =
      "the reaper, which has its own cgroup, ends the load within 1 s; if it is frozen too, the space stays taken "
      "until "
      "Ordeal is thawed";
  return info;
}

const AttackInfo& disk_info() {
  static const AttackInfo info = describe_disk();
  return info;
}

// What is to be taken of one victim's file system.
struct DiskLoad {
  DiskPlace place;
  std::string folder;
  bool inodes = false;
  Space before;                  // of bytes or inodes, as is all below
  std::optional<int64_t> bytes;  // to hold
  int64_t leave = 0;             // else: to leave free
  int64_t keep = 0;              // for ourselves, at least
  std::string keep_for;
  std::string memory;  // the cgroup that pays for a tmpfs, and for inodes
  std::string top;     // the topmost whose memory limit is used up
  std::vector<sys::Cgroup> join;

  int64_t added() const { return bytes ? *bytes : before.available - leave; }
  int64_t memory_needed() const { return inodes ? added() * kMemoryOfInode : added(); }
  Result<Space> now() const { return inodes ? place.inodes() : place.space(); }
  std::string text(int64_t amount) const {
    return inodes ? fmt::format("{} inodes", amount) : plain_value(static_cast<double>(amount), "bytes");
  }
};

void size_disk(DiskLoad& load, const Attack& attack) {
  auto given = [&](const char* name) { return attack.args.contains(name); };
  int64_t block = load.before.block;
  if (given("bytes")) {
    load.bytes = (static_cast<int64_t>(number_argument(attack, "bytes")) + block - 1) / block * block;
  } else if (given("reserve")) {
    load.leave = static_cast<int64_t>(number_argument(attack, "reserve")) / block * block;
  } else {
    double percent = given("percent") ? number_argument(attack, "percent") : 100;
    load.leave = static_cast<int64_t>(static_cast<double>(load.before.whole()) * (100 - percent) / 100) / block * block;
  }
}

Result<> refuse_without_space(const DiskLoad& load) {
  if (load.added() <= 0)
    return fail(Errc::kNotInjected,
                fmt::format("{} is as full already: {} are free", load.folder, load.text(load.before.available)));
  if (load.added() > load.before.available - load.keep)
    return fail(
        Errc::kRefused,
        fmt::format(
            "there is no room for {} in {}: {} are free{}", load.text(load.added()), load.folder,
            load.text(load.before.available),
            load.keep == 0 ? "" : fmt::format(", and {} stay free for {}", load.text(load.keep), load.keep_for)),
        load.keep == 0 ? "ask for less" : "say reserve, or choose a folder on another file system");
  if (load.memory.empty()) return {};
  MemoryRoom::Narrowest least = TRY(TRY(MemoryRoom::open(load.memory)).narrowest());
  if (load.memory_needed() <= least.left) return {};
  return fail(Errc::kRefused,
              fmt::format("there is no memory for {} in {}: {} leaves {}", load.text(load.added()), load.folder,
                          least.where, plain_value(static_cast<double>(std::max<int64_t>(least.left, 0)), "bytes")),
              "ask for less");
}

// Each inode is an open file, and nobody on the host can open another when they are used up.
Result<> refuse_more_files_than_the_host_has(const DiskLoad& load) {
  std::string text = TRY(read_file("/proc/sys/fs/file-nr"));
  auto words = split_words(text, " \t\n");
  int64_t used = words.size() == 3 ? parse_number<int64_t>(words[0]).value_or(0) : 0;
  int64_t most = words.size() == 3 ? parse_number<int64_t>(words[2]).value_or(0) : 0;
  if (load.added() <= most / 10 * 9 - used) return {};
  return fail(Errc::kRefused,
              fmt::format("there is no room for {} open files: the host can have {}, of which 10 % stay free, and has "
                          "{} (/proc/sys/fs/file-nr)",
                          load.added(), most, used),
              "ask for less, or raise fs.file-max");
}

Result<DiskPlace> place_of(const Victim& victim, const Attack& attack, const LiveVictim& live) {
  return DiskPlace::open(TRY(process_that_sees(victim, live)), text_argument(attack, "dir"));
}

Result<DiskLoad> disk_load_for(const Victim& victim, const Attack& attack, const LiveVictim& live) {
  DiskLoad load;
  load.folder = text_argument(attack, "dir");
  load.place = TRY(place_of(victim, attack, live));
  load.inodes = flag_argument(attack, "inodes");
  load.before = TRY(load.now());
  if (load.before.whole() <= 0)
    return fail(Errc::kNotInjected, fmt::format("{} is on a file system without a limit of its {}", load.folder,
                                                load.inodes ? "inodes" : "space"));
  load.keep_for = load.place.holds_ours();
  if (!load.keep_for.empty())
    load.keep = load.inodes ? inodes_kept_on_our_disk(load.before.whole()) : kept_on_our_disk(load.before.whole());
  if (load.inodes || load.place.in_memory()) {
    load.memory = live.tree.with("memory") ? loaded_cgroup(victim, live, "memory") : "/";
    load.join = cgroups_to_join(live, load.memory, {"memory"});
    if (victim.kind != VictimKind::kHost) TRY_VOID(refuse_frozen(live));
  }
  size_disk(load, attack);
  TRY_VOID(refuse_without_space(load));
  if (load.inodes) TRY_VOID(refuse_more_files_than_the_host_has(load));
  if (load.memory.empty()) return load;
  MemoryRoom room(live.tree, load.memory);
  load.top = higher(load.memory, TRY(room.topmost(load.memory_needed())));
  return load;
}

LoadPlan child_for_disk(const DiskLoad& load, Nanos length) {
  LoadPlan plan;
  plan.what = "disk load";
  plan.join = load.join;
  plan.pass = {{load.place.folder(), kDiskFolder}};
  plan.argv = {"--load",     load.inodes ? "inodes" : "disk",
               "--keep",     std::to_string(load.keep),
               "--limit-ms", std::to_string(std::chrono::ceil<milliseconds>(length + kDiskGrace).count())};
  if (!load.bytes) plan.argv.insert(plan.argv.end(), {"--leave", std::to_string(load.leave)});
  if (!load.memory.empty() && !load.inodes) plan.argv.insert(plan.argv.end(), {"--memory", load.memory});
  return plan;
}

Result<int64_t> blocks_of(pid_t pid) {
  struct stat file {};
  if (::stat(fmt::format("/proc/{}/fd/{}", pid, kDiskFile).c_str(), &file) < 0)
    return fail_errno("cannot look at the file that fills the disk");
  return static_cast<int64_t>(file.st_blocks) * 512;
}

// That it may take to give it back.
Nanos death_of(const DiskLoad& load) {
  return kDiskDeath +
         (load.inodes ? kDeathOfThousandInodes * (load.added() / 1000) : kDiskDeathOfGigabyte * (load.added() >> 30));
}

Holding holding_of_disk(std::shared_ptr<DiskLoad> load) {
  Holding holding;
  holding.asked = load->bytes ? *load->bytes : load->before.whole() - load->leave;
  holding.tolerance = static_cast<double>(load->before.block);
  holding.unit = load->inodes ? "inodes" : "bytes";
  holding.what = (load->bytes ? "held in the file system of " : "in use in the file system of ") + load->folder;
  holding.allowance = load->inodes           ? 1s + 1s * (load->added() / 20000)
                      : load->memory.empty() ? Nanos(2s)
                                             : 1s + 1s * (load->added() >> 30);
  holding.patience = death_of(*load);
  holding.on_disk = true;
  holding.look = [load = std::move(load)](const LoadChild& child) -> Result<HoldLook> {
    HoldLook seen;
    Space space = TRY(load->now());
    seen.own = load->inodes ? child.holds().value_or(0) : TRY(blocks_of(child.pid()));
    seen.counted = space.used;
    if (!load->bytes) seen.got = load->before.whole() - space.available;
    if (space.available <= load->keep) seen.shortage = fmt::format("{} are left there", load->text(space.available));
    return seen;
  };
  return holding;
}

class DiskFault : public Fault {
 public:
  const AttackInfo& info() const override { return disk_info(); }

  Usability usability(const host::Features& features) const override {
    Usability use{true, info().mechanisms[0], "", ""};
    if (features.root && features.can("CAP_SYS_ADMIN")) return use;
    use.limits = "only victims of the same user";
    use.advice = "run Ordeal as root";
    return use;
  }

  Result<> check_arguments(const Attack& attack) const override {
    if (!text_argument(attack, "dir").starts_with('/'))
      return refuse_field(attack, "args.dir", "expected an absolute path");
    int given = 0;
    for (const char* name : {"percent", "bytes", "reserve"}) given += attack.args.contains(name);
    if (given > 1) return refuse_field(attack, "args", "give one of percent, bytes and reserve");
    if (flag_argument(attack, "inodes") && attack.args.contains("bytes"))
      return refuse_field(attack, "args.bytes", "inodes are taken by percent or reserve");
    return {};
  }

  Result<std::vector<Step>> plan(const Victim& victim, const Attack& attack, const Protection&) const override {
    DiskLoad load = TRY(disk_load_for(victim, attack, TRY(look_at(victim))));
    Step step;
    step.kind = StepKind::kOwned;
    step.victim = victim.name;
    step.action = fmt::format("take {} of the {} that are free in {} (device {}) with {} without a name",
                              load.text(load.added()), load.text(load.before.available), load.folder,
                              load.place.device(), load.inodes ? "files" : "a file");
    step.undo = "the kernel frees what has no name when the child that holds it ends, with the guard";
    step.proof = info().proof;
    step.claims = {load.place.claim("disk")};
    if (!load.memory.empty()) {
      auto more = claims_of_load(load.top, load.memory, "memory");
      step.claims.insert(step.claims.end(), more.begin(), more.end());
      note_top(load.top, load.memory, step.notes);
    }
    if (load.place.shared_with_host())
      step.notes.push_back("others on this host write to the same file system, and are hit as well");
    if (death_of(load) > kUsualDeath)
      step.notes.push_back(fmt::format("to give back so much takes up to {:.1f} s", to_seconds(death_of(load))));
    if (!load.memory.empty()) step.notes.push_back("the memory for it is charged to " + load.memory);
    return std::vector<Step>{std::move(step)};
  }

  Result<std::optional<Demand>> demand(const Victim& victim, const Attack& attack) const override {
    DiskLoad load = TRY(disk_load_for(victim, attack, TRY(look_at(victim))));
    return Demand{(load.inodes ? "inodes of device " : "space in device ") + load.place.device(),
                  load.inodes ? "" : "bytes", static_cast<double>(load.added()),
                  static_cast<double>(load.before.whole())};
  }

  Result<Reach> reach(const Victim& victim, const Attack& attack) const override {
    DiskLoad load = TRY(disk_load_for(victim, attack, TRY(look_at(victim))));
    Reach reach = whole_victim(victim);
    if (!load.memory.empty() && !victim.cgroup.empty()) reach = reach_of_load(victim, higher(victim.cgroup, load.top));
    if (load.place.shared_with_host() || victim.cgroup.empty()) reach.host = reach.beside = true;
    return reach;
  }

  Result<std::unique_ptr<Impact>> apply(const Victim& victim, const Attack& attack,
                                        const Context& context) const override {
    auto load = std::make_shared<DiskLoad>(TRY(disk_load_for(victim, attack, TRY(look_at(victim)))));
    auto child = LoadChild::start(child_for_disk(*load, context.length));
    if (!child) return wrap(std::move(child).error(), fmt::format("cannot fill a disk of {}", victim.name));
    return std::make_unique<HoldImpact>(holding_of_disk(std::move(load)), std::move(*child));
  }
};

}  // namespace

const Fault& disk_fault() {
  static const DiskFault fault;
  return fault;
}

}  // namespace ordeal::fault
