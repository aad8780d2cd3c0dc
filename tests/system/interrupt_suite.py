"""Ctrl-C while an attack of the demo is in force: everything ends, and soon."""
import os
import signal

from demo_run import DemoRun
from lab import now, wait_until


def run_suite(report, options):
    demo = DemoRun(options.build, "--only", "latency-queued")
    try:
        wait_until(lambda: demo.of_type("inject") or demo.process.poll() is not None, 60, 0.1)
        report.case("the attack is in force", [] if demo.of_type("inject") else demo.text().splitlines()[-20:])
        asked = now()
        os.killpg(demo.process.pid, signal.SIGINT)  # as a terminal does
        code = demo.wait(20)
        took = now() - asked
        problems = [] if code == 130 else [f"exit {code}", *demo.text().splitlines()[-20:]]
        report.case("it ends with 130", problems, f"{took:.1f} s")
        verdicts = [event["data"]["outcome"] for event in demo.of_type("verdict")]
        report.case("the run says that it was halted", [] if verdicts == ["halted"] else [str(verdicts)])
        ends = [event["data"]["reverted_boot_ns"] / 1e9 - asked for event in demo.of_type("reverted")]
        problems = [] if ends and max(ends) < 1 else [f"reverted after {ends} s"]
        report.case("the fault ended within a second", problems, ", ".join(f"{end * 1e3:.0f} ms" for end in ends))
        report.case("nothing is left", demo.left_behind())
    finally:
        demo.close()
