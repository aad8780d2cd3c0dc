#!/usr/bin/env python3
"""With the capabilities that the chart gives to its agent, and none beside them, every attack does on a victim of another user
what it is made for: the cases of tests/kernel. argv: the build folder. As root; with --without NAME,… fewer of them."""
import argparse
import glob
import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "kernel")]

from lab import Lab  # noqa: E402
from lab.report import Report  # noqa: E402
from run_cases import in_lanes, run_case  # noqa: E402

VALUES = TESTS.parent / "charts/ordeal/values.yaml"
STRANGER = ["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups"]


def of_the_chart():
    (line,) = [line for line in VALUES.read_text().splitlines() if line.startswith("  capabilities: [")]
    return {name.strip() for name in line.split("[")[1].rstrip("]").split(",")}


def of_this_machine():
    """A sandbox lacks some; what is not here cannot be given."""
    said = subprocess.run(["capsh", "--print"], check=True, capture_output=True, text=True).stdout
    (line,) = [line for line in said.splitlines() if line.startswith("Bounding set =")]
    return {name.removeprefix("cap_").upper() for name in line.split("=")[1].split(",")}


def all_that_take_effect():
    """What hits nothing needs no capability."""
    paths = sorted(glob.glob(str(TESTS / "kernel/*.case")))
    return [path for path in paths if not path.endswith(("_not_hit.case", "_too_few.case"))]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build")
    parser.add_argument("--without", default="")
    parser.add_argument("cases", nargs="*", help="only these files")
    options = parser.parse_args()
    if os.geteuid() != 0:
        print("skipped: the kernel cases need root for namespaces and cgroups")
        return 77
    if not options.cases:
        return in_lanes([sys.executable, "-B", __file__, "--without=" + options.without, options.build], all_that_take_effect())
    given = sorted((of_the_chart() & of_this_machine()) - set(options.without.split(",")))
    print("capabilities:", " ".join(given))
    wrap = ["setpriv", "--bounding-set", ",".join(["-all", *("+" + name.lower() for name in given)]), "--inh-caps=-all"]
    report = Report()
    lab = Lab(os.path.realpath(options.build))
    lab.victim.wrap = STRANGER
    try:
        for path in options.cases:
            run_case(lab, report, path, wrap)
    finally:
        lab.close()
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
