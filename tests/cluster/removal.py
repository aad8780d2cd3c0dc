"""Removes a cluster from what its folder says of it, whoever started it and however that ended."""
import json
import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

from lab.cgroups import hierarchies, removed, write_where_it_is
from lab.processes import kill, read, wait_until

from .children import kill_marked

CONTROLLERS = ["cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids", "systemd", "unified"]


def remove(folder):
    mark = read(f"{folder}/mark")
    if mark:
        kill_marked(mark)
    made = json.loads(read(f"{folder}/made.json") or "{}")
    for path in made.get("cgroups", []):
        end_cgroup(path)
    for link in made.get("links", []):
        subprocess.run(["ip", "link", "delete", link], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for point in made.get("folders", []):  # the mount points of what was in the node's namespace; somebody may use one now
        with suppress(OSError):
            os.rmdir(point)
    if Path(folder).exists():
        shutil.rmtree(folder)


def end_cgroup(path, patience=10):
    """The processes of the containers, whose shims have been killed, and the whole tree in every hierarchy."""
    tops = [mount + path for mount in hierarchies(CONTROLLERS)]

    def emptied():
        for top in tops:
            for folder, _, _ in os.walk(top):
                write_where_it_is(folder, {"freezer.state": "THAWED", "cgroup.freeze": "0"})
                for pid in read(folder + "/cgroup.procs").split():
                    kill(int(pid))
        return all([removed(top) for top in tops])
    if wait_until(emptied, patience, 0.05) is None:
        raise RuntimeError(f"{path} still has processes")
