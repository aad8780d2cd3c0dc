"""Ordeal as its users install it, on the real node of a cluster: the image, the Helm release, a workload to experiment on,
and what can be seen of all that from outside."""
import asyncio
import json
import os
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from lab.cgroups import hierarchies, write_where_it_is
from lab.processes import now, read

from . import images
from .fakes import LABEL
from .programs import HERE, program

ROOT = HERE.parents[1]
RELEASE, SHOP, APP = "ordeal", "staging", "fastapi-backend"
LABELS = {"app": APP, "environment": "staging", "chaos-enabled": "true"}
CPUS = 0.2  # of each pod: what a share of its CPU is a share of
GROUP = "/apis/ordeal.dev/v1alpha1"
EXPERIMENTS = f"{GROUP}/namespaces/{SHOP}/experiments"
BRIEF = ["policy.configMap=gremlin/gremlin-config", "secret.managed=true", "secret.teamID=12", "secret.teamSecret=s3cret"]
POLICY = ROOT / "examples/policy.yaml"
# A page, metrics that move, and a process named postgres beside the server, which something starts again when it is killed.
SERVER = r"""mkdir -p /tmp/www/cgi-bin; cd /tmp/www; echo ok >index.html
cat >cgi-bin/metrics <<'END'
#!/bin/sh
read up idle </proc/uptime
printf 'Content-Type: text/plain\r\n\r\nserved_total %s\n' $up
END
printf '#!/bin/sh\nwhile :; do sleep 1; done\n' >/tmp/postgres; chmod +x /tmp/postgres cgi-bin/metrics
(while :; do /tmp/postgres; sleep 0.2; done) & exec httpd -f -p 8000 -h /tmp/www"""
METRICS = "/cgi-bin/metrics"


def shop(replicas=4, namespace=SHOP, labels=None, name=APP):
    labels = labels or LABELS
    container = {"name": "api", "image": images.BUSYBOX, "command": ["sh", "-c", SERVER],
                 "ports": [{"name": "http", "containerPort": 8000}],
                 "readinessProbe": {"tcpSocket": {"port": 8000}, "periodSeconds": 1},
                 "resources": {"requests": {"cpu": "50m"}, "limits": {"cpu": str(CPUS)}}}
    pod = {"nodeSelector": {LABEL: "real"}, "terminationGracePeriodSeconds": 1, "containers": [container]}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": namespace}, "spec": {
        "replicas": replicas, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}}}


def brief(file, name, namespace=SHOP, **more):
    """One of the four experiments as the file has it, as a custom resource; `more` is added to its spec."""
    spec = {**json.loads((ROOT / "examples" / file).read_text()), **more}
    return {"apiVersion": "ordeal.dev/v1alpha1", "kind": "Experiment", "metadata": {"name": name, "namespace": namespace},
            "spec": spec}


def slow(name, length="60s", delay=500, **more):
    """Latency with no baseline."""
    thing = brief("latency.json", name, length=length, baseline=0, min_events=0, **more)
    thing["spec"]["attack"]["args"]["delay"] = delay
    return thing


class Release:
    """One at a time, since there is one real node."""

    def __init__(self, cluster, build):
        self.cluster, self.build, self.tags = cluster, Path(build), 0
        self.home = tempfile.mkdtemp(prefix="home-", dir=cluster.folder)
        archive = f"{self.home}/ordeal.tar"
        made = subprocess.run([ROOT / "scripts/image", archive, str(build)], check=True, capture_output=True, text=True)
        self.image = made.stdout.strip()
        cluster.node.load(archive)

    def helm(self, *words, timeout=400):
        environment = {"HOME": self.home, "PATH": "/usr/bin:/bin", "KUBECONFIG": str(self.cluster.kubeconfig)}
        return subprocess.run([program("helm"), *words], env=environment, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=timeout)

    def install(self, *values):
        """As the documentation has it; the seconds that it took."""
        began = now()
        sets = [word for value in values for word in ("--set", value)]
        done = self.helm("install", "ordeal", str(ROOT / "charts/ordeal"), "--namespace", RELEASE, "--create-namespace", "--wait",
                         *sets)
        if done.returncode != 0:
            raise RuntimeError(done.stdout + done.stderr + self.logs())
        return now() - began

    def upgrade(self, *values):
        sets = [word for value in values for word in ("--set", value)]
        return self.helm("upgrade", "ordeal", str(ROOT / "charts/ordeal"), "--namespace", RELEASE, "--reuse-values", "--wait",
                         *sets)

    def another_tag(self):
        """The image under a tag that the node has not seen."""
        self.tags += 1
        image, tag = self.image.split()[0], f"next-{self.tags}"
        self.cluster.node.ctr("images", "tag", image, f"{image.rsplit(':', 1)[0]}:{tag}")
        return tag

    def uninstall(self):
        began = now()
        done = self.helm("uninstall", "ordeal", "--namespace", RELEASE, "--wait")
        return done, now() - began

    def ordeal(self, *words, timeout=180, **options):
        """The program as on a laptop."""
        return subprocess.run([str(self.build / "ordeal"), *words], env=self.environment(), stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=timeout, **options)

    def environment(self):
        return {**os.environ, "KUBECONFIG": str(self.cluster.kubeconfig), "HOME": self.home,
                "XDG_STATE_HOME": self.home + "/state"}

    def state(self):
        return f"{self.cluster.node.folder}/ordeal-state"

    # What runs

    def pods(self, part):
        return self.cluster.running(RELEASE, f"app.kubernetes.io/component={part}")

    def logs(self):
        """What every pod of the release has said."""
        text = ""
        for pod in self.cluster.pods(RELEASE):
            name = pod["metadata"]["name"]
            for previous in ("false", "true"):
                status, said = self.cluster.api("GET", f"/api/v1/namespaces/{RELEASE}/pods/{name}/log?timestamps=true&previous={previous}")
                if status == 200 and said:
                    text += f"--- {name}{' (before)' if previous == 'true' else ''}\n{said[-4000:]}"
        return text

    def processes(self, part):
        """The pids of the first process of each container, as the node knows them."""
        return [pid for pod in self.pods(part) for pid in pids_of(self.cluster, pod)]

    def leader(self):
        lease = self.cluster.api.must("GET", f"/apis/coordination.k8s.io/v1/namespaces/{RELEASE}/leases/ordeal-controller")
        return lease["spec"].get("holderIdentity")


def cgroups_of(cluster, pod, container=0):
    """The folders of one container."""
    status = pod["status"].get("containerStatuses", [{}])[container]
    number = status.get("containerID", "").split("//")[-1]
    mounts = hierarchies(["freezer", "unified"]) if number else []
    return [folder for mount in mounts for folder in Path(mount + cluster.node.cgroup_path).glob(f"**/{number}")]


def pids_of(cluster, pod, container=0):
    """Of one container, those of its cgroup alone."""
    return sorted({int(pid) for folder in cgroups_of(cluster, pod, container) for pid in read(f"{folder}/cgroup.procs").split()})


def is_frozen(cluster, pod):
    return any("FROZEN" in read(f"{folder}/freezer.state") or "frozen 1" in read(f"{folder}/cgroup.events")
               for folder in cgroups_of(cluster, pod))


def freeze(cluster, pod, frozen=True):
    """As an operator's own tool would, or a debugger of the runtime."""
    for folder in cgroups_of(cluster, pod):
        write_where_it_is(folder, {"freezer.state": "FROZEN" if frozen else "THAWED", "cgroup.freeze": str(int(frozen))})


def experiment_of(cluster, name, namespace=SHOP):
    status, body = cluster.api("GET", f"{GROUP}/namespaces/{namespace}/experiments/{name}")
    return body if status == 200 else None


def conditions(thing):
    return {at["type"]: (at["status"], at.get("reason", "")) for at in (thing or {}).get("status", {}).get("conditions", [])}


def injections(cluster, namespace=SHOP):
    return cluster.api.must("GET", f"{GROUP}/namespaces/{namespace}/injections")["items"]


def left_in(pid):
    """Tables of nftables and queues that are not the kernel's own, in the network namespace of the process."""
    enter = ["nsenter", f"--net=/proc/{pid}/ns/net", "--"]
    tables = subprocess.run([*enter, "nft", "list", "tables"], capture_output=True, text=True).stdout
    queues = subprocess.run([*enter, "tc", "qdisc"], capture_output=True, text=True).stdout
    return [line for line in tables.splitlines() if line.strip()] + \
        [line for line in queues.splitlines() if line.strip() and not any(word in line for word in (" noqueue ", " pfifo_fast ", " mq "))]


class Visitor:
    """Connects to an address every 20 ms and keeps (begun, seconds until connected or None). Only looks from outside."""
    EVERY, PATIENCE = 0.02, 3

    def __init__(self, address, port=8000):
        self.address, self.port, self.visits, self.ended = address, port, [], False
        self.thread = threading.Thread(target=lambda: asyncio.run(self.go()), daemon=True)
        self.thread.start()

    async def go(self):
        tasks = set()
        while not self.ended:
            task = asyncio.create_task(self.visit())
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            await asyncio.sleep(self.EVERY)
        await asyncio.gather(*tasks, return_exceptions=True)

    async def visit(self):
        began = now()
        took = None
        try:
            _, writer = await asyncio.wait_for(asyncio.open_connection(self.address, self.port), self.PATIENCE)
            took = now() - began
            writer.transport.abort()
        except (OSError, asyncio.TimeoutError):
            pass
        self.visits.append((began, took))

    def close(self):
        self.ended = True
        self.thread.join(self.PATIENCE + 2)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def seen(self, since, until=None):
        return sorted((began, took) for began, took in list(self.visits) if began >= since and (until is None or began < until))

    def slow_since(self, since, delay=0.5):
        """When the first visit began that took the delay."""
        return next((began for began, took in self.seen(since) if took and took >= delay * 0.9), None)

    def normal_since(self, since, delay=0.5, quiet=0.6):
        """When the last slow visit began, at a time when none has been slow for a while; None before."""
        seen = self.seen(since)
        last = max([began for began, took in seen if took is not None and took >= delay * 0.5], default=since)
        after = [took for began, took in seen if began > last and took is not None]
        return last if len(after) >= quiet / self.EVERY / 2 else None


def wait_for_slow(visitor, since, timeout=20):
    end = now() + timeout
    while now() < end:
        at = visitor.slow_since(since)
        if at is not None:
            return at
        time.sleep(0.02)
    return None


def wait_for_normal(visitor, since, timeout=40):
    end = now() + timeout
    while now() < end:
        time.sleep(0.1)
        at = visitor.normal_since(since)
        if at is not None and now() - at > 1.2:
            return at
    return None
