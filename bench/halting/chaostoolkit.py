#!/usr/bin/env python3
"""Chaos Toolkit at its fastest on the broken promises of halting.py: how long from the breach to its first rollback.

    chaostoolkit.py [--build DIR] [--repeat N] [--frequency SECONDS] [--rate N] [--shares 0.2,0.5,1]

Its settings: the hypothesis continuously, at 1 s (its default) or as often as --frequency says, --fail-fast (off by
default), rollbacks always (off by default after a deviation). The query is the one that Ordeal is given; `ordeal
scrape` answers it from pages fetched every 100 ms, so that no Prometheus slows it down. Installs itself from PyPI into
the cache of the tests, once.
"""
import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import venv
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from halting import RATIO, ROOT, USUAL, spread
from service import Service, now

CACHE = Path(os.environ.get("ORDEAL_CACHE", Path.home() / ".cache" / "ordeal")) / "chaostoolkit"
PROBES = '''
import json, time, urllib.parse, urllib.request

def holds(url, query, limit):
    with urllib.request.urlopen(url + "/api/v1/query?" + urllib.parse.urlencode({"query": query})) as answer:
        result = json.load(answer)["data"]["result"]
    return not result or float(result[0]["value"][1]) < limit

def attack(seconds, began):
    open(began, "w").close()
    time.sleep(seconds)

def roll_back(mark):
    with open(mark, "w") as file:
        file.write(str(time.clock_gettime(time.CLOCK_BOOTTIME)))
'''


def find():
    chaos = CACHE / "bin" / "chaos"
    if not chaos.exists():
        venv.create(CACHE, with_pip=True)
        subprocess.run([CACHE / "bin" / "pip", "install", "-q", "chaostoolkit==1.19.0"], check=True)
    return chaos


def python(function, **arguments):
    return {"type": "python", "module": "probes", "func": function, "arguments": arguments}


def experiment(url, limit, folder):
    hypothesis = {"type": "probe", "name": "errors", "tolerance": True,
                  "provider": python("holds", url=url, query=RATIO % ("1m", "1m"), limit=limit)}
    return {"title": "halting", "description": "a broken promise",
            "steady-state-hypothesis": {"title": "few errors", "probes": [hypothesis]},
            # A running action is never interrupted: the attack is a row of short ones.
            "method": [{"type": "action", "name": "attack", "provider": python("attack", seconds=0.1, began=folder + "/began")}] * 600,
            "rollbacks": [{"type": "action", "name": "back", "provider": python("roll_back", mark=folder + "/mark")}]}


def run(chaos, ordeal, rate, share, limit, frequency, warm):
    """Seconds from the breach to the rollback; `warm` is how much of the window is full before."""
    service = Service(rate, USUAL, random.random())
    scrape = subprocess.Popen([ordeal, "scrape", service.url, "--interval", "100ms", "--listen", "127.0.0.1:0"],
                              stdout=subprocess.PIPE, text=True)
    url = scrape.stdout.readline().split("answered at ")[1].split("/ ")[0]
    with tempfile.TemporaryDirectory(prefix="ordeal-chaostoolkit-") as folder:
        Path(folder, "probes.py").write_text(PROBES)
        Path(folder, "e.json").write_text(json.dumps(experiment(url, limit, folder)))
        time.sleep(warm)
        process = subprocess.Popen([chaos, "run", "--hypothesis-strategy", "continuously", "--hypothesis-frequency",
                                    str(frequency), "--fail-fast", "--rollback-strategy", "always", "e.json"], cwd=folder,
                                   env=dict(os.environ, PYTHONPATH=folder), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while not os.path.exists(folder + "/began"):
                time.sleep(0.01)
            time.sleep(1 + random.random())
            service.break_promise(share)
            end = now() + 90
            while not os.path.exists(folder + "/mark") and now() < end:
                time.sleep(0.01)
            time.sleep(0.05)
            mark = Path(folder, "mark")
            return float(mark.read_text()) - service.broke_at if mark.exists() else None
        finally:
            process.terminate()
            process.wait()
            scrape.terminate()
            scrape.wait()
            scrape.stdout.close()
            service.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=str(ROOT / "build" / "release"))
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--frequency", type=float, default=1.0)
    parser.add_argument("--rate", type=int, default=200)
    parser.add_argument("--shares", default="0.2,0.5,1")
    parser.add_argument("--limit", type=float, default=0.05)
    parser.add_argument("--warm", type=float, default=62.0, help="seconds of scraping before, as Ordeal's baseline")
    parser.add_argument("--parallel", type=int, default=5, help="runs at once")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    chaos, ordeal = find(), os.path.join(args.build, "ordeal")
    print(f"Chaos Toolkit, hypothesis every {args.frequency:g} s: breach to rollback, median/p95 in s of {args.repeat} runs")
    with ProcessPoolExecutor(args.parallel) as pool:
        cells = {share: [pool.submit(run, chaos, ordeal, args.rate, share, args.limit, args.frequency, args.warm)
                         for _ in range(args.repeat)] for share in map(float, args.shares.split(","))}
        for share, runs in cells.items():
            print(f"{args.rate:>8} requests/s {share:>5.0%} {spread([each.result() for each in runs]):>14}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
