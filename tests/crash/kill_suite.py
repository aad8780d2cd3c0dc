"""SIGKILL of engine, guard, both, or the whole cgroup of the two, at random instants of a run."""
import random
import time

import attacks
from lab import Run, kill, now, traces, wait_until
from lab.report import millis

KILLS = ["engine", "guard", "both", "cgroup"]
LEAD = 0.45  # from the guard's start to its injection: mostly the baseline


def strike(lab, run, who):
    """Kills; the time just after."""
    guard = run.guard()
    if who == "cgroup":
        lab.engine_cgroup.kill()
    else:
        if who in ("guard", "both") and guard:
            kill(guard)
        if who in ("engine", "both") and run.process.poll() is None:
            kill(run.engine)
    return now()


def nobody_left(lab, run, who, left):
    """Engine and guard killed together in the instant between the run's folder and the start of its reaper: there is
    nobody to remove the folder, which claims nothing then; the next start or `ordeal revert` does. With their cgroup
    dies a reaper, too, that has just made a cgroup of its own and is not in it yet."""
    traces_of = {"both": ("folder run/", "file run/"), "cgroup": ("folder run/", "file run/", "cgroup ")}.get(who)
    if not left or not traces_of or run.injected():
        return False
    if not all(line.startswith(traces_of) and "claims" not in line for line in left):
        return False
    lab.command("revert", "--state-dir", run.state, timeout=20)
    return not traces.left_behind(lab, run)


def one_run(lab, attack, who, instant, rules=False):
    """One run, killed `instant` seconds after its guard appeared. (problems, was in force, time until clean)."""
    lab.victim.ensure()
    before = traces.fingerprint(lab, rules)
    attack.before(lab)
    run = Run(lab, attack.experiment(lab))
    wait_until(lambda: run.guard() or run.process.poll() is not None, 10, 0.005)
    began = run.process.poll() is None
    time.sleep(instant)
    killed = strike(lab, run, who)
    problems = [attack.ended(lab, killed), "" if began else "the run ended before its guard was there: nothing was shown"]
    if run.wait() is None:
        problems.append("the engine did not end")
    clean_at, left = traces.clean_within(lab, run)
    problems += [attack.later(lab, killed), *(left if not nobody_left(lab, run, who, left) else [])]
    attack.after(lab)
    in_force = run.in_force_at(killed)
    lab.victim.ensure()
    problems += traces.differences(before, traces.fingerprint(lab, rules))
    problems += ["stranger in the victim's cgroup: %d" % pid for pid in traces.strangers(lab)]
    problems = [problem for problem in problems if problem]
    if problems:
        problems.append("log: " + " | ".join(run.text().splitlines()[-3:])[-600:])
    run.end()
    run.forget()
    return problems, in_force, clean_at - killed if clean_at else None


def run_suite(lab, report, options, rules=False):
    for attack_type in (*attacks.ALL, *attacks.WAYS):
        for who in KILLS:
            name = f"{attack_type.name or attack_type.type} × {who}"
            if options.only and options.only not in name:
                continue
            dice = random.Random(f"{options.seed}/{name}")
            problems, in_force, times = [], 0, []
            count = options.alike if attack_type.alike and options.alike else options.count
            for number in range(count):
                attack = attack_type()
                instant = dice.uniform(0, LEAD + attack.length)
                found, hit, clean = one_run(lab, attack, who, instant, rules)
                problems += [f"run {number}, killed at {instant:.3f} s: {text}" for text in found]
                in_force += hit
                times += [clean] if clean is not None else []
            lab.close_stream()
            report.case(f"{name}, {count} runs", problems,
                        f"in force at the kill in {in_force}; nothing left after {millis(times)}")
