"""Runs that are watched through a real Prometheus: held, breached, and with a Prometheus that dies, hangs or is none."""
import html
import shutil
import signal
import subprocess
import sys
import time

from lab import PORT, Lab, Run, now, start, traces, wait_until
from prometheus import App, Prometheus, free_port

# Of the quick job alone: series of the slow one are needed too where they are meant.
RATIO = 'sum(rate(http_requests_total{job="app",status=~"5.."}[5s])) / sum(rate(http_requests_total{job="app"}[5s]))'
ZERO = 'sum(rate(http_requests_total{job="app"}[5s])) * 0 or vector(0)'
TRAFFIC = 'sum(rate(http_requests_total{job="app"}[5s]))'
UNNOTICED, TOO_MUCH = "20ms", "200ms"  # the application fails what takes longer than 100 ms
SILENT_SERVER = """
import socket, time
one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
one.bind(("127.0.0.1", 53))
print("ready", flush=True)
time.sleep(60)
"""
HOLD = 10  # seconds without data that are undecided


class Suite:
    def __init__(self, lab, report, only):
        self.lab, self.report, self.only = lab, report, only
        self.app = App(lab.open_stream())
        self.prometheus = Prometheus(lab.folder, self.app.port)

    def close(self):
        self.prometheus.end()
        self.app.stop()

    def calm(self):
        """Prometheus answers, traffic flows, and no error is younger than the query's window."""
        self.prometheus.ensure()
        ready = lambda: self.prometheus.query(TRAFFIC) and sum(self.prometheus.query(RATIO) or [0]) == 0
        if wait_until(ready, 20, 0.2) is None:
            raise RuntimeError(f"no traffic is seen: {self.prometheus.query(TRAFFIC)}, {self.prometheus.query(RATIO)}")

    def experiment(self, delay, length, when=("before", "during", "after")):
        expectation = {"name": "error rate", "query": RATIO, "condition": "result < 0.01", "when": list(when)}
        return {"name": "prometheus", "target": self.lab.target(), "expect": [expectation],
                "attack": {"type": "latency", "args": {"delay": delay, "port": PORT, "protocol": "udp"}},
                "length": length, "sources": {"interval": "200ms"}, "baseline": "1s", "recovery": "15s"}

    def start(self, experiment, url=None):
        return Run(self.lab, experiment, flags=["--prometheus", url or self.prometheus.url])

    def case(self, name, act, *arguments):
        """`act` is given the problems, to add to, and returns (run, what to print)."""
        if self.only not in name:
            return
        self.calm()
        problems = []
        run, note = act(problems, *arguments)
        if problems:
            problems += run.text().splitlines()[-8:]
        problems += traces.clean_within(self.lab, run)[1]
        self.report.case(name, problems, note)
        run.end()
        run.forget()


def expect_end(problems, run, code, outcome, limit=40):
    found = run.wait(limit)
    verdict = run.event("verdict")
    if found != code:
        problems.append(f"exit {found}, expected {code}")
    if outcome and (not verdict or verdict["data"]["outcome"] != outcome):
        problems.append(f"{verdict and verdict['data']}, expected {outcome}")
    return verdict["data"]["reason"] if verdict else ""


def reverted_at(problems, run):
    event = run.event("reverted")
    if not event or event["data"]["result"] != "clean":
        problems.append(f"not reverted: {event}")
        return now()
    return event["data"]["reverted_boot_ns"] / 1e9


def readings(run, phase):
    return [event["data"] for event in run.events() if event["type"] == "reading" and event["data"]["phase"] == phase]


def held(problems, suite):
    run = suite.start(suite.experiment(UNNOTICED, "6s"))
    reason = expect_end(problems, run, 0, "held")
    values = {reading.get("value") for reading in readings(run, "during")}
    if suite.prometheus.query(RATIO) or values != {0}:
        problems.append(f"an application without an error: the ratio was {values}, expected 0 alone")
    plan = suite.lab.command("plan", run.file, "--prometheus", suite.prometheus.url, "--state-dir", run.state)
    page = suite.lab.command("report", run.event("run")["run"], "--state-dir", run.state, "--format", "html")
    for where, text in (("plan", plan.stdout), ("run", run.text().replace("\\", "")), ("report", html.unescape(page.stdout))):
        if 'scrapes "nodes" only every 15s' not in text:
            problems.append(f"{where} does not warn of the slow job")
    return run, reason


def breached(problems, suite):
    run = suite.start(dict(suite.experiment(TOO_MUCH, "20s"), baseline="3s"))  # of a Prometheus that scrapes each second
    reason = expect_end(problems, run, 1, "deviated")
    breach, injected = run.event("breach"), run.event("inject")
    if not breach or not run.event("halt", by="breach"):
        problems.append("no breach halted it")
        return run, reason
    counted = [e["data"]["text"] for e in run.events() if e["type"] == "note" and "also watching single requests" in e["data"]["text"]]
    if not counted or "(0/s" in counted[0]:
        problems.append(f"its counters are not read: {counted}")
    seen = breach["boot_ns"] / 1e9
    took = reverted_at(problems, run) - seen
    problems += [f"reverted {took:.2f} s after the breach"] if took > 0.5 else []
    return run, (f"breach seen {seen - injected['boot_ns'] / 1e9:.1f} s after the injection, reverted {took * 1e3:.0f} ms "
                 f"later; {reason}")


def killed(problems, suite):
    """Without data for 10 s the run counts as breached: it halts, and the fault goes."""
    run = suite.start(suite.experiment(UNNOTICED, "40s"))
    run.wait_injected()
    time.sleep(1)
    suite.prometheus.end()
    died = now()
    reason = expect_end(problems, run, 1, "deviated")
    took = reverted_at(problems, run) - died
    problems += [f"reverted {took:.1f} s after the death"] if not HOLD - 1 < took < HOLD + 1.5 else []
    if not any("Couldn't connect" in reading.get("detail", "") for reading in readings(run, "during")):
        problems.append("no reading tells that nobody answers")
    return run, f"reverted {took:.1f} s after the death; {reason}"


def killed_late(problems, suite):
    """The attack is over before that: it went well as far as was seen, and that is no proof."""
    run = suite.start(suite.experiment(UNNOTICED, "5s", when=("before", "during")))
    run.wait_injected()
    time.sleep(1)
    suite.prometheus.end()
    reason = expect_end(problems, run, 4, "inconclusive")
    reverted_at(problems, run)
    return run, reason


def target_dies(problems, suite):
    """What a query puts in the place of what nobody counts any more is no evidence."""
    experiment = suite.experiment(UNNOTICED, "8s", when=("before", "during"))
    experiment["expect"][0].update(query=ZERO, condition="result < 1")
    run = suite.start(experiment)
    run.wait_injected()
    time.sleep(1)
    suite.app.down = True
    reason = expect_end(problems, run, 4, "inconclusive")
    suite.app.down = False
    if "all that it found has ended" not in reason:
        problems.append(f"the reason does not say why: {reason}")
    return run, reason


def hanging(problems, suite):
    """A person's halt is not held up by questions that nobody answers, nor is the lease."""
    run = suite.start(suite.experiment(UNNOTICED, "30s"))
    run.wait_injected()
    suite.prometheus.signal(signal.SIGSTOP)
    time.sleep(3)
    note = interrupt(problems, run, 1.6)
    if not any("no response within 1000 ms" in reading.get("detail", "") for reading in readings(run, "during")):
        problems.append("no reading tells that there was no answer")
    suite.prometheus.signal(signal.SIGCONT)
    return run, note


def no_names(problems, suite):
    """Looking up a name may take 10 s; nothing waits for it. In a network namespace with a name server of its own."""
    lab = suite.lab
    server = start([sys.executable, "-c", SILENT_SERVER], netns=lab.client_ns, stdout=subprocess.PIPE)
    server.stdout.readline()
    resolver = lab.folder + "/resolv.conf"
    with open(resolver, "w") as file:
        file.write("nameserver 127.0.0.1\n")
    wrap = ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/resolv.conf && exec "$@"', resolver]
    probe = {"http": {"url": "http://shop.example/", "timeout": "300ms"}}
    expectation = {"name": "shop", "probe": probe,
                   "condition": "result == 200", "when": "during"}
    experiment = dict(suite.experiment(UNNOTICED, "30s"), expect=[expectation])
    run = Run(lab, experiment, wrap=wrap, netns=lab.client_ns)
    try:
        run.wait_injected()
        time.sleep(2)
        return run, interrupt(problems, run, 0.8)
    finally:
        server.kill()
        server.wait()
        server.stdout.close()


def interrupt(problems, run, longest_pause):
    """Ctrl-C, and how long Ordeal went without a look before."""
    if not run.in_force_at(now()):
        problems.append("the fault ended before the halt")
    looks = [event["boot_ns"] / 1e9 for event in run.events() if event["type"] == "reading"]
    pause = max((b - a for a, b in zip(looks, looks[1:])), default=99)
    problems += [f"no look for {pause:.1f} s"] if pause > longest_pause else []
    asked = now()
    run.process.send_signal(signal.SIGINT)
    reason = expect_end(problems, run, 5, "halted", 15)
    took = reverted_at(problems, run) - asked
    problems += [f"reverted {took:.2f} s after Ctrl-C"] if took > 0.5 else []
    return f"reverted {took * 1e3:.0f} ms after Ctrl-C, at most {pause:.1f} s between looks; {reason}"


def refused(problems, suite, url, code, words, query=RATIO):
    begin = now()
    experiment = suite.experiment(TOO_MUCH, "20s")
    experiment["expect"][0]["query"] = query
    run = suite.start(experiment, url)
    expect_end(problems, run, code, None, 10)
    took = now() - begin
    if run.events() or words not in run.text():
        problems.append(f"expected {words!r} and no event")
    problems += [f"it took {took:.1f} s"] if took > 3 else []
    plan = suite.lab.command("plan", run.file, "--prometheus", url, "--state-dir", run.state)
    if plan.returncode != code or words not in plan.stdout + plan.stderr:
        problems.append(f"plan: exit {plan.returncode}: {plan.stdout}{plan.stderr}")
    return run, run.text().strip().splitlines()[0]


SLO = """
apiVersion: openslo/v1
kind: SLO
metadata: {{name: answers}}
spec:
  indicator:
    metadata: {{name: errors}}
    spec:
      ratioMetric:
        counter: true
        bad: {{metricSource: {{type: Prometheus, spec: {{query: 'http_requests_total{{status=~"5.."}}'}}}}}}
        total: {{metricSource: {{type: Prometheus, spec: {{query: http_requests_total}}}}}}
  timeWindow: [{{duration: 1d, isRolling: true}}]
  budgetingMethod: Occurrences
  objectives: [{{target: {target}}}]
"""


def budget(problems, suite, target, length, code):
    """A run that could cost more of the error budget than there is, and one that costs little."""
    file = suite.lab.folder + "/slo.yaml"
    with open(file, "w") as out:
        out.write(SLO.format(target=target))
    experiment = dict(suite.experiment(UNNOTICED, length), budget={"slo": file, "reserve": 10})
    shown = suite.lab.command("budget", file, "--prometheus", suite.prometheus.url)
    if shown.returncode not in (0, 1) or "burn rate" not in shown.stdout:
        problems.append(f"ordeal budget: exit {shown.returncode}: {shown.stdout}{shown.stderr}")
    run = suite.start(experiment)
    expect_end(problems, run, code, "held" if code == 0 else None)
    if code == 3 and (run.events() or "the error budget does not allow it" not in run.text()):
        problems.append("expected a refusal before anything is done")
    return run, shown.stdout.splitlines()[1].strip() if shown.stdout else ""


def run_suite(report, options):
    if not shutil.which("prometheus"):
        print("skipped: there is no prometheus (scripts/setup installs it)")
        sys.exit(77)
    lab = Lab(options.build)
    try:
        lab.victim.ensure()
        suite = Suite(lab, report, options.only)
        before = traces.fingerprint(lab)
        try:
            suite.case("held, without an error ever", held, suite)
            for name, url, code, words in (
                    ("nobody listens", f"http://127.0.0.1:{free_port()}", 4, "Couldn't connect to server"),
                    ("not a Prometheus", f"http://127.0.0.1:{suite.app.port}", 2, "(HTTP 404 Not Found, text/html)"),
                    ("no such host", "http://prometheus.invalid:9090", 2, "cannot look up prometheus.invalid")):
                suite.case("refused: " + name, refused, suite, url, code, words)
            suite.case("refused: a query of a later Prometheus", refused, suite, suite.prometheus.url, 2,
                       'expect[0] "error rate": query: Prometheus says bad_data', 'sort_by_label(up, "job")')
            suite.case("refused: the error budget", budget, suite, 0.999, "2m", 3)
            suite.case("the error budget allows it", budget, suite, 0.05, "6s", 0)
            suite.case("Prometheus dies shortly before the end", killed_late, suite)
            suite.case("a silent name server, then Ctrl-C", no_names, suite)
            suite.case("Prometheus hangs, then Ctrl-C", hanging, suite)
            suite.case("Prometheus dies", killed, suite)
            suite.case("breached", breached, suite)
            suite.case("its target dies, and the query says zero", target_dies, suite)
        finally:
            suite.close()
        lab.close_stream()
        report.case("the victim is as before", traces.differences(before, traces.fingerprint(lab)))
    finally:
        lab.close()
