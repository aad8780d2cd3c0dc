#!/usr/bin/env python3
"""The container image: small, the same bytes each time, complete (it runs alone), and what containerd takes.
argv: the build folder with ordeal and ordeal-guard. What runs needs root, and of another architecture than this machine's an
emulator."""
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unittest
from pathlib import Path

from containerd import Containerd

ROOT = Path(__file__).resolve().parents[2]
BUILD = sys.argv.pop(1)
MOST = 15 * 2**20
# Bytes 18 and 19 of an ELF header: the image's architecture, what uname says.
MACHINES = {b"\x3e\x00": ("amd64", "x86_64"), b"\xb7\x00": ("arm64", "aarch64")}


def machine_of(program):
    head = program.read(20)
    return MACHINES[head[18:]] if head.startswith(b"\x7fELF") else None


with open(f"{BUILD}/ordeal", "rb") as program:
    ARCHITECTURE, MACHINE = machine_of(program)
FOREIGN = MACHINE != os.uname().machine
EMULATOR = shutil.which(f"qemu-{MACHINE}-static") if FOREIGN else None
AS_ROOT = unittest.skipIf(os.geteuid() != 0, "needs root")


def image(out, *options):
    return subprocess.run([ROOT / "scripts/image", *options, out, BUILD], check=True, capture_output=True, text=True).stdout


class Image(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.archive = Path(cls.folder.name, "ordeal.tar")
        cls.said = image(cls.archive)
        with tarfile.open(cls.archive) as archive:
            archive.extractall(f"{cls.folder.name}/layout", filter="data")
        cls.layout = Path(cls.folder.name, "layout")
        index = json.loads((cls.layout / "index.json").read_text())
        cls.described = index["manifests"][0]
        cls.manifest = cls.blob(cls.described)
        cls.config = cls.blob(cls.manifest["config"])
        packed = cls.layout / "blobs/sha256" / cls.manifest["layers"][0]["digest"].split(":")[1]
        cls.layer = Path(cls.folder.name, "layer.tar")
        subprocess.run(["zstd", "-q", "-d", packed, "-o", cls.layer], check=True)
        cls.rootfs = Path(cls.folder.name, "rootfs")
        cls.rootfs.mkdir()
        subprocess.run(["tar", "-xf", cls.layer, "-C", cls.rootfs], check=True)

    @classmethod
    def blob(cls, described):
        return json.loads((cls.layout / "blobs/sha256" / described["digest"].split(":")[1]).read_text())

    def inside(self, *argv, user="65532"):
        """The program in the image, with a /proc and nothing else of this machine."""
        script = ('mount -t proc proc "$0/proc" && mount --rbind /sys/fs/cgroup "$0/sys/fs/cgroup" && '
                  'exec chroot --userspec="$1" "$0" "${@:2}"')
        (self.rootfs / "sys/fs/cgroup").mkdir(parents=True, exist_ok=True)
        if EMULATOR:
            shutil.copy(EMULATOR, self.rootfs / "emulator")
            argv = ["/emulator", *argv]
        return subprocess.run(["unshare", "--mount", "bash", "-c", script, self.rootfs, f"{user}:{user}", *argv],
                              capture_output=True, text=True, timeout=60)

    def test_it_is_small(self):
        print(self.said.strip())
        self.assertLessEqual(self.archive.stat().st_size, MOST)

    def test_the_same_programs_give_the_same_bytes(self):
        again = Path(self.folder.name, "again.tar")
        image(again)
        self.assertEqual(self.archive.read_bytes(), again.read_bytes())

    def test_its_platform_is_that_of_all_that_is_in_it(self):
        self.assertEqual(self.described["platform"], {"os": "linux", "architecture": ARCHITECTURE})
        self.assertEqual((self.config["os"], self.config["architecture"]), ("linux", ARCHITECTURE))
        with tarfile.open(self.layer) as layer:
            machines = [machine_of(layer.extractfile(entry)) for entry in layer if entry.isfile()]
        self.assertEqual(set(machines) - {None}, {(ARCHITECTURE, MACHINE)})
        self.assertGreater(len(machines) - machines.count(None), 10)

    def test_it_is_named_as_the_chart_names_it(self):
        values = (ROOT / "charts/ordeal/values.yaml").read_text()
        chart = (ROOT / "charts/ordeal/Chart.yaml").read_text()
        version = next(line.split()[1] for line in chart.splitlines() if line.startswith("appVersion:"))
        name = self.described["annotations"]["io.containerd.image.name"]
        self.assertEqual(name, f"localhost/ordeal:{version}")
        self.assertIn("repository: localhost/ordeal ", values)

    def test_it_runs_nothing_as_root_unless_told(self):
        self.assertEqual(self.config["config"]["User"], "65532:65532")
        self.assertEqual(self.config["config"]["Entrypoint"], ["/usr/bin/ordeal"])

    def test_there_is_nothing_but_the_programs_and_what_they_load(self):
        with tarfile.open(self.layer) as layer:
            entries = layer.getmembers()
        programs = {e.name for e in entries if e.isfile() and e.mode & 0o111}
        self.assertEqual({p for p in programs if "/ld-" not in p}, {"usr/bin/ordeal", "usr/libexec/ordeal/ordeal-guard"})
        self.assertFalse([e.name for e in entries if e.mode & 0o6000])
        self.assertEqual({(e.uid, e.gid, e.mtime) for e in entries}, {(0, 0, 0)})

    @AS_ROOT
    @unittest.skipIf(FOREIGN and not EMULATOR, "there is no emulator")
    def test_the_programs_run_in_it(self):
        version = self.inside("/usr/bin/ordeal", "--version")
        self.assertEqual((version.returncode, version.stderr), (0, ""))
        self.assertIn("ordeal", version.stdout)
        guard = self.inside("/usr/libexec/ordeal/ordeal-guard", "--version")
        self.assertNotIn("error while loading shared libraries", guard.stderr)
        self.assertNotEqual(guard.returncode, 127)

    @AS_ROOT
    @unittest.skipIf(FOREIGN, "an emulator does not know the kernel's calls for packets")
    def test_doctor_in_it_finds_what_it_finds_outside(self):
        answers = []
        for done in (self.inside("/usr/bin/ordeal", "doctor", "--json", user="0"),
                     subprocess.run([f"{BUILD}/ordeal", "doctor", "--json"], capture_output=True, text=True)):
            answer = json.loads(done.stdout)
            self.assertEqual(done.stderr, "")
            answers.append({attack["type"]: (attack["usable"], attack["how"]) for attack in answer["attacks"]})
            guard = next(f for f in answer["findings"] if f["topic"] == "guard")
            self.assertFalse(guard["advice"], guard)
        self.assertEqual(*answers)

    @AS_ROOT
    @unittest.skipUnless(shutil.which("containerd"), "containerd is not installed")
    def test_containerd_imports_and_unpacks_it(self):
        platform = f"linux/{ARCHITECTURE}"
        with Containerd() as containerd:
            containerd.ctr("images", "import", "--snapshotter", "native", "--platform", platform, self.archive)
            listed = containerd.ctr("images", "ls")
        self.assertIn(self.described["annotations"]["io.containerd.image.name"], listed)
        self.assertIn(self.described["digest"], listed)
        self.assertIn(platform, listed)


if __name__ == "__main__":
    unittest.main(verbosity=1)
