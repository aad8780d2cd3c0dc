#!/usr/bin/env python3
"""What the chart makes of values, without a cluster: which objects, the command lines, the capabilities, and what it refuses.
argv: the build folder with the program `ordeal`. Needs helm (tests/cluster/build helm), else it is skipped."""
import json
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from helm import CHART, helm, names, one, render, skip_without_helm, template
from cluster import accounts  # helm.py puts it on the path

ROOT = Path(__file__).resolve().parents[2]
BUILD = sys.argv.pop(1)
TEAM = ("secret.managed=true", "secret.teamID=12", "secret.teamSecret=s3cret")

# What guard, reaper and agent themselves need, beside what attacks say.
OWN = {
    "CAP_DAC_OVERRIDE": "the reaper's cgroup in the root of the tree, which has no write bit",
    "CAP_IPC_LOCK": "mlockall: a guard that is paged out is late",
    "CAP_NET_RAW": "the socket that sends held packets on",
    "CAP_SETGID": "the group by which rules tell its own packets",
    "CAP_SYS_ADMIN": "entering network and cgroup namespaces",
    "CAP_SYS_NICE": "SCHED_FIFO of guard and reaper",
    "CAP_SYS_PTRACE": "opening /proc/PID/ns of processes of other users",
}

CONTROLLER = [("Deployment", "ordeal", "ordeal-controller"), ("Role", "ordeal", "ordeal-controller"),
              ("RoleBinding", "ordeal", "ordeal-controller"), ("ServiceAccount", "ordeal", "ordeal-controller")]
POLICY = [("ConfigMap", "ordeal", "ordeal-config")]
WHOLE = sorted([
    *CONTROLLER, ("ClusterRole", "", "ordeal-controller"), ("ClusterRoleBinding", "", "ordeal-controller"),
    ("DaemonSet", "ordeal", "ordeal-agent"), ("ServiceAccount", "ordeal", "ordeal-agent"),
    ("ClusterRole", "", "ordeal-agent"), ("ClusterRoleBinding", "", "ordeal-agent"),
    ("Role", "ordeal", "ordeal-agent-policy"), ("RoleBinding", "ordeal", "ordeal-agent-policy"),
    ("Job", "ordeal", "ordeal-drain"), ("ServiceAccount", "ordeal", "ordeal-drain"),
    ("ClusterRole", "", "ordeal-drain"), ("ClusterRoleBinding", "", "ordeal-drain"),
    ("Role", "ordeal", "ordeal-drain"), ("RoleBinding", "ordeal", "ordeal-drain"),
    ("ClusterRole", "", "ordeal-experimenter"), ("ClusterRole", "", "ordeal-halter"),
    ("ClusterRole", "", "ordeal-viewer"),
    *((kind, "", f"{name}.ordeal.dev") for name in ("injections", "agents", "records", "experiments")
      for kind in ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"))])

# values, what the message has to name
REFUSED = [
    (["scope=node"], "scope"),
    (["polcy.configMap=a/b"], "polcy"),
    (["policy.configMap=gremlin-config"], "configMap"),
    (["image.digest=sha256:12"], "digest"),
    (["agent.privileged=true"], "privileged"),
    (["agent.capabilities={ALL}"], "capabilities"),
    (["agent.capabilities={CAP_KILL}"], "capabilities"),
    (["agent.terminationGracePeriodSeconds=5"], "terminationGracePeriodSeconds"),
    (["health.port=80"], "port"),
    (["drain.within=forever"], "within"),
    (["prometheus.secrets[0].names={a}"], "namespace"),
    (["scope=namespace", "policy.configMap=gremlin/gremlin-config"], "has to lie in the release's namespace ordeal, not in gremlin"),
    (["scope=namespace", "prometheus.secrets[0].namespace=shop"], "prometheus.secrets[0].namespace"),
    (["users.tenants=true", "admission.enabled=false"], "users.tenants: needs admission.enabled"),
    (["scope=namespace", "users.aggregateToEdit=true"], "users: a ClusterRole needs scope cluster"),
    (["scope=namespace", "users.tenants=true"], "users: a ClusterRole needs scope cluster"),
]


def container(thing):
    (found,) = thing["spec"]["template"]["spec"]["containers"]
    return found


class Render(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.home = folder.name
        cls.default = render(cls.home)

    def render(self, *values, **options):
        return render(self.home, *values, **options)

    # Which objects

    def test_lint_has_nothing_to_say(self):
        done = helm("lint", "--strict", CHART, home=self.home)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertNotIn("[WARNING]", done.stdout)

    def test_the_objects_are_these(self):
        self.assertEqual(names(self.default), sorted(WHOLE + POLICY))

    def test_the_secret_of_a_team_is_taken_and_makes_nothing(self):
        for values in (TEAM, [f"gremlin.{value}" for value in (*TEAM, "secret.type=secret")]):
            made = self.render(*values)
            self.assertEqual(made, self.default)
            self.assertNotIn("s3cret", json.dumps(made))

    def test_a_policy_of_somebody_else(self):
        things = self.render("policy.configMap=gremlin/gremlin-config")
        moved = [(kind, "gremlin" if name == "ordeal-agent-policy" else namespace, name) for kind, namespace, name in WHOLE]
        self.assertEqual(names(things), sorted(moved))
        (rule,) = one(things, "Role", "ordeal-agent-policy")["rules"]
        self.assertEqual(rule, {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["gremlin-config"], "verbs": ["get"]})
        for thing in (one(things, "Deployment", "ordeal-controller"), one(things, "DaemonSet", "ordeal-agent")):
            self.assertIn("--policy-configmap=gremlin/gremlin-config", container(thing)["args"])

    def test_scope_namespace_is_a_role_and_a_controller(self):
        things = self.render("scope=namespace", "prometheus.secrets[0].namespace=ordeal", "networkPolicy.enabled=true")
        self.assertEqual(names(things), sorted([
            *CONTROLLER, *POLICY, ("Role", "ordeal", "ordeal-experimenter"), ("Role", "ordeal", "ordeal-halter"), ("NetworkPolicy", "ordeal", "ordeal-controller"),
            ("Role", "ordeal", "ordeal-prometheus"), ("RoleBinding", "ordeal", "ordeal-prometheus")]))
        resources = {resource for thing in things if thing["kind"] == "Role" for rule in thing["rules"] for resource in rule["resources"]}
        self.assertFalse(resources & {"nodes", "halts"})

    def test_scope_definitions_runs_nothing(self):
        things = self.render("scope=definitions", "users.tenants=true", "networkPolicy.enabled=true")
        self.assertEqual({kind for kind, _, _ in names(things)},
                         {"ClusterRole", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"})
        granted = one(things, "ClusterRole", "ordeal-tenant")["rules"]
        tenant = one(self.render("scope=namespace", "rollback.enabled=false"), "Role", "ordeal-controller")["rules"]
        for rule in tenant:
            wider = {key: value for key, value in rule.items() if key != "resourceNames"}
            self.assertTrue(any(set(wider["verbs"]) <= set(have["verbs"]) and wider["resources"] == have["resources"] and
                                wider["apiGroups"] == have["apiGroups"] for have in granted), rule)

    def test_plain_manifests_are_the_same_without_a_drain(self):
        import yaml
        done = subprocess.run([ROOT / "scripts/manifests"], check=True, capture_output=True, text=True)
        things = [thing for thing in yaml.safe_load_all(done.stdout) if thing]
        without = [row for row in WHOLE + POLICY if "ordeal-drain" not in row]
        self.assertEqual(names(thing for thing in things if thing["kind"] != "CustomResourceDefinition"),
                         sorted([*without, ("Namespace", "", "ordeal")]))

    def test_the_version_is_the_projects(self):
        import yaml
        chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
        project = re.search(r"project\(ordeal VERSION ([\d.]+)", (ROOT / "CMakeLists.txt").read_text()).group(1)
        self.assertEqual((chart["version"], chart["appVersion"]), (project, project))

    def test_switches_add_and_remove(self):
        without = {(kind, name) for kind, _, name in names(self.render("admission.enabled=false", "drain.enabled=false"))}
        gone = {(kind, name) for kind, _, name in WHOLE} - without
        self.assertEqual({name for _, name in gone}, {"ordeal-drain", "injections.ordeal.dev", "agents.ordeal.dev", "records.ordeal.dev",
                                                       "experiments.ordeal.dev"})
        more = set(names(self.render("networkPolicy.enabled=true", "prometheus.secrets[0].namespace=shop"))) - set(WHOLE + POLICY)
        self.assertEqual(more, {("NetworkPolicy", "ordeal", "ordeal-agent"), ("NetworkPolicy", "ordeal", "ordeal-controller"),
                                ("Role", "shop", "ordeal-prometheus"), ("RoleBinding", "shop", "ordeal-prometheus")})

    # What is in them

    def understood(self, program):
        """The program takes these arguments: it fails for want of a cluster, and not before."""
        line = [f"{BUILD}/ordeal", *program["command"][1:], *program["args"], "--kubeconfig=/nowhere/kubeconfig"]
        done = subprocess.run(line, capture_output=True, text=True, timeout=20)
        self.assertIn("/nowhere/kubeconfig", done.stderr, line)

    def test_the_command_lines(self):
        values = ("rollback.enabled=true", "health.port=8080", "apiServer.host=10.0.0.1", "apiServer.port=6443")
        things = self.render(*values)
        controller, agent, drain = (container(one(things, *what)) for what in (
            ("Deployment", "ordeal-controller"), ("DaemonSet", "ordeal-agent"), ("Job", "ordeal-drain")))
        self.assertEqual(controller["command"] + controller["args"], [
            "/usr/bin/ordeal", "controller", "--namespace=$(POD_NAMESPACE)", "--name=$(POD_NAME)", "--scope=cluster",
            "--policy-configmap=ordeal/ordeal-config", "--rollback", "--listen=0.0.0.0:8080"])
        self.assertEqual(agent["command"] + agent["args"], [
            "/usr/bin/ordeal", "agent", "--node=$(NODE_NAME)", "--namespace=$(POD_NAMESPACE)", "--name=$(POD_NAME)",
            "--policy-configmap=ordeal/ordeal-config"])
        self.assertEqual(drain["command"] + drain["args"], [
            "/usr/bin/ordeal", "drain", "--namespace=$(POD_NAMESPACE)", "--deployment=ordeal-controller", "--within=150s"])
        for program in (controller, agent, drain):
            self.understood(program)
            environment = {variable["name"]: variable.get("value") for variable in program["env"]}
            self.assertEqual((environment["KUBERNETES_SERVICE_HOST"], environment["KUBERNETES_SERVICE_PORT"]), ("10.0.0.1", "6443"))
            used = set(re.findall(r"\$\((\w+)\)", " ".join(program["args"])))
            self.assertLessEqual(used, set(environment))

    def test_by_default_there_is_no_port_and_no_probe(self):
        for thing in (one(self.default, "Deployment", "ordeal-controller"), one(self.default, "DaemonSet", "ordeal-agent")):
            self.assertFalse({"ports", "livenessProbe", "readinessProbe", "startupProbe"} & set(container(thing)))
            self.assertFalse([word for word in container(thing)["args"] if "listen" in word or "rollback" in word])

    def test_the_image_by_digest(self):
        digest = "sha256:" + "ab" * 32
        images = {container(thing)["image"] for thing in self.render(f"image.digest={digest}", "image.repository=registry/ordeal")
                  if thing["kind"] in ("Deployment", "DaemonSet", "Job")}
        self.assertEqual(images, {"registry/ordeal@" + digest})

    def test_the_policy_is_one_that_ordeal_takes(self):
        import jsonschema
        import yaml
        schema = json.loads((ROOT / "schema/policy.schema.json").read_text())
        things = self.render("policy.blast_radius.namespaces={staging}", "policy.caps.max_percent=50", namespace="chaos")
        policy = yaml.safe_load(one(things, "ConfigMap", "ordeal-config")["data"]["config.yaml"])
        jsonschema.validate(policy, schema)
        self.assertEqual(policy, {"blast_radius": {"namespaces": ["staging"]}, "caps": {"max_percent": 50},
                                  "protected": {"namespaces": ["kube-system", "chaos"]}})
        lifted = self.render("policy.protected=null")
        policy = yaml.safe_load(one(lifted, "ConfigMap", "ordeal-config")["data"]["config.yaml"])
        self.assertEqual(policy, {"protected": {"namespaces": ["ordeal"]}})

    # Rights

    def test_the_capabilities_are_what_attacks_and_guard_need(self):
        said = subprocess.run([f"{BUILD}/ordeal", "attacks", "--json"], check=True, capture_output=True, text=True).stdout
        attacks = {name for line in said.splitlines() for need in json.loads(line)["capabilities"]
                   for name in re.findall(r"CAP_[A-Z_]+", need)}
        self.assertTrue(attacks)
        context = container(one(self.default, "DaemonSet", "ordeal-agent"))["securityContext"]
        self.assertEqual({"CAP_" + name for name in context["capabilities"]["add"]}, attacks | set(OWN))
        self.assertEqual(context["capabilities"]["drop"], ["ALL"])
        self.assertFalse(context["privileged"])

    def test_only_the_agent_has_anything_of_its_node(self):
        for kind, name in (("Deployment", "ordeal-controller"), ("Job", "ordeal-drain")):
            pod = one(self.default, kind, name)["spec"]["template"]["spec"]
            self.assertFalse({"hostPID", "hostNetwork", "hostIPC"} & set(pod))
            self.assertFalse([volume for volume in pod.get("volumes", []) if "hostPath" in volume])
            self.assertTrue(pod["securityContext"]["runAsNonRoot"])
            self.assertEqual(container(one(self.default, kind, name))["securityContext"], {
                "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}})
        agent = one(self.default, "DaemonSet", "ordeal-agent")["spec"]["template"]["spec"]
        paths = {volume["hostPath"]["path"] for volume in agent["volumes"] if "hostPath" in volume}
        self.assertEqual(paths, {"/var/lib/ordeal", "/run/ordeal", "/sys/fs/cgroup"})
        self.assertEqual((agent["hostPID"], agent.get("hostNetwork", False)), (True, False))

    def test_no_role_has_a_wildcard_or_all_secrets(self):
        things = self.render("rollback.enabled=true", "prometheus.secrets[0].namespace=shop")
        for thing in things:
            for rule in thing.get("rules") or []:
                text = json.dumps(rule)
                self.assertNotIn("*", text, thing["metadata"]["name"])
                if "secrets" in rule["resources"]:
                    self.assertEqual((thing["kind"], rule["verbs"]), ("Role", ["get"]))

    def test_clusters_without_helm_give_the_same_rights(self):
        def rights(things):
            found = {}
            for thing in things:
                if thing["apiVersion"].startswith(accounts.RBAC):
                    metadata = {key: value for key, value in thing["metadata"].items() if key != "labels"}
                    found[thing["kind"], metadata.get("namespace"), metadata["name"]] = {**thing, "metadata": metadata}
            return found
        self.assertEqual(rights(accounts.of_programs() + accounts.of_people()), rights(self.default))
        more = rights(self.render("prometheus.secrets[0].namespace=shop", "prometheus.secrets[0].names={a,b}"))
        self.assertEqual(more, rights(self.default) | rights(accounts.of_prometheus("shop", ["a", "b"])))
        tenant = self.render("scope=namespace", "rollback.enabled=true")
        self.assertEqual(one(tenant, "Role", "ordeal-controller")["rules"], accounts.rules("lease", "controller", "rollback"))
        self.assertEqual(one(tenant, "Role", "ordeal-halter")["rules"], accounts.rules("halterOfNamespace"))
        self.assertEqual(one(tenant, "Role", "ordeal-experimenter")["rules"], accounts.rules("experimenter"))

    def test_an_older_cluster(self):
        done = template(self.home, version="v1.29.0")
        self.assertIn("admission.enabled", done.stderr)
        self.assertNotEqual(done.returncode, 0)
        things = self.render("admission.enabled=false", version="v1.29.0")
        pod = one(things, "DaemonSet", "ordeal-agent")["spec"]["template"]
        self.assertNotIn("appArmorProfile", container(one(things, "DaemonSet", "ordeal-agent"))["securityContext"])
        self.assertEqual(pod["metadata"]["annotations"], {"container.apparmor.security.beta.kubernetes.io/agent": "unconfined"})

    # What it says

    def test_wrong_values_are_refused_by_name(self):
        for values, named in REFUSED:
            with self.subTest(values=values):
                done = template(self.home, *values)
                self.assertNotEqual(done.returncode, 0, values)
                self.assertIn(named, done.stderr)

    def test_the_notes_say_what_matters_here(self):
        def notes(*values):
            return template(self.home, *values, notes=True).stdout.split("NOTES:")[1]
        plain = notes()
        self.assertIn("enforce=privileged", plain)
        self.assertIn("It has no blast_radius", plain)
        self.assertNotIn("No Secret was made", plain)
        self.assertIn("No Secret was made", notes(*TEAM))
        self.assertNotIn("s3cret", notes(*TEAM))
        self.assertIn("ConfigMap gremlin/gremlin-config", notes("policy.configMap=gremlin/gremlin-config"))
        self.assertIn("nothing runs", notes("scope=definitions"))
        tenant = notes("scope=namespace")
        self.assertIn("injects nothing", tenant)
        self.assertNotIn("ordeal halt ", tenant)
        self.assertIn("keeps others from writing Injections", notes("admission.enabled=false"))


if __name__ == "__main__":
    skip_without_helm()
    unittest.main(verbosity=1)
