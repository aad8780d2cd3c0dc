"""Argo's analysis against a real Prometheus, with an example template: strict, compat, and as the expectations of a
run whose rollback is a command."""
import http.server
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

from lab import PORT, Lab, Run, now, start, traces, wait_until
from prometheus import App, Prometheus

BRIEF = (Path(__file__).resolve().parents[1] / "cluster/rollback.yaml").read_text()
RANGE = """apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: range}
spec:
  metrics:
  - name: requests
    successCondition: "len(result) > 2 && all(result, # >= 0)"
    provider:
      prometheus:
        query: sum(http_requests_total)
        rangeQuery: {start: 'now() - duration("5s")', end: now(), step: 1s}
"""
RATIO = 'sum(rate(http_requests_total{status=~"5.."}[1m])) / sum(rate(http_requests_total[1m]))'


class Shop:
    """/metrics of a service of 200 requests a second, of which a share fails."""
    RATE = 200

    def __init__(self):
        self.share, self.good, self.bad, self.since = 0.0, 0.0, 0.0, now()
        self.lock = threading.Lock()
        handler = type("Handler", (http.server.BaseHTTPRequestHandler,),
                       {"do_GET": lambda request: self.serve(request), "log_message": lambda *_: None})
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def fail(self, share):
        with self.lock:
            self.count()
            self.share = share

    def count(self):
        requests = (now() - self.since) * self.RATE
        self.since = now()
        self.good += requests * (1 - self.share)
        self.bad += requests * self.share

    def serve(self, request):
        with self.lock:
            self.count()
            body = (f'http_requests_total{{status="200"}} {self.good:.0f}\n'
                    f'http_requests_total{{status="500"}} {self.bad:.0f}\n').encode()
        request.send_response(200)
        request.send_header("Content-Type", "text/plain")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Analysis:
    """One `ordeal analysis --json`."""

    def __init__(self, suite, text, *flags):
        self.file = suite.write(text)
        self.begin = now()
        self.log = open(self.file + ".log", "w+")
        self.process = start([suite.lab.ordeal, "analysis", self.file, "--prometheus", suite.prometheus.url, "--json", *flags],
                             stdout=self.log, stderr=subprocess.STDOUT)

    def text(self):
        with open(self.log.name) as file:
            return file.read()

    def lines(self, kind):
        found = [json.loads(line) for line in self.text().splitlines() if line.startswith("{")]
        return [line for line in found if line["type"] == kind]

    def phases(self):
        return [line["phase"] for line in self.lines("measurement")]

    def end(self, limit):
        """(exit code, the last line, seconds)"""
        try:
            code = self.process.wait(limit)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            code = None
        ends = self.lines("end")
        return code, ends[0] if ends else {}, now() - self.begin


class Suite:
    def __init__(self, lab, report):
        self.lab, self.report, self.files = lab, report, 0
        self.shop = Shop()
        self.prometheus = Prometheus(lab.folder, self.shop.port, "analysis")
        self.prometheus.ensure()

    def write(self, text):
        self.files += 1
        name = f"{self.lab.folder}/argo-{self.files}.yaml"
        with open(name, "w") as file:
            file.write(text)
        return name

    def close(self):
        self.prometheus.end()
        self.shop.stop()


def expect(problems, what, found, wanted):
    if found != wanted:
        problems.append(f"{what}: {found}, expected {wanted}")


def lint(suite):
    """The example has its traps, and none for which it would be refused."""
    problems = []
    done = suite.lab.command("lint", suite.write(BRIEF))
    expect(problems, "exit", done.returncode, 0)
    for words in ("compares the list that the query gives", "fix:  successCondition: result[0] < {{args.error-rate-threshold}}",
                  "the query is a ratio"):
        problems += [] if words in done.stdout else [f"no {words!r} in {done.stdout}"]
    inline = BRIEF.replace("- setWeight: 100", "- analysis: {templates: [{templateName: error-rate-analysis}]}")
    done = suite.lab.command("lint", suite.write(inline))
    expect(problems, "exit of an inline analysis without end", done.returncode, 2)
    problems += [] if "which runs indefinitely" in done.stdout else [done.stdout]
    suite.report.case("lint of the example", problems)


def strict_ended(suite, analysis):
    """As on a real controller: a healthy version is rolled back after 40 s."""
    problems = []
    code, end, took = analysis.end(50)
    expect(problems, "exit", code, 4)
    expect(problems, "measurements", analysis.phases(), ["Error"] * 5)
    expect(problems, "phase", end.get("phase"), "Error")
    if not end.get("message", "").startswith('Metric "error-rate" assessed Error due to consecutiveErrors (5) > consecutiveErrorLimit (4)'):
        problems.append(f"message: {end.get('message')}")
    problems += [] if 39 < took < 45 else [f"it took {took:.1f} s"]
    problems += [] if any("would abort" in text for text in end.get("rollout", [])) else [f"the Rollout: {end}"]
    suite.report.case("strict: a healthy version ends in Error after five errors, 10 s apart", problems, f"{took:.1f} s")


def compat(suite):
    """It goes on while all is well, and a step to 20 % errors fails it."""
    problems = []
    analysis = Analysis(suite, BRIEF.replace("interval: 1m", "interval: 1s"))
    wait_until(lambda: len(analysis.phases()) >= 3, 15, 0.1)
    expect(problems, "while healthy", set(analysis.phases()), {"Successful"})
    if analysis.text().count("ordeal: warning: successCondition") != 1:
        problems.append("no warning, or more than one")
    suite.shop.fail(0.2)
    began = now()
    code, end, _ = analysis.end(20)
    took = now() - began
    suite.shop.fail(0)
    expect(problems, "exit", code, 1)
    expect(problems, "message", end.get("message"), 'Metric "error-rate" assessed Failed due to failed (1) > failureLimit (0)')
    suite.report.case("compat: goes on, and a step to 20 % errors is Failed", problems,
                      f"{took:.1f} s after the step (the window alone takes 3 s)")


def interrupted(suite):
    problems = []
    analysis = Analysis(suite, BRIEF, "--arg", "error-rate-threshold=0.9")
    wait_until(lambda: analysis.phases(), 10, 0.05)
    asked = now()
    analysis.process.send_signal(signal.SIGINT)
    code, end, _ = analysis.end(5)
    took = now() - asked
    expect(problems, "exit", code, 0)
    expect(problems, "message", end.get("message"), "Run Terminated")
    problems += [] if took < 0.5 else [f"it took {took:.1f} s"]
    suite.report.case("Ctrl-C terminates the run", problems, f"{took * 1e3:.0f} ms")


def ranged(suite):
    problems = []
    code, end, _ = Analysis(suite, RANGE, "--strict").end(10)
    expect(problems, "exit", code, 0)
    expect(problems, "phase", end.get("phase"), "Successful")
    suite.report.case("a range query in strict", problems, str(end.get("metrics", [{}])[0].get("successful")))


def experiment(lab, marker):
    return {"name": "argo", "target": lab.target(), "length": "20s", "baseline": "1s", "sources": {"interval": "200ms"},
            "attack": {"type": "latency", "args": {"delay": "200ms", "port": PORT, "protocol": "udp"}},
            "rollback": [{"command": ["false"]}, {"command": ["sh", "-c", 'echo "$ORDEAL_BREACH" > ' + marker], "timeout": "5s"}]}


def as_expectations(suite, prometheus):
    """The example as it stands, watched by --prometheus: a breach halts, the fault goes, then the rollback."""
    problems, lab = [], suite.lab
    marker = lab.folder + "/rolled-back"
    ready = lambda: prometheus.query("sum(rate(http_requests_total[1m]))")
    wait_until(ready, 20, 0.2)
    run = Run(lab, experiment(lab, marker), flags=["--expect", suite.write(BRIEF), "--prometheus", prometheus.url])
    code = run.wait(40)
    verdict, breach, reverted = run.event("verdict"), run.event("breach"), run.event("reverted")
    actions = [event for event in run.events() if event["type"] == "action"]
    expect(problems, "exit", code, 1)
    expect(problems, "the breach is of", breach and breach["data"]["name"], "error-rate")
    expect(problems, "actions", [action["data"]["ok"] for action in actions], [False, True])
    if actions and reverted and not reverted["seq"] < actions[0]["seq"]:
        problems.append("the rollback began before the fault was off")
    said = open(marker).read() if os.path.exists(marker) else "nothing"
    problems += [] if breach and said.strip() == breach["data"]["text"] else [f"the command was told {said}"]
    page = lab.command("report", run.event("run")["run"], "--state-dir", run.state, "--format", "md") if run.event("run") else None
    problems += [] if page and "exited with 1" in page.stdout else ["the report does not tell of the action that failed"]
    problems += run.text().splitlines()[-6:] if problems else []
    problems += traces.clean_within(lab, run)[1]
    suite.report.case("a run with the example breaches, halts and rolls back", problems, verdict and verdict["data"]["reason"])
    run.end()
    run.forget()


def refused(suite, prometheus):
    """Without a cluster the file's own rollback cannot be sent: nothing is injected. --no-rollback does without."""
    problems, lab = [], suite.lab
    plain = experiment(lab, "")
    del plain["rollback"]
    argo = suite.write(BRIEF)
    run = Run(lab, plain, flags=["--expect", argo, "--prometheus", prometheus.url],
              wrap=["env", "PATH=/usr/sbin:/sbin", "KUBECONFIG=/dev/null"])
    expect(problems, "exit", run.wait(20), 3)
    if run.events() or "the rollback could not abort the Rollout fastapi-backend" not in run.text():
        problems.append(run.text())
    plan = lab.command("plan", run.file, "--expect", argo, "--prometheus", prometheus.url, "--state-dir", run.state, "--no-rollback")
    expect(problems, "exit of a plan without it", plan.returncode, 0)
    for words in ("Expect      error-rate: result < 0.01, a breach halts", "compares a vector with a number"):
        problems += [] if words in plan.stdout else [f"plan: no {words!r} in {plan.stdout}{plan.stderr}"]
    suite.report.case("a rollback that cannot be sent refuses the run", problems)
    run.end()
    run.forget()


def run_suite(report, options):
    if not shutil.which("prometheus"):
        print("skipped: there is no prometheus (scripts/setup installs it)")
        sys.exit(77)
    lab = Lab(options.build)
    try:
        lab.victim.ensure()
        app = App(lab.open_stream())
        watched = Prometheus(lab.folder, app.port)
        watched.ensure()
        suite = Suite(lab, report)
        try:
            lint(suite)
            wait_until(lambda: suite.prometheus.query(RATIO), 20, 0.2)
            strict = Analysis(suite, BRIEF, "--strict")  # takes 40 s, so the others go on beside it
            compat(suite)
            interrupted(suite)
            ranged(suite)
            refused(suite, watched)
            as_expectations(suite, watched)
            strict_ended(suite, strict)
        finally:
            suite.close()
            watched.end()
            app.stop()
        lab.close_stream()
    finally:
        lab.close()
