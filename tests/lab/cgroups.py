"""Control groups, of version 1, 2 or both."""
import glob
import os
from pathlib import Path

from .processes import kill, read, wait_until

CGROUPS = "/sys/fs/cgroup"


def hierarchies(names):
    """The mount points of those that this machine has; on a host with cgroup version 2 alone there is one for all."""
    if os.path.exists(CGROUPS + "/cgroup.procs"):
        return [CGROUPS]
    found = {}
    for name in names:  # two that are mounted together are one
        if os.path.exists(f"{CGROUPS}/{name}/cgroup.procs"):
            found.setdefault(os.path.realpath(f"{CGROUPS}/{name}"), f"{CGROUPS}/{name}")
    return list(found.values())


def write_where_it_is(folder, texts):
    """Whether one of the files {name: text} was there."""
    there = [name for name in texts if os.path.exists(f"{folder}/{name}")]
    for name in there:
        Path(folder, name).write_text(texts[name])
    return bool(there)


def hand_down(folder, controllers):
    """Lets a cgroup `folder` of version 2 have those of the controllers that its hierarchy has."""
    above = [parent for parent in Path(folder).parents if Path(CGROUPS) in [parent, *parent.parents]]
    for parent in reversed(above if controllers else []):
        parent.mkdir(exist_ok=True)
        there = set(read(parent / "cgroup.controllers").split()) & set(controllers)
        for controller in sorted(there - set(read(parent / "cgroup.subtree_control").split())):
            (parent / "cgroup.subtree_control").write_text(f"+{controller}")


class Cgroup:
    """One path in several hierarchies."""

    def __init__(self, path, names, controllers=()):
        """`controllers`: those that it needs where cgroup version 2 has one hierarchy for all."""
        self.path, self.names = path, names
        self.folders = [mount + path for mount in hierarchies(names)]
        for folder in self.folders:
            hand_down(folder, controllers)
            os.makedirs(folder, exist_ok=True)

    def prefer(self):
        """What is in the cgroup above has its share of the CPUs before what else this machine does (compilers, say)."""
        for folder in map(os.path.dirname, self.folders):
            write_where_it_is(folder, {"cpu.shares": "262144", "cpu.weight": "10000"})

    def limit_cpu(self, cpus):
        """At most `cpus`, and those also on a busy machine. False where this cannot be."""
        quota = str(int(cpus * 100_000))
        limits = {"cpu.cfs_quota_us": quota, "cpu.max": f"{quota} 100000"}
        limited = [folder for folder in self.folders if write_where_it_is(folder, limits)]
        self.prefer()
        return bool(limited)

    def procs(self):
        return sorted({int(pid) for folder in self.folders for pid in read(folder + "/cgroup.procs").split()})

    def kill(self):
        """All of it at once where the kernel can, else one after the other until nobody is left."""
        v2 = [folder for folder in self.folders if os.path.exists(folder + "/cgroup.kill")]
        if v2:
            with open(v2[0] + "/cgroup.kill", "w") as file:
                file.write("1")
            return
        for _ in range(20):
            pids = self.procs()
            for pid in pids:
                kill(pid)
            if not pids:
                return

    def frozen(self):
        for folder in self.folders:
            state = read(folder + "/freezer.state").strip()
            if state:
                return state != "THAWED"
        return any("frozen 1" in read(folder + "/cgroup.events") for folder in self.folders)

    def thaw(self):
        for folder in self.folders:
            write_where_it_is(folder, {"freezer.state": "THAWED", "cgroup.freeze": "0"})

    def remove(self):
        for folder in self.folders:
            for root, _, _ in os.walk(folder, topdown=False):
                try:
                    os.rmdir(root)
                except OSError:
                    pass


def remove_cgroups(pattern, names, patience=5):
    """Removes the trees below each top that fits, once their processes have ended."""
    tops = [top for mount in hierarchies(names) for top in glob.glob(f"{mount}/{pattern}")]
    for top in tops:
        wait_until(lambda: removed(top), patience, 0.05)
        if os.path.isdir(top):
            raise RuntimeError(f"{top} still has processes")


def removed(top):
    for folder, _, _ in os.walk(top, topdown=False):
        try:
            os.rmdir(folder)
        except OSError:
            return False
    return True
