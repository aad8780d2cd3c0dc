"""A real Prometheus 3 on a file of samples, and Ordeal's PromQL on the same file. For tests and benchmarks."""
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

CACHE = Path(os.environ.get("ORDEAL_CACHE", Path.home() / ".cache" / "ordeal")) / "prometheus3"


PROGRAMS = ["prometheus", "promtool"]


def folder():
    """Where Prometheus 3's programs are, or None: scripts/prometheus3 builds them, one after the other."""
    for place in [os.environ.get("ORDEAL_PROMETHEUS3", ""), str(CACHE)]:
        if place and all(os.access(Path(place) / program, os.X_OK) for program in PROGRAMS):
            return Path(place)
    return None


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Prometheus:
    """Blocks made of `file`, served; use with `with`."""

    def __init__(self, file):
        self.folder = tempfile.mkdtemp(prefix="ordeal-prom-")
        subprocess.run([folder() / "promtool", "tsdb", "create-blocks-from", "openmetrics", file, self.folder + "/data"],
                       check=True, stdout=subprocess.DEVNULL)
        Path(self.folder, "empty.yml").write_text("")
        self.url = f"http://127.0.0.1:{free_port()}"
        self.process = subprocess.Popen(
            [folder() / "prometheus", f"--config.file={self.folder}/empty.yml", f"--storage.tsdb.path={self.folder}/data",
             "--storage.tsdb.retention.time=100y", f"--web.listen-address={self.url[7:]}", "--log.level=error",
             "--query.max-samples=100000000"])

    def __enter__(self):
        for _ in range(300):
            try:
                urllib.request.urlopen(self.url + "/-/ready").read()
                return self
            except OSError:
                time.sleep(0.1)
        raise RuntimeError("Prometheus did not get ready")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.folder)


class Ordeal:
    """promql_file serving `file`."""

    def __init__(self, program, file):
        self.process = subprocess.Popen([program, file], stdout=subprocess.PIPE, text=True)
        self.url = f"http://127.0.0.1:{self.process.stdout.readline().strip()}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


def ask(url, path, **parameters):
    """The answer's JSON, of an error too."""
    form = urllib.parse.urlencode(parameters).encode()
    try:
        with urllib.request.urlopen(url + "/api/v1/" + path, form) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        return json.load(error)
