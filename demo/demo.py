"""The demo: the four experiments of docs/case-study.md on a small shop that lives in namespaces of its own; with
--gameday what else a GameDay would break there.

Started by demo/run. `main` is the part outside: it isolates and cleans up. `inside` is the demo as a list of steps.
"""
import argparse
import copy
import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))  # the lab

import lab  # noqa: E402
import results  # noqa: E402
from measure import Run  # noqa: E402
from shop import HIERARCHIES, Shop  # noqa: E402

HERE = Path(__file__).parent
CGROUP_PREFIX = "shop-demo-"

# What the demo shortens of the case study's files: (path in the file, value, why).
SHORTER = {
    "pod-termination": [
        (("attack", "args", "delay"), "5s", "the case study's 5 is 5 minutes"),
        (("attack", "args", "length"), "12s", "60 s when a file is silent"),
    ],
    "network-latency": [(("attack", "args", "length"), "12s", "60 s when a file is silent")],
    "cpu-stress": [(("attack", "args", "length"), "12s", "300 s in the case study")],
    "database-exhaustion": [(("attack", "args", "length"), "20s", "60 s in the case study")],
}


class Step:
    """One experiment with the outcome that shows what the case study says."""

    def __init__(self, key, experiment, title, expected_exit, payments="queued", needs_cgroups=False, reset=None):
        self.key, self.experiment, self.title = key, experiment, title
        self.expected_exit, self.payments, self.needs_cgroups = expected_exit, payments, needs_cgroups
        self.reset = reset  # how long an open breaker refuses, where the replicas' own 30 s take too long


STEPS = [
    Step("latency-sync", "network-latency", "Network latency, payments synchronous: deviates", 1, payments="sync"),
    Step("latency-queued", "network-latency", "Network latency again, with the fix (payments queued): holds", 0),
    Step("pods", "pod-termination", "Pod termination: holds", 0),
    Step("cpu", "cpu-stress", "CPU stress: holds", 0, needs_cgroups=True),
    Step("database", "database-exhaustion", "Database exhaustion: the circuit breaker engages", 0),
]
GAMEDAY = [
    Step("partition", "database-partition", "Partition from the database: holds", 0, reset="5s"),
    Step("payments", "payments-unreachable", "Payment service unreachable: holds", 0, payments="sync", reset="5s"),
]


def say(text=""):
    print(text, flush=True)


def headline(text):
    say(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n== {text}")


def arguments():
    parser = argparse.ArgumentParser(prog="demo/run", description="The case study's four experiments on a small shop.")
    parser.add_argument("--reports", help="directory for the reports (default: a new one below build/demo)")
    parser.add_argument("--gameday", action="store_true", help="the GameDay's faults instead of the case study's experiments")
    keys = [step.key for step in STEPS + GAMEDAY]
    parser.add_argument("--only", choices=keys, action="append", help="only this experiment")
    parser.add_argument("--inside", nargs=2, metavar=("WORK", "CGROUP"), help=argparse.SUPPRESS)
    return parser.parse_args()


def build_folder():
    build = (HERE.parent / os.environ.get("ORDEAL_BUILD", "build/release")).resolve()
    for program in ("ordeal", "ordeal-guard", "bin/shop_api", "bin/payment_stub", "bin/shop_load"):
        if not (build / program).exists():
            sys.exit(f"{build / program} is missing: build first, or set ORDEAL_BUILD")
    return build


# Outside


def main():
    options = arguments()
    if options.inside:
        sys.exit(inside(options))
    build_folder()
    reports = Path(options.reports or HERE.parent / "build/demo" / time.strftime("%Y%m%d-%H%M%S")).resolve()
    reports.mkdir(parents=True, exist_ok=True)
    as_root = os.geteuid() == 0
    cgroup = f"{CGROUP_PREFIX}{os.getpid()}" if as_root else ""
    tell_what_is_left_out(as_root)
    work = lab.passable_folder("ordeal-demo-")
    only = [word for key in options.only or [] for word in ("--only", key)] + ["--gameday"] * options.gameday
    argv = [sys.executable, __file__, "--inside", str(work), cgroup, "--reports", str(reports), *only]
    try:
        if as_root:
            remove_stale_cgroups()
        code = lab.isolated(argv, as_root)
    finally:
        if as_root:
            lab.remove_cgroups(cgroup, HIERARCHIES)
        shutil.rmtree(work)
    say(f"\nCleaned up. All that remains: the reports in {reports}")
    sys.exit(code)


def remove_stale_cgroups():
    """Removes what a demo left that was killed: its name holds the id of its process."""
    tops = {Path(top).name for mount in lab.hierarchies(HIERARCHIES) for top in glob.glob(f"{mount}/{CGROUP_PREFIX}*")}
    for top in tops:
        if not Path("/proc", top.removeprefix(CGROUP_PREFIX)).exists():
            lab.remove_cgroups(top, HIERARCHIES)


def tell_what_is_left_out(as_root):
    say("The demo builds a shop in its own namespaces; nothing touches this machine's network.")
    if as_root:
        return
    say("Without root there are no cgroups. Skipped: the CPU experiment (it needs the replicas' CPU limits).")
    say("Replicas and database are found by their command lines instead of their cgroups, so a restarted process is no")
    say("longer a victim: the database is killed once, not every second.")


# Inside


def inside(options):
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    work, cgroup = Path(options.inside[0]), options.inside[1]
    try:
        demo = Demo(build_folder(), work, cgroup, Path(options.reports))
        demo.start_shop()
        for step in chosen(options):
            demo.run(step)
        return demo.finish()
    except KeyboardInterrupt:
        say("\nInterrupted.")
        return 130
    except Exception as error:
        say(f"\nThe demo failed: {error}")
        shutil.copytree(work, options.reports, ignore=shutil.ignore_patterns("database"), dirs_exist_ok=True)
        say(f"Its logs are in {options.reports}")
        return 7


def chosen(options):
    if options.only:
        return [step for step in STEPS + GAMEDAY if step.key in options.only]
    return GAMEDAY if options.gameday else STEPS


class Demo:
    def __init__(self, build, work, cgroup, reports):
        self.build, self.work, self.cgroup, self.reports = build, work, cgroup, reports
        self.state = reports / "state"
        self.outcomes = {}
        self.begun = time.monotonic()

    def start_shop(self):
        headline("Building the shop: HAProxy, 3 API replicas, PostgreSQL, a payment provider, its users")
        self.shop = Shop(self.build, self.work, self.cgroup)
        self.shop.start_database()
        self.shop.start_payments()
        self.shop.start_replicas("sync")
        self.replicas = ("sync", None)
        self.shop.start_load_balancer()
        self.shop.start_users()
        (self.work / "inventory.json").write_text(self.shop.inventory())
        shutil.copyfile(HERE / "policy.yaml", self.work / "policy.yaml")
        (self.work / "policy.yaml").chmod(0o644)

    def run(self, step):
        headline(step.title)
        if step.needs_cgroups and not self.cgroup:
            say("skipped: it needs cgroups, which need root")
            self.outcomes[step.key] = results.Outcome(step, None, None)
            return
        self.use_replicas(step.payments, step.reset)
        experiment = self.shortened(step.experiment)
        self.shop.fill_connection_pool()
        before = {"users": self.shop.users(), "replicas": self.shop.replica_counters()}
        code = self.ordeal_run(step, experiment)
        after = {"users": self.shop.users(), "replicas": self.shop.replica_counters()}
        run = Run(self.state) if code not in (2, 3) else None
        self.outcomes[step.key] = results.Outcome(step, code, run, before, after)
        as_expected = "as expected" if code == step.expected_exit else f"expected {step.expected_exit}"
        say(f"exit code {code}, {as_expected}")

    def use_replicas(self, payments, reset):
        if self.replicas != (payments, reset):
            say(f"Restarting the replicas with --payments {payments}" + (f" --breaker-reset {reset}" if reset else ""))
            self.shop.start_replicas(payments, reset)
            self.replicas = (payments, reset)
            time.sleep(2)  # the health checks take them back

    def shortened(self, name):
        """A copy of the case study's file, with each difference told."""
        original = json.loads((HERE / "experiments" / f"{name}.json").read_text())
        changed = copy.deepcopy(original)
        for path, value, why in SHORTER.get(name, []):
            place = changed
            for key in path[:-1]:
                place = place[key]
            was = json.dumps(place[path[-1]]) if path[-1] in place else "absent"
            place[path[-1]] = value
            say(f"shortened for the demo: {'.'.join(path)}: {was} -> {value} ({why})")
        file = self.work / f"{name}.json"
        file.write_text(json.dumps(changed, indent=2))
        return file

    def ordeal_run(self, step, experiment):
        expect = HERE / "expectations" / f"{step.experiment}.yaml"
        argv = [str(self.build / "ordeal"), "run", str(experiment), "--expect", str(expect)]
        argv += ["--inventory", str(self.work / "inventory.json"), "--policy", str(self.work / "policy.yaml")]
        argv += ["--state-dir", str(self.state)]
        for ending in ("html", "json"):
            argv += ["--report", str(self.reports / f"{step.key}.{ending}")]
        process = subprocess.Popen(argv)
        try:
            return process.wait()
        except KeyboardInterrupt:
            lab.stop(process, signal.SIGINT)  # it reverts, then ends
            raise

    def finish(self):
        headline("What is left of the last run (ordeal verify-clean)")
        subprocess.run([str(self.build / "ordeal"), "verify-clean", "--state-dir", str(self.state)])
        results.show(self.outcomes, say)
        say(f"\nReports: {' '.join(str(f) for f in sorted(self.reports.glob('*.html')))}")
        say(f"The demo took {time.monotonic() - self.begun:.0f} s.")
        good = all(outcome.as_expected() for outcome in self.outcomes.values())
        say("Every outcome is the expected one." if good else "NOT every outcome is the expected one.")
        return 0 if good else 1


if __name__ == "__main__":
    main()
