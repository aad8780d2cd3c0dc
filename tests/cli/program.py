"""The program under test, in a state folder of its own, and what it is given: experiments, records, processes with the
names that an attacker would choose."""
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ORDEAL = sys.argv.pop(1) if len(sys.argv) > 1 else "build/release/ordeal"
RUN = "r20261123t201504z-k3f2a"
# What a terminal would obey: a title, a cleared screen, colour, the one-byte CSI, text turned round, nothing seen.
EVIL = "a\x1b]0;owned\x07\x1b[2J\x1b[31m\r\n\x9b31m\u202egnp\u200b\x7f"
ENVIRONMENT = {**{k: v for k, v in os.environ.items() if not k.startswith("ORDEAL_")}, "LC_ALL": "C.UTF-8"}

SCHEMA = """
CREATE TABLE run(id TEXT PRIMARY KEY NOT NULL, name TEXT NOT NULL, started TEXT NOT NULL, verdict TEXT,
 exit INTEGER, experiment TEXT NOT NULL, plan TEXT NOT NULL);
CREATE TABLE event(run TEXT NOT NULL REFERENCES run(id), seq INTEGER NOT NULL, json TEXT NOT NULL,
 PRIMARY KEY(run, seq)) WITHOUT ROWID;
CREATE INDEX run_started ON run(started);
PRAGMA user_version = 1;
"""


# What is one of a few words in an event, and so never from outside.
WORDS = {"phase", "reading", "level", "outcome", "op", "when", "kind"}


def said_by(text, value):
    """The value with `text` in the place of each of its texts, but of the words above."""
    if isinstance(value, str):
        return text
    if isinstance(value, list):
        return [said_by(text, item) for item in value]
    if isinstance(value, dict):
        return {key: item if key in WORDS else said_by(text, item) for key, item in value.items()}
    return value


def events(text):
    """The engine's own (tests/sample_run), one of each type, with `text` wherever a text may come from outside."""
    sample = [str(Path(ORDEAL).resolve().parent / "bin" / "report_sample"), "events", "troubled"]
    lines = [json.loads(line) for line in subprocess.run(sample, stdout=subprocess.PIPE, check=True, timeout=30).stdout.splitlines()]
    firsts = {line["type"]: line for line in reversed(lines)}
    chosen = [line for line in lines if firsts[line["type"]] is line or line["type"] == "phase"]
    for seq, line in enumerate(chosen):
        data = said_by(text, line["data"])
        if line["type"] == "reverted":
            data["result"] = "failed"
        line.update(seq=seq, run=RUN, data=data)
    return chosen


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="ordeal-cli-")
        self.state = self.folder + "/state"
        self.children = []

    def tearDown(self):
        for child in self.children:
            child.kill()
            child.wait()
        shutil.rmtree(self.folder)

    def file(self, name, content):
        """JSON is YAML too."""
        path = f"{self.folder}/{name}"
        Path(path).write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    def run_ordeal(self, *words, state=True, limit=30, **options):
        argv = [ORDEAL, *words] + (["--state-dir", self.state] if state else [])
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        return subprocess.run(argv, timeout=limit, env=ENVIRONMENT, **options)

    def process(self, name, *words):
        """One that sleeps, with this name (comm) and these words on its command line."""
        code = ("import ctypes, os, sys, time; ctypes.CDLL(None).prctl(15, os.fsencode(sys.argv[1])); "
                "print(flush=True); time.sleep(600)")
        argv = [sys.executable, "-c", code, name, *words]
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        child.stdout.readline()
        self.children.append(child)
        return child

    def experiment(self, pid, text="x", **more):
        """Of the process `pid`, which the inventory calls `text`."""
        inventory = self.file("inventory.yaml", [{"name": text, "kind": "pod", "pid": pid, "zone": text,
                                                  "labels": {"app": "shop"}}])
        experiment = {
            "name": text, "hypothesis": text, "description": text, "length": "1s", "baseline": "300ms", "recovery": "2s",
            "target": {"type": "kubernetes", "labels": {"app": "shop"}},
            "attack": {"type": "pause", "args": {}},
            "expect": [{"name": text, "probe": {"command": ["/bin/true", text]}, "condition": "result == 0"}],
            "seed": 1, **more}
        return [self.file("experiment.json", experiment), "--inventory", inventory]

    def record(self, text):
        os.makedirs(self.state, mode=0o755, exist_ok=True)
        database = sqlite3.connect(self.state + "/runs.sqlite")
        database.executescript(SCHEMA)
        database.execute("INSERT INTO run VALUES(?, ?, ?, ?, ?, ?, ?)",
                         (RUN, text, "2026-11-23T20:15:04Z", text, 1, json.dumps({"name": text}), json.dumps({"victims": [text]})))
        for event in events(text):
            database.execute("INSERT INTO event VALUES(?, ?, ?)", (RUN, event["seq"], json.dumps(event)))
        database.commit()
        database.close()


def main():
    unittest.main()
