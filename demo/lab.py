"""The demo's laboratory: network namespaces, cgroups and processes.

Everything is made inside the PID, mount and network namespaces that `isolated` starts, so the kernel ends all
processes and links with them. Only cgroups live outside: `remove_cgroups` is for the caller, when all has ended.
"""
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CONTROLLERS = ("cpu", "cpuacct", "freezer", "pids")
CGROUP_PREFIX = "shop-demo-"
AS_ROOT_OUTSIDE = "ORDEAL_DEMO_AS_ROOT"  # set for the isolated part, where everyone is uid 0


def command(*argv, **options):
    """Runs argv to its end; its output is the error's text when it fails."""
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(argv)}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


# Isolation


def isolated(argv, as_root):
    """Runs argv in namespaces of its own; it gets SIGTERM when we end or are told to. Its exit code."""
    user = [] if as_root else ["--user", "--map-root-user"]
    unshare = ["unshare", *user, "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    life, ours = os.pipe()
    signals = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
    closing = []

    def end(*_):
        if not closing:
            closing.append(os.close(ours))

    before = {number: signal.signal(number, end) for number in signals}
    child = subprocess.Popen(
        [*unshare, sys.executable, __file__, "init", str(life), *argv],
        pass_fds=[life],
        env={**os.environ, AS_ROOT_OUTSIDE: "1" if as_root else ""},
    )
    os.close(life)
    code = child.wait()
    for number, handler in before.items():
        signal.signal(number, handler)
    return code


def as_root_outside():
    return bool(os.environ.get(AS_ROOT_OUTSIDE))


def init(life, argv):
    """The first process of the PID namespace: reaps, and asks argv to end when `life` closes. Its exit code."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    main = subprocess.Popen(argv)
    deadline = None
    while deadline is None or time.monotonic() < deadline:
        status = reap(main.pid)
        if status is not None:
            return os.waitstatus_to_exitcode(status) & 0xFF
        if deadline is None and select.select([life], [], [], 0.1)[0]:
            os.kill(main.pid, signal.SIGTERM)
            deadline = time.monotonic() + 20
        elif deadline is not None:
            time.sleep(0.05)
    return 130


def reap(awaited):
    """Reaps what has ended. The wait status of `awaited`, when it is among that."""
    status = None
    while True:
        try:
            pid, ended = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return status
        if pid == 0:
            return status
        if pid == awaited:
            status = ended


# Network namespaces


class Network:
    """A bridge in our own network namespace, with network namespaces on its ports."""

    def __init__(self, address):
        self.namespaces = []
        command("ip", "link", "set", "lo", "up")
        command("ip", "link", "add", "shop", "type", "bridge")
        command("ip", "addr", "add", f"{address}/24", "dev", "shop")
        command("ip", "link", "set", "shop", "up")

    def add(self, name, address):
        """A namespace with `address` on the bridge. Returns a path for nsenter; we alone keep it alive."""
        holder = subprocess.Popen(["unshare", "--net", "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        holder.stdin.write(b"\n")
        holder.stdin.flush()
        holder.stdout.read(1)  # unshare has become cat: the namespace is there
        self.namespaces.append(open(f"/proc/{holder.pid}/ns/net"))
        path = f"/proc/{os.getpid()}/fd/{self.namespaces[-1].fileno()}"
        command("ip", "link", "add", f"to-{name}", "type", "veth", "peer", "name", "eth0", "netns", str(holder.pid))
        command("ip", "link", "set", f"to-{name}", "master", "shop", "up")
        inside = ["nsenter", f"--net={path}", "ip"]
        command(*inside, "link", "set", "lo", "up")
        command(*inside, "addr", "add", f"{address}/24", "dev", "eth0")
        command(*inside, "link", "set", "eth0", "up")
        holder.communicate()
        return path


# Cgroups


def cgroup_mounts():
    """(folder, its v1 controllers or None for v2) of the mounted hierarchies that the demo uses."""
    found = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields, _, source = line.partition(" - ")
        kind, _, options = source.split(" ", 2)
        folder = Path(fields.split()[4])
        controllers = set(options.split(",")) & set(CONTROLLERS)
        if kind == "cgroup2":
            found.append((folder, None))
        elif kind == "cgroup" and controllers:
            found.append((folder, controllers))
    return found


class Cgroup:
    """One cgroup path such as /shop-demo-7/api-1, in every hierarchy that the demo uses."""

    def __init__(self, path):
        self.path = path
        self.folders = []
        for mount, controllers in cgroup_mounts():
            folder = mount / path.lstrip("/")
            if controllers is None:
                hand_down(mount, folder.parent)
            folder.mkdir(parents=True, exist_ok=True)
            if folder.resolve() not in [f.resolve() for f in self.folders]:
                self.folders.append(folder)

    def limit_cpu(self, cpus):
        """At most `cpus`, and those also on a busy machine. False where this cannot be."""
        for folder in self.folders:
            if (folder / "cpu.cfs_quota_us").exists():
                (folder / "cpu.cfs_quota_us").write_text(str(int(cpus * 100_000)))
                self._prefer(folder, "cpu.shares", "16384")
                return True
            if (folder / "cpu.max").exists():
                (folder / "cpu.max").write_text(f"{int(cpus * 100_000)} 100000")
                self._prefer(folder, "cpu.weight", "1600")
                return True
        return False

    def _prefer(self, folder, file, weight):
        for each in (folder, folder.parent):
            (each / file).write_text(weight)


def hand_down(mount, parent):
    """Lets the v2 cgroups below `parent` have the controllers that are there."""
    for folder in [mount, *reversed([p for p in [parent, *parent.parents] if mount in p.parents])]:
        folder.mkdir(exist_ok=True)
        there = set((folder / "cgroup.controllers").read_text().split())
        given = set((folder / "cgroup.subtree_control").read_text().split())
        for controller in sorted((there & set(CONTROLLERS)) - given):
            (folder / "cgroup.subtree_control").write_text(f"+{controller}")


def remove_cgroups(root):
    """Removes /`root` with its children, once their processes have ended."""
    deadline = time.monotonic() + 5
    for mount, _ in cgroup_mounts():
        top = mount / root
        children = [p for p in top.glob("*") if p.is_dir()] if top.is_dir() else []
        for folder in [*children, *([top] if top.is_dir() else [])]:
            while folder.exists():
                try:
                    folder.rmdir()
                except OSError:
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.05)


def remove_stale_cgroups():
    """Removes what a demo left that was killed: its name holds the id of its process."""
    for mount, _ in cgroup_mounts():
        for top in mount.glob(CGROUP_PREFIX + "*"):
            if not Path("/proc", top.name.removeprefix(CGROUP_PREFIX)).exists():
                remove_cgroups(top.name)


# Processes


def spawn(argv, netns=None, cgroups=(), log=None):
    """Starts argv in a session, network namespace and cgroups (folders) of its own; output goes to the file `log`."""
    if netns:
        argv = ["nsenter", f"--net={netns}", *argv]

    def join():
        for folder in cgroups:
            with open(f"{folder}/cgroup.procs", "w") as procs:
                procs.write("0")

    output = open(log, "a") if log else subprocess.DEVNULL
    try:
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=join if cgroups else None,
        )
    finally:
        if log:
            output.close()


def stop(process, number=signal.SIGTERM, patience=10):
    if process.poll() is None:
        process.send_signal(number)
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_until(what, condition, patience=20):
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"waited {patience} s in vain: {what}")
        time.sleep(0.1)


def work_folder():
    """A folder that other users may pass through but not list: the database runs as another user."""
    folder = Path(tempfile.mkdtemp(prefix="ordeal-demo-"))
    folder.chmod(0o711)
    return folder


if __name__ == "__main__" and sys.argv[1] == "init":
    sys.exit(init(int(sys.argv[2]), sys.argv[3:]))
