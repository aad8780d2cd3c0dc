"""What `targets` lists can be pasted, and what it shows of others' names steers nothing. Every line of docs/targets.md is
one that Ordeal reads."""
import json
import re
import socket
from pathlib import Path

from program import EVIL, Case, main

PAGE = Path(__file__).resolve().parents[2] / "docs" / "targets.md"


class Targets(Case):
    def listed(self, *words):
        done = self.run_ordeal("targets", "--json", *words, state=False)
        self.assertEqual(done.returncode, 0, done)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def plan(self, line):
        file = self.file("e.yaml", f"name: x\n{line}\nattack: {{type: process_killer, args: {{process: nothing}}}}\n")
        return json.loads(self.run_ordeal("plan", "--json", file).stdout)

    def test_the_host_is_listed(self):
        hosts = [entry for entry in self.listed() if entry["type"] == "host"]
        self.assertEqual([(host["name"], host["line"]) for host in hosts], [(socket.gethostname(), "target: {type: host}")])

    def test_a_process_is_found_by_its_name_and_its_line_selects_it(self):
        child = self.process("t-ordeal-victim")
        entries = self.listed("t-ordeal-victim")
        for entry in entries:
            self.assertIn("t-ordeal-victim", [entry["name"], *entry["programs"]])
        lines = [entry for entry in entries if not entry["protected"]]
        self.assertTrue(lines)
        for entry in lines:
            victims = [victim["victim"] for victim in self.plan(entry["line"])["victims"]]
            pids = [process["pid"] for victim in victims for process in victim["processes"]]
            self.assertIn(child.pid, pids)
            if entry["type"] == "process":
                self.assertEqual((entry["line"], pids), ("target: {type: process, name: t-ordeal-victim}", [child.pid]))

    def test_ordeal_itself_is_protected(self):
        for entry in self.listed("ordeal"):
            if "ordeal" in entry["programs"]:
                self.assertIn("always protected", entry["protected"])

    def test_text_says_the_same_as_json(self):
        self.process("t-ordeal-text")
        text = self.run_ordeal("targets", "t-ordeal-text", state=False).stdout.decode()
        for entry in self.listed("t-ordeal-text"):
            self.assertIn(entry["name"], text)
            self.assertIn(f"    protected: {entry['protected']}\n" if entry["protected"] else f"    {entry['line']}\n", text)

    def test_names_of_others_steer_nothing(self):
        self.process(EVIL[:15])
        for words in ((), ("--json",)):
            done = self.run_ordeal("targets", *words, state=False)
            self.assertEqual(done.returncode, 0, done)
            self.assertNotRegex(done.stdout, rb"[\x00-\x09\x0b-\x1f\x7f]")

    def test_words_that_nothing_is_called(self):
        self.process("t-ordeal-near")
        done = self.run_ordeal("targets", "t-ordeal-naer", state=False)
        self.assertEqual((done.returncode, done.stdout), (2, b""))
        self.assertEqual(done.stderr.decode(), 'ordeal: no target here matches "t-ordeal-naer"\n'
                                               '  did you mean "t-ordeal-near"?\n')

    def test_a_policy_narrows_it(self):
        policy = self.file("policy.yaml", {"blast_radius": {"namespaces": ["staging"]}})
        for entry in self.listed("--policy", policy):
            self.assertIsNotNone(entry["protected"], entry)
        self.assertEqual(self.run_ordeal("targets", "--policy", self.folder + "/none", state=False).returncode, 2)

    def test_a_name_that_is_not_here_is_bad_input(self):
        for target in ("{type: systemd, name: t-ordeal-none}", "{type: container, name: t-ordeal-none}",
                       "{type: systemd, cgroup: /system.slice/t-ordeal-none.service}"):
            file = self.file("e.yaml", f"name: x\ntarget: {target}\nattack: {{type: cpu}}\n")
            done = self.run_ordeal("plan", file)
            self.assertEqual(done.returncode, 2, done)
            self.assertIn(b"t-ordeal-none", done.stderr)

    def test_every_line_of_the_page_is_read(self):
        lines = re.findall(r"^target: \{.*\}$", PAGE.read_text(), re.M)
        self.assertGreaterEqual(len(lines), 8)
        for line in lines:
            with self.subTest(line):
                done = self.run_ordeal("lint", self.file("e.yaml", f"name: x\n{line}\nattack: {{type: pause}}\n"), state=False)
                self.assertNotIn(b"target", done.stdout + done.stderr)
                self.assertNotEqual(done.returncode, 2, done)


if __name__ == "__main__":
    main()
