#!/usr/bin/env python3
"""Where one impact waits, and the rest of the run goes on: waiting_test.py --build DIR. Needs root; exits 77 without.

An attack that excludes a name is in force, and its length begins, when its rules are; before, it is neither injected nor
evidence. And while a load that was let go dies slowly, the packets of another attack are delayed, and no longer than asked."""
import argparse
import os
import socket
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the lab

from lab import CGROUPS, PORT, Lab, Run, now, traces, wait_until  # noqa: E402
from lab.report import Report  # noqa: E402

NAME = "waiting.test"
RESOLVER = "127.0.0.153"
ANSWERED_AFTER = 1.5
DELAY, SLACK = 0.05, 0.15
DIES_AFTER = 0.7  # less than what io has to die


class Resolver:
    """Answers each question about IPv4 with an address, each other one with nothing: while the run is planned at once, then
    `after` so long (None: never)."""

    def __init__(self, lab, after):
        self.after = after
        self.conf = f"{lab.folder}/resolv.conf"
        Path(self.conf).write_text(f"nameserver {RESOLVER}\noptions timeout:9 attempts:1\n")
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((RESOLVER, 53))
        self.socket.settimeout(0.02)
        self.closing, self.run = False, None
        self.thread = threading.Thread(target=self.work)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.closing = True
        self.thread.join()
        self.socket.close()

    def work(self):
        due = []
        while not self.closing:
            try:
                due.append((*self.socket.recvfrom(999), now()))
            except TimeoutError:
                pass
            after = self.after if self.run and self.run.event("phase") else 0
            while after is not None and due and due[0][2] + after <= now():
                self.answer(*due.pop(0)[:2])

    def answer(self, asked, peer):
        end = asked.index(b"\0", 12) + 5
        of_ipv4 = asked[end - 3] == 1
        head = asked[:2] + bytes([0x81, 0x80, 0, 1, 0, int(of_ipv4), 0, 0, 0, 0])
        record = bytes([0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 9, 0, 9]) if of_ipv4 else b""
        self.socket.sendto(head + asked[12:end] + record, peer)

    def wrap(self):
        """Whom a program asks for names that is started by it."""
        return ["unshare", "--mount", "sh", "-c", f'mount --bind {self.conf} /etc/resolv.conf && exec "$@"', "sh"]


def experiment(lab, **more):
    return {"name": "waiting", "target": lab.target(), "baseline": "100ms", "recovery": "2s",
            "expect": [{"name": "always", "probe": {"command": ["true"]}, "condition": "result == 0"}], **more}


def run_with(lab, resolver, kind="blackhole"):
    attack = {"type": kind, "args": {"hosts": "^" + NAME, "port": PORT}, "length": "800ms"}
    resolver.run = Run(lab, experiment(lab, attack=attack), wrap=resolver.wrap())
    return resolver.run


def length_of(run):
    reverted = run.event("reverted")["data"]
    return (reverted["reverted_boot_ns"] - reverted["applied_boot_ns"]) / 1e9


def finish(lab, report, name, run, problems, note=""):
    problems = problems + traces.clean_within(lab, run)[1]
    report.case(name, problems + ([run.text()[-1500:]] if problems else []), note)
    run.end()
    run.forget()


def awaited_name(lab, report):
    """Its length is counted from when the name is known, and all of it is the blackhole's."""
    with Resolver(lab, ANSWERED_AFTER) as resolver:
        begin, run = now(), run_with(lab, resolver)
        code = run.wait(20)
    inject = run.event("inject")
    problems = [] if code == 0 and inject else [f"exit code {code}"]
    if not problems:
        after = inject["boot_ns"] / 1e9 - begin
        problems += [] if after > ANSWERED_AFTER else [f"injected {after:.2f} s after the start: no rule was in force"]
        problems += [] if length_of(run) < 1.2 else [f"in force for {length_of(run):.2f} s of 0.8 s"]
    finish(lab, report, "an attack is in force when what it spares is known", run, problems)


def unknown_name(lab, report, kind):
    with Resolver(lab, None) as resolver:
        run = run_with(lab, resolver, kind)
        code = run.wait(20)
    problems = [] if code == 4 else [f"exit code {code}, expected 4"]
    problems += ["it counts as injected"] if run.event("inject") else []
    problems += [] if "not known what to spare" in run.text() else ["why is not said"]
    finish(lab, report, f"{kind} that never knows what to spare is not injected", run, problems)


def halted_while_it_waits(lab, report):
    with Resolver(lab, None) as resolver:
        run = run_with(lab, resolver)
        wait_until(lambda: run.event("phase", phase="inject") or run.process.poll() is not None, 5)
        time.sleep(0.3)
        begin = now()
        done = lab.command("halt", run.event("run")["run"], "--reason", "waiting", "--state-dir", run.state, timeout=20)
        code, took = run.wait(10), now() - begin
    problems = [] if code == 5 and done.returncode == 0 else [f"exit code {code}, of halt {done.returncode}"]
    problems += [] if took < 2 else [f"the halt took {took:.1f} s"]
    problems += ["it counts as injected"] if run.event("inject") else []
    finish(lab, report, "a halt ends what waits", run, problems)


def slow_death(lab, report):
    """io is let go and frozen, so that it does not die; the latency of the same run goes on."""
    freezer = f"{CGROUPS}/freezer/{lab.name}/slow"
    if not os.path.isdir(f"{CGROUPS}/freezer"):
        return report.case("a load that dies slowly holds up nobody", note="skipped: no freezer of version 1")
    attacks = [{"attack": {"type": "latency", "args": {"delay": "50ms", "port": PORT, "protocol": "udp"}}, "length": "4s"},
               {"attack": {"type": "io", "args": {"dir": "/var/tmp"}}, "length": "1500ms"}]
    os.mkdir(freezer)
    run = Run(lab, experiment(lab, attacks=attacks))
    wait_until(lambda: run.event("phase", phase="during") or run.process.poll() is not None, 10)
    begin = now()
    load = next((pid for pid, argv in lab.ordeal_processes() if "--load" in argv), None)
    if load is None:
        os.rmdir(freezer)
        return finish(lab, report, "a load that dies slowly holds up nobody", run, ["there is no load"])
    time.sleep(max(0.0, begin + 1.3 - now()))
    Path(freezer, "cgroup.procs").write_text(str(load))
    Path(freezer, "freezer.state").write_text("FROZEN")
    wait_until(lambda: now() > begin + 1.5 + DIES_AFTER, 9, 0.01)
    Path(freezer, "freezer.state").write_text("THAWED")
    code = run.wait(20)
    wait_until(lambda: not Path(freezer, "cgroup.procs").read_text(), 2)
    os.rmdir(freezer)
    sent = lab.stream.sent_between(begin + 1.3, begin + 1.5 + DIES_AFTER)
    slow = [took for _, took in sent if took is None or took > DELAY + SLACK]
    most = max((took for _, took in sent if took), default=0)
    problems = [f"{len(slow)} of {len(sent)} packets were held up, the longest {most * 1e3:.0f} ms"] if slow else []
    problems += [] if run.event("reverted", result="clean") else ["not reverted"]
    finish(lab, report, "a load that dies slowly holds up nobody", run, problems, f"exit {code}, {most * 1e3:.0f} ms at most")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default="build/dev")
    options = parser.parse_args()
    if os.geteuid() != 0:
        print("skipped: this needs root for namespaces and cgroups")
        return 77
    report = Report()
    lab = Lab(os.path.realpath(options.build))
    try:
        lab.victim.ensure()
        lab.open_stream()
        awaited_name(lab, report)
        for kind in ("blackhole", "reset"):
            unknown_name(lab, report, kind)
        halted_while_it_waits(lab, report)
        slow_death(lab, report)
    finally:
        lab.close()
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
