"""`ordeal report`: text at a terminal, a page elsewhere, a file as its name ends, and one page over all runs."""
import os
import pty
import subprocess
import threading
import time
import xml.etree.ElementTree
from pathlib import Path

from program import ENVIRONMENT, ORDEAL, RUN, Case, main


class Report(Case):
    def setUp(self):
        super().setUp()
        self.record("the shop is slow")

    def at_a_terminal(self, *words):
        """What it prints there, 80 columns wide and without colours."""
        ours, its = pty.openpty()
        said = []

        def read():
            while True:
                try:
                    said.append(os.read(ours, 65536))
                except OSError:
                    return

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        done = subprocess.run([ORDEAL, *words, "--state-dir", self.state], stdin=subprocess.DEVNULL, stdout=its,
                              stderr=subprocess.PIPE, timeout=30, env={**ENVIRONMENT, "TERM": "dumb"})
        time.sleep(0.1)
        os.close(its)
        reader.join(10)
        os.close(ours)
        self.assertEqual(done.returncode, 0, done.stderr)
        return b"".join(said).decode().replace("\r\n", "\n")

    def test_a_terminal_gets_text(self):
        text = self.at_a_terminal("report", "last")
        self.assertIn("What to do next", text)
        self.assertNotIn("<html", text)
        self.assertEqual(text, self.run_ordeal("report", "last", "--format", "text").stdout.decode())
        self.assertIn("<html", self.at_a_terminal("report", "last", "--format", "html"))

    def test_a_pipe_gets_the_page_and_a_file_what_its_name_ends_in(self):
        self.assertIn(b"<!DOCTYPE html>", self.run_ordeal("report", RUN).stdout)
        for ending, begin in ((".html", "<!DOCTYPE html>"), (".json", "{"), (".xml", "<?xml"), (".md", "# "), (".txt", "✕"),
                              (".page", "<!DOCTYPE html>")):
            file = self.folder + "/report" + ending
            self.assertEqual(self.run_ordeal("report", RUN, "-o", file).returncode, 0)
            self.assertTrue(Path(file).read_text().startswith(begin), (ending, Path(file).read_text()[:80]))
        self.run_ordeal("report", RUN, "-o", file, "--format", "md")
        self.assertTrue(Path(file).read_text().startswith("# "), "the flag wins")

    def links(self, page):
        text = Path(page).read_text().removeprefix("<!DOCTYPE html>")
        return [a.get("href") for a in xml.etree.ElementTree.fromstring(text).iter("a")]

    def test_one_page_over_all_runs(self):
        page = self.folder + "/index.html"
        self.assertEqual(self.run_ordeal("report", "--all", "-o", page).returncode, 0)
        self.assertEqual(self.links(page), [])
        for part in ("the shop is slow", RUN, "2026-11-23 20:15:04", "1 run,", "for 1\u00a0min on 4 victims"):
            self.assertIn(part, Path(page).read_text())
        self.run_ordeal("report", RUN, "-o", f"{self.folder}/{RUN}.html")
        self.run_ordeal("report", "--all", "-o", page)
        self.assertEqual(self.links(page), [f"{RUN}.html"])
        self.assertIn(RUN, self.at_a_terminal("report", "--all"))

    def test_without_any_run_the_page_says_so(self):
        self.state += "-none"
        done = self.run_ordeal("report", "--all")
        self.assertEqual((done.returncode, b"No runs yet" in done.stdout), (0, True), done)

    def test_what_cannot_be_meant_is_bad_input(self):
        for words in (["report"], ["report", RUN, "--all"], ["report", "--all", "--format", "json"], ["report", "last", "--format", "pdf"]):
            done = self.run_ordeal(*words)
            self.assertEqual((done.returncode, done.stdout), (2, b""), (words, done))
            self.assertIn(b"report", done.stderr)


if __name__ == "__main__":
    main()
