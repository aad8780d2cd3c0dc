"""Members of the group `ordeal` end what root runs, and can do nothing else: as root, with a user of that group, and one of
none, on a host of its own."""
import contextlib
import grp
import json
import os
import shutil
import signal
import stat
import subprocess
import time
from pathlib import Path

import own_host
import program
from program import ENVIRONMENT, EVIL, Case
from terminal_test import STEERS

MEMBER, STRANGER = 65534, 65533


class Halting(Case):
    def setUp(self):
        super().setUp()
        os.chmod(self.folder, 0o755)
        bin_folder = Path(self.folder, "bin")
        bin_folder.mkdir()
        for name in ("ordeal", "ordeal-guard"):
            shutil.copy(Path(program.ORDEAL).parent / name, bin_folder / name)
        self.program = str(bin_folder / "ordeal")
        self.home = Path(self.folder, "home")
        self.home.mkdir()
        os.chown(self.home, MEMBER, MEMBER)
        self.requests = Path(self.state, "halt-requests")

    def place(self, own=False):
        """Flags that name the state folder, which the default needs not."""
        return [] if own else ["--state-dir", self.state]

    def as_root(self, *words, own=False):
        return subprocess.run([self.program, *words, *self.place(own)], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=40, env=ENVIRONMENT)

    def as_user(self, uid, group, *words):
        groups = f"--groups={grp.getgrnam('ordeal').gr_gid}" if group else "--clear-groups"
        return subprocess.run(["setpriv", f"--reuid={uid}", f"--regid={uid}", groups, "--inh-caps=-all", *words],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=40,
                              env={**ENVIRONMENT, "HOME": str(self.home)})

    def as_member(self, *words, own=False):
        return self.as_user(MEMBER, True, self.program, *words, *self.place(own))

    def shell(self, script, group=True):
        return self.as_user(MEMBER, group, "/bin/sh", "-c", script)

    def start(self, own=False):
        """A run of root's that has paused a process."""
        victim = self.process("t-victim")
        files = self.experiment(victim.pid, "halting", length="30s")
        run = subprocess.Popen([self.program, "run", *files, "--json", *self.place(own)], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=ENVIRONMENT)
        self.children.append(run)
        for _ in range(400):
            if self.is_stopped(victim):
                return victim, run
            time.sleep(0.02)
        run.kill()
        self.fail("the victim was never stopped: " + run.communicate()[0])

    def is_stopped(self, child):
        return Path(f"/proc/{child.pid}/stat").read_text().rsplit(") ", 1)[1][0] in "tT"

    def files(self):
        """Of the experiment that start() ran."""
        return [f"{self.folder}/experiment.json", "--inventory", f"{self.folder}/inventory.yaml"]

    def ends(self, victim, run, code=5):
        output, _ = run.communicate(timeout=20)
        self.assertEqual(run.returncode, code, output)
        self.assertFalse(self.is_stopped(victim))
        return [json.loads(line) for line in output.splitlines() if line.startswith("{")]

    def test_a_member_ends_what_root_runs_and_root_alone_resumes(self):
        for own in (False, True):
            with self.subTest(own=own):
                state = Path("/var/lib/ordeal" if own else self.state)
                victim, run = self.start(own)
                begin = time.monotonic()
                halted = self.as_member("halt", "--reason", "the pager", own=own)
                self.assertLess(time.monotonic() - begin, 2)
                self.assertFalse(self.is_stopped(victim), "it was said to be off")
                self.assertEqual(halted.returncode, 0, halted.stderr)
                self.assertRegex(halted.stdout, r"^Run r\S+ halted: all its faults were removed in \d+ ms\. "
                                                "Nothing starts until root runs `ordeal resume`")
                events = self.ends(victim, run)
                why = [event["data"]["why"] for event in events if event["type"] == "halt"]
                self.assertTrue(any("the pager, by nobody" in text for text in why), why)
                self.assertEqual(json.loads((state / "halt.json").read_text())["by"], "nobody")
                self.assertEqual(self.shell(f"rm -f {state}/halt-requests/all").returncode, 0)
                refused = self.as_root("run", *self.files(), own=own)
                self.assertEqual(refused.returncode, 3)
                self.assertIn("the pager", refused.stderr)
                resumed = self.as_member("resume", own=own)
                self.assertEqual(resumed.returncode, 3, resumed.stdout + resumed.stderr)
                self.assertTrue((state / "halt.json").exists())
                self.assertEqual(self.as_root("resume", own=own).returncode, 0)
                self.assertFalse((state / "halt.json").exists())
                self.assertEqual(os.listdir(state / "halt-requests"), [])

    def test_one_run_alone(self):
        victim, run = self.start()
        name = next(path.name for path in Path(self.state, "run").iterdir() if path.is_dir())
        other = self.as_member("halt", "r20261123t201504z-aaaaa")
        self.assertEqual(other.returncode, 2, other.stdout)
        halted = self.as_member("halt", name)
        self.assertEqual(halted.returncode, 0, halted.stderr)
        self.ends(victim, run)
        self.assertEqual(os.listdir(self.requests), [])
        self.assertFalse(Path(self.state, "halt.json").exists())
        self.assertEqual(self.as_root("plan", *self.files()).returncode, 0)

    def test_a_member_without_a_home_and_another_group(self):
        """The folder that root has given to a group stays its own."""
        victim, run = self.start()
        os.chown(self.requests, 0, MEMBER)
        self.requests.chmod(0o1775)
        done = self.as_user(MEMBER, False, "/usr/bin/env", "-u", "HOME", self.program, "halt", *self.place())
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.ends(victim, run)
        self.assertEqual(self.as_root("resume").returncode, 0)
        self.assertEqual(self.as_root("halt").returncode, 0)
        self.assertEqual(self.requests.stat().st_gid, MEMBER)

    def ordeal_processes(self):
        """Engine, guard, reaper and standby of the run."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
                if words[0].startswith(("ordeal-guard", self.program)) and self.state in words:
                    found.append(int(folder.name))
        return found

    def test_a_member_is_not_told_that_all_is_off_when_nobody_obeys(self):
        victim, run = self.start()
        stopped = self.ordeal_processes()
        self.assertGreaterEqual(len(stopped), 4)
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        halted = self.as_member("halt")
        self.assertEqual(halted.returncode, 6, halted.stdout + halted.stderr)
        self.assertIn("still in force: what the run r", halted.stderr)
        self.assertIn("run `sudo ordeal halt`", halted.stderr)
        self.assertTrue(self.is_stopped(victim))
        by_root = self.as_root("halt")
        self.assertEqual(by_root.returncode, 0, by_root.stdout + by_root.stderr)
        self.assertFalse(self.is_stopped(victim))
        run.kill()
        run.communicate(timeout=20)

    def test_nothing_ran(self):
        """The request is a latch of its own."""
        victim, run = self.start()
        self.as_root("halt", "--reason", "x")
        self.ends(victim, run)
        self.assertEqual(self.as_root("resume").returncode, 0)
        halted = self.as_member("halt", "--reason", EVIL)
        self.assertEqual(halted.returncode, 0, halted.stderr)
        self.assertIn("No run that keeps its state here held a fault.", halted.stdout)
        refused = self.as_root("run", *self.files())
        self.assertEqual(refused.returncode, 3)
        self.assertIn("by nobody", refused.stderr)
        self.assertIsNone(STEERS.search(refused.stderr))
        self.assertFalse(self.is_stopped(victim))
        self.assertEqual(self.shell(f"rm -f {self.requests}/all").returncode, 0)
        self.assertEqual(self.as_root("run", *self.files()).returncode, 3, "it was taken over by root")

    def test_others_may_not(self):
        victim, run = self.start()
        for words in (["halt"], ["resume"]):
            refused = self.as_user(STRANGER, False, self.program, *words, "--state-dir", self.state)
            self.assertEqual(refused.returncode, 3, refused.stdout + refused.stderr)
        self.assertNotEqual(self.shell(f"touch {self.requests}/all", group=False).returncode, 0)
        self.assertTrue(self.is_stopped(victim))
        self.assertEqual(self.as_root("halt").returncode, 0)
        self.ends(victim, run)

    def contents(self):
        """Of all that is root's there."""
        return {str(path): (path.lstat().st_mode, path.lstat().st_uid, path.read_bytes() if path.is_file() else None)
                for path in Path(self.state).rglob("*") if path.lstat().st_uid == 0}

    def test_a_member_starts_and_changes_nothing(self):
        victim, run = self.start()
        self.assertEqual(self.as_root("halt").returncode, 0)
        self.ends(victim, run)
        self.assertEqual(self.as_root("resume").returncode, 0)
        before = self.contents()
        for words in (["run", *self.files()], ["revert"], ["resume"]):
            done = self.as_member(*words)
            self.assertNotEqual(done.returncode, 0, f"{words}: {done.stdout}")
            self.assertIsNone(victim.poll())
            self.assertFalse(self.is_stopped(victim))
        for script in ("echo x >> runs.sqlite", "echo x > halt.json", "mkdir journal/x", "touch x", "touch run/x",
                       "mv halt-requests y", "rmdir halt-requests", "chmod 777 halt-requests", "cat runs.sqlite",
                       "cat fingerprint.json", "ln -s /etc halt.json"):
            self.assertNotEqual(self.shell(f"cd {self.state} && {script}").returncode, 0, script)
        self.assertEqual(self.contents(), before)
        self.assertEqual(stat.S_IMODE(self.requests.stat().st_mode), 0o1775)

    def test_links_lead_nowhere(self):
        """What a member puts in the place of a request ends the run, and root touches nothing through it."""
        secret = Path(self.folder, "secret")
        secret.write_text("t0p-s3cret")
        secret.chmod(0o600)
        below = Path(self.folder, "below")
        below.mkdir()
        (below / "keep").write_text("x")
        for script in (f"ln -s {secret} all", f"ln -s {below}/new all", f"ln -s {below} RUN", "mkfifo RUN", "mkfifo all",
                       "mkdir all", f"ln -s {secret} RUN", "echo '{' > all"):
            with self.subTest(script):
                victim, run = self.start()
                name = next(path.name for path in Path(self.state, "run").iterdir() if path.is_dir())
                made = self.shell(f"cd {self.requests} && " + script.replace("RUN", name))
                self.assertEqual(made.returncode, 0, made.stderr)
                events = self.ends(victim, run)
                self.assertNotIn("t0p-s3cret", json.dumps(events))
                resumed = self.as_root("resume")
                self.assertEqual(resumed.returncode, 0, resumed.stderr)
                self.assertEqual(os.listdir(self.requests), [])
                self.assertEqual((secret.read_text(), os.listdir(below)), ("t0p-s3cret", ["keep"]))
        self.shell(f"cd {self.requests} && mkdir -p all/a/b && touch all/x && ln -s {below} all/a/b/link")
        self.assertEqual(self.as_root("run", *self.files()).returncode, 3)
        resumed = self.as_root("resume")
        self.assertEqual(resumed.returncode, 0, resumed.stderr)
        self.assertEqual(os.listdir(self.requests), [])
        self.assertFalse(Path(f"{self.requests}.removed").exists())
        self.assertEqual(os.listdir(below), ["keep"])

    def test_a_member_is_told_what_dead_runs_of_root_left(self):
        """Their journals, in a folder that he may list and not read; nothing is left in the registry."""
        victim, run = self.start()
        for pid in self.ordeal_processes():
            os.kill(pid, signal.SIGSTOP)
        for pid in self.ordeal_processes():
            os.kill(pid, signal.SIGKILL)
        run.communicate(timeout=20)
        name = next(path.name for path in Path(self.state, "run").iterdir() if path.is_dir())
        shutil.rmtree(Path(self.state, "run", name))
        self.assertTrue(self.is_stopped(victim))
        for words in (["halt"], ["halt", name]):
            halted = self.as_member(*words)
            self.assertEqual(halted.returncode, 6, halted.stdout + halted.stderr)
            self.assertIn(f"the run {name} left something behind: its journal is still there", halted.stderr)
            self.assertIn("run `sudo ordeal halt`", halted.stderr)
        Path(self.state, "journal").chmod(0o700)
        unknown = self.as_member("halt")
        self.assertEqual(unknown.returncode, 6, unknown.stdout + unknown.stderr)
        self.assertIn("it is not known what is in force", unknown.stderr)
        Path(self.state, "journal").chmod(0o755)
        by_root = self.as_root("halt")
        self.assertEqual(by_root.returncode, 0, by_root.stdout + by_root.stderr)
        self.assertFalse(self.is_stopped(victim))
        self.assertEqual(self.as_member("halt").returncode, 0)

    def test_a_member_is_told_of_a_failed_revert(self):
        self.assertEqual(self.as_root("halt").returncode, 0)
        latch = Path(self.state, "halt.json")
        latch.write_text(json.dumps({**json.loads(latch.read_text()), "reason": "a revert failed on x",
                                     "revert_failed": True}))
        halted = self.as_member("halt", "--json")
        self.assertEqual(halted.returncode, 6, halted.stdout + halted.stderr)
        self.assertIn("a revert failed on x", halted.stderr)
        self.assertFalse(json.loads(halted.stdout)["reverted"])

    def test_a_registry_that_a_member_cannot_read_may_hold_anything(self):
        self.assertEqual(self.as_root("halt").returncode, 0)
        self.assertEqual(self.as_root("resume").returncode, 0)
        name = "r20261123t201504z-aaaaa"
        folder = Path(self.state, "run", name)
        folder.mkdir()
        claims = folder / "claims.json"
        for words, request in ((["halt"], "all"), (["halt", name], name)):
            for mode, text in ((0o644, "{"), (0o600, "{}")):
                with self.subTest(words=words, text=text):
                    claims.write_text(text)
                    claims.chmod(mode)
                    halted = self.as_member(*words)
                    self.assertEqual(halted.returncode, 6, halted.stdout + halted.stderr)
                    self.assertIn("it is not known what is in force", halted.stderr)
                    self.assertTrue((self.requests / request).is_symlink(), "the request stands all the same")
                    (self.requests / request).unlink()

    def test_a_request_beside_the_latch_of_the_host_engages_that_one(self):
        """The run keeps its state elsewhere."""
        self.assertEqual(self.as_root("halt", own=True).returncode, 0)
        self.assertEqual(self.as_root("resume", own=True).returncode, 0)
        victim, run = self.start()
        host = Path("/var/lib/ordeal")
        self.assertEqual(self.shell(f"ln -s 'the pager' {host}/halt-requests/all").returncode, 0)
        self.ends(victim, run)
        self.shell(f"rm -f {host}/halt-requests/all")
        latch = json.loads((host / "halt.json").read_text())
        self.assertEqual((latch["reason"], latch["by"]), ("the pager, by nobody", "nobody"))
        self.assertFalse(Path(self.state, "halt.json").exists())
        self.assertEqual(self.as_root("run", *self.files()).returncode, 3)
        self.assertEqual(self.as_root("resume", own=True).returncode, 0)

    def test_a_halt_of_root_keeps_the_reason_of_a_request_that_stands(self):
        self.assertEqual(self.as_root("halt", "--reason", "an upgrade").returncode, 0)
        self.assertEqual(self.as_root("resume").returncode, 0)
        self.assertEqual(self.as_member("halt", "--reason", "the pager").returncode, 0)
        self.assertFalse(Path(self.state, "halt.json").exists())
        self.assertEqual(self.as_root("halt", "--reason", "an upgrade").returncode, 0)
        self.assertEqual(self.shell(f"rm -f {self.requests}/all").returncode, 0)
        latch = json.loads(Path(self.state, "halt.json").read_text())
        self.assertEqual((latch["reason"], latch["by"]), ("the pager, by nobody", "nobody"))


own_host.main()
