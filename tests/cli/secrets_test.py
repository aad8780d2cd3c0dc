"""A password that a person wrote into a file or a flag is in nothing that is printed."""
import os
import subprocess
import time
from pathlib import Path

from program import ORDEAL, RUN, Case, main

SECRET = "hunt&r2x"
QUOTED = "hunt%26r2x"
URL = f"http://me:{QUOTED}@127.0.0.1:1/"
# Each way to write one down.
TEXTS = [URL, f"see {URL} for more", f"http://127.0.0.1:1/?a=1&password={QUOTED}", f"http://127.0.0.1:1/?api_key={QUOTED}#x",
         f"postgres://me:{SECRET}@db/x", f"password={SECRET.replace('&', '_')}", f"--token={QUOTED}", f"PGPASSWORD={QUOTED}",
         f"Authorization: Bearer {SECRET}", f"X-Api-Key: {SECRET}", f'{{"password": "{SECRET}"}}', "http://me:hunt/r2x@127.0.0.1:1/"]
LEAKS = [SECRET, QUOTED, SECRET.replace("&", "_"), "hunt/r2x", "hunt\\u0026r2x", "hunt&amp;r2x"]


class Secrets(Case):
    def hides(self, *words, state=True, codes=None):
        with self.subTest(" ".join(words)):
            done = self.run_ordeal(*words, state=state)
            text = (done.stdout + done.stderr).decode()
            for leak in LEAKS:
                self.assertNotIn(leak, text)
            if codes is not None:
                self.assertIn(done.returncode, codes, text)
            return text

    def test_plan_hides_them_wherever_they_stand(self):
        victim = self.process("sleeper")
        http = {"url": URL, "method": "POST", "headers": {"Authorization": "Bearer " + SECRET}, "body": "{\"t\": \"" + SECRET + "\"}"}
        for text in TEXTS:
            files = self.experiment(
                victim.pid, text, sources={"prometheus": URL}, rollback=[{"http": http}, {"command": ["/bin/true", text, "-p" + SECRET]}],
                expect=[{"name": text, "probe": {"http": URL}, "condition": "result == 200"},
                        {"name": "c", "probe": {"command": ["/bin/true", text, "--password", SECRET, "-u", "me:" + SECRET,
                                                              "-p" + SECRET, "-a", SECRET, "-ume:" + SECRET]},
                         "condition": "result == 0"},
                        {"name": "q", "query": "up", "condition": "result == 1"}])
            self.assertIn("***", self.hides("plan", *files))
            self.assertIn("***", self.hides("plan", "--json", *files))
            self.assertIn("***", self.hides("check", files[0], state=False))
            self.hides("check", "--json", files[0], state=False)

    def test_what_was_seen_with_its_name_is_hidden_without_it(self):
        victim = self.process("sleeper")
        self.hides("plan", *self.experiment(victim.pid, SECRET, sources={"prometheus": URL}))
        self.hides("plan", "--json", *self.experiment(victim.pid, "the password is " + SECRET, sources={"prometheus": URL}))

    def test_errors_hide_them(self):
        victim = self.process("sleeper")
        probe = lambda url: [{"probe": {"http": url}, "condition": "result == 200"}]
        for more in ({"sources": {"prometheus": f"me:{SECRET}@host"}}, {"sources": {"prometheus": f"ftp://me:{SECRET}@host"}},
                     {"expect": probe(f"http://me:{SECRET}@")}, {"expect": probe(f"gopher://me:{SECRET}@h/")},
                     {"expect": [{"name": "x", "query": "up{", "condition": "result == 1"}], "sources": {"prometheus": URL}},
                     {"length": f"password={QUOTED}"}, {"expect": probe("ftp://me:" + SECRET * 20 + "@host")},
                     {"sources": {"prometheus": "me:" + SECRET * 20 + "@host"}}):
            self.hides("plan", *self.experiment(victim.pid, "x", **more))
        files = self.experiment(victim.pid, "x", expect=[{"name": "q", "query": "up", "condition": "result == 1"}])
        self.hides("plan", *files, "--prometheus", URL)
        self.hides("plan", *files, "--prometheus", f"ftp://me:{SECRET}@host", codes=[2])
        self.hides("plan", *files, "--prometheus", "http://me:hunt/r2x@127.0.0.1:1/")
        self.hides("check", files[0], "--prometheus", URL, state=False)
        self.hides("init", "host", "--metrics", URL, state=False, codes=[2])

    def test_the_command_line_that_everybody_may_read(self):
        os.mkfifo(self.folder + "/pipe")  # which holds it up for 5 s
        process = subprocess.Popen([ORDEAL, "plan", self.folder + "/pipe", "--prometheus", URL], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.children.append(process)
        line = b""
        end = time.monotonic() + 4
        while b"me:***" not in line and time.monotonic() < end:
            line = Path(f"/proc/{process.pid}/cmdline").read_bytes()
        self.assertIn(b"http://me:***", line)
        self.assertNotIn(QUOTED.encode(), line)

    def test_other_commands_hide_them(self):
        slo = self.file("slo.yaml", """
apiVersion: openslo/v1
kind: SLO
metadata: {name: x}
spec:
  service: x
  indicator:
    metadata: {name: x}
    spec: {ratioMetric: {counter: true, bad: {metricSource: {spec: {query: bad}}}, total: {metricSource: {spec: {query: all}}}}}
  timeWindow: [{duration: 30d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.9}]
""")
        self.hides("budget", slo, "--prometheus", URL, state=False, codes=[4])
        template = self.file("t.json", {
            "apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisTemplate", "metadata": {"name": "x"},
            "spec": {"metrics": [{"name": "x", "interval": "1s", "count": 1, "consecutiveErrorLimit": 0, "successCondition": "result < 1",
                                  "provider": {"prometheus": {"address": URL, "query": "up"}}}]}})
        self.hides("analysis", template, state=False)
        self.hides("analysis", template, "--prometheus", URL, "--json", state=False)
        self.hides("lint", template, state=False)
        self.hides("scrape", f"ftp://me:{SECRET}@host", state=False, codes=[2])

    def test_a_record_from_before_they_were_hidden(self):
        for text in TEXTS[:6]:
            self.tearDown()
            self.setUp()
            self.record(text)
            self.hides("list", codes=[0])
            self.hides("list", "--json", codes=[0])
            for kind in ("html", "json", "junit", "md"):
                self.hides("report", RUN, "--format", kind, codes=[0])


if __name__ == "__main__":
    main()
