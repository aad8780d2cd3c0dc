"""The accounts of Ordeal's programs and of the people who use it, with the rights that the chart gives them
(charts/ordeal/rights.yaml), for clusters in which no Helm installs it; and what the API server's audit log says of what
they asked. render_test.py compares these objects with what Helm makes."""
import json
from collections import Counter
from pathlib import Path

import yaml

from .programs import HERE

RIGHTS = HERE.parent.parent / "charts" / "ordeal" / "rights.yaml"
RELEASE, POLICY = "ordeal", "ordeal-config"  # the namespace, and the ConfigMap in it
RBAC = "rbac.authorization.k8s.io"
# Account -> rules in every namespace, and the Roles of the release's namespace: name -> (rules, names that they are narrowed to).
PROGRAMS = {
    "ordeal-controller": (["controller", "controllerOfCluster"], {"ordeal-controller": ("lease", None)}),
    "ordeal-agent": (["agent"], {"ordeal-agent-policy": ("agentPolicy", [POLICY])}),
    "ordeal-drain": (["drain"], {"ordeal-drain": ("drainOfRelease", None)})}
PEOPLE = {"ordeal-experimenter": "experimenter", "ordeal-halter": "halter", "ordeal-viewer": "viewer"}
AUDIT = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"], "rules": [
    {"level": "Metadata", "userGroups": [f"system:serviceaccounts:{RELEASE}"]}, {"level": "None"}]}


def rules(*names, only=None):
    """`only`: the names of objects that they are narrowed to."""
    rights = yaml.safe_load(RIGHTS.read_text())
    found = [rule for name in names for rule in rights[name]]
    return [{**rule, "resourceNames": only} for rule in found] if only else found


def role(name, the_rules, namespace=None):
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": f"{RBAC}/v1", "kind": "Role" if namespace else "ClusterRole", "metadata": metadata, "rules": the_rules}


def binding(name, to, subjects, namespace=None, kind=None):
    """Of the role `to`, of the kind that fits the namespace unless it is given."""
    where = "Role" if namespace else "ClusterRole"
    return {"apiVersion": f"{RBAC}/v1", "kind": where + "Binding", "metadata": role(name, [], namespace)["metadata"],
            "roleRef": {"apiGroup": RBAC, "kind": kind or where, "name": to}, "subjects": subjects}


def account(name, namespace=RELEASE):
    return {"kind": "ServiceAccount", "name": name, "namespace": namespace}


def person(name):
    return {"apiGroup": RBAC, "kind": "User", "name": name}


def of_programs():
    """Roles and bindings, as the chart makes them by default."""
    made = []
    for name, (everywhere, here) in PROGRAMS.items():
        made += [role(name, rules(*everywhere)), binding(name, name, [account(name)])]
        for own, (key, only) in here.items():
            made += [role(own, rules(key, only=only), RELEASE), binding(own, own, [account(name)], RELEASE)]
    return made


def of_people():
    return [role(name, rules(key)) for name, key in PEOPLE.items()]


def of_prometheus(namespace, names):
    """The Secrets that a controller may read there, as with prometheus.secrets."""
    return [role("ordeal-prometheus", rules("prometheus", only=names), namespace),
            binding("ordeal-prometheus", "ordeal-prometheus", [account("ordeal-controller")], namespace)]


def audit(cluster):
    """Before it starts: the API server writes down what accounts of the release's namespace ask."""
    Path(f"{cluster.folder}/audit.json").write_text(json.dumps(AUDIT))
    cluster.flags.setdefault("kube-apiserver", []).extend(
        [f"--audit-policy-file={cluster.folder}/audit.json", f"--audit-log-path={cluster.folder}/audit.log"])


def install(cluster):
    """All of them; the namespace of the release is there."""
    accounts = [{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": RELEASE}} for name in PROGRAMS]
    cluster.apply([*accounts, *of_programs(), *of_people()])


def kubeconfig(cluster, name, server=None, namespace=RELEASE):
    """A file with a token of this account."""
    path = f"{cluster.folder}/{name}{'-elsewhere' if server else ''}.kubeconfig"
    return cluster.token_kubeconfig(path, cluster.token(name, namespace), namespace, server)


class Asked:
    """Read from the audit log: what each account asked, by (account, verb, resource), and what RBAC refused."""

    def __init__(self, cluster):
        self.all, self.refused = Counter(), []
        whole, _, _ = Path(f"{cluster.folder}/audit.log").read_text().rpartition("\n")  # it may be writing right now
        for line in whole.splitlines():
            event = json.loads(line)
            what, who = event.get("objectRef", {}), event["user"]["username"].rsplit(":", 1)[1]
            resource = "/".join(part for part in (what.get("apiGroup"), what.get("resource"), what.get("subresource")) if part)
            asked = who, event["verb"], resource
            self.all[asked] += 1
            if event["verb"] == "patch" and event.get("responseStatus", {}).get("code") == 201:
                self.all[who, "create", resource] += 1  # an object that is applied for the first time needs both
            if event.get("annotations", {}).get("authorization.k8s.io/decision") == "forbid":
                self.refused.append((*asked, what.get("namespace", ""), what.get("name", "")))

    def unused(self, name):
        """(verb, resource) that the rules of this program allow and that it never asked."""
        everywhere, here = PROGRAMS[name]
        allowed = {(verb, f"{group}/{resource}".lstrip("/"))
                   for rule in rules(*everywhere, *(key for key, _ in here.values())) for group in rule["apiGroups"]
                   for resource in rule["resources"] for verb in rule["verbs"]}
        return sorted(allowed - {(verb, resource) for who, verb, resource in self.all if who == name})
