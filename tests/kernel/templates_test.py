#!/usr/bin/env python3
"""Runs the attack of every template of `ordeal init` for a moment, on a victim of the lab's own: it comes into force, is
reverted and leaves nothing. --build DIR [NAME ...]. Needs root; exits 77 without.

What a template expects of a shop that is not here is replaced by what always holds, its target by the victim, and what it names
of other machines by what is in the lab. That its fault hits anything is not shown here: *.case do that."""
import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the lab

from lab import Lab, Run, traces  # noqa: E402
from lab.report import Report  # noqa: E402

# Of the attacks that need something of the victim's: what is there.
IN_THE_LAB = {
    "process_killer": {"process": "sleep", "exact": True, "full": False},
    "certificate_expiry": {"hosts": "127.0.0.1", "port": 9, "server_name": None},
}
# The lab's victim cannot look up the names of others.
NAMED = ("hosts",)
ADDRESS = "10.197.0.1"
# A victim of the lab has a cgroup: a host of the test's own is a virtual machine.
LENGTH = "400ms"


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
    args.update({key: value for key, value in IN_THE_LAB.get(attack["type"], {}).items() if key in args or key == "port"})
    args.pop("length", None)
    attack["args"] = {key: value for key, value in args.items() if value is not None}
    attack["length"] = LENGTH
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
        # Whether there was anything to hit is another question: 4 is not injected for want of traffic.
        problems += [] if code in (0, 4) and run.injected() else [f"exit code {code}: {run.text()[-300:]}"]
    problems += traces.clean_within(lab, run)[1]
    lab.victim_cgroup.thaw()
    lab.victim.ensure()
    problems += traces.differences(before, traces.fingerprint(lab))
    report.case(name, problems, experiment["attack"]["type"])
    run.end()
    run.forget()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build/dev")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    if os.geteuid() != 0:
        print("skipped: the templates need root for namespaces and cgroups")
        return 77
    report = Report()
    lab = Lab(os.path.realpath(options.build))
    names = options.names or [line.split()[0] for line in output(lab.ordeal, "init", "--list").splitlines()]
    looks = {attack["type"] for attack in map(json.loads, output(lab.ordeal, "attacks", "--json").splitlines())
             if attack["only_looks"]}
    try:
        for name in names:
            run_template(lab, report, name, looks)
    finally:
        lab.close()
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
