"""Where the programs of a cluster are: those that `build` made, in its cache, and Debian's on PATH."""
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
CONTROL_PLANE = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"]
DEBIAN = {"containerd": "containerd", "ctr": "containerd", "runc": "runc", "host-local": "containernetworking-plugins",
          "busybox": "busybox-static", "openssl": "openssl", "ip": "iproute2", "tc": "iproute2", "nsenter": "util-linux",
          "iptables-legacy": "iptables", "ipset": "ipset", "stress-ng": "stress-ng", "prometheus": "prometheus"}


class Absent(RuntimeError):
    """A program is not here; the text is a sentence that says how to get it."""


def cache():
    return subprocess.run([HERE / "build", "--where"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def program(name):
    """Its path; raises Absent."""
    if name in DEBIAN:
        found = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/lib/cni")
        if not found:
            raise Absent(f"{name} is not installed: apt-get install --no-install-recommends {DEBIAN[name]}")
        return found
    path = f"{cache()}/{name}"
    if not os.access(path, os.X_OK):
        raise Absent(f"{path} is not there: tests/cluster/build {name} makes it")
    return path


def skip_without(*names):
    """Ends this program with 77, for a test that has nothing to do without these; `names` beside those of every cluster."""
    try:
        for name in [*CONTROL_PLANE, "openssl", "kwok", *names]:
            program(name)
    except Absent as absent:
        print(f"skipped: {absent}")
        sys.exit(77)
