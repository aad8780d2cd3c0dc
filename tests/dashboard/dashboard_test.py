#!/usr/bin/env python3
"""What `ordeal dashboard` and `ordeal rules` write, given to the programs that read it.

    dashboard_test.py rules ORDEAL      promtool checks the rules of every example, and of outlandish names and queries; it
                                        evaluates those of objectives over idle times and total failures (77 without it)
    dashboard_test.py grafana ORDEAL    Grafana's own types check the dashboards (77 without npm)
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from random import Random

HERE = Path(__file__).parent
DEMO = HERE.parents[1] / "demo"
CACHE = Path(os.environ.get("ORDEAL_CACHE", Path.home() / ".cache" / "ordeal")) / "grafana-schema"
SLO = HERE / "slo.yaml"


def subjects():
    """Arguments for `ordeal dashboard` and `ordeal rules`."""
    yield [], "none"
    yield ["--slo", str(SLO)], "objectives"
    for experiment in sorted((DEMO / "experiments").glob("*.json")):
        expect = DEMO / "expectations" / (experiment.stem + ".yaml")
        yield [str(experiment), "--expect", str(expect), "--slo", str(SLO)], experiment.stem


def write_all(ordeal, command, folder):
    files = []
    for arguments, name in subjects():
        files.append(os.path.join(folder, name))
        subprocess.run([ordeal, command, *arguments, "-o", files[-1]], check=True)
    return files


# Names with what means something in Go's templates, YAML, PromQL, Grafana or a shell; queries with comments.
PIECES = ["{{", "}}", " .Values.service ", '"', "'", "\n", "\\", "$labels", "%s", "#", "`", "[[a]]", "${x}", "café", "{", "\t",
          "\u2028", "\x7f", ": ", "- "]
QUERIES = ["max(up{a=%s})", "sum(rate(http_requests_total{status=~%s}[1m])) / sum(rate(http_requests_total[1m]))",
           "# first: sum(\nmin(up{b!=%s}) # last", "up{c!~%s} # with {{ braces }}", "1 + time() # %s"]


def quoted(text):
    """A PromQL string; as a regular expression it matches the text itself."""
    for c in "\\^$.|?*+()[]{}":
        text = text.replace(c, "\\" + c)
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\x7f")


def outlandish(random):
    text = lambda: "".join(random.choices(PIECES, k=random.randint(1, 5)))  # noqa: E731
    query = lambda: random.choice(QUERIES).replace("%s", quoted(text()).replace("\n", " "))  # noqa: E731
    expect = [{"name": f"{i} {text()}", "query": query(), "condition": random.choice(["result < 1", "result == 1"])}
              for i in range(20)]
    return {"name": text(), "target": {"type": "process", "pattern": "x"}, "attack": {"type": "pause", "length": "4s"},
            "expect": expect}


def check_outlandish(ordeal, folder):
    random = Random(1)
    files = []
    for i in range(10):
        experiment = os.path.join(folder, f"odd{i}.json")
        Path(experiment).write_text(json.dumps(outlandish(random)))
        files.append(experiment + ".rules")
        subprocess.run([ordeal, "rules", experiment, "-o", files[-1]], check=True)
    return subprocess.run(["promtool", "check", "rules", *files], stdout=subprocess.DEVNULL).returncode


INDICATORS = {
    "bad of all": "ratioMetric: {counter: true, bad: {metricSource: {spec: {query: 'r{code=~\"5..\"}'}}}, "
                  "total: {metricSource: {spec: {query: r}}}}",
    "good of all": "ratioMetric: {counter: true, good: {metricSource: {spec: {query: 'r{code=\"200\"}'}}}, "
                   "total: {metricSource: {spec: {query: r}}}}",
    "raw": "ratioMetric: {rawType: success, raw: {metricSource: {spec: {query: "
           "'sum(rate(r{code!~\"5..\"}[5m])) / sum(rate(r[5m]))'}}}}",
    "threshold": "thresholdMetric: {metricSource: {spec: {query: "
                 "'histogram_quantile(0.99, sum by (le) (rate(h_bucket[5m]))) # slow'}}}",
}
OBJECTIVE = """apiVersion: openslo/v1
kind: SLO
metadata: {{name: "{name}"}}
spec:
  indicator: {{spec: {{{indicator}}}}}
  timeWindow: [{{duration: 3d, isRolling: true}}]
  budgetingMethod: Occurrences
  objectives: [{{target: 0.99{comparison}}}]
---
"""
# The series of two hours, a sample a minute, and whether the alerts of an hour fire at their end.
WORLDS = [
    ("healthy", {"r{code='200'}": "0+60x120", "h_bucket{le='0.1'}": "0+60x120", "h_bucket{le='+Inf'}": "0+60x120"}, False),
    ("idle", {"r{code='200'}": "0+60x40 2400x80", "h_bucket{le='0.1'}": "0+60x40 2400x80",
              "h_bucket{le='+Inf'}": "0+60x40 2400x80"}, False),
    ("all fail", {"r{code='500'}": "0+60x120", "h_bucket{le='0.1'}": "0x120", "h_bucket{le='9'}": "0+60x120",
                  "h_bucket{le='+Inf'}": "0+60x120"}, True),
    ("all fail, ten idle minutes", {
        "r{code='500'}": "0+60x80 4800x9 4860+60x30", "h_bucket{le='0.1'}": "0x120",
        "h_bucket{le='9'}": "0+60x80 4800x9 4860+60x30", "h_bucket{le='+Inf'}": "0+60x80 4800x9 4860+60x30"}, True),
    ("never seen", {}, False),
]


def objectives(folder):
    file = os.path.join(folder, "idle.slo.yaml")
    text = "".join(OBJECTIVE.format(name=name, indicator=indicator,
                                    comparison=", op: lte, value: 0.5" if name == "threshold" else "")
                   for name, indicator in INDICATORS.items())
    Path(file).write_text(text)
    return file


def check_idle(ordeal, folder):
    rules = os.path.join(folder, "idle.rules")
    subprocess.run([ordeal, "rules", "--slo", objectives(folder), "-o", rules], check=True)
    # Only the alert of an hour: longer windows ask for more than two hours.
    text = Path(rules).read_text()
    # The expressions are asked for themselves at the end, so the rules need not be evaluated on the way there.
    lines, tests = ["rule_files: [idle.rules]", "evaluation_interval: 2h", "tests:"], []
    for name, series, fires in WORLDS:
        lines += ["- interval: 1m", f"  name: {json.dumps(name)}", "  input_series:"]
        lines += [f"  - {{series: {json.dumps(k)}, values: {json.dumps(v)}}}" for k, v in series.items()] or ["    []"]
        lines.append("  promql_expr_test:")
        for block in text.split("- alert: ")[1:]:
            if 'window: "1h"' not in block:
                continue
            expr = block.split("expr: ")[1].split("\n")[0]
            lines.append(f"  - {{expr: {json.dumps('count(' + json.loads(expr) + ') or vector(0)')}, eval_time: 2h, "
                         f"exp_samples: [{{labels: '{{}}', value: {int(fires)}}}]}}")
            tests.append(name)
    Path(folder, "idle.test.yaml").write_text("\n".join(lines) + "\n")
    if len(tests) != len(WORLDS) * len(INDICATORS):
        print(f"{len(tests)} alerts of an hour instead of {len(WORLDS) * len(INDICATORS)}")
        return 1
    return subprocess.run(["promtool", "test", "rules", os.path.join(folder, "idle.test.yaml")]).returncode


def check_rules(ordeal, folder):
    if not shutil.which("promtool"):
        return 77
    plain = subprocess.run(["promtool", "check", "rules", *write_all(ordeal, "rules", folder)]).returncode
    return plain or check_outlandish(ordeal, folder) or check_idle(ordeal, folder)


def check_grafana(ordeal, folder):
    if not shutil.which("npm"):
        return 77
    CACHE.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json", ".npmrc", "check_grafana.mjs"):
        shutil.copy(HERE / name, CACHE)
    quiet = ["--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run(["npm", "ci", *quiet], cwd=CACHE, check=True)
    files = write_all(ordeal, "dashboard", folder)
    return subprocess.run(["node", "check_grafana.mjs", *files], cwd=CACHE).returncode


def main():
    what, ordeal = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        return {"rules": check_rules, "grafana": check_grafana}[what](ordeal, folder)


if __name__ == "__main__":
    sys.exit(main())
