"""`ordeal lint` on every file that Ordeal reads, and on what stands between them."""
import json

from program import Case, main

EXPERIMENT = {"name": "x", "target": {"type": "host"}, "attack": {"type": "cpu", "length": "1s"},
              "expect": [{"name": "up", "probe": {"command": ["/bin/true"]}, "condition": "result == 0"}]}
EXPECTATIONS = "expect:\n- {name: up, probe: {tcp: '127.0.0.1:1'}, condition: result < 1}\n"
POLICY = "blast_radius:\n  namespaces: [staging]\nprotected:\n  namespaces: [production]\ncaps: {max_targets: 3}\n"
INVENTORY = "- {name: api, kind: pod, namespace: staging, labels: {app: api}, pid: 12}\n"
SLO = """apiVersion: openslo/v1
kind: SLO
metadata: {name: checkout}
spec:
  service: shop
  indicator:
    metadata: {name: errors}
    spec:
      ratioMetric:
        bad: {metricSource: {type: Prometheus, spec: {query: 'sum(rate(bad_total[5m]))'}}}
        total: {metricSource: {type: Prometheus, spec: {query: 'sum(rate(all_total[5m]))'}}}
  budgetingMethod: Occurrences
  objectives: [{target: 0.9}]
"""
TEMPLATE = """apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: t}
spec:
  metrics:
  - name: m
    successCondition: result < 1
    provider: {prometheus: {address: 'http://p:9090', query: 'sum(x)'}}
"""


def config_map(policy):
    return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: policy}\ndata:\n  policy.yaml: |\n" + "".join(
        f"    {line}\n" for line in policy.splitlines())


def custom_resource(levels):
    """A schema that is deeper than what is read."""
    lines = ["apiVersion: apiextensions.k8s.io/v1", "kind: CustomResourceDefinition", "metadata: {name: deep.example.com}", "spec:"]
    return "\n".join(lines + [f"{'  ' * (i + 1)}properties:" for i in range(levels)] + ["  " * (levels + 1) + "type: object"]) + "\n"


class Lint(Case):
    def lint(self, *texts):
        """(exit, findings by file name)."""
        files = [self.file(f"{i}.yaml", text) for i, text in enumerate(texts)]
        done = self.run_ordeal("lint", *files, "--json", state=False)
        findings = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual(done.returncode, 2 if any(f["severity"] == "error" for f in findings) else 0, done.stderr)
        return findings

    def test_what_is_good_has_no_findings(self):
        for text in (EXPERIMENT, EXPECTATIONS, POLICY, INVENTORY, config_map(POLICY), SLO.replace("sum(rate(", "sum((").replace(
                "[5m]", "").replace("ratioMetric:", "ratioMetric:\n        counter: true")):
            self.assertEqual(self.lint(text), [], text)

    def test_each_kind_of_file_is_read(self):
        for text, line, what in (
                (json.dumps(dict(EXPERIMENT, lenght="1s")), 1, "did you mean \"length\"?"),
                (EXPECTATIONS.replace("condition", "kondition"), 2, "did you mean \"condition\"?"),
                (POLICY.replace("caps", "cap"), 5, "did you mean \"caps\"?"),
                (POLICY.replace("production", "prod*"), 4, "prod*"),
                (config_map(POLICY.replace("production", "prod*")), 9, "prod*"),
                (INVENTORY + INVENTORY, 2, "given twice"),
                (INVENTORY.replace("pid: 12", "pid: 12, cgroup: /a"), 1, "exactly one of cgroup, pid and match"),
                (SLO.replace("0.9", "99.9"), 13, "expected a number from 0 to 1")):
            findings = self.lint(text)
            self.assertEqual([(f["severity"], f["line"]) for f in findings if f["severity"] == "error"], [("error", line)], findings)
            self.assertIn(what, findings[0]["what"])

    def test_what_is_made_of_an_objective_is_a_warning_with_the_hint_of_an_error_its_fix(self):
        notes = self.lint(SLO)
        self.assertEqual([(f["severity"], f["line"], f["field"]) for f in notes],
                         [("warning", 10, "spec.indicator.spec.ratioMetric.bad"),
                          ("warning", 11, "spec.indicator.spec.ratioMetric.total")])
        self.assertIn("is read as the counter sum(bad_total)", notes[0]["what"])
        refused = self.lint(SLO.replace("openslo/v1", "openslo.com/v1"))
        self.assertEqual(len(refused), 1)
        self.assertIn("write apiVersion: openslo/v1", refused[0]["fix"])

    def test_a_bundle_is_read_past_what_it_does_not_need(self):
        large = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: large}\ndata:\n  blob: |\n" + "    0123456789abcdef\n" * 160_000
        bad_policy = config_map(POLICY.replace("production", "prod*"))
        parts = [custom_resource(60), large, TEMPLATE, custom_resource(60), bad_policy, SLO.replace("0.9", "99.9"),
                 "kind: Service\napiVersion: openslo/v1\nmetadata: {name: shop}\nspec: {}\n"]
        bundle = "---\n".join(parts)
        self.assertGreater(len(bundle), 3_000_000)
        findings = self.lint(bundle)
        begins = [sum(part.count("\n") + 1 for part in parts[:i]) for i in range(len(parts))]
        self.assertEqual([(f["severity"], f["line"]) for f in findings if f["severity"] == "error"],
                         [("error", begins[4] + 9), ("error", begins[5] + 13)], findings)
        self.assertTrue(any(f["field"] == "spec.metrics[0].successCondition" for f in findings), "the template is read, too")

    def test_a_file_of_services_alone_is_no_mistake(self):
        self.assertEqual(self.lint("apiVersion: openslo/v1\nkind: Service\nmetadata: {name: shop}\nspec: {}\n"), [])


main()
