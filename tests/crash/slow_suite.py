"""A slow machine is not a hung guard. By failpoint a step of guard or reaper takes 900 ms or 3 s while another victim is
paused already: the run goes on and ends as it would have. One that takes 8 s is hung beyond what was announced (5 s):
the run ends with 7. One that is stopped (SIGSTOP) in the middle of its step is found as fast as anywhere else."""
import signal

from lab import Run, kill, read, start, traces, wait_until

STEPS = ["guard.before_apply", "reaper.before_journal", "reaper.before_undo"]
SLOW, HUNG = [900, 3000], 8000
ANNOUNCED, STOPPED_BAR = 5.0, 1.0

class Pair:
    """Two processes that are victims of their own, so that one is paused while the other's step is slow."""

    def __init__(self, lab):
        self.marker = str(100000 + lab.victim.echo.pid)
        self.victims = [start(["sleep", self.marker]) for _ in range(2)]
        wait_until(lambda: all(read(f"/proc/{v.pid}/comm").strip() == "sleep" for v in self.victims), 2)

    def experiment(self, length):
        return {"name": "slow", "target": {"type": "process", "pattern": f"^sleep {self.marker}$"}, "baseline": "100ms",
                "recovery": "100ms", "attack": {"type": "pause", "length": f"{length * 1000:g}ms"}}

    def stopped(self):
        return [victim.pid for victim in self.victims if "\nState:\tT" in read(f"/proc/{victim.pid}/status")]

    def end(self):
        for victim in self.victims:
            kill(victim.pid, signal.SIGCONT)
            victim.kill()
            victim.wait()

def one(lab, report, name, failpoint, length, expected, bar):
    """`bar`: how long after the first victim stood still both must run again."""
    pair = Pair(lab)
    run = Run(lab, pair.experiment(length), failpoint=failpoint)
    began = wait_until(pair.stopped, 10)
    at = wait_until(lambda: not pair.stopped() and (run.event("reverted") or run.process.poll() is not None), bar + 5)
    took = at - began if at and began else None
    code = run.wait(20)
    problems = [] if code == expected else [f"exit code {code}, expected {expected}: {run.text()[-400:]}"]
    if took is None or took > bar:
        problems.append(f"a victim stood still for {took and round(took, 3)} s, bar {bar:g} s")
    problems += traces.clean_within(lab, run)[1]
    verdict = run.event("verdict")
    report.case(name, problems, f"exit {code}, {took or 9:.3f} s; {verdict['data']['reason'][:90] if verdict else ''}")
    run.end()
    run.forget()
    pair.end()

def run_suite(lab, report, options):
    lab.victim.ensure()
    for step in STEPS:
        at = step + ":{}" + ("" if step.endswith("undo") else "@2")  # the second victim's, while the first stands still
        for millis in SLOW:
            name = f"{step} takes {millis} ms"
            if options.only in name and (options.soak or millis == 3000 or step == STEPS[0]):
                one(lab, report, name, at.format(f"{millis}ms"), 1, 4, 1 + 2 * millis / 1000 + 1)
        if options.only in f"{step} hangs" and (options.soak or step == "guard.before_apply"):
            one(lab, report, f"{step} hangs", at.format(f"{HUNG}ms"), 20 if step != STEPS[2] else 1, 7, ANNOUNCED + 2)
        if options.only in f"{step} is stopped":
            one(lab, report, f"{step} is stopped", at.format("stop"), 20 if step != STEPS[2] else 1, 7,
                STOPPED_BAR + (1 if step == STEPS[2] else 0))
