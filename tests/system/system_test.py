#!/usr/bin/env python3
"""system_test.py --build DIR SUITE [--only TEXT]: runs Ordeal as a user does, with real programs around it.
Needs root, and works in network namespaces and cgroups of its own. Exits 77 where it cannot run."""
import argparse
import importlib
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the lab

from lab.report import Report  # noqa: E402

SUITES = ["argo", "demo", "evidence", "gameday", "halting", "interrupt", "prometheus", "scrape"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("suite", choices=SUITES)
    parser.add_argument("--build", default="build/dev")
    parser.add_argument("--only", default="", help="only cases whose name holds TEXT")
    options = parser.parse_args()
    if os.geteuid() != 0:
        print("skipped: the system tests need root for namespaces and cgroups")
        return 77
    options.build = os.path.realpath(options.build)
    begin = time.monotonic()
    report = Report()
    importlib.import_module(options.suite + "_suite").run_suite(report, options)
    print(f"{time.monotonic() - begin:.0f} s")
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
