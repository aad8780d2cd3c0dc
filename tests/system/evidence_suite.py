"""Runs that could be taken for held, or for deviated, although nothing shows it: each must end as it should, and its last
event must say what the process ends with."""
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench" / "halting"))

from halting import Bench  # noqa: E402
from prometheus import free_port  # noqa: E402
from service import Service  # noqa: E402

RATIO = 'sum(rate(r_total{%s}[%s])) / sum(rate(r_total[%s]))'
USUAL = 0.002


class OddService(Service):
    """Its page may be kept by a cache, be HTML, carry times of its own, or have a new series of errors."""
    kept = None
    html = False
    skew = 0
    first_errors = 0

    def page(self):
        if self.kept is not None:
            return self.kept
        page = super().page()
        if self.first_errors:
            page += f'r_total{{code="503"}} {self.first_errors}\n'
        if self.html:
            return "<html><body>\nstatus 1\n</body></html>\n"
        if self.skew:
            stamp = f" {int((time.time() + self.skew) * 1000)}\n"
            page = "\n".join(line if line.startswith("#") or not line else line + stamp.rstrip("\n") for line in page.split("\n"))
        return page


class Suite:
    def __init__(self, bench):
        self.bench, self.number = bench, 0

    def run(self, service, expectation, flags=(), during=None, **more):
        """(exit code, events, all text). `during` is called with the first event of the attack."""
        self.number += 1
        file = os.path.join(self.bench.folder.name, f"evidence{self.number}.json")
        experiment = self.bench.experiment(service.url, expectation)
        experiment["expect"] = [dict({"when": ["during"]}, **expectation)]
        with open(file, "w") as out:
            json.dump(dict(experiment, **{"length": "2s", "baseline": "500ms", "recovery": "3s", **more}), out)
        self.file, self.state = file, f"{self.bench.folder.name}/state{self.number}"
        process = subprocess.Popen([self.bench.ordeal, "run", file, "--json", "--state-dir", self.state, *flags],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.process, events = process, []
        for line in process.stdout:
            events.append(json.loads(line))
            if during and events[-1]["type"] == "phase" and events[-1]["data"]["phase"] == "during":
                during()
        errors = process.stderr.read()
        return process.wait(30), events, errors + "\n".join(json.dumps(event) for event in events)

    def plan(self, flags=()):
        done = subprocess.run([self.bench.ordeal, "plan", self.file, "--state-dir", self.state, *flags],
                              capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    def recorded(self):
        database = sqlite3.connect(f"file:{self.state}/runs.sqlite?mode=ro", uri=True)
        try:
            return database.execute("SELECT verdict, exit FROM run").fetchone()
        finally:
            database.close()


def agrees(problems, suite, code, events):
    """The last event, the exit code and the record are one."""
    if not events:
        return ""
    last = events[-1]
    recorded = suite.recorded()
    if last["type"] != "verdict" or last["data"]["exit"] != code or recorded != (last["data"]["outcome"], code):
        problems.append(f"exit {code}, the last event is {last}, the record {recorded}")
    return last["data"].get("reason", "")


def expect(problems, suite, wanted, words, result, injected):
    code, events, text = result
    if code != wanted or words not in text:
        problems.append(f"exit {code}, expected {wanted} and {words!r}: {text[-600:]}")
    if any(event["type"] == "inject" for event in events) != injected:
        problems.append("it injected" if not injected else "it did not inject")
    reason = agrees(problems, suite, code, events)
    return reason or text.strip().splitlines()[0][:160]


def ratio(matcher='code="500"', window="1m", more="", **keys):
    query = RATIO % (matcher, window, window) + more
    return dict({"name": "errors", "query": query, "condition": "result < 0.2"}, **keys)


def slips(problems, suite, service):
    """A slip of the pen in what counts the errors."""
    notes = []
    for query, words in (
            ('sum(rate(r_totl{code="500"}[1m])) / sum(rate(r_total[1m]))', "there is no metric r_totl; the nearest is r_total"),
            ('sum(rate(r_total{cod="500"}[1m])) / sum(rate(r_total[1m]))', "r_total has no label cod; the nearest is code"),
            ('sum(rate(r_total{job="ordeel"}[1s])) or vector(0)', "r_total has no job ordeel; the nearest is ordeal")):
        result = suite.run(service, {"name": "errors", "query": query, "condition": "result < 0.2"})
        notes.append(expect(problems, suite, 4, words, result, False))
    return "; ".join(notes)


def no_errors_yet(problems, suite, service):
    """Only a value finds nothing: none has failed so."""
    result = suite.run(service, ratio('code="507"'))
    reason = expect(problems, suite, 0, "finds no series yet", result, True)
    silenced = suite.run(service, {"name": "later", "query": "r_later or vector(0)", "condition": "result < 1",
                                   "expect_series": False})
    expect(problems, suite, 0, "held", silenced, True)
    return reason


def windows(problems, suite, service):
    """[1m] in 3 s: with what is counted it may hold; without it is refused before anything."""
    reason = expect(problems, suite, 0, "held", suite.run(service, ratio()), True)
    refused = suite.run(service, ratio(fast=False))
    expect(problems, suite, 4, "looks back over 1m", refused, False)
    code, text = suite.plan()
    if code != 4 or "cannot hold" not in text or "evidence is" not in text:
        problems.append(f"plan: exit {code}: {text}")
    expect(problems, suite, 2, "as long as the attack", suite.run(service, ratio(**{"for": "3s"})), False)
    return reason


def first_errors(problems, suite, service):
    """400 errors at once, and never one before: no rate() shows them."""
    service.first_errors = 0
    try:
        result = suite.run(service, dict(ratio('code="503"'), condition="result < 0.01"),
                           during=lambda: setattr(service, "first_errors", 400))
        return expect(problems, suite, 1, "400 of", result, True)
    finally:
        service.first_errors = 0


def kept(problems, suite, service):
    """A page that a cache keeps from the attack on."""
    try:
        result = suite.run(service, {"name": "broken", "query": "broken", "condition": "result == 0"}, length="5s",
                           during=lambda: setattr(service, "kept", service.page()))
        return expect(problems, suite, 4, "it looks like a cached page", result, True)
    finally:
        service.kept = None


def html(problems, suite, service):
    service.html = True
    try:
        result = suite.run(service, {"name": "errors", "query": 'sum(rate(r_total{code="500"}[1s])) or vector(0)',
                                     "condition": "result < 0.2"})
        return expect(problems, suite, 4, "there is no metric r_total", result, False)
    finally:
        service.html = False


def skewed(problems, suite, service):
    """A healthy service whose clock is 30 s behind."""
    service.skew = -30
    try:
        result = suite.run(service, ratio(window="5s"))
        return expect(problems, suite, 4, "behind this machine's clock", result, True)
    finally:
        service.skew = 0


def slow_probe(problems, suite, service):
    """A probe of 3 s that began before the attack of 4 s is a look of before, and the next ends after it."""
    probe = {"name": "slow", "probe": {"command": {"argv": ["sleep", "3"], "timeout": "5s"}}, "condition": "result == 0"}
    return expect(problems, suite, 4, "returned no evidence during the attack", suite.run(service, probe, length="4s"), True)


def no_process_ids(problems, suite, service):
    """The program of a probe cannot be started: that says nothing of the system."""
    probe = {"name": "check", "probe": {"command": ["/no/such/check"]}, "condition": "result == 0", "no_data": "breach"}
    return expect(problems, suite, 4, "cannot run /no/such/check", suite.run(service, probe), True)


def rare_scrapes(problems, suite, service):
    """What answers as a Prometheus took its last sample before the attack."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    source = subprocess.Popen([suite.bench.ordeal, "scrape", service.url, "--interval", "15s", "--listen", f"127.0.0.1:{port}"],
                              stdout=subprocess.DEVNULL)
    try:
        time.sleep(1.5)
        result = suite.run(service, {"name": "broken", "query": "broken", "condition": "result == 0"}, ["--prometheus", url],
                           sources={"interval": "200ms"})
        return expect(problems, suite, 4, "too few samples from that time", result, True)
    finally:
        source.terminate()
        source.wait(5)


def frequent_scrapes(problems, suite, service):
    """The same with one that scrapes often: it may hold, by a range too."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    source = subprocess.Popen([suite.bench.ordeal, "scrape", service.url, "--interval", "200ms", "--listen", f"127.0.0.1:{port}"],
                              stdout=subprocess.DEVNULL)
    try:
        time.sleep(1.5)
        result = suite.run(service, ratio(), ["--prometheus", url], sources={"interval": "200ms"})
        reason = expect(problems, suite, 0, "held", result, True)
        slip = suite.run(service, ratio('cod="500"'), ["--prometheus", url], sources={"interval": "200ms"})
        expect(problems, suite, 4, "r_total has no label cod; the nearest is code", slip, False)
        return reason
    finally:
        source.terminate()
        source.wait(5)


def two_pages(problems, suite, service):
    sources = {"interval": "200ms", "scrape": [{"url": service.url}, {"url": service.url + "?other"}]}
    result = suite.run(service, ratio(), sources=sources)
    return expect(problems, suite, 2, "the same job, address and labels", result, False)


def report_fails(problems, suite, service):
    """The run held, and its report cannot be written."""
    folder = suite.bench.folder.name + "/a folder.html"
    os.makedirs(folder + "/x", exist_ok=True)
    result = suite.run(service, ratio(), ["--report", folder])
    code, events, _ = result
    verdicts = [event["data"]["outcome"] for event in events if event["type"] == "verdict"]
    if events and verdicts != ["held", "error"]:
        problems.append(f"verdicts {verdicts}")
    return expect(problems, suite, 7 if events else code, "a folder.html", result, bool(events))


def record_fails(problems, suite, service):
    """Somebody holds the record until the run has ended: it has no verdict, and the last event says so."""
    held = []

    def hold():
        held.append(sqlite3.connect(f"{suite.state}/runs.sqlite", isolation_level=None))
        held[0].execute("BEGIN IMMEDIATE")

    code, events, _ = suite.run(service, ratio(), during=hold)
    for connection in held:
        connection.close()
    last = events[-1]["data"]
    if code != 7 or last.get("exit") != 7 or suite.recorded() != (None, None):
        problems.append(f"exit {code}, the last event is {events[-1]}, the record {suite.recorded()}")
    return last.get("reason", "")


def halted(problems, suite, service):
    """Ctrl-C, a breach that does not halt, and a breach before the attack: the last event is what the process ends with."""
    result = suite.run(service, ratio(), during=lambda: suite.process.send_signal(signal.SIGINT))
    reason = expect(problems, suite, 5, "stopped with Ctrl-C", result, True)
    never = {"name": "broken", "query": "broken", "condition": "result == 1"}
    expect(problems, suite, 4, "before the attack", suite.run(service, dict(never, when=["before"])), False)
    expect(problems, suite, 1, "was 0", suite.run(service, dict(never, halt=False)), True)
    return reason


def run_suite(report, options):
    bench, service = Bench(options.build, "200ms"), OddService(200, USUAL)
    suite = Suite(bench)
    try:
        for name, act in (("a slip of the pen", slips), ("no errors yet", no_errors_yet), ("windows", windows),
                          ("the first errors ever", first_errors), ("a page that is kept", kept), ("a page of HTML", html),
                          ("a clock that is behind", skewed), ("a probe from before", slow_probe),
                          ("a program that cannot be started", no_process_ids), ("a slow Prometheus", rare_scrapes),
                          ("a quick one", frequent_scrapes), ("two pages of one address", two_pages),
                          ("a report that cannot be written", report_fails), ("a record that cannot be written", record_fails),
                          ("halted, broken before, deviated", halted)):
            if options.only in name:
                problems = []
                note = act(problems, suite, service)
                report.case(name, problems, note)
    finally:
        service.stop()
        bench.close()
