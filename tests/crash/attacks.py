"""The attacks of the crash tests: how each is asked for, and how one sees that it ended in time. ended() looks at once
and says when the effect was gone; later() looks at what may come after. Both say what is wrong, or ""."""
import os
import signal
import subprocess
import time

from lab import (DELAY, PORT, Reconnector, Respawner, ask_own_resolver, must_become, now, read, start, stop,
                 wait_until)
from lab.traces import burners

SLACK = 0.05  # of the observer, who shares the machine


def state(pid):
    return read(f"/proc/{pid}/stat").rpartition(") ")[2][:1]


class Attack:
    type, args, length, limit = "", {}, 0.5, 0.1
    name = ""  # in what is printed; "" is the type
    alike = False  # its mechanism is another one's, a table and a queue or a load child: see --alike

    def experiment(self, lab):
        return {"name": "crash " + self.type, "target": lab.target(), "baseline": "100ms", "recovery": "100ms",
                "attack": {"type": self.type, "args": self.args, "length": f"{int(self.length * 1000)}ms"}}

    def before(self, lab):
        pass

    def ended(self, lab, killed):
        return ""

    def later(self, lab, killed):
        return ""

    def after(self, lab):
        pass


class Latency(Attack):
    type, args = "latency", {"delay": f"{int(DELAY * 1000)}ms", "port": PORT, "protocol": "udp"}

    def before(self, lab):
        lab.open_stream()

    def later(self, lab, killed):
        return lab.stream.untouched(killed + self.limit, killed + self.limit + 0.2)


class PacketLoss(Latency):
    type, args = "packet_loss", {"percent": 100, "port": PORT, "protocol": "udp"}


class Corrupt(Latency):
    alike = True
    type, args = "corrupt", {"percent": 100, "port": PORT, "protocol": "udp"}


class Duplicate(Latency):
    alike = True
    type, args = "duplicate", {"percent": 100, "port": PORT, "protocol": "udp"}


class Reorder(Latency):
    alike = True
    type, args = "reorder", {"percent": 90, "delay": f"{int(DELAY * 1000)}ms", "port": PORT, "protocol": "udp"}


class Bandwidth(Latency):
    alike = True
    type, args = "bandwidth", {"rate": "8kbit", "burst": "100", "limit": "100kb", "port": PORT, "protocol": "udp"}


class Blackhole(Latency):
    alike = True
    type, args = "blackhole", {"port": PORT}


class Partition(Latency):
    alike = True
    type = "partition"

    def before(self, lab):
        super().before(lab)
        self.args = {"peer": {"type": "container", "cgroup": lab.stream_cgroup.path}}


class Dns(Latency):
    alike = True
    type, args = "dns", {}

    def later(self, lab, killed):
        time.sleep(max(0.0, killed + self.limit - now()))
        seen = ask_own_resolver(lab, "www.example")
        return "" if seen == "0" else f"100 ms after the kill a question has {seen} for an answer"


class Reset(Attack):
    type, args = "reset", {"port": PORT, "interval": "100ms"}

    def before(self, lab):
        self.client = Reconnector(lab)

    def later(self, lab, killed):
        time.sleep(max(0.0, killed + 0.45 - now()))
        late = [at - killed for at in self.client.resets if at > killed + self.limit + SLACK]
        return f"{len(late)} resets later than 100 ms, the last after {late[-1] * 1e3:.0f} ms" if late else ""

    def after(self, lab):
        self.client.stop()


class Pause(Attack):
    type, limit = "pause", 1.0

    def ended(self, lab, killed):
        at = wait_until(lambda: not lab.victim_cgroup.frozen(), 5)
        late = at is None or at > killed + self.limit + SLACK
        return f"still frozen {self.limit} s after the kill" if late else ""

    def later(self, lab, killed):
        time.sleep(max(0.0, killed + 0.15 - now()))
        return "frozen anew" if lab.victim_cgroup.frozen() else ""


class Cpu(Attack):
    type, args = "cpu", {"cores": 1, "percent": 30}

    def ended(self, lab, killed):
        at = wait_until(lambda: not burners(lab), 5)
        late = at is None or at > killed + self.limit + SLACK
        return f"a burner runs {self.limit} s after the kill" if late else ""

    def later(self, lab, killed):
        time.sleep(max(0.0, killed + 0.15 - now()))
        return "a burner came later" if burners(lab) else ""


class Taken(Cpu):
    """Of the victim's account in `files`, all must be given back."""
    files, slack = (), 0

    def used(self, lab):
        return next((int(read(f"{folder}/{name}")) for name in self.files for folder in lab.victim_cgroup.folders
                     if os.path.exists(f"{folder}/{name}")), 0)

    def before(self, lab):
        self.began = self.used(lab)

    def given_back(self, lab):
        return self.used(lab) <= self.began + self.slack

    def ended(self, lab, killed):
        at = wait_until(lambda: self.given_back(lab), 5)
        late = at is None or at > killed + self.limit + SLACK
        return f"{self.used(lab) - self.began} not given back {self.limit} s after the kill" if late else ""


class Memory(Taken):
    type, args, limit = "memory", {"mb": 64}, 0.5
    files, slack = ("memory.usage_in_bytes", "memory.current"), 4 << 20


class ProcessExhaustion(Taken):
    type, args, limit = "process_exhaustion", {"processes": 200}, 0.5
    files, slack = ("pids.current",), 1  # its own, until whoever inherits the dead load has waited for it


class Disk(Taken):
    type, limit = "disk", 0.5

    def before(self, lab):
        self.args = {"dir": lab.disk, "bytes": 64 << 20}
        super().before(lab)

    def used(self, lab):
        system = os.statvfs(lab.disk)
        return (system.f_blocks - system.f_bfree) * system.f_frsize


class Io(Cpu):
    type, args, limit = "io", {"dir": "/var/tmp"}, 0.5

    def ended(self, lab, killed):
        at = wait_until(lambda: not [pid for pid, argv in lab.ordeal_processes() if "--load" in argv], 5)
        late = at is None or at > killed + self.limit + SLACK
        return f"it reads and writes {self.limit} s after the kill" if late else ""


class ProcessKiller(Attack):
    type, args = "process_killer", {"process": "sleep", "exact": True, "interval": "100ms"}

    def before(self, lab):
        self.respawner = Respawner(lab.victim)

    def later(self, lab, killed):
        time.sleep(max(0.0, killed + 0.45 - now()))
        late = [at - killed for at in self.respawner.deaths if at > killed + self.limit + SLACK]
        return f"{len(late)} kills later than 100 ms, the last after {late[-1] * 1e3:.0f} ms" if late else ""

    def after(self, lab):
        self.respawner.stop()


class ProcessStopper(Attack):
    """The killer that stops instead: what it stopped goes on."""
    type, limit, name = "process_killer", 1.0, "process_killer stop"
    args = {"process": "sleep", "exact": True, "signal": "stop", "interval": "100ms"}

    def before(self, lab):
        """One that somebody else stopped is beside it, and stays so."""
        self.theirs = start(["sleep", "600"], [lab.victim_cgroup], stdout=subprocess.DEVNULL)
        must_become("another sleep", lambda: read(f"/proc/{self.theirs.pid}/comm").strip() == "sleep")
        self.theirs.send_signal(signal.SIGSTOP)
        must_become("it is stopped", lambda: state(self.theirs.pid) == "T")

    def after(self, lab):
        stop(self.theirs, signal.SIGKILL)

    def stopped(self, lab):
        return state(lab.victim.idle.pid) == "T"

    def ended(self, lab, killed):
        at = wait_until(lambda: not self.stopped(lab), 5)
        late = at is None or at > killed + self.limit + SLACK
        return f"still stopped {self.limit} s after the kill" if late else ""

    def later(self, lab, killed):
        time.sleep(max(0.0, killed + 0.25 - now()))
        if state(self.theirs.pid) != "T":
            return "what somebody else had stopped goes on"
        return "stopped anew" if self.stopped(lab) else ""


class Shutdown(Attack):
    type, args, length = "shutdown", {"delay": "250ms"}, 0.25

    def ended(self, lab, killed):
        time.sleep(max(0.0, killed + self.limit + SLACK - now()))
        self.soon = lab.victim.alive()
        return ""

    def later(self, lab, killed):
        time.sleep(max(0.0, killed + 0.5 - now()))
        return "the victim was killed later than 100 ms" if lab.victim.alive() != self.soon else ""


# Another way of one of those below, for what looks at each way.
WAYS = [ProcessStopper]
ALL = [Latency, PacketLoss, Bandwidth, Corrupt, Duplicate, Reorder, Blackhole, Partition, Dns, Reset, Cpu, Memory,
       ProcessExhaustion, Disk, Io, Pause, ProcessKiller, Shutdown]
# One load child is ended as another: the short tests draw fewer of these, and of Memory for all. The soaks draw all.
for each in (Cpu, Memory, ProcessExhaustion, Disk, Io):
    each.alike = True
KINDS = [attack for attack in ALL if attack in (Cpu, Memory) or not attack.alike]
BY_NAME = {attack.type: attack for attack in ALL}
