#!/usr/bin/env python3
"""The image for arm64, cross-built on amd64: arm64_test.py [CASE…], a named command (tests/soak/soak.py arm64).
Needs root and scripts/setup arm64, and builds build/release and build/release-arm64 where they are not up to date, which
takes minutes. What runs is skipped without qemu-aarch64-static (Debian's qemu-user-static), which emulates the processor on
this machine's kernel, and qemu-system-aarch64 (qemu-system-arm), which emulates a machine with arm64's."""
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import unittest
from pathlib import Path

from containerd import Containerd

ROOT = Path(__file__).resolve().parents[2]
HERE, ARM64 = ROOT / "build/release", ROOT / "build/release-arm64"
EMULATOR = shutil.which("qemu-aarch64-static")
UNITS = ["base_test", "json_test", "expr_test", "model_test", "promql_test", "report_test"]
LARGEST_PAGE = 64 * 2**10  # of arm64's kernels
ATTACKS = {"cpu": {"cores": 1}, "latency": {"delay": 100}, "packet_loss": {"percent": 1}, "pause": {}, "shutdown": {}}


def build(preset, *targets):
    subprocess.run([ROOT / "scripts/build", preset, *targets], check=True)


def setUpModule():
    build("release", "ordeal", "ordeal-guard")
    build("release-arm64", "ordeal", "ordeal-guard", "net_echo", "net_probe", *UNITS)


class Archive(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.archive, cls.layout = Path(folder.name, "both.tar"), Path(folder.name, "layout")
        subprocess.run([ROOT / "scripts/image", cls.archive, HERE, ARM64], check=True)
        with tarfile.open(cls.archive) as archive:
            archive.extractall(cls.layout, filter="data")

    def blob(self, described):
        return self.layout / "blobs/sha256" / described["digest"].split(":")[1]

    def document(self, described):
        return json.loads(self.blob(described).read_text())

    def platforms(self):
        index = json.loads((self.layout / "index.json").read_text())
        return {each["platform"]["architecture"]: each for each in self.document(index["manifests"][0])["manifests"]}

    def test_for_arm64_alone_it_is_as_image_test_has_it(self):
        test = Path(__file__).with_name("image_test.py")
        self.assertEqual(subprocess.run([sys.executable, "-B", test, ARM64]).returncode, 0)

    def test_it_has_both_platforms(self):
        platforms = self.platforms()
        self.assertEqual(set(platforms), {"amd64", "arm64"})
        for architecture, described in platforms.items():
            config = self.document(self.document(described)["config"])
            self.assertEqual(config["architecture"], architecture)

    def test_all_that_is_loaded_fits_kernels_with_large_pages(self):
        layer = self.document(self.platforms()["arm64"])["layers"][0]
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["tar", "-xf", self.blob(layer), "-C", folder], check=True)
            loaded = [path for path in Path(folder).rglob("*") if path.is_file() and path.read_bytes()[:4] == b"\x7fELF"]
            for path in loaded:
                segments = subprocess.run(["readelf", "-lW", path], check=True, capture_output=True, text=True).stdout
                alignments = [int(each, 16) for each in re.findall(r"^ +LOAD .* (0x\w+)$", segments, re.MULTILINE)]
                self.assertGreaterEqual(min(alignments), LARGEST_PAGE, path)
        self.assertGreater(len(loaded), 10)

    @unittest.skipUnless(shutil.which("containerd"), "containerd is not installed")
    def test_containerd_imports_each_platform_and_both(self):
        for option, platforms in ((["--platform", "linux/arm64"], "linux/arm64"),
                                  (["--platform", "linux/amd64"], "linux/amd64"),
                                  (["--all-platforms", "--no-unpack"], "linux/amd64,linux/arm64")):
            with self.subTest(option), Containerd() as containerd:
                containerd.ctr("images", "import", "--snapshotter", "native", *option, self.archive)
                self.assertIn(platforms, containerd.ctr("images", "ls"))


@unittest.skipUnless(EMULATOR, "qemu-aarch64-static is not installed")
class Emulated(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        sysroot = subprocess.run([ROOT / "scripts/sysroot"], check=True, capture_output=True, text=True).stdout.strip()
        cls.emulated = [EMULATOR, f"{sysroot}/lib/ld-linux-aarch64.so.1",
                        "--library-path", f"{sysroot}/usr/lib/aarch64-linux-gnu"]

    def same(self, *words):
        """What both programs say of the same command, but for what they count and time."""
        said = []
        for program in ([HERE / "ordeal"], [*self.emulated, ARM64 / "ordeal"]):
            done = subprocess.run([*program, *words], capture_output=True, text=True, timeout=120, cwd=ROOT)
            said.append((done.returncode, re.sub(r"\d+ processes are|[\d.]+ ms\b", "#", done.stdout + done.stderr)))
        self.assertEqual(*said)
        return said[0]

    def test_it_says_the_same_as_here(self):
        for words in (["--version"], ["--help"], ["help", "run"], ["attacks", "--json"], ["completion", "bash"],
                      ["plan", "no-such-file.yaml"], ["dashboard", "examples/latency.json"]):
            with self.subTest(words):
                self.same(*words)

    def test_examples_are_judged_as_here(self):
        examples = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "examples").glob("*.*"))
        self.same("lint", *examples)
        for name in ("cpu", "latency", "pods", "database"):
            with self.subTest(name):
                code, _ = self.same("plan", f"examples/{name}.json", "--inventory", "examples/inventory.yaml",
                                    "--policy", "examples/policy.yaml")
                self.assertEqual(code, 4)  # nothing of the inventory is alive
        self.same("plan", "examples/first.yaml")

    def test_a_plan_on_this_host_is_the_same(self):
        name = f"planned-here-{os.getpid()}"
        victim = subprocess.Popen(["unshare", "--net", "bash", "-c", f"exec -a {name} sleep 600"])
        self.addCleanup(victim.wait)
        self.addCleanup(victim.kill)
        while not Path(f"/proc/{victim.pid}/cmdline").read_text().startswith(name):
            time.sleep(0.05)
        experiment = {"name": "planned", "target": {"type": "process", "pattern": f"^{name}"}, "length": "5s", "seed": 1}
        for attack, arguments in ATTACKS.items():
            with self.subTest(attack), tempfile.NamedTemporaryFile("w", suffix=".json") as file:
                json.dump({**experiment, "attack": {"type": attack, "args": arguments}}, file)
                file.flush()
                self.assertEqual(self.same("plan", file.name)[0], 0)

    def test_the_units_of_core_and_promql_pass(self):
        tests = ["ctest", "--test-dir", ARM64, "--output-on-failure", "-R", f"^({'|'.join(UNITS)})$"]
        self.assertEqual(subprocess.run(tests).returncode, 0)


@unittest.skipUnless(shutil.which("qemu-system-aarch64"), "qemu-system-aarch64 is not installed")
class Machine(unittest.TestCase):
    def test_attacks_on_a_kernel_of_arm64(self):
        test = ROOT / "tests/vm/vm_test.py"
        self.assertEqual(subprocess.run([sys.executable, "-B", test, "--build", ARM64]).returncode, 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
