#!/usr/bin/env python3
"""How long a real `ordeal run` takes from a broken promise to the halt command, and on to the fault's end. Ground truth
is a service that breaks its promise at a known instant (service.py). As root.

    halting.py [--build DIR] [--repeat N] [--interval 100ms] [--rates 20,200,1000] [--shares 0.1,0.2,0.5,1] [--limit 0.05]

Prints the lags that do not depend on evidence: a gauge that flips, and the crossing of a short window, to the halt
command; then, in seconds, median and p95 of breach to halt over requests/s and share of errors, after a baseline that
fills the query's window of 1m (half filled it crosses sooner, which would flatter), several runs at once; and the halt
command to the fault's end.
"""
import argparse
import collections
import itertools
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from service import Service, now

ROOT = Path(__file__).resolve().parents[2]
RATIO = 'sum(rate(r_total{code="500"}[%s])) / sum(rate(r_total[%s]))'
USUAL = 0.01


class Halt:
    """What one run measured. All in seconds."""

    def __init__(self, broke, crossed, events):
        first = lambda kind: next((e for e in events if e["type"] == kind), None)
        halt, reverted, breach = first("halt"), first("reverted"), first("breach")
        self.trigger = breach["data"]["trigger"] if breach else None
        self.reason = breach["data"]["text"] if breach else None
        self.ended = events[-1] if events else None  # why there was no halt
        self.delay = self.lag = self.revert = None
        if halt and reverted:
            requested = halt["data"]["requested_boot_ns"] / 1e9
            self.delay = requested - broke
            self.lag = requested - crossed if crossed else None
            self.revert = reverted["data"]["reverted_boot_ns"] / 1e9 - requested


class Bench:
    """One victim and one state directory; two runs at once need two of these."""

    def __init__(self, build, interval, baseline="3s", number=0):
        self.ordeal, self.interval, self.baseline = os.path.join(build, "ordeal"), interval, baseline
        self.folder = tempfile.TemporaryDirectory(prefix="ordeal-halting-")
        self.length = f"100017.{os.getpid()}{number:03}"  # seconds: nobody else sleeps so long
        self.victim = subprocess.Popen(["sleep", self.length])
        self.random = random.Random(number)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.victim.kill()
        self.victim.wait()
        self.folder.cleanup()

    def experiment(self, url, expectation):
        return {"name": "halting", "target": {"type": "process", "name": "sleep", "pattern": f"^sleep {self.length}$"},
                "attack": {"type": "cpu", "args": {"cores": 1, "percent": 1}}, "length": "10m", "baseline": self.baseline,
                "recovery": "100ms", "expect": [dict(expectation, when=["during"])],
                "sources": {"interval": self.interval, "scrape": [{"url": url}]}}

    def run(self, rate, share, expectation, window=None, limit=None, most=240):
        service = Service(rate, USUAL, self.random.random())
        file = os.path.join(self.folder.name, "experiment.json")
        with open(file, "w") as out:
            json.dump(self.experiment(service.url, expectation), out)
        run = subprocess.Popen([self.ordeal, "run", file, "--json", "--state-dir", self.folder.name + "/state"],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        events = []
        try:
            end = now() + most
            for line in run.stdout:
                event = json.loads(line)
                events.append(event)
                if event["type"] == "inject":
                    time.sleep(1 + self.random.random())  # at any phase of a look
                    service.break_promise(share)
                if now() > end:
                    break
            crossed = service.ratio_crossed(window, limit) if window else service.broke_at
            return Halt(service.broke_at, crossed, events)
        finally:
            run.terminate()
            run.wait()
            run.stdout.close()
            service.stop()


def quantile(values, q):
    values = sorted(values)
    return values[min(len(values) - 1, int(q * len(values)))] if values else float("nan")


def told(values):
    """One that never came took for ever."""
    return [float("inf") if value is None else value for value in values]


def spread(values):
    values = told(values)
    return f"{quantile(values, 0.5):.2f}/{quantile(values, 0.95):.2f}"


def run_alone(build, interval, baseline, rate, share, limit, number):
    expectation = {"name": "errors", "query": RATIO % ("1m", "1m"), "condition": f"result < {limit}"}
    with Bench(build, interval, baseline, number) as bench:
        return bench.run(rate, share, expectation)


def table(args, rates, shares, reverts):
    print(f"breach to halt, median/p95 in s of {args.repeat} runs; looks every {args.interval}, {args.limit:.0%} allowed, "
          f"{USUAL:.0%} usual")
    print(f"{'requests/s':>12}" + "".join(f"{share:>14.0%}" for share in shares))
    number = itertools.count()
    with ProcessPoolExecutor(args.parallel) as pool:
        cells = {(rate, share): [pool.submit(run_alone, args.build, args.interval, args.baseline, rate, share, args.limit, next(number))
                                 for _ in range(args.repeat)] for rate in rates for share in shares}
        for rate in rates:
            row = [[future.result() for future in cells[rate, share]] for share in shares]
            reverts += told(halt.revert for halts in row for halt in halts if halt.delay is not None)
            for halt in (halt for halts in row for halt in halts if halt.delay is None):
                print(f"no halt: {halt.ended}", file=sys.stderr, flush=True)
            print(f"{rate:>12}" + "".join(f"{spread([halt.delay for halt in halts]):>14}" for halts in row), flush=True)
            triggers = collections.Counter(halt.trigger for halts in row for halt in halts)
            print(f"{'':>12}  by {', '.join(f'{name} {count}' for name, count in triggers.most_common())}", flush=True)
    written = "".join(f"{60 * (args.limit - USUAL) / (share - USUAL):>14.1f}" for share in shares)
    print(f"{'as written':>12}{written}   W (limit - usual) / (share - usual)")


def lags(bench, repeat, reverts):
    cases = [("a gauge flips, for: 0s", {"query": "broken", "condition": "result == 0", "for": "0s"}, None, None),
             ("a gauge flips, two looks", {"query": "broken", "condition": "result == 0"}, None, None),
             ("a [2s] window crosses 5 %", {"query": RATIO % ("2s", "2s"), "condition": "result < 0.05", "fast": False}, 2, 0.05)]
    results = {}
    print(f"crossing to halt command, {repeat} runs each, looks every {bench.interval}")
    for name, expectation, window, limit in cases:
        halts = [bench.run(1000, 0.5, dict(expectation, name=name), window, limit) for _ in range(repeat)]
        values = told(halt.lag for halt in halts)
        reverts += told(halt.revert for halt in halts)
        results[name] = values
        print(f"  {name:<28} median {statistics.median(values) * 1e3:6.0f} ms, p99 {quantile(values, 0.99) * 1e3:6.0f} ms, "
              f"most {max(values) * 1e3:6.0f} ms", flush=True)
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=str(ROOT / "build" / "release"))
    parser.add_argument("--repeat", type=int, default=10)
    parser.add_argument("--lag-repeat", type=int, default=100)
    parser.add_argument("--interval", default="100ms")
    parser.add_argument("--rates", default="20,200,1000")
    parser.add_argument("--shares", default="0.1,0.2,0.5,1")
    parser.add_argument("--limit", type=float, default=0.05)
    parser.add_argument("--baseline", default="62s", help="of the table's runs")
    parser.add_argument("--parallel", type=int, default=8, help="runs of the table at once")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is ended all the same
    numbers = lambda text, kind: [kind(word) for word in text.split(",") if word]
    reverts = []
    if args.lag_repeat:
        with Bench(args.build, args.interval) as bench:
            lags(bench, args.lag_repeat, reverts)
    if args.repeat:
        table(args, numbers(args.rates, int), numbers(args.shares, float), reverts)
    print(f"halt command to fault off: median {quantile(reverts, 0.5) * 1e3:.1f} ms, p99 {quantile(reverts, 0.99) * 1e3:.1f} ms, "
          f"most {max(reverts) * 1e3:.1f} ms of {len(reverts)}")


if __name__ == "__main__":
    sys.exit(main())
