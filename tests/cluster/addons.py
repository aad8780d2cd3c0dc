"""What a cluster can have beside its control plane, each as a program of this machine: Argo Rollouts' controller, and the
metrics server that an autoscaler asks."""
from pathlib import Path

from . import node
from .fakes import LABEL
from .programs import cache, program

# Of the metrics server; its Service has no selector, since it runs in no pod.
SERVICE = {"namespace": "kube-system", "name": "metrics-server"}
METRICS = [
    {"apiVersion": "v1", "kind": "Service", "metadata": SERVICE,
     "spec": {"ports": [{"name": "https", "port": 443, "protocol": "TCP"}]}},
    {"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": "v1beta1.metrics.k8s.io"},
     "spec": {"group": "metrics.k8s.io", "version": "v1beta1", "groupPriorityMinimum": 100, "versionPriority": 100,
              "insecureSkipTLSVerify": True, "service": SERVICE}}]
# Flags of a cluster in which a test does not wait for what people would not notice.
QUICK_AUTOSCALER = {"kube-controller-manager": ["--horizontal-pod-autoscaler-sync-period=3s",
                                                "--horizontal-pod-autoscaler-initial-readiness-delay=0s"]}
ROLLOUTS = "/apis/argoproj.io/v1alpha1/rollouts"


def start_rollouts(cluster, hosts=None):
    """`hosts` {name: address} are known to it alone: there is no DNS, and an AnalysisTemplate names its Prometheus."""
    controller = program("rollouts-controller")
    for definition in sorted(Path(cache(), "rollouts-crds").glob("*-crd.yaml")):
        code, _, complaint = cluster.kubectl("apply", "--server-side", "-f", str(definition))
        if code != 0:
            raise RuntimeError(f"{definition}: {complaint}")
    cluster.wait_for(lambda: cluster.api("GET", ROLLOUTS)[0] == 200, 30, "the definitions of Argo Rollouts")
    names = Path(cluster.folder, "rollouts-hosts")
    names.write_text("127.0.0.1 localhost\n" + "".join(f"{address} {name}\n" for name, address in (hosts or {}).items()))
    own = ["unshare", "--mount", "--propagation", "private", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"',
           str(names)]
    health, metrics = cluster.free_ports(2)
    cluster.run("rollouts-controller", [
        *(own if hosts else []), controller, f"--kubeconfig={cluster.kubeconfig}", "--leader-elect=false",
        f"--healthzPort={health}", f"--metricsPort={metrics}", *cluster.flags.get("rollouts-controller", [])])


def start_metrics_server(cluster):
    """It measures the real node, which must be there; KWOK's has nothing to measure."""
    pki, (port,) = cluster.plane.pki, cluster.free_ports(1)
    ports = [{"name": "https", "port": port, "protocol": "TCP"}]
    slice_of_it = {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
                   "metadata": {**SERVICE, "labels": {"kubernetes.io/service-name": "metrics-server"}},
                   "addressType": "IPv4", "ports": ports,
                   "endpoints": [{"addresses": [node.GATEWAY], "conditions": {"ready": True}}]}
    cluster.run("metrics-server", [
        program("metrics-server"), *(f"{flag}={cluster.kubeconfig}" for flag in (
            "--kubeconfig", "--authentication-kubeconfig", "--authorization-kubeconfig")),
        f"--bind-address={node.GATEWAY}", f"--secure-port={port}", f"--cert-dir={pki.folder}/metrics-server",
        "--kubelet-preferred-address-types=InternalIP", "--kubelet-use-node-status-port",
        f"--node-selector={LABEL}=real", "--metric-resolution=10s", "--kubelet-request-timeout=5s",
        f"--kubelet-certificate-authority={pki.crt('ca')}", *cluster.flags.get("metrics-server", [])])
    cluster.apply([*METRICS, slice_of_it])
    path = f"/apis/metrics.k8s.io/v1beta1/nodes/{node.NAME}"
    cluster.wait_for(lambda: cluster.api("GET", path)[0] == 200, 90, "the metrics of the real node", 0.5)
