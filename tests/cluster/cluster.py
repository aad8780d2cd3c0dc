"""A Kubernetes cluster on loopback: etcd, API server, controller manager, scheduler and, for its nodes, KWOK. All of it
lies in one folder, is ended and removed by close(), and also when this process dies."""
import os
import random
import secrets
import socket
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote

from lab.processes import now, wait_until

from . import addons, children, fakes, kubeconfig
from .api import Api
from .control_plane import ControlPlane
from .programs import HERE, program
from .node import RealNode
from .proxy import Proxy


def free_ports(count):
    """Below those that the kernel gives to outgoing connections, so that none of these takes one in between."""
    with ExitStack() as held:
        ports = []
        while len(ports) < count:
            probe = held.enter_context(socket.socket())
            port = random.randint(20000, 32000)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            ports.append(port)
        return ports


class Watchdog:
    """A process that removes the folder's cluster (`down`) as soon as this one closes it or dies."""

    def __init__(self, folder):
        reading, self.open = os.pipe()
        self.said, writing = os.pipe()
        command = ["setsid", "--fork", sys.executable, "-B", str(HERE / "down"), "--dir", folder, "--when-closed"]
        subprocess.run(command, stdin=reading, stdout=writing, stderr=writing, check=True)
        os.close(reading)
        os.close(writing)

    def close(self):
        """Waits until all is removed; what could not be is an error."""
        os.close(self.open)
        with os.fdopen(self.said) as said:
            complaint = said.read()
        if complaint:
            raise RuntimeError(complaint.strip())


class Cluster:
    """`with Cluster(nodes=5) as cluster:`. Start it in the thread that outlives it: its programs die with that thread.
    `flags` adds to a program's: {"kube-controller-manager": ["--horizontal-pod-autoscaler-sync-period=2s"]}."""

    def __init__(self, nodes=0, folder=None, mortal=True, flags=None):
        self.node_count, self.mortal, self.flags = nodes, mortal, flags or {}
        self.folder = str(folder or tempfile.mkdtemp(prefix="ordeal-cluster-"))
        os.makedirs(self.folder, exist_ok=True)
        if os.listdir(self.folder):
            raise ValueError(f"{self.folder} is not empty, and a cluster's folder is removed with it")
        self.mark = secrets.token_hex(16)
        Path(self.folder, "mark").write_text(self.mark)
        self.processes, self.proxies, self.clients, self.free_ports = {}, [], [], free_ports
        self.watchdog = Watchdog(self.folder) if mortal else None
        try:
            self.plane = ControlPlane(self, free_ports(3))
            self.api, self.url, self.ca = self.plane.api, self.plane.url, self.plane.pki.crt("ca")
            self.clients.append(self.api)
            self.admin_cert, self.admin_key = self.plane.pki.crt("admin"), self.plane.pki.key("admin")
            self.kubeconfig = self.plane.kubeconfig("admin", path=self.folder + "/kubeconfig")
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    # Its life

    def start(self):
        began = now()
        self.plane.start()
        self.add_nodes(self.node_count)
        self.wait_for(lambda: self.api("GET", "/api/v1/namespaces/default/serviceaccounts/default")[0] == 200, 30,
                      "the default service account")
        self.seconds = now() - began

    def close(self):
        for thing in self.clients + self.proxies:
            thing.close()
        for process in self.processes.values():
            process.kill()
            process.wait()
        self.processes, self.proxies, self.clients = {}, [], []
        if self.watchdog:
            watchdog, self.watchdog = self.watchdog, None
            watchdog.close()

    def run(self, name, argv, environment=None):
        """A program of this cluster, which ends with it. What it says is in DIR/logs/NAME.log."""
        os.makedirs(self.folder + "/logs", exist_ok=True)
        self.processes[name] = children.start(argv, self.mark, f"{self.folder}/logs/{name}.log", self.mortal, environment)
        return self.processes[name]

    def log(self, name, lines=15):
        """Its last lines."""
        return "".join(Path(f"{self.folder}/logs/{name}.log").read_text(errors="replace").splitlines(keepends=True)[-lines:])

    def wait_for(self, condition, timeout=30, what="what the test waits for", pause=0.05):
        """What the condition returned when it was true for the first time. An error of the network counts as: not yet."""
        found = []

        def holds():
            for name, process in self.processes.items():
                if process.poll() is not None:
                    raise RuntimeError(f"{name} ended with {process.returncode}:\n{self.log(name)}")
            try:
                found[:] = [condition()]
            except OSError:
                return False
            return found[0]
        if wait_until(holds, timeout, pause) is None:
            raise TimeoutError(f"waited {timeout} s in vain for {what}")
        return found[0]

    def start_real_node(self):
        self.node = RealNode(self)
        self.node.start()
        return self.node

    def start_rollouts(self, hosts=None):
        addons.start_rollouts(self, hosts)

    def start_metrics_server(self):
        addons.start_metrics_server(self)

    # What a test breaks

    def stop_api_server(self):
        """At once, with every connection to it; what it holds stays in etcd."""
        process = self.processes.pop("kube-apiserver")
        process.kill()
        process.wait()

    def start_api_server(self):
        self.plane.start_api_server()

    def proxy(self):
        """A new one in front of the API server, with an administrator's .kubeconfig and .api that go through it."""
        proxy = Proxy(free_ports(1)[0], self.plane.port)
        self.proxies.append(proxy)
        proxy.url = f"https://127.0.0.1:{proxy.port}"
        proxy.kubeconfig = self.plane.kubeconfig("admin", proxy.url, f"{self.folder}/proxy-{proxy.port}.kubeconfig")
        proxy.api = Api(proxy.port, self.ca, self.admin_cert, self.admin_key)
        self.clients.append(proxy.api)
        return proxy

    # What a test puts into it

    def token(self, account, namespace="default", seconds=3600):
        """Of a service account, by a TokenRequest."""
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": seconds}}
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
        return self.api.must("POST", path, request)["status"]["token"]

    def token_kubeconfig(self, path, token, namespace="default", server=None):
        return kubeconfig.write(path, server or self.url, self.ca, "account", token=token, namespace=namespace)

    def kubectl(self, *words, **options):
        """Its exit code, what it printed and what it complained of."""
        argv = [program("kubectl"), f"--kubeconfig={self.kubeconfig}", f"--cache-dir={self.folder}/kubectl", *words]
        options = {"timeout": 60, **({} if "input" in options else {"stdin": subprocess.DEVNULL}), **options}
        done = subprocess.run(argv, capture_output=True, text=True, **options)
        return done.returncode, done.stdout, done.stderr

    def apply(self, objects, manager="ordeal-test"):
        """Applies each on the server, by force, in order. It waits for kinds whose definition has just been applied."""
        applied = []
        for thing in objects if isinstance(objects, list) else [objects]:
            name = f"{thing['apiVersion']} {thing['kind']} to be served"
            path = self.wait_for(lambda: self.api.path(thing), 20, name, 0.2)
            applied.append(self.api.must("PATCH", f"{path}?fieldManager={manager}&force=true", thing, content_type="apply"))
        return applied

    def delete(self, thing, **options):
        """An object as it was applied; options as {"propagationPolicy": "Foreground"}. The answer's status."""
        body = {"apiVersion": "v1", "kind": "DeleteOptions", **options}
        return self.api("DELETE", self.api.path(thing), body)[0]

    def add_nodes(self, count, first=0, **more):
        """Nodes of KWOK; returns when they are ready."""
        nodes = [fakes.node(index, **more) for index in range(first, first + count)]
        self.at_once(lambda node: self.api.must("POST", "/api/v1/nodes", node), nodes)
        names = [node["metadata"]["name"] for node in nodes]
        if names:
            self.wait_for(lambda: self.ready_nodes() >= set(names), 30 + count / 10, f"{count} nodes")
        return names

    def ready_nodes(self, selector=""):
        nodes = self.api.must("GET", f"/api/v1/nodes?labelSelector={quote(selector)}")["items"]
        return {node["metadata"]["name"] for node in nodes for condition in node["status"].get("conditions", [])
                if condition["type"] == "Ready" and condition["status"] == "True"}

    def make_pods(self, count, name="shop", namespace="default", labels=None, direct=False, nodes=None, wait=True, **more):
        """`count` pods that KWOK runs: of a Deployment, or `direct`, each bound to the next of `nodes` (default: all of its
        that are ready). `more` as in fakes.spec. Without `wait` they are only made."""
        labels = labels or {"app": name}
        if namespace != "default":
            self.namespace(namespace)
        if direct:
            nodes = nodes or sorted(self.ready_nodes(fakes.LABEL + "=kwok"))
            things = [fakes.pod(f"{name}-{index:05}", namespace, labels, node=nodes[index % len(nodes)], **more)
                      for index in range(count)]
            self.at_once(lambda thing: self.api.must("POST", f"/api/v1/namespaces/{namespace}/pods", thing), things)
            others = f"/api/v1/namespaces/{namespace}/pods?limit=1&fieldSelector=status.phase!=Running&labelSelector="
            others += quote(",".join(f"{key}={value}" for key, value in labels.items()))
            run = lambda: not self.api.must("GET", others)["items"]
        else:
            path = self.api.path(self.apply(fakes.deployment(name, namespace, labels, count, **more))[0])
            run = lambda: self.api.must("GET", path)["status"].get("readyReplicas", 0) >= count
        if wait:
            self.wait_for(run, 30 + count / 10, f"{count} pods of {name}")

    def namespace(self, name, labels=None):
        """Makes it, and returns when pods can be made in it."""
        self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels or {}}})
        account = f"/api/v1/namespaces/{name}/serviceaccounts/default"
        self.wait_for(lambda: self.api("GET", account)[0] == 200, 30, account)

    def pods(self, namespace="default", selector=""):
        return self.api.must("GET", f"/api/v1/namespaces/{namespace}/pods?labelSelector={quote(selector)}")["items"]

    def running(self, namespace="default", selector=""):
        return [pod for pod in self.pods(namespace, selector)
                if pod["status"]["phase"] == "Running" and "deletionTimestamp" not in pod["metadata"]]

    def at_once(self, work, items, threads=8):
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(work, items))
