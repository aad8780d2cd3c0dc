#!/usr/bin/env python3
"""A copy of this machine to install things on: an overlay over / in memory, with processes of its own, gone with its
first process.

    machine.py [--network] PROGRAM ARGUMENT…     runs it there as root; without --network with a loopback device alone

Needs root, overlayfs and tmpfs. The kernel and its cgroups are the machine's own: what a test makes there it removes."""
import ctypes
import os
import stat
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

UPPER, LOWER = 9, 10  # descriptors: the folder of what was changed, and the root of the machine that is copied
INSIDE = "ORDEAL_MACHINE"
CLONE_NEWNET = 0x40000000


def mount(*words):
    subprocess.run(["mount", *words], check=True)


def build(folder):
    """The mounts; returns the root."""
    mount("--make-rprivate", "/")
    mount("-t", "tmpfs", "-o", "size=4g", "tmpfs", folder)
    for name in ("upper", "work", "root"):
        os.mkdir(f"{folder}/{name}")
    root = folder + "/root"
    mount("-t", "overlay", "overlay", "-o", f"lowerdir=/,upperdir={folder}/upper,workdir={folder}/work", root)
    mount("--rbind", "/dev", root + "/dev")
    mount("--rbind", "/sys", root + "/sys")
    mount("-t", "proc", "proc", root + "/proc")
    for name in ("run", "tmp"):
        mount("-t", "tmpfs", "tmpfs", f"{root}/{name}")
    os.chmod(root + "/tmp", 0o1777)
    subprocess.run(["rm", "-rf", root + "/var/lib/ordeal", root + "/etc/ordeal"], check=True)  # of the copied machine
    return root


def enter(argv):
    """In namespaces of our own: makes the machine and becomes argv in it."""
    folder = "/mnt"  # of the namespace alone
    root = build(folder)
    os.dup2(os.open(folder + "/upper", os.O_RDONLY | os.O_DIRECTORY), UPPER, inheritable=True)
    os.dup2(os.open("/", os.O_RDONLY | os.O_DIRECTORY), LOWER, inheritable=True)
    os.chroot(root)
    os.chdir("/tmp")
    # Daemons must not start on installation.
    Path("/usr/sbin/policy-rc.d").write_text("#!/bin/sh\nexit 101\n")
    os.chmod("/usr/sbin/policy-rc.d", 0o755)
    os.environ.update({INSIDE: "1", "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"})
    os.execvp(argv[0], argv)


def leave_network():
    """From here on this process and its children have a loopback device alone."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def exists_below(path):
    """Whether the machine that this is a copy of has it."""
    try:
        os.stat(path.lstrip("/"), dir_fd=LOWER, follow_symlinks=False)
        return True
    except OSError:
        return False


def changes(ignored=()):
    """(created, gone): paths that this machine has and the copied one has not, and the other way round. What lies below one
    that is `ignored` is left out."""
    created, gone = set(), set()

    def walk(folder, below):
        for entry in os.scandir(folder):
            path = f"{below}/{entry.name}"
            if any(path == one or path.startswith(one + "/") for one in ignored):
                continue
            status = entry.stat(follow_symlinks=False)
            if stat.S_ISCHR(status.st_mode) and status.st_rdev == 0:  # how an overlay says that it is deleted
                gone.add(path)
            elif not exists_below(path):
                created.add(path)
            if entry.is_dir(follow_symlinks=False):
                child = os.open(entry.name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
                walk(child, path)
                os.close(child)

    walk(UPPER, "")
    return created, gone


def main():
    from lab.isolation import isolated

    if sys.argv[1] == "--enter":
        return enter(sys.argv[2:])
    if os.geteuid() != 0:
        print("needs root")
        return 77
    own_network = sys.argv[1] != "--network"
    argv = sys.argv[1 if own_network else 2:]
    return isolated([sys.executable, "-B", os.path.abspath(__file__), "--enter", *argv], True, own_network)


if __name__ == "__main__":
    sys.exit(main())
