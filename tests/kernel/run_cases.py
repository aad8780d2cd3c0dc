#!/usr/bin/env python3
"""run_cases.py --build DIR [FILE.case ...]: runs whole experiments with `ordeal run` on a victim of the lab's own and
checks what each case says. A case is a JSON object:

  what    one sentence
  attack  as in an experiment file
  during  checks while the attack is in force (see CHECKS); each is a list: its name, then its arguments
  after   checks when the run has ended
  baseline  how long the run only looks before; 100ms when absent
  exit    the exit code; held (0) when absent, by an expectation that always holds
  proof   least and most of the proof's `got`
  coverage  least share of what was meant that was hit, in each direction
  min_events  as in an experiment file

That the fingerprint of the victim's namespace and cgroups is the same after as before, and that nothing of Ordeal's is
left, is checked for every case. Needs root; exits 77 without."""
import argparse
import glob
import json
import os
import sys
import time
from pathlib import Path

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the lab

from lab import VICTIM_ADDRESS, Lab, Run, read, tool, traces, wait_until  # noqa: E402
from lab.report import Report  # noqa: E402


def probe(lab, protocol, port, rate, seconds):
    return json.loads(tool("nsenter", f"--net=/run/netns/{lab.client_ns}", "--", os.path.dirname(lab.echo) + "/net_probe",
                           protocol, VICTIM_ADDRESS, str(port), rate, seconds))


def loss(lab, protocol, port, least, most):
    """The share of 300 round trips to the victim's port that is lost, in percent."""
    seen = probe(lab, protocol, port, "300", "1")
    percent = 100 * seen["lost"] / seen["sent"]
    return "" if least <= percent <= most else f"{protocol} {port}: {percent:.1f} % lost, expected {least} to {most}"


def round_trip(lab, protocol, port, least, most):
    """The median round trip to the victim's port, in ms."""
    median = probe(lab, protocol, port, "100", "0.3")["rtt_p50"]
    return "" if least <= median <= most else f"{protocol} {port}: round trip {median} ms, expected {least} to {most}"


def frozen(lab, expected):
    return "" if lab.victim_cgroup.frozen() == expected else f"frozen is {not expected}"


def cpu(lab, least, most):
    """CPUs that the victim's cgroup uses over a second."""
    def used():
        for folder in lab.victim_cgroup.folders:
            if os.path.exists(folder + "/cpuacct.usage"):
                return int(read(folder + "/cpuacct.usage")) / 1e9
            for line in read(folder + "/cpu.stat").splitlines():
                if line.startswith("usage_usec") and len(lab.victim_cgroup.folders) == 1:
                    return int(line.split()[1]) / 1e6
        return 0.0
    begin, before = time.monotonic(), used()
    time.sleep(1)
    load = (used() - before) / (time.monotonic() - begin)
    return "" if least <= load <= most else f"{load:.2f} CPUs used, expected {least} to {most}"


def alive(lab, echo, idle):
    expected = [echo, idle]
    at = wait_until(lambda: lab.victim.alive() == expected, 1)
    return "" if at else f"[server, idle] alive is {lab.victim.alive()}, expected {expected}"


CHECKS = {check.__name__: check for check in (round_trip, loss, frozen, cpu, alive)}


def check_all(lab, checks):
    return [problem for name, *arguments in checks for problem in [CHECKS[name](lab, *arguments)] if problem]


def without_case(lab):
    """The attacks of the table that no file here is about."""
    types = {json.loads(line)["type"] for line in tool(lab.ordeal, "attacks", "--json").splitlines()}
    tested = {json.loads(read(path))["attack"]["type"] for path in glob.glob(HERE + "/*.case")}
    return sorted(types - tested)


def experiment_of(lab, case):
    return {"name": case["what"], "target": lab.target(), "attack": case["attack"],
            "baseline": case.get("baseline", "100ms"),
            "sources": {"interval": "100ms"}, **({"min_events": case["min_events"]} if "min_events" in case else {}),
            "expect": [{"name": "always", "probe": {"command": ["true"]}, "condition": "result == 0"}]}


def run_case(lab, report, path, wrap=()):
    with open(path) as file:
        case = json.load(file)
    lab.victim.ensure()
    before = traces.fingerprint(lab)
    run = Run(lab, experiment_of(lab, case), wrap=wrap)
    problems = []
    wait_until(lambda: run.injected() or run.process.poll() is not None, 10)
    if run.injected():
        problems += check_all(lab, case.get("during", []))
    code = run.wait(30)
    if code != case.get("exit", 0):
        problems.append(f"exit code {code}, expected {case.get('exit', 0)}: {run.text()[-300:]}")
    problems += check_all(lab, case.get("after", []))
    proof = (run.event("proof") or {"data": {}})["data"]
    if "proof" in case and not case["proof"][0] <= proof.get("got", -1) <= case["proof"][1]:
        problems.append(f"proof: {proof}")
    if "coverage" in case:
        parts = proof.get("coverage", [])
        thin = [part for part in parts if part["affected"] < case["coverage"] * (part["affected"] + part["missed"])]
        problems += [f"coverage: {thin or proof}"] if thin or not parts else []
    problems += traces.clean_within(lab, run)[1]
    lab.victim_cgroup.thaw()
    lab.victim.ensure()
    problems += traces.differences(before, traces.fingerprint(lab))
    report.case(os.path.basename(path), problems, f"{case['what']} ({proof.get('measured', 'no proof')})")
    run.end()
    run.forget()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build/dev")
    parser.add_argument("cases", nargs="*", default=sorted(glob.glob(HERE + "/*.case")))
    options = parser.parse_args()
    if os.geteuid() != 0:
        print("skipped: the kernel cases need root for namespaces and cgroups")
        return 77
    report = Report()
    lab = Lab(os.path.realpath(options.build))
    report.case("every attack has a case", [f"no tests/kernel/{name}_*.case" for name in without_case(lab)])
    try:
        for path in options.cases:
            run_case(lab, report, path)
    finally:
        lab.close()
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
