"""Where output goes: a full disk is an error of every command, a reader that has gone of none, and -o replaces no node."""
import os
import resource
import stat
import subprocess
from pathlib import Path

from program import ORDEAL, RUN, Case, main

GOOD = {"name": "x", "target": {"type": "host"}, "attack": {"type": "cpu", "args": {}}}
SLO = """
apiVersion: openslo/v1
kind: SLO
metadata: {name: x}
spec: {service: x, budgetingMethod: Occurrences, timeWindow: [{duration: 30d, isRolling: true}], objectives: [{target: 0.9}],
  indicator: {metadata: {name: x}, spec: {ratioMetric: {counter: true, bad: {metricSource: {spec: {query: a}}}, total: {metricSource: {spec: {query: b}}}}}}}
"""


class Outputs(Case):
    def setUp(self):
        super().setUp()
        self.record("x")
        good, slo = self.file("good.json", GOOD), self.file("slo.yaml", SLO)
        inventory = self.experiment(self.process("sleeper").pid)
        self.printing = [["--help"], ["--version"], ["plan", "--help"], ["attacks"], ["attacks", "--json"], ["attacks", "cpu"],
                         ["plan", *inventory], ["plan", "--json", *inventory], ["list"], ["list", "--json"], ["lint", good],
                         ["dashboard", good], ["rules", "--slo", slo], ["revert"], ["revert", "--json"], ["resume"],
                         *(["report", RUN, "--format", kind] for kind in ("html", "json", "junit", "md", "text")),
                         ["report", "--all"]]

    def words(self, words):
        stateless = words[0] in ("--help", "--version", "attacks", "lint", "dashboard", "rules") or "--help" in words
        return [ORDEAL, *words] + ([] if stateless else ["--state-dir", self.state])

    def test_a_full_disk_is_said(self):
        for words in self.printing:
            with self.subTest(" ".join(words)), open("/dev/full", "wb") as full:
                done = subprocess.run(self.words(words), stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE, timeout=30)
                self.assertEqual(done.returncode, 7, done)
                self.assertIn(b"standard output: No space left on device", done.stderr)

    def test_a_reader_that_has_gone_changes_nothing(self):
        for words in self.printing:
            with self.subTest(" ".join(words)):
                plain = subprocess.run(self.words(words), stdin=subprocess.DEVNULL, capture_output=True, timeout=30)
                read, write = os.pipe()
                os.close(read)
                done = subprocess.run(self.words(words), stdin=subprocess.DEVNULL, stdout=write, stderr=subprocess.PIPE, timeout=30)
                os.close(write)
                self.assertEqual((done.returncode, done.stderr), (plain.returncode, plain.stderr))
                closed = subprocess.run(["/bin/sh", "-c", 'exec "$@" >&- 2>&- <&-', "sh", *self.words(words)], timeout=30)
                self.assertEqual(closed.returncode, plain.returncode)

    def test_a_file_that_may_not_grow(self):
        """SIGXFSZ ends nobody: the file is not written, which is said, and no temporary file stays."""
        out = self.folder + "/out.html"
        done = self.run_ordeal("report", RUN, "-o", out,
                               preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (512, 512)))
        self.assertEqual(done.returncode, 7, done)
        self.assertIn(b"File too large", done.stderr)
        self.assertEqual([name for name in os.listdir(self.folder) if "out.html" in name], [])

    def test_nodes_stay_nodes(self):
        target, link, pipe = self.folder + "/far.html", self.folder + "/link.html", self.folder + "/pipe"
        Path(target).write_text("old")
        os.symlink("far.html", link)
        for words in (["report", RUN], ["dashboard", self.file("good.json", GOOD)], ["rules", self.file("good.json", GOOD)]):
            report = words[0] == "report"
            self.assertEqual(self.run_ordeal(*words, "-o", link, state=report).returncode, 0)
            self.assertTrue(os.path.islink(link))
            self.assertNotEqual(Path(target).read_text(), "old")
            self.assertEqual(self.run_ordeal(*words, "-o", "/dev/null", state=report).returncode, 0)
            self.assertTrue(stat.S_ISCHR(os.stat("/dev/null").st_mode))
            self.assertEqual(self.run_ordeal(*words, "-o", "/dev/full", state=report).returncode, 7)
            plain = self.run_ordeal(*words, state=report).stdout
            for standard in ("-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"):
                done = self.run_ordeal(*words, "-o", standard, state=report)
                self.assertEqual((done.returncode, done.stdout), (0, plain), (words, standard, done.stderr))
        os.mkfifo(pipe)
        reader = subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE)
        self.assertEqual(self.run_ordeal("report", RUN, "-o", pipe).returncode, 0)
        self.assertEqual(reader.communicate(timeout=20)[0], self.run_ordeal("report", RUN).stdout)

    def test_what_cannot_be_written_is_bad_input(self):
        for path in (self.folder + "/none/x.html", self.folder, self.folder + "/good.json/x.html", "/proc/x.html"):
            for words in (["report", RUN, "-o", path], ["dashboard", "-o", path], ["rules", "-o", path]):
                done = self.run_ordeal(*words, state=words[0] == "report")
                self.assertEqual(done.returncode, 2, (words, done))

    def test_a_report_into_a_folder_that_is_not_there_is_said_before_anything(self):
        files = self.experiment(self.process("sleeper").pid)
        before = sorted(os.listdir(self.state))
        for path in (self.folder + "/none/x.html", self.folder + "/good.json/x.html", "/proc/x.html"):
            done = self.run_ordeal("run", *files, "--report", self.folder + "/fine.html", "--report", path)
            self.assertEqual(done.returncode, 2, done)
            self.assertIn(b"cannot write", done.stderr)
        self.assertEqual(sorted(os.listdir(self.state)), before, "nothing was begun")
        self.assertFalse(os.path.exists(self.folder + "/fine.html"))


if __name__ == "__main__":
    main()
