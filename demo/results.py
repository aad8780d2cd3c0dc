"""The demo's last page: the case study's tables with what was measured, and "not measured" with the reason elsewhere."""
import textwrap

from measure import growth, share

P95 = "p95 latency stays below 1 s"
BREAKER = "the breaker of every replica is open (8 s to open)"
CLOSED = "every breaker is closed"
WIDTHS = (26, 28, 52, 12)


class Outcome:
    """What one experiment came to. `code` None: left out; `run` None: refused before it began."""

    def __init__(self, step, code, run, before=None, after=None):
        self.step, self.code, self.run, self.before, self.after = step, code, run, before, after

    def as_expected(self):
        return self.code is None or self.code == self.step.expected_exit

    def verdict(self):
        if self.code is None:
            return "skipped"
        verdict = self.run.verdict() if self.run else None
        return f"{verdict['outcome'] if verdict else 'refused'} (exit {self.code})"

    def users_growth(self, *labels):
        return growth(self.before["users"], self.after["users"], "http_requests_total", *labels)

    def replicas_growth(self, name, *labels):
        return growth(self.before["replicas"], self.after["replicas"], name, *labels)

    def errors(self):
        failed, all_requests = self.users_growth('status="5'), self.users_growth()
        return f"{failed:.0f} of {all_requests:.0f} requests failed ({percent(share(failed, all_requests))})"

    def breaker_opened_after(self):
        """Seconds from the first kill to the first look at which every replica's breaker was open."""
        return self.run.first_time(BREAKER, lambda value: value >= 1)

    def breaker_closed_after(self):
        """Seconds from there to the first look after the attack at which every breaker was closed."""
        opened = self.breaker_opened_after()
        closed = [at for at, value in self.run.readings(CLOSED, "after") if value == 0]
        return min(closed) - self.run.injected_at() - opened if opened is not None and closed else None

    def fallback_success(self):
        """The share of the requests for products without a database that the cache answered."""
        fallbacks = self.replicas_growth("fallback_calls_total", 'name="postgres"', 'result="success"')
        failed = self.replicas_growth("http_requests_total", 'route="/products"', 'status="503"')
        return share(fallbacks, fallbacks + failed)


def seconds(value):
    if value is None:
        return "not measured"
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s"


def percent(value):
    return "not measured" if value is None else f"{value * 100:.2f} %"


def p95(outcome):
    run = outcome.run
    return f"p95 {seconds(run.last(P95, 'before'))} -> {seconds(run.highest(P95, 'during'))}"


def latency(outcome):
    text = p95(outcome)
    halted = outcome.run.breach_to_reverted()
    return f"{text}; breach to reverted {seconds(halted)}" if halted is not None else text


def pods(outcome):
    return f"{len(outcome.run.victims())} of 3 pods killed (50 % rounds down); {outcome.errors()}"


def cpu(outcome):
    used = [f"{p['got']:.0f} {p['unit']}" for p in outcome.run.proofs() if p.get("got") is not None]
    return f"{p95(outcome)}; {outcome.errors()}; used: {', '.join(used)}"


def database(outcome):
    killed = "; ".join(proof["measured"] for proof in outcome.run.proofs())
    return (
        f"all 3 breakers open {seconds(outcome.breaker_opened_after())} after the first kill, "
        f"closed {seconds(outcome.breaker_closed_after())} later; "
        f"fallback answered {percent(outcome.fallback_success())}; {outcome.errors()}; {killed}"
    )


def gameday(outcome):
    name = next(name for name in outcome.run.expectations() if name.startswith("the breaker of every replica opens"))
    opened = outcome.run.first_time(name, lambda value: value >= 1)
    lost = "; ".join(proof["measured"] for proof in outcome.run.proofs()[:1])
    return f"all 3 breakers open after {seconds(opened)}; {outcome.errors()}; {lost}"


EXPERIMENTS = [
    # key, what the case study reports, what we measured
    ("pods", "0.2 % errors", pods),
    ("latency-sync", "p95 1.2 s, above 1 s", latency),
    ("latency-queued", "p95 600 ms", latency),
    ("cpu", "p95 200 ms -> 350 ms; no errors", cpu),
    ("database", "opens after 5 failures; fallback 99.8 %; closes after 30 s", database),
    ("partition", "-", gameday),
    ("payments", "-", gameday),
]

NOT_MEASURED = [
    ("HPA scales 3 -> 5 pods", "not part of this demo: it has no autoscaler"),
    ("MTTR 45 min -> 8 min", "not measured: it depends on people"),
    ("Incident response confidence", "not measured: the case study's figure is a survey"),
    ("Runbook coverage", "not measured: the demo has no runbooks"),
]


def measured(outcome, describe):
    if outcome.code is None:
        return "not measured: it needs cgroups, which need root"
    if not outcome.run or outcome.run.injected_at() is None:
        verdict = outcome.run.verdict() if outcome.run else None
        return "not measured: " + (verdict["reason"] if verdict else "the run was refused")
    return describe(outcome)


def experiment_rows(outcomes):
    for key, reported, describe in EXPERIMENTS:
        if key in outcomes:
            yield outcomes[key].step.title.split(":")[0], reported, measured(outcomes[key], describe), outcomes[key].verdict()


def impact_rows(outcomes):
    """The case study's "Before vs After" table."""
    ran = [outcome for outcome in outcomes.values() if outcome.code is not None]
    found = [outcome.step.title.split(":")[0] for outcome in ran if outcome.code == 1]
    yield "Critical bugs found", "3", f"{len(found)} ({'; '.join(found)})" if found else "0"
    breaker = outcomes.get("database")
    if breaker and breaker.run and breaker.run.injected_at() is not None:
        engaged, success = breaker.breaker_opened_after(), breaker.fallback_success()
        yield "Circuit breaker validation", "2 s, 99.8 %", f"{seconds(engaged)}, {percent(success)} fallback success"
    halts = [o.run.breach_to_reverted() for o in ran if o.run and o.run.breach_to_reverted() is not None]
    if halts:
        yield "Fault off after a breach", "-", f"{seconds(max(halts))} (breach seen to reverted)"
    for name, why in NOT_MEASURED:
        yield name, "", why


def show(outcomes, say):
    table(say, ("Experiment", "The case study", "Measured here", "Verdict"), list(experiment_rows(outcomes)))
    table(say, ("Metric", "The case study", "Measured here"), list(impact_rows(outcomes)))


def table(say, head, rows):
    """Long cells go on in the next line."""
    rule = "+" + "+".join("-" * (width + 2) for width in WIDTHS[: len(head)]) + "+"
    say("\n" + rule)
    for row in [head, *rows]:
        cells = [textwrap.wrap(cell, width) or [""] for cell, width in zip(row, WIDTHS)]
        for line in range(max(len(cell) for cell in cells)):
            parts = [cell[line] if line < len(cell) else "" for cell in cells]
            say("| " + " | ".join(part.ljust(width) for part, width in zip(parts, WIDTHS)) + " |")
        say(rule)
