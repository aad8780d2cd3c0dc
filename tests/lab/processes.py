"""Processes and waiting. Times are CLOCK_BOOTTIME in seconds, as in Ordeal's events (boot_ns)."""
import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path


def now():
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def wait_until(condition, limit, pause=0.002):
    """The time when it became true, or None."""
    end = now() + limit
    while True:
        if condition():
            return now()
        if now() > end:
            return None
        time.sleep(pause)


def must_become(what, condition, patience=20):
    if wait_until(condition, patience, 0.1) is None:
        raise RuntimeError(f"waited {patience} s in vain: {what}")


def read(path, otherwise=""):
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return otherwise


def tool(*argv, check=True, **options):
    """Runs argv to its end. Its output; when it fails, the error is what it said."""
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, **options)
    if check and done.returncode != 0:
        raise RuntimeError(f"{' '.join(argv)}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def kill(pid, number=signal.SIGKILL):
    try:
        os.kill(pid, number)
        return True
    except ProcessLookupError:
        return False


def start(argv, cgroups=(), netns=None, log=None, **options):
    """Starts a program that is in its cgroups and its network namespace from its first instruction on. `cgroups` are
    Cgroups or their folders, `netns` a name of `ip netns` or a path; what it says is added to the file `log`."""
    folders = [folder for cgroup in cgroups for folder in getattr(cgroup, "folders", [cgroup])]
    procs = [f"{folder}/cgroup.procs" for folder in folders]
    path = netns if netns and "/" in netns else f"/run/netns/{netns}"
    enter = ["nsenter", f"--net={path}", "--"] if netns else []
    script = 'n=$1; shift; while [ $n -gt 0 ]; do echo $$ > "$1" || exit 99; shift; n=$((n-1)); done; exec "$@"'
    options.setdefault("stdin", subprocess.DEVNULL)
    command = ["sh", "-c", script, "sh", str(len(procs)), *procs, *enter, *argv]
    if not log:
        return subprocess.Popen(command, **options)
    with open(log, "a") as output:
        return subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, **options)


def stop(process, number=signal.SIGTERM, patience=10):
    if process.poll() is None:
        process.send_signal(number)
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def passable_folder(prefix):
    """A new folder that other users may pass through but not list, as a database does that runs as another user."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    folder.chmod(0o711)
    return folder
