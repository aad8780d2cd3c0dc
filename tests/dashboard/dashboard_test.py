#!/usr/bin/env python3
"""What `ordeal dashboard` and `ordeal rules` write, given to the programs that read it.

    dashboard_test.py rules ORDEAL      promtool checks the rules of every example (77 without promtool)
    dashboard_test.py grafana ORDEAL    Grafana's own types check the dashboards (77 without npm)
"""
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
DEMO = HERE.parents[1] / "demo"
CACHE = Path(os.environ.get("ORDEAL_CACHE", Path.home() / ".cache" / "ordeal")) / "grafana-schema"
SLO = HERE / "slo.yaml"


def subjects():
    """Arguments for `ordeal dashboard` and `ordeal rules`."""
    yield [], "none"
    yield ["--slo", str(SLO)], "objectives"
    for experiment in sorted((DEMO / "experiments").glob("*.json")):
        expect = DEMO / "expectations" / (experiment.stem + ".yaml")
        yield [str(experiment), "--expect", str(expect), "--slo", str(SLO)], experiment.stem


def write_all(ordeal, command, folder):
    files = []
    for arguments, name in subjects():
        files.append(os.path.join(folder, name))
        subprocess.run([ordeal, command, *arguments, "-o", files[-1]], check=True)
    return files


def check_rules(ordeal, folder):
    if not shutil.which("promtool"):
        return 77
    return subprocess.run(["promtool", "check", "rules", *write_all(ordeal, "rules", folder)]).returncode


def check_grafana(ordeal, folder):
    if not shutil.which("npm"):
        return 77
    CACHE.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json", ".npmrc", "check_grafana.mjs"):
        shutil.copy(HERE / name, CACHE)
    quiet = ["--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run(["npm", "ci", *quiet], cwd=CACHE, check=True)
    files = write_all(ordeal, "dashboard", folder)
    return subprocess.run(["node", "check_grafana.mjs", *files], cwd=CACHE).returncode


def main():
    what, ordeal = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        return {"rules": check_rules, "grafana": check_grafana}[what](ordeal, folder)


if __name__ == "__main__":
    sys.exit(main())
