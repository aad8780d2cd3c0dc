"""What `ordeal verify-clean` says a run has left, and what others changed meanwhile, as root on a host of its own."""
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import own_host
from program import ENVIRONMENT, ORDEAL, RUN, Case

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the lab
from lab.cgroups import Cgroup, remove_cgroups  # noqa: E402

HIERARCHIES = ["unified", "freezer"]
PROGRAM = str(Path(ORDEAL).resolve())  # for those that are started in another directory


class VerifyClean(Case):
    def setUp(self):
        super().setUp()
        self.names = [f"t-ordeal-vc-{os.getpid()}", f"t-ordeal-other-{os.getpid()}"]
        self.victim, self.other = (Cgroup("/" + name, HIERARCHIES) for name in self.names)
        self.sleeper = self.process("t-sleeper")
        for folder in self.victim.folders:
            Path(folder, "cgroup.procs").write_text(str(self.sleeper.pid))

    def tearDown(self):
        for cgroup in (self.victim, self.other):
            cgroup.thaw()
        super().tearDown()
        for name in self.names:
            remove_cgroups(name, HIERARCHIES)

    def paused(self, length="1s"):
        return self.file("pause.json", {
            "name": "pause", "length": length, "baseline": "200ms", "recovery": "2s",
            "target": {"type": "container", "cgroup": "/" + self.names[0]}, "attack": {"type": "pause"},
            "expect": [{"name": "x", "probe": {"command": ["/bin/true"]}, "condition": "result == 0"}]})

    def freeze(self, cgroup):
        for folder in cgroup.folders:
            for name, text in (("freezer.state", "FROZEN"), ("cgroup.freeze", "1")):
                if os.path.exists(f"{folder}/{name}"):
                    Path(folder, name).write_text(text)

    def verify(self):
        """(exit, what is left, what others changed here), and the text says the same. Others are at work on this machine."""
        done = self.run_ordeal("verify-clean", "--json")
        said = json.loads(done.stdout)
        self.assertEqual((said["clean"], done.returncode), (not said["differences"], 0 if said["clean"] else 6))
        others = [line for line in said["others"] if any(name in line for name in [*self.names, self.folder, "somebody"])]
        text = self.run_ordeal("verify-clean")
        self.assertEqual(text.returncode, done.returncode)
        lines = text.stdout.decode().splitlines()
        for line in said["differences"]:
            self.assertIn(line, lines)
        for line in others:
            self.assertIn("  " + line, lines)
        self.assertEqual("Clean: nothing is left of what the last run touched." in lines, said["clean"])
        if others:
            self.assertIn("Changed on this host since then, and not by a run:", lines)
        return done.returncode, said["differences"], others

    def run_once(self):
        done = self.run_ordeal("run", self.paused())
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_what_others_change_is_no_leftover(self):
        self.run_once()
        self.assertEqual(self.verify(), (0, [], []))
        self.freeze(self.other)
        os.mkdir(self.folder + "/mounted")
        subprocess.run(["mount", "--bind", self.folder, self.folder + "/mounted"], check=True)
        subprocess.run(["nft", "add", "table", "inet", "somebody"], check=True)
        try:
            code, left, others = self.verify()
        finally:
            subprocess.run(["umount", self.folder + "/mounted"], check=True)
            subprocess.run(["nft", "delete", "table", "inet", "somebody"], check=True)
        self.assertEqual((code, left), (0, []))
        for part in (self.names[1], "/mounted", "somebody"):
            self.assertTrue(any(part in line for line in others), (part, others))

    def test_what_the_run_touched_is(self):
        self.run_once()
        self.freeze(self.victim)
        self.freeze(self.other)
        code, left, others = self.verify()
        self.assertEqual(code, 6)
        self.assertTrue(left and all(self.names[0] in line for line in left), left)
        self.assertTrue(others and all(self.names[1] in line for line in others), others)
        self.victim.thaw()
        self.assertEqual(self.verify()[:2], (0, []))
        subprocess.run(["nft", "add", "table", "inet", "ordeal_99_1"], check=True)
        try:
            self.assertEqual(self.verify()[0], 6, "a table of Ordeal's")
        finally:
            subprocess.run(["nft", "delete", "table", "inet", "ordeal_99_1"], check=True)

    def test_two_runs_at_once(self):
        """What the first had done when the second began is not taken for what was before."""
        first = subprocess.Popen([ORDEAL, "run", self.paused("4s"), "--state-dir", self.state], stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=ENVIRONMENT)
        self.children.append(first)
        for _ in range(300):
            if self.victim.frozen():
                break
            time.sleep(0.02)
        beside = self.process("t-beside")
        second = self.run_ordeal("run", *self.experiment(beside.pid, "second", length="500ms", recovery="1s"))
        self.assertEqual(second.returncode, 0, second.stdout + second.stderr)
        self.assertTrue(self.victim.frozen(), "they were not at once")
        self.assertEqual(first.wait(30), 0)
        self.assertEqual(self.verify(), (0, [], []))
        self.freeze(self.victim)
        self.assertEqual(self.verify()[0], 6, "what the first touched is judged, too")

    def test_a_run_that_lives_elsewhere_is_no_leftover(self):
        self.run_once()
        other = subprocess.Popen([ORDEAL, "run", self.paused("20s"), "--state-dir", self.folder + "/elsewhere"],
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=ENVIRONMENT)
        self.children.append(other)
        for _ in range(300):
            if self.victim.frozen():
                break
            time.sleep(0.02)
        self.freeze(self.other)
        done = self.run_ordeal("verify-clean", "--json")
        said = json.loads(done.stdout)
        left = [line for line in said["differences"] if self.names[0] not in line]  # its victim is ours, too
        self.assertEqual(left, [])
        self.assertTrue(any("ordeal-guard" in line and "elsewhere" in line for line in said["others"]), said)
        halted = subprocess.run([ORDEAL, "halt", "--state-dir", self.folder + "/elsewhere"], capture_output=True, timeout=30)
        self.assertEqual(halted.returncode, 0, halted.stderr)
        other.communicate(timeout=20)
        self.other.thaw()
        self.assertEqual(self.verify()[:2], (0, []))

    def test_on_a_node_on_which_only_an_agent_has_been_at_work(self):
        self.assertEqual(self.run_ordeal("verify-clean").returncode, 4, "nothing was ever at work here")
        Path(self.state, "run").mkdir(parents=True, exist_ok=True)
        Path(self.state, "run", "agent.lock").touch()
        done = self.run_ordeal("verify-clean")
        self.assertIn(b"Clean: nothing of Ordeal's is left", done.stdout)
        self.assertEqual(done.returncode, 0)
        blind = subprocess.run([PROGRAM, "verify-clean", "--state-dir", self.state], stdin=subprocess.DEVNULL, capture_output=True,
                               timeout=30, env={**os.environ, "PATH": "/nowhere"})
        self.assertEqual(blind.returncode, 4, blind.stdout + blind.stderr)
        print_of_before = Path(self.state, "fingerprint.json")
        print_of_before.write_text("{")
        self.assertNotEqual(self.run_ordeal("verify-clean").returncode, 0, "a fingerprint was there, and cannot be read")
        print_of_before.unlink()
        self.run_ordeal("halt", "--reason", "a drill")
        self.assertEqual(self.run_ordeal("verify-clean").returncode, 0, "a halt is no failed revert")
        self.run_ordeal("resume")
        helper = self.helper(self.state)
        self.assertEqual(self.run_ordeal("verify-clean").returncode, 6)
        helper.kill()
        helper.wait()
        table = f"ordeal_{os.getpid()}"
        subprocess.run(["nft", "add", "table", "inet", table], check=True)
        try:
            done = self.run_ordeal("verify-clean", "--json")
        finally:
            subprocess.run(["nft", "delete", "table", "inet", table], check=True)
        self.assertEqual(done.returncode, 6)
        self.assertIn(table, str(json.loads(done.stdout)["differences"]))

    def left_of(self, directory):
        """What is left behind and what is somebody else's, of the processes; in any writing of the directory."""
        done = subprocess.run([PROGRAM, "verify-clean", "--json", "--state-dir", directory], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, env=ENVIRONMENT, cwd=self.folder, timeout=30)
        said = json.loads(done.stdout)
        return [[line for line in said[key] if line.startswith("process ")] for key in ("differences", "others")]

    def helper(self, directory, run=RUN):
        """One with the name of a helper and the command line of a standby, of a run that nobody holds."""
        before = os.getcwd()
        os.chdir(self.folder)
        try:
            return self.process("ordeal-guard", "--standby", "--run", run, "--state-dir", directory)
        finally:
            os.chdir(before)

    def test_a_helper_is_ours_however_its_directory_is_written(self):
        self.run_once()
        os.symlink(self.state, self.folder + "/link")
        for written in ("state", "./state/", "link", self.state + "/", self.folder + "/x/../state"):
            helper = self.helper(written)
            for asked in (self.state, "state", "./state/"):
                left, others = self.left_of(asked)
                self.assertTrue(any(f"process {helper.pid} " in line for line in left), (written, asked, left, others))
            helper.kill()
            helper.wait()
        self.assertEqual(self.left_of(self.state)[0], [])

    def test_a_helper_elsewhere_whose_run_is_not_live_is_left_behind(self):
        self.run_once()
        helper = self.helper(self.folder + "/elsewhere")
        self.assertTrue(any(f"process {helper.pid} " in line for line in self.left_of(self.state)[0]))

    def burner(self):
        words = [str(Path(PROGRAM).parent / "ordeal-guard"), "--burn", "--threads", "1", "--load", "0.01",
                 "--limit-ms", "60000"]
        burner = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.children.append(burner)
        burner.stdin.write(b"g")
        burner.stdin.flush()
        self.assertEqual(burner.stdout.read(1), b"b")
        return burner

    def test_a_burner_of_no_guard_is_left_behind(self):
        self.run_once()
        burner = self.burner()
        self.assertTrue(any(f"process {burner.pid} " in line for line in self.left_of(self.state)[0]))
        self.assertEqual(self.verify()[0], 6)

    def test_a_burner_of_a_run_that_lives_elsewhere_is_not(self):
        """Its guard is told an absolute directory, though the run was given a relative one."""
        self.run_once()
        loaded = json.loads(Path(self.paused("20s")).read_text())
        loaded["attack"] = {"type": "cpu", "args": {"cores": 1, "percent": 5}}
        words = [PROGRAM, "run", self.file("cpu.json", loaded), "--state-dir", "elsewhere"]
        other = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                 env=ENVIRONMENT, cwd=self.folder)
        self.children.append(other)
        for _ in range(300):
            left, others = self.left_of(self.state)
            self.assertEqual(left, [])
            if any(" --burn " in line for line in others):
                break
            time.sleep(0.02)
        self.assertTrue(any(" --burn " in line for line in others), others)
        for role in (" --guard ", " --reaper ", " --standby "):
            self.assertTrue(any(role in line and self.folder + "/elsewhere" in line for line in others), (role, others))
        halted = subprocess.run([ORDEAL, "halt", "--state-dir", self.folder + "/elsewhere"], capture_output=True, timeout=30)
        self.assertEqual(halted.returncode, 0, halted.stderr)
        other.communicate(timeout=20)
        self.assertEqual(self.left_of(self.state)[0], [])


own_host.main()
