"""At rest: memory (PSS) and CPU of engine, guard and reaper with no impact in force, and the start-up time of the
program. The bars hold for a release build on a quiet machine, so they are asserted with --soak only."""
import os
import statistics
import subprocess
import time

import attacks
from lab import Run, now, read, wait_until

PSS_BAR_KIB, CPU_BAR = 8 * 1024, 0.0005  # guard and reaper in sum


def pss_kib(pid):
    for line in read(f"/proc/{pid}/smaps_rollup").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0


def cpu_seconds(pid):
    """Of all threads, to the nanosecond; /proc/PID/stat counts in ticks of 10 ms."""
    total = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        total += int(read(f"/proc/{pid}/task/{thread}/schedstat").split()[0])
    return total / 1e9


def at_rest(lab, report, options):
    length = 60 if options.soak else 2
    lab.victim.ensure()
    run = Run(lab, dict(attacks.Pause().experiment(lab), baseline=f"{length + 30}s"))
    wait_until(lambda: run.event("phase"), 10)
    time.sleep(1)
    pids = {"engine": run.engine, "guard": run.guard(), "reaper": run.reaper()}
    before, begin = {name: cpu_seconds(pid) for name, pid in pids.items()}, now()
    time.sleep(length)
    passed = now() - begin
    cpu = {name: (cpu_seconds(pid) - before[name]) / passed for name, pid in pids.items()}
    pss = {name: pss_kib(pid) for name, pid in pids.items()}
    for name in pids:
        print(f"     {name:7} {pss[name]:6} KiB PSS  {cpu[name] * 100:.4f} % CPU over {passed:.0f} s")
    both_pss, both_cpu = pss["guard"] + pss["reaper"], cpu["guard"] + cpu["reaper"]
    problems = []
    if options.soak and both_pss > PSS_BAR_KIB:
        problems.append("guard and reaper use more than 8 MiB")
    if options.soak and both_cpu > CPU_BAR:
        problems.append("guard and reaper use more than 0.05 % of a CPU")
    report.case("at rest", problems, f"guard and reaper {both_pss} KiB PSS, {both_cpu * 100:.4f} % CPU")
    run.process.terminate()
    run.wait(10)
    run.end()
    run.forget()


def start_up(lab, report):
    times = []
    for _ in range(20):
        begin = now()
        subprocess.run([lab.ordeal, "--version"], stdout=subprocess.DEVNULL, check=True)
        times.append(now() - begin)
    report.case("ordeal --version", [], f"median {statistics.median(times) * 1e3:.1f} ms over {len(times)}")


def run_suite(lab, report, options):
    at_rest(lab, report, options)
    start_up(lab, report)
