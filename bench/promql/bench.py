#!/usr/bin/env python3
"""How long common queries take in Ordeal, in process, and in a real Prometheus 3 over its HTTP API.

    bench.py [--sizes 10,1000,100000] [--range-size 1000] [--repeat N] PROMQL_FILE

The two are asked in turn, each after a short rest, so that both meet the same machine and neither the other's garbage
collector. For each number of series a metric: median and p95 in milliseconds of the answer of Prometheus and of the
evaluation in Ordeal; how many times faster Ordeal is, by the medians; the growth of Ordeal's time for each series since
the size before (1 is linear, below 1 is better). Then what a sample takes in Ordeal's store: the growth of its resident
memory over the number of samples, labels included, before the queries and after them (with the index of the labels that
they ask for, and what the allocator keeps). Last, ranges of ten minutes at a step of 15 s.
"""
import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "differential"))
import prometheus  # noqa: E402

START = 1_700_000_000
GRID = 10  # seconds between samples
INSTANT_SAMPLES = 12  # a series
RANGE, STEP = 600, 15  # seconds
REST = 0.02  # seconds before each question
QUERIES = {
    "error ratio": 'sum(rate(http_requests_total{status=~"5.."}[1m])) / sum(rate(http_requests_total[1m]))',
    "p95": "histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket[1m])))",
    "p95 of each pod": "histogram_quantile(0.95, rate(http_request_duration_seconds_bucket[1m]))",
    "breaker": 'circuit_breaker_state{service="svc-1"}',
    "pods": 'count(kube_pod_status_phase{phase="Running"} == 1)',
}


def write(path, size, samples):
    """`size` series of each of four metrics."""
    with open(path, "w") as file:
        def family(name, kind, labels, value):
            file.write(f"# TYPE {name.removesuffix('_total').removesuffix('_bucket')} {kind}\n")
            for i in range(size):
                for step in range(samples):
                    file.write(f"{name}{{{labels(i)}}} {float(value(i, step))} {START + step * GRID}.000\n")

        bounds = ["0.05", "0.1", "0.25", "0.5", "1.0", "2.5", "5.0", "10.0", "30.0", "+Inf"]
        pod = 'namespace="production",pod="api-6d4cf56db6-'
        family("circuit_breaker_state", "gauge", lambda i: f'{pod}{i}",service="svc-{i}"', lambda i, _: i % 2)
        family("http_request_duration_seconds_bucket", "unknown",
               lambda i: f'{pod}{i // 10}",le="{bounds[i % 10]}"', lambda i, step: step * 20 * (i % 10 + 1))
        family("http_requests_total", "counter", lambda i: f'{pod}{i // 4}",status="{[200, 204, 404, 500][i % 4]}"',
               lambda i, step: step * (100 if i % 4 < 2 else 1))
        family("kube_pod_status_phase", "gauge", lambda i: f'{pod}{i}",phase="Running"', lambda i, _: i % 3 > 0)
        file.write("# EOF\n")


class InProcess:
    """promql_file on `file`, which evaluates on demand; use with `with`."""

    def __init__(self, program, file):
        self.process = subprocess.Popen([program, file, "--time"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.process.stdout.readline()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()

    def milliseconds(self, query, start, end):
        self.process.stdin.write(f"{start} {end} {STEP} {query}\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline()) / 1e6

    def resident(self):
        for line in open(f"/proc/{self.process.pid}/status"):
            if line.startswith("VmRSS"):
                return int(line.split()[1]) * 1024
        return 0


def over_http(url, query, start, end):
    begin = time.perf_counter()
    if start == end:
        answer = prometheus.ask(url, "query", query=query, time=end)
    else:
        answer = prometheus.ask(url, "query_range", query=query, start=start, end=end, step=STEP)
    took = (time.perf_counter() - begin) * 1e3
    assert answer["status"] == "success" and answer["data"]["result"], answer
    return took


def p95(times):
    return sorted(times)[min(len(times) - 1, int(0.95 * len(times)))]


def measure(ours, theirs, size, start, end, repeat, before):
    """Prints a row for each query; `before` has the size before and its medians, and gets those of this one."""
    for name, query in QUERIES.items():
        mine, other = [], []
        for _ in range(repeat):
            time.sleep(REST)
            mine.append(ours.milliseconds(query, start, end))
            time.sleep(REST)
            other.append(over_http(theirs.url, query, start, end))
        fast, slow = statistics.median(mine), statistics.median(other)
        growth = ""
        if name in before:
            old_size, old = before[name]
            growth = f"{fast / old / (size / old_size):.2f}"
        before[name] = size, fast
        print(f"{size:7}  {name:<16} {slow:9.3f} {p95(other):9.3f} {fast:10.4f} {p95(mine):9.4f} {slow / fast:7.1f} {growth:>7}",
              flush=True)


def heading(what):
    print(f"{what}\n{'series':>7}  {'query':<16} {'Prometheus':>10} {'p95':>8} {'Ordeal ms':>10} {'p95':>9} {'times':>7} {'growth':>7}")


def run(args, size, samples, start, end, repeat, before):
    """Measures all queries; says what memory a sample takes."""
    with tempfile.NamedTemporaryFile(suffix=".om") as empty, tempfile.NamedTemporaryFile(suffix=".om") as file:
        with InProcess(args.program, empty.name) as nothing:
            bare = nothing.resident()
        write(file.name, size, samples)
        with InProcess(args.program, file.name) as ours, prometheus.Prometheus(file.name) as theirs:
            loaded = ours.resident()
            measure(ours, theirs, size, start, end, repeat, before)
            asked = ours.resident()
    count = 4 * size * samples
    return (f"{size:7}  memory {loaded / 2**20:.1f} MiB, {(loaded - bare) / count:.1f} bytes a sample; "
            f"after the queries {asked / 2**20:.1f} MiB, {(asked - bare) / count:.1f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--sizes", default="10,1000,100000")
    parser.add_argument("--range-size", type=int, default=1000)
    parser.add_argument("--repeat", type=int, default=21)
    args = parser.parse_args()
    before, memory = {}, []
    heading(f"instant queries, {INSTANT_SAMPLES} samples a series")
    end = START + (INSTANT_SAMPLES - 1) * GRID
    for size in map(int, args.sizes.split(",")):
        repeat = args.repeat * (5 if size < 10_000 else 1)
        memory.append(run(args, size, INSTANT_SAMPLES, end, end, repeat, before))
    print("\n".join(memory))
    if args.range_size:
        samples = (RANGE + 60) // GRID + 1
        heading(f"ranges of {RANGE} s at {STEP} s, {samples} samples a series")
        end = START + (samples - 1) * GRID
        print(run(args, args.range_size, samples, end - RANGE, end, args.repeat, {}))


if __name__ == "__main__":
    main()
