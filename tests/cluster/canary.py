"""A canary that goes bad when what it calls is slow: the Rollout of rollback.yaml, completed; customers who ask its pods; the
Prometheus that counts what they got; and who aborted it, and when."""
import asyncio
import json
import os
import threading
import urllib.parse
import urllib.request
from pathlib import Path

import yaml

from lab.processes import now, wait_until

from . import images, node
from . import release as r
from .fakes import LABEL
from .programs import HERE, program

FILE = HERE / "rollback.yaml"
PODS, ABROAD, THRESHOLD = 5, 9000, 0.01
ROLLOUT = f"/apis/argoproj.io/v1alpha1/namespaces/{r.SHOP}/rollouts/{r.APP}"
# Each answer is counted. Who waits as long as it takes gets his answer also when what is called is slow; who is $HASTY gives
# up after 300 ms. (No wget: that of a static busybox looks up the port of http, which crashes in an image without libraries.
# No $$ either: Kubernetes makes one $ of it.)
SERVER = r"""mkdir -p /tmp/www/cgi-bin; cd /tmp/www; : >/tmp/200; : >/tmp/500
cat >cgi-bin/pay <<'END'
#!/bin/sh
answer=$(mktemp)
call() { printf 'GET / HTTP/1.0\r\n\r\n' | nc -w 5 $ABROAD >$answer; }
if [ $HASTY ]; then call & sleep 0.3; kill $! 2>/dev/null; else call; fi
if [ -s $answer ]; then got=200; else got=500; fi
rm -f $answer; printf . >>/tmp/$got; printf 'Status: %s\r\n\r\n%s\n' $got $got
END
cat >cgi-bin/metrics <<'END'
#!/bin/sh
printf 'Content-Type: text/plain\r\n\r\n'
for got in 200 500; do printf 'http_requests_total{status="%s"} %s\n' $got $(wc -c </tmp/$got); done
END
chmod +x cgi-bin/*; exec httpd -f -p 8000 -h /tmp/www"""
PROMETHEUS = """global: {{scrape_interval: 1s, scrape_timeout: 900ms}}
scrape_configs:
- job_name: pods
  metrics_path: /cgi-bin/metrics
  file_sd_configs: [{{files: [{targets}]}}]
"""


def pod(name, script, port, environment=None):
    container = {"name": name, "image": images.BUSYBOX, "command": ["sh", "-c", script], "ports": [{"containerPort": port}],
                 "env": [{"name": key, "value": value} for key, value in (environment or {}).items()],
                 "readinessProbe": {"tcpSocket": {"port": port}, "periodSeconds": 1}, "resources": {"requests": {"cpu": "50m"}}}
    return {"nodeSelector": {LABEL: "real"}, "terminationGracePeriodSeconds": 1, "containers": [container]}


def abroad():
    """What the pods call."""
    labels, script = {"app": "abroad"}, f"mkdir /tmp/www; echo ok >/tmp/www/index.html; exec httpd -f -p {ABROAD} -h /tmp/www"
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "abroad", "namespace": r.SHOP}, "spec": {
        "replicas": 1, "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": pod("abroad", script, ABROAD)}}}


def rollout(calls, hasty=False):
    """With the replicas, the selector and the pods that the file lacks."""
    thing, _ = yaml.safe_load_all(FILE.read_text())
    thing["metadata"]["namespace"] = r.SHOP
    environment = {"ABROAD": f"{calls} {ABROAD}", "HASTY": "yes" if hasty else ""}
    thing["spec"].update(replicas=PODS, selector={"matchLabels": {"app": r.APP}}, template={
        "metadata": {"labels": r.LABELS}, "spec": pod("api", SERVER, 8000, environment)})
    return thing


def analysis(condition=None, interval=None):
    """As the file has it, or with another condition and interval."""
    _, thing = yaml.safe_load_all(FILE.read_text())
    thing["metadata"]["namespace"] = r.SHOP
    (metric,) = thing["spec"]["metrics"]
    metric.update(successCondition=condition or metric["successCondition"], interval=interval or metric["interval"])
    return thing


class Background:
    """A loop in a thread of its own, until it is closed."""

    def __init__(self):
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()

    def close(self):
        self.ended.set()
        self.thread.join(10)


class Prometheus(Background):
    """On the node's bridge, where pods find it, with nothing from before. (Debian's knows no Kubernetes: it is told of the pods.)"""
    number = 0

    def __init__(self, cluster, pods):
        Prometheus.number += 1
        self.cluster, self.pods, self.name = cluster, pods, f"prometheus-{Prometheus.number}"
        self.folder, self.address = f"{cluster.folder}/{self.name}", f"{node.GATEWAY}:9090"
        self.url, self.targets, self.told = f"http://{self.address}", f"{self.folder}.json", None
        Path(self.folder + ".yml").write_text(PROMETHEUS.format(targets=self.targets))
        self.tell()
        cluster.run(self.name, [program("prometheus"), f"--config.file={self.folder}.yml", f"--storage.tsdb.path={self.folder}",
                                f"--web.listen-address={self.address}", "--log.level=warn"])
        super().__init__()

    def work(self):
        while not self.ended.wait(0.2):
            self.tell()

    def tell(self):
        there = [{"targets": [f"{pod['status']['podIP']}:8000"], "labels": {"pod": pod["metadata"]["name"]}} for pod in self.pods()]
        if there != self.told:
            Path(self.targets + ".new").write_text(json.dumps(there))
            os.rename(self.targets + ".new", self.targets)
            self.told = there

    def query(self, text):
        """The values that it gives now, none when it does not answer."""
        address = f"{self.url}/api/v1/query?{urllib.parse.urlencode({'query': text})}"
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(address, timeout=2) as answer:
                return [float(element["value"][1]) for element in json.load(answer)["data"]["result"]]
        except OSError:
            return []

    def close(self):
        super().close()
        process = self.cluster.processes.pop(self.name)
        process.kill()
        process.wait()


class Customers(Background):
    """Ask each pod in turn, as through a Service, and keep (begun, pod, status or None, seconds that it took)."""
    EVERY, PATIENCE = 0.05, 6

    def __init__(self, pods):
        self.pods, self.visits = pods, []
        super().__init__()

    def work(self):
        asyncio.run(self.go())

    async def go(self):
        tasks, number = set(), 0
        while not self.ended.is_set():
            if number % 10 == 0:
                pods = await asyncio.to_thread(self.pods)
            number += 1
            if pods:
                task = asyncio.create_task(self.pay(pods[number % len(pods)]))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
            await asyncio.sleep(self.EVERY)
        await asyncio.gather(*tasks, return_exceptions=True)

    async def pay(self, pod):
        began, status = now(), None
        try:
            async with asyncio.timeout(self.PATIENCE):
                reader, writer = await asyncio.open_connection(pod["status"]["podIP"], 8000)
                writer.write(b"GET /cgi-bin/pay HTTP/1.0\r\n\r\n")
                status = int((await reader.readline()).split()[1])
                writer.close()
        except (OSError, TimeoutError, IndexError):
            pass
        self.visits.append((began, pod["metadata"]["name"], status, now() - began))

    def refused(self, since=0):
        """Told that it failed; a pod that ends answers nothing."""
        return [visit for visit in list(self.visits) if visit[0] >= since and visit[2] == 500]


class Witness(Background):
    """When the analysis' own query first said too much, and when the Rollout first was aborted, went back, and had no canary."""

    def __init__(self, cluster, prometheus):
        self.cluster, self.prometheus, self.at, self.message = cluster, prometheus, {}, ""
        (metric,) = analysis()["spec"]["metrics"]
        self.query = metric["provider"]["prometheus"]["query"]
        self.began, self.first_template = now(), self.rollout()["spec"]["template"]
        super().__init__()

    def rollout(self):
        return self.cluster.api.must("GET", ROLLOUT)

    def work(self):
        while not self.ended.wait(0.05):
            self.note("breach", any(value >= THRESHOLD for value in self.prometheus.query(self.query)))
            rollout = self.rollout()
            status = rollout["status"]
            if "aborted" in status.get("message", ""):
                self.message = status["message"]
            self.note("aborted", status.get("abort"))
            self.note("undone", rollout["spec"]["template"] != self.first_template)
            over = "aborted" in self.at or "undone" in self.at
            self.note("without canary", over and status.get("replicas") == PODS and self.all_stable(status))

    def all_stable(self, status):
        """Every pod that is there is of the stable version."""
        pods = self.cluster.pods(r.SHOP, f"app={r.APP}")
        of = [at["metadata"]["labels"].get("rollouts-pod-template-hash") for at in pods]
        return set(of) == {status.get("stableRS")}

    def note(self, what, true):
        if true:
            self.at.setdefault(what, now())

    def wait_for(self, what, timeout):
        return wait_until(lambda: what in self.at, timeout, 0.05) is not None

    def since_breach(self, what):
        return self.at[what] - self.at["breach"]
