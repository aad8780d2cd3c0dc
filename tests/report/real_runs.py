"""Reports of real runs: each kind is one `ordeal run` as root against a service of the test's own (service.py), and leaves
KIND.html and KIND.json. They take about a quarter of a minute each."""
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SERVICE = str(Path(__file__).with_name("service.py"))
ERRORS = 'sum(rate(requests_total{code="500"}[%s])) / sum(rate(requests_total[%s]))'
P95 = "histogram_quantile(0.95, sum by (le) (rate(request_seconds_bucket[%s])))"


def expectations(window="2s"):
    return [{"name": "error rate", "query": ERRORS % (window, window), "condition": "result < 0.05", "when": ["before", "during", "after"]},
            {"name": "p95 latency of the checkout", "query": P95 % window, "condition": "result < 0.5", "when": ["before", "during", "after"]}]


def pause(**more):
    return {"attack": {"type": "pause", "args": {}}, "length": "4s", **more}


# Kind: what the experiment says, how many workers there are, whether the first is started again, the exit code.
KINDS = {
    "held": (pause(hypothesis="One paused worker of two is not noticed",
                   target={"type": "process", "pattern": ".*service.py worker t-worker.*", "percentage": 50}), 2, False, 0),
    "deviated": (pause(hypothesis="The service lives without its worker"), 1, False, 1),
    "counted": (pause(hypothesis="A breach is seen before a query of a minute shows it", baseline="12s", expect=expectations("1m")[:1]), 1, False, 1),
    "failed-rollback": (pause(rollback=[{"command": ["/bin/false"]}]), 1, False, 1),
    "killed": ({"attack": {"type": "shutdown", "args": {"delay": "2s"}}, "length": "4s",
                "hypothesis": "A worker that dies is started again, and users notice nothing for long"}, 2, True, 0),
    "dead": ({"attack": {"type": "process_killer", "args": {"process": "t-worker", "interval": "30s"}}, "length": "3s",
              "hypothesis": "Nobody notices that a worker has died"}, 2, False, 0),
}


def kill_of(report):
    """How long after it was asked for the kill came, in seconds."""
    impact = report["impacts"][0]
    return impact["done_s"][0] - impact["begin_s"]


# What the JSON report of each kind must say.
FACTS = {
    "held": [("the attack is said with what was given, which is nothing", lambda r: r["attack"]["given"] == []),
             ("what was asked and hit", lambda r: r["attack"]["choice"].replace("\u00a0", " ") == "asked 50 %, hit 1 of 2 (50 %)")],
    "deviated": [("it says how long the recovery took", lambda r: 0 < r["timings"]["recovered_ms"] < 5000),
                 ("after the attack its worst is worse than its end",
                  lambda r: r["expectations"][0]["when"][2]["worst"] > r["expectations"][0]["when"][2]["value"])],
    "counted": [("the breach was counted before the query showed it", lambda r: r["breaches"][0]["trigger"] == "cusum")],
    "failed-rollback": [("what failed is the first thing to do", lambda r: r["next"][0].startswith("The rollback failed"))],
    "killed": [("the kill is where it happened, two seconds after it was asked for", lambda r: 1.9 < kill_of(r) < 3),
               ("the victim ran again", lambda r: r["impacts"][0]["runs_again"] is True),
               ("after the 0.7 s that it took", lambda r: 600 < r["impacts"][0]["back_after_ms"] < 3000),
               ("there was nothing to revert", lambda r: "nothing to revert" in r["impacts"][0]["reverted"])],
    "dead": [("the victim is dead", lambda r: r["impacts"][0]["runs_again"] is False),
             ("it was killed at once", lambda r: -0.5 < kill_of(r) < 0.5),
             ("its start is the first thing to do", lambda r: "did not come back" in r["next"][0])],
}


def false_facts(kind, report):
    return [what for what, is_so in FACTS.get(kind, []) if not is_so(report)]


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def wait_for(path):
    until = time.monotonic() + 10
    while not os.path.exists(path):
        if time.monotonic() > until:
            raise RuntimeError(f"{path} did not come to be")
        time.sleep(0.02)


class Stage:
    """The service and its workers; whatever was started is ended."""

    def __init__(self, folder, workers, restarted):
        self.folder, self.started = folder, []
        self.sockets = [f"{folder}/{i}.sock" for i in range(workers)]
        for i, path in enumerate(self.sockets):
            argv = [sys.executable, SERVICE, "worker", f"t-worker-{i}", path]
            if i == 0 and restarted:
                argv = ["/bin/sh", "-c", 'while :; do "$@"; sleep 0.7; done', "sh", *argv]
            self.start(argv)
            wait_for(path)
        self.port = free_port()
        page = self.start([sys.executable, SERVICE, "page", str(self.port), *self.sockets])
        page.stdout.readline()

    def start(self, argv):
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True)
        self.started.append(process)
        return process

    def end(self):
        for process in self.started:
            try:
                os.killpg(process.pid, 9)
            except ProcessLookupError:
                pass
            process.wait()


def make(ordeal, kind, html, data):
    """The report of one run, as a page and as JSON; an error says what the run printed."""
    more, workers, restarted, code = KINDS[kind]
    folder = tempfile.mkdtemp(prefix="ordeal-report-")
    stage = None
    try:
        stage = Stage(folder, workers, restarted)
        experiment = {"name": f"a worker of the checkout fails ({kind})", "target": {"type": "process", "name": "t-worker-0"},
                      "baseline": "3s", "recovery": "8s", "expect": expectations(),
                      "sources": {"scrape": [{"url": f"http://127.0.0.1:{stage.port}/metrics"}], "interval": "200ms"}, **more}
        file = Path(folder, "experiment.json")
        file.write_text(json.dumps(experiment))
        done = subprocess.run([ordeal, "run", str(file), "--state-dir", folder + "/state", "--report", html, "--report", data],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=90)
        if done.returncode != code:
            raise RuntimeError(f"{kind}: exit {done.returncode} instead of {code}:\n{done.stdout[-3000:]}{done.stderr[-2000:]}")
    finally:
        if stage:
            stage.end()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    make(sys.argv[1], sys.argv[2], sys.argv[3] + ".html", sys.argv[3] + ".json")
