#!/usr/bin/env python3
"""soak.py NAME [--build DIR] [more]: what is too long for CI, by name. `soak.py list` says what there is.
Needs root; use a release build on a quiet machine."""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
CRASH = os.path.join(HERE, "..", "crash", "crash_test.py")
PICTURES = os.path.join(HERE, "..", "report", "pictures.py")
DEMO = os.path.join(HERE, "demo_outcomes.py")
TRIAL = os.path.join(HERE, "..", "package", "trial.py")
CONTROLLER = os.path.join(HERE, "..", "cluster", "controller_test.py")
ACCURACY = os.path.join(HERE, "accuracy.py")
ARM64 = os.path.join(HERE, "..", "chart", "arm64_test.py")

# name: (what it shows, the arguments of crash_test.py, or the program and its own)
COMMANDS = {
    "accuracy-shares": ("each attack on a share of the packets with 200 000 datagrams; about 8 minutes",
                        [ACCURACY, "--soak", "--only", "shares"]),
    "accuracy-rates": ("bandwidth at 1, 10 and 100 Mbit/s, 30 s each, both ways; about 5 minutes",
                       [ACCURACY, "--soak", "--only", "rates"]),
    "arm64": ("the image for arm64, cross-built, and what runs of it in emulators; about 15 minutes, as long for the build, and "
              "Debian's archive", [ARM64]),
    "controller-kill": ("a cluster's controller killed before each write of a run; about half a minute for each",
                        [CONTROLLER, "build/release/ordeal", "build/release/bin/cluster_agents",
                         "ControllerTest.test_a_controller_may_die_before_any_write"]),
    "crash-kill": ("100 kills of each kind by each attack, 2 000 in all; about 35 minutes", ["kill", "--count", "100"]),
    "crash-foreign": ("the same among other people's rules, 20 of each; about 8 minutes", ["foreign", "--count", "20"]),
    "crash-halt": ("100 halts of each kind: p50 and p99", ["halt", "--count", "100"]),
    "crash-double": ("two of engine, guard and reaper killed or stopped at once, 25 of each by each attack, and the frozen "
                     "cgroup; about 80 minutes", ["double", "--soak", "--count", "25"]),
    "crash-many": ("50 runs at once beside a hostile page and a flood, ended by one halt; about 2 minutes",
                   ["many", "--count", "50"]),
    "crash-slow": ("steps that are slow, hung and stopped, all of them; about 2 minutes", ["slow", "--soak"]),
    "demo-latency": ("the demo's latency experiment with the fix holds 30 times of 30; about 30 minutes",
                     [DEMO, "--only", "latency-queued", "--count", "30"]),
    "trial": ("an engineer with nothing but the package: four faults on a service with nginx, PostgreSQL and redis, each command "
              "timed; about 3 minutes, and Debian's archive", [TRIAL]),
    "report-pictures": ("each kind of report as a browser shows it, wide and narrow, light and dark; about 3 minutes",
                        [PICTURES, "build/release"]),
    "rest": ("PSS and CPU at rest over 60 s, with the bars asserted", ["rest", "--soak"]),
}


def main():
    if len(sys.argv) < 2 or sys.argv[1] not in COMMANDS:
        print(__doc__)
        for name, (what, _) in COMMANDS.items():
            print(f"  {name:14} {what}")
        return 0 if sys.argv[1:] == ["list"] else 2
    arguments = COMMANDS[sys.argv[1]][1]
    program = [] if arguments[0] in (ACCURACY, ARM64, CONTROLLER, DEMO, PICTURES, TRIAL) else [CRASH]
    environment = {**os.environ, "ORDEAL_EACH_WRITE": "yes"}
    return subprocess.call([sys.executable, "-B", *program, *arguments, *sys.argv[2:]], env=environment)


if __name__ == "__main__":
    sys.exit(main())
