"""One run of Ordeal."""
import itertools
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import tempfile

from .processes import kill, now, read, start, wait_until


class Run:
    """One `ordeal run` with a state folder of its own."""
    numbers = itertools.count()

    def __init__(self, lab, experiment, failpoint=None, wrap=(), flags=(), state=None, netns=None):
        self.lab = lab
        self.state = state or tempfile.mkdtemp(prefix="state-", dir=lab.folder)
        self.base = f"{self.state}.{next(self.numbers)}"
        self.file = self.base + ".json"
        with open(self.file, "w") as file:
            json.dump(experiment, file)
        self.log = open(self.base + ".log", "w+")
        environment = dict(os.environ, **({"ORDEAL_FAILPOINT": failpoint} if failpoint else {}))
        self.started = now()
        self.process = start([*wrap, lab.ordeal, "run", self.file, "--json", "--state-dir", self.state, *flags],
                             [lab.engine_cgroup], netns, stdout=self.log, stderr=subprocess.STDOUT, env=environment)

    @property
    def engine(self):
        return self.process.pid

    def helper(self, role):
        """The pid of the run's guard or reaper, or None."""
        for pid, argv in self.lab.ordeal_processes():
            if "--" + role in argv and self.state in argv:
                return pid
        return None

    def guard(self):
        for pid in map(int, read(f"/proc/{self.engine}/task/{self.engine}/children").split()):
            if "--guard" in read(f"/proc/{pid}/cmdline").split("\0"):
                return pid
        return self.helper("guard")

    def reaper(self):
        return self.helper("reaper")

    def text(self):
        return read(self.log.name)

    def events(self):
        events = []
        for line in self.text().splitlines():
            try:
                events.append(json.loads(line))
            except ValueError:
                pass
        return [event for event in events if isinstance(event, dict) and "type" in event]

    def event(self, kind, **data):
        for event in self.events():
            if event["type"] == kind and all(event["data"].get(k) == v for k, v in data.items()):
                return event
        return None

    def injected(self):
        return '"type":"inject"' in self.text()

    def wait_injected(self, limit=10):
        wait_until(lambda: self.injected() or self.process.poll() is not None, limit)
        if not self.injected():
            raise RuntimeError("the attack did not come into force: " + self.text()[-2000:])

    def in_force_at(self, at):
        begin, end = self.event("inject"), self.event("reverted")
        return bool(begin) and begin["boot_ns"] / 1e9 <= at and (not end or end["boot_ns"] / 1e9 >= at)

    def ids(self):
        try:
            with sqlite3.connect(f"file:{self.state}/runs.sqlite?mode=ro", uri=True) as base:
                return [row[0] for row in base.execute("select id from run")]
        except sqlite3.Error:
            return []

    def wait(self, limit=15):
        try:
            return self.process.wait(limit)
        except subprocess.TimeoutExpired:
            return None

    def end(self):
        """Whatever still lives of it is killed. Only for the end of a test."""
        for pid in (self.guard(), self.reaper()):
            if pid:
                kill(pid, signal.SIGCONT)
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()
        wait_until(lambda: not self.lab.processes_of(self.state), 3)
        for pid in self.lab.processes_of(self.state):
            kill(pid)
        self.log.close()

    def forget(self):
        shutil.rmtree(self.state, ignore_errors=True)
        for ending in (".json", ".log"):
            if os.path.exists(self.base + ending):
                os.unlink(self.base + ending)
