"""The templates of `ordeal init`: each is listed, can be checked as a file, and can be planned on a process of the test's own.
That each can be run, tests/kernel/templates_test.py shows."""
import json
import os
import subprocess

from program import ORDEAL, Case, main

LISTED = [line.split(None, 1) for line in
          subprocess.run([ORDEAL, "init", "--list"], stdout=subprocess.PIPE, check=True, text=True, timeout=20).stdout.splitlines()]
ATTACKS = {attack["type"]: attack for attack in map(json.loads, subprocess.run(
    [ORDEAL, "attacks", "--json"], stdout=subprocess.PIPE, check=True, timeout=20).stdout.splitlines())}
BRIEF = {"pod-termination", "network-latency", "cpu-stress", "database-exhaustion"}


class Templates(Case):
    def init(self, name):
        done = self.run_ordeal("init", name, state=False)
        self.assertEqual(done.returncode, 0, done)
        return done.stdout.decode()

    def test_there_is_one_for_each_attack_and_for_what_is_asked_most(self):
        names = [name for name, _ in LISTED]
        self.assertGreaterEqual(len(names), 30)
        self.assertEqual(names, sorted(set(names)))
        self.assertEqual(BRIEF | set(ATTACKS), (BRIEF | set(ATTACKS)) & set(names))
        for name, what in LISTED:
            self.assertTrue(what.endswith("."), name)

    def test_each_is_a_file_without_faults(self):
        for name, what in LISTED:
            with self.subTest(name):
                text = self.init(name)
                self.assertIn(what, text)
                done = self.run_ordeal("lint", self.file(name + ".yaml", text), state=False)
                self.assertEqual(done.returncode, 0, done)

    def test_each_can_be_planned(self):
        """On a process that stands for whatever its target names; what cannot be hit here is refused by name, never a bad file."""
        child = self.process("t-template")
        self.process("t-peer")
        for name, _ in LISTED:
            with self.subTest(name):
                path = self.file(name + ".yaml", self.init(name))
                here = ["--set", "attack.args.hosts=127.0.0.1"] if "certificate_expiry" in self.init(name) else []
                if "type: partition" in self.init(name):
                    here = ["--set", 'attack.args.peer={"type": "process", "name": "t-peer"}']
                done = self.run_ordeal("plan", "--json", path, "--set", 'target={"type": "process", "name": "t-template"}',
                                       "--set", "expect=[]", *here)
                self.assertNotIn(done.returncode, (2, 7), done)
                plan = json.loads(done.stdout)
                if ATTACKS[plan["experiment"]["attack"]["type"]]["only_looks"]:
                    self.assertEqual(plan["victims"], [])
                else:
                    self.assertEqual([v["victim"]["processes"][0]["pid"] for v in plan["victims"]], [child.pid])

    def test_a_file_of_it_is_written(self):
        path = self.folder + "/new.yaml"
        done = self.run_ordeal("init", "hung-worker", "-o", path, state=False)
        self.assertEqual(done.stdout.decode(), f"Wrote {path}. Now `ordeal check {path}`, then `ordeal plan {path}`.\n")
        self.assertTrue(os.path.getsize(path) > 200)

    def test_a_wrong_name_is_told_of_both(self):
        done = self.run_ordeal("init", "slow-databse", state=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("slow-database", done.stderr.decode())


if __name__ == "__main__":
    main()
