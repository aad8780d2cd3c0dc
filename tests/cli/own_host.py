"""A host of a test's own, as root: namespaces of mounts and of the network, in which /var/lib and /run are empty and the group
`ordeal` is there."""
import grp
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import program

INSIDE = "ORDEAL_TEST_IN_OWN_NAMESPACES"


def enter():
    """This program anew."""
    os.environ[INSIDE] = "1"
    os.execvp("unshare", ["unshare", "-m", "-n", "--propagation", "private", sys.executable, "-B", sys.argv[0], program.ORDEAL])


def make():
    """The folder with what it needs."""
    folder = tempfile.mkdtemp(prefix="ordeal-host-")
    try:
        grp.getgrnam("ordeal")
    except KeyError:
        group = Path(folder, "group")
        group.write_text(Path("/etc/group").read_text() + "ordeal:x:64999:\n")
        subprocess.run(["mount", "--bind", group, "/etc/group"], check=True)
    for place in ("/var/lib", "/run"):
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", place], check=True)
    return folder


def main():
    if os.geteuid() != 0:
        sys.exit(77)
    if INSIDE not in os.environ:
        enter()
    folder = make()
    try:
        program.main()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
