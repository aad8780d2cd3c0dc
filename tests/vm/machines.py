"""The machines that QEMU emulates: of this machine's architecture, with its programs, or arm64's.

The kernel is Debian's for clouds, and the kernel package is unpacked into a cache folder; nothing is installed.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "packaging/image"))
import image  # noqa: E402

# nft_compat is left out on purpose: only the native queue expression can then work.
MODULES = ["nf_tables", "nfnetlink_queue", "nft_queue", "nft_socket", "nft_numgen", "nft_ct", "veth", "sch_netem",
           "sch_tbf", "sch_ingress", "virtio_pci", "button"]


class Unavailable(Exception):
    """Something that the test needs cannot be had on this machine."""


def output_of(*argv, **options):
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False, **options)
    except OSError as why:
        raise Unavailable(f"{argv[0]} cannot be started: {why.strerror}") from why
    if done.returncode != 0:
        raise Unavailable(f"{' '.join(argv)} failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def find_program(name):
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not path:
        raise Unavailable(f"{name} is not installed")
    return path


class Kernel:
    """An unpacked kernel package: `image` to boot, `modules` to pack."""

    def __init__(self, folder, version):
        self.version = version
        self.image = folder / "boot" / f"vmlinuz-{version}"
        self.modules = folder / "lib/modules" / version
        if not (self.modules / "modules.dep").exists():
            output_of(find_program("depmod"), "-b", str(folder), version)

    def module_files(self):
        """The modules of MODULES with all that they need, and the indexes by which the kernel asks for them."""
        needs = {}
        for line in (self.modules / "modules.dep").read_text().splitlines():
            path, _, others = line.partition(":")
            needs[path] = others.split()
        by_name = {pathlib.Path(path).name.split(".ko")[0]: path for path in needs}
        wanted = set()
        for name in MODULES:
            if name in by_name:  # else it is built in
                wanted |= {by_name[name], *needs[by_name[name]]}
        return sorted(wanted) + ["modules.dep", "modules.alias", "modules.builtin", "modules.softdep"]


class Here:
    """amd64, with this machine's programs."""

    emulator = ["qemu-system-x86_64", "-M", "q35", "-cpu", "max"]
    console, results, second_line = "ttyS0", "/dev/ttyS1", ["-serial", "chardev:results"]
    strip = "strip"

    def __init__(self, cache):
        package = self._kernel_package()
        folder = cache / package
        if not (folder / "complete").exists():
            self._fetch(package, folder)
        self.kernel = Kernel(folder, package.removeprefix("linux-image-"))

    def _kernel_package(self):
        meta = "linux-image-cloud-amd64"
        for line in output_of("apt-cache", "depends", meta).splitlines():
            found = re.match(r"\s*Depends: (linux-image-\S+)", line)
            if found:
                return found.group(1)
        raise Unavailable(f"no kernel package: apt knows no {meta}")

    def _fetch(self, package, folder):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        output_of("apt-get", "download", package, cwd=folder)
        archives = list(folder.glob("*.deb"))
        if len(archives) != 1:
            raise Unavailable(f"apt-get download {package} brought {len(archives)} files")
        output_of("dpkg-deb", "-x", str(archives[0]), str(folder))
        archives[0].unlink()
        (folder / "complete").touch()

    def find(self, name):
        return find_program(name)

    def libraries(self, program):
        """{path in the guest: file here}"""
        done = subprocess.run(["ldd", program], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            return {}  # static
        if "not found" in done.stdout:
            raise RuntimeError(f"{program} lacks a library:\n{done.stdout}")
        return {library: os.path.realpath(library) for library in re.findall(r"(/\S+) \(0x", done.stdout)}


class Arm64:
    """With Debian's programs, which scripts/sysroot unpacks."""

    # Of a processor without pointer authentication, which takes the emulator more time than all else.
    emulator = ["qemu-system-aarch64", "-M", "virt", "-cpu", "neoverse-n1"]
    console, results, second_line = "ttyAMA0", "/dev/ttyS0", ["-device", "pci-serial,chardev=results"]
    strip = "aarch64-linux-gnu-strip"

    def __init__(self, _):
        sysroot = str(ROOT / "scripts/sysroot")
        packages = ["linux-image-cloud-arm64", "busybox-static", "iproute2", "nftables", "iperf3"]
        self._tools = pathlib.Path(output_of(sysroot, "machine-arm64", *packages).strip()).resolve()
        self._libraries = pathlib.Path(output_of(sysroot).strip()).resolve()
        (modules,) = (self._tools / "lib/modules").iterdir()
        self.kernel = Kernel(self._tools, modules.name)

    def find(self, name):
        return shutil.which(name, path=f"{self._tools}/usr/bin:{self._tools}/usr/sbin")

    def libraries(self, program):
        root = self._tools if pathlib.Path(program).is_relative_to(self._tools) else self._libraries
        return {where.removeprefix("usr/"): file for where, file in image.libraries([program], root).items()}


def machine_for(program, cache):
    """The one that runs the program."""
    return Arm64(cache) if image.Elf(program).architecture == "arm64" else Here(cache)
