"""Helm as the tests use it: the chart, and what it makes of values."""
import subprocess
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))  # tests: the cluster package
from cluster.programs import Absent, program  # noqa: E402

CHART = Path(__file__).resolve().parents[2] / "charts/ordeal"


def skip_without_helm():
    try:
        import yaml  # noqa: F401
        program("helm")
    except (Absent, ImportError) as absent:
        print(f"skipped: {absent}")
        sys.exit(77)


def helm(*words, home, kubeconfig="/dev/null", timeout=120):
    """The ended process. `home`: where it may keep what it keeps."""
    environment = {"HOME": str(home), "PATH": "/usr/bin:/bin", "KUBECONFIG": str(kubeconfig)}
    return subprocess.run([program("helm"), *words], env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=timeout)


def sets(values):
    return [word for value in values for word in ("--set", value)]


def template(home, *values, namespace="ordeal", version="v1.34.4", notes=False):
    """The ended process of `helm template`, or with notes of a dry `helm install`."""
    command = ["install", "--dry-run=client"] if notes else ["template"]
    more = [] if notes else ["--kube-version", version]
    return helm(*command, "ordeal", CHART, "--namespace", namespace, *more, *sets(values), home=home)


def render(home, *values, **options):
    """The objects."""
    import yaml
    done = template(home, *values, **options)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return [thing for thing in yaml.safe_load_all(done.stdout) if thing]


def names(things):
    return sorted((thing["kind"], thing["metadata"].get("namespace", ""), thing["metadata"]["name"]) for thing in things)


def one(things, kind, name):
    (found,) = [thing for thing in things if thing["kind"] == kind and thing["metadata"]["name"] == name]
    return found
