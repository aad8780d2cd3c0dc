"""Halt from a second terminal while latency is in force: from the start of `ordeal halt` until the guard has reverted."""
import attacks
from lab import Run, now, traces
from lab.report import quantile

BAR = 0.5


def one(lab, run_only):
    """(seconds until reverted, problems)."""
    lab.victim.ensure()
    run = Run(lab, dict(attacks.Latency().experiment(lab), length="20s",
                        attack={"type": "latency", "args": attacks.Latency.args}))
    run.wait_injected()
    asked = now()
    target = [run.event("run")["run"]] if run_only else []
    done = lab.command("halt", *target, "--reason", "the crash tests", "--state-dir", run.state, timeout=20)
    code = run.wait(10)
    problems = [] if done.returncode == 0 else [f"halt: exit {done.returncode}: {done.stdout}{done.stderr}"]
    problems += [] if code == 5 else [f"the run: exit {code}, expected 5"]
    if not run_only:
        problems += latched(lab, run)
    problems += traces.clean_within(lab, run)[1]
    reverted = run.event("reverted")
    problems += [] if reverted else ["nothing was reverted"]
    took = reverted["data"]["reverted_boot_ns"] / 1e9 - asked if reverted else None
    run.end()
    run.forget()
    return took, problems


def latched(lab, run):
    """What is wrong with the latch, which is released after that."""
    refused = Run(lab, attacks.Pause().experiment(lab), state=run.state)
    code = refused.wait(10)
    problems = [] if code == 3 else [f"a run under the latch: exit {code}, expected 3"]
    refused.end()
    resumed = lab.command("resume", "--state-dir", run.state, timeout=20)
    return problems + ([] if resumed.returncode == 0 else [f"resume: exit {resumed.returncode}"])


def run_suite(lab, report, options):
    lab.victim.ensure()
    lab.open_stream()
    before = traces.fingerprint(lab)
    for name, run_only in (("halt RUN", True), ("halt, latch and resume", False)):
        times, problems = [], []
        for number in range(options.count):
            took, found = one(lab, run_only)
            problems += [f"{number}: {text}" for text in found]
            times += [took] if took is not None else []
        p50, p99 = (quantile(times, 0.5), quantile(times, 0.99)) if times else (9, 9)
        if p99 > BAR:
            problems.append(f"p99 is above {BAR * 1e3:.0f} ms")
        report.case(name, problems, f"request to reverted p50 {p50 * 1e3:.1f} ms, p99 {p99 * 1e3:.1f} ms, "
                                    f"max {max(times, default=0) * 1e3:.1f} ms over {len(times)}")
    lab.close_stream()
    report.case("the victim is as before", traces.differences(before, traces.fingerprint(lab)))
