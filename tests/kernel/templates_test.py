#!/usr/bin/env python3
"""Runs the attack of every template of `ordeal init` for a moment, on a victim of the lab's own: it comes into force, is
reverted and leaves nothing. --build DIR [NAME ...]. Needs root; exits 77 without.

Some run at a time, each on a victim of its own; what loads or measures CPUs runs after them, alone.

What a template expects of a shop that is not here is replaced by what always holds, its target by the victim, and what it names
of other machines by what is in the lab. That its fault hits anything is not shown here: *.case do that."""
import argparse
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the lab

from lab import Lab, Run, traces  # noqa: E402
from lab.report import Report  # noqa: E402

# Of the attacks that need something of the victim's: what is there.
IN_THE_LAB = {
    "process_killer": {"process": "sleep", "exact": True, "full": False},
    "memory": {"mb": 10, "percent": None, "strategy": None, "ramp": None},
    "process_exhaustion": {"processes": 10, "percent": None, "strategy": None},
    "disk": {"dir": "/var/tmp", "bytes": 4096, "percent": None},
    "io": {"dir": "/var/tmp", "block_size": 16, "block_count": 4},
    "certificate_expiry": {"hosts": "127.0.0.1", "port": 9, "server_name": None},
}
AMOUNTS = ("mb", "processes", "bytes")
# The lab's victim cannot look up the names of others.
NAMED = ("hosts",)
ADDRESS = "10.197.0.1"
# Where there may be no such packet in so short a time: 4 is not injected for want of traffic.
NEED_TRAFFIC = {"bandwidth", "blackhole", "corrupt", "dns", "duplicate", "latency", "packet_loss", "reorder", "reset"}
# It needs a second victim: tests/kernel/partition_peer.case.
ELSEWHERE = {"partition"}
LANES = 4
TYPES = {}  # what `ordeal attacks` says, by type
# A victim of the lab has a cgroup: a host of the test's own is a virtual machine.
LOADS = {"cpu", "memory", "process_exhaustion", "disk", "io"}
LENGTH, LENGTH_OF_LOAD = "400ms", "1200ms"  # less than 0.5 s of load prove nothing


def output(*words):
    return subprocess.run(words, stdout=subprocess.PIPE, check=True, text=True, timeout=20).stdout


def experiment_of(lab, name):
    text = output(lab.ordeal, "init", name)
    path = f"/tmp/ordeal-template-{os.getpid()}.yaml"
    Path(path).write_text(text)
    experiment = json.loads(output(os.path.join(os.path.dirname(lab.ordeal), "bin", "make_schema"), "--json", path))
    os.unlink(path)
    attack = experiment["attack"]
    args = {**attack.get("args", {})}
    args.update({key: ADDRESS for key in NAMED if key in args})
    args.update({key: value for key, value in IN_THE_LAB.get(attack["type"], {}).items()
                 if key in args or key in ("port", *AMOUNTS)})
    args.pop("length", None)
    attack["args"] = {key: value for key, value in args.items() if value is not None}
    attack["length"] = LENGTH_OF_LOAD if attack["type"] in LOADS else LENGTH
    return {"name": name, "target": lab.target(), "attack": attack, "baseline": "50ms", "recovery": "2s",
            "expect": [{"name": "always", "probe": {"command": ["true"]}, "condition": "result == 0"}]}


def run_template(lab, report, name, looks):
    lab.victim.ensure()
    before = traces.fingerprint(lab)
    experiment = experiment_of(lab, name)
    run = Run(lab, experiment)
    code = run.wait(40)
    problems = []
    if experiment["attack"]["type"] in looks:
        # Nobody listens there: seen, and said.
        problems += [] if code == 1 else [f"exit code {code}: {run.text()[-300:]}"]
    else:
        good = (0, 4) if experiment["attack"]["type"] in NEED_TRAFFIC else (0,)
        problems += [] if code in good and run.injected() else [f"exit code {code}: {run.text()[-300:]}"]
    problems += traces.clean_within(lab, run)[1]
    lab.victim_cgroup.thaw()
    lab.victim.ensure()
    problems += traces.differences(before, traces.fingerprint(lab))
    report.case(name, problems, experiment["attack"]["type"])
    run.end()
    run.forget()


def attack_of(ordeal, name):
    words = [line.split() for line in output(ordeal, "init", name).splitlines()]
    return next(line[1] for line in words if line and line[0] == "type:" and len(line) > 1 and line[1] in TYPES)


def run_here(options, names):
    report = Report()
    lab = Lab(os.path.realpath(options.build))
    try:
        for name in names:
            run_template(lab, report, name, {name for name, attack in TYPES.items() if attack["only_looks"]})
    finally:
        lab.close()
    return report.finish()


class Lane(threading.Thread):
    """A process of its own, since a lab is named after its process."""

    def __init__(self, options, names):
        super().__init__()
        self.argv = [sys.executable, "-B", __file__, "--build", options.build, *names]
        self.start()

    def run(self):
        self.done = subprocess.run(self.argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=240)


def run_all(options, ordeal, names):
    alone = [name for name in names if attack_of(ordeal, name) in LOADS]
    beside = [name for name in names if name not in alone]
    lanes = [Lane(options, beside[i::LANES]) for i in range(LANES)]
    for lane in lanes:
        lane.join()
        print(lane.done.stdout, end="", flush=True)
    return max([run_here(options, alone), *(lane.done.returncode for lane in lanes)])


def names_here(ordeal):
    names = [line.split()[0] for line in output(ordeal, "init", "--list").splitlines()]
    return [name for name in names if attack_of(ordeal, name) not in ELSEWHERE]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build/dev")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    if os.geteuid() != 0:
        print("skipped: the templates need root for namespaces and cgroups")
        return 77
    ordeal = os.path.realpath(options.build) + "/ordeal"
    TYPES.update({attack["type"]: attack for attack in map(json.loads, output(ordeal, "attacks", "--json").splitlines())})
    if options.names:
        return run_here(options, options.names)
    return run_all(options, ordeal, names_here(ordeal))


if __name__ == "__main__":
    sys.exit(main())
