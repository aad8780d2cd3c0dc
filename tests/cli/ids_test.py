"""An id becomes a path, a row and a cgroup: nothing else than an id is one."""
import os
import subprocess
from pathlib import Path

from program import ORDEAL, Case, main

BAD = ["../../x", "..", ".", "/etc", "x", "r20261123t201504z-k3f2a/..", "../journal/r20261123t201504z-k3f2a", "%", "_",
       "R20261123T201504Z-K3F9A", "r20261123t201504z-k3f2a\n", "r20261123t201504z-k3f21", "*"]


class Ids(Case):
    def refuses(self, *words, **options):
        with self.subTest(" ".join(words)):
            done = self.run_ordeal(*words, **options)
            self.assertEqual(done.returncode, 2, done)
            self.assertIn(b"is not a run's id", done.stderr)

    def test_every_command_that_takes_one(self):
        self.record("x")
        os.makedirs(self.folder + "/x")
        # Where "../../x" would lead, with a lock that a live run could hold.
        for folder in (self.state + "/run", self.folder + "/x"):
            os.makedirs(folder, exist_ok=True)
            Path(folder, "lock").write_text("")
        before = sorted(map(str, Path(self.folder).rglob("*")))
        for bad in BAD + ["last", "r2026"]:
            self.refuses("halt", bad)
            self.refuses("halt", bad, "--json")
        for bad in BAD:
            for kind in ("html", "json", "junit", "md"):
                self.refuses("report", bad, "--format", kind)
        after = sorted(map(str, Path(self.folder).rglob("*")))
        self.assertEqual([path for path in after if "sqlite" not in path], [path for path in before if "sqlite" not in path])

    def test_the_guard_and_its_reaper(self):
        guard = os.path.join(os.path.dirname(ORDEAL), "ordeal-guard")
        for bad in BAD + ["last", ""]:
            for mode in ("--guard", "--reaper"):
                done = subprocess.run([guard, mode, "--run", bad, "--socket", "0", "--lock", "0", "--lease-ms", "1000",
                                       "--state-dir", self.state], stdin=subprocess.DEVNULL, capture_output=True, timeout=20)
                self.assertEqual(done.returncode, 2, (bad, done))
        self.assertFalse(os.path.exists(self.state))

    def test_a_run_that_is_not_there(self):
        self.assertEqual(self.run_ordeal("halt", "r20261123t201504z-aaaaa").returncode, 2)
        self.assertEqual(self.run_ordeal("report", "r20261123t201504z-aaaaa").returncode, 2)


if __name__ == "__main__":
    main()
