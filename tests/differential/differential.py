#!/usr/bin/env python3
"""Asks Ordeal's PromQL and a real Prometheus 3 the same generated queries over the same samples.

    differential.py [--optional] [--queries N] [--seed N] PROMQL_FILE

Instant and range queries, on the grid of the samples and off it. Values must be equal within 1e-9 relative, errors must
be errors in both. Prints what differs and the counts; exit 1 when anything does, 77 with --optional when there is no
Prometheus 3 (scripts/prometheus3 builds one).
"""
import argparse
import math
import random
import re
import sys
import tempfile

import prometheus

START = 1_700_000_000  # seconds; on the grid of 10 s
STEPS = 120
GRID = 10
TOLERANCE = 1e-9


def samples(rng):
    """(series, [(time, value)]): counters with resets, gauges with gaps and NaN, a histogram, odd intervals."""
    out = []
    for job in ["api", "web"]:
        for code in ["200", "404", "500"]:
            value, points = rng.randint(0, 50), []
            for i in range(STEPS):
                value = 0 if rng.random() < 0.01 else value + rng.randint(0, 30 if code == "200" else 3)
                points.append((START + i * GRID, value))
            out.append((f'requests_total{{job="{job}",code="{code}"}}', points))
        for instance in ["a", "b", "c"]:
            points = [(START + i * GRID + rng.choice([0, 0.25]), rng.choice([rng.gauss(5, 3), 0, -1, 1e9, math.nan]))
                      for i in range(STEPS) if rng.random() < 0.9 and not 40 < i < 80]
            out.append((f'load{{job="{job}",instance="{instance}"}}', points))
        counts = [0] * 5
        series = {le: [] for le in ["0.1", "0.5", "1.0", "2.5", "+Inf"]}
        for i in range(STEPS):
            for _ in range(rng.randint(0, 20)):
                latency = rng.expovariate(2)
                for k, le in enumerate(series):
                    counts[k] += latency <= float(le)
            for k, le in enumerate(series):
                series[le].append((START + i * GRID, counts[k]))
        for le, points in series.items():
            out.append((f'latency_seconds_bucket{{job="{job}",le="{le}"}}', points))
        out.append((f'up{{job="{job}"}}', [(START + i * 7.3, rng.choice([0, 1, 1, 1])) for i in range(STEPS)]))
    return out


def write(path, series):
    with open(path, "w") as file:
        family = ""
        for name, points in sorted(series):
            bare = name.split("{")[0].removesuffix("_total").removesuffix("_bucket")
            if bare != family:
                file.write(f"# TYPE {bare} unknown\n" if "_total" not in name else f"# TYPE {bare} counter\n")
                family = bare
            for time, value in points:
                file.write(f"{name} {'NaN' if math.isnan(value) else repr(float(value))} {time:.3f}\n")
        file.write("# EOF\n")


# What may differ, and why:
# - the date of NaN or of an infinity is NaN here. In Prometheus it is what Go makes of NaN as an integer, which depends on
#   the processor (the year 292277026596 on amd64): the generator asks for no such date.
# - count_values writes values into labels with all digits, and the last one may differ in log10() and the like, whose
#   results no standard fixes: the generator rounds before it counts.
# - of equal values, which ones topk and bottomk take: the order of their heaps. Those are counted apart.
TIES = re.compile(r"\b(topk|bottomk)\b")
DATES = {"hour", "day_of_week", "minute", "year", "month", "days_in_month", "day_of_year"}


class Generator:
    def __init__(self, rng):
        self.rng = rng

    def one_of(self, *options):
        return self.rng.choice(options)

    def duration(self):
        return self.one_of("15s", "30s", "45s", "1m", "95s", "2m", "5m", "1m15s")

    def selector(self):
        return self.one_of("requests_total", 'requests_total{code="500"}', 'requests_total{job="api"}',
                           'requests_total{code=~"4..|5.."}', 'requests_total{code!="200"}', "load", 'load{job="web"}',
                           'load{instance!~"a|b"}', "up", 'up{job="api"}', "latency_seconds_bucket",
                           'latency_seconds_bucket{le="+Inf"}', "nothing_here", '{__name__=~"up|load"}')

    def shift(self):
        return self.one_of("", "", "", "", " offset 30s", " offset -20s", " offset (10s) * 3",
                           " offset (1m) - 40 + 5", " offset (-2) ^ 2 * 5", " offset -(10s) * 2", " offset +(10s) + 1",
                           " offset step() * 2", " offset (step()) * 2", f" @ {START + 333}", " @ end()",
                           f" @ {START + 600} offset 1m", " @ start()")

    def range(self, depth):
        if depth > 0 and self.rng.random() < 0.15:
            return f"({self.vector(depth - 1)})[{self.duration()}:{self.one_of('', '10s', '7s', '1m')}]{self.shift()}"
        return f"{self.selector()}[{self.duration()}]{self.shift()}"

    def scalar(self, depth):
        return self.one_of("2", "0.5", "-1", "1e3", "time()", "pi()", f"scalar({self.vector(max(depth - 1, 0))})", "0", "NaN", "Inf")

    def vector(self, depth):
        if depth <= 0:
            return self.selector() + self.shift()
        return self.one_of(self.over_range, self.over_range, self.function, self.aggregate, self.aggregate, self.binary,
                           self.binary, self.labels, self.quantile, self.leaf)(depth)

    def leaf(self, _):
        return self.selector() + self.shift()

    def over_range(self, depth):
        name = self.one_of("rate", "rate", "increase", "delta", "irate", "idelta", "changes", "resets", "deriv", "sum_over_time",
                           "avg_over_time", "min_over_time", "max_over_time", "count_over_time", "last_over_time", "first_over_time",
                           "present_over_time", "stddev_over_time", "stdvar_over_time", "absent_over_time",
                           "quantile_over_time", "predict_linear")
        if name == "quantile_over_time":
            return f"{name}({self.one_of('0.5', '0.9', '0', '1', '-1', '2')}, {self.range(depth)})"
        if name == "predict_linear":
            return f"{name}({self.range(depth)}, {self.one_of('60', '-30', '3600')})"
        return f"{name}({self.range(depth)})"

    def function(self, depth):
        inner = self.vector(depth - 1)
        name = self.one_of("abs", "ceil", "floor", "exp", "ln", "log2", "log10", "sqrt", "sgn", "round", "clamp", "clamp_min",
                           "clamp_max", "sort", "sort_desc", "timestamp", "absent", "vector", "hour", "day_of_week",
                           "minute", "year", "sin", "atan", "deg", "month", "days_in_month", "day_of_year")
        if name == "vector":
            return f"vector({self.scalar(depth)})"
        if name == "clamp":
            return f"clamp({inner}, {self.one_of('0', '-5')}, {self.one_of('10', '1', '-10')})"
        if name in ("clamp_min", "clamp_max"):
            return f"{name}({inner}, {self.scalar(0)})"
        if name == "round":
            return f"round({inner}{self.one_of('', ', 0.1', ', 5')})"
        if name in DATES:
            return f"{name}({inner}{self.one_of('', ' * 1e9', ' * 1e15', ' * 1e18', ' * -3e17')})"
        return f"{name}({inner})"

    def aggregate(self, depth):
        inner = self.vector(depth - 1)
        by = self.one_of("", " by (job)", " by (code, job)", " without (instance)", " without (job, le)", " by ()")
        name = self.one_of("sum", "sum", "avg", "min", "max", "count", "group", "stddev", "stdvar", "topk", "bottomk",
                           "quantile", "count_values")
        if name in ("topk", "bottomk"):
            return f"{name}{by}({self.one_of('1', '2', '100', '0', '-1', '1e18', '1e20', '-1e20', 'Inf', '-Inf', 'NaN')}, {inner})"
        if name == "quantile":
            return f"quantile{by}({self.one_of('0.5', '0.95', '1.5', '0')}, {inner})"
        if name == "count_values":
            return f'count_values{by}("value", round({inner}, 0.01))'
        return f"{name}{by}({inner})"

    def binary(self, depth):
        left, right = self.vector(depth - 1), self.vector(depth - 1)
        kind = self.rng.random()
        op = self.one_of("+", "-", "*", "/", "%", "^", "atan2", "==", "!=", ">", "<", ">=", "<=", "> bool", "<= bool")
        if kind < 0.35:
            return f"({left}) {op} {self.scalar(depth)}"
        if kind < 0.45:
            return f"{self.scalar(depth)} {op} ({left})"
        if kind < 0.65:
            return f"({left}) {self.one_of('and', 'or', 'unless')}{self.one_of('', ' on (job)', ' ignoring (code)')} ({right})"
        match = self.one_of("", "", " on (job)", " on (job) group_left", " ignoring (code) group_right", " on (job, code)",
                            " ignoring (code, le, instance) group_left", " on (job) group_left (instance)", " on ()")
        return f"({left}) {op}{match} ({right})"

    def labels(self, depth):
        inner = self.vector(depth - 1)
        if self.rng.random() < 0.5:
            return f'label_replace({inner}, "{self.one_of("dst", "job", "code")}", "{self.one_of("x-$1", "$1", "", "y")}", "{self.one_of("job", "code", "none")}", "{self.one_of("(.*)", "a(.*)", "5.*", "")}")'
        return f'label_join({inner}, "{self.one_of("dst", "job")}", "{self.one_of("-", "")}", "job", "code")'

    def quantile(self, depth):
        q = self.one_of("0.5", "0.95", "0.99", "0", "1", "-0.1", "1.1")
        inner = f"rate(latency_seconds_bucket[{self.duration()}])"
        inner = self.one_of(inner, f"sum by (le) ({inner})", f"sum by (job, le) ({inner})", "latency_seconds_bucket",
                            self.vector(depth - 1))
        if self.rng.random() < 0.3:
            return f"histogram_fraction({self.one_of('0', '0.2', '-Inf')}, {self.one_of('0.7', '1', '+Inf')}, {inner})"
        return f"histogram_quantile({q}, {inner})"

    def query(self):
        return self.scalar(2) if self.rng.random() < 0.03 else self.vector(self.one_of(1, 2, 2, 3))


def close(a, b):
    x, y = float(a), float(b)
    if math.isnan(x) or math.isnan(y):
        return math.isnan(x) and math.isnan(y)
    if x == y:
        return True
    if math.isinf(x) or math.isinf(y):
        return False
    return abs(x - y) <= TOLERANCE * max(abs(x), abs(y), 1e-9)


def key(metric):
    return tuple(sorted(metric.items()))


def compare(ours, theirs):
    """'' or what differs. The order of sort() and topk() is left to the conformance scripts: equal values have none."""
    if ours["status"] != theirs["status"]:
        return f"Ordeal: {str(ours)[:300]}\n    Prometheus: {str(theirs)[:300]}"
    if theirs["status"] == "error":
        return ""
    a, b = ours["data"], theirs["data"]
    if a["resultType"] != b["resultType"]:
        return f"a {a['resultType']}, Prometheus says a {b['resultType']}"
    a, b = a["result"], b["result"]
    if theirs["data"]["resultType"] in ("scalar", "string"):
        return "" if close(a[1], b[1]) else f"{a[1]}, Prometheus says {b[1]}"
    mine, other = {key(x["metric"]): x for x in a}, {key(x["metric"]): x for x in b}
    if set(mine) != set(other):
        return f"only Ordeal: {sorted(set(mine) - set(other))[:3]}, only Prometheus: {sorted(set(other) - set(mine))[:3]}"
    for k, x in mine.items():
        xs = x.get("values") or [x["value"]]
        ys = other[k].get("values") or [other[k]["value"]]
        if len(xs) != len(ys):
            return f"{dict(k)}: {len(xs)} points, Prometheus has {len(ys)}"
        for (t, v), (u, w) in zip(xs, ys):
            if t != u or not close(v, w):
                return f"{dict(k)}: {v} at {t}, Prometheus says {w} at {u}"
    return ""


def parameters_of(rng, query):
    """On the grid or off it, an instant or a range."""
    at = START + rng.randint(-2, STEPS + 10) * GRID + rng.choice([0, 0, 3.7, 0.001, 9.999])
    if rng.random() < 0.5:
        return "query", {"query": query, "time": f"{at:.3f}"}
    step = rng.choice(["1s", "7s", "10s", "15s", "1m", "2.5"])
    return "query_range", {"query": query, "start": f"{at:.3f}", "end": f"{at + rng.choice([0, 60, 95, 300]):.3f}", "step": step}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--optional", action="store_true")
    parser.add_argument("--queries", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=20261124)
    args = parser.parse_args()
    if not prometheus.folder():
        print("no Prometheus 3: scripts/prometheus3 builds one")
        return 77 if args.optional else 2
    rng = random.Random(args.seed)
    counts = {"query": 0, "query_range": 0, "errors": 0, "empty": 0}
    differing = ties = 0
    with tempfile.NamedTemporaryFile(suffix=".om") as file:
        write(file.name, samples(rng))
        generator = Generator(rng)
        with prometheus.Prometheus(file.name) as theirs, prometheus.Ordeal(args.program, file.name) as ours:
            for _ in range(args.queries):
                query = generator.query()
                path, parameters = parameters_of(rng, query)
                answer = prometheus.ask(theirs.url, path, **parameters)
                mine = prometheus.ask(ours.url, path, **parameters)
                counts[path] += 1
                counts["errors"] += answer["status"] == "error"
                counts["empty"] += answer["status"] == "success" and not answer["data"]["result"]
                what = compare(mine, answer)
                if what and TIES.search(query):
                    ties += 1
                elif what:
                    differing += 1
                    print(f"DIFFERS {path} {parameters}\n    {what}")
    print(f"{counts['query']} instant and {counts['query_range']} range queries, of these {counts['errors']} errors in "
          f"Prometheus and {counts['empty']} empty: {differing} differ; {ties} more differ in what topk or bottomk takes of equal values")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
