"""A promise that breaks at a known instant, and how soon the run is halted and the fault off (bench/halting has the whole
table)."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench" / "halting"))

from halting import RATIO, Bench  # noqa: E402

INTERVAL = 0.1
LAG = 2 * INTERVAL + 0.05  # from the crossing to the halt command
OFF = 0.5  # from the halt command to the fault's end


def check(halt, trigger, most):
    """What is wrong with a halt."""
    if halt.delay is None:
        return ["it never halted"]
    problems = [f"the trigger was {halt.trigger}: {halt.reason}"] if trigger and halt.trigger != trigger else []
    problems += [f"halted after {halt.lag * 1e3:.0f} ms, expected {most * 1e3:.0f}"] if halt.lag > most else []
    problems += [f"the fault was off {halt.revert * 1e3:.0f} ms later"] if halt.revert > OFF else []
    return problems


def run_suite(report, options):
    gauge = {"name": "broken", "query": "broken", "condition": "result == 0", "for": "0s"}
    ratio = {"name": "errors", "query": RATIO % ("1m", "1m"), "condition": "result < 0.05"}
    cases = [("a gauge flips", gauge, "expression", LAG, 0.5, 6),
             ("half of all requests fail", ratio, None, 1, 0.5, 2),  # with so short a history the query may be first
             ("a fifth of all requests fails", ratio, None, 2.5, 0.2, 2)]
    bench = Bench(options.build, f"{INTERVAL * 1e3:.0f}ms", baseline="1s")
    try:
        for name, expectation, trigger, most, share, times in cases:
            if options.only not in name:
                continue
            halts = [bench.run(500, share, expectation) for _ in range(times)]
            problems = [problem for halt in halts for problem in check(halt, trigger, most)]
            lags = ", ".join(f"{halt.lag * 1e3:.0f}" for halt in halts if halt.lag is not None)
            report.case(name, problems, f"halted after {lags} ms")
    finally:
        bench.close()
