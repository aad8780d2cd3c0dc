#!/usr/bin/env python3
"""crash_test.py --build DIR SUITE [--count N] [--seed S] [--only TEXT]: tries to make a fault outlive Ordeal.
Needs root, and works in network namespaces and cgroups of its own. Exits 77 where it cannot run."""
import argparse
import importlib
import os
import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the lab

from lab import Lab  # noqa: E402
from lab.report import Report  # noqa: E402

SUITES = ["kill", "failpoint", "replace", "reboot", "foreign", "stop", "frozen", "halt", "refuse", "protect", "rest", "slow",
          "process", "double", "claim", "many"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("suite", choices=SUITES)
    parser.add_argument("--build", default="build/dev")
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--alike", type=int, help="runs of an attack whose mechanism another one has too; --count if absent")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--only", default="", help="only cases whose name holds TEXT")
    parser.add_argument("--soak", action="store_true", help="assert what only a quiet machine and a long look can")
    options = parser.parse_args()
    if os.geteuid() != 0:
        print("skipped: the crash tests need root for namespaces and cgroups")
        return 77
    print(f"suite {options.suite}, seed {options.seed}, count {options.count}", flush=True)
    begin = time.monotonic()
    report = Report()
    lab = Lab(os.path.realpath(options.build))
    try:
        importlib.import_module(options.suite + "_suite").run_suite(lab, report, options)
    finally:
        lab.close()
    print(f"{time.monotonic() - begin:.0f} s")
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
