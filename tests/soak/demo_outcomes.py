#!/usr/bin/env python3
"""demo_outcomes.py [--build DIR] [--only KEY] [--count N] [--keep DIR]: one experiment of the demo again and again, each time
on a shop of its own. Counts the outcomes as each run's report has them, without a second try; the reports of a run with
another one than expected are kept. Exit 1 when there is any such. As root."""
import argparse
import collections
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "system")]

from demo_run import DemoRun  # noqa: E402
from demo_suite import OUTCOMES  # noqa: E402


def outcome_of(demo, key):
    """(outcome, what to say of it)"""
    code = demo.wait(200)
    if code is None:
        return "did not end", ""
    try:
        verdict = json.loads((demo.reports / f"{key}.json").read_text())["verdict"]
    except (OSError, ValueError) as error:
        return "no report", f"exit {code}: {error}"
    return verdict["outcome"], verdict["reason"]


def run_once(build, key, keep):
    demo = DemoRun(build, "--only", key)
    try:
        outcome, reason = outcome_of(demo, key)
        if outcome != OUTCOMES[key]:
            folder = tempfile.mkdtemp(prefix=f"{key}-", dir=keep)
            shutil.copytree(demo.reports, folder, dirs_exist_ok=True)
            shutil.copy(demo.log.name, folder)
            reason += f" (kept in {folder})"
        return outcome, reason
    finally:
        demo.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=str(TESTS.parent / "build" / "release"))
    parser.add_argument("--only", choices=OUTCOMES, default="latency-queued")
    parser.add_argument("--count", type=int, default=30)
    parser.add_argument("--keep", help="an existing folder; else the one for temporary files")
    args = parser.parse_args()
    build = str(Path(args.build).resolve())
    outcomes = collections.Counter()
    for number in range(1, args.count + 1):
        outcome, reason = run_once(build, args.only, args.keep)
        outcomes[outcome] += 1
        print(f"{number:3} {outcome}: {reason} (load {os.getloadavg()[0]:.1f})", flush=True)
    print(f"{args.only}: " + ", ".join(f"{count} {outcome}" for outcome, count in outcomes.items()) + f" of {args.count}")
    return 0 if outcomes[OUTCOMES[args.only]] == args.count else 1


if __name__ == "__main__":
    sys.exit(main())
