"""The whole demo: the case study's four experiments end as the case study says, with reports, and nothing stays."""
import json
from html.parser import HTMLParser

from demo_run import DemoRun

OUTCOMES = {"latency-sync": "deviated", "latency-queued": "held", "pods": "held", "cpu": "held", "database": "held"}
TITLES = ["Network latency, payments synchronous", "Network latency again", "Pod termination", "CPU stress",
          "Database exhaustion", "Critical bugs found", "Circuit breaker validation", "Fault off after a breach"]
VOID = {"meta", "br", "hr", "img", "link", "input", "col", "path", "line", "rect", "circle"}


class Page(HTMLParser):
    """Counts elements that are open; SVG's may close themselves."""

    def __init__(self, text):
        super().__init__()
        self.open, self.errors = [], []
        self.feed(text)
        self.close()
        self.errors += [f"<{tag}> is not closed" for tag in self.open]

    def handle_starttag(self, tag, attributes):
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        pass

    def handle_endtag(self, tag):
        if tag in VOID:
            return
        if not self.open or self.open.pop() != tag:
            self.errors.append(f"</{tag}> closes nothing")


def report_problems(demo, key, outcome):
    file = demo.reports / f"{key}.json"
    try:
        report = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        return [f"{file.name}: {error}"]
    found = report["verdict"]["outcome"]
    problems = [] if found == outcome else [f"{found}: {report['verdict']['reason']}"]
    page = (demo.reports / f"{key}.html").read_text()
    if not page.lower().startswith("<!doctype html>") or outcome not in page:
        problems.append("the HTML report does not tell the outcome")
    return problems + [f"HTML: {error}" for error in Page(page).errors]


def run_suite(report, options):
    demo = DemoRun(options.build)
    try:
        code = demo.wait(200)
        text = demo.text()
        problems = [] if code == 0 else [f"exit {code}", *text.splitlines()[-40:]]
        problems += [f"the table lacks {title!r}" for title in TITLES if title not in text]
        if "Every outcome is the expected one." not in text:
            problems.append("it does not say that every outcome is the expected one")
        report.case("demo/run ends well", problems)
        for key, outcome in OUTCOMES.items():
            report.case(f"{key}: {outcome}", report_problems(demo, key, outcome))
        bad = [event["data"]["error"] for event in demo.of_type("reverted") if event["data"]["result"] == "failed"]
        report.case("every fault was reverted", bad, f"{len(demo.of_type('reverted'))} impacts")
        report.case("nothing is left", demo.left_behind())
    finally:
        demo.close()
