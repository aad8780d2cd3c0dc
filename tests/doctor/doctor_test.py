#!/usr/bin/env python3
"""`ordeal doctor` on the machine as it is: complete, and without a trace. argv: the program."""
import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ORDEAL = sys.argv.pop(1)


def run(*arguments):
    return subprocess.run([ORDEAL, *arguments], capture_output=True, text=True, timeout=30)


def traces():
    found = [str(p) for p in Path("/sys/fs/cgroup").rglob("ordeal-reaper-doctor*")]
    return found + [line for line in Path("/proc/self/net/netlink").read_text().splitlines() if "ordeal" in line]


class Doctor(unittest.TestCase):
    def setUp(self):
        self.state = tempfile.TemporaryDirectory()
        self.addCleanup(self.state.cleanup)

    def doctor(self):
        done = run("doctor", "--json", "--state-dir", self.state.name)
        answer = json.loads(done.stdout)
        self.assertEqual(answer["exit"], done.returncode)
        return answer

    def finding(self, answer, topic):
        return next(f for f in answer["findings"] if f["topic"] == topic)

    def test_every_attack_is_judged(self):
        known = {json.loads(line)["type"] for line in run("attacks", "--json").stdout.splitlines()}
        answer = self.doctor()
        self.assertEqual({a["type"] for a in answer["attacks"]}, known)
        for attack in answer["attacks"]:
            self.assertTrue(attack["how"], attack)
            self.assertTrue(attack["usable"] or attack["advice"], attack)

    def test_it_writes_nothing(self):
        before = traces()
        self.doctor()
        self.assertEqual(os.listdir(self.state.name), [])
        self.assertEqual(traces(), before)

    def test_an_engaged_latch_stands_in_the_way(self):
        run("halt", "--reason", "lunch", "--state-dir", self.state.name)
        answer = self.doctor()
        self.assertIn("lunch", self.finding(answer, "latch")["text"])
        self.assertEqual(answer["exit"], 3)

    def test_the_journal_of_a_dead_run_is_named(self):
        folder = Path(self.state.name, "journal")
        folder.mkdir()
        (folder / "r20261123t201504z-k3f9a.journal").write_bytes(bytes(4096))
        self.assertIn("r20261123t201504z-k3f9a", self.finding(self.doctor(), "journals")["text"])

    def test_a_damaged_record_is_an_error(self):
        Path(self.state.name, "runs.sqlite").write_bytes(b"no database" * 1000)
        answer = self.doctor()
        self.assertEqual(self.finding(answer, "record")["exit"], 7)
        self.assertEqual(answer["exit"], 7)

    def test_the_text_for_people_says_the_same(self):
        text = run("doctor", "--state-dir", self.state.name).stdout
        for finding in self.doctor()["findings"]:
            self.assertIn(finding["topic"], text)


if __name__ == "__main__":
    unittest.main()
