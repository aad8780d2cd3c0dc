"""One run of ./demo/run in a session of its own, and what it leaves behind."""
import glob
import json
import os
import re
import shutil
import sqlite3
import subprocess
import tempfile
import uuid
from pathlib import Path

from lab import kill, read, traces, wait_until

DEMO = Path(__file__).parent.parent.parent / "demo/run"
MARK = "ORDEAL_SYSTEM_TEST"  # in the environment of everything that the demo starts


class DemoRun:
    def __init__(self, build, *arguments):
        self.folder = Path(tempfile.mkdtemp(prefix="system-"))
        self.temporary, self.reports = self.folder / "tmp", self.folder / "reports"
        self.temporary.mkdir()
        for folder in (self.folder, self.temporary):
            folder.chmod(0o711)  # the demo's database runs as another user
        self.mark = f"{MARK}={uuid.uuid4()}"
        self.mounts = namespace_mounts()
        self.log = open(self.folder / "log", "w+")
        environment = dict(os.environ, ORDEAL_BUILD=build, TMPDIR=str(self.temporary))
        environment[MARK] = self.mark.split("=")[1]
        self.process = subprocess.Popen([str(DEMO), "--reports", str(self.reports), *arguments], env=environment,
                                        stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT,
                                        start_new_session=True)
        self.cgroup = f"shop-demo-{self.process.pid}"  # demo/run becomes demo.py

    def wait(self, limit):
        """Its exit code, or None when it did not end in time."""
        try:
            return self.process.wait(limit)
        except subprocess.TimeoutExpired:
            return None

    def text(self):
        return read(self.log.name)

    def events(self):
        """Of all its experiments, in order."""
        try:
            with sqlite3.connect(f"file:{self.reports}/state/runs.sqlite?mode=ro", uri=True) as base:
                return [json.loads(row[0]) for row in base.execute("SELECT json FROM event ORDER BY run, seq")]
        except sqlite3.Error:
            return []

    def of_type(self, kind):
        return [event for event in self.events() if event["type"] == kind]

    def processes(self):
        return [int(pid) for pid in os.listdir("/proc")
                if pid.isdigit() and self.mark in read_environment(pid)]

    def left_behind(self):
        left = [f"process {pid} {read(f'/proc/{pid}/cmdline')}" for pid in self.processes()]
        left += ["cgroup " + path for path in glob.glob(f"/sys/fs/cgroup/**/{self.cgroup}", recursive=True)]
        ids = {event["run"] for event in self.events()}
        left += ["cgroup " + path for path in traces.run_cgroups(ids)] if ids else []
        left += ["namespace held by " + mount for mount in namespace_mounts() if mount not in self.mounts]
        left += ["mount " + line for line in read("/proc/self/mountinfo").splitlines() if str(self.folder) in line]
        left += ["file " + str(path) for path in self.temporary.iterdir()]
        return left + traces.files_left(str(self.reports / "state"))

    def close(self):
        """Whatever still lives of it is killed."""
        for _ in range(20):
            pids = self.processes()
            for pid in pids:
                kill(pid)
            if not pids:
                break
        wait_until(lambda: not self.processes(), 3)
        self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def namespace_mounts():
    """Files that keep a namespace alive without a process, but for those of the labs that run beside this one."""
    mounts = [line.split()[4] for line in read("/proc/self/mountinfo").splitlines() if " - nsfs " in line]
    labs = [re.fullmatch(r"/run/netns/crash(\d+)[vc]", mount) for mount in mounts]
    return [mount for mount, lab in zip(mounts, labs) if not lab or not os.path.exists(f"/proc/{lab[1]}")]


def read_environment(pid):
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return file.read().decode(errors="replace")
    except OSError:
        return ""
