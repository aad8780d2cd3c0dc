#!/usr/bin/env python3
"""The roles for people (charts/ordeal/rights.yaml) on a real API server: each lets its holder do what it is for, and nothing
else. Everything is asked for real, by impersonation."""
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from cluster import Cluster, accounts, skip_without  # noqa: E402
from cluster.hosted import API, CRDS, GROUP  # noqa: E402

CORE, APPS, OWN = "/api/v1", "/apis/apps/v1", "/apis/authorization.k8s.io/v1"
ADMISSION, POLICY = "/apis/admissionregistration.k8s.io/v1", "/apis/policy/v1"
RBAC, LEASES = f"/apis/{accounts.RBAC}/v1", "/apis/coordination.k8s.io/v1/namespaces/ordeal/leases"
RUN = "r20260101t000000z-aaaaa"
# Who has which role where.
EXPERIMENTER, HALTER, VIEWER, TENANT, EDITOR = "anna", "bert", "vera", "tina", "emil"
EVERYBODY = ["system:authenticated"]


def thing(kind, name, spec=None, version=API, **more):
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, **({"spec": spec} if spec else {}), **more}


def experiment(name):
    return thing("Experiment", name, {"target": {"type": "kubernetes", "labels": {"app": "api"}}, "attack": {"type": "cpu"}})


def injection(name):
    victim = {"kind": "pod", "namespace": "shop", "pod": "api-0", "uid": "u"}
    attack = {"type": "cpu", "args": {}, "length_ms": 1000, "lead_in_ms": 0, "min_events": 1}
    return thing("Injection", name, {"run": RUN, "experiment": "slow", "experimentUID": "u", "node": "node-0", "leaseMs": 15000,
                                     "candidates": 1, "impacts": [{"id": 0, "victim": victim, "attack": attack}]})


def config(name, **data):
    return thing("ConfigMap", name, version="v1", data=data)


HALT = thing("Halt", "global", {"engaged": True, "reason": "a drill", "by": "bert"})
SECRET = thing("Secret", "login", version="v1", stringData={"token": "s3cret"})
ROLE = thing("RoleBinding", "mine", version=f"{accounts.RBAC}/v1", subjects=[accounts.person(EXPERIMENTER)],
             roleRef={"apiGroup": accounts.RBAC, "kind": "ClusterRole", "name": "cluster-admin"})
POD = thing("Pod", "mine", {"containers": [{"name": "a", "image": "registry.invalid/a"}]}, version="v1")
EVICTION = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "api-0"}}


def here(namespace, plural, name="", group=GROUP):
    return f"{group}/namespaces/{namespace}/{plural}" + (f"/{name}" if name else "")


def reads(path, *verbs):
    """Of a collection, or of the object in it that is called `name`."""
    return [(verb, path) for verb in verbs]


# What nobody of them may do, wherever he has his role.
NEVER = [
    ("POST", here("shop", "injections"), injection("forged")),
    ("MERGE", here("shop", "injections", "there"), {"metadata": {"finalizers": None}}),
    ("MERGE", here("shop", "injections", "there/status"), {"status": {"state": "reverted"}}),
    ("DELETE", here("shop", "injections", "there")),
    ("MERGE", here("shop", "experiments", "there/status"), {"status": {"phase": "done"}}),
    ("GET", here("shop", "secrets", group=CORE)), ("GET", here("shop", "secrets", "login", CORE)),
    ("GET", here("ordeal", "secrets", group=CORE)), ("POST", here("shop", "secrets", group=CORE), SECRET),
    ("MERGE", here("shop", "secrets", "login", CORE), {"metadata": {"annotations": {"ordeal.dev/prometheus": "http://evil"}}}),
    ("MERGE", here("ordeal", "configmaps", "ordeal-config", CORE), {"data": {"config.yaml": "caps: {}"}}),
    ("DELETE", here("ordeal", "configmaps", "ordeal-config", CORE)),
    ("POST", here("shop", "configmaps", group=CORE), config(RUN + "-1")),
    ("MERGE", here("shop", "configmaps", RUN + "-0", CORE), {"data": {"record": "another"}}),
    ("DELETE", here("shop", "configmaps", RUN + "-0", CORE)),
    ("POST", here("shop", "pods", group=CORE), POD), ("DELETE", here("shop", "pods", "api-0", CORE)),
    ("POST", here("shop", "pods", "api-0/eviction", CORE), EVICTION),
    ("GET", here("shop", "pods", "api-0/exec?command=id", CORE)), ("GET", here("shop", "pods", "api-0/log", CORE)),
    ("MERGE", here("ordeal", "deployments", "ordeal-controller", APPS), {"spec": {"replicas": 0}}),
    ("DELETE", f"{ADMISSION}/validatingadmissionpolicies/injections.ordeal.dev"),
    ("DELETE", f"{ADMISSION}/validatingadmissionpolicybindings/injections.ordeal.dev"),
    ("DELETE", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/experiments.ordeal.dev"),
    ("DELETE", f"{LEASES}/ordeal-controller"), ("MERGE", f"{LEASES}/ordeal-controller", {"spec": {"holderIdentity": "me"}}),
    ("POST", here("ordeal", "serviceaccounts", "ordeal-controller/token", CORE), {}),
    ("POST", here("shop", "rolebindings", group=RBAC), ROLE), ("DELETE", f"{CORE}/namespaces/shop"),
]
# Whoever does not run experiments does not begin, end or change one.
RUNS_NONE = [
    ("POST", here("shop", "experiments"), experiment("mine")), ("DELETE", here("shop", "experiments", "there")),
    ("DELETE", here("shop", "experiments")),
    ("MERGE", here("shop", "experiments", "there"), {"metadata": {"annotations": {"ordeal.dev/halt": "enough"}}}),
]
HALTS_NOTHING = [
    ("POST", f"{GROUP}/halts", HALT), ("APPLY", f"{GROUP}/halts/global", HALT), ("DELETE", f"{GROUP}/halts/global"),
    ("MERGE", f"{GROUP}/halts/global", {"spec": {"engaged": False}}),
]
# (verb, path, body…) in the order in which it is asked: one makes what the next one needs.
MAY = {
    EXPERIMENTER: [
        ("POST", here("shop", "experiments"), experiment("mine")), *reads(here("shop", "experiments", "mine"), "GET"),
        *reads(here("shop", "experiments"), "GET", "WATCH"),
        ("APPLY", here("shop", "experiments", "mine"), experiment("mine")),
        ("MERGE", here("shop", "experiments", "mine"), {"metadata": {"annotations": {"ordeal.dev/halt": "enough"}}}),
        ("DELETE", here("shop", "experiments", "mine")), ("DELETE", here("shop", "experiments") + "?labelSelector=no%3Dbody"),
        *reads(here("shop", "injections"), "GET", "WATCH"), *reads(here("shop", "injections", "there"), "GET"),
        *reads(here("shop", "configmaps", RUN + "-0", CORE), "GET"), *reads(here("shop", "configmaps", "", CORE), "GET", "WATCH"),
        *reads(here("shop", "events", "", CORE), "GET", "WATCH"), *reads(here("shop", "pods", "", CORE), "GET", "WATCH"),
        *reads(here("shop", "pods", "api-0", CORE), "GET")],
    HALTER: [
        ("APPLY", f"{GROUP}/halts/global", HALT), *reads(f"{GROUP}/halts/global", "GET"), *reads(f"{GROUP}/halts", "GET", "WATCH"),
        ("MERGE", f"{GROUP}/halts/global", {"spec": {"engaged": False}}), ("DELETE", f"{GROUP}/halts/global"),
        ("POST", f"{GROUP}/halts", HALT), ("DELETE", f"{GROUP}/halts/global"),
        *reads(f"{GROUP}/injections", "GET", "WATCH"), *reads(here("shop", "injections", "there"), "GET")],
    VIEWER: [
        *(pair for plural in ("experiments", "injections", "halts") for pair in reads(f"{GROUP}/{plural}", "GET", "WATCH")),
        *(pair for plural in ("pods", "nodes", "services", "configmaps", "events") for pair in reads(f"{CORE}/{plural}", "GET", "WATCH")),
        *(pair for plural in ("deployments", "replicasets", "statefulsets", "daemonsets")
          for pair in reads(f"{APPS}/{plural}", "GET", "WATCH")),
        *reads(f"{POLICY}/poddisruptionbudgets", "GET", "WATCH"), *reads(f"{LEASES}/ordeal-controller", "GET"),
        *reads(f"{ADMISSION}/validatingadmissionpolicies", "GET"), *reads(f"{ADMISSION}/validatingadmissionpolicybindings", "GET"),
        *reads(here("ordeal", "configmaps", "ordeal-config", CORE), "GET")],
    TENANT: [  # with scope namespace: the latch is a ConfigMap of the namespace
        ("APPLY", here("team", "configmaps", "ordeal-halt", CORE), config("ordeal-halt", engaged="true")),
        *reads(here("team", "configmaps", "ordeal-halt", CORE), "GET"),
        ("MERGE", here("team", "configmaps", "ordeal-halt", CORE), {"data": {"engaged": "false"}}),
        ("DELETE", here("team", "configmaps", "ordeal-halt", CORE))],
    EDITOR: [("POST", here("shop", "experiments"), experiment("edited")), ("DELETE", here("shop", "experiments", "edited"))],
}
MAY_NOT = {
    EXPERIMENTER: [
        *NEVER, *HALTS_NOTHING, ("GET", f"{GROUP}/halts"), ("GET", f"{GROUP}/experiments"), ("GET", f"{CORE}/nodes"),
        ("GET", f"{ADMISSION}/validatingadmissionpolicies"),
        *(("GET", here("other", plural)) for plural in ("experiments", "injections")),
        *(("GET", here("other", plural, group=CORE)) for plural in ("configmaps", "events", "pods", "secrets")),
        ("GET", here("ordeal", "configmaps", "ordeal-config", CORE)),
        ("POST", here("other", "experiments"), experiment("mine")), ("DELETE", here("other", "experiments", "there"))],
    HALTER: [*NEVER, *RUNS_NONE, ("GET", here("shop", "experiments")), ("GET", here("shop", "configmaps", group=CORE)),
             ("GET", here("shop", "pods", group=CORE))],
    VIEWER: [*NEVER, *RUNS_NONE, *HALTS_NOTHING],
    TENANT: [
        *NEVER, *RUNS_NONE, *HALTS_NOTHING, ("GET", f"{GROUP}/halts"), ("GET", here("team", "configmaps", group=CORE)),
        ("APPLY", here("team", "configmaps", "ordeal-config", CORE), config("ordeal-config")),
        ("POST", here("team", "configmaps", group=CORE), config(RUN + "-1")), ("GET", here("team", "configmaps", "theirs", CORE)),
        ("MERGE", here("team", "configmaps", "theirs", CORE), {"data": {"a": "b"}}),
        ("APPLY", here("shop", "configmaps", "ordeal-halt", CORE), config("ordeal-halt"))],
    EDITOR: [*HALTS_NOTHING, ("POST", here("shop", "injections"), injection("forged")),
             ("MERGE", here("shop", "experiments", "there/status"), {"status": {"phase": "done"}}),
             ("POST", here("other", "experiments"), experiment("mine"))],
}
PATCHES = {"MERGE": "merge", "APPLY": "apply"}


class People(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = cluster = Cluster().__enter__()
        cls.addClassCleanup(cluster.close)
        cls.api = cluster.api
        code, _, complaint = cluster.kubectl("apply", "-f", str(CRDS))
        assert code == 0, complaint
        for name in ("shop", "other", "team", "ordeal"):
            cluster.namespace(name)
        role, binding, person = accounts.role, accounts.binding, accounts.person
        cluster.apply(accounts.of_people())
        (experimenter,) = [one for one in accounts.of_people() if one["metadata"]["name"] == "ordeal-experimenter"]
        aggregated = {**experimenter, "metadata": {
            "name": "aggregated", "labels": {f"{accounts.RBAC}/aggregate-to-edit": "true"}}}
        cluster.apply([
            binding("experimenter", "ordeal-experimenter", [person(EXPERIMENTER)], "shop", "ClusterRole"),
            binding("halter", "ordeal-halter", [person(HALTER)]), binding("viewer", "ordeal-viewer", [person(VIEWER)]),
            role("ordeal-halter", accounts.rules("halterOfNamespace"), "team"),
            binding("ordeal-halter", "ordeal-halter", [person(TENANT)], "team"),
            aggregated, binding("edit", "edit", [person(EDITOR)], "shop", "ClusterRole")])
        for name in ("experiments", "injections", "halts"):
            cluster.wait_for(lambda name=name: cls.api("GET", f"{GROUP}/{name}")[0] == 200, 30, name)
        cls.make_what_is_there()

    @classmethod
    def make_what_is_there(cls):
        for namespace in ("shop", "other"):
            cls.api.must("POST", here(namespace, "experiments"), experiment("there"))
        cls.api.must("POST", here("shop", "injections"), injection("there"))
        cls.api.must("POST", here("shop", "secrets", group=CORE), SECRET)
        for namespace, name in (("shop", RUN + "-0"), ("ordeal", "ordeal-config"), ("team", "theirs")):
            cls.api.must("POST", here(namespace, "configmaps", group=CORE), config(name))
        pod = thing("Pod", "api-0", {**POD["spec"], "nodeName": "nowhere"}, version="v1")
        cls.api.must("POST", here("shop", "pods", group=CORE), pod)
        lease = thing("Lease", "ordeal-controller", {"holderIdentity": "controller-1"}, version="coordination.k8s.io/v1")
        cls.api.must("POST", LEASES, lease)

    def ask(self, who, verb, path, body=None):
        as_who = {"as_user": who, "as_groups": EVERYBODY}
        if verb == "WATCH":
            return self.watch(path, who)
        if verb == "APPLY":
            path += f"?fieldManager={who}&force=true"
        return self.api("PATCH" if verb in PATCHES else verb, path, body, content_type=PATCHES.get(verb), **as_who)

    def watch(self, path, who):
        """Its beginning."""
        connection = self.api.connection()
        try:
            headers = self.api.headers(None, who, EVERYBODY, {})
            return self.api.exchange(connection, "GET", path + "?watch=1", None, headers).status, None
        finally:
            connection.close()

    def test_each_may_do_what_the_role_is_for(self):
        self.cluster.wait_for(lambda: self.ask(EDITOR, "GET", here("shop", "experiments"))[0] == 200, 20, "the rights of edit")
        for who, questions in MAY.items():
            for question in questions:
                status, answer = self.ask(who, *question)
                self.assertIn(status, (200, 201), (who, question, answer))

    def test_each_may_do_nothing_else(self):
        for who, questions in MAY_NOT.items():
            for question in questions:
                status, answer = self.ask(who, *question)
                self.assertEqual((status, answer.get("reason")), (403, "Forbidden"), (who, question, answer))
                self.assertIn(f'User "{who}" cannot', answer["message"], question)

    def test_whoever_has_no_role_may_do_none_of_it(self):
        for who, questions in MAY.items():
            for question in questions:
                self.assertEqual(self.ask("nobody", *question)[0], 403, (who, question))


if __name__ == "__main__":
    skip_without("kubectl")
    unittest.main(verbosity=2)
