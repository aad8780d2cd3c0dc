"""No command sends to a terminal what others named and wrote: every escape is shown as what it is."""
import json
import os
import re
import xml.etree.ElementTree

from program import EVIL, RUN, Case, main

STEERS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
ROLLOUT = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": EVIL, "namespace": EVIL},
           "spec": {"strategy": {"canary": {"steps": [{"setWeight": EVIL}, {"analysis": {"templates": [{"templateName": EVIL}]}},
                                                      {EVIL: 1}]}}}}
TEMPLATE = {"apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisTemplate", "metadata": {"name": EVIL},
            "spec": {"metrics": [{"name": EVIL, "interval": "1s", "count": 1, "consecutiveErrorLimit": 0, "successCondition": "result < 1",
                                  "provider": {"prometheus": {"address": "http://127.0.0.1:1", "query": "vector(1) #" + EVIL}}}]}}
OTHER = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": EVIL}}
METRIC = {"metricSource": {"type": "Prometheus", "spec": {"query": "x{a=" + json.dumps(EVIL, ensure_ascii=False) + "}"}}}
SLO = {"apiVersion": "openslo/v1", "kind": "SLO", "metadata": {"name": EVIL, "displayName": EVIL},
       "spec": {"service": EVIL, "budgetingMethod": "Occurrences", "timeWindow": [{"duration": "30d", "isRolling": True}],
                "indicator": {"metadata": {"name": EVIL},
                              "spec": {"ratioMetric": {"counter": True, "bad": METRIC, "total": METRIC}}},
                "objectives": [{"displayName": EVIL, "target": 0.99}]}}


class Terminal(Case):
    def shows(self, *words, state=True, codes=None, mentions=True, **options):
        """Runs it; nothing in its output steers a terminal. Where it `mentions` the name, that is shown."""
        with self.subTest(" ".join(words)):
            done = self.run_ordeal(*words, state=state, **options)
            text = done.stdout.decode() + done.stderr.decode()
            found = STEERS.search(text)
            self.assertIsNone(found, found and repr(text[max(0, found.start() - 60):found.end() + 20]))
            if codes is not None:
                self.assertIn(done.returncode, codes, text)
            if mentions:
                self.assertRegex(text, r"owned", "the case lost its point: the name is not shown")
            return done.stdout.decode()

    def test_plan(self):
        victim = self.process(EVIL, EVIL)
        evil = json.dumps(EVIL, ensure_ascii=False)
        query = {"name": EVIL + "q", "query": "sum(x{a=" + evil + "})", "condition": "result < 1"}
        ratio = {"name": EVIL + "r", "condition": "result < 0.1",
                 "query": "sum(rate(x{a=" + evil + "}[1m])) / sum(rate(x[1m]))"}
        probe = {"name": EVIL, "probe": {"command": ["/bin/true", EVIL]}, "condition": "result == 0"}
        files = self.experiment(victim.pid, EVIL, expect=[probe, query, ratio],
                                sources={"scrape": [{"url": "http://127.0.0.1:1/", "job": EVIL, "labels": {"a": EVIL}}]},
                                rollback=[{"command": ["/bin/true", EVIL]}])
        self.shows("plan", *files)
        self.assertEqual(json.loads(self.shows("plan", "--json", *files))["experiment"]["name"], EVIL)
        policy = self.file("policy.yaml", {"protected": {"labels": {"app": EVIL}}})
        self.shows("plan", *files, "--policy", policy)
        self.shows("dashboard", files[0], state=False, codes=[0])
        rules = self.shows("rules", files[0], state=False, codes=[0])
        self.assertIn("owned", rules)

    def test_a_process_by_its_name_and_command_line(self):
        victim = self.process("\x1b[31mowned", EVIL)
        for target in ({"type": "process", "pattern": "owned"}, {"type": "process", "name": "\x1b[31mowned"},
                       {"type": "process", "name": EVIL}, {"type": "container", "cgroup": "/" + EVIL}):
            file = self.file("e.json", {"name": "n", "target": target, "attack": {"type": "process_killer", "args": {"process": "owned"}}})
            self.shows("plan", file)
            self.shows("plan", "--json", file)
        self.assertIsNone(victim.poll())

    def test_errors_of_files(self):
        for name, content in (("key", {"name": "x", EVIL: 1}), ("type", {"name": "x", "target": {"type": EVIL}}),
                              ("attack", {"name": "x", "target": {"type": "host"}, "attack": {"type": EVIL}}),
                              ("argument", {"name": "x", "target": {"type": "host"}, "attack": {"type": "cpu", "args": {EVIL: 1}}}),
                              ("length", {"name": "x", "length": EVIL, "target": {"type": "host"}, "attack": {"type": "cpu"}}),
                              ("query", {"name": "x", "target": {"type": "host"}, "attack": {"type": "cpu"},
                                         "expect": [{"query": EVIL, "condition": EVIL}]}),
                              ("yaml", "name: x\n\towned: \"")):
            self.shows("plan", self.file("owned-" + name, content), codes=[2])
        self.shows("plan", self.folder + "/" + EVIL.replace("/", "_"), codes=[2])
        for flag in ("--inventory", "--policy", "--expect"):
            self.shows("plan", self.file("good.json", {"name": "x", "target": {"type": "host"}, "attack": {"type": "cpu"}}),
                       flag, self.folder + "/" + EVIL, codes=[2, 3, 7])

    def test_flags(self):
        for words in ([EVIL], ["plan", "x", "--" + EVIL], ["attacks", EVIL], ["report", EVIL], ["halt", EVIL], ["scrape", EVIL],
                      ["scrape", "http://h/", "--interval", EVIL], ["report", "last", "--format", EVIL],
                      ["budget", "x", "--prometheus", EVIL], ["analysis", EVIL], ["lint", EVIL]):
            self.shows(*words, state=False, codes=[2])

    def test_list_and_report(self):
        self.record(EVIL)
        self.shows("list", codes=[0])
        self.assertEqual(json.loads(self.shows("list", "--json", codes=[0]))["name"], EVIL)
        for selector in (RUN, "last", "r2026"):
            self.shows("report", selector, codes=[0])
        self.assertEqual(json.loads(self.shows("report", RUN, "--format", "json", codes=[0]))["name"], EVIL)
        self.shows("report", RUN, "--format", "md", codes=[0])
        xml.etree.ElementTree.fromstring(self.shows("report", RUN, "--format", "junit", codes=[0]))
        self.shows("report", RUN, "--format", "html", codes=[0])

    def test_argo_and_openslo(self):
        files = [self.file(name, content) for name, content in
                 (("rollout.json", ROLLOUT), ("template.json", TEMPLATE), ("other.json", OTHER))]
        self.shows("lint", *files, state=False)
        self.shows("lint", "--json", *files, state=False)
        self.shows("analysis", files[1], state=False)
        self.shows("analysis", "--json", files[1], state=False)
        self.shows("analysis", files[1], "--template", EVIL, "--arg", EVIL + "=1", state=False)
        slo = self.file("slo.json", SLO)
        self.shows("budget", slo, "--prometheus", "http://127.0.0.1:1", state=False, codes=[2, 4])
        for command in ("dashboard", "rules"):
            self.shows(command, "--slo", slo, state=False, mentions=False)

    def test_the_state_folder(self):
        os.makedirs(self.state + "/journal")
        self.shows("halt", "--reason", EVIL, mentions=False)
        self.shows("run", *self.experiment(2), codes=[3])
        self.file("state/fingerprint.json", {"mounts": ["owned\x1b[31m"]})
        self.shows("verify-clean", codes=[6])
        self.shows("verify-clean", "--json", codes=[6])
        self.file("state/fingerprint.json", "owned\x1b[31m")
        self.shows("verify-clean", mentions=False)
        name = "owned\x1b[31m.journal"
        self.file("state/journal/" + name, "not a journal")
        self.shows("revert", codes=[0, 6])
        self.file("state/journal/" + name, "not a journal")
        self.shows("revert", "--json", codes=[0, 6], mentions=False)


if __name__ == "__main__":
    main()
