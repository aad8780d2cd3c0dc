"""Packs programs with their libraries into an initramfs, for a machine of machines.py.

The part that does not change (busybox, kernel modules, iproute2, nft, iperf3) is kept in a cache folder. The rest is a
second cpio behind the first: the kernel unpacks both.
"""
import hashlib
import os
import pathlib
import stat

from machines import MODULES, find_program, output_of

TOOLS = ["ip", "tc", "nft", "iperf3"]


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


def add_program(cpio, machine, name, path, scratch=None):
    """`scratch`: strip into that folder first; debug information would be most of the archive."""
    packed = path
    if scratch:
        packed = str(scratch / pathlib.Path(path).name)
        output_of(find_program(machine.strip), "-o", packed, path)
    cpio.add_file(name, packed)
    for library, file in machine.libraries(path).items():
        cpio.add_file(library, file)


def write_base(machine, cache):
    """Returns the file; it is made anew when a tool or the kernel has changed."""
    kernel = machine.kernel
    programs = {name: machine.find(name) for name in ["busybox", *TOOLS]}
    stamps = [(name, path, os.stat(path).st_mtime_ns) for name, path in sorted(programs.items())]
    key = hashlib.sha256(repr((kernel.version, MODULES, stamps)).encode()).hexdigest()[:16]
    target = cache / f"base-{key}.cpio"
    if target.exists():
        return target
    cpio = Cpio()
    for folder in ("proc", "sys", "dev", "tmp", "run", "root", "var/lib"):
        cpio.add(folder, stat.S_IFDIR | 0o755)
    cpio.add("dev/console", stat.S_IFCHR | 0o600)
    add_program(cpio, machine, "bin/busybox", programs.pop("busybox"))
    for applet in output_of("busybox", "--list").split():
        if applet not in (*programs, "busybox"):
            cpio.add_link(f"bin/{applet}", "busybox")
    cpio.add_link("sbin/modprobe", "/bin/busybox")
    for name, path in programs.items():
        add_program(cpio, machine, f"usr/sbin/{name}", path)
    for file in kernel.module_files():
        cpio.add_file(f"lib/modules/{kernel.version}/{file}", kernel.modules / file)
    scratch = target.with_suffix(".new")
    scratch.write_bytes(cpio.bytes())
    scratch.rename(target)
    return target


def write_top(machine, folder, programs, files):
    """`programs`: name in the guest to path here; `files`: name in the guest to text."""
    cpio = Cpio()
    for name, path in programs.items():
        add_program(cpio, machine, name, str(path), scratch=folder)
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
