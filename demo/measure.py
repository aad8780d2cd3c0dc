"""What a run of Ordeal measured, read from its record (docs/formats/events.md), and shares of counters."""
import json
import sqlite3


class Run:
    """The last run in a state folder."""

    def __init__(self, state_dir):
        database = sqlite3.connect(state_dir / "runs.sqlite")
        (self.id,) = database.execute("SELECT id FROM run ORDER BY rowid DESC LIMIT 1").fetchone()
        rows = database.execute("SELECT json FROM event WHERE run = ? ORDER BY seq", (self.id,))
        self.events = [json.loads(row[0]) for row in rows]
        database.close()

    def of_type(self, kind):
        return [event for event in self.events if event["type"] == kind]

    def verdict(self):
        last = self.of_type("verdict")
        return last[-1]["data"] if last else None

    def injected_at(self):
        """Boottime in seconds; None when nothing was."""
        injected = self.of_type("inject")
        return injected[0]["boot_ns"] / 1e9 if injected else None

    def readings(self, expectation, phase):
        """[(boottime in seconds, value)]"""
        return [
            (event["boot_ns"] / 1e9, event["data"]["value"])
            for event in self.of_type("reading")
            if event["data"]["name"] == expectation and event["data"]["phase"] == phase and "value" in event["data"]
        ]

    def last(self, expectation, phase):
        values = self.readings(expectation, phase)
        return values[-1][1] if values else None

    def highest(self, expectation, phase):
        return max((value for _, value in self.readings(expectation, phase)), default=None)

    def first_time(self, expectation, holds):
        """Seconds from the injection to the first reading of which `holds` is true."""
        start = self.injected_at()
        times = [at for phase in ("during", "revert", "after") for at, v in self.readings(expectation, phase) if holds(v)]
        return min(times) - start if start and times else None

    def breach_to_reverted(self):
        """Seconds from the first breach to the last impact's end; None without both."""
        breaches = self.of_type("breach")
        ends = [event["data"]["reverted_boot_ns"] / 1e9 for event in self.of_type("reverted")]
        return max(ends) - breaches[0]["boot_ns"] / 1e9 if breaches and ends else None

    def expectations(self):
        """Their names."""
        return [expectation["name"] for expectation in self.of_type("run")[0]["data"]["expectations"]]

    def victims(self):
        return self.of_type("run")[0]["data"]["victims"]

    def proofs(self):
        return [event["data"] for event in self.of_type("proof")]


def growth(before, after, name, *labels):
    """How much the counters `name` with all of `labels` (as text) have grown."""
    chosen = [s for s in after if s.split("{")[0] == name and all(label in s for label in labels)]
    return sum(after[s] - before.get(s, 0) for s in chosen)


def share(part, whole):
    return part / whole if whole else None
