#!/usr/bin/env python3
"""The trial of an on-call engineer: from `apt install ./ordeal.deb` to the first verdict of an experiment of one's own, with
nothing but the installed package, on a service behind nginx with PostgreSQL and redis; then three more faults, and purge.
Each command is printed with the time it took.

    trial.py [--build BUILD]     needs root and Debian's archive; about 3 minutes

All of it is on a copy of this machine in memory: daemons from Debian's packages, on ports and in folders of their own, in a
network namespace of their own, each in the cgroup that systemd would give its unit."""
import argparse
import glob
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import machine
from lab.cgroups import Cgroup

HERE = Path(__file__).resolve().parent
LIMIT = 300  # seconds of commands until the first verdict
DEBIAN = ("nginx-light", "postgresql", "redis-server", "python3-fastapi", "python3-uvicorn", "python3-psycopg2", "python3-redis")
HIERARCHIES = ("unified", "systemd", "cpu", "cpuacct", "freezer", "pids")
FOLDER = Path("/tmp/trial")
PYTHON = "/usr/bin/python3"  # Debian's, which has its modules
API_PYTHON = "import uvicorn; uvicorn.run('api:app', port={port}, log_level='warning')"

EXPECT = """
expect:
- name: errors of users
  query: sum(rate(user_requests_total{outcome="failed"}[5s])) / sum(rate(user_requests_total[5s]))
  condition: result < 0.01
- name: p95 of users
  query: histogram_quantile(0.95, sum by (le) (rate(user_seconds_bucket[5s])))
  condition: result < 0.4
sources: {scrape: [{url: "http://127.0.0.1:9100/metrics", job: users}]}
length: 10s
"""
# (file, what is believed, target, attack, the exit code of the run)
EXPERIMENTS = [
    ("slow-cache", "A slow cache is done without", "{type: systemd, name: trial-redis}",
     "{type: latency, args: {delay: 300ms, device: lo}}", 0),
    ("dead-api", "One of two instances may die again and again", "{type: systemd, name: trial-api-1}",
     "{type: process_killer, args: {process: python3, interval: 4s}}", 0),
    ("lossy-proxy", "A tenth of the packets to nginx may be lost", "{type: systemd, name: trial-nginx}",
     "{type: packet_loss, args: {percent: 10, device: lo, port: 8080}}", None),
    ("hung-database", "Users do not notice that the database hangs", "{type: systemd, name: trial-postgresql}", "{type: pause}", 1),
]


class Services:
    """Each a unit: a cgroup, a program that is started again when it dies."""

    def __init__(self):
        self.cgroups, self.processes = [], []
        FOLDER.mkdir()
        os.chmod(FOLDER, 0o777)

    def start(self, name, argv, user=None, again=False, **environment):
        cgroup = Cgroup(f"/system.slice/trial-{name}.service", HIERARCHIES)
        self.cgroups.append(cgroup)
        command = " ".join(map(shlex.quote, argv))
        if again:
            command = f"while :; do {command}; sleep 0.2; done"
        enter = "".join(f"echo $$ >{folder}/cgroup.procs; " for folder in cgroup.folders)
        become = f"exec runuser -u {user} -- {command}" if user else command if again else f"exec {command}"
        log = open(FOLDER / f"{name}.log", "w")
        self.processes.append(subprocess.Popen(["bash", "-c", enter + become], env={**os.environ, **environment}, cwd=HERE / "shop",
                                               stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True))

    def start_all(self):
        binaries, = glob.glob("/usr/lib/postgresql/*/bin")
        data = str(FOLDER / "data")
        subprocess.run(["runuser", "-u", "postgres", "--", binaries + "/initdb", "-D", data, "-A", "trust"], check=True, stdout=subprocess.DEVNULL, cwd="/")
        self.start("postgresql", [binaries + "/postgres", "-D", data, "-p", "5433", "-k", str(FOLDER)], "postgres")
        self.start("redis", ["redis-server", "--port", "6380", "--save", "", "--dir", str(FOLDER)])
        wait_for("the database", lambda: psql("SELECT 1"))
        psql("CREATE TABLE item AS SELECT id, 'item ' || id AS name FROM generate_series(1, 1000) AS id; ALTER TABLE item ADD PRIMARY KEY (id)")
        for number in (1, 2):
            self.start(f"api-{number}", [PYTHON, "-B", "-c", API_PYTHON.format(port=8000 + number)], again=True,
                       REDIS_PORT="6380", DATABASE="host=127.0.0.1 port=5433 user=postgres")
        self.start("nginx", ["nginx", "-c", str(HERE / "shop/nginx.conf")])
        self.start("users", [PYTHON, "-B", "users.py"])
        wait_for("the service", self.healthy)

    def healthy(self):
        return all(get(f"http://127.0.0.1:{port}/items/7") for port in (8001, 8002, 8080)) and get("http://127.0.0.1:9100/metrics")

    def end(self):
        for cgroup in reversed(self.cgroups):
            cgroup.thaw()
            cgroup.kill()
        for process in self.processes:
            process.wait()
        until = time.monotonic() + 5
        while any(os.path.exists(folder) for cgroup in self.cgroups for folder in cgroup.folders) and time.monotonic() < until:
            for cgroup in self.cgroups:
                cgroup.remove()
            time.sleep(0.05)
        for slice_folder in {os.path.dirname(folder) for cgroup in self.cgroups for folder in cgroup.folders}:
            try:
                os.rmdir(slice_folder)
            except OSError:
                pass  # this machine's own


def psql(text):
    return subprocess.run(["psql", "-qtA", "-h", "127.0.0.1", "-p", "5433", "-U", "postgres", "-c", text], stdin=subprocess.DEVNULL,
                          capture_output=True).returncode == 0


def get(url):
    return subprocess.run([sys.executable, "-c", "import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=2)", url],
                          capture_output=True).returncode == 0


def wait_for(what, holds, limit=60):
    until = time.monotonic() + limit
    while not holds():
        if time.monotonic() > until:
            raise SystemExit(f"{what} does not come up: its logs end with\n" + "\n".join(
                f"{path.name}: {path.read_text()[-500:]}" for path in FOLDER.glob("*.log")))
        time.sleep(0.2)


class Session:
    """Commands as a person types them: printed with what they said and how long they took."""

    def __init__(self):
        self.spent = 0.0

    def type(self, *argv, code=0):
        begin = time.monotonic()
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600)
        took = time.monotonic() - begin
        self.spent += took
        print(f"\n$ {shlex.join(argv)}    # {took:.1f} s", flush=True)
        lines = [line for line in done.stdout.rstrip().splitlines() if not line.startswith("(Reading database")]
        print("\n".join(lines if len(lines) <= 40 else [*lines[:8], f"… {len(lines) - 28} lines …", *lines[-20:]]), flush=True)
        if code is not None and done.returncode != code:
            raise SystemExit(f"exit {done.returncode}, expected {code}")
        return done.stdout

    def write(self, name, hypothesis, target, attack):
        text = f"name: {name}\nhypothesis: {hypothesis}\ntarget: {target}\nattack: {attack}\n{EXPECT.lstrip()}"
        Path(f"{name}.yaml").write_text(text)
        print(f"\n$ cat >{name}.yaml\n{text.rstrip()}", flush=True)


def prepare():
    """What the host of an on-call engineer has already: not part of the time."""
    quiet = {"check": True, "stdout": subprocess.DEVNULL}
    subprocess.run(["apt-get", "update", "-qq"], **quiet)
    subprocess.run(["apt-get", "install", "-qq", "-y", "--no-install-recommends", *DEBIAN], **quiet)


def trial(deb):
    session = Session()
    session.type("apt", "install", "-qq", "-y", "./" + os.path.basename(deb))
    machine.leave_network()
    services = Services()
    try:
        services.start_all()
        first = use(session, services)
    finally:
        services.end()
    session.type("apt-get", "purge", "-qq", "-y", "ordeal")
    left = [path for pattern in ("/usr/bin/ordeal*", "/var/lib/ordeal*", "/etc/ordeal*", "/run/ordeal*", "/usr/share/*/ordeal*")
            for path in glob.glob(pattern)]
    if left:
        raise SystemExit(f"purge left {left}")
    print(f"\nFirst verdict of an own experiment after {first:.0f} s of commands (allowed: {LIMIT}); {session.spent:.0f} s in all.")
    return 0 if first < LIMIT else 1


def begin(session, services):
    """Seconds of commands until the verdict of the experiment that `ordeal init` writes."""
    session.type("ordeal", "init", "trial-redis", "--attack", "latency", "--metrics", "http://127.0.0.1:9100/metrics", "-o", "first.yaml")
    session.type("cat", "first.yaml")
    session.type("ordeal", "check", "first.yaml")
    session.type("ordeal", "plan", "--set", "attack.args.device=lo", "first.yaml")
    session.type("ordeal", "run", "--set", "attack.args.device=lo", "--length", "10s", "first.yaml", code=None)
    first = session.spent
    settle(session, services, "first", None)
    return first


def settle(session, services, name, code):
    outcome = json.loads(session.type("ordeal", "list", "--limit", "1", "--json"))["verdict"]
    if outcome not in ("held", "deviated") or (code is not None and outcome != ("held", "deviated")[code]):
        raise SystemExit(f"{name}: {outcome}")
    session.type("ordeal", "verify-clean")
    wait_for("the service after it", services.healthy)


def use(session, services):
    """Seconds of commands until the first verdict."""
    session.type("ordeal", "--version")
    session.type("ordeal", "doctor")
    listed = session.type("ordeal", "targets", "trial")
    for _, _, target, _, _ in EXPERIMENTS:
        if f"target: {target}\n" not in listed:
            raise SystemExit(f"`ordeal targets` does not list {target}")
    first = begin(session, services)
    for name, hypothesis, target, attack, code in EXPERIMENTS:
        session.write(name, hypothesis, target, attack)
        session.type("ordeal", "plan", f"{name}.yaml")
        session.type("ordeal", "run", f"{name}.yaml", code=code)
        settle(session, services, name, code)
    session.type("ordeal", "report", "last", "-o", "report.html")
    session.type("ordeal", "list")
    return first


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=str(HERE.parents[1] / "build/release"))
    build = parser.parse_args().build
    if machine.INSIDE not in os.environ:
        return subprocess.call([sys.executable, "-B", machine.__file__, "--network", sys.executable, "-B", __file__, "--build", os.path.abspath(build)])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))
    prepare()
    os.makedirs("/tmp/home")
    os.chdir("/tmp/home")
    subprocess.run(["cpack", "--config", build + "/CPackConfig.cmake", "-B", "/tmp/home"], cwd=build, check=True, stdout=subprocess.DEVNULL)
    deb, = glob.glob("/tmp/home/ordeal_*.deb")
    return trial(deb)


if __name__ == "__main__":
    sys.exit(main())
