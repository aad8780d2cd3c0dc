"""Keeps one program running, as a kubelet or a container's first process does.

supervise.py RESTART_AFTER_SECONDS NETNS|- CGROUP_FOLDERS(comma)|- ARGV...
Ends with its program at SIGTERM. As the first process of a container it reaps what the program leaves behind.
"""
import os
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))  # the lab

import lab  # noqa: E402


def main():
    pause, netns, cgroups, argv = float(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4:]
    netns = None if netns == "-" else netns
    cgroups = [] if cgroups == "-" else cgroups.split(",")
    ending = []
    program = None

    def end(*_):
        ending.append(True)
        if program and program.returncode is None:
            program.terminate()

    signal.signal(signal.SIGTERM, end)
    while not ending:
        program = lab.start(argv, cgroups, netns, log=f"/proc/{os.getpid()}/fd/1", start_new_session=True)
        status = None
        while status is None:
            time.sleep(0.05)
            status = lab.reap(program.pid)
        program.returncode = os.waitstatus_to_exitcode(status)
        print(f"{time.strftime('%H:%M:%S')} {argv[0]} ended with {program.returncode}", flush=True)
        if not ending:
            time.sleep(pause)


main()
