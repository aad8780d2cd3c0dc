"""A victim in a network namespace and cgroups of its own, a client beside it, and runs of `ordeal` in a cgroup of their
own. Nothing outside of what it makes is touched, and close() removes all of it."""
import os
import shutil
import subprocess
import tempfile
import time

from .cgroups import Cgroup, hierarchies
from .processes import kill, read, start, tool, wait_until
from .victim import CLIENT_ADDRESS, VICTIM_ADDRESS, Stream, Victim


class Lab:
    def __init__(self, build):
        self.ordeal, self.guard = f"{build}/ordeal", f"{build}/ordeal-guard"
        self.echo, self.probe = f"{build}/bin/net_echo", f"{build}/bin/stream_probe"
        name = f"crash{os.getpid()}"
        self.name = name
        self.folder = tempfile.mkdtemp(prefix=name + "-")
        self.victim_ns, self.client_ns = name + "v", name + "c"
        self.make_network()
        self.victim_cgroup = Cgroup(f"/{name}/victim", ["unified", "freezer", "cpu", "cpuacct", "memory", "pids"])
        self.victim_cgroup.prefer()
        self.stream_cgroup = Cgroup(f"/{name}/stream", ["unified", "cpu", "cpuacct"])  # it measures the victim, not the host
        self.engine_cgroup = Cgroup(f"/{name}/engine", ["unified", "systemd"])
        self.victim = Victim(self, self.victim_cgroup)
        self.stream = None
        self.disk = f"{self.folder}/disk"  # a tmpfs that nobody else writes to
        os.mkdir(self.disk)
        tool("mount", "-t", "tmpfs", "-o", "size=256m", "none", self.disk)

    def make_network(self):
        for namespace in (self.victim_ns, self.client_ns):
            tool("ip", "netns", "add", namespace)
            tool("ip", "-n", namespace, "link", "set", "lo", "up")
        tool("ip", "-n", self.victim_ns, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns",
             self.client_ns)
        for namespace, address in ((self.victim_ns, VICTIM_ADDRESS), (self.client_ns, CLIENT_ADDRESS)):
            tool("ip", "-n", namespace, "address", "add", address + "/24", "dev", "eth0")
            tool("ip", "-n", namespace, "link", "set", "eth0", "up")
        for namespace in (self.victim_ns, self.client_ns):  # what is sent before is dropped in silence
            if wait_until(lambda: "state UP" in tool("ip", "-n", namespace, "-o", "link", "show", "dev", "eth0"), 10) is None:
                raise RuntimeError(f"eth0 of {namespace} did not come up within 10 s")

    def inside(self, *argv, check=True):
        """A tool in the victim's network namespace; `ip netns exec` would mount another /sys."""
        return tool("nsenter", f"--net=/run/netns/{self.victim_ns}", "--", *argv, check=check)

    def as_victim(self, *argv):
        """The same by a process of the victim: while a run lasts a stranger who stays in the namespace ends it."""
        with start(argv, [self.victim_cgroup], self.victim_ns, stdout=subprocess.PIPE, text=True) as process:
            return process.stdout.read()

    def target(self):
        return {"type": "container", "cgroup": self.victim_cgroup.path}

    def ordeal_processes(self):
        """(pid, argv) of every process that runs the programs under test."""
        found = []
        for entry in os.listdir("/proc"):
            if not entry.isdigit():
                continue
            try:
                exe = os.readlink(f"/proc/{entry}/exe")
            except OSError:
                continue
            if exe.split(" ")[0] in (self.ordeal, self.guard):
                found.append((int(entry), read(f"/proc/{entry}/cmdline").split("\0")))
        return found

    def processes_of(self, state):
        return [pid for pid, argv in self.ordeal_processes() if state in argv]

    def command(self, *argv, **options):
        return subprocess.run([self.ordeal, *argv], stdin=subprocess.DEVNULL, capture_output=True, text=True, **options)

    def open_stream(self):
        if self.stream is None:
            self.stream = Stream(self)
            time.sleep(0.1)
        return self.stream

    def close_stream(self):
        if self.stream:
            self.stream.stop()
            self.stream = None

    def close(self):
        self.close_stream()
        self.victim.stop()
        for cgroup in (self.victim_cgroup, self.stream_cgroup, self.engine_cgroup):
            for pid in cgroup.procs():
                kill(pid)
            wait_until(lambda: not cgroup.procs(), 2)
            cgroup.remove()
        for mount in hierarchies(["unified", "freezer", "cpu", "cpuacct", "systemd", "memory", "pids"]):
            if os.path.isdir(f"{mount}/{self.name}"):
                os.rmdir(f"{mount}/{self.name}")
        for namespace in (self.victim_ns, self.client_ns):
            tool("ip", "netns", "del", namespace, check=False)
        tool("umount", self.disk, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)
