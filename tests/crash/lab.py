"""The lab of the crash tests: a victim in a network namespace and cgroups of its own, a client beside it, and runs of
`ordeal` in a cgroup of their own. Nothing outside of what it makes is touched, and close() removes all of it.
Times are CLOCK_BOOTTIME in seconds, as in Ordeal's events (boot_ns)."""
import itertools
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import threading
import time

CGROUPS = "/sys/fs/cgroup"
VICTIM_ADDRESS, CLIENT_ADDRESS, PORT = "10.197.0.2", "10.197.0.1", 7000
NORMAL = 0.1  # seconds; a round trip below it is not delayed by DELAY
DELAY = 0.2


def now():
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def wait_until(condition, limit, pause=0.002):
    """The time when it became true, or None."""
    end = now() + limit
    while True:
        if condition():
            return now()
        if now() > end:
            return None
        time.sleep(pause)


def read(path, otherwise=""):
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return otherwise


def tool(*argv, check=True):
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if check and done.returncode != 0:
        raise RuntimeError(f"{' '.join(argv)}: {done.stderr.strip()}")
    return done.stdout


def hierarchies(names):
    """The mount points of those that this machine has; on a host with cgroup version 2 alone there is one for all."""
    if os.path.exists(CGROUPS + "/cgroup.procs"):
        return [CGROUPS]
    return [f"{CGROUPS}/{name}" for name in names if os.path.exists(f"{CGROUPS}/{name}/cgroup.procs")]


class Cgroup:
    """One path in several hierarchies."""

    def __init__(self, path, names):
        self.path, self.names = path, names
        self.folders = [mount + path for mount in hierarchies(names)]
        for folder in self.folders:
            os.makedirs(folder, exist_ok=True)

    def prefer(self):
        """What is in the cgroup above has its share of the CPUs before what else this machine does (compilers, say)."""
        for folder in map(os.path.dirname, self.folders):
            for name, most in (("cpu.shares", "262144"), ("cpu.weight", "10000")):
                if os.path.exists(f"{folder}/{name}"):
                    with open(f"{folder}/{name}", "w") as file:
                        file.write(most)

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
            for name, text in (("freezer.state", "THAWED"), ("cgroup.freeze", "0")):
                if os.path.exists(f"{folder}/{name}"):
                    with open(f"{folder}/{name}", "w") as file:
                        file.write(text)

    def remove(self):
        for folder in self.folders:
            for root, folders, _ in os.walk(folder, topdown=False):
                try:
                    os.rmdir(root)
                except OSError:
                    pass


def kill(pid, number=signal.SIGKILL):
    try:
        os.kill(pid, number)
        return True
    except ProcessLookupError:
        return False


def start(argv, cgroups=(), netns=None, **options):
    """Starts a program that is in its cgroups and its network namespace from its first instruction on."""
    folders = [folder + "/cgroup.procs" for cgroup in cgroups for folder in cgroup.folders]
    enter = ["nsenter", f"--net=/run/netns/{netns}", "--"] if netns else []
    script = 'n=$1; shift; while [ $n -gt 0 ]; do echo $$ > "$1" || exit 99; shift; n=$((n-1)); done; exec "$@"'
    options.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.Popen(["sh", "-c", script, "sh", str(len(folders)), *folders, *enter, *argv], **options)


class Victim:
    """An echo server, the first process of its container, and one that idles and may be killed."""

    def __init__(self, lab, cgroup):
        self.lab, self.cgroup = lab, cgroup
        self.echo = self.idle = None

    def ensure(self):
        if self.echo is None or self.echo.poll() is not None:
            self.stop()
            self.echo = start([self.lab.echo, "0.0.0.0", str(PORT)], [self.cgroup], self.lab.victim_ns,
                              stdout=subprocess.PIPE)
            self.echo.stdout.readline()
        if self.idle is None or self.idle.poll() is not None:
            self.start_idle()

    def start_idle(self):
        self.idle = start(["sleep", "100000"], [self.cgroup], self.lab.victim_ns)
        path = f"/proc/{self.idle.pid}/comm"
        wait_until(lambda: read(path).strip() == "sleep", 2, 0.001)

    def pids(self):
        return [process.pid for process in (self.echo, self.idle) if process]

    def alive(self):
        return [process.poll() is None for process in (self.echo, self.idle)]

    def stop(self):
        self.cgroup.thaw()  # what is frozen does not die in version 1
        for process in (self.echo, self.idle):
            if process:
                process.kill()
                process.wait()
        if self.echo:
            self.echo.stdout.close()
        self.echo = self.idle = None


class Respawner:
    """Starts the idle process again whenever it dies, and notes when it died."""

    def __init__(self, victim):
        self.victim, self.deaths, self.stopping = victim, [], False
        self.thread = threading.Thread(target=self.work)
        self.thread.start()

    def work(self):
        while True:
            self.victim.idle.wait()
            if self.stopping:
                return
            self.deaths.append(now())
            self.victim.start_idle()

    def stop(self):
        self.stopping = True
        kill(self.victim.idle.pid)
        self.thread.join()
        self.victim.start_idle()


class Stream:
    """Round trips to the victim as they come, 200 a second."""

    RATE = 200

    def __init__(self, lab):
        self.answers = {}
        self.process = start([lab.probe, VICTIM_ADDRESS, str(PORT), str(self.RATE)], [], lab.client_ns,
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.begin = int(self.process.stdout.readline().split()[1]) / 1e9
        self.thread = threading.Thread(target=self.work)
        self.thread.start()

    def work(self):
        for line in self.process.stdout:
            number, _, took = line.split()
            self.answers[int(number)] = int(took) / 1e9

    def sent_between(self, begin, end):
        """(time when it was sent, round trip or None) of each."""
        first = max(0, int((begin - self.begin) * self.RATE) + 1)
        last = int((end - self.begin) * self.RATE)
        return [(self.begin + n / self.RATE, self.answers.get(n)) for n in range(first, last + 1)]

    def untouched(self, begin, end):
        """What is wrong with the packets sent then, or ""."""
        wait_until(lambda: now() > end + NORMAL, 10)
        bad = [(at, took) for at, took in self.sent_between(begin, end) if took is None or took > NORMAL]
        if not bad:
            return ""
        at, took = bad[-1]
        what = "lost" if took is None else f"{took * 1e3:.0f} ms"
        return f"{len(bad)} packets touched, the last one sent {(at - begin) * 1e3:.0f} ms into the time ({what})"

    def normal_since(self, begin, limit):
        """When traffic became normal after `begin` for good (half a second of it), or None."""
        end = begin + limit + 1
        while now() < end:
            time.sleep(0.02)
            if now() - begin < 0.6:
                continue
            window = self.sent_between(begin, now() - NORMAL)
            bad = [at for at, took in window if took is None or took > NORMAL]
            since = bad[-1] + 1 / self.RATE if bad else begin
            if now() - NORMAL - since > 0.5:
                return since
        return None

    def stop(self):
        self.process.stdin.close()
        self.process.wait()
        self.thread.join()
        self.process.stdout.close()


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


class Lab:
    def __init__(self, build):
        self.ordeal, self.guard = f"{build}/ordeal", f"{build}/ordeal-guard"
        self.echo, self.probe = f"{build}/bin/net_echo", f"{build}/bin/stream_probe"
        name = f"crash{os.getpid()}"
        self.name = name
        self.folder = tempfile.mkdtemp(prefix=name + "-")
        self.victim_ns, self.client_ns = name + "v", name + "c"
        self.make_network()
        self.victim_cgroup = Cgroup(f"/{name}/victim", ["unified", "freezer", "cpu", "cpuacct"])
        self.victim_cgroup.prefer()
        self.engine_cgroup = Cgroup(f"/{name}/engine", ["unified", "systemd"])
        self.victim = Victim(self, self.victim_cgroup)
        self.stream = None

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
        for cgroup in (self.victim_cgroup, self.engine_cgroup):
            for pid in cgroup.procs():
                kill(pid)
            wait_until(lambda: not cgroup.procs(), 2)
            cgroup.remove()
        for mount in hierarchies(["unified", "freezer", "cpu", "cpuacct", "systemd"]):
            if os.path.isdir(f"{mount}/{self.name}"):
                os.rmdir(f"{mount}/{self.name}")
        for namespace in (self.victim_ns, self.client_ns):
            tool("ip", "netns", "del", namespace, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)
