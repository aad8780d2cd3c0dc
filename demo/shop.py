"""The case study's shop in miniature: three API replicas behind HAProxy, PostgreSQL, a payment provider, and its users.

The addresses stand also in haproxy.cfg and in expectations/*.yaml.
"""
import glob
import json
import pwd
import re
import shutil
import socket
import sys
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))  # the lab

import lab  # noqa: E402

HERE = Path(__file__).parent
HOST = "10.77.0.1"
REPLICAS = {"api-1": "10.77.0.11", "api-2": "10.77.0.12", "api-3": "10.77.0.13"}
DATABASE = "10.77.0.20"
PAYMENTS = "10.77.0.30"
SHOP = (HOST, 8080)
USERS_METRICS = "http://127.0.0.1:9100/metrics"

REPLICA_RESTARTS_AFTER = 3  # seconds
DATABASE_RESTARTS_AFTER = 1
REPLICA_CPUS = 0.4
RATE = 80  # requests per second
# From the load balancer to each replica. 500 ms of delay keep 80 / 3 * 0.5 = 13 requests under way at a time, on average.
CONNECTIONS = 60
BODY = b"ok"
HIERARCHIES = ("unified", "cpu", "cpuacct", "freezer", "pids")
LABELS = {"app": "fastapi-backend", "environment": "staging", "chaos-enabled": "true"}


class Shop:
    def __init__(self, build, work, cgroup_root):
        """`cgroup_root` names the demo's cgroup; None does without cgroups."""
        self.programs = Path(build) / "bin"
        self.work = work
        self.cgroup_root = cgroup_root
        self.replicas = {}
        self.others = []
        self.network = lab.Network(HOST)
        self.netns = {name: self.network.add(name, address) for name, address in REPLICAS.items()}
        self.netns["database"] = self.network.add("database", DATABASE)
        self.netns["payments"] = self.network.add("payments", PAYMENTS)
        self.cgroups = {name: self._cgroup(name) for name in [*REPLICAS, "database", "edge"]}
        if self.cgroup_root:
            self.cgroups["edge"].prefer()  # the users measure the shop, not what else this machine does

    def _cgroup(self, name):
        if not self.cgroup_root:
            return None
        cgroup = lab.Cgroup(f"/{self.cgroup_root}/{name}", HIERARCHIES, ("cpu", "pids"))
        if name in REPLICAS and not cgroup.limit_cpu(REPLICA_CPUS):
            raise RuntimeError("this machine's cgroups have no CPU limit (CONFIG_CFS_BANDWIDTH)")
        return cgroup

    def _start(self, argv, name, cgroups=(), netns=None):
        return lab.start(argv, cgroups, netns, log=str(self.work / f"{name}.log"), start_new_session=True)

    def _folders(self, name):
        cgroup = self.cgroups[name]
        return cgroup.folders if cgroup else []

    def _supervisor(self, pause, netns, cgroups, argv):
        return [sys.executable, str(HERE / "supervise.py"), str(pause), netns, ",".join(cgroups) or "-", *argv]

    # The parts, in the order in which they start

    def start_database(self):
        """PostgreSQL in a container: network, PIDs, mounts and cgroup of its own, a supervisor as its first process."""
        programs = Path(max(glob.glob("/usr/lib/postgresql/*/bin")))
        data = self.work / "database"
        data.mkdir()
        if lab.as_root_outside():
            shutil.chown(data, "postgres", "postgres")
            user = ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups"]
        else:  # PostgreSQL refuses to run as root, and we are root in our user namespace
            known = pwd.getpwnam("postgres")
            user = ["unshare", "--user", f"--map-user={known.pw_uid}", f"--map-group={known.pw_gid}"]
        lab.tool(*user, str(programs / "initdb"), "-D", str(data), "-U", "shop", "-A", "trust", "-N", cwd="/")
        with open(data / "pg_hba.conf", "a") as rules:
            rules.write("host all all samenet trust\n")
        settings = {
            "listen_addresses": DATABASE,
            "unix_socket_directories": "",
            "shared_buffers": "16MB",
            "max_connections": "30",
        }
        flags = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        postgres = [*user, str(programs / "postgres"), "-D", str(data), *flags]
        container = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
        supervisor = self._supervisor(DATABASE_RESTARTS_AFTER, "-", [], postgres)
        self.others.append(
            self._start([*container, *supervisor], "database", self._folders("database"), self.netns["database"])
        )
        lab.must_become("PostgreSQL listens", lambda: answers(DATABASE, 5432))
        psql = ["psql", "-q", "-h", DATABASE, "-U", "shop", "-d", "postgres", "-v", "ON_ERROR_STOP=1"]
        lab.must_become("PostgreSQL is ready", lambda: succeeds(*psql, "-c", "SELECT 1"))
        lab.tool(*psql, "-f", str(HERE / "shop.sql"))

    def start_payments(self):
        """The payment provider takes 300 ms, as in the case study."""
        argv = [str(self.programs / "payment_stub"), "--listen", f"{PAYMENTS}:8000", "--delay", "300ms"]
        self.others.append(self._start(argv, "payments", netns=self.netns["payments"]))

    def start_replicas(self, payments, reset=None):
        """`sync` waits for the payment provider inside the request, `queued` does not; `reset` is how long an open breaker
        refuses. Replaces running replicas."""
        for process in self.replicas.values():
            lab.stop(process)
        for name, address in REPLICAS.items():
            argv = [str(self.programs / "shop_api"), "--listen", f"{address}:8000", "--payments", payments]
            argv += ["--postgres", f"host={DATABASE} user=shop dbname=postgres"]
            argv += ["--payments-url", f"http://{PAYMENTS}:8000/payments"]
            argv += ["--breaker-reset", reset] if reset else []
            supervisor = self._supervisor(REPLICA_RESTARTS_AFTER, self.netns[name], self._folders(name), argv)
            self.replicas[name] = self._start(supervisor, name)
        for name, address in REPLICAS.items():
            lab.must_become(f"{name} answers", lambda: healthy(f"http://{address}:8000/healthz"))

    def start_load_balancer(self):
        self.others.append(self._start(["haproxy", "-db", "-f", str(HERE / "haproxy.cfg")], "haproxy", self._folders("edge")))
        lab.must_become("HAProxy answers", lambda: healthy(f"http://{HOST}:8080/products"))

    def start_users(self):
        argv = [str(self.programs / "shop_load"), "--target", f"http://{HOST}:8080", "--rate", str(RATE)]
        self.others.append(self._start(argv, "users", self._folders("edge")))
        lab.must_become("the users' metrics answer", lambda: healthy(USERS_METRICS))

    def fill_connection_pool(self):
        """HAProxy opens a connection only when a request needs one that is not there, and a new one costs two delays of
        the latency experiment, which is more than the promise. So it gets CONNECTIONS to each replica beforehand, all
        of them surely: a request whose body is not there yet keeps its own."""
        request = f"POST /healthz HTTP/1.1\r\nHost: shop\r\nConnection: close\r\nContent-Length: {len(BODY)}\r\n\r\n"
        callers = [socket.create_connection(SHOP) for _ in range(CONNECTIONS * len(REPLICAS))]
        for caller in callers:
            caller.sendall(request.encode())
        lab.must_become("HAProxy has its connections", lambda: connections() >= len(callers))
        for caller in callers:
            caller.sendall(BODY)
        for caller in callers:
            while caller.recv(65536):
                pass
            caller.close()

    # What Ordeal is told

    def inventory(self):
        entries = [self._entry(name, "pod") for name in REPLICAS]
        return json.dumps([*entries, self._entry("database", "container")], indent=2)

    def _entry(self, name, kind):
        entry = {"name": name, "kind": kind, "namespace": "staging", "labels": LABELS}
        if self.cgroup_root:
            return {**entry, "cgroup": self.cgroups[name].path}
        if name == "database":
            return {**entry, "match": r"^unshare --pid "}
        return {**entry, "match": rf"^\S*shop_api --listen {re.escape(REPLICAS[name])}:"}

    # What the shop measures of itself

    def users(self):
        return scrape(USERS_METRICS)

    def replica_counters(self):
        """The sum of the replicas' series."""
        total = {}
        for address in REPLICAS.values():
            for series, value in scrape(f"http://{address}:8000/metrics").items():
                total[series] = total.get(series, 0) + value
        return total


def connections():
    """From the load balancer to the replicas."""
    return len(lab.tool("ss", "-Htn", "state", "established", "src", HOST, "dport", "=", ":8000").splitlines())


def healthy(url):
    try:
        return fetch(url) is not None
    except OSError:
        return False


def fetch(url):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=3) as answer:
        return answer.read().decode()


def scrape(url):
    """{series with its labels: value}"""
    lines = [line for line in fetch(url).splitlines() if line and not line.startswith("#")]
    return {series: float(value) for series, value in (line.rsplit(" ", 1) for line in lines)}


def answers(address, port):
    try:
        socket.create_connection((address, port), timeout=1).close()
        return True
    except OSError:
        return False


def succeeds(*argv):
    try:
        lab.tool(*argv)
        return True
    except RuntimeError:
        return False
