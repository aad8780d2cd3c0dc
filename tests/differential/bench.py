#!/usr/bin/env python3
"""How long the brief's queries take in Ordeal, in process, and in a real Prometheus 3 over its HTTP API.

    bench.py [--sizes 10,1000,100000] [--repeat N] PROMQL_FILE

For each number of series: the median of an instant query, the ratio, and at the largest size the bytes a sample takes
in Ordeal's store (the growth of its resident memory over the number of samples, labels and index included).
"""
import argparse
import statistics
import subprocess
import tempfile
import time

import prometheus

START = 1_700_000_000
SAMPLES = 12  # a series; 10 s apart
QUERIES = {
    "error ratio": 'sum(rate(http_requests_total{status=~"5.."}[1m])) / sum(rate(http_requests_total[1m]))',
    "p95": "histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket[1m])))",
    "p95 of each pod": "histogram_quantile(0.95, rate(http_request_duration_seconds_bucket[1m]))",
    "breaker": 'circuit_breaker_state{service="svc-1"}',
    "pods": 'count(kube_pod_status_phase{phase="Running"} == 1)',
}


def write(path, size):
    """`size` series of each metric."""
    with open(path, "w") as file:
        def family(name, kind, labels, value):
            file.write(f"# TYPE {name.removesuffix('_total').removesuffix('_bucket')} {kind}\n")
            for i in range(size):
                for step in range(SAMPLES):
                    file.write(f"{name}{{{labels(i)}}} {float(value(i, step))} {START + step * 10}.000\n")

        bounds = ["0.05", "0.1", "0.25", "0.5", "1.0", "2.5", "5.0", "10.0", "30.0", "+Inf"]
        pod = 'namespace="production",pod="api-6d4cf56db6-'
        family("circuit_breaker_state", "gauge", lambda i: f'{pod}{i}",service="svc-{i}"', lambda i, _: i % 2)
        family("http_request_duration_seconds_bucket", "unknown",
               lambda i: f'{pod}{i // 10}",le="{bounds[i % 10]}"', lambda i, step: step * 20 * (i % 10 + 1))
        family("http_requests_total", "counter", lambda i: f'{pod}{i // 4}",status="{[200, 204, 404, 500][i % 4]}"',
               lambda i, step: step * (100 if i % 4 < 2 else 1))
        family("kube_pod_status_phase", "gauge", lambda i: f'{pod}{i}",phase="Running"', lambda i, _: i % 3 > 0)
        file.write("# EOF\n")


def in_process(program, file, at, repeat):
    words = [program, file, "--time", str(at), str(repeat), *QUERIES.values()]
    lines = subprocess.run(words, check=True, capture_output=True, text=True).stdout.splitlines()
    return {text: int(nanos) / 1e6 for nanos, text in (line.split(" ", 1) for line in lines)}


def over_http(url, query, at, repeat):
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        answer = prometheus.ask(url, "query", query=query, time=at)
        times.append((time.perf_counter() - start) * 1e3)
        assert answer["status"] == "success" and answer["data"]["result"], answer
    return statistics.median(times)


def resident(pid):
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("VmRSS"):
            return int(line.split()[1]) * 1024
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--sizes", default="10,1000,100000")
    parser.add_argument("--repeat", type=int, default=15)
    args = parser.parse_args()
    at = START + (SAMPLES - 1) * 10
    empty = 0
    print(f"{'series':>7}  {'query':<16} {'Prometheus':>12} {'Ordeal':>11} {'times':>7}")
    for size in map(int, args.sizes.split(",")):
        with tempfile.NamedTemporaryFile(suffix=".om") as file:
            write(file.name, size)
            ours = in_process(args.program, file.name, at, args.repeat)
            with prometheus.Prometheus(file.name) as theirs:
                for name, query in QUERIES.items():
                    slow = over_http(theirs.url, query, at, args.repeat)
                    print(f"{size:7}  {name:<16} {slow:9.3f} ms {ours[query]:8.3f} ms {slow / ours[query]:7.1f}", flush=True)
            with prometheus.Ordeal(args.program, file.name) as served:
                memory = resident(served.process.pid)
                empty = empty or memory
                print(f"{size:7}  memory {memory / 2**20:.1f} MiB, {(memory - empty) / (4 * size * SAMPLES):.1f} bytes a sample"
                      if memory > empty else f"{size:7}  memory {memory / 2**20:.1f} MiB (the program itself)")


if __name__ == "__main__":
    main()
