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
left, is checked for every case. Without files all of them run, two at a time, each lane with a lab of its own. Needs
root; exits 77 without."""
import argparse
import glob
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the lab

from lab import VICTIM_ADDRESS, Lab, Run, ask_own_resolver, read, start, tool, traces, wait_until  # noqa: E402
from lab.report import Report  # noqa: E402


def probe(lab, protocol, port, rate, seconds):
    return json.loads(tool("nsenter", f"--net=/run/netns/{lab.client_ns}", "--", os.path.dirname(lab.echo) + "/net_probe",
                           protocol, VICTIM_ADDRESS, str(port), rate, seconds))


def loss(lab, protocol, port, least, most):
    """The share of 300 round trips to the victim's port that is lost, in percent."""
    seen = probe(lab, protocol, port, "300", "1")
    percent = 100 * seen["lost"] / seen["sent"]
    return "" if least <= percent <= most else f"{protocol} {port}: {percent:.1f} % lost, expected {least} to {most}"


def stream(lab, port):
    """What comes back of 1 000 datagrams within a second; see net_count."""
    return json.loads(tool("nsenter", f"--net=/run/netns/{lab.client_ns}", "--", os.path.dirname(lab.echo) + "/net_count",
                           VICTIM_ADDRESS, str(port), "1000", "1000"))


def of_stream(lab, port, what, least, most):
    seen = stream(lab, port)
    percent = 100 * {"twice": seen["received"] - seen["distinct"], "wrong": seen["wrong"], "late": seen["late"],
                     "lost": seen["sent"] - seen["distinct"]}[what] / seen["sent"]
    return "" if least <= percent <= most else f"port {port}: {percent:.1f} % came {what}, expected {least} to {most}"


def twice(lab, port, least, most):
    """The share of a stream that comes back twice, in percent."""
    return of_stream(lab, port, "twice", least, most)


def wrong(lab, port, least, most):
    """The share of a stream that comes back with other contents, in percent."""
    return of_stream(lab, port, "wrong", least, most)


def lost(lab, port, least, most):
    """The share of a stream that does not come back, in percent."""
    return of_stream(lab, port, "lost", least, most)


def late(lab, port, least, most):
    """The share of a stream that is overtaken, in percent."""
    return of_stream(lab, port, "late", least, most)


def round_trip(lab, protocol, port, least, most):
    """The median round trip to the victim's port, in ms."""
    median = probe(lab, protocol, port, "100", "0.3")["rtt_p50"]
    return "" if least <= median <= most else f"{protocol} {port}: round trip {median} ms, expected {least} to {most}"


def by_client(lab, program):
    """What a connection of the client's to the victim's port raises, or ""."""
    program = f"""
import socket
try:
{program}
except OSError as error:
    print(type(error).__name__, end="")"""
    return tool("nsenter", f"--net=/run/netns/{lab.client_ns}", "--", "python3", "-c", program)


def connects(lab, port, expected):
    """What a TCP connect to the victim's port raises within 0.6 s, or "" when it succeeds."""
    seen = by_client(lab, f'    socket.create_connection(("{VICTIM_ADDRESS}", {port}), timeout=0.6).close()')
    return "" if seen == expected else f"TCP connect to {port}: {seen or 'succeeded'}, expected {expected or 'success'}"


def keeps(lab, port, expected):
    """What happens within 0.8 s to a connection that echoes: what it raises, or ""."""
    seen = by_client(lab, f"""
    peer = socket.create_connection(("{VICTIM_ADDRESS}", {port}), timeout=2)
    for _ in range(20):
        peer.send(b"x")
        peer.settimeout(2)
        peer.recv(1)
        peer.settimeout(0.04)
        try:
            peer.recv(1)
        except TimeoutError:
            pass""")
    return "" if seen == expected else f"connection to {port}: {seen or 'stood'}, expected {expected or 'that it stands'}"


def resolves(lab, name, expected):
    """The code of the answer that a process of the victim gets from a resolver of its own on lo, or what it raises."""
    seen = ask_own_resolver(lab, name)
    return "" if seen == str(expected) else f"{name}: {seen}, expected {expected}"


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


def stopped(lab, expected):
    """The idle process alone."""
    states = [read(f"/proc/{pid}/stat").rpartition(") ")[2][:1] for pid in lab.victim.pids()]
    seen = [state == "T" for state in states]
    return "" if seen == [False, expected] else f"[server, idle] stopped is {seen}, expected {[False, expected]}"


def counter(lab, names):
    """The first of the files that one of the victim's cgroups has."""
    return next(int(read(f"{folder}/{name}")) for name in names for folder in lab.victim_cgroup.folders
                if os.path.exists(f"{folder}/{name}"))


def memory(lab, least, most):
    """MiB that are charged to the victim's cgroup, a second later."""
    time.sleep(1)
    used = counter(lab, ("memory.usage_in_bytes", "memory.current")) / (1 << 20)
    return "" if least <= used <= most else f"{used:.1f} MiB charged, expected {least} to {most}"


def pids(lab, least, most):
    """Process ids in the victim's cgroup, half a second later."""
    time.sleep(0.5)
    used = counter(lab, ("pids.current",))
    return "" if least <= used <= most else f"{used} process ids, expected {least} to {most}"


def space(_, folder, least, most):
    """MiB in use in the file system of a folder, half a second later."""
    time.sleep(0.5)
    system = os.statvfs(folder)
    used = (system.f_blocks - system.f_bfree) * system.f_frsize / (1 << 20)
    return "" if least <= used <= most else f"{used:.1f} MiB in use in {folder}, expected {least} to {most}"


def alive(lab, echo, idle):
    expected = [echo, idle]
    at = wait_until(lambda: lab.victim.alive() == expected, 1)
    return "" if at else f"[server, idle] alive is {lab.victim.alive()}, expected {expected}"


CHECKS = {
    check.__name__: check
    for check in (round_trip, loss, twice, wrong, lost, late, connects, keeps, resolves, frozen, cpu, memory, pids, space, alive,
                  stopped)
}


def check_all(lab, checks):
    return [problem for name, *arguments in checks for problem in [CHECKS[name](lab, *arguments)] if problem]


def without_case(lab):
    """The attacks of the table that no file here is about."""
    attacks = map(json.loads, tool(lab.ordeal, "attacks", "--json").splitlines())
    types = {attack["type"] for attack in attacks if not attack["only_looks"]}  # a look hits nobody: tests/cli/certificate_test.py
    tested = {json.loads(read(path))["attack"]["type"] for path in glob.glob(HERE + "/*.case")}
    return sorted(types - tested)


def with_peer(lab, attack):
    """The attack, its peer a process beside the client, who has the client's address."""
    if attack.get("args", {}).get("peer") != "PEER":
        return attack, None
    process = start(["sleep", "100"], [lab.stream_cgroup], lab.client_ns)
    return {**attack, "args": {**attack["args"], "peer": {"type": "container", "cgroup": lab.stream_cgroup.path}}}, process


def experiment_of(lab, case):
    return {"name": case["what"], "target": lab.target(), "attack": case["attack"],
            "baseline": case.get("baseline", "100ms"),
            "sources": {"interval": "100ms"}, **({"min_events": case["min_events"]} if "min_events" in case else {}),
            "expect": [{"name": "always", "probe": {"command": ["true"]}, "condition": "result == 0"}]}


def run_case(lab, report, path, wrap=()):
    with open(path) as file:
        case = json.loads(file.read().replace("DISK", lab.disk))  # of the victim's own
    lab.victim.ensure()
    case["attack"], peer = with_peer(lab, case["attack"])
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
    if peer:
        peer.kill()
        peer.wait()


def in_lanes(command, paths):
    """Runs the command over two shares of the files at once, then over those that measure the CPU. The worst exit code."""
    alone = [path for path in paths if os.path.basename(path).startswith("cpu_")]
    others = [path for path in paths if path not in alone]
    with ThreadPoolExecutor() as lanes:
        done = list(lanes.map(lambda share: subprocess.run([*command, *share], capture_output=True, text=True),
                              [others[::2], others[1::2]]))
    done.append(subprocess.run([*command, *alone], capture_output=True, text=True))
    for lane in done:
        print(lane.stdout + lane.stderr, flush=True)
    return max(abs(lane.returncode) for lane in done)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build/dev")
    parser.add_argument("cases", nargs="*")
    options = parser.parse_args()
    if os.geteuid() != 0:
        print("skipped: the kernel cases need root for namespaces and cgroups")
        return 77
    if not options.cases:
        return in_lanes([sys.executable, "-B", __file__, "--build", options.build], sorted(glob.glob(HERE + "/*.case")))
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
