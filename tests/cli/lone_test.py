"""A process that shares its network namespace, alone in a cgroup: its packets are late, and nobody else's. In a network
namespace of the test's own, which this file enters by running itself there."""
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

ORDEAL = os.path.abspath(sys.argv[1])
SERVE = ("import socket, sys; s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); "
         "s.bind(('127.0.0.1', int(sys.argv[1]))); s.listen(64); print(flush=True)\n"
         "while True:\n c, _ = s.accept(); c.recv(9); c.sendall(b'y'); c.close()\n")


def unified():
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, after = line.split(" - ")
        if after.split()[0] == "cgroup2":
            return Path(before.split()[4])
    return None


def took(port):
    import socket
    begin = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(b"x")
        connection.recv(9)
    return time.monotonic() - begin


@unittest.skipIf(os.geteuid() != 0 or unified() is None, "needs root and cgroups of version 2")
class Lone(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.cgroup = unified() / f"ordeal-lone-{os.getpid()}"
        self.cgroup.mkdir()
        self.addCleanup(self.remove)
        self.children = []
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)

    def remove(self):
        for child in self.children:
            child.kill()
            child.wait()
        for _ in range(50):
            try:
                return self.cgroup.rmdir()
            except OSError:
                time.sleep(0.05)
        self.cgroup.rmdir()

    def start(self, *argv, inside=False):
        # Its sockets are of the cgroup in which it makes them.
        enter = (lambda: (self.cgroup / "cgroup.procs").write_text("0")) if inside else None
        child = subprocess.Popen(argv, stdout=subprocess.PIPE, preexec_fn=enter)
        self.children.append(child)
        return child

    def server(self, port, inside=False):
        child = self.start(sys.executable, "-c", SERVE, str(port), inside=inside)
        child.stdout.readline()
        return child

    def experiment(self):
        path = self.folder / "e.yaml"
        path.write_text(json.dumps({
            "name": "lone", "target": {"type": "process", "pattern": " 9101$"}, "length": "5s", "baseline": "500ms",
            "attack": {"type": "latency", "args": {"delay": "150ms", "device": "lo"}}, "recovery": "3s", "min_events": 5,
            "expect": [{"name": "it answers", "probe": {"tcp": "127.0.0.1:9101"}, "condition": "result < 5"}]}))
        return [str(path), "--state-dir", str(self.folder / "state")]

    def run_ordeal(self, command, *words):
        return subprocess.run([ORDEAL, command, *self.experiment(), *words], capture_output=True, text=True, timeout=60)

    def test_its_packets_are_late_and_nobody_elses(self):
        victim = self.server(9101, inside=True)
        self.server(9102)
        plan = self.run_ordeal("plan")
        self.assertEqual(plan.returncode, 0, plan)
        self.assertIn(f"it is alone in its cgroup /{self.cgroup.name}", plan.stdout)
        done = []
        runner = threading.Thread(target=lambda: done.append(self.run_ordeal("run", "--json")))
        runner.start()
        late, others = [], []
        while runner.is_alive():
            late.append(took(9101))
            others.append(took(9102))
            time.sleep(0.05)
        events = [json.loads(line) for line in done[0].stdout.splitlines()]
        self.assertEqual((done[0].returncode, events[-1]["data"]["outcome"]), (0, "held"), done[0].stderr + str(events[-1]))
        self.assertGreater(max(late), 0.3, "a connection and an answer, each 150 ms late")
        self.assertLess(max(others), 0.14)
        self.assertIsNone(victim.poll())

    def test_whoever_joins_its_cgroup_ends_it_and_refuses_the_next(self):
        self.server(9101, inside=True)
        done = []
        runner = threading.Thread(target=lambda: done.append(self.run_ordeal("run", "--json")))
        runner.start()
        time.sleep(2.5)
        joined = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        self.start("/bin/sleep", "60", inside=True)
        runner.join()
        events = [json.loads(line) for line in done[0].stdout.splitlines()]
        reverted = next(event["data"] for event in events if event["type"] == "reverted")
        self.assertIn("does not belong to the victim", reverted["why"])
        self.assertEqual(reverted["result"], "clean")
        self.assertLess(reverted["reverted_boot_ns"] - joined, 500e6)
        self.assertNotEqual(events[-1]["data"]["outcome"], "held")
        plan = self.run_ordeal("plan")
        self.assertEqual(plan.returncode, 3, plan)
        self.assertIn(f"others are in its cgroup /{self.cgroup.name}, too: sleep", plan.stdout)


if __name__ == "__main__":
    if os.geteuid() == 0 and "--inside" not in sys.argv:
        os.execvp("unshare", ["unshare", "-n", sys.executable, "-B", __file__, ORDEAL, "--inside"])
    unittest.main(argv=sys.argv[:1])
