#!/usr/bin/env python3
"""The Debian package, on a copy of this machine: installed, used, upgraded and removed in the middle of a run, refused while
a fault could not be undone, purged, and nothing is left.

    package_test.py BUILD        needs root; builds the package of BUILD's programs, compiles nothing
"""
import glob
import json
import os
import pwd
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
import unittest
from pathlib import Path

import machine

BUILD = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else Path("build/release").resolve()
PACKAGES = Path("/tmp/packages")
LATCH = Path("/var/lib/ordeal/halt.json")
OLD, NEW = "0.0.9", "0.1.0"
# What dpkg keeps of its own, and what its triggers write.
DPKGS = ("/var/lib/dpkg", "/var/log", "/var/cache", "/var/lib/systemd", "/etc/group-", "/etc/gshadow-", "/etc/.pwd.lock")

# Prints a dot every 20 ms: who is paused is silent.
TICKER = "import time\nwhile True:\n  print('.', end='', flush=True)\n  time.sleep(0.02)"
PAUSE = """
name: package
hypothesis: somebody watches
target: {type: process, pattern: "package-victim"}
attack: {type: pause, length: 60s}
baseline: 300ms
expect:
- {name: watched, probe: {command: [/bin/true]}, condition: result == 0}
"""

# A journal whose first record is lost and whose second is whole (docs/formats/journal.md): nobody knows what to undo.
DAMAGED = (bytes(4096) + bytes.fromhex("4f52444a01004100451085f4")
           + b'{"type":"start","run":"r20261123t201504z-k3f9a","boot_id":"8f0e"}').ljust(8192, b"\0")


def say(*argv, code=0, limit=60, **options):
    """Its output; any other exit code is a failure."""
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=limit, **options)
    if done.returncode != code:
        raise AssertionError(f"{' '.join(argv)}: exit {done.returncode}, expected {code}\n{done.stdout}")
    return done.stdout


def build_package():
    say("cpack", "--config", str(BUILD / "CPackConfig.cmake"), "-B", str(PACKAGES), cwd=BUILD)
    package, = PACKAGES.glob(f"ordeal_{NEW}_*.deb")
    return str(package)


def packed_as(version, package):
    """The same build with another version."""
    folder = PACKAGES / version
    say("dpkg-deb", "--raw-extract", package, str(folder))
    control = folder / "DEBIAN/control"
    control.write_text(re.sub(r"(?m)^Version: .*", f"Version: {version}", control.read_text()))
    return say("dpkg-deb", "--root-owner-group", "-Znone", "--build", str(folder), f"{folder}.deb") and f"{folder}.deb"


def wait_until(holds, limit=10):
    until = time.monotonic() + limit
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def processes_of(*programs):
    """Of this machine, by the program's path, also of one that is deleted."""
    return [path for path in glob.glob("/proc/[0-9]*/exe") if read_link(path).removesuffix(" (deleted)") in programs]


def read_link(path):
    try:
        return os.readlink(path)
    except OSError:
        return ""


class Paused:
    """A run of the installed program that pauses a process of ours."""

    def __init__(self, *more):
        self.victim = subprocess.Popen([sys.executable, "-u", "-c", TICKER, "package-victim"], stdout=subprocess.PIPE)
        self.victim.stdout.read(1)  # it has begun
        Path("/tmp/pause.yaml").write_text(PAUSE)
        with open("/tmp/events", "w") as events:
            self.run = subprocess.Popen(["ordeal", "run", "/tmp/pause.yaml", "--json", *more], stdout=events, stderr=subprocess.STDOUT)
        if not wait_until(self.is_in_force):
            raise AssertionError("never paused:\n" + Path("/tmp/events").read_text())

    def is_in_force(self):
        return '"type":"inject"' in Path("/tmp/events").read_text() and self.is_paused()

    def is_paused(self):
        """No dot for 200 ms."""
        while select.select([self.victim.stdout], [], [], 0)[0]:
            if not os.read(self.victim.stdout.fileno(), 65536):
                raise AssertionError("the victim is dead")
        return not select.select([self.victim.stdout], [], [], 0.2)[0]

    def end(self):
        self.victim.kill()
        self.victim.wait()
        self.victim.stdout.close()
        self.run.kill()
        self.run.wait()

    def check_ended(self, case):
        """The fault is gone, the run ended as halted, nobody of it is left, neither are its cgroups."""
        case.assertFalse(self.is_paused(), "the victim is paused still")
        case.assertEqual(self.run.wait(10), 5, Path("/tmp/events").read_text())
        case.assertEqual(processes_of("/usr/bin/ordeal", "/usr/libexec/ordeal/ordeal-guard"), [])
        case.assertEqual(self.cgroups(), [])
        case.assertEqual(glob.glob("/var/lib/ordeal/journal/*"), [])

    def cgroups(self):
        ours = [json.loads(line)["run"] for line in Path("/tmp/events").read_text().splitlines() if line.startswith("{")][0]
        return [path for path in glob.glob("/sys/fs/cgroup/**/ordeal-*", recursive=True) if ours in path]


class Package(unittest.TestCase):
    """In this order: each goes on where the one before ended."""

    @classmethod
    def setUpClass(cls):
        say("ip", "link", "set", "lo", "up")
        Path("/var/lib/man-db/auto-update").unlink(missing_ok=True)  # the index of all pages, anew at each dpkg
        cls.new = build_package()
        cls.old = packed_as(OLD, cls.new)
        cls.before = machine.changes(DPKGS)
        cls.group = Path("/etc/group").read_text()

    def kill_all_of(self, paused):
        """Engine, guard, reaper and standby at the same instant, so that nobody undoes anything."""
        pids = [int(path.split("/")[2]) for path in processes_of("/usr/bin/ordeal", "/usr/libexec/ordeal/ordeal-guard")]
        self.assertGreaterEqual(len(pids), 4)
        for deadly in (signal.SIGSTOP, signal.SIGKILL):
            for pid in pids:
                os.kill(pid, deadly)
        paused.run.wait(10)
        self.assertTrue(wait_until(lambda: not processes_of("/usr/libexec/ordeal/ordeal-guard")))
        self.assertTrue(paused.is_paused(), "nobody is left who could have undone it")

    def during(self, *more):
        paused = Paused(*more)
        self.addCleanup(paused.end)
        return paused

    def status(self):
        return subprocess.run(["dpkg-query", "-W", "-f", "${db:Status-Abbrev} ${Version}", "ordeal"], capture_output=True, text=True).stdout.strip()

    def test_1_what_is_in_it(self):
        fields = say("dpkg-deb", "--field", self.new)
        for library in ("libc6", "libboost-json1.81.0", "libcurl4", "libsqlite3-0", "iproute2", "nftables"):
            self.assertRegex(fields, rf"Depends:.*\b{re.escape(library)}\b")
        self.assertIn(f"Version: {NEW}\n", fields)
        listed = say("dpkg-deb", "--contents", self.new).splitlines()
        paths = {line.split()[5]: line for line in listed}
        for path, line in paths.items():
            self.assertIn(" root/root ", line)
            self.assertFalse(path.startswith("./etc"), line)
            self.assertRegex(line[:10], r"^(drwxr-xr-x|-rwxr-xr-x|-rw-r--r--|lrwxrwxrwx)$", line)
        for path in ("bin/ordeal", "libexec/ordeal/ordeal-guard", "share/man/man1/ordeal.1.gz", "share/man/man1/ordeal-run.1.gz",
                     "share/man/man8/ordeal-guard.8.gz", "share/bash-completion/completions/ordeal",
                     "share/zsh/vendor-completions/_ordeal", "share/fish/vendor_completions.d/ordeal.fish",
                     "share/ordeal/docs/formats/policy.md", "share/ordeal/schema/policy.schema.json",
                     "share/doc/ordeal/examples/policy.host.yaml", "share/doc/ordeal/changelog.gz", "share/doc/ordeal/copyright"):
            self.assertIn("./usr/" + path, paths)
        self.assertFalse([path for path in paths if re.search(r"resilience.*\.(a|h|cmake)$", path)], "the library is another component")

    def test_1_cmake_installs_it_under_any_prefix(self):
        say("cmake", "--install", str(BUILD), "--component", "ordeal", "--prefix", "/tmp/prefix")
        os.rename("/tmp/prefix", "/tmp/moved")
        self.assertIn("guard           /tmp/moved/libexec/ordeal/ordeal-guard\n", say("/tmp/moved/bin/ordeal", "doctor"))
        self.assertIn("# Policy\n", say("/tmp/moved/bin/ordeal", "docs", "policy"))
        self.assertEqual(sorted(os.listdir("/tmp/moved")), ["bin", "libexec", "share"])
        os.remove("/tmp/moved/libexec/ordeal/ordeal-guard")
        self.assertIn("install both programs", say("/tmp/moved/bin/ordeal", "doctor", code=7))

    def test_1_a_run_is_known_by_the_name_of_its_cgroup(self):
        function, = re.findall(r"(?ms)^run_of\(\) \{.*?^\}", (Path(__file__).parents[2] / "packaging/debian/prerm").read_text())
        for run in ("r20261123t201504z-k3f9a", "r20261123t201504z-r3f9a", "r20261123t201504z-rrrrr"):
            for cgroup in ("/sys/fs/cgroup/ordeal-reaper-", "/sys/fs/cgroup/unified/ordeal-standby-", "/sys/fs/cgroup/cpu/ordeal-a-r-b-"):
                self.assertEqual(say("sh", "-c", f'{function}\nrun_of "$1"', "sh", cgroup + run), run + "\n")

    def test_2_installed_it_is_there_for_people(self):
        say("dpkg", "-i", self.old)
        self.assertEqual(self.status(), f"ii  {OLD}")
        self.assertRegex(say("ordeal", "--version"), r"^ordeal \d+\.\d+\.\d+")
        self.assertIn("guard           /usr/libexec/ordeal/ordeal-guard\n", say("ordeal", "doctor"))
        self.assertIn("EXIT STATUS", say("man", "-P", "cat", "ordeal-run"))
        self.assertEqual(say("ordeal", "docs", "policy"), Path("/usr/share/ordeal/docs/formats/policy.md").read_text())
        self.assertNotIn("state-of-work", say("ordeal", "docs"))
        self.assertRegex(say("getent", "group", "ordeal"), r"^ordeal:x:\d+:$")
        self.assertFalse(Path("/etc/ordeal").exists())

    def test_3_the_sample_runs(self):
        samples = "/usr/share/doc/ordeal/examples"
        shutil.copy(samples + "/first.yaml", "/tmp/first.yaml")
        server = subprocess.Popen([sys.executable, "-m", "http.server", "8000", "--bind", "127.0.0.1"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/usr")
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        self.assertTrue(wait_until(lambda: not subprocess.run(["bash", "-c", ": >/dev/tcp/127.0.0.1/8000"], stderr=subprocess.DEVNULL).returncode))
        say("ordeal", "plan", "/tmp/first.yaml")
        # What can be had and held on a busy machine, too: a fifth of a core, and a page within 5 s.
        said = say("ordeal", "run", "/tmp/first.yaml", "--length", "2s", "--set", "attack.args.percent=20",
                   "--set", "expect[0].condition=result < 5")
        self.assertIn("held", said)
        run, verdict = (json.loads(say("ordeal", "list", "--json"))[key] for key in ("id", "verdict"))
        self.assertEqual(verdict, "held")
        self.assertIn(run, say("ordeal", "report", "last", "--format", "json"))
        self.assertEqual(say("ordeal", "completion", "--values", "runs"), f"last\n{run}\n")
        os.makedirs("/etc/ordeal")
        shutil.copy(samples + "/policy.host.yaml", "/etc/ordeal/policy.yaml")
        self.assertIn("/etc/ordeal/policy.yaml is valid", say("ordeal", "doctor"))

    def test_4_an_upgrade_ends_the_run_and_then_the_next_may_start(self):
        paused = self.during()
        said = say("dpkg", "-i", self.new)
        paused.check_ended(self)
        self.assertEqual(self.status(), f"ii  {NEW}")
        self.assertFalse(LATCH.exists(), said)
        self.assertEqual(len(say("ordeal", "list", "--json").splitlines()), 2)
        say("ordeal", "verify-clean")

    def test_5_a_latch_of_a_person_stays_a_persons(self):
        say("ordeal", "halt", "--reason", "page 4711")
        latch = LATCH.read_text()
        say("dpkg", "-i", self.new)
        self.assertEqual(LATCH.read_text(), latch)
        self.assertEqual(sorted(path.name for path in LATCH.parent.glob("halt.json*")), ["halt.json"])
        say("ordeal", "resume")

    def test_5_a_reason_that_only_mentions_the_package_is_a_persons(self):
        say("ordeal", "halt", "--reason", 'bug: "the package ordeal is being replaced or removed"')
        latch = LATCH.read_text()
        say("/var/lib/dpkg/info/ordeal.postinst", "configure")
        self.assertEqual(LATCH.read_text(), latch)
        say("ordeal", "resume")

    def test_5_a_request_of_a_member_stays(self):
        request = LATCH.parent / "halt-requests/all"
        request.symlink_to("page 4712")
        say("dpkg", "-i", self.new)
        self.assertIn("page 4712", say("ordeal", "doctor", code=3))
        say("ordeal", "resume")
        self.assertFalse(request.is_symlink())

    def test_5_the_packages_own_latch_alone_is_removed_by_postinst(self):
        say("ordeal", "halt", "--reason", "the package ordeal is being replaced or removed")
        others = Path("/var/lib/ordeal/halt-requests/all")
        others.symlink_to("page 4713")
        say("/var/lib/dpkg/info/ordeal.postinst", "configure")
        self.assertFalse(LATCH.exists())
        self.assertTrue(others.is_symlink(), "nobody has resumed")
        say("ordeal", "resume")
        self.assertEqual(sorted(path.name for path in LATCH.parent.glob("halt.json*")), [])

    def test_6_what_cannot_be_undone_keeps_the_package_whole(self):
        journal = Path("/var/lib/ordeal/journal/r20261123t201504z-k3f9a.journal")
        journal.write_bytes(DAMAGED)
        for command in ("--remove", "--purge"):
            said = say("dpkg", command, "ordeal", code=1)
            self.assertIn("not all faults could be removed", said)
            self.assertRegex(self.status(), rf"^(ii|ri|pi)  {NEW}$")
            self.assertTrue(LATCH.exists())  # a failed revert engages it
        say("dpkg", "-i", self.old, code=1)
        self.assertIn("nothing starts until `ordeal resume`", say("ordeal", "doctor", code=3))
        journal.unlink()
        say("ordeal", "halt")
        say("ordeal", "resume")

    def test_7_removal_ends_the_run_also_of_another_state_folder(self):
        for more in ((), ("--state-dir", "/tmp/state")):
            with self.subTest(more):
                paused = self.during(*more)
                scrape = subprocess.Popen(["ordeal", "scrape", "http://127.0.0.1:9/metrics", "--listen", "127.0.0.1:9464"],
                                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                self.addCleanup(scrape.wait)
                self.addCleanup(scrape.kill)
                begin = time.monotonic()
                say("dpkg", "--remove", "ordeal")
                self.assertLess(time.monotonic() - begin, 20)
                paused.check_ended(self)
                self.assertIsNotNone(scrape.poll())
                self.assertEqual(self.status(), f"rc  {NEW}")
                self.assertFalse(Path("/usr/bin/ordeal").exists() or Path("/usr/libexec/ordeal").exists() or Path("/run/ordeal").exists())
                self.assertTrue(Path("/var/lib/ordeal/runs.sqlite").exists(), "the record is purge's to delete")
                self.assertEqual(say("nft", "list", "ruleset"), "")
                say("dpkg", "-i", self.new)
                self.assertFalse(LATCH.exists(), "installed again, runs may start")

    def test_7_what_a_dead_run_left_in_another_state_folder_is_undone(self):
        paused = self.during("--state-dir", "/tmp/dead")
        self.kill_all_of(paused)
        self.assertEqual(len(glob.glob("/tmp/dead/journal/*")), 1)
        say("dpkg", "--remove", "ordeal")
        self.assertFalse(paused.is_paused())
        self.assertEqual(glob.glob("/tmp/dead/journal/*") + paused.cgroups(), [])
        say("dpkg", "-i", self.new)
        self.assertFalse(LATCH.exists() or Path("/tmp/dead/halt.json").exists())

    def test_7_a_latch_of_a_person_in_another_state_folder_stays(self):
        say("ordeal", "halt", "--reason", "page 4714", "--state-dir", "/tmp/dead")
        latch = Path("/tmp/dead/halt.json").read_text()
        say("dpkg", "-i", self.new)
        self.assertEqual(Path("/tmp/dead/halt.json").read_text(), latch)
        say("ordeal", "resume", "--state-dir", "/tmp/dead")

    def test_7_what_cannot_be_undone_in_another_state_folder_keeps_the_package_whole(self):
        journal = Path("/tmp/dead/journal/r20261123t201504z-k3f9a.journal")
        journal.write_bytes(DAMAGED)
        said = say("dpkg", "--remove", "ordeal", code=1)
        self.assertIn("not all faults of the runs in /tmp/dead could be removed", said)
        self.assertRegex(self.status(), rf"^[ir]i  {NEW}$")
        journal.unlink()
        # Nor does root act on what others may have written.
        Path("/tmp/dead").chmod(0o777)
        self.assertIn("users other than root can write", say("dpkg", "--remove", "ordeal", code=1))
        shutil.rmtree("/tmp/dead")
        say("dpkg", "-i", self.new)
        say("ordeal", "resume")

    def test_7_a_dead_run_of_nobody_knows_where_keeps_the_package_whole(self):
        paused = self.during("--state-dir", "/tmp/unknown")
        self.kill_all_of(paused)
        shutil.rmtree("/var/lib/ordeal/state-dirs")
        cgroup, = paused.cgroups()[:1]
        self.assertIn(cgroup, say("dpkg", "--remove", "ordeal", code=1))
        self.assertTrue(paused.is_paused())
        say("ordeal", "revert", "--state-dir", "/tmp/unknown")
        self.assertFalse(paused.is_paused())
        say("dpkg", "--remove", "ordeal")
        say("dpkg", "-i", self.new)
        self.assertFalse(LATCH.exists())

    def guard_of(self, user, state):
        """A guard of a run of that user, in whose hands nothing is; and the engine's end of its socket."""
        ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        guard = subprocess.Popen(["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "/usr/libexec/ordeal/ordeal-guard",
                                  "--guard", "--run", "r20261123t201504z-k3x5q", "--socket", str(its.fileno()), "--lease-ms", "5000",
                                  "--state-dir", state], pass_fds=(its.fileno(),), stdin=subprocess.DEVNULL)
        its.close()
        self.addCleanup(guard.wait)
        self.addCleanup(guard.kill)
        self.addCleanup(ours.close)
        self.assertIn(b"ready", ours.recv(65536))
        return ours

    def test_7_what_a_user_has_written_is_acted_on_as_that_user(self):
        theirs = Path("/tmp/theirs")
        theirs.mkdir()
        os.chown(theirs, 65534, 65534)
        engine = self.guard_of(65534, str(theirs))
        journal = theirs / "journal/r20261123t201504z-k3f9a.journal"
        journal.write_bytes(DAMAGED)
        os.chown(journal, 65534, 65534)
        self.assertIn(f"not all faults of the runs in {theirs} could be removed (as the user 65534)", say("dpkg", "--remove", "ordeal", code=1))
        self.assertEqual({path.stat().st_uid for path in theirs.rglob("*")}, {65534}, "root has written nothing there")
        engine.close()
        journal.unlink()
        say("dpkg", "--remove", "ordeal")
        self.assertNotIn(str(theirs), map(read_link, glob.glob("/var/lib/ordeal/state-dirs/*")))
        say("dpkg", "-i", self.new)
        self.assertFalse(LATCH.exists())

    def test_7_a_group_that_has_members_or_was_there_before_stays(self):
        group = subprocess.run(["getent", "group", "ordeal"], capture_output=True, text=True).stdout
        say("gpasswd", "--add", "nobody", "ordeal")
        self.assertIn("members: nobody", say("dpkg", "--purge", "ordeal"))
        say("gpasswd", "--delete", "nobody", "ordeal")
        say("dpkg", "-i", self.new)
        say("dpkg", "--purge", "ordeal")
        self.assertEqual(say("getent", "group", "ordeal"), group)
        say("groupdel", "ordeal")
        say("dpkg", "-i", self.new)

    def test_8_purged_nothing_is_left(self):
        say("dpkg", "--purge", "ordeal")
        self.assertEqual(self.status(), "")
        self.assertEqual(machine.changes(DPKGS), self.before)
        self.assertEqual(Path("/etc/group").read_text(), self.group)
        self.assertFalse(Path("/run/ordeal").exists())
        self.assertEqual([entry for entry in os.listdir("/run") if "ordeal" in entry], [])
        self.assertNotIn("ordeal", [user.pw_name for user in pwd.getpwall()])


if __name__ == "__main__":
    if machine.INSIDE not in os.environ:
        sys.exit(subprocess.call([sys.executable, "-B", machine.__file__, sys.executable, "-B", os.path.abspath(__file__), str(BUILD)]))
    del sys.argv[1:]
    unittest.main(failfast=True, verbosity=2)
