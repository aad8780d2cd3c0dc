"""Whole runs, as root: hostile names, secrets, and outputs that fail while a fault is in force. A process of the test's own
is paused; whatever happens to the output, it goes on afterwards, and the verdict is recorded."""
import contextlib
import glob
import http.client
import json
import os
import pty
import re
import resource
import socket
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

from program import ENVIRONMENT, EVIL, ORDEAL, Case, main
from terminal_test import STEERS

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the lab
from lab.cgroups import Cgroup, remove_cgroups  # noqa: E402

SECRET = "hunt&r2x"
QUOTED = "hunt%26r2x"
MOVES = "\x1b\\[(?:[0-9;]*m|[0-9]+A|K|J)"  # what Ordeal itself does on a terminal
LEAKS = [leak.encode() for leak in (SECRET, QUOTED, "hunt\\u0026r2x", "hunt&amp;r2x")]


class Site(threading.Thread):
    """Answers 200 to whoever asks with the password."""

    def __init__(self):
        super().__init__(daemon=True)
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.start()

    def run(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


class Runs(Case):
    def command(self, *words):
        return [ORDEAL, "run", *words, "--state-dir", self.state]

    def recorded(self):
        """Of the last run; None as long as the record is not made."""
        if not os.path.exists(self.state + "/runs.sqlite"):
            return None
        database = sqlite3.connect(f"file:{self.state}/runs.sqlite?mode=ro", uri=True)
        try:
            if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'run'").fetchone():
                return None
            return database.execute("SELECT verdict, exit FROM run ORDER BY rowid DESC LIMIT 1").fetchone()
        finally:
            database.close()

    def is_stopped(self, pid):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0] in "tT"

    @contextlib.contextmanager
    def unit(self):
        """A systemd unit's cgroup, as systemd would make it."""
        before = {*glob.glob("/sys/fs/cgroup/system.slice"), *glob.glob("/sys/fs/cgroup/*/system.slice")}
        name = f"t-ordeal-{os.getpid()}"
        cgroup = Cgroup(f"/system.slice/{name}.service", ["unified", "freezer", "systemd"])
        try:
            yield name, cgroup
        finally:
            cgroup.thaw()
            cgroup.kill()
            remove_cgroups(f"system.slice/{name}.service", cgroup.names)
            for slice_folder in {os.path.dirname(folder) for folder in cgroup.folders} - before:
                os.rmdir(slice_folder)

    def unit_experiment(self, name, attack):
        return self.file("unit.yaml", f"""
name: unit
target: {{type: systemd, name: {name}}}
attack: {attack}
baseline: 300ms
recovery: 2s
expect: [{{name: beside, probe: {{command: [/bin/true]}}, condition: result == 0}}]
""")

    def test_a_systemd_unit_by_its_name(self):
        """In the plan, the record and the guard it is a unit; what is beside it goes on."""
        inside, beside = self.process("t-inside"), self.process("t-beside")
        with self.unit() as (name, cgroup):
            for folder in cgroup.folders:
                Path(folder, "cgroup.procs").write_text(str(inside.pid))
            file = self.unit_experiment(name, "{type: pause, length: 1s}")
            planned = json.loads(self.run_ordeal("plan", "--json", file).stdout)["victims"][0]["victim"]
            self.assertEqual((planned["kind"], planned["name"], planned["cgroup"]),
                             ("unit", f"{name}.service", f"/system.slice/{name}.service"))
            run = subprocess.Popen(self.command(file), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=ENVIRONMENT)
            frozen = any(cgroup.frozen() or time.sleep(0.02) for _ in range(300))
            output, _ = run.communicate(timeout=30)
            self.assertEqual((run.returncode, frozen, cgroup.frozen()), (0, True, False), output)
            self.assertIsNone(beside.poll())
            self.assertEqual(self.recorded(), ("held", 0))

    def test_a_unit_of_more_processes_than_descriptors(self):
        """A freeze needs no descriptor for each of them; what signals each may have as many as the hard limit allows."""
        count = 1100
        with self.unit() as (name, cgroup):
            def enter():
                for folder in cgroup.folders:
                    Path(folder, "cgroup.procs").write_text("0")
            crowd = subprocess.Popen(["/bin/sh", "-c", f"i=0; while [ $i -lt {count} ]; do sleep 600 & i=$((i+1)); done; "
                                      "echo ready; wait"], stdout=subprocess.PIPE, preexec_fn=enter)
            self.children.append(crowd)
            self.assertEqual(crowd.stdout.readline(), b"ready\n")
            hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
            for attack, limits in (("{type: pause, length: 1s}", (256, 256)),
                                   ("{type: process_killer, length: 1s, args: {process: sleep}}", (256, hard))):
                begin = time.monotonic()
                done = self.run_ordeal("run", self.unit_experiment(name, attack), "--json",
                                       preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, limits))  # noqa: B023
                took = time.monotonic() - begin
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                proof = [json.loads(line)["data"] for line in done.stdout.splitlines() if b'"type":"proof"' in line]
                self.assertGreaterEqual(proof[0]["got"], count, proof)
                self.assertLess(took, 10, attack)

    def assertFree(self, child):
        self.assertIsNone(child.poll())
        self.assertFalse(self.is_stopped(child.pid), "the victim is still stopped")

    def test_hostile_names_in_all_that_is_shown_and_written(self):
        victim = self.process(EVIL, EVIL)
        files = self.experiment(victim.pid, EVIL)
        reports = [word for ending in ("html", "json", "xml", "md") for word in ("--report", f"{self.folder}/r.{ending}")]
        for flags in ([], ["--json"], ["--quiet"]):
            done = subprocess.run(self.command(*files, *flags, *reports), stdin=subprocess.DEVNULL, capture_output=True, timeout=40)
            text = (done.stdout + done.stderr).decode()
            self.assertEqual(done.returncode, 0, text)
            self.assertIsNone(STEERS.search(text), text)
            for path in Path(self.folder).glob("r.*"):
                self.assertIsNone(STEERS.search(path.read_text()), path)
            self.assertFree(victim)

    def on_terminal(self, *words):
        """The exit code, and all that a terminal was sent."""
        ours, theirs = pty.openpty()
        run = subprocess.Popen(self.command(*words), stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs,
                               env={**ENVIRONMENT, "TERM": "xterm"})
        os.close(theirs)
        text = b""
        try:
            while chunk := os.read(ours, 65536):
                text += chunk
        except OSError:  # the end of a terminal
            pass
        os.close(ours)
        return run.wait(20), text.decode()

    def test_three_victims_are_three_impacts(self):
        victims = [self.process(f"api-{i}") for i in range(3)]
        files = self.experiment(victims[0].pid)
        inventory = [{"name": f"api-{i}", "kind": "pod", "pid": victim.pid, "labels": {"app": "shop"}}
                     for i, victim in enumerate(victims)]
        self.file("inventory.yaml", inventory)
        code, text = self.on_terminal(*files, "--report", self.folder + "/r.json")
        self.assertEqual(code, 0, text)
        shown = re.sub(MOVES, "", text).replace("\r", "")
        self.assertRegex(shown, "3 faults in force\n  api-0: .*\n  api-1: .*\n  api-2: .*\n")
        self.assertIn("no fault in force", shown[shown.index("3 faults"):])
        impacts = json.loads(Path(self.folder, "r.json").read_text())["impacts"]
        self.assertEqual([(each["impact"], each["victim"], each["result"]) for each in impacts],
                         [(i, f"api-{i}", "clean") for i in range(3)])
        lines = subprocess.run(self.command(*files, "--json"), stdin=subprocess.DEVNULL, capture_output=True, timeout=40)
        told = [json.loads(line) for line in lines.stdout.splitlines()]
        for kind in ("inject", "reverted"):
            self.assertEqual(sorted(event["data"]["impact"] for event in told if event["type"] == kind), [0, 1, 2], lines)
        log = subprocess.run(self.command(*files), stdin=subprocess.DEVNULL, capture_output=True, timeout=40).stdout.decode()
        for i, victim in enumerate(victims):
            self.assertEqual(log.count(f"fault on: api-{i}"), 1, log)
            self.assertEqual(log.count(f"fault off: api-{i}: removed in"), 1, log)
            self.assertFree(victim)

    def test_a_run_without_expectations_shows_its_impact_while_it_lasts(self):
        victim = self.process("quiet")
        _, text = self.on_terminal(*self.experiment(victim.pid, "quiet", expect=[], length="2s"))
        shown = re.sub(MOVES, "", text).replace("\r", "")
        self.assertGreater(shown.count("1 fault in force\n  quiet: "), 5, shown[-2000:])

    def test_hostile_names_on_a_terminal(self):
        """Movement, erasing and colour are Ordeal's own there, and nothing else."""
        victim = self.process(EVIL, EVIL)
        code, text = self.on_terminal(*self.experiment(victim.pid, EVIL))
        self.assertEqual(code, 0, text)
        shown = re.sub(MOVES, "", text).replace("\r", "")
        self.assertIn("owned", shown)
        self.assertIsNone(STEERS.search(shown), shown[-2000:])

    def test_doctor_in_a_folder_of_a_hostile_name(self):
        self.state = self.folder + "/" + EVIL.replace("/", "_")
        os.makedirs(self.state + "/journal")
        Path(self.state + "/journal/" + EVIL + ".journal").write_text("x")
        self.record(EVIL)
        subprocess.run([ORDEAL, "halt", "--reason", EVIL, "--state-dir", self.state], capture_output=True, timeout=30)
        for flags in ([], ["--json"]):
            done = subprocess.run([ORDEAL, "doctor", *flags, "--state-dir", self.state], capture_output=True, timeout=60)
            text = (done.stdout + done.stderr).decode()
            self.assertIn("owned", text)
            self.assertIsNone(STEERS.search(text), text)

    def test_secrets_are_in_nothing_that_is_kept(self):
        victim, site = self.process("sleeper"), Site()
        url = f"http://me:{QUOTED}@127.0.0.1:{site.port}/?token={QUOTED}"
        files = self.experiment(
            victim.pid, "see " + url, rollback=[{"command": ["/bin/echo", "password=" + SECRET, SECRET]}],
            expect=[{"name": url, "probe": {"http": url}, "condition": "result == 200"},
                    {"name": "gone", "probe": {"http": f"http://me:{QUOTED}@127.0.0.1:1/"}, "condition": "result == 200",
                     "when": "during"},
                    {"name": "c", "probe": {"command": ["/bin/sh", "-c", "echo " + SECRET.replace("&", "\\&") + " >&2; exit 0",
                                                       "--token", SECRET]}, "condition": "result == 0"}])
        reports = [word for ending in ("html", "json", "xml", "md") for word in ("--report", f"{self.folder}/r.{ending}")]
        done = subprocess.run(self.command(*files, "--json", *reports), stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
        self.assertIn(b'"verdict"', done.stdout, done)
        for leak in LEAKS:
            self.assertNotIn(leak, done.stdout + done.stderr)
            kept = [path for path in [*Path(self.state).rglob("*"), *Path(self.folder).glob("r.*")] if path.is_file()]
            for path in kept:
                self.assertNotIn(leak, path.read_bytes(), path)
        self.assertEqual(len(list(Path(self.folder).glob("r.*"))), 4)
        for path in Path(self.state).glob("runs.sqlite*"):
            self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600, path)
        self.assertEqual(stat.S_IMODE(os.stat(self.state + "/fingerprint.json").st_mode), 0o600)

    def test_a_reader_that_goes_away(self):
        """`ordeal run | head -1`: the run goes on to its end, reverts, is recorded, and ends with its own code."""
        victim = self.process("sleeper")
        for flags in ([], ["--json"], ["--quiet"]):
            run = subprocess.Popen(self.command(*self.experiment(victim.pid), *flags), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            if flags != ["--quiet"]:
                run.stdout.readline()
            run.stdout.close()
            errors = run.stderr.read()
            self.assertEqual(run.wait(30), 0, errors)
            self.assertEqual(self.recorded(), ("held", 0))
            self.assertFree(victim)

    def test_a_reader_that_never_reads(self):
        victim = self.process("sleeper")
        read, write = os.pipe()
        os.set_blocking(write, False)
        try:
            while True:
                os.write(write, b"x" * 4096)
        except BlockingIOError:
            os.set_blocking(write, True)
        run = subprocess.Popen(self.command(*self.experiment(victim.pid), "--json"), stdin=subprocess.DEVNULL, stdout=write,
                               stderr=subprocess.DEVNULL)
        end = time.monotonic() + 30
        while time.monotonic() < end and self.recorded() != ("held", 0):
            time.sleep(0.1)
        self.assertEqual(self.recorded(), ("held", 0))
        self.assertFree(victim)
        os.close(write)
        text = b""
        while chunk := os.read(read, 65536):
            text += chunk
        os.close(read)
        self.assertEqual(run.wait(10), 0)
        self.assertIn(b'"type":"verdict"', text.lstrip(b"x"), "what was said meanwhile is kept for the reader")

    def test_a_full_disk_on_standard_output(self):
        victim = self.process("sleeper")
        report = self.folder + "/full.json"
        for flags in ([], ["--json"], ["--quiet"]):
            with open("/dev/full", "wb") as full:
                done = subprocess.run(self.command(*self.experiment(victim.pid), *flags, "--report", report),
                                      stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE, timeout=40)
            self.assertEqual(done.returncode, 7, done)
            self.assertEqual(done.stderr.count(b"No space left"), 1, done.stderr)
            self.assertEqual(self.recorded(), ("error", 7), "record and exit code agree")
            verdict = json.loads(Path(report).read_text())["verdict"]
            self.assertEqual(verdict["outcome"], "error", verdict)
            self.assertIn("held", verdict["reason"])
            self.assertFree(victim)

    def test_files_that_may_not_grow(self):
        """SIGXFSZ ends none of the three processes: the fault is undone, and the trouble is said."""
        victim = self.process("sleeper")
        self.assertEqual(subprocess.run(self.command(*self.experiment(victim.pid)), stdin=subprocess.DEVNULL, capture_output=True,
                                        timeout=40).returncode, 0)
        for limit in (0, 4096, 150_000, 8 << 20):
            done = subprocess.run(self.command(*self.experiment(victim.pid, baseline="1s"), "--report", self.folder + "/r.html"),
                                  stdin=subprocess.DEVNULL, capture_output=True, timeout=40,
                                  preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
            self.assertIn(done.returncode, (0,) if limit > 1 << 20 else (4, 7), (limit, done))
            self.assertFree(victim)
            left = subprocess.run([ORDEAL, "revert", "--state-dir", self.state], capture_output=True)
            self.assertEqual(left.returncode, 0, left)

    def test_a_latch_that_is_none_ends_a_run(self):
        for kind, make in (("pipe", os.mkfifo), ("folder", os.mkdir), ("dangling link", lambda path: os.symlink("none", path))):
            with self.subTest(kind):
                victim = self.process("sleeper")
                run = subprocess.Popen(self.command(*self.experiment(victim.pid, length="60s")), stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
                end = time.monotonic() + 20
                while not self.is_stopped(victim.pid) and time.monotonic() < end:
                    time.sleep(0.01)
                make(self.state + "/halt.json")
                asked = time.monotonic()
                while self.is_stopped(victim.pid) and time.monotonic() < asked + 10:
                    time.sleep(0.01)
                self.assertLess(time.monotonic() - asked, 2)
                self.assertEqual(run.wait(20), 5, run.stderr.read())
                self.assertFree(victim)
                os.rmdir(self.state + "/halt.json") if kind == "folder" else os.unlink(self.state + "/halt.json")

    def test_a_report_into_a_folder_of_a_user(self):
        """Root gives up its rights before the attack, and can still write where it could when it was asked."""
        victim = self.process("sleeper")
        os.chmod(self.folder, 0o755)
        theirs = self.folder + "/theirs"
        os.mkdir(theirs)
        os.chown(theirs, 12345, 12345)
        done = subprocess.run(self.command(*self.experiment(victim.pid), "--report", theirs + "/r.html"), stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=40)
        self.assertEqual(done.returncode, 0, done)
        self.assertIn("</html>", Path(theirs + "/r.html").read_text())

    def test_a_state_folder_of_others_is_refused(self):
        victim = self.process("sleeper")
        os.makedirs(self.state)
        os.chmod(self.state, 0o777)
        done = subprocess.run(self.command(*self.experiment(victim.pid)), stdin=subprocess.DEVNULL, capture_output=True, timeout=40)
        self.assertEqual(done.returncode, 3, done)
        self.assertIn(b"users other than root can write", done.stderr)

    def test_a_page_of_another_site_gets_no_answer(self):
        victim = self.process("sleeper")
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        listening = {"run": self.command(*self.experiment(victim.pid, baseline="4s"), "--listen", f"127.0.0.1:{port}"),
                     "scrape": [ORDEAL, "scrape", "http://127.0.0.1:1/", "--listen", f"127.0.0.1:{port}"]}
        for name, argv in listening.items():
            with self.subTest(name):
                process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                self.children.append(process)
                statuses = {}
                for headers in ({"Host": f"localhost:{port}"}, {"Host": f"evil.example:{port}"},
                                {"Host": f"127.0.0.1:{port}", "Origin": "http://evil.example"}):
                    statuses[str(headers)] = self.status(port, headers)
                self.assertEqual(list(statuses.values()), [200, 421, 403], statuses)
                process.terminate()
                process.wait(20)

    @staticmethod
    def status(port, headers):
        end = time.monotonic() + 10
        while True:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                connection.request("GET", "/api/v1/query?query=1", headers=headers)
                return connection.getresponse().status
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("skipped: needs root")
        sys.exit(77)
    main()
