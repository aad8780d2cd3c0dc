"""Nodes and pods that KWOK plays (kwok.yaml): objects as the API server takes them. Nobody answers on their addresses,
which are of the ranges for benchmarks (pods: 198.18.0.0/15) and carriers (nodes: 100.64.0.0/16). At most 1000 nodes."""
ZONES = "abc"
IMAGE = "registry.invalid/shop:1"
LABEL = "ordeal.test/node"  # kwok or real
ANNOTATION = {"kwok.x-k8s.io/node": "fake"}


def node(index, cpu="32", memory="64Gi", pods="110", labels=None):
    name = f"node-{index:04}"
    size = {"cpu": cpu, "memory": memory, "pods": pods}
    half = f"198.{18 + index // 512}.{index % 512 // 2}.{index % 2 * 128}/25"
    place = {"topology.kubernetes.io/region": "lab", "topology.kubernetes.io/zone": f"lab-{ZONES[index % len(ZONES)]}"}
    return {
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": name, "annotations": ANNOTATION, "labels": {
            "kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64",
            LABEL: "kwok", **place, **(labels or {})}},
        "spec": {"podCIDR": half, "podCIDRs": [half]},
        "status": {
            "capacity": size, "allocatable": size,
            "addresses": [{"type": "InternalIP", "address": f"100.64.{index // 250}.{1 + index % 250}"},
                          {"type": "Hostname", "address": name}],
            "nodeInfo": {
                "architecture": "amd64", "operatingSystem": "linux", "kubeletVersion": "v1.34.4", "kubeProxyVersion": "",
                "kernelVersion": "6.1.0", "osImage": "KWOK", "containerRuntimeVersion": "containerd://1.6.20",
                "machineID": f"{index:032x}", "systemUUID": f"{index:032x}", "bootID": f"{index:032x}"}}}


def spec(image=IMAGE, node=None, containers=("app",)):
    """Of a pod; with a node it is bound from the start, else the scheduler binds it to one of KWOK's."""
    where = {"nodeName": node} if node else {"nodeSelector": {LABEL: "kwok"}}
    return {**where, "terminationGracePeriodSeconds": 0,
            "containers": [{"name": name, "image": image} for name in containers]}


def pod(name, namespace, labels, **more):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace, "labels": labels},
            "spec": spec(**more)}


def deployment(name, namespace, labels, replicas, **more):
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": namespace, "labels": labels},
            "spec": {"replicas": replicas, "selector": {"matchLabels": labels},
                     "template": {"metadata": {"labels": labels}, "spec": spec(**more)}}}
