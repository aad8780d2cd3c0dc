"""Ordeal as a data source: promtool, as an example of what speaks Prometheus' API, asks `ordeal scrape` and a run that
listens."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench" / "halting"))

from halting import Bench  # noqa: E402
from lab import wait_until  # noqa: E402
from prometheus import free_port  # noqa: E402
from service import Service  # noqa: E402


def ask(*words):
    done = subprocess.run(["promtool", "query", *words], capture_output=True, text=True)
    return done.stdout + done.stderr


def page(url, token=None):
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, ""
    except OSError:
        return None, ""


def scraped(problems, ordeal, service):
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen([ordeal, "scrape", service.url, "--interval", "100ms", "--listen", f"127.0.0.1:{port}"],
                               stdout=subprocess.DEVNULL)
    try:
        ready = lambda: "=>" in ask("instant", url, "rate(r_total[2s]) > 0")
        if not wait_until(ready, 10, 0.2):
            problems.append("no rate: " + ask("instant", url, "rate(r_total[2s])"))
        for words, expected in ((("instant", url, "sum(r_total) > 0"), "=>"),
                                (("instant", url, "sum("), "column 5: expected an expression"),
                                (("range", "--step=1s", url, "sum(r_total)"), "@["),
                                (("series", "--match=r_total", url), 'code="500"'),
                                (("labels", url, "code"), "200")):
            answer = ask(*words)
            if expected not in answer:
                problems.append(f"{' '.join(words)}: expected {expected}, found {answer}")
    finally:
        process.terminate()
        problems += [f"exit {process.returncode}"] if process.wait(5) != 0 else []
    return "promtool asked it for instants, ranges, series and labels"


def guarded(problems, ordeal, service, folder):
    """Off loopback only with a token."""
    open_to_all = ["scrape", service.url, "--listen", "0.0.0.0:0"]
    refused = subprocess.run([ordeal, *open_to_all], capture_output=True, text=True, timeout=10)
    if refused.returncode != 2 or "needs a token" not in refused.stderr:
        problems.append(f"exit {refused.returncode}: {refused.stderr}")
    port, token = free_port(), "0123456789abcdef0123"
    file = os.path.join(folder, "token")
    Path(file).write_text(token + "\n")
    process = subprocess.Popen([ordeal, "scrape", service.url, "--listen", f"0.0.0.0:{port}", "--token-file", file],
                               stdout=subprocess.DEVNULL)
    try:
        query = f"http://127.0.0.1:{port}/api/v1/query?query=1"
        wait_until(lambda: page(query)[0], 5, 0.1)
        seen = [page(query)[0], page(query, "wrong")[0], page(query, token)[0]]
        problems += [f"statuses {seen}, expected 401, 401, 200"] if seen != [401, 401, 200] else []
    finally:
        process.terminate()
        process.wait(5)
    return "401 without the token, 200 with it"


def listening(problems, bench):
    """A run that can be watched while it goes on."""
    service, port = Service(200), free_port()
    experiment = bench.experiment(service.url, {"name": "errors", "query": "broken", "condition": "result == 0"})
    file = os.path.join(bench.folder.name, "listening.json")
    with open(file, "w") as out:
        json.dump(dict(experiment, length="3s", baseline="1s"), out)
    run = subprocess.Popen([bench.ordeal, "run", file, "--quiet", "--state-dir", bench.folder.name + "/listening",
                            "--listen", f"127.0.0.1:{port}"], stdout=subprocess.PIPE, text=True)
    try:
        url = f"http://127.0.0.1:{port}"
        during = lambda: 'phase="during"' in ask("instant", url, "ordeal_run_phase == 1")
        if not wait_until(during, 8, 0.1):
            problems.append("the attack was not seen: " + ask("instant", url, "ordeal_run_phase"))
        else:
            metrics = page(url + "/metrics")[1]
            problems += [f"/metrics: {metrics}"] if 'ordeal_impacts_active{attack="cpu"} 1' not in metrics else []
            scraped_too = ask("instant", url, "sum(rate(r_total[1s]))")
            problems += [f"what it scrapes: {scraped_too}"] if "=>" not in scraped_too else []
    finally:
        out, _ = run.communicate(timeout=30)
        service.stop()
    problems += [f"exit {run.returncode}: {out}"] if run.returncode != 0 else []
    return out.strip()


def bad_line(problems, bench):
    """A line that is no metric costs itself alone, a run says so, and such a page proves nothing."""
    service = Service(200)
    service.more = "no metric {at all\n"
    file = os.path.join(bench.folder.name, "bad_line.json")
    with open(file, "w") as out:
        json.dump(dict(bench.experiment(service.url, {"name": "broken", "query": "broken", "condition": "result == 0"}),
                       length="1s", baseline="500ms", recovery="2s"), out)
    try:
        run = subprocess.run([bench.ordeal, "run", file, "--json", "--state-dir", bench.folder.name + "/bad_line"],
                             capture_output=True, text=True, timeout=30)
    finally:
        service.stop()
    events = [json.loads(line) for line in run.stdout.splitlines()]
    notes = [event["data"]["text"] for event in events if event["type"] == "note"]
    told = [text for text in notes if "1 bad lines; line 6" in text]
    reason = events[-1]["data"]["reason"] if events else ""
    if run.returncode != 4 or len(told) != 1 or "1 bad lines; line 6" not in reason:
        problems.append(f"exit {run.returncode}, {reason}, notes {notes}")
    return reason


def run_suite(report, options):
    if not shutil.which("promtool"):
        print("skipped: there is no promtool (scripts/setup installs it)")
        sys.exit(77)
    bench, service = Bench(options.build, "100ms"), Service(200)
    try:
        with tempfile.TemporaryDirectory(prefix="ordeal-scrape-") as folder:
            for name, act in (("promtool asks ordeal scrape", lambda p: scraped(p, bench.ordeal, service)),
                              ("off loopback a token is needed", lambda p: guarded(p, bench.ordeal, service, folder)),
                              ("a run that listens", lambda p: listening(p, bench)),
                              ("a page with a bad line", lambda p: bad_line(p, bench))):
                if options.only in name:
                    problems = []
                    note = act(problems)
                    report.case(name, problems, note)
    finally:
        service.stop()
        bench.close()
