"""Chaos Mesh on the real node of a cluster: its own chart with its own defaults, its programs as `build --beside` makes
them, in images with the tools of Debian that its image has. Left out: its dashboard and its DNS server, which the faults
that are compared do not need, and what no registry has (nsexec is programs/chaos-mesh/nsexec.c; for IOChaos, HTTPChaos
and JVMChaos there is nothing). Its DaemonSet is for the real node alone."""
import re
import subprocess
from glob import glob

from lab.processes import now

from . import images
from .fakes import LABEL
from .programs import HERE, cache, program
from .release import LABELS, SHOP, pids_of

NAMESPACE, ACCOUNT = "chaos-mesh", "system:serviceaccount:chaos-mesh:chaos-controller-manager"
API = "chaos-mesh.org/v1alpha1"
GROUP = f"/apis/{API}"
DEFINITION = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/networkchaos.chaos-mesh.org"
PROGRAMS = ["chaos-controller-manager", "chaos-daemon", "iptables-legacy", "ipset", "stress-ng", "tc", "nsenter"]
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
TOOLS = {"usr/bin/stress-ng": "stress-ng", "usr/bin/nsenter": "nsenter", "usr/sbin/ipset": "ipset",
         "usr/sbin/tc": "tc", "usr/sbin/ip": "ip",
         "usr/sbin/iptables": "iptables-legacy", "usr/local/bin/chaos-daemon": "chaos-daemon", "bin/busybox": "busybox"}
# The registry has its API of 2026-09-06 and the rest of it, with the definitions, of 2026-09-02; this came in between, has a
# default, and is dropped where the definition lacks it, upon which its own webhook refuses every update.
LACKING = [{"op": "add", "path": "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/partitionBehavior",
            "value": {"type": "string"}}]
PARTS = {"controller": "controller-manager", "daemon": "chaos-daemon"}  # as its chart labels them


def libraries(path):
    """What the loader of a program takes, by the name that it asks for."""
    said = subprocess.run(["ldd", path], capture_output=True, text=True).stdout
    return set(re.findall(r"(/\S+) \(0x", said))


def compiled(source, folder):
    target = f"{folder}/{source.rsplit('/', 1)[1].removesuffix('.c')}"
    subprocess.run(["cc", "-O2", "-static", "-o", target, source], check=True, stdin=subprocess.DEVNULL)
    return target


def daemon_image(folder):
    files = {target: program(name) for target, name in TOOLS.items()}
    files["usr/local/bin/pause"] = compiled(f"{cache()}/chaos-mesh/pause.c", folder)
    files["usr/local/bin/nsexec"] = compiled(f"{HERE}/programs/chaos-mesh/nsexec.c", folder)
    needed = {library for path in files.values() for library in libraries(path)}
    needed |= set(glob("/usr/lib/*/xtables/*.so"))
    files |= {path.lstrip("/"): path for path in needed}
    links = {f"bin/{applet}": "busybox" for applet in ("sh", "cat", "echo", "ls", "ps")}
    return images.archive(f"{folder}/chaos-daemon.tar", "ordeal.test/chaos-mesh/chaos-daemon:v1", files,
                          ["/usr/local/bin/chaos-daemon"], links, ("tmp", "run"), environment=(PATH,))


def controller_image(folder):
    path = "usr/local/bin/chaos-controller-manager"
    return images.archive(f"{folder}/chaos-controller.tar", "ordeal.test/chaos-mesh/chaos-mesh:v1",
                          {path: program("chaos-controller-manager")}, ["/" + path], environment=(PATH,))


class ChaosMesh:
    """`helm` runs Helm with the words that it is given (release.Release.helm)."""

    def __init__(self, cluster, helm):
        self.cluster, self.helm = cluster, helm
        for image in (controller_image, daemon_image):
            cluster.node.load(image(cluster.folder))

    def install(self, *values):
        """The seconds that it took."""
        began, node = now(), LABEL.replace(".", r"\.")
        values = ["images.registry=ordeal.test", "images.tag=v1", "dashboard.create=false", "dnsServer.create=false",
                  "chaosDaemon.runtime=containerd", f"chaosDaemon.socketPath={self.cluster.node.socket}",
                  f"controllerManager.nodeSelector.{node}=real", f"chaosDaemon.nodeSelector.{node}=real", *values]
        sets = [word for value in values for word in ("--set", value)]
        done = self.helm("install", "chaos-mesh", f"{cache()}/chaos-mesh/chart", "--namespace", NAMESPACE,
                         "--create-namespace", "--wait", "--timeout", "180s", *sets)
        if done.returncode != 0:
            raise RuntimeError(done.stdout + done.stderr + self.logs())
        took = now() - began
        self.cluster.api.must("PATCH", DEFINITION, LACKING, content_type="json")
        self.cluster.wait_for(self.leader, 60, "a controller of Chaos Mesh that leads")
        return took

    def pods(self, part):
        return self.cluster.running(NAMESPACE, f"app.kubernetes.io/component={PARTS[part]}")

    def leader(self):
        """Its pod."""
        _, lease = self.cluster.api("GET", f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/chaos-mesh")
        holder = lease.get("spec", {}).get("holderIdentity") or " "
        return next((pod for pod in self.pods("controller") if holder.startswith(pod["metadata"]["name"])), None)

    def pids(self, pod):
        return pids_of(self.cluster, pod)

    def logs(self, lines=60):
        text = ""
        for pod in self.cluster.pods(NAMESPACE):
            name = pod["metadata"]["name"]
            path = f"/api/v1/namespaces/{NAMESPACE}/pods/{name}/log?tailLines={lines}"
            text += f"--- {name}: {pod['status'].get('phase')}\n{self.cluster.api('GET', path)[1]}\n"
        return text


def chaos(kind, name, app, namespace=SHOP, **spec):
    """One of its faults, on one pod of the app."""
    selector = {"namespaces": [namespace], "labelSelectors": {"app": app}}
    return {"apiVersion": API, "kind": kind, "metadata": {"name": name, "namespace": namespace},
            "spec": {"mode": "one", "selector": selector, **spec}}


def labels(app):
    return {**LABELS, "app": app}
