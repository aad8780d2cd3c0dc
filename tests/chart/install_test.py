#!/usr/bin/env python3
"""The chart on a real API server: it installs, each account may do what its program does and nothing else, forged Injections are
refused, it is removed again. Pods are played by KWOK. Needs the programs that tests/cluster/build makes and helm."""
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from urllib.parse import quote

sys.path.append(str(Path(__file__).resolve().parents[1]))  # tests: the lab and the cluster package
from cluster import Cluster  # noqa: E402
from cluster.api import Api  # noqa: E402
from cluster.programs import skip_without  # noqa: E402
from helm import CHART, helm, one, render, sets  # noqa: E402
from rights import AGENT, CLUSTER_WIDE, CONTROLLER, NAMED, POLICY, RELEASE, ROLLBACK, SHOP, TENANT  # noqa: E402

ROOT = CHART.parents[1]
INJECTED = {"status": {"state": "injected", "impacts": []}}
VERBS = ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"]
VALUES = ["secret.managed=true", "secret.teamID=12", "secret.teamSecret=s3cret", "policy.configMap=gremlin/gremlin-config",
          f"prometheus.secrets[0].namespace={SHOP}", "prometheus.secrets[0].names={prom-token}"]
NODE_CLAIM = "Impersonate-Extra-" + quote("authentication.kubernetes.io/node-name", safe="")
INJECTIONS = f"/apis/ordeal.dev/v1alpha1/namespaces/{SHOP}/injections"


def user(account, namespace=RELEASE):
    return f"system:serviceaccount:{namespace}:{account}"


def groups(namespace=RELEASE):
    return ["system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"]


def argo(kind):
    """A definition of Argo's in name alone: its resources are there to be granted."""
    plural = kind.lower() + "s"
    return {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": plural + ".argoproj.io"},
            "spec": {"group": "argoproj.io", "scope": "Namespaced", "names": {"kind": kind, "plural": plural}, "versions": [{
                "name": "v1alpha1", "served": True, "storage": True, "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}}]}}


def injection(name, node):
    return {
        "apiVersion": "ordeal.dev/v1alpha1", "kind": "Injection",
        "metadata": {"name": name, "namespace": SHOP, "finalizers": ["ordeal.dev/revert"], "labels": {"ordeal.dev/node": node}},
        "spec": {"run": "r20260101t000000z-aaaaa", "experiment": "slow", "experimentUID": "5b1c2a7e-0000-4000-8000-000000000001",
                 "node": node, "leaseMs": 15000, "candidates": 1, "impacts": [{
                     "id": 0, "victim": {"kind": "pod", "namespace": SHOP, "pod": "shop-0", "uid": "5b1c2a7e-0000-4000-8000-000000000002"},
                     "attack": {"type": "latency", "args": {"delay": "100ms"}, "length_ms": 60000, "lead_in_ms": 0, "min_events": 1}}]}}


class Installed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.home = folder.name
        cls.cluster = cls.enterClassContext(Cluster(nodes=2))
        cls.api = cls.cluster.api
        cls.cluster.apply([argo("Rollout"), argo("AnalysisTemplate")])
        for namespace in (SHOP, POLICY, "team"):
            cls.cluster.namespace(namespace)
        done = cls.helm("install", "ordeal", CHART, "--namespace", RELEASE, "--create-namespace", "--wait", *sets(VALUES))
        if done.returncode != 0:
            raise RuntimeError(done.stdout + done.stderr)
        cls.cluster.wait_for(lambda: cls.api("GET", INJECTIONS)[0] == 200, 30, "the storage of Injections")
        cls.resources, cls.of_everybody = cls.served(), {}

    @classmethod
    def helm(cls, *words, kubeconfig=None):
        return helm(*words, home=cls.home, kubeconfig=kubeconfig or cls.cluster.kubeconfig, timeout=300)

    @classmethod
    def served(cls):
        """group/resource of all that the API server serves, with subresources."""
        found = [resource["name"] for resource in cls.api.must("GET", "/api/v1")["resources"]]
        for group in cls.api.must("GET", "/apis")["groups"]:
            version = group["preferredVersion"]["groupVersion"]
            found += [f"{group['name']}/{resource['name']}" for resource in cls.api.must("GET", f"/apis/{version}")["resources"]]
        return sorted(set(found))

    # Rights

    def allowed(self, account, verb, resource, namespace="", name="", home=RELEASE):
        head, _, rest = resource.partition("/")
        group, path = (head, rest) if "." in head or head in ("apps", "policy", "batch", "autoscaling") else ("", resource)
        resource, _, subresource = path.partition("/")
        review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": {
            "user": user(account, home), "groups": groups(home), "resourceAttributes": {
                "verb": verb, "group": group, "resource": resource, "subresource": subresource, "namespace": namespace, "name": name}}}
        return self.api.must("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review)["status"]["allowed"]

    def differences(self, account, namespace, expected, home=RELEASE):
        """Of all verbs on all resources there: those where the API server and the table do not agree."""
        def judge(question):
            resource, verb = question
            is_allowed = self.allowed(account, verb, resource, namespace, home=home)
            if (*question, namespace) not in self.of_everybody:
                self.of_everybody[(*question, namespace)] = self.allowed("nobody", verb, resource, namespace)
            wanted = verb in expected.get(resource, ()) or self.of_everybody[(*question, namespace)]
            return "" if is_allowed == wanted else f"{account} in {namespace or 'all'}: {verb} {resource} {is_allowed}"
        answers = self.cluster.at_once(judge, [(resource, verb) for resource in self.resources for verb in VERBS])
        return [answer for answer in answers if answer]

    @staticmethod
    def table(rows, *more):
        verbs = {}
        for resource, words in [*rows, *more]:
            verbs.setdefault(resource, set()).update(words.split())
        return verbs

    def test_everything_in_the_table_is_served(self):
        rows = [resource for rows in (CONTROLLER, AGENT, ROLLBACK) for resource, _ in rows] + [row[2] for row in NAMED]
        self.assertLessEqual(set(rows), set(self.resources))

    def test_each_account_may_do_what_is_in_the_table_and_nothing_else(self):
        """What is refused in a namespace is refused cluster-wide, too."""
        for account, rows in CLUSTER_WIDE.items():
            for resource, verbs in self.table(rows).items():
                self.assertEqual([verb for verb in verbs if not self.allowed(account, verb, resource)], [], (account, resource))
            self.assertEqual(self.differences(account, SHOP, self.table(rows)), [])
            own = [(resource, verbs) for who, where, resource, name, verbs in NAMED if (who, where, name) == (account, RELEASE, "")]
            self.assertEqual(self.differences(account, RELEASE, self.table(rows, *own)), [])

    def test_rights_to_one_object_are_to_that_one(self):
        for account, namespace, resource, name, verbs in NAMED:
            rows = self.table(CLUSTER_WIDE[account], *((what, verbs) for who, where, what, name, verbs in NAMED
                                                       if (who, where, name) == (account, namespace, "")))
            for verb in VERBS if name else []:
                wanted = verb in verbs.split() or verb in rows.get(resource, ())
                self.assertEqual(self.allowed(account, verb, resource, namespace, name), wanted, (account, verb, name))
                other = self.allowed(account, verb, resource, namespace, name + "-other")
                self.assertEqual(other, verb in rows.get(resource, ()), (account, verb, name + "-other"))

    def test_rollback_is_what_it_adds(self):
        def rules(*values):
            made = one(render(self.home, *values), "ClusterRole", "ordeal-controller")["rules"]
            return {(f"{rule['apiGroups'][0]}/{resource}".lstrip("/"), verb)
                    for rule in made for resource in rule["resources"] for verb in rule["verbs"]}
        added = rules("rollback.enabled=true") - rules()
        self.assertEqual(added, {(resource, verbs) for resource, verbs in ROLLBACK})

    def test_a_real_request_is_refused_as_the_review_says(self):
        for account in CLUSTER_WIDE:
            for path in ("/api/v1/secrets", f"/api/v1/namespaces/{RELEASE}/secrets/sh.helm.release.v1.ordeal.v1"):
                status, answer = self.api("GET", path, as_user=user(account), as_groups=groups())
                self.assertEqual((status, answer["reason"]), (403, "Forbidden"))
        status, _ = self.api("GET", "/apis/ordeal.dev/v1alpha1/injections", as_user=user("ordeal-agent"), as_groups=groups())
        self.assertEqual(status, 200)

    # Admission

    def create(self, name, node, **options):
        status, answer = self.api("POST", INJECTIONS, injection(name, node), **options)
        if status == 201:
            self.addCleanup(self.remove, name)
        return status, answer

    def remove(self, name):
        path = f"{INJECTIONS}/{name}"
        self.api("PATCH", path, {"metadata": {"finalizers": None}}, content_type="merge")
        self.api("DELETE", path)

    def made(self, name, node):
        """By the controller, as it should be."""
        status, answer = self.create(name, node, as_user=user("ordeal-controller"), as_groups=groups())
        self.assertEqual(status, 201, answer)

    def test_only_the_controller_creates_an_injection(self):
        self.made("slow-a", "node-0000")
        status, answer = self.create("forged", "node-0000")
        self.assertEqual(status, 403, answer)
        self.assertIn(f"only {user('ordeal-controller')} creates an Injection, and this is ordeal-test-admin; write an Experiment",
                      answer["message"])
        for account in ("ordeal-agent", "ordeal-drain"):  # even where RBAC were to let them
            status, answer = self.create("forged", "node-0000", as_user=user(account), as_groups=["system:masters"],
                                         **{NODE_CLAIM: "node-0000"})
            self.assertEqual(status, 403, answer)
            self.assertIn("only " + user("ordeal-controller"), answer["message"])

    def test_nobody_else_changes_what_an_injection_says(self):
        self.made("slow-b", "node-0000")
        path, worse = f"{INJECTIONS}/slow-b", {"spec": {"candidates": 2}}
        agent = {"as_user": user("ordeal-agent"), "as_groups": groups(), NODE_CLAIM: "node-0000"}
        for who in ({}, agent):  # the definition itself says so (422), before admission would (403)
            status, answer = self.api("PATCH", path, worse, content_type="merge", **who)
            self.assertIn(status, (403, 422), answer)
        labelled, _ = self.api("PATCH", path, {"metadata": {"annotations": {"seen": "yes"}}}, content_type="merge")
        self.assertEqual(labelled, 200)

    def test_an_agent_writes_only_for_its_own_node(self):
        self.made("slow-c", "node-0000")
        agents = self.cluster.pods(RELEASE, "app.kubernetes.io/component=agent")
        self.assertEqual({pod["spec"]["nodeName"] for pod in agents}, {"node-0000", "node-0001"})
        for pod in agents:
            own = pod["spec"]["nodeName"] == "node-0000"
            api = Api(self.cluster.plane.port, self.cluster.ca, token=self.token_of(pod))
            status, answer = api("PATCH", f"{INJECTIONS}/slow-c/status", INJECTED, content_type="merge")
            self.assertEqual(status, 200 if own else 403, answer)
            if not own:
                self.assertIn("this is the agent of node node-0001; the Injection is for node node-0000", answer["message"])
        for pod in sorted(agents, key=lambda pod: pod["spec"]["nodeName"], reverse=True):
            api = Api(self.cluster.plane.port, self.cluster.ca, token=self.token_of(pod))
            status, _ = api("PATCH", f"{INJECTIONS}/slow-c", {"metadata": {"finalizers": None}}, content_type="merge")
            self.assertEqual(status, 200 if pod["spec"]["nodeName"] == "node-0000" else 403)

    def token_of(self, pod):
        """As kubelet asks for it: bound to the pod, so that it names the node."""
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"boundObjectRef": {
            "apiVersion": "v1", "kind": "Pod", "name": pod["metadata"]["name"], "uid": pod["metadata"]["uid"]}}}
        path = f"/api/v1/namespaces/{RELEASE}/serviceaccounts/ordeal-agent/token"
        return self.api.must("POST", path, request)["status"]["token"]

    def test_a_token_that_names_no_node_writes_nothing(self):
        self.made("slow-d", "node-0000")
        api = Api(self.cluster.plane.port, self.cluster.ca, token=self.cluster.token("ordeal-agent", RELEASE))
        status, answer = api("PATCH", f"{INJECTIONS}/slow-d/status", INJECTED, content_type="merge")
        self.assertEqual(status, 403, answer)
        self.assertIn("names no node", answer["message"])

    def test_the_controller_writes_only_configmaps_that_are_records(self):
        controller = {"as_user": user("ordeal-controller"), "as_groups": groups()}
        path = f"/api/v1/namespaces/{SHOP}/configmaps"

        def config(name, **labels):
            return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": labels}}
        record = {"ordeal.dev/record": "true"}
        self.assertEqual(self.api("POST", path, config("record", **record), **controller)[0], 201)
        self.assertEqual(self.api("PATCH", f"{path}/record", {"data": {"a": "b"}}, content_type="merge", **controller)[0], 200)
        self.api.must("POST", path, config("theirs"))
        for attempt in (("POST", path, config("other"), None), ("PATCH", f"{path}/theirs", {"data": {"a": "b"}}, "merge"),
                        ("PATCH", f"{path}/theirs", {"metadata": {"labels": record}}, "merge"),
                        ("PATCH", f"{path}/record", {"metadata": {"labels": None}}, "merge")):
            status, answer = self.api(*attempt[:3], content_type=attempt[3], **controller)
            self.assertEqual(status, 403, (attempt, answer))
            self.assertIn("only ConfigMaps with the label ordeal.dev/record=true", answer["message"])
        self.assertEqual(self.api("DELETE", f"{path}/theirs", **controller)[0], 403)
        self.assertEqual(self.api("DELETE", f"{path}/record", **controller)[0], 200)
        self.assertEqual(self.api("PATCH", f"{path}/theirs", {"data": {"a": "b"}}, content_type="merge")[0], 200)

    def test_only_the_controller_writes_the_status_of_an_experiment(self):
        """Whoever could would renew what nobody watches."""
        path = f"/apis/ordeal.dev/v1alpha1/namespaces/{SHOP}/experiments"
        self.api.must("POST", path, {
            "apiVersion": "ordeal.dev/v1alpha1", "kind": "Experiment", "metadata": {"name": "renewed"},
            "spec": {"attack": {"type": "cpu"}, "target": {"type": "kubernetes", "labels": {"app": "nobody"}}}})
        self.addCleanup(self.api, "DELETE", f"{path}/renewed")
        forged = {"status": {"renewal": {"count": 1000, "halt": "", "go": True, "stop": ""}}}
        status, answer = self.api("PATCH", f"{path}/renewed/status", forged, content_type="merge")
        self.assertEqual(status, 403, answer)
        self.assertIn(f"only {user('ordeal-controller')} writes the status of an Experiment, and this is ordeal-test-admin",
                      answer["message"])
        status, answer = self.api("PATCH", f"{path}/renewed/status", forged, content_type="merge",
                                  as_user=user("ordeal-controller"), as_groups=groups())
        self.assertEqual(status, 200, answer)
        labelled, _ = self.api("PATCH", f"{path}/renewed", {"metadata": {"annotations": {"seen": "yes"}}}, content_type="merge")
        self.assertEqual(labelled, 200)

    # Installing

    def test_the_release_is_whole(self):
        deployment = self.api.must("GET", f"/apis/apps/v1/namespaces/{RELEASE}/deployments/ordeal-controller")
        agents = self.api.must("GET", f"/apis/apps/v1/namespaces/{RELEASE}/daemonsets/ordeal-agent")
        self.assertEqual((deployment["status"]["readyReplicas"], agents["status"]["numberReady"]), (2, 2))
        policies = self.api.must("GET", "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies")["items"]
        self.assertEqual({policy["metadata"]["name"]: policy["status"].get("typeChecking", {}) for policy in policies},
                         {f"{name}.ordeal.dev": {} for name in ("injections", "agents", "records", "experiments")})

    def test_pod_security_refuses_the_agent_alone(self):
        self.cluster.namespace("strict", {"pod-security.kubernetes.io/enforce": "restricted"})
        things = render(self.home)
        for kind, name in (("Deployment", "ordeal-controller"), ("Job", "ordeal-drain"), ("DaemonSet", "ordeal-agent")):
            spec = {**one(things, kind, name)["spec"]["template"]["spec"], "serviceAccountName": "default"}
            pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "strict"}, "spec": spec}
            status, answer = self.api("POST", "/api/v1/namespaces/strict/pods?dryRun=All", pod)
            self.assertEqual(status, 403 if name == "ordeal-agent" else 201, answer)
            if name == "ordeal-agent":
                self.assertIn("violates PodSecurity", answer["message"])

    def test_who_administers_a_namespace_installs_there(self):
        upgraded = self.helm("upgrade", "ordeal", CHART, "--namespace", RELEASE, *sets([*VALUES, "users.tenants=true"]))
        self.assertEqual(upgraded.returncode, 0, upgraded.stderr)
        self.cluster.apply([
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "lead", "namespace": "team"}},
            {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "lead", "namespace": "team"},
             "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "admin"},
             "subjects": [{"kind": "ServiceAccount", "name": "lead", "namespace": "team"}]}])
        self.cluster.wait_for(lambda: self.allowed("lead", "patch", "ordeal.dev/experiments/status", "team", home="team"), 20,
                              "the rights of a namespace's administrator")
        token = self.cluster.token("lead", "team")
        lead = self.cluster.token_kubeconfig(f"{self.home}/lead.kubeconfig", token, "team")
        words = ("ordeal", CHART, "--namespace", "team", "--skip-crds", "--set", "scope=namespace")
        done = self.helm("install", *words, "--wait", kubeconfig=lead)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("injects nothing", done.stdout)
        own = [(resource, verbs) for _, _, resource, name, verbs in NAMED if "leases" in resource and not name]
        self.assertEqual(self.differences("ordeal-controller", "team", self.table(TENANT, *own), home="team"), [])
        self.assertEqual(self.differences("ordeal-controller", SHOP, {}, home="team"), [])
        removed = self.helm("uninstall", "ordeal", "--namespace", "team", "--wait", kubeconfig=lead)
        self.assertEqual(removed.returncode, 0, removed.stderr)

    def test_zz_it_is_removed_after_its_drain(self):
        """The last by its name, since nothing is installed afterwards."""
        removed = self.helm("uninstall", "ordeal", "--namespace", RELEASE, "--wait")
        self.assertEqual(removed.returncode, 0, removed.stderr)
        for kind in ("clusterroles,clusterrolebindings,validatingadmissionpolicies,validatingadmissionpolicybindings",
                     "all,serviceaccounts,roles,rolebindings,configmaps,jobs"):
            _, left, _ = self.cluster.kubectl("get", kind, "-A", "-l", "app.kubernetes.io/name=ordeal", "-o", "name")
            self.assertEqual(left, "")
        self.assertIn("ordeal.dev/injections", self.served())
        self.plain_manifests_are_taken_instead()

    def plain_manifests_are_taken_instead(self):
        made = subprocess.run([ROOT / "scripts/manifests"], check=True, capture_output=True, text=True).stdout
        self.cluster.kubectl("delete", "namespace", RELEASE)
        # Helm made the definitions, which stayed: taking them over has to be said.
        code, _, complaint = self.cluster.kubectl("apply", "--server-side", "-f", "-", input=made)
        self.assertNotEqual(code, 0)
        self.assertIn("--force-conflicts", complaint)
        for kind in ("experiments", "injections", "halts"):
            self.assertIn(f"name: {kind}.ordeal.dev", made)
        code, _, complaint = self.cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", input=made)
        self.assertEqual(code, 0, complaint)
        agents = f"/apis/apps/v1/namespaces/{RELEASE}/daemonsets/ordeal-agent"
        self.cluster.wait_for(lambda: self.api.must("GET", agents)["status"].get("numberReady") == 2, 30, "the agents")


if __name__ == "__main__":
    skip_without("kubectl", "helm")
    if not list(CHART.glob("crds/*.yaml")):
        print("skipped: charts/ordeal/crds holds no definitions yet")
        sys.exit(77)
    unittest.main(warnings="ignore")
