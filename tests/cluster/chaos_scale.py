"""PodChaos of Chaos Mesh on the pods of many nodes that KWOK plays. Its controllers run on the real node, as its chart has
them; no daemon takes part, since a PodChaos of this kind is done by the controller through the API server alone. How
many pods it has changed, and when, is read in the API server's audit log afterwards."""
import json
import os
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime
from pathlib import Path

from lab.processes import now, wait_until

from . import fakes
from .chaos_mesh import ACCOUNT, API, GROUP, ChaosMesh
from .release import Release
from .scale import cpu, make_some, memory

NAMESPACE = "shop"
CHAOS = f"{GROUP}/namespaces/{NAMESPACE}/podchaos"
AUDIT = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived", "ResponseStarted"], "rules": [
    {"level": "Metadata", "verbs": ["create", "patch", "update", "delete"], "users": [ACCOUNT]}, {"level": "None"}]}


def audited(folder):
    """The flags of an API server that writes what Chaos Mesh writes to folder/audit.log."""
    Path(f"{folder}/policy.json").write_text(json.dumps(AUDIT))
    return [f"--audit-policy-file={folder}/policy.json", f"--audit-log-path={folder}/audit.log"]


class Scale:
    def __init__(self, cluster, audit, options, tell):
        self.cluster, self.audit, self.options, self.tell, self.read = cluster, audit, options, tell, 0

    def run(self):
        self.prepare()
        self.attack("pod-failure", duration="1h")
        self.attack("pod-kill")
        self.tell("load after", round(os.getloadavg()[0], 1))

    def prepare(self):
        cluster, options = self.cluster, self.options
        cluster.start_real_node()
        release = Release(cluster, options.build)
        self.theirs = ChaosMesh(cluster, release.helm)
        raised = [f"controllerManager.qps={options.qps}", f"controllerManager.burst={2 * options.qps}"]
        self.tell("requests a second that it may make", options.qps or "30 (its default)")
        self.theirs.install(*(raised if options.qps else []))
        cluster.namespace(NAMESPACE)
        began = now()
        nodes = cluster.add_nodes(options.nodes)
        pods = [fakes.pod(f"api-{index:05}", NAMESPACE, {"app": "api"}, node=nodes[index % len(nodes)])
                for index in range(options.pods)]
        connection = cluster.plane.port, cluster.ca, cluster.admin_cert, cluster.admin_key
        with ProcessPoolExecutor(4) as pool:
            for made in [pool.submit(make_some, *connection, pods[first::16]) for first in range(16)]:
                made.result()
        pending = f"/api/v1/namespaces/{NAMESPACE}/pods?limit=1&fieldSelector=status.phase!=Running"
        cluster.wait_for(lambda: not cluster.api.must("GET", pending)["items"], 600, "the pods to run", 0.5)
        self.tell("pods, nodes, s until they run", (options.pods, options.nodes, round(now() - began, 1)))
        self.tell("leader's memory before, MiB (PSS now, RSS at most)", memory(self.leader()))

    def leader(self):
        return self.theirs.pids(self.theirs.leader())[0]

    def attack(self, action, **spec):
        """One PodChaos on all pods: until it says that all are injected, or nothing has been written for a while."""
        name, api = action, self.cluster.api
        selector = {"namespaces": [NAMESPACE], "labelSelectors": {"app": "api"}}
        thing = {"apiVersion": API, "kind": "PodChaos", "metadata": {"name": name, "namespace": NAMESPACE},
                 "spec": {"action": action, "mode": "all", "selector": selector, **spec}}
        self.writes()
        pid = self.leader()
        used, began = cpu(pid), now()
        start = time.time()
        api.must("POST", CHAOS, thing)
        at = wait_until(lambda: self.condition(name, "AllInjected"), self.options.patience, 2)
        self.tell(f"{name}: said to be injected after, s", at and round(at - began, 1))
        self.tell_writes(name, start)
        self.tell(f"{name}: leader's memory, MiB (PSS now, RSS at most)", memory(pid))
        self.tell(f"{name}: leader's CPU, s", round(cpu(pid) - used, 1))
        self.tell(f"{name}: records that it kept, KiB", self.kept(name))
        self.end(name)

    def condition(self, name, kind):
        status = self.cluster.api.must("GET", f"{CHAOS}/{name}").get("status", {})
        return any(at["type"] == kind and at["status"] == "True" for at in status.get("conditions", []))

    def kept(self, name):
        records = self.cluster.api.must("GET", f"{CHAOS}/{name}")["status"].get("experiment", {}).get("containerRecords")
        return records and (len(records), round(len(json.dumps(records)) / 1024))

    def end(self, name):
        """Deleted, as its user does."""
        path, began = f"{CHAOS}/{name}", now()
        start = time.time()
        self.cluster.api.must("DELETE", path)
        at = wait_until(lambda: self.cluster.api("GET", path)[0] == 404, self.options.patience, 1)
        self.tell(f"{name}: gone after its deletion, s", at and round(at - began, 1))
        self.tell_writes(f"{name}, deleted", start)
        if at is None:
            self.cluster.api.must("PATCH", path, {"metadata": {"finalizers": None}}, content_type="merge")
        self.tell(f"{name}: pods that are still changed", self.changed())

    def changed(self):
        """Of those that are there, with the image of its pause; and how many are there."""
        pods = self.cluster.api.must("GET", f"/api/v1/namespaces/{NAMESPACE}/pods?resourceVersion=0")["items"]
        return sum(pod["spec"]["containers"][0]["image"] != fakes.IMAGE for pod in pods), len(pods)

    def tell_writes(self, name, start):
        writes, failed, pods = Counter(), Counter(), []
        for event in self.writes():
            what, code = event["objectRef"], event.get("responseStatus", {}).get("code", 0)
            kind = f"{event['verb']} {what['resource']}"
            writes[kind] += 1
            if code >= 300:
                failed[f"{kind} {code} {event['responseStatus'].get('message', '')[:80]}"] += 1
            elif what["resource"] == "pods":
                pods.append(datetime.fromisoformat(event["stageTimestamp"]).timestamp() - start)
        pods.sort()
        self.tell(f"{name}: writes", dict(writes))
        self.tell(f"{name}: refused", dict(failed.most_common(5)))
        self.tell(f"{name}: pods written, s after (first, half, last)", pods and (
            len(pods), *(round(at, 1) for at in (pods[0], pods[len(pods) // 2], pods[-1]))))

    def writes(self):
        """What has been audited since the last look."""
        with open(self.audit) as file:
            file.seek(self.read)
            lines = file.readlines()
            self.read = file.tell()
        return [event for event in map(json.loads, lines) if event["objectRef"]["resource"] != "leases"]
