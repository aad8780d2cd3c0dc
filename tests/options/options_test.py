#!/usr/bin/env python3
"""Flag over environment over file, the same in every command, and what is named and missing is bad input. argv: the
program. Nothing is injected: every run here is refused before it could."""
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ORDEAL = sys.argv.pop(1)
BAD_INPUT, REFUSED = 2, 3

EXPERIMENT = """
name: nobody
target: {type: process, name: %s}
attack: {type: pause}
expect: [{name: up, query: up, condition: "result == 1"}]
sources: {prometheus: "http://file.invalid:9"}
"""
SLO = """
apiVersion: openslo/v1
kind: SLO
metadata: {name: slo}
spec:
  service: shop
  budgetingMethod: Occurrences
  timeWindow: [{duration: 1h, isRolling: true}]
  indicator:
    metadata: {name: good}
    spec:
      ratioMetric:
        counter: true
        good: {metricSource: {type: Prometheus, spec: {query: good}}}
        total: {metricSource: {type: Prometheus, spec: {query: total}}}
  objectives: [{target: 0.9}]
"""
TEMPLATE = """
apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: a}
spec:
  metrics:
  - {name: up, successCondition: "result[0] == 1", provider: {prometheus: {address: "http://file.invalid:9", query: up}}}
"""


class Options(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.sleeper = subprocess.Popen(["sleep", "60"])
        self.addCleanup(self.sleeper.wait)
        self.addCleanup(self.sleeper.kill)
        self.write("experiment.yaml", EXPERIMENT % "sleep")
        self.write("slo.yaml", SLO)
        self.write("template.yaml", TEMPLATE)
        # Each is told from the other by the line of its mistake.
        self.write("by-flag.yaml", "caps: {max_targets: by-flag}\n")
        self.write("by-environment.yaml", "caps: {max_targets: by-environment}\n")

    def write(self, name, text):
        (self.folder / name).write_text(text)
        (self.folder / name).chmod(0o644)

    def ordeal(self, *arguments, **environment):
        clean = {key: value for key, value in os.environ.items() if not key.startswith("ORDEAL_")}
        done = subprocess.run([ORDEAL, *arguments], capture_output=True, text=True, timeout=30, cwd=self.folder,
                              env={**clean, **environment})
        return done.returncode, done.stdout + done.stderr

    def state(self, command):
        return ["--state-dir", str(self.folder / "state")] if command in ("plan", "run") else []

    COMMANDS = {"plan": ["plan", "experiment.yaml"], "run": ["run", "experiment.yaml"],
                "budget": ["budget", "slo.yaml"], "analysis": ["analysis", "template.yaml"]}

    def outcome(self, command, flag, variable, by_flag, by_environment):
        arguments = self.COMMANDS[command] + ([flag, by_flag] if by_flag else []) + self.state(command)
        return self.ordeal(*arguments, **({variable: by_environment} if by_environment else {}))

    def check(self, command, flag, variable, flag_value, environment_value, by_flag, by_environment):
        """Which of the two counts shows in what is said."""
        cases = [(flag_value, None, by_flag, by_environment), (None, environment_value, by_environment, by_flag),
                 (flag_value, environment_value, by_flag, by_environment)]
        for given, exported, said, unsaid in cases:
            with self.subTest(command=command, flag=given, environment=exported):
                code, text = self.outcome(command, flag, variable, given, exported)
                self.assertIn(said, text)
                self.assertNotIn(unsaid, text)
                self.assertNotEqual(code, 0)

    def test_a_policy(self):
        for command in ("plan", "run"):
            self.check(command, "--policy", "ORDEAL_POLICY", "by-flag.yaml", "by-environment.yaml", "by-flag",
                       "by-environment")

    def test_a_prometheus(self):
        for command in self.COMMANDS:
            self.check(command, "--prometheus", "ORDEAL_PROMETHEUS", "ftp://by-flag", "ftp://by-environment", "by-flag",
                       "by-environment")

    def test_what_is_named_and_missing_is_bad_input(self):
        for command in ("plan", "run"):
            for flag in ("--policy", "--inventory", "--expect"):
                with self.subTest(command=command, flag=flag):
                    code, text = self.ordeal(command, "experiment.yaml", flag, "missing.yaml", *self.state(command))
                    self.assertEqual(code, BAD_INPUT, text)
                    self.assertIn("missing.yaml", text)
            code, text = self.ordeal(command, "experiment.yaml", *self.state(command), ORDEAL_POLICY="missing.yaml")
            self.assertEqual(code, BAD_INPUT, text)

    def test_a_policy_that_is_no_file_is_bad_input(self):
        os.symlink("nowhere", self.folder / "dangling.yaml")
        os.mkfifo(self.folder / "pipe.yaml")
        (self.folder / "folder.yaml").mkdir()
        for command in ("plan", "run"):
            for name in ("dangling.yaml", "pipe.yaml", "folder.yaml"):
                with self.subTest(command=command, policy=name):
                    code, text = self.ordeal(command, "experiment.yaml", "--policy", name, *self.state(command))
                    self.assertEqual(code, BAD_INPUT, text)

    def test_a_policy_that_others_can_change_is_refused_for_root(self):
        if os.geteuid() != 0:
            self.skipTest("a user's policy binds only the user")
        self.write("policy.yaml", "caps: {max_runs: 1}\n")
        open_folder = self.folder / "open"
        open_folder.mkdir()
        open_folder.chmod(0o777)
        (open_folder / "policy.yaml").write_text("caps: {max_runs: 1}\n")
        os.symlink("policy.yaml", self.folder / "link.yaml")
        os.lchown(self.folder / "link.yaml", 65534, 65534)
        for command in ("plan", "run"):
            for name in ("open/policy.yaml", "link.yaml"):
                with self.subTest(command=command, policy=name):
                    code, text = self.ordeal(command, "experiment.yaml", "--policy", name, *self.state(command))
                    self.assertEqual(code, REFUSED, text)
                    self.assertIn("can be changed by users other than root", text)


if __name__ == "__main__":
    unittest.main()
