"""What is attacked, and what looks at it from outside."""
import subprocess
import threading
import time

from .processes import kill, now, read, start, wait_until

VICTIM_ADDRESS, CLIENT_ADDRESS, PORT = "10.197.0.2", "10.197.0.1", 7000
NORMAL = 0.1  # seconds; a round trip below it is not delayed by DELAY
DELAY = 0.2


class Victim:
    """An echo server, the first process of its container, and one that idles and may be killed."""

    def __init__(self, lab, cgroup):
        self.lab, self.cgroup = lab, cgroup
        self.wrap = []  # how both are started: ["setpriv", "--reuid=1000", …]
        self.echo = self.idle = None

    def ensure(self):
        if self.echo is None or self.echo.poll() is not None:
            self.stop()
            self.echo = start([*self.wrap, self.lab.echo, "0.0.0.0", str(PORT)], [self.cgroup], self.lab.victim_ns,
                              stdout=subprocess.PIPE)
            self.echo.stdout.readline()
        if self.idle is None or self.idle.poll() is not None:
            self.start_idle()

    def start_idle(self):
        self.idle = start([*self.wrap, "sleep", "100000"], [self.cgroup], self.lab.victim_ns)
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


TWICE = float("inf")  # instead of the round trip, of what was answered more than once


class Reconnector:
    """A TCP connection to the victim that is made again whenever it is reset, and when that was."""

    PROGRAM = f"""
import socket, time
while True:
    try:
        peer = socket.create_connection(("{VICTIM_ADDRESS}", {PORT}), timeout=5)
        while peer.recv(1):
            pass
    except ConnectionResetError:
        print(time.clock_gettime(time.CLOCK_BOOTTIME), flush=True)
    except OSError:
        time.sleep(0.01)"""

    def __init__(self, lab):
        self.resets = []
        self.process = start(["python3", "-c", self.PROGRAM], [lab.stream_cgroup], lab.client_ns, stdout=subprocess.PIPE,
                             text=True)
        self.thread = threading.Thread(target=self.work)
        self.thread.start()

    def work(self):
        for line in self.process.stdout:
            self.resets.append(float(line))

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.thread.join()
        self.process.stdout.close()


class Stream:
    """Round trips to the victim as they come, 200 a second."""

    RATE = 200

    def __init__(self, lab):
        self.answers = {}
        self.process = start([lab.probe, VICTIM_ADDRESS, str(PORT), str(self.RATE)], [lab.stream_cgroup], lab.client_ns,
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.begin = int(self.process.stdout.readline().split()[1]) / 1e9
        self.thread = threading.Thread(target=self.work)
        self.thread.start()

    def work(self):
        for line in self.process.stdout:
            number, _, took = line.split()
            self.answers[int(number)] = TWICE if int(number) in self.answers else int(took) / 1e9

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
        what = "lost" if took is None else "twice" if took == TWICE else f"{took * 1e3:.0f} ms"
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
