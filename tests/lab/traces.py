"""What Ordeal must not leave behind, and the fingerprint of the lab that must be the same before and after."""
import os
import re

from .cgroups import CGROUPS
from .processes import read, wait_until

SETTINGS = ["freezer.state", "cpu.shares", "cpu.cfs_quota_us", "cpu.cfs_period_us", "cgroup.freeze", "cpu.max",
            "cpu.weight", "cgroup.subtree_control"]


def fingerprint(lab, rules=False):
    """Of the victim's namespace and cgroups. `rules` adds the slow ones: filters and the rules of iptables."""
    print_ = {
        "links": lab.inside("ip", "-o", "link"),
        "qdiscs": lab.inside("tc", "qdisc", "show"),
        "nft": lab.inside("nft", "-s", "list", "ruleset"),
        "cgroups": [f"{folder}/{name}: {read(f'{folder}/{name}').strip()}" for folder in lab.victim_cgroup.folders
                    for name in SETTINGS if os.path.exists(f"{folder}/{name}")],
        "below": [folder + "/" + name for folder in lab.victim_cgroup.folders for name in os.listdir(folder)
                  if os.path.isdir(f"{folder}/{name}")],
    }
    if rules:
        for hook in ("ingress", "egress"):
            print_["filters " + hook] = lab.inside("tc", "filter", "show", "dev", "eth0", hook, check=False)
        print_["classes"] = lab.inside("tc", "class", "show", "dev", "eth0")
        print_["root filters"] = lab.inside("tc", "filter", "show", "dev", "eth0", check=False)
        for program in ("iptables-save", "ip6tables-save"):
            saved = lab.inside(program, check=False).splitlines()
            print_[program] = [re.sub(r"\[\d+:\d+\]", "", line) for line in saved if not line.startswith("#")]
    return print_


def lines(value):
    return value.splitlines() if isinstance(value, str) else value


def differences(before, after):
    found = []
    for key in before:
        found += [f"{key}: - {line}" for line in lines(before[key]) if line not in lines(after[key])]
        found += [f"{key}: + {line}" for line in lines(after[key]) if line not in lines(before[key])]
        if before[key] != after[key] and not found:
            found.append(key + ": the order differs")
    return found


def run_cgroups(ids):
    all_hierarchies = [f"{CGROUPS}/{name}" for name in os.listdir(CGROUPS)]
    return [f"{mount}/{name}" for mount in all_hierarchies if os.path.isdir(mount) for name in os.listdir(mount)
            if name.startswith("ordeal-") and any(run in name for run in ids)]


def files_left(state):
    """What may stay is the record, the fingerprint, and the empty folders with the registry's lock."""
    left = []
    for folder, _, files in os.walk(state):
        inside = os.path.relpath(folder, state)
        for name in files:
            path = os.path.normpath(os.path.join(inside, name))
            if path.startswith("runs.sqlite") or path in ("fingerprint.json", "run/registry.lock"):
                continue
            left.append("file " + path)
        if inside.startswith("run/"):
            left.append("folder " + inside)
    return left


def left_behind(lab, run):
    """Everything of this run that still stands; its record may."""
    left = [f"process {pid} {' '.join(argv)}" for pid, argv in lab.ordeal_processes() if run.state in argv]
    left += ["burner " + str(pid) for pid in burners(lab)]
    left += ["cgroup " + path for path in run_cgroups(run.ids())]
    left += files_left(run.state)
    left += ["mount " + line for line in read("/proc/self/mountinfo").splitlines()
             if run.state in line or any(run_id in line for run_id in run.ids())]
    if lab.victim_cgroup.frozen():
        left.append("the victim is frozen")
    return left


def burners(lab):
    """Helpers of Ordeal in the victim's cgroups."""
    inside = set(lab.victim_cgroup.procs())
    return [pid for pid, _ in lab.ordeal_processes() if pid in inside]


def strangers(lab):
    return [pid for pid in lab.victim_cgroup.procs() if pid not in lab.victim.pids()]


def clean_within(lab, run, limit=3):
    """(the time when nothing was left, or None; what is left)."""
    at = wait_until(lambda: not lab.processes_of(run.state), limit, 0.005)
    left = left_behind(lab, run)
    if left and at is not None:
        at = wait_until(lambda: not left_behind(lab, run), 1, 0.01)
        left = left_behind(lab, run)
    return at, left


def verify_clean(lab, run):
    """What `ordeal verify-clean` says of this lab; other work on the machine is not ours to judge."""
    done = lab.command("verify-clean", "--state-dir", run.state)
    names = [run.state, lab.name, lab.victim_ns, *run.ids()]
    return [line for line in done.stdout.splitlines() if any(name in line for name in names)]
