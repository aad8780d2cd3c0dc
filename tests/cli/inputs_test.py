"""Whatever stands where a file is expected ends a command with a sentence, and holds up nobody. Pipes are read."""
import json
import os
import subprocess
import threading
import time

from program import ORDEAL, Case, main

GOOD = {"name": "x", "target": {"type": "host"}, "attack": {"type": "cpu", "args": {}}}
TAKES = [["plan", "FILE"], ["run", "FILE"], ["plan", "GOOD", "--expect", "FILE"], ["plan", "GOOD", "--inventory", "FILE"],
         ["plan", "GOOD", "--policy", "FILE"], ["check", "FILE"], ["check", "GOOD", "--expect", "FILE"],
         ["init", "host", "--policy", "FILE"], ["lint", "FILE"], ["analysis", "FILE"], ["dashboard", "FILE"],
         ["dashboard", "GOOD", "--expect", "FILE"], ["rules", "--slo", "FILE"],
         ["budget", "FILE", "--prometheus", "http://127.0.0.1:1"], ["scrape", "http://127.0.0.1:1/", "--token-file", "FILE"]]


class Inputs(Case):
    def ends(self, words, path):
        good = self.file("good.json", GOOD)
        start = time.monotonic()
        argv = [good if word == "GOOD" else path if word == "FILE" else word for word in words]
        done = self.run_ordeal(*argv, state=words[0] in ("plan", "run"), limit=20)
        return done, time.monotonic() - start

    def test_what_is_no_file(self):
        link, dangling = self.folder + "/link", self.folder + "/dangling"
        os.symlink("link", link)
        os.symlink("none", dangling)
        for path in (self.folder, "/dev/zero", "/dev/null", link, dangling, self.folder + "/none", "/dev/full"):
            for words in TAKES:
                with self.subTest(f"{' '.join(words)} of {path}"):
                    done, took = self.ends(words, path)
                    # A policy that others can write is refused first.
                    self.assertIn(done.returncode, (2, 3, 7) if "--policy" in words else (2,), done)
                    self.assertLess(took, 10)
                    self.assertNotEqual(done.stderr, b"")

    def test_a_pipe_that_nobody_writes(self):
        pipe = self.folder + "/pipe"
        os.mkfifo(pipe)
        results = {}
        threads = [threading.Thread(target=lambda w=words: results.__setitem__(" ".join(w), self.ends(w, pipe)))
                   for words in TAKES]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for words, (done, took) in results.items():
            with self.subTest(words):
                self.assertIn(done.returncode, (2, 3) if "--policy" in words else (2,), done)
                self.assertLess(took, 15)

    def test_a_pipe_that_is_written(self):
        text = json.dumps(GOOD).encode()
        read, write = os.pipe()
        os.write(write, text)
        os.close(write)
        by_number = self.run_ordeal("dashboard", f"/dev/fd/{read}", state=False, pass_fds=[read])
        os.close(read)
        standard = subprocess.run([ORDEAL, "dashboard", "-"], input=text, capture_output=True, timeout=20)
        slow = subprocess.run(["/bin/sh", "-c", f"(sleep 1; cat {self.file('x', GOOD)}) | {ORDEAL} dashboard /dev/stdin"],
                              capture_output=True, timeout=20)
        for done in (by_number, standard, slow):
            self.assertEqual(done.returncode, 0, done)
            self.assertIn(b'"title": "x"', done.stdout)

    def test_what_is_endless(self):
        done = subprocess.run(["/bin/sh", "-c", f"yes name: | {ORDEAL} plan - --state-dir {self.state}"], capture_output=True, timeout=30)
        self.assertEqual(done.returncode, 2, done)
        self.assertIn(b"larger than", done.stderr)

    def test_the_latch(self):
        """Whatever has its name is one: nothing starts, and nobody waits."""
        os.makedirs(self.state)
        latch = self.state + "/halt.json"
        for kind, make in (("pipe", os.mkfifo), ("folder", os.mkdir), ("dangling link", lambda path: os.symlink("none", path)),
                           ("garbage", lambda _: self.file("state/halt.json", "x"))):
            with self.subTest(kind):
                make(latch)
                start = time.monotonic()
                done = self.run_ordeal("run", self.file("good.json", GOOD), limit=10)
                self.assertEqual(done.returncode, 3, done)
                self.assertIn(b"latch", done.stderr)
                self.assertLess(time.monotonic() - start, 4.9, "it was read as an input is, which waits 5 s for a pipe")
                self.assertEqual(self.run_ordeal("halt", "--reason", "x", limit=10).returncode, 0)
                self.assertEqual(self.run_ordeal("run", self.file("good.json", GOOD), limit=10).returncode, 3)
                os.rmdir(latch) if kind == "folder" else os.unlink(latch)


if __name__ == "__main__":
    main()
