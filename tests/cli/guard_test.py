"""Which ordeal-guard root executes: never one that somebody planted who could not have replaced the program itself. As root."""
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import program
from program import ENVIRONMENT, Case

STRANGER = 65534


class Guard(Case):
    def setUp(self):
        super().setUp()
        os.chmod(self.folder, 0o755)
        self.marker = Path(self.folder, "executed")

    def install(self, place, guard=None):
        """The program in that directory, and the real guard in another."""
        for name, folder in (("ordeal", place), ("ordeal-guard", guard)):
            if folder is not None:
                Path(self.folder, folder).mkdir(parents=True, exist_ok=True)
                shutil.copy(Path(program.ORDEAL).parent / name, Path(self.folder, folder, name))
        return Path(self.folder, place, "ordeal")

    def plant(self, place, owner=STRANGER):
        """A guard that says when it was executed."""
        path = Path(self.folder, place, "ordeal-guard")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n: > {self.marker}\n")
        path.chmod(0o755)
        os.chown(path, owner, owner)
        return path

    def revert(self, ordeal):
        done = subprocess.run([ordeal, "revert", "--state-dir", self.state], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=30, env=ENVIRONMENT)
        return done.returncode, done.stderr

    def test_the_directory_beside_a_folder_of_anybodys_is_not_searched(self):
        for place in ("libexec/ordeal", "."):
            self.plant(place)
        code, said = self.revert(self.install("x"))
        self.assertEqual(code, 7, said)
        self.assertIn("install both programs", said)
        self.assertFalse(self.marker.exists())

    def test_a_planted_one_is_refused_wherever_it_lies(self):
        ordeal = self.install("bin")
        for place in ("bin", "libexec/ordeal", "."):
            with self.subTest(place):
                guard = self.plant(place)
                code, said = self.revert(ordeal)
                self.assertEqual(code, 3, said)
                self.assertIn(f"{guard} belongs to the user {STRANGER}", said)
                self.assertFalse(self.marker.exists())
                os.chown(guard, 0, 0)
                self.revert(ordeal)
                self.assertTrue(self.marker.exists(), "it would have been executed")
                self.marker.unlink()
                guard.unlink()

    def test_a_directory_on_its_path_counts_as_well(self):
        ordeal = self.install("bin", "libexec/ordeal")
        self.assertEqual(self.revert(ordeal)[0], 0)
        folder = Path(self.folder, "libexec")
        folder.chmod(0o777)
        code, said = self.revert(ordeal)
        self.assertEqual(code, 3, said)
        self.assertIn(f"{folder} can be written by others", said)
        folder.chmod(0o755)
        os.chown(folder, STRANGER, STRANGER)
        self.assertEqual(self.revert(ordeal)[0], 3)

    def test_what_a_developer_built_at_home_root_may_run(self):
        home = Path(self.folder, "home")
        ordeal = self.install("home/build", "home/build")
        for path in (home, ordeal.parent, ordeal, ordeal.parent / "ordeal-guard"):
            os.chown(path, STRANGER, STRANGER)
            path.chmod(stat.S_IMODE(path.stat().st_mode) | stat.S_IWGRP)  # the umask 002 of some distributions
        self.assertEqual(self.revert(ordeal), (0, ""))


if __name__ == "__main__":
    if os.geteuid() != 0:
        sys.exit(77)
    program.main()
