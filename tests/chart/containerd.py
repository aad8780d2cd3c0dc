"""A containerd of the test's own, without CRI."""
import subprocess
import tempfile
import time
from pathlib import Path

CONFIG = """version = 2
root = "{0}/root"
state = "{0}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = "{0}/socket"
[ttrpc]
address = "{0}/ttrpc"
"""


class Containerd:
    def __enter__(self):
        self.home = tempfile.TemporaryDirectory()
        self.folder = Path(self.home.name)
        (self.folder / "config.toml").write_text(CONFIG.format(self.folder))
        with open(self.folder / "log", "w") as log:
            self.daemon = subprocess.Popen(["containerd", "--config", self.folder / "config.toml"], stdout=log, stderr=log)
        deadline = time.monotonic() + 20
        while not (self.folder / "socket").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        return self

    def __exit__(self, *_):
        self.daemon.terminate()
        self.daemon.wait()
        self.home.cleanup()

    def ctr(self, *argv):
        command = ["ctr", "--address", self.folder / "socket", "-n", "k8s.io", *argv]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr + (self.folder / "log").read_text()[-2000:])
        return done.stdout
