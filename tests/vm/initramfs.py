"""Gets Debian's cloud kernel without installing it, and packs programs with their libraries into an initramfs.

The kernel package is downloaded with apt-get and unpacked into a cache folder; the part of the initramfs that does not
change (busybox, kernel modules, iproute2, nft, iperf3) is kept there too. The rest is a second cpio behind the first:
the kernel unpacks both.
"""
import hashlib
import os
import pathlib
import re
import shutil
import stat
import subprocess

META_PACKAGE = "linux-image-cloud-amd64"
TOOLS = ["ip", "tc", "nft", "iperf3"]
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


def kernel_package():
    for line in output_of("apt-cache", "depends", META_PACKAGE).splitlines():
        found = re.match(r"\s*Depends: (linux-image-\S+)", line)
        if found:
            return found.group(1)
    raise Unavailable(f"no kernel package: apt knows no {META_PACKAGE}")


class Kernel:
    """The unpacked kernel package: `image` to boot, `modules` to pack."""

    def __init__(self, cache):
        package = kernel_package()
        self.version = package.removeprefix("linux-image-")
        self.folder = cache / package
        if not (self.folder / "complete").exists():
            self._fetch(package)
        self.image = self.folder / "boot" / f"vmlinuz-{self.version}"
        self.modules = self.folder / "lib/modules" / self.version

    def _fetch(self, package):
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        output_of("apt-get", "download", package, cwd=self.folder)
        archives = list(self.folder.glob("*.deb"))
        if len(archives) != 1:
            raise Unavailable(f"apt-get download {package} brought {len(archives)} files")
        output_of("dpkg-deb", "-x", str(archives[0]), str(self.folder))
        output_of(find_program("depmod"), "-b", str(self.folder), self.version)
        archives[0].unlink()
        (self.folder / "complete").touch()

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


class Cpio:
    """An archive in the format `newc`, the one that the kernel reads. Everything belongs to root."""

    def __init__(self):
        self._parts = []
        self._names = set()

    def add(self, name, mode, content=b""):
        name = name.strip("/")
        if name in self._names:
            return
        self._names.add(name)
        parent = name.rpartition("/")[0]
        if parent:
            self.add(parent, stat.S_IFDIR | 0o755)
        self._append(name, mode, content)

    def add_file(self, name, path):
        self.add(name, stat.S_IFREG | 0o755, pathlib.Path(path).read_bytes())

    def add_link(self, name, to):
        self.add(name, stat.S_IFLNK | 0o777, to.encode())

    def _append(self, name, mode, content):
        raw = name.encode() + b"\0"
        numbers = [len(self._parts) + 1, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(raw), 0]
        head = b"070701" + b"".join(b"%08X" % number for number in numbers) + raw
        self._parts.append(head + b"\0" * (-len(head) % 4) + content + b"\0" * (-len(content) % 4))

    def bytes(self):
        self._append("TRAILER!!!", 0, b"")
        whole = b"".join(self._parts)
        return whole + b"\0" * (-len(whole) % 512)


def libraries_of(program):
    done = subprocess.run(["ldd", program], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return []  # static
    if "not found" in done.stdout:
        raise RuntimeError(f"{program} lacks a library:\n{done.stdout}")
    return re.findall(r"(/\S+) \(0x", done.stdout)


def add_program(cpio, name, path, scratch=None):
    """`scratch`: strip into that folder first; debug information would be most of the archive."""
    packed = path
    if scratch:
        packed = str(scratch / pathlib.Path(path).name)
        output_of(find_program("strip"), "-o", packed, path)
    cpio.add_file(name, packed)
    for library in libraries_of(path):
        cpio.add_file(library, os.path.realpath(library))


def write_base(kernel, cache):
    """Returns the file; it is made anew when a tool or the kernel has changed."""
    programs = {name: find_program(name) for name in ["busybox", *TOOLS]}
    stamps = [(name, path, os.stat(path).st_mtime_ns) for name, path in sorted(programs.items())]
    key = hashlib.sha256(repr((kernel.version, MODULES, stamps)).encode()).hexdigest()[:16]
    target = cache / f"base-{key}.cpio"
    if target.exists():
        return target
    cpio = Cpio()
    for folder in ("proc", "sys", "dev", "tmp", "run", "root", "var/lib"):
        cpio.add(folder, stat.S_IFDIR | 0o755)
    cpio.add("dev/console", stat.S_IFCHR | 0o600)
    add_program(cpio, "bin/busybox", programs.pop("busybox"))
    for applet in output_of("busybox", "--list").split():
        if applet not in (*programs, "busybox"):
            cpio.add_link(f"bin/{applet}", "busybox")
    cpio.add_link("sbin/modprobe", "/bin/busybox")
    for name, path in programs.items():
        add_program(cpio, f"usr/sbin/{name}", path)
    for file in kernel.module_files():
        cpio.add_file(f"lib/modules/{kernel.version}/{file}", kernel.modules / file)
    scratch = target.with_suffix(".new")
    scratch.write_bytes(cpio.bytes())
    scratch.rename(target)
    return target


def write_top(folder, programs, files):
    """`programs`: name in the guest to path here; `files`: name in the guest to text."""
    cpio = Cpio()
    for name, path in programs.items():
        add_program(cpio, name, str(path), scratch=folder)
    for name, text in files.items():
        cpio.add(name, stat.S_IFREG | 0o755, text.encode())
    target = folder / "top.cpio"
    target.write_bytes(cpio.bytes())
    return target


def concatenate(target, parts):
    with open(target, "wb") as out:
        for part in parts:
            out.write(part.read_bytes())
    return target
