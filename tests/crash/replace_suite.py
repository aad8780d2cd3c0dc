"""The victim is killed, restarted or replaced in the middle of an attack: its impact ends within 100 ms, what comes in
its place is not touched, and nothing is left."""
import time

import attacks
from lab import Cgroup, Run, kill, now, traces, wait_until


def restart(lab):
    """The container's first process ends; its supervisor starts another in the same cgroup."""
    lab.victim_cgroup.thaw()
    lab.victim.echo.kill()
    lab.victim.echo.wait()
    ended = now()
    lab.victim.echo.stdout.close()
    lab.victim.echo = None
    idle = lab.victim.idle
    lab.victim.idle = None
    lab.victim.ensure()
    idle.kill()
    idle.wait()
    return ended


def replace(lab):
    """The container ends as a whole, its cgroup with it, and another one is made at the same path."""
    lab.victim.stop()
    ended = now()
    wait_until(lambda: not lab.victim_cgroup.procs(), 2)
    lab.victim_cgroup.remove()
    lab.victim_cgroup = Cgroup(lab.victim_cgroup.path, lab.victim_cgroup.names)
    lab.victim.cgroup = lab.victim_cgroup
    lab.victim.ensure()
    return ended


def kill_all(lab):
    lab.victim_cgroup.thaw()
    for pid in lab.victim.pids():
        kill(pid)
    for process in (lab.victim.echo, lab.victim.idle):
        process.wait()
    return now()


def ended_in_time(run, attack, ended):
    """By the guard's own clock, which is the machine's."""
    wait_until(lambda: run.event("reverted"), 3)
    reverted = run.event("reverted")
    if not reverted:
        return ["the impact did not end"], 0
    took = reverted["data"]["reverted_boot_ns"] / 1e9 - ended
    return [f"the impact ended {took * 1e3:.0f} ms after the victim"] if took > attack.limit_gone else [], took


def one(lab, report, how, attack):
    lab.victim.ensure()
    before = traces.fingerprint(lab)
    run = Run(lab, dict(attack.experiment(lab), length="3s", attack={"type": attack.type, "args": attack.args}))
    run.wait_injected()
    time.sleep(0.2)
    ended = how(lab)
    problems, took = ended_in_time(run, attack, ended)
    lab.victim.ensure()
    pids = lab.victim.pids()
    stream = lab.open_stream() if attack.type == "latency" else None
    begin = now()
    time.sleep(0.3)
    if stream:
        problems.append(stream.untouched(begin + 0.02, begin + 0.25))
    if lab.victim_cgroup.frozen():
        problems.append("the replacement is frozen")
    if traces.burners(lab):
        problems.append("a burner is in the replacement")
    code = run.wait(10)
    if code != 4:
        problems.append(f"exit code {code}, expected 4 (not injected)")
    if pids != lab.victim.pids() or not all(lab.victim.alive()):
        problems.append("the replacement was killed")
    lab.close_stream()
    problems += traces.clean_within(lab, run)[1]
    problems += traces.differences(before, traces.fingerprint(lab))
    report.case(f"{how.__name__} × {attack.type}", [p for p in problems if p],
                f"impact ended after {took * 1e3:.0f} ms; " + (run.event("verdict") or {"data": {"reason": ""}})["data"]["reason"][:80])
    run.end()
    run.forget()


def run_suite(lab, report, options):
    for how in (kill_all, restart, replace):
        for attack_type in (attacks.Latency, attacks.Cpu, attacks.Pause):
            if options.only in f"{how.__name__} × {attack_type.type}":
                attack = attack_type()
                attack.limit_gone = 0.1 + attacks.SLACK
                one(lab, report, how, attack)
